import GradientFitting
import LayerwiseCompression
import ModelGraph
import PassKit

/// Trains every layer as a low-rank and a sparse part, whose neurons are pruned step by step by their sensitivity (LoSparse, Li et al. 2023, arXiv
/// 2306.11222).
///
/// W = U·V + S, U·V the best of rank r for W (Eckart and Young 1936) and S all that is left; all three move by Adam along the gradients of a loss, and
/// after each step only the neurons of S with the largest sensitivities stay, fewer and fewer as a cubic says. Of ⌊keep·mn⌋ parameters of a
/// layer r = ⌊κ·keep·mn/(m + n)⌋, κ the rank ratio; the neurons of all layers share the rest.
///
/// The publication trains on a task; here the loss is the divergence of the model's predictions from the original's on the calibration text (of an
/// encoder that of its final hidden states and classes), for as many steps as `passes` says, where the publication takes some thousands. Cost for N
/// calibration tokens, P parameters and p passes: 10·P·N·p operations, and 16 bytes on scratch for each parameter of the original layers.
public struct LoSparsePass: Pass {
    public static let name = "losparse"
    public static let summary = "train low-rank + sparse parts, pruning neurons of the sparse part step by step by their sensitivity"

    /// What a neuron of S is.
    enum Neurons: String, CaseIterable, Sendable {
        case outputs, inputs
    }

    private static let rankRatio = NumberOption(
        "rank-ratio", in: 0...1, default: 0.25, "share of the kept parameters that the low-rank part takes")
    private static let neurons = ChoiceOption<Neurons>(
        "neurons", default: .outputs,
        "what is pruned of the sparse part: rows, which make outputs, as published, or columns, which read inputs")
    private static let passes = IntegerOption("passes", in: 1...1000, default: 8, "passes over the calibration set")
    private static let batch = IntegerOption("batch", in: 1...4096, default: 8, "calibration sequences a step")
    private static let rate = NumberOption("rate", in: 0...1, default: 0.01, "size of a step, as a share of the values' root mean square")
    private static let smoothing = NumberOption(
        "smoothing", in: 0...0.999, default: 0.85, "share of the sensitivity before in that after a step")
    public static let options: [any PassOption] = [
        ParameterBudget.option, rankRatio, neurons, passes, batch, rate, smoothing, StoredDType.option, TensorSelection.option,
    ]
    public static let reads: PassReads = [.original, .calibration]
    public static let leaves = PassResult.parts

    private let budget: ParameterBudget
    private let settings: LoSparseRun.Settings
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        budget = ParameterBudget(options)
        guard budget.keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
        settings = LoSparseRun.Settings(
            rankRatio: options[Self.rankRatio], areInputs: options[Self.neurons] == .inputs, passes: options[Self.passes],
            batch: options[Self.batch], rate: options[Self.rate], smoothing: options[Self.smoothing], dtype: options[StoredDType.option])
        selection = TensorSelection(options)
    }

    public var needsCalibration: Bool { true }

    /// Five forward passes a pass, two for what the original predicts and the loss of the result; a factorisation of each matrix.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: 10 * m * n * min(m, n), bytesMoved: 400 * m * n, workingBytes: 32 * m * n,
                resultBytes: 2 * budget.keep * m * n + m * n / 8, parallelism: 1)
        }
        guard let calibration else { return nil }
        cost.operations += (5 * Double(settings.passes) + 2) * calibration.forward
        let moving = try selection.split(graph, pass: Self.name).selected.reduce(0.0) { $0 + Double($1.shape.elementCount) }
        calibration.add(to: &cost)
        cost.workingBytes *= 3
        cost.sharedBytes += calibration.blockBytes
        cost.scratchBytes += 14 * moving
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        let common = try BudgetedPruning(graph, selection, budget, pass: Self.name, context)
        let results = try LoSparseRun(settings: settings, common: common).run(graph, &report)
        try common.store(results, in: &graph, &report)
        return report
    }
}
