import COpenBLAS
import Execution

/// The orthogonal Q = H₀ · H₁ ⋯ of a reduction to tridiagonal form, Hᵢ = I − scaleᵢ·vᵢvᵢᵀ, applied some reflections at a time as
/// I − V·T·Vᵀ (Schreiber and Van Loan 1989).
struct HouseholderBlocks {
    /// n × n column-major as ssytrd leaves them with "L": vᵢ is 0 up to place i, 1 at i + 1, and stands below that in column i.
    let reflectors: [Float]
    /// n − 1 of them.
    let scales: [Float]
    let order: Int

    /// Reflections that are applied together: the more, the faster the products, but they cost width/order more operations.
    private var width: Int { order < 1024 ? 32 : order < 2048 ? 64 : 128 }
    /// Rows that one thread applies them to at a time.
    private static let rowsAtATime = 512

    /// rows · Qᵀ, in place: each row, as a column, is multiplied by Q. 2·n²·r operations for r rows.
    func apply(toRowsOf matrix: inout Matrix, _ execution: ExecutionContext) throws {
        let (n, count) = (order, matrix.rows)
        guard n > 1, count > 0 else { return }
        let starts = Array(stride(from: 0, to: n - 1, by: width))
        let blocks = try execution.parallelMap(starts.count) { block(from: starts[$0]) }
        let chunks = stride(from: 0, to: count, by: Self.rowsAtATime).map { $0..<min($0 + Self.rowsAtATime, count) }
        try matrix.elements.withUnsafeMutableBufferPointer { rows in
            guard let base = rows.baseAddress else { return }
            try execution.parallelFor(chunks.count) { index in
                // The last reflections act first.
                for block in blocks.reversed() {
                    block.apply(to: base + chunks[index].lowerBound * n, rows: chunks[index].count, stride: n)
                }
            }
        }
    }

    /// Reflections first ..< first + width, which touch places from first + 1 on.
    private func block(from first: Int) -> Block {
        let (n, count) = (order, min(width, order - 1 - first))
        let height = n - first - 1
        // Column-major [height, count] is row-major vᵢ as rows.
        var v = [Float](repeating: 0, count: height * count)
        for i in 0..<count {
            v[i * height + i] = 1
            let source = (first + i) * n + first + i + 2
            for j in 0..<max(height - i - 1, 0) { v[i * height + i + 1 + j] = reflectors[source + j] }
        }
        var t = [Float](repeating: 0, count: count * count)
        _ = LAPACKE_slarft_work(
            LAPACK_COL_MAJOR, CChar(UInt8(ascii: "F")), CChar(UInt8(ascii: "C")), Int32(height), Int32(count), v, Int32(height),
            Array(scales[first..<first + count]), &t, Int32(count))
        return Block(
            first: first + 1, vRows: Matrix(rows: count, columns: height, elements: v), t: Matrix(rows: count, columns: count, elements: t))
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
    }
}
