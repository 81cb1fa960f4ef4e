import COpenBLAS
import Execution

/// The orthogonal Q = H₀ · H₁ ⋯ of a reduction to tridiagonal form, Hᵢ = I − scaleᵢ·vᵢvᵢᵀ, applied some reflections at a time as
/// I − V·T·Vᵀ (Schreiber and Van Loan 1989).
struct HouseholderBlocks {
    /// n × n row-major, as `TridiagonalReduction` leaves them: vᵢ is 0 up to place i, 1 at i + 1, and stands after that in row i.
    let reflectors: [Float]
    /// n − 1 of them.
    let scales: [Float]
    let order: Int

    /// Reflections that are applied together: the more, the faster the products, but they cost width/order more operations.
    private var width: Int { order < 512 ? 32 : order < 2048 ? 64 : 128 }
    /// Rows that one thread applies them to at a time.
    private static let rowsAtATime = 512
    /// Smaller matrices are worked on by one thread.
    private static let leastOrderOfTeam = 512
    /// Rows of a tile of a symmetric matrix.
    private static let tileHeight = 256

    /// rows · Qᵀ, in place: each row, as a column, is multiplied by Q. 2·n²·r operations for r rows.
    func apply(toRowsOf matrix: inout Matrix, _ execution: ExecutionContext) throws {
        let (n, count) = (order, matrix.rows)
        guard n > 1, count > 0 else { return }
        let starts = Array(stride(from: 0, to: n - 1, by: width))
        let blocks = try execution.parallelMap(starts.count) { block(from: starts[$0], begin: starts[$0] + 1) }
        let chunks = stride(from: 0, to: count, by: Self.rowsAtATime).map { $0..<min($0 + Self.rowsAtATime, count) }
        try matrix.elements.withUnsafeMutableBufferPointer { rows in
            guard let base = rows.baseAddress else { return }
            try execution.uncheckedParallelFor(chunks.count) { index in
                // The last reflections act first.
                for block in blocks.reversed() {
                    block.apply(to: base + chunks[index].lowerBound * n, rows: chunks[index].count, stride: n)
                }
            }
        }
    }

    /// Q · symmetric · Qᵀ, in place, [n, n]: upper triangles in, upper triangles out. 2·n³ operations.
    ///
    /// With P = I − V·T·Vᵀ and Y = S·V·Tᵀ, P·S·Pᵀ is S − X·Vᵀ − V·Xᵀ for X = Y − ½·V·T·(VᵀY).
    func conjugate(_ symmetric: inout Matrix, _ execution: ExecutionContext) throws {
        let n = order
        precondition(symmetric.rows == n && symmetric.columns == n, "orders differ")
        guard n > 1 else { return }
        // (V·Tᵀ)ᵀ and Yᵀ, [width, n] each, and rows X, V, X.
        var scratch = [Float](repeating: 0, count: 5 * width * n)
        // Products of a panel are too short for threads that have to be woken.
        let team = n < Self.leastOrderOfTeam ? WorkerTeam(threads: 1) : WorkerTeam(execution)
        try symmetric.elements.withUnsafeMutableBufferPointer { entries in
            try scratch.withUnsafeMutableBufferPointer { scratch in
                guard let s = entries.baseAddress, let turned = scratch.baseAddress else { return }
                for first in stride(from: 0, to: n - 1, by: width).reversed() {
                    try execution.cancellation.check()
                    // Zeros before V's ones, so that tiles begin at whole cache lines of a row.
                    let reflections = block(from: first, begin: (first + 1) / 16 * 16)
                    reflections.conjugate(s, order: n, turned, turned + width * n, turned + 2 * width * n, team)
                }
            }
        }
    }

