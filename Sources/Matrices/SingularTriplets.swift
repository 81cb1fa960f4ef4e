/// A low-rank matrix as the factors of its thin SVD: U [m, r], σ [r] descending, Vᵀ [r, n].
public struct SingularTriplets: Sendable {
    public let u: Matrix
    public let singularValues: [Float]
    public let vTransposed: Matrix

    /// - Precondition: u is [m, r], vTransposed [r, n] for r singular values.
    public init(u: Matrix, singularValues: [Float], vTransposed: Matrix) {
        precondition(u.columns == singularValues.count && vTransposed.rows == singularValues.count, "ranks differ")
        self.u = u
        self.singularValues = singularValues
        self.vTransposed = vTransposed
    }

    public var rank: Int { singularValues.count }

    /// Those of a matrix of zeros [m, n].
    public static func none(_ m: Int, _ n: Int) -> SingularTriplets {
        SingularTriplets(u: Matrix(zeros: m, 0), singularValues: [], vTransposed: Matrix(zeros: 0, n))
    }

    /// The first `rank` of them.
    ///
    /// - Precondition: there are so many.
    public func prefix(_ rank: Int) -> SingularTriplets {
        let left = Matrix(rows: u.rows, columns: rank) { out in
            for row in 0..<u.rows {
                for component in 0..<rank { out[row * rank + component] = u[row, component] }
            }
        }
        return SingularTriplets(
            u: left, singularValues: Array(singularValues.prefix(rank)),
            vTransposed: Matrix(
                rows: rank, columns: vTransposed.columns, elements: Array(vTransposed.elements.prefix(rank * vTransposed.columns))))
    }
}
