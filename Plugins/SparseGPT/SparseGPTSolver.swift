import Execution
import LayerwiseCompression
import LinearAlgebra

/// Prunes one layer column by column, each column's error made good in the columns after it (SparseGPT, Frantar and Alistarh 2023,
/// arXiv 2301.00774, algorithm 1).
///
/// With U upper triangular and (H + δ·mean(diag H)·I)⁻¹ = Uᵀ·U, pruning wᵢⱼ costs wᵢⱼ²/Uⱼⱼ², and its error eᵢⱼ = wᵢⱼ/Uⱼⱼ is fed forward:
/// Wᵢₖ ← Wᵢₖ − eᵢⱼ·Uⱼₖ for k > j. About 2n³/3 operations for U and m·n² for the updates, mostly in matrix products.
struct SparseGPTSolver {
    /// How many entries stay.
    enum Target {
        /// So many of the layer, spread evenly over its column blocks.
        case entries(Int)
        /// So many of every `of` consecutive columns, in each row.
        case pattern(kept: Int, of: Int)
    }

    /// U, row-major upper triangular.
    private let factor: Matrix
    /// δ·mean(diag H).
    private let addedToDiagonal: Float
    /// Whether the input is always zero, so that its weights mean nothing.
    private let isDead: [Bool]
    private let blockSize: Int

    /// - Throws: `LinearAlgebraError` when the damped H is not positive definite.
    init(secondMoment h: Matrix, blockSize: Int, _ settings: SolverSettings = .single) throws {
        let dead = (0..<h.rows).map { h[$0, $0] <= 0 }
        var alive = h
        for j in dead.indices where dead[j] { alive[j, j] = 1 }
        isDead = dead
        addedToDiagonal = settings.damping.added(to: alive)
        factor = try alive.damped(settings.damping).upperCholeskyOfInverse()
        self.blockSize = blockSize
    }

    /// The pruned layer with the values of the kept entries adjusted, and tr(D H Dᵀ) of its difference D to the layer.
    ///
    /// What is fed forward adds up to D = −e·U, so tr(D (H + λI) Dᵀ) = ‖e‖² and the product with H can be spared. Rows are independent
    /// once a block's mask is known; tiles of them run side by side, and results do not depend on the number of threads.
    func prune(_ weight: Matrix, to target: Target, _ execution: ExecutionContext) throws -> (kept: Matrix, outputError: Double) {
        let (m, n) = (weight.rows, weight.columns)
        let alive = weight.scalingColumns(by: isDead.map { $0 ? 0 : 1 })
        var w = alive
        var squaredErrors = 0.0
        let tiles = stride(from: 0, to: m, by: Self.tileRows).map { $0..<min($0 + Self.tileRows, m) }
        for start in stride(from: 0, to: n, by: blockSize) {
            let block = start..<min(start + blockSize, n)
            let mask = mask(w, block, target)
            squaredErrors += try w.elements.withUnsafeMutableBufferPointer { w in
                let w = w
                return try execution.uncheckedParallelMap(tiles.count) { index in
                    let rows = tiles[index]
                    return feedForward(
                        UnsafeMutableBufferPointer(rebasing: w[rows.lowerBound * n..<rows.upperBound * n]), columns: n, block,
                        mask[rows.lowerBound * block.count..<rows.upperBound * block.count], target)
                }.reduce(0, +)
            }
        }
        return (w, squaredErrors - Double(addedToDiagonal) * (w - alive).squaredFrobeniusNorm)
    }

    /// Rows of a tile.
    private static let tileRows = 512

    /// Which entries of a block of columns stay, [m, block]; all of them when a pattern decides later.
    private func mask(_ w: Matrix, _ block: Range<Int>, _ target: Target) -> [Bool] {
        let width = block.count
        guard case .entries(let total) = target else { return [Bool](repeating: true, count: w.rows * width) }
        let count = EvenShares(of: total, over: w.columns)[block]
        if count == 0 { return [Bool](repeating: false, count: w.rows * width) }
        let inverse = block.map { 1 / factor[$0, $0] }
        let scores = (0..<w.rows).flatMap { row in (0..<width).map { abs(w[row, block.lowerBound + $0] * inverse[$0]) } }
        return OrderStatistic(largest: count, of: [scores]).selection(of: [scores])[0]
    }

    /// Zeroes the pruned entries of a block in some rows and corrects the later columns of these.
    ///
    /// - Parameters:
    ///   - w: the rows, each of `n` contiguous elements.
    ///   - mask: what stays of the block, row by row.
    /// - Returns: ‖e‖² of the block.
    private func feedForward(
        _ w: UnsafeMutableBufferPointer<Float>, columns n: Int, _ block: Range<Int>, _ mask: ArraySlice<Bool>, _ target: Target
    ) -> Double {
        let (rows, width, rest) = (w.count / max(n, 1), block.count, block.upperBound)
        var squaredErrors = 0.0
        var errors = [Float](repeating: 0, count: rows * width)
        factor.elements.withUnsafeBufferPointer { u in
            errors.withUnsafeMutableBufferPointer { errors in
                for row in 0..<rows {
                    let values = UnsafeMutableBufferPointer(rebasing: w[row * n + block.lowerBound..<row * n + block.upperBound])
                    var stays = Array(mask.dropFirst(row * width).prefix(width))
                    for j in 0..<width {
                        if case .pattern(let kept, let size) = target, j % size == 0 {
                            choose(kept, of: j..<min(j + size, width), values, firstColumn: block.lowerBound, &stays)
                        }
                        if stays[j] { continue }
                        let diagonal = (block.lowerBound + j) * (n + 1)
                        let error = values[j] / u[diagonal]
                        values[j] = 0
                        if error == 0 { continue }
                        errors[row * width + j] = error
                        squaredErrors += Double(error) * Double(error)
                        for k in 1..<max(width - j, 1) { values[j + k] -= error * u[diagonal + k] }
                    }
                }
            }
            guard rest < n, let w = w.baseAddress, let u = u.baseAddress else { return }
            multiply(
                m: rows, n: n - rest, k: width, alpha: -1, errors, .plain, lda: width, u + block.lowerBound * n + rest, .plain, ldb: n,
                beta: 1, into: w + rest, ldc: n)
        }
        return squaredErrors
    }

    /// Keeps the `kept` entries of a pattern's group that cost most to prune; at the end of a row as many of a shorter group as its share.
    private func choose(
        _ kept: Int, of group: Range<Int>, _ values: UnsafeMutableBufferPointer<Float>, firstColumn: Int, _ stays: inout [Bool]
    ) {
        func cost(_ j: Int) -> Float { abs(values[j] / factor[firstColumn + j, firstColumn + j]) }
        let order = group.sorted { (cost($0), $1) > (cost($1), $0) }
        for (place, j) in order.enumerated() { stays[j] = place < min(kept, group.count / 2) }
    }
}
