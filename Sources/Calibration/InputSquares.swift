import Backpropagation
import Execution
import Inference

/// Sums of squares of each input over all tokens: those of each sequence apart, on its own thread, then added in order.
final class InputSquares: Sendable {
    struct Sums {
        /// [width]; empty where nothing was read.
        var squares: [Double] = []
        /// What the squares are sums over.
        var rows = 0

        mutating func add(_ other: Sums) {
            rows += other.rows
            if squares.isEmpty {
                squares = other.squares
            } else {
                for column in other.squares.indices { squares[column] += other.squares[column] }
            }
        }
    }

    private let inputs: [BlockInput]
    private let slots: InputSlots<Sums>

    init(_ inputs: [BlockInput], sequences: Int) { (self.inputs, slots) = (inputs, InputSlots(inputs, sequences: sequences, Sums())) }

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

    /// The sums over the sequences of all ranks, term by term, for all ranks.
    ///
    /// - Parameter shares: which sequences are a term, and which terms are this rank's.
    func sums(_ shares: TermShares, _ ensemble: any Ensemble) throws -> [BlockInput: Sums] {
        var found: [BlockInput: Sums] = [:]
        let first = shares.sequences(of: shares.own).lowerBound
        for input in inputs {
            let parts = slots.values(input)
            let own = shares.own.map { term in
                shares.sequences(of: term..<term + 1).reduce(into: Sums()) { $0.add(parts[$1 - first]) }
            }
            let width = try ensemble.gather([own.map(\.squares.count).max() ?? 0], ensemble.places, zero: 0).max() ?? 0
            let ranges = shares.ranges.map { $0.lowerBound * width..<$0.upperBound * width }
            let rows = try ensemble.gather(own.map(\.rows), shares.ranges, zero: 0)
            let squares = try ensemble.gather(
                own.flatMap { $0.squares.isEmpty ? [Double](repeating: 0, count: width) : $0.squares }, ranges, zero: 0)
            found[input] = rows.indices.reduce(into: Sums()) {
                if rows[$1] > 0 { $0.add(Sums(squares: Array(squares[$1 * width..<($1 + 1) * width]), rows: rows[$1])) }
            }
        }
        return found
    }
}
