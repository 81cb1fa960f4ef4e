import Execution
import LinearAlgebra

/// The second moment of a layer's inputs with unit diagonal, G = D⁻¹(H + δ·mean(diag H)·I)D⁻¹ with D the root of the diagonal (ALPS, arXiv
/// 2406.07831, section 3.3: preconditioning by the diagonal), and its eigendecomposition, which is made once for all penalties and layers.
///
/// With R = W·D the error of the layer's outputs is tr((R − S) G (R − S)ᵀ) for S·D⁻¹ in the place of W.
public struct ScaledInputs {
    /// D, [n].
    let scales: [Float]
    /// G [n, n].
    let gram: Matrix
    private let eigen: SymmetricEigen

    /// About 2n³ operations in products and those of an eigendecomposition of order n.
    ///
    /// - Throws: `LinearAlgebraError` when H has no eigendecomposition, as with NaN; `Cancelled`.
    public init(secondMoment h: Matrix, _ execution: ExecutionContext, _ settings: SolverSettings = .lowRankAndSparse) throws {
        let (n, damped) = (h.rows, h.damped(settings.damping))
        let roots = damped.diagonalRoots
        gram = Matrix(rows: n, columns: n) { out in
            for i in 0..<n { for j in 0..<n { out[i * n + j] = i == j ? 1 : damped[i, j] / (roots[i] * roots[j]) } }
        }
        scales = roots
        eigen = try gram.symmetricEigen(execution)
    }

    /// R = W·D.
    func scaled(_ weight: Matrix) -> Matrix { weight.scalingColumns(by: scales) }

    /// S·D⁻¹.
    func unscaled(_ part: Matrix) -> Matrix { part.scalingColumns(by: scales.map { 1 / $0 }) }

    /// (G + ρI)⁻¹ [n, n], in 2n³ operations.
    func inverse(adding penalty: Float, _ execution: ExecutionContext) throws -> Matrix {
        let factor = eigen.vectorRows.scalingRows(by: eigen.values.map { 1 / (max($0, 0) + penalty).squareRoot() })
        return try factor.times(factor, .transposed, on: execution)
    }

    /// C = Q√Λ [n, n], so that G = C·Cᵀ.
    var root: Matrix { eigen.vectorRows.transposed.scalingColumns(by: eigen.values.map { max($0, 0).squareRoot() }) }

    /// tr(E G Eᵀ).
    func energy(of error: Matrix, _ execution: ExecutionContext) throws -> Double { try error.energy(in: gram, execution) }
}
