import CKernels
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

    /// Rayleigh and Ritz: the singular vectors within a subspace.
    ///
    /// - Parameters:
    ///   - basis: orthonormal rows, [p, n].
    ///   - images: A times each, as rows, [p, m].
    ///   - returned: Aᵀ times these, [p, n].
    fileprivate init(basis: Matrix, images: Matrix, returned: Matrix) throws {
        let rotation = try images.times(images, otherAs: .transposed).symmetricEigen().vectorRows.reversedRows  // [p, p]
        vRows = rotation.times(basis)
        self.images = rotation.times(images)
        let values = self.images.rowNorms
        singularValues = values
        // Aᵀu − σv.
        let inverses = values.map { $0 > 0 ? 1 / $0 : 0 }
        couplings = (rotation.times(returned).scalingRows(by: inverses) - vRows.scalingRows(by: values)).rowNorms
    }

    fileprivate init(vRows: Matrix, images: Matrix, singularValues: [Float], couplings: [Float]) {
        (self.vRows, self.images, self.singularValues, self.couplings) = (vRows, images, singularValues, couplings)
    }

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
    /// Subspace iteration until what is asked for has settled, at least `leastSteps` times and at most `mostSteps`, each of about 4mnp
    /// operations.
    ///
    /// - Parameters:
    ///   - count: p, at most min(m, n).
    ///   - isSettled: looks at the directions so far.
    func dominantDirections(
        _ count: Int, _ execution: ExecutionContext, until isSettled: (DominantDirections) -> Bool
    ) throws -> DominantDirections {
        let (leastSteps, mostSteps) = (3, 10)
        let p = min(count, rows, columns)
        let random = CounterGenerator(seed: 0, stream: UInt64(columns))
        var next = Matrix(rows: p, columns: columns, elements: (0..<UInt64(p * columns)).map { random.uniform($0) - 0.5 })
        var step = 0
        while true {
            try execution.cancellation.check()
            step += 1
            let basis = try next.withOrthonormalRows()
            let images = try basis.times(self, otherAs: .transposed, on: execution)  // [p, m]
            next = try images.times(self, on: execution)  // AᵀA·v as rows, [p, n]
            guard step >= leastSteps else { continue }
            let directions = try DominantDirections(basis: basis, images: images, returned: next)
            if step == mostSteps || isSettled(directions) { return directions }
        }
    }

    /// About the largest singular value, from below, by some steps of power iteration of 4mn operations each.
    func powerIteration(steps: Int) -> Float {
        let random = CounterGenerator(seed: 1, stream: UInt64(columns))
        var v = (0..<UInt64(columns)).map { random.uniform($0) - 0.5 }
        var u = [Float](repeating: 0, count: rows)
        var value: Float = 0
        for _ in 0..<steps {
            let length = cblas_snrm2(Int32(columns), v, 1)
            guard length > 0, length.isFinite else { break }
            cblas_sgemv(CblasRowMajor, CblasNoTrans, Int32(rows), Int32(columns), 1 / length, elements, Int32(columns), v, 1, 0, &u, 1)
            value = cblas_snrm2(Int32(rows), u, 1)
            cblas_sgemv(CblasRowMajor, CblasTrans, Int32(rows), Int32(columns), 1, elements, Int32(columns), u, 1, 0, &v, 1)
        }
        return value
    }

    /// Euclidean norms of the rows.
    var rowNorms: [Float] {
        elements.withUnsafeBufferPointer { values in
            (0..<rows).map { row in
                Float(caplet_sum_squares(values.baseAddress! + row * columns, columns).squareRoot())
            }
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
