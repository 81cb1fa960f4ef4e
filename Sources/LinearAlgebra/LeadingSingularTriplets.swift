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
}
