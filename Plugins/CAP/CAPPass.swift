import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// Chooses under one global budget which singular values and which entries of every decomposed matrix stay: stage 2 of CAP as published
/// (arXiv 2505.03801, section 3.2), with one Bernoulli variable a unit.
public struct CAPPass: Pass {
    public static let name = "cap"
    public static let summary = "stage 2 of CAP as published: a Bernoulli variable for every singular value and entry, by REINFORCE"

    /// What becomes of the entries that are chosen.
    enum Refit: String, CaseIterable, Sendable {
        case none, values, solve
    }

    private static let rate = NumberOption("rate", in: 0...10, default: 0.05, "learning rate; 0 takes the units of largest magnitude")
    private static let passes = IntegerOption(
        "passes", in: 1...1000, default: 3, "passes over the calibration set", requires: [.isAboveZero(rate)])
    private static let batch = IntegerOption(
        "batch", in: 1...4096, default: 8, "calibration sequences a step", requires: [.isAboveZero(rate)])
    private static let window = IntegerOption(
        "window", in: 1...1000, default: 5, "losses in the moving average that is the baseline", requires: [.isAboveZero(rate)])
    private static let refit = ChoiceOption<Refit>(
        "refit", default: .none,
        "none: the values that the decomposition has; values: S = W − L on the support; solve: support and values against the layer's inputs"
    )
    public static let options: [any PassOption] = [
        ParameterBudget.option, passes, batch, window, rate, refit, StoredDType.option, TensorSelection.option,
    ]
    public static let reads: PassReads = [.parts, .original, .calibration]
    public static let leaves = PassResult.parts

    let budget: ParameterBudget
    let passes: Int
    let batch: Int
    let window: Int
    let rate: Double
    let refit: Refit
    let dtype: StoredDType
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        budget = ParameterBudget(options)
        passes = options[Self.passes]
        batch = options[Self.batch]
        window = options[Self.window]
        rate = options[Self.rate]
        refit = options[Self.refit]
        dtype = options[StoredDType.option]
        selection = TensorSelection(options)
        guard budget.keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
    }

    public var needsCalibration: Bool { true }

    /// A forward pass over the set for each pass, of which a fifth more is drawing and updating; with refit=solve 3n³ + 2mn² a layer.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let selected = try selection.split(graph, pass: Self.name).selected
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: refit == .solve ? 3 * n * n * n + 2 * m * n * n : 0, bytesMoved: 400 * m * n, workingBytes: 0,
                resultBytes: 2 * budget.keep * m * n + m * n / 8, parallelism: 1)
        }
        // Weights and the variables of all units.
        cost.sharedBytes = 16 * selected.reduce(0.0) { $0 + Double($1.shape.elementCount) }
        guard let calibration else { return nil }
        cost.operations += (1.2 * Double(passes) + 2) * calibration.forward + calibration.secondMoments
        calibration.add(to: &cost)
        return cost
    }

    public func checkAim(on graph: TensorGraph, _ output: OutputSize?) throws {
        for tensor in try selection.split(graph, pass: Self.name).selected { _ = try CandidatePool.parts(of: tensor, pass: Self.name) }
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        let common = try BudgetedPruning(graph, selection, budget, pass: Self.name, context)
        try common.store(CAPRun(pass: self, common: common).run(&report), in: &graph, &report)
        return report
    }
}
