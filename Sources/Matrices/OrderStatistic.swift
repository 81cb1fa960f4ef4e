/// The k-th largest of very many non-negative floats that lie in several pieces, without sorting or copying them.
///
/// Non-negative floats order as their bits do, so three passes of counting (11, 11 and 10 bits) find the value exactly.
public struct OrderStatistic: Sendable {
    /// The k-th largest value: everything above it is among the k largest.
    public let threshold: Float
    /// How many values equal to `threshold` are among the k largest; the rest of the ties is not.
    public let tiesKept: Int

    /// - Parameters:
    ///   - k: from 1 to the number of values.
    ///   - pieces: the values, none negative or NaN.
    public init(largest k: Int, of pieces: [[Float]]) { self.init(largest: k, of: pieces.count) { pieces[$0] } }

    /// The same of pieces that are made when they are looked at, three times each, one at a time.
    public init(largest k: Int, of pieceCount: Int, piece: (Int) throws -> [Float]) rethrows {
        var remaining = k
        var prefix: UInt32 = 0
        var decided = 0
        for width in [11, 11, 10] {
            let shift = UInt32(32 - decided - width)
            var counts = [Int](repeating: 0, count: 1 << width)
            let mask = UInt32((1 << width) - 1)
            let upper: UInt32 = decided == 0 ? 0 : ~UInt32(0) << UInt32(32 - decided)
            try counts.withUnsafeMutableBufferPointer { counts in
                for index in 0..<pieceCount {
                    try piece(index).withUnsafeBufferPointer { values in
                        for value in values where value.bitPattern & upper == prefix {
                            counts[Int((value.bitPattern >> shift) & mask)] += 1
                        }
                    }
                }
            }
            var digit = counts.count - 1
            while digit > 0, counts[digit] < remaining {
                remaining -= counts[digit]
                digit -= 1
            }
            prefix |= UInt32(digit) << shift
            decided += width
        }
        threshold = Float(bitPattern: prefix)
        tiesKept = remaining
    }

    /// Which values are among the k largest; ties are kept in the order of `pieces`.
    public func selection(of pieces: [[Float]]) -> [[Bool]] {
        var ties = tiesKept
        return pieces.map { selection(of: $0, ties: &ties) }
    }

    /// The same of one piece after another.
    ///
    /// - Parameter ties: how many more ties may be kept: `tiesKept` before the first piece.
    public func selection(of piece: [Float], ties: inout Int) -> [Bool] {
        piece.map { value in
            if value > threshold { return true }
            guard value == threshold, ties > 0 else { return false }
            ties -= 1
            return true
        }
    }
}
