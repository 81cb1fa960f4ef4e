import Inference

/// Sums of squares of each input over all tokens: those of each sequence apart, on its own thread, then added in order.
final class InputSquares: Sendable {
    private struct Sums {
        var squares: [Double] = []
        var rows = 0
    }

    private let slots: InputSlots<Sums>

    init(_ inputs: [BlockInput], sequences: Int) { slots = InputSlots(inputs, sequences: sequences, Sums()) }

    /// - Parameter values: [tokens, width]
    func add(_ sequence: Int, _ input: BlockInput, _ values: UnsafeBufferPointer<Float>, _ width: Int) {
        guard let slot = slots.place(input, sequence) else { return }
        if slot.pointee.squares.isEmpty { slot.pointee.squares = [Double](repeating: 0, count: width) }
        slot.pointee.rows += values.count / max(width, 1)
        slot.pointee.squares.withUnsafeMutableBufferPointer { sums in
            for row in stride(from: 0, to: values.count, by: max(width, 1)) {
                for column in 0..<width { sums[column] += Double(values[row + column]) * Double(values[row + column]) }
            }
        }
    }

    /// [width], and the rows that they are sums over; empty where nothing was read.
    func sums(_ input: BlockInput) -> (squares: [Double], rows: Int) {
        var total: [Double] = []
        var rows = 0
        for part in slots.values(input) {
            rows += part.rows
            if total.isEmpty { total = part.squares } else { for column in part.squares.indices { total[column] += part.squares[column] } }
        }
        return (total, rows)
    }
}
