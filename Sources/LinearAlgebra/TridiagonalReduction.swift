import CKernels
import COpenBLAS
import Execution

/// The reduction of a symmetric matrix to tridiagonal form by Householder reflections, a panel of rows at a time as LAPACK's ssytrd (Dongarra,
/// Sorensen, Hammarling 1989).
///
/// Of its 4n³/3 operations one half are products of what is left of the matrix with a vector each, n of them, which read n³/6 floats in all;
/// the other half are products of panels. Written anew for the former: they read each entry once, at the rate of the cache that it is in, and run
/// on several threads.
struct TridiagonalReduction {
    /// n × n; reflection i stands in row i, from place i + 2 on.
    let reflectors: [Float]
    let diagonal: [Float]
    let offDiagonal: [Float]
    let scales: [Float]

    /// - Parameter symmetric: [n, n], of which the upper triangle is read; its memory is worked in when no one else holds it.
    init(of symmetric: consuming Matrix, _ execution: ExecutionContext) throws {
        let n = symmetric.rows
        var reflectors = symmetric.takeElements()
        var diagonal = [Float](repeating: 0, count: n)
        var offDiagonal = [Float](repeating: 0, count: max(n - 1, 0))
        var scales = offDiagonal
        try reflectors.withUnsafeMutableBufferPointer { a in
            try diagonal.withUnsafeMutableBufferPointer { diagonal in
                try offDiagonal.withUnsafeMutableBufferPointer { offDiagonal in
                    try scales.withUnsafeMutableBufferPointer { scales in
                        guard let a = a.baseAddress else { return }
                        try PanelwiseReduction(
                            order: n, a: a, diagonal: diagonal, offDiagonal: offDiagonal, scales: scales, execution
                        ).run(execution)
                    }
                }
            }
        }
        (self.reflectors, self.diagonal, self.offDiagonal, self.scales) = (reflectors, diagonal, offDiagonal, scales)
    }
}

/// The reduction in progress, in memory of its caller's.
private struct PanelwiseReduction {
    private let n: Int
    private let a: UnsafeMutablePointer<Float>
    private let diagonal: UnsafeMutableBufferPointer<Float>
    private let offDiagonal: UnsafeMutableBufferPointer<Float>
    private let scales: UnsafeMutableBufferPointer<Float>
    /// Rows of a panel.
    private let width: Int
    private let team: WorkerTeam
    private let chunks: [Range<Int>]

    /// Rows that bring one partial sum to a product with a vector: fixed, so that sums do not depend on the number of threads.
    private static let rowsOfPartialSum = 256
    /// Matrices of a smaller order are reduced by one thread: a product then takes less time than a meeting.
    private static let leastOrderOfTeam = 768

    init(
        order: Int, a: UnsafeMutablePointer<Float>, diagonal: UnsafeMutableBufferPointer<Float>,
        offDiagonal: UnsafeMutableBufferPointer<Float>, scales: UnsafeMutableBufferPointer<Float>, _ execution: ExecutionContext
    ) {
        (n, self.a, self.diagonal, self.offDiagonal, self.scales) = (order, a, diagonal, offDiagonal, scales)
        width = order <= 2048 ? 32 : 64
        team = order < Self.leastOrderOfTeam ? WorkerTeam(threads: 1) : WorkerTeam(execution)
        chunks = stride(from: 0, to: order, by: Self.rowsOfPartialSum).map { $0..<min($0 + Self.rowsOfPartialSum, order) }
    }

    func run(_ execution: ExecutionContext) throws {
        // W, [width, n], rows W, V, W, and partial sums, [chunks, n].
        var scratch = [Float](repeating: 0, count: (4 * width + chunks.count) * n)
        try scratch.withUnsafeMutableBufferPointer { scratch in
            guard let w = scratch.baseAddress else { return }
            let stack = w + width * n
            let partialSums = stack + 3 * width * n
            for start in stride(from: 0, to: n, by: width) {
                try execution.cancellation.check()
                let panel = start..<min(start + width, n)
                reduce(panel, w, partialSums)
                if panel.upperBound < n { updateRest(after: panel, w, stack) }
            }
        }
    }

