import LayerwiseCompression
import ModelGraph
import PassKit

/// Learns how many entries each layer, or each row, of a block keeps, so that the block puts out what it did (BESA, Xu et al. 2024, arXiv
/// 2402.16880); which ones stay is Wanda's order, and values do not change.
///
/// Of each block in order it minimises Σ‖y − y₀‖² / Σ‖y₀ − x₀‖² + λ·(s − (1 − keep))² by Adam, y what the block puts out with masked weights for what the
/// pruned blocks before it produce, x₀ and y₀ what enters and leaves it in the original model, s the share of its entries that is pruned. The
/// parameters are combinations of candidate rates, D a layer or a row (`PruningRates`). The shares that are found are then shifted together to the budget,
/// which every block keeps exactly. Against the publication: the error is a share of what the block adds, so that λ means the same for every block,
/// and the budget is met by that last shift where the penalty alone comes near it.
///
/// Cost for N calibration tokens, P parameters of linear layers and p passes: 8·P·N·p operations, and the inputs and outputs of one block over the set.
public struct BESAPass: Pass {
    public static let name = "besa"
    public static let summary = "keep what wanda keeps, with shares of layers or rows that are learned from each block's outputs"

    /// What has a rate of its own.
    enum Unit: String, CaseIterable, Sendable {
        case layer, row
    }

    private static let unit = ChoiceOption<Unit>("rates", default: .row, "what has a rate of its own: each row, or each layer")
    private static let candidates = IntegerOption("candidates", in: 2...1000, default: 100, "pruning rates that are combined")
    private static let penalty = NumberOption(
        "penalty", in: 0...1e6, default: 5, "weight of the squared distance of a block's sparsity from the one asked for")
    private static let passes = IntegerOption("passes", in: 1...1000, default: 4, "passes over the calibration set")
    private static let batch = IntegerOption("batch", in: 1...4096, default: 8, "calibration sequences a step")
    private static let rate = NumberOption("rate", in: 0...10, default: 0.05, "size of a step")
    public static let options: [any PassOption] = [
        ParameterBudget.option, unit, candidates, penalty, passes, batch, rate, TensorSelection.option,
    ]
    public static let reads: PassReads = [.values, .original, .calibration]
    public static let leaves = PassResult.entries

    private let settings: BESARun.Settings
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        let keep = options[ParameterBudget.option]
        guard keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
        settings = BESARun.Settings(
            keep: keep, perRow: options[Self.unit] == .row, candidates: options[Self.candidates], penalty: options[Self.penalty],
            passes: options[Self.passes], batch: options[Self.batch], rate: options[Self.rate])
        selection = TensorSelection(options)
    }

    public var needsCalibration: Bool { true }

    /// Four forward passes a pass, one for norms of inputs, two for what enters and leaves blocks.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let layers = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: 0, bytesMoved: 400 * m * n, workingBytes: 28 * m * n, resultBytes: 2 * settings.keep * m * n + m * n / 8,
                parallelism: 1)
        }
        guard let calibration else { return nil }
        var cost = calibration.ofLayerwise(layers, needsSecondMoments: false)
        cost.operations += (4 * Double(settings.passes) + 2) * calibration.forward
        cost.workingBytes *= 3
        cost.sharedBytes += 3 * calibration.blockBytes
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        try BESARun(graph, selection, settings, context).run(&graph)
    }
}