    /// Reflections first ..< first + width, which touch places from first + 1 on; V's rows start at `begin`, at most first + 1.
    private func block(from first: Int, begin: Int) -> Block {
        let (n, count) = (order, min(width, order - 1 - first))
        let height = n - begin
        // Column-major [height, count] is row-major vᵢ as rows.
        let v = Matrix(rows: count, columns: height) { out in
            reflectors.withUnsafeBufferPointer { reflectors in
                guard let out = out.baseAddress, let reflectors = reflectors.baseAddress else { return }
                for i in 0..<count {
                    let (row, one) = (out + i * height, first + 1 + i)
                    row.update(repeating: 0, count: one - begin)
                    row[one - begin] = 1
                    (row + one + 1 - begin).update(from: reflectors + (first + i) * n + one + 1, count: n - one - 1)
                }
            }
        }
        // T column by column: Tⱼⱼ = scaleⱼ, above it −scaleⱼ·T·(VᵀV)ⱼ.
        let products = v.times(v, otherAs: .transposed)
        var t = Matrix(zeros: count, count)
        t.elements.withUnsafeMutableBufferPointer { t in
            products.elements.withUnsafeBufferPointer { products in
                guard let t = t.baseAddress, let products = products.baseAddress else { return }
                for j in 0..<count {
                    // Row j of Tᵀ is column j of T.
                    let row = t + j * count
                    row.update(from: products + j * count, count: j)
                    openBLAS.cblas_strmv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, Int32(j), t, Int32(count), row, 1)
                    openBLAS.cblas_sscal(Int32(j), -scales[first + j], row, 1)
                    row[j] = scales[first + j]
                }
            }
        }
        return Block(first: begin, vRows: v, t: t)
    }

    /// I − V·T·Vᵀ on places from `first` on.
    private struct Block {
        let first: Int
        /// Vᵀ, [count, height].
        let vRows: Matrix
        /// T upper triangular in column-major order: Tᵀ in row-major, [count, count].
        let t: Matrix

        /// x ← x − x·V·Tᵀ·Vᵀ for rows x [rows, height] at `base + first`.
        func apply(to base: UnsafeMutablePointer<Float>, rows: Int, stride: Int) {
            let (count, height, x) = (vRows.rows, vRows.columns, base + first)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * rows * count) { scratch in
                vRows.elements.withUnsafeBufferPointer { v in
                    t.elements.withUnsafeBufferPointer { t in
                        guard let xv = scratch.baseAddress, let v = v.baseAddress, let t = t.baseAddress else { return }
                        let turned = xv + rows * count
                        sgemm(.plain, .transposed, rows, count, height, 1, x, stride, v, height, 0, xv, count)
                        sgemm(.plain, .plain, rows, count, count, 1, xv, count, t, count, 0, turned, count)
                        sgemm(.plain, .plain, rows, height, count, -1, turned, count, v, height, 1, x, stride)
                    }
                }
            }
        }

        /// S ← P·S·Pᵀ for S [n, n], of which the upper triangle is read and written.
        ///
        /// - Parameters:
        ///   - turned, y: room for [count, n] floats each.
        ///   - stack: room for three times that.
        func conjugate(
            _ s: UnsafeMutablePointer<Float>, order n: Int, _ turned: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>,
            _ stack: UnsafeMutablePointer<Float>, _ team: WorkerTeam
        ) {
            let (count, height, begin) = (vRows.rows, vRows.columns, first)
            let above = Swift.stride(from: 0, to: begin, by: rowsAtATime).map { $0..<min($0 + rowsAtATime, begin) }
            let touched = SymmetricTiles(order: height, height: tileHeight)
            let corner = s + begin * (n + 1)
            vRows.elements.withUnsafeBufferPointer { v in
                guard let v = v.baseAddress else { return }
                t.elements.withUnsafeBufferPointer { t in
                    sgemm(.transposed, .plain, count, height, count, 1, t.baseAddress!, count, v, height, 0, turned, height)
                }
                // Yᵀ: rows of S above V's places, and those at them.
                team.uncheckedForEach(above.count) { _, index in
                    let rows = above[index]
                    sgemm(
                        .plain, .transposed, count, rows.count, height, 1, turned, height, s + rows.lowerBound * n + begin, n, 0,
                        y + rows.lowerBound, n)
                }
                touched.multiply(
                    turned, count: count, stride: height, by: corner, rowStride: n, into: y + begin, outStride: n, team)
                // On the places of V Xᵀ = Yᵀ − ½·(T·VᵀY)·Vᵀ.
                let middle = Matrix(rows: count, columns: count) { out in
                    sgemm(.plain, .transposed, count, count, height, 1, v, height, y + begin, n, 0, out.baseAddress!, count)
                }
                let inner = t.times(middle, .transposed)
                for row in 0..<count {
                    (stack + row * height).update(from: y + row * n + begin, count: height)
                    (stack + (count + row) * height).update(from: v + row * height, count: height)
                }
                inner.elements.withUnsafeBufferPointer { inner in
                    sgemm(.plain, .plain, count, height, count, -0.5, inner.baseAddress!, count, v, height, 1, stack, height)
                }
                (stack + 2 * count * height).update(from: stack, count: count * height)
                // Rows X, V, X: the first two against the last two are X·Vᵀ + V·Xᵀ.
                touched.subtractProducts(of: stack, shared: count, from: corner, stride: n, team)
                // Above V's places S − Y·Vᵀ.
                team.uncheckedForEach(above.count) { _, index in
                    let rows = above[index]
                    sgemm(
                        .transposed, .plain, rows.count, height, count, -1, y + rows.lowerBound, n, v, height, 1,
                        s + rows.lowerBound * n + begin, n)
                }
            }
        }
    }
}
