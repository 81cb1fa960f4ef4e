import Execution

extension Matrix {
    /// The `rank` largest singular triplets by the symmetric eigendecomposition of the smaller Gram matrix, AᵀA or AAᵀ.
    ///
    /// About a third of the time of `singularValueDecomposition`. Squaring halves the digits: singular values below about 3·10⁻⁴ of the
    /// largest are rounding, so take it where the leading part of the energy is wanted.
    ///
    /// - Parameter rank: at most min(rows, columns) are given.
    /// - Throws: `LinearAlgebraError` when the eigendecomposition does not converge, as with NaN.
    public func leadingSingularTriplets(_ rank: Int) throws -> SingularTriplets {
        if rows < columns {
            let t = try transposed.leadingSingularTriplets(rank)
            return SingularTriplets(u: t.vTransposed.transposed, singularValues: t.singularValues, vTransposed: t.u.transposed)
        }
        let rank = max(min(rank, columns), 0)
        let eigen = try times(self, .transposed).symmetricEigen()
        // Eigenvalues ascend; singular values descend.
        let values = (0..<rank).map { max(eigen.values[columns - 1 - $0], 0).squareRoot() }
        let v = Matrix(rows: rank, columns: columns) { out in
            for component in 0..<rank {
                for column in 0..<columns { out[component * columns + column] = eigen.vectorRows[columns - 1 - component, column] }
            }
        }
        var u = times(v, otherAs: .transposed)
        for row in 0..<rows {
            for component in 0..<rank { u.elements[row * rank + component] *= values[component] > 0 ? 1 / values[component] : 0 }
        }
        return SingularTriplets(u: u, singularValues: values, vTransposed: v)
    }

    /// The same, tiles of products and the reduction to tridiagonal form side by side, which `symmetricEigen` leaves to one thread. Results do not
    /// depend on the number of threads.
    ///
    /// - Throws: `LinearAlgebraError` when the eigendecomposition does not converge, as with NaN; `Cancelled`.
    public func leadingSingularTriplets(_ rank: Int, _ execution: ExecutionContext) throws -> SingularTriplets {
        guard isFinite else { throw LinearAlgebraError("ssytrd", info: -4, rows: rows, columns: columns) }
        let (isTall, k) = (rows >= columns, min(rows, columns))
        let rank = max(min(rank, k), 0)
        let gram = try gramUpperTriangle(isTall ? .transposed : .plain, execution)
        let all = try TridiagonalForm(of: gram, execution).eigen(leading: rank, execution).vectorRows
        // Eigenvalues ascend; singular values descend.
        let vectors = all.reversedRows
        let images = try vectors.times(self, otherAs: isTall ? .transposed : .plain, on: execution)
        // ‖A·v‖ is the singular value: the root of the eigenvalue has lost digits that A still has.
        let (values, others) = (images.rowNorms, images.withUnitRows)
        return SingularTriplets(
            u: (isTall ? others : vectors).transposed, singularValues: values, vTransposed: isTall ? vectors : others)
    }
}
