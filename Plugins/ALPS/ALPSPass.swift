import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// Prunes each layer by alternating directions with a growing penalty, then solves the values that are left (ALPS, Meng et al. 2024,
/// arXiv 2406.07831).
///
/// It minimises tr((W − S) H (W − S)ᵀ) over matrices S of k entries, chosen in the whole layer; H is the second moment of the inputs that the
/// blocks pruned before really produce. A layer [m, n] costs 2mn² operations a step and 2n³ for each penalty, for some 100 steps.
public struct ALPSPass: Pass {
    public static let name = "alps"
    public static let summary = "prune by alternating directions on the inputs of the pruned blocks before, values by least squares"
    private static let pattern = EntryPattern.option("goes with keep=0.5")
    public static let options: [any PassOption] =
        [ParameterBudget.option, pattern, StoredDType.option] + LayerRatios.options + [TensorSelection.option]
    public static let reads: PassReads = [.values, .calibration]
    public static let leaves = PassResult.entries

    private let keep: Double
    private let pattern: EntryPattern
    private let dtype: StoredDType
    private let ratios: LayerRatios
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        keep = options[ParameterBudget.option]
        guard keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
        pattern = options[Self.pattern]
        dtype = options[StoredDType.option]
        ratios = LayerRatios(options)
        selection = TensorSelection(options)
        guard pattern == .none || keep == 0.5 && ratios.areUniform else {
            throw PassError(.usage, pass: Self.name, "pattern=\(pattern.rawValue) goes with keep=0.5 and ratios=uniform")
        }
    }

    public var needsCalibration: Bool { true }

    /// The calibration, and a forward pass more for the inputs of pruned blocks; some 100 steps and 30 penalties.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let layers = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: 200 * m * n * n + 80 * n * n * n, bytesMoved: 6000 * m * n, workingBytes: 32 * m * n + 20 * n * n,
                resultBytes: 2 * keep * m * n + m * n / 8, parallelism: 1)
        }
        guard let calibration else { return nil }
        var cost = calibration.ofLayerwise(layers, needsSecondMoments: true)
        cost.operations += calibration.forward
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        let layers = try CalibratedLayers(graph, selection, pass: Self.name, context, statistics: .norms)
        let counts = try ratios.counts(layers, keep: keep)
        return try layers.replaceInTurn(in: &graph, keep: keep) { h in
            SparseLowRankSolver(try ScaledInputs(secondMoment: h, context.execution), .twoBlocks)
        } _: { layer, solver in
            let kept = pattern.group.map { KeptEntries.pattern(kept: $0.kept, size: $0.size) } ?? .count(counts[layer.index])
            let sparse = try solver.solve(layer.weight, keeping: kept, rank: 0, layer.execution).sparse
            let stored = dtype(for: layer.tensor, sparse.elements)
            return .sparse(try SparseTensor(nonZerosOf: sparse, dtype: stored, layer.execution))
        }
    }
}
