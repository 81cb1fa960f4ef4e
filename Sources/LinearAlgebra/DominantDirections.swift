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
            let images: Matrix
            (images, next) = try normalProducts(of: basis, execution)
            guard step >= leastSteps else { continue }
            let directions = try DominantDirections(basis: basis, images: images, returned: next)
            if step == mostSteps || isSettled(directions) { return directions }
        }
    }

    /// About the largest singular value, from below, by some steps of power iteration of 4mn operations each.
    func powerIteration(steps: Int, _ execution: ExecutionContext) throws -> Float {
        let random = CounterGenerator(seed: 1, stream: UInt64(columns))
        var v = Matrix(rows: 1, columns: columns, elements: (0..<UInt64(columns)).map { random.uniform($0) - 0.5 })
        var value: Float = 0
        for _ in 0..<steps {
            guard let length = v.rowNorms.first, length > 0, length.isFinite else { break }
            let (image, next) = try normalProducts(of: v.withUnitRows, execution)
            (value, v) = (image.rowNorms[0], next)
        }
        return value
    }

    /// A·vᵢ, as rows [p, m], and AᵀA·vᵢ, as rows [p, n], for the rows vᵢ of `basis` [p, n]. 4mnp operations; where they are few A is read once.
    func normalProducts(of basis: Matrix, _ execution: ExecutionContext) throws -> (images: Matrix, returned: Matrix) {
        let (fewRows, rowsAtATime, rowsOfPartialSum) = (16, 8, 512)
        let (m, n, p) = (rows, columns, basis.rows)
        guard p <= fewRows else {
            let images = try basis.times(self, otherAs: .transposed, on: execution)
            return (images, try images.times(self, on: execution))
        }
        var images = Matrix(zeros: p, m)
        // Of fixed size, so that sums do not depend on the number of threads.
        let chunks = stride(from: 0, to: m, by: rowsOfPartialSum).map { $0..<min($0 + rowsOfPartialSum, m) }
        var partialSums = [Float](repeating: 0, count: chunks.count * p * n)
        try images.elements.withUnsafeMutableBufferPointer { images in
            try partialSums.withUnsafeMutableBufferPointer { sums in
                try elements.withUnsafeBufferPointer { a in
                    guard let a = a.baseAddress, let images = images.baseAddress, let sums = sums.baseAddress else { return }
                    try execution.uncheckedParallelFor(chunks.count) { index in
                        for row in stride(from: chunks[index].lowerBound, to: chunks[index].upperBound, by: rowsAtATime) {
                            let count = min(rowsAtATime, chunks[index].upperBound - row)
                            for i in 0..<p {
                                let products = images + i * m + row
                                basis.elements.withUnsafeBufferPointer { v in
                                    caplet_row_products(a + row * n, n, count, v.baseAddress! + i * n, n, products)
                                }
                                caplet_add_row_sum(a + row * n, n, count, products, sums + (index * p + i) * n, n)
                            }
                        }
                    }
                }
            }
        }
        var returned = Matrix(rows: p, columns: n, elements: Array(partialSums.prefix(p * n)))
        for index in chunks.indices.dropFirst() {
            for i in 0..<p * n { returned.elements[i] += partialSums[index * p * n + i] }
        }
        return (images, returned)
    }

    /// Euclidean norms of the rows.
    var rowNorms: [Float] {
        elements.withUnsafeBufferPointer { values in
            (0..<rows).map { row in
                Float(caplet_sum_squares(values.baseAddress! + row * columns, columns).squareRoot())
            }
        }
    }

    /// An orthonormal basis of the rows, as rows (sgeqrf, sorgqr); of at most as many rows as columns.
    public func withOrthonormalRows() throws -> Matrix {
        precondition(rows <= columns, "more rows than columns")
        let (p, n) = (Int32(rows), Int32(columns))
        if p == 0 { return self }
        // Row-major [p, n] is column-major [n, p].
        var q = elements
        var scales = [Float](repeating: 0, count: rows)
        var work = [Float](repeating: 0, count: 64 * rows)
        Operations.add(.factorisation, 4 * Int(n) * Int(p) * Int(p))
        var info = openBLAS.LAPACKE_sgeqrf_work(LAPACK_COL_MAJOR, n, p, &q, n, &scales, &work, Int32(work.count))
        guard info == 0 else { throw LinearAlgebraError("sgeqrf", info: Int(info), rows: columns, columns: rows) }
        info = openBLAS.LAPACKE_sorgqr_work(LAPACK_COL_MAJOR, n, p, p, &q, n, scales, &work, Int32(work.count))
        guard info == 0 else { throw LinearAlgebraError("sorgqr", info: Int(info), rows: columns, columns: rows) }
        return Matrix(rows: rows, columns: columns, elements: q)
    }
}
