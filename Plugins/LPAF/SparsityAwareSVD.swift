import Execution
import LinearAlgebra

extension Matrix {
    /// Each row's share of entries that are not zero.
    var rowDensities: [Float] {
        (0..<rows).map { row in
            let kept = (0..<columns).count { self[row, $0] != 0 }
            return Float(kept) / Float(max(columns, 1))
        }
    }

    /// U [m, r] and V [r, n] that make ‖D(W − UV)‖ least, D the rows' densities: of P Σ Qᵀ, the best of its rank for DW, U = D⁻¹P√Σ and V = √ΣQᵀ.
    /// A row that is all zero costs nothing, and has no U.
    ///
    /// - Returns: U transposed and V, a component a row, the largest first; zeros where W has less rank.
    /// - Throws: `LinearAlgebraError` for what is not finite, `Cancelled`.
    func sparsityAwareFactors(_ rank: Int, _ execution: ExecutionContext) throws -> (uTransposed: Matrix, v: Matrix) {
        let densities = rowDensities
        let triplets = try scalingRows(by: densities).leadingSingularTriplets(rank, execution)
        let roots = triplets.singularValues.map { $0.squareRoot() }
        let u = triplets.u.scalingRows(by: densities.map { $0 > 0 ? 1 / $0 : 0 })
        return (u.transposed.scalingRows(by: roots), triplets.vTransposed.scalingRows(by: roots))
    }
}
