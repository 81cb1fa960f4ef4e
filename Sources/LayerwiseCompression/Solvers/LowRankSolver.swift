import LinearAlgebra

/// The best rank-r approximation of A in the metric of the layer's inputs, argmin tr((A − L) H (A − L)ᵀ): the truncated SVD of
/// A·C with H = C·Cᵀ, mapped back (SVD-LLM, Wang et al. 2024, section 3.2).
public struct LowRankSolver {
    private let whitening: InputWhitening

    /// - Throws: `LinearAlgebraError` when H has no eigendecomposition, as with NaN.
    public init(secondMoment h: Matrix, _ settings: SolverSettings = .lowRankAndSparse) throws {
        whitening = try InputWhitening(secondMoment: h, settings.whitening)
    }

    /// The rank-`rank` approximation of A [m, n] as U [m, r] and V [r, n], balanced.
    ///
    /// - Throws: `LinearAlgebraError` when the SVD does not converge.
    public func approximate(_ a: Matrix, rank: Int) throws -> (u: Matrix, v: Matrix) {
        let svd = try a.times(whitening.root).singularValueDecomposition()
        let rank = min(rank, svd.singularValues.count)
        let roots = svd.singularValues.prefix(rank).map { $0.squareRoot() }
        let u = Matrix(rows: a.rows, columns: rank) { out in
            for row in 0..<a.rows { for k in 0..<rank { out[row * rank + k] = svd.u[row, k] * roots[k] } }
        }
        var v = svd.vTransposed.rows(0..<rank).times(whitening.inverse)
        for k in 0..<rank { for j in 0..<v.columns { v[k, j] *= roots[k] } }
        return (u, v)
    }
}
