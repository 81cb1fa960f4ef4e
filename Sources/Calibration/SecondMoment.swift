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
    private let slots: InputSlots<[Float]>
    private let widths: InputSlots<Int>

    init(_ inputs: [BlockInput], sequences: Int) {
        slots = InputSlots(inputs, sequences: sequences, [])
        widths = InputSlots(inputs, sequences: sequences, 0)
    }

    func collect(_ sequence: Int, _ input: BlockInput, _ values: UnsafeBufferPointer<Float>, _ width: Int) {
        slots.place(input, sequence)?.pointee = Array(values)
        widths.place(input, sequence)?.pointee = width
    }

    /// Nil where nothing was read.
    func matrix(_ input: BlockInput) -> Matrix? {
        guard let width = widths.values(input).max(), width > 0 else { return nil }
        let elements = slots.values(input).flatMap { $0 }
        return Matrix(rows: elements.count / width, columns: width, elements: elements)
    }
}
