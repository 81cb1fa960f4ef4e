import COpenBLAS
import Execution

/// Directions in which a matrix A [m, n] is large, by a few steps of subspace iteration, with a bound on what taking them for singular
/// vectors is off by.
struct DominantDirections {
    /// vᵢ as orthonormal rows, [p, n].
    var vRows: Matrix
    /// A·vᵢ as rows, orthogonal to each other, [p, m].
    var images: Matrix
    /// ‖A·vᵢ‖, descending.
    var singularValues: [Float]
    /// ‖Aᵀuᵢ − σᵢvᵢ‖ for uᵢ = A·vᵢ/σᵢ: what A has between uᵢ and all other directions.
    var couplings: [Float]

    /// The first so many.
    func prefix(_ count: Int) -> DominantDirections {
        DominantDirections(
            vRows: vRows.rows(0..<count), images: images.rows(0..<count), singularValues: Array(singularValues.prefix(count)),
            couplings: Array(couplings.prefix(count)))
    }

    /// How many of the first couple with the rest by no more than `limit` all together, in the Frobenius norm.
    func count(couplingAtMost limit: Double) -> Int {
        var sum = 0.0
        return couplings.prefix { coupling in
            sum += Double(coupling) * Double(coupling)
            return sum <= limit * limit
        }.count
    }
}

extension Matrix {
    /// - Parameters:
    ///   - count: p, at most min(m, n).
    ///   - steps: of about 4mnp operations each.
    func dominantDirections(_ count: Int, steps: Int, _ execution: ExecutionContext) throws -> DominantDirections {
        let p = min(count, rows, columns)
        let random = CounterGenerator(seed: 0, stream: UInt64(columns))
        var basis = Matrix(rows: p, columns: columns, elements: (0..<UInt64(p * columns)).map { random.uniform($0) - 0.5 })
        var images = Matrix(zeros: p, rows)
        var next = basis
        for _ in 0..<steps {
            try execution.cancellation.check()
            basis = try next.withOrthonormalRows()
            images = try basis.times(self, otherAs: .transposed, on: execution)  // [p, m]
            next = try images.times(self, on: execution)  // AᵀA·v as rows, [p, n]
        }
        let rotation = try images.times(images, otherAs: .transposed).symmetricEigen().vectorRows.reversedRows  // [p, p]
        let (v, turned, squared) = (rotation.times(basis), rotation.times(images), rotation.times(next))
        let values = turned.rowNorms
        let couplings = (0..<p).map { i -> Float in
            guard values[i] > 0 else { return 0 }
            var sum = 0.0
            for j in 0..<columns {
                let rest = squared[i, j] / values[i] - values[i] * v[i, j]
                sum += Double(rest) * Double(rest)
            }
            return Float(sum.squareRoot())
        }
        return DominantDirections(vRows: v, images: turned, singularValues: values, couplings: couplings)
    }

    /// Euclidean norms of the rows.
    var rowNorms: [Float] {
        (0..<rows).map { row in
            var sum = 0.0
            for column in 0..<columns { sum += Double(self[row, column]) * Double(self[row, column]) }
            return Float(sum.squareRoot())
        }
    }

    /// An orthonormal basis of the rows, as rows (sgeqrf, sorgqr).
    func withOrthonormalRows() throws -> Matrix {
        precondition(rows <= columns, "more rows than columns")
        let (p, n) = (Int32(rows), Int32(columns))
        if p == 0 { return self }
        // Row-major [p, n] is column-major [n, p].
        var q = elements
        var scales = [Float](repeating: 0, count: rows)
        var work = [Float](repeating: 0, count: 64 * rows)
        var info = LAPACKE_sgeqrf_work(LAPACK_COL_MAJOR, n, p, &q, n, &scales, &work, Int32(work.count))
        guard info == 0 else { throw LinearAlgebraError("sgeqrf", info: Int(info), rows: columns, columns: rows) }
        info = LAPACKE_sorgqr_work(LAPACK_COL_MAJOR, n, p, p, &q, n, scales, &work, Int32(work.count))
        guard info == 0 else { throw LinearAlgebraError("sorgqr", info: Int(info), rows: columns, columns: rows) }
        return Matrix(rows: rows, columns: columns, elements: q)
    }
}
