import Execution
import Inference
import LinearAlgebra

/// A sum of XᵀX over groups of sequences, the terms of a tree, in tiles of columns that run side by side.
public final class SecondMomentSum {
    public let width: Int
    private let scale: Float
    private let sum: TreeSum

    private static let tile = 128

    /// - Parameters:
    ///   - scale: what XᵀX is multiplied by.
    ///   - ranges: the terms of each rank.
    public init(width: Int, scale: Float, ranges: [Range<Int>], _ execution: ExecutionContext) {
        (self.width, self.scale) = (width, scale)
        sum = TreeSum(floats: width * width, ranges: ranges, execution)
    }

    /// Adds terms, those that are left out before them as zeros: width² operations a token, since what is left of a tile is what is above it.
    ///
    /// - Parameter terms: X [tokens, width] by the number of the term, in order.
    public func add(_ terms: [Int: Matrix], until end: Int, _ execution: ExecutionContext) throws {
        let (width, tile) = (width, Self.tile)
        let steps = try sum.steps(until: end)
        try execution.uncheckedParallelFor((width + tile - 1) / tile) { index in
            let first = index * tile
            let rows = min(tile, width - first)
            for step in steps {
                switch step {
                case .term(let term, let slot):
                    let out = sum.slot(slot) + first * (width + 1)
                    guard let x = terms[term], x.rows > 0 else {
                        for row in 0..<rows { (out + row * width).update(repeating: 0, count: width - first) }
                        continue
                    }
                    x.elements.withUnsafeBufferPointer { values in
                        guard let x0 = values.baseAddress else { return }
                        multiply(
                            m: rows, n: width - first, k: x.rows, alpha: scale, x0 + first, .transposed, lda: width, x0 + first, .plain,
                            ldb: width, beta: 0, into: out, ldc: width)
                    }
                case .add(let slot):
                    for row in first..<first + rows {
                        TreeSum.add(
                            sum.slot(slot + 1) + row * width + first, to: sum.slot(slot) + row * width + first, count: width - first)
                    }
                }
            }
        }
    }

    /// The sum over the terms of all ranks.
    ///
    /// - Parameter homes: the ranks that are given it; nil for all.
    /// - Returns: [width, width]; nil elsewhere.
    public func total(at homes: [Int]?, _ execution: ExecutionContext) throws -> Matrix? {
        guard let found = try sum.total(at: homes) else { return nil }
        let (width, tile) = (width, Self.tile)
        return try Matrix(rows: width, columns: width) { out in
            guard let out = out.baseAddress else { return }
            try execution.uncheckedParallelFor((width + tile - 1) / tile) { index in
                for row in index * tile..<min((index + 1) * tile, width) {
                    (out + row * width + index * tile).update(from: found + row * width + index * tile, count: width - index * tile)
                    for column in 0..<index * tile { out[row * width + column] = found[column * width + row] }
                }
            }
        }
    }
}

/// Gathers the inputs of each group from all sequences of a wave into matrices [tokens, width].
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

    /// Of an input; nil where nothing was read.
    func width(_ input: BlockInput) -> Int? { widths.values(input).max().flatMap { $0 > 0 ? $0 : nil } }

    /// What some sequences read, one after the other.
    func matrix(_ input: BlockInput, _ sequences: Range<Int>, width: Int) -> Matrix {
        let elements = slots.values(input)[sequences].flatMap { $0 }
        return Matrix(rows: elements.count / width, columns: width, elements: elements)
    }
}
