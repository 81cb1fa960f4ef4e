import Matrices

extension LowRankTensor {
    /// Balanced factors U = Q√Σ [m, r] and V = √ΣPᵀ [r, n] of singular triplets, stored as `dtype`.
    public init(_ triplets: SingularTriplets, dtype: DType) throws {
        let roots = triplets.singularValues.map { $0.squareRoot() }
        var u = triplets.u
        for row in 0..<u.rows {
            for component in 0..<roots.count { u[row, component] *= roots[component] }
        }
        var v = triplets.vTransposed
        for component in 0..<roots.count {
            for column in 0..<v.columns { v[component, column] *= roots[component] }
        }
        try self.init(u: .dense(DenseTensor(u, dtype: dtype)), v: .dense(DenseTensor(v, dtype: dtype)))
    }

    /// The singular triplets of balanced factors: σᵢ = ‖uᵢ‖ · ‖vᵢ‖, descending if they were made so.
    public func triplets() throws -> SingularTriplets {
        var u = try self.u.densifiedMatrix()
        var v = try self.v.densifiedMatrix()
        var values: [Float] = []
        for component in 0..<rank {
            var squares = (u: 0.0, v: 0.0)
            for row in 0..<u.rows { squares.u += Double(u[row, component]) * Double(u[row, component]) }
            for column in 0..<v.columns { squares.v += Double(v[component, column]) * Double(v[component, column]) }
            let lengths = (u: squares.u.squareRoot(), v: squares.v.squareRoot())
            values.append(Float(lengths.u * lengths.v))
            for row in 0..<u.rows where lengths.u > 0 { u[row, component] = Float(Double(u[row, component]) / lengths.u) }
            for column in 0..<v.columns where lengths.v > 0 { v[component, column] = Float(Double(v[component, column]) / lengths.v) }
        }
        return SingularTriplets(u: u, singularValues: values, vTransposed: v)
    }
}

extension DenseTensor {
    /// A matrix stored as `dtype`.
    public init(_ matrix: Matrix, dtype: DType) throws {
        try self.init(floats: matrix.elements, shape: Shape(rows: matrix.rows, columns: matrix.columns), dtype: dtype)
    }
}
