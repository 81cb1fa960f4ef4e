import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// Splits each matrix into a low-rank and a sparse part where its inputs are strong: alternating thresholding of W·D, D = √diag(H)
/// (OATS, Zhang and Papyan 2024, arXiv 2409.13652).
///
/// Of the ⌊keep·mn⌋ parameters of a layer, r(m + n) go to rank, r = ⌊κ·keep·mn/(m + n)⌋ with κ the rank ratio, and the others to
/// entries. Time is that of `iterations` eigendecompositions of order min(m, n) a layer.
public struct OATSPass: Pass {
    public static let name = "oats"
    public static let summary = "low-rank + sparse by alternating thresholding of the inputs-scaled weights"
    private static let rankRatio = NumberOption(
        "rank-ratio", in: 0...1, default: 0.25, "share of the kept parameters that the low-rank part takes")
    private static let iterations = IntegerOption(
        "iterations", in: 1...100_000, default: 80, "steps of alternating thresholding", requires: [.isAboveZero(rankRatio)])
    public static let options: [any PassOption] = [
        ParameterBudget.option, rankRatio, iterations, StoredDType.option, TensorSelection.option,
    ]
    public static let reads: PassReads = [.values, .calibration]
    public static let leaves = PassResult.parts

    private let budget: ParameterBudget
    private let rankRatio: Double
    private let iterations: Int
    private let dtype: StoredDType
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        budget = ParameterBudget(options)
        guard budget.keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
        rankRatio = options[Self.rankRatio]
        iterations = options[Self.iterations]
        dtype = options[StoredDType.option]
        selection = TensorSelection(options)
    }

    public var needsCalibration: Bool { true }

    /// The calibration; a step takes about 10k³ + 6wk² operations for k the smaller and w the larger side, which run at up to 0.6 of the rate of
    /// large products, and some 100 bytes an entry.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let layers = try selection.cost(of: graph, pass: Self.name) { m, n in
            let (k, w, steps) = (min(m, n), max(m, n), Double(iterations))
            let rate = 0.6 * k / (k + 64)
            return PassCost(
                operations: steps * (10 * k * k * k + 6 * w * k * k) / rate, bytesMoved: (steps * 100 + 100) * m * n,
                workingBytes: 36 * m * n, resultBytes: 2 * budget.keep * m * n + m * n / 8, parallelism: 1)
        }
        return calibration?.ofLayerwise(layers, needsSecondMoments: false)
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        let layers = try CalibratedLayers(graph, selection, pass: Self.name, context, statistics: .norms)
        return try layers.replace(in: &graph, keep: budget.keep) { layer in
            let norms = try layer.requireInputNorms()
            let least = max((norms.max() ?? 0) * SolverSettings.single.leastInputNorm, Float.leastNormalMagnitude)
            let d = norms.map { max($0, least) }
            let parts = try decomposition(layer.weight.rows, layer.weight.columns)
                .decompose(layer.weight.scalingColumns(by: d), context.execution.cancellation)
            return try payload(parts, for: layer.tensor, unscaling: d.map { 1 / $0 })
        }
    }

    private func decomposition(_ m: Int, _ n: Int) -> OutlierAwareDecomposition {
        let parameters = budget.parameters(of: m * n)
        let rank = ParameterBudget.rank(of: Int(rankRatio * Double(parameters)), m, n)
        return OutlierAwareDecomposition(rank: rank, entries: parameters - rank * (m + n), iterations: iterations)
    }

    /// L·D⁻¹ as balanced factors and the non-zeros of S·D⁻¹.
    private func payload(_ parts: OutlierAwareDecomposition.Parts, for tensor: Tensor, unscaling inverse: [Float]) throws -> Payload {
        let s = parts.sparse.scalingColumns(by: inverse)
        guard parts.lowRank.rank > 0 else { return .sparse(try SparseTensor(nonZerosOf: s, dtype: dtype(for: tensor, s.elements))) }
        let factors = try LowRankTensor(parts.lowRank, dtype: .f32)
        let (u, v) = (try factors.u.densifiedMatrix(), try factors.v.densifiedMatrix().scalingColumns(by: inverse))
        let stored = dtype(for: tensor, u.elements, v.elements, s.elements)
        let lowRank = Payload.lowRank(try LowRankTensor(u: .dense(DenseTensor(u, dtype: stored)), v: .dense(DenseTensor(v, dtype: stored))))
        let sparse = try SparseTensor(nonZerosOf: s, dtype: stored)
        return sparse.pattern.nonZeroCount == 0 ? lowRank : .composite([lowRank, .sparse(sparse)])
    }
}
