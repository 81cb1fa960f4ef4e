import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// Replaces each matrix by its best approximation of the rank that the budget allows: in the outputs' error (SVD-LLM, arXiv
/// 2403.07378) or in the weights' own.
///
/// The rank is ⌊keep·mn/(m + n)⌋. One SVD of the matrix, and with `whiten` one eigendecomposition of order n.
public struct TruncatedSVDPass: Pass {
    public static let name = "truncated-svd"
    public static let summary = "low rank alone, by truncated SVD, whitened by the inputs or plain"
    private static let whiten = FlagOption(
        "whiten", default: true, "least error of the outputs, which needs calibration text, or of the weights")
    public static let options: [any PassOption] = [ParameterBudget.option, whiten, StoredDType.option, TensorSelection.option]
    public static let reads: PassReads = [.values, .calibration]
    public static let leaves = PassResult.lowRank

    private let budget: ParameterBudget
    private let whitens: Bool
    private let dtype: StoredDType
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        budget = ParameterBudget(options)
        whitens = options[Self.whiten]
        dtype = options[StoredDType.option]
        selection = TensorSelection(options)
    }

    public var needsCalibration: Bool { whitens }

    /// An SVD of about 20k³ + 4wk² operations for k the smaller and w the larger side; with `whiten` the calibration, 9n³ for the inputs' root, and
    /// 8mn² for the products with it and the output errors of the report.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let layers = try selection.cost(of: graph, pass: Self.name) { m, n in
            let (k, w) = (min(m, n), max(m, n))
            let whitening = whitens ? 9 * n * n * n + 8 * m * n * n : 0
            return PassCost(
                operations: (20 * k * k * k + 4 * w * k * k + whitening) * (1 + 128 / k), bytesMoved: 200 * m * n,
                workingBytes: 24 * m * n + 16 * n * n, resultBytes: 2 * budget.keep * m * n, parallelism: 1)
        }
        if !whitens { return layers }
        return calibration?.ofLayerwise(layers, needsSecondMoments: true)
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
        let layers = try CalibratedLayers(graph, selection, pass: Self.name, context, needsInputs: whitens)
        try checkRanks(layers.tensors)
        return try layers.replace(in: &graph, keep: budget.keep) { layer in
            let whitening =
                whitens ? try InputWhitening(secondMoment: layer.requireSecondMoment(), SolverSettings.single.whitening) : nil
            let a = whitening.map { layer.weight.times($0.root) } ?? layer.weight
            let factors = try LowRankTensor(leadingTriplets(of: a), dtype: .f32)
            // A·C⁻¹ of the balanced factors: V is mapped back to the inputs as they are.
            let (u, balanced) = (try factors.u.densifiedMatrix(), try factors.v.densifiedMatrix())
            let v = whitening.map { balanced.times($0.inverse) } ?? balanced
            let stored = dtype(for: layer.tensor, u.elements, v.elements)
            return .lowRank(try LowRankTensor(u: .dense(DenseTensor(u, dtype: stored)), v: .dense(DenseTensor(v, dtype: stored))))
        }
    }

    private func leadingTriplets(of a: Matrix) throws -> SingularTriplets {
        let svd = try a.singularValueDecomposition()
        let rank = budget.rank(a.rows, a.columns)
        return SingularTriplets(
            u: svd.u.transposed.rows(0..<rank).transposed, singularValues: Array(svd.singularValues.prefix(rank)),
            vTransposed: svd.vTransposed.rows(0..<rank))
    }
}
