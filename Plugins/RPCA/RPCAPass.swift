import LinearAlgebra
import ModelGraph
import PassKit

/// Splits each selected matrix into a low-rank and a sparse part by robust PCA: stage 1 of CAP (arXiv 2505.03801, section 3.1).
///
/// The result holds U = Q√Σ and V = √ΣPᵀ of the low-rank part, so that singular value i is ‖uᵢ‖² = ‖vᵢ‖², and the non-zeros of
/// the sparse part. It is a pool of candidates, larger than the matrix it came from; pruning makes it small.
public struct RPCAPass: TensorPass {
    public static let name = "rpca"
    public static let summary = "robust PCA by ADMM: every matrix as low-rank + sparse"
    /// Numbers of which quotients and squares are floats, too; 0 would make the problem degenerate.
    private static let floats = 1e-18...1e18

    private static let lambda = OptionOrWord<NumberOption>(
        "lambda", in: floats, or: "auto", "weight of the sparse part; auto is 1/√max(m,n)")
    private static let mu = OptionOrWord<NumberOption>("mu", in: floats, or: "auto", "penalty of the constraint; auto is mn/(4‖W‖₁)")
    private static let iterations = IntegerOption("iterations", in: 1...100_000, default: 10, "most ADMM steps")
    private static let tolerance = NumberOption("tolerance", in: 0...1, default: 1e-7, "relative residual to stop at")
    private static let dtype = ChoiceOption<FloatWord>("dtype", default: .f32, "how U, V and the values of S are kept")
    public static let options: [any PassOption] = [lambda, mu, iterations, tolerance, dtype, TensorSelection.option]
    public static let reads: PassReads = .values
    public static let leaves = PassResult.lowRank
    public static let completion: String? = "prune-probabilistic{keep=0.5},refit"

    /// The dtypes of `dtype`.
    enum FloatWord: String, CaseIterable, Sendable {
        case f32, f16, bf16
    }

    public let selection: TensorSelection
    private let algorithm: RobustPCA
    private let dtype: DType

    public init(_ options: PassOptions) throws {
        selection = TensorSelection(options)
        algorithm = RobustPCA(
            lambda: options[Self.lambda], mu: options[Self.mu], iterations: options[Self.iterations], tolerance: options[Self.tolerance])
        dtype = DType(name: options[Self.dtype].rawValue) ?? .f32
    }

    /// A step takes 3wk² + 10k³/3 operations for k the smaller and w the larger side, which run at up to 0.6 of the rate of large products, and
    /// some 60 bytes an entry; singular vectors at the end about 8k³; ten steps leave about 0.8·k terms and half of the entries.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        try selection.cost(of: graph, pass: Self.name) { m, n in
            let (k, w, count) = (min(m, n), max(m, n), m * n)
            let rate = 0.6 * k / (k + 192)
            let steps = Double(algorithm.iterations)
            let rank = 0.8 * k
            return PassCost(
                operations: (steps * (3 * w * k * k + 10 / 3 * k * k * k) + 8 * k * k * k) / rate + 2 * count * rank,
                bytesMoved: (steps * 60 + 100) * count,
                workingBytes: 4 * (7 * count + 4 * k * k),
                resultBytes: (dtype == .f32 ? 4 : 2) * (rank * (k + w) + count / 2) + count / 8, parallelism: 1)
        }
    }

    public func transform(_ tensor: Tensor, _ context: PassContext) throws -> (payload: Payload, measurements: [Measurement]) {
        let w = try tensor.finiteMatrix(context.execution)
        let result = try algorithm.decompose(w, context.execution)
        let sparse = try SparseTensor(nonZerosOf: result.sparse, dtype: dtype, context.execution)
        let payload = Payload.composite([try .lowRank(LowRankTensor(result.lowRank, dtype: dtype)), .sparse(sparse)])
        return (
            payload,
            [
                Measurement(name: "rank", value: Double(result.lowRank.rank)),
                Measurement(name: "density", value: payload.density ?? 0),
                Measurement(name: "residual", value: result.residual),
                Measurement(name: "objective", value: result.objective),
                Measurement(name: "steps", value: Double(result.steps)),
            ]
        )
    }
}
