import Execution

extension Matrix {
    /// Singular value thresholding: argmin over L of τ‖L‖* + ½‖L − A‖²_F, as triplets (Cai, Candès, Shen 2010, theorem 2.1).
    ///
    /// Singular values become max(σ − τ, 0); those that become 0 are dropped. By sgesdd: exact to float rounding.
    public func singularValueThresholded(by threshold: Float) throws -> SingularTriplets {
        let decomposition = try singularValueDecomposition()
        let kept = decomposition.singularValues.prefix { $0 > threshold }
        let rank = kept.count
        let u = Matrix(rows: rows, columns: rank) { out in
            for row in 0..<rows {
                for component in 0..<rank { out[row * rank + component] = decomposition.u[row, component] }
            }
        }
        return SingularTriplets(
            u: u, singularValues: kept.map { $0 - threshold }, vTransposed: decomposition.vTransposed.rows(0..<rank))
    }
}
