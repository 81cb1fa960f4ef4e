import LinearAlgebra

/// The best rank-r approximation of A in the metric of the layer's inputs, argmin tr((A − L) H (A − L)ᵀ): the truncated SVD of
/// A·C with H = C·Cᵀ, mapped back (SVD-LLM, Wang et al. 2024, section 3.2).
struct LowRankSolver {
    /// C = Q √Λ, and its inverse √Λ⁻¹ Qᵀ.
    private let root: Matrix
    private let inverse: Matrix

    init(secondMoment h: Matrix) throws {
        let n = h.rows
        let eigen = try h.symmetricEigen()
        let largest = max(eigen.values.last ?? 0, Float.leastNormalMagnitude)
        let values = eigen.values.map { max($0, largest * 1e-5).squareRoot() }
        inverse = Matrix(rows: n, columns: n) { out in
            for k in 0..<n { for j in 0..<n { out[k * n + j] = eigen.vectorRows[k, j] / values[k] } }
        }
        root = Matrix(rows: n, columns: n) { out in
            for j in 0..<n { for k in 0..<n { out[j * n + k] = eigen.vectorRows[k, j] * values[k] } }
        }
    }

    /// The rank-`rank` approximation as U [m, r] and V [r, n], balanced.
    func approximate(_ a: Matrix, rank: Int) throws -> (u: Matrix, v: Matrix) {
        let svd = try a.times(root).singularValueDecomposition()
        let rank = min(rank, svd.singularValues.count)
        let roots = svd.singularValues.prefix(rank).map { $0.squareRoot() }
        let u = Matrix(rows: a.rows, columns: rank) { out in
            for row in 0..<a.rows { for k in 0..<rank { out[row * rank + k] = svd.u[row, k] * roots[k] } }
        }
        var v = svd.vTransposed.rows(0..<rank).times(inverse)
        for k in 0..<rank { for j in 0..<v.columns { v[k, j] *= roots[k] } }
        return (u, v)
    }
}
