import LayerwiseCompression
import LinearAlgebra

/// A root C of the inputs' second moment, H = C·Cᵀ: with it the error of a layer's outputs is a Frobenius norm,
/// tr(E H Eᵀ) = ‖E·C‖²_F (SVD-LLM, Wang et al. 2024, arXiv 2403.07378, section 3.2).
///
/// C = Q√Λ of the eigendecomposition; the paper's Cholesky factor gives the same approximation.
struct InputWhitening {
    /// C and its inverse √Λ⁻¹Qᵀ, [n, n].
    let root: Matrix
    let inverse: Matrix

    /// Eigenvalues below this share of the largest are rounding, and count as it.
    private static let floor: Float = 1e-6

    init(secondMoment h: Matrix) throws {
        let eigen = try h.symmetricEigen()
        let least = max((eigen.values.last ?? 0) * Self.floor, Float.leastNormalMagnitude)
        let roots = eigen.values.map { max($0, least).squareRoot() }
        root = eigen.vectorRows.transposed.scalingColumns(by: roots)
        inverse = eigen.vectorRows.transposed.scalingColumns(by: roots.map { 1 / $0 }).transposed
    }
}
