import Execution
import Inference
import LinearAlgebra

/// Sums of XᵀX, in tiles of columns that run side by side.
public enum SecondMoment {
    static let tile = 128

    /// sum += scale · XᵀX for X [tokens, width]: tokens · width² operations, since what is left of a tile is what is above it.
    public static func add(_ x: Matrix, scale: Float, to sum: inout Matrix, _ execution: ExecutionContext) throws {
        let width = x.columns
        try sum.elements.withUnsafeMutableBufferPointer { out in
            let base = out.baseAddress!
            try x.elements.withUnsafeBufferPointer { values in
                let x0 = values.baseAddress!
                try execution.uncheckedParallelFor((width + tile - 1) / tile) { index in
                    let first = index * tile
                    multiply(
                        m: min(tile, width - first), n: width - first, k: x.rows, alpha: scale, x0 + first, .transposed, lda: width,
                        x0 + first, .plain, ldb: width, beta: 1, into: base + first * (width + 1), ldc: width)
                }
            }
            try execution.uncheckedParallelFor((width + tile - 1) / tile) { index in
                for above in 0..<index {
                    for row in index * tile..<min((index + 1) * tile, width) {
                        for column in above * tile..<(above + 1) * tile { base[row * width + column] = base[column * width + row] }
                    }
                }
            }
        }
    }
}

/// Gathers the inputs of each group from all sequences of a wave into one matrix [tokens, width] each.
final class InputCollector {
    private let tokenCounts: [Int]
    private let slots: UnsafeMutablePointer<[Float]>

    init(tokenCounts: [Int]) {
        self.tokenCounts = tokenCounts
        // Slots are made before the threads start; each thread fills those of its own sequence.
        slots = UnsafeMutablePointer<[Float]>.allocate(capacity: tokenCounts.count * BlockInput.allCases.count)
        slots.initialize(repeating: [], count: tokenCounts.count * BlockInput.allCases.count)
    }

    deinit {
        slots.deinitialize(count: tokenCounts.count * BlockInput.allCases.count)
        slots.deallocate()
    }

    func collect(_ sequence: Int, _ input: BlockInput, _ values: UnsafeBufferPointer<Float>, _ width: Int) {
        slots[input.rawValue * tokenCounts.count + sequence] = Array(values)
    }

    func matrix(_ input: BlockInput) -> Matrix {
        let rows = tokenCounts.reduce(0, +)
        let elements = (0..<tokenCounts.count).flatMap { slots[input.rawValue * tokenCounts.count + $0] }
        return Matrix(rows: rows, columns: rows == 0 ? 0 : elements.count / rows, elements: elements)
    }
}
