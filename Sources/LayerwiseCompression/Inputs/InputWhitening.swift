import LinearAlgebra

/// A root C of the inputs' second moment, H = C·Cᵀ: with it the error of a layer's outputs is a Frobenius norm,
/// tr(E H Eᵀ) = ‖E·C‖²_F (SVD-LLM, Wang et al. 2024, arXiv 2403.07378, section 3.2).
///
/// C = Q√Λ of the eigendecomposition; the paper's Cholesky factor gives the same approximation.
public struct InputWhitening {
    /// C [n, n].
    public let root: Matrix
    /// C⁻¹ = √Λ⁻¹Qᵀ, [n, n].
    public let inverse: Matrix

    /// - Throws: `LinearAlgebraError` when H has no eigendecomposition, as with NaN.
    public init(secondMoment h: Matrix, _ settings: SolverSettings.Whitening) throws {
        self.init(try h.symmetricEigen(), settings)
    }

    /// The same of H's eigendecomposition.
    init(_ eigen: SymmetricEigen, _ settings: SolverSettings.Whitening) {
        let n = eigen.values.count
        let least = max((eigen.values.last ?? 0) * settings.eigenvalueFloor, Float.leastNormalMagnitude)
        let roots = eigen.values.map { max($0, least).squareRoot() }
        root = eigen.vectorRows.transposed.scalingColumns(by: roots)
        inverse = Matrix(rows: n, columns: n) { out in
            for k in 0..<n {
                for j in 0..<n {
                    out[k * n + j] = settings.divides ? eigen.vectorRows[k, j] / roots[k] : eigen.vectorRows[k, j] * (1 / roots[k])
                }
            }
        }
    }
}
