import GradientFitting
import LayerwiseCompression
import ModelGraph
import PassKit

/// Prunes every matrix along gradients, factorises what is left, and trains the factors (LPAF, Ren and Zhu 2023, arXiv 2306.14152).
///
/// All weights move by Adam along the gradients of a loss while entries are pruned by |W · gradient|, smoothed, to `density` of each matrix: such
/// a pattern has less rank than the weights. Then U·V makes ‖D(W − UV)‖ least, D the rows' densities, and U and V move, each step with as many of
/// their first components as are drawn, at last with the ⌊keep·mn/(m + n)⌋ that stay.
///
/// The publication trains on a task for epochs; here the loss is the divergence of the model's predictions from the original's on the calibration
/// text (of an encoder that of its final hidden states and classes). Cost for N calibration tokens, P parameters and p passes of both stages:
/// 10·P·N·p operations, and on scratch 16 bytes for each parameter of the original layers.
public struct LPAFPass: Pass {
    public static let name = "lpaf"
    public static let summary = "low rank alone: prune along gradients, factorise what is left, train the factors with mixed ranks"

    private static let density = NumberOption("density", in: 0...1, default: 0.75, "share of a matrix's entries left to factorise")
    private static let ranks = NumberOption(
        "ranks", in: 1...16, default: 2, "the largest rank in training, as a multiple of the one that stays; 1 for that one alone")
    private static let prunePasses = IntegerOption("prune-passes", in: 1...1000, default: 1, "passes over the calibration set that prune")
    private static let passes = IntegerOption("passes", in: 1...1000, default: 7, "passes over the calibration set that train the factors")
    private static let batch = IntegerOption("batch", in: 1...4096, default: 8, "calibration sequences a step")
    private static let rate = NumberOption("rate", in: 0...1, default: 0.01, "size of a step, as a share of the values' root mean square")
    private static let smoothing = NumberOption(
        "smoothing", in: 0...0.999, default: 0.85, "share of the sensitivity before in that after a step")
    public static let options: [any PassOption] = [
        ParameterBudget.option, density, ranks, prunePasses, passes, batch, rate, smoothing, StoredDType.option, TensorSelection.option,
    ]
    public static let reads: PassReads = [.original, .calibration]
    public static let leaves = PassResult.lowRank

    private let budget: ParameterBudget
    private let settings: LPAFRun.Settings
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        budget = ParameterBudget(options)
        guard options[Self.density] > 0 else { throw PassError(.usage, pass: Self.name, "density=0 leaves nothing to factorise") }
        settings = LPAFRun.Settings(
            density: options[Self.density], ranks: options[Self.ranks], prunePasses: options[Self.prunePasses],
            passes: options[Self.passes], batch: options[Self.batch], rate: options[Self.rate], smoothing: options[Self.smoothing],
            dtype: options[StoredDType.option])
        selection = TensorSelection(options)
    }

    public var needsCalibration: Bool { true }

    /// Five forward passes a pass, two for what the original predicts and the loss of the result; a factorisation of each matrix.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: 10 * m * n * min(m, n), bytesMoved: 400 * m * n, workingBytes: 32 * m * n,
                resultBytes: 2 * budget.keep * m * n, parallelism: 1)
        }
        guard let calibration else { return nil }
        cost.operations += (5 * Double(settings.prunePasses + settings.passes) + 2) * calibration.forward
        let moving = try selection.split(graph, pass: Self.name).selected.reduce(0.0) { $0 + Double($1.shape.elementCount) }
        calibration.add(to: &cost)
        cost.workingBytes *= 3
        cost.sharedBytes += calibration.blockBytes
        // Values, two moments and sensitivities, or those of the factors.
        cost.scratchBytes += max(16, min(12 * settings.ranks * budget.keep, 24)) * moving
        return cost
    }

    public func checkAim(on graph: TensorGraph, _ output: OutputSize?) throws {
        try checkRanks(selection.split(graph, pass: Self.name).selected)
    }

    private func checkRanks(_ tensors: [Tensor]) throws {
        for tensor in tensors where budget.rank(tensor.shape.rows, tensor.shape.columns) == 0 {
            throw PassError(.usage, pass: Self.name, "keep=\(budget.keep) leaves no rank to '\(tensor.name)' \(tensor.shape)")
        }
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        let common = try BudgetedPruning(graph, selection, budget, pass: Self.name, context)
        try checkRanks(common.tensors)
        let results = try LPAFRun(settings: settings, common: common).run(graph, &report)
        try common.store(results, in: &graph, &report)
        return report
    }
}