    /// Rows of a panel to reflections; W becomes such that what is left of the matrix is A − VᵀW − WᵀV for the reflections V as rows.
    private func reduce(_ panel: Range<Int>, _ w: UnsafeMutablePointer<Float>, _ partialSums: UnsafeMutablePointer<Float>) {
        let firstRow = a + panel.lowerBound * n
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * panel.count) { coefficients in
            guard let byV = coefficients.baseAddress else { return }
            let byW = byV + panel.count
            for i in panel {
                let k = i - panel.lowerBound
                let row = a + i * n
                // What the reflections so far do to row i.
                for l in 0..<k { (byV[l], byW[l]) = (-w[l * n + i], -firstRow[l * n + i]) }
                caplet_add_row_sum(firstRow + i, n, k, byV, row + i, n - i)
                caplet_add_row_sum(w + i, n, k, byW, row + i, n - i)
                diagonal[i] = row[i]
                guard i + 1 < n else { return }
                let (v, count) = (row + i + 1, n - i - 1)
                _ = openBLAS.LAPACKE_slarfg_work(Int32(count), v, v + 1, 1, &scales[i])
                offDiagonal[i] = v[0]
                v[0] = 1
                let product = w + k * n + i + 1
                multiplyRest(from: i + 1, v, partialSums, product)
                // Less what the reflections of this panel have changed of the rest.
                caplet_row_products(w + i + 1, n, k, v, count, byV)
                caplet_row_products(firstRow + i + 1, n, k, v, count, byW)
                for l in 0..<k { (byV[l], byW[l]) = (-byV[l], -byW[l]) }
                caplet_add_row_sum(firstRow + i + 1, n, k, byV, product, count)
                caplet_add_row_sum(w + i + 1, n, k, byW, product, count)
                openBLAS.cblas_sscal(Int32(count), scales[i], product, 1)
                let share = -scales[i] / 2 * openBLAS.cblas_sdot(Int32(count), product, 1, v, 1)
                openBLAS.cblas_saxpy(Int32(count), share, v, 1, product, 1)
            }
        }
    }

    /// out ← A·v for the rows and columns of A from `first` on.
    private func multiplyRest(
        from first: Int, _ v: UnsafePointer<Float>, _ partialSums: UnsafeMutablePointer<Float>,
        _ out: UnsafeMutablePointer<Float>
    ) {
        let (n, count, chunks) = (n, n - first, chunks)
        let begin = first / Self.rowsOfPartialSum
        // From the start of the rest on.
        let rest = a + first * (n + 1)
        team.uncheckedForEach(chunks.count - begin) { _, index in
            let chunk = chunks[begin + index]
            let (from, to) = (max(chunk.lowerBound, first) - first, chunk.upperBound - first)
            let sum = partialSums + (begin + index) * n
            (sum + from).update(repeating: 0, count: count - from)
            caplet_symmetric_product(rest, n, count, from, to, v, sum)
        }
        out.update(from: partialSums + begin * n, count: count)
        for index in begin + 1..<max(chunks.count, begin + 1) {
            let from = chunks[index].lowerBound - first
            openBLAS.cblas_saxpy(Int32(count - from), 1, partialSums + index * n + from, 1, out + from, 1)
        }
    }

    /// A ← A − VᵀW − WᵀV for the rows and columns after a panel.
    private func updateRest(
        after panel: Range<Int>, _ w: UnsafePointer<Float>, _ stack: UnsafeMutablePointer<Float>
    ) {
        let (first, count) = (panel.upperBound, n - panel.upperBound)
        // Rows W, V, W: the first two against the last two.
        for row in 0..<panel.count {
            (stack + row * count).update(from: w + row * n + first, count: count)
            (stack + (panel.count + row) * count).update(from: a + (panel.lowerBound + row) * n + first, count: count)
        }
        (stack + 2 * panel.count * count).update(from: stack, count: panel.count * count)
        SymmetricTiles(order: count, height: 256).subtractProducts(
            of: stack, shared: panel.count, from: a + first * (n + 1), stride: n, team)
    }
}
