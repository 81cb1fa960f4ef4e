import Execution
import LinearAlgebra

/// The k-th largest magnitude among the entries of a matrix, without sorting or copying them.
///
/// Magnitudes of floats order as their bits without the sign do, so three passes of counting, over 11, 10 and 10 bits, find the value
/// exactly. Counts are made a tile at a time and added.
struct LargestMagnitudes {
    /// Bits of the k-th largest magnitude.
    let threshold: UInt32
    /// How many entries of that magnitude are among the k largest.
    let tiesKept: Int

    private static let magnitude: UInt32 = 0x7fff_ffff

    /// - Parameters:
    ///   - k: from 1 to the number of entries.
    ///   - elements: [rows of the tiles, columns].
    /// - Throws: `Cancelled`.
    init(
        _ k: Int, of elements: UnsafePointer<Float>, columns: Int, _ tiles: RowTiles, _ execution: ExecutionContext
    ) throws {
        var (remaining, prefix, decided) = (k, UInt32(0), 31)
        for width in [11, 10, 10] {
            let (shift, digits) = (UInt32(decided - width), 1 << width)
            var counts = [UInt32](repeating: 0, count: tiles.count * digits)
            try counts.withUnsafeMutableBufferPointer { counts in
                guard let counts = counts.baseAddress else { return }
                let (prefix, decided) = (prefix >> UInt32(decided), UInt32(decided))
                try execution.uncheckedParallelFor(tiles.count) { index in
                    let (rows, own) = (tiles[index], counts + index * digits)
                    for place in rows.lowerBound * columns..<rows.upperBound * columns {
                        let bits = elements[place].bitPattern & Self.magnitude
                        if bits >> decided == prefix { own[Int(bits >> shift) & (digits - 1)] += 1 }
                    }
                }
            }
            func count(of digit: Int) -> Int { (0..<tiles.count).reduce(0) { $0 + Int(counts[$1 * digits + digit]) } }
            var (digit, inDigit) = (digits - 1, count(of: digits - 1))
            while digit > 0, inDigit < remaining {
                remaining -= inDigit
                digit -= 1
                inDigit = count(of: digit)
            }
            prefix |= UInt32(digit) << shift
            decided -= width
        }
        (threshold, tiesKept) = (prefix, remaining)
    }

    /// Whether an entry is at least as large as the k-th largest: one of the k, or as large as the least of them.
    @inline(__always)
    static func isLarge(_ value: Float, _ threshold: UInt32) -> Bool { value.bitPattern & magnitude >= threshold }

    /// Zeros for all entries but the k largest; ties are kept in row-major order.
    func keep(
        in elements: UnsafeMutablePointer<Float>, columns: Int, _ tiles: RowTiles, _ execution: ExecutionContext
    ) throws {
        let ties = try execution.uncheckedParallelMap(tiles.count) { index in
            let (rows, threshold) = (tiles[index], threshold)
            return (rows.lowerBound * columns..<rows.upperBound * columns).reduce(0) {
                $0 + (elements[$1].bitPattern & Self.magnitude == threshold ? 1 : 0)
            }
        }
        var left = tiesKept
        let kept = ties.map { count in
            let kept = min(count, left)
            left -= kept
            return kept
        }
        try execution.uncheckedParallelFor(tiles.count) { index in
            let (rows, threshold) = (tiles[index], threshold)
            var ties = kept[index]
            for place in rows.lowerBound * columns..<rows.upperBound * columns {
                let bits = elements[place].bitPattern & Self.magnitude
                if bits > threshold { continue }
                if bits == threshold, ties > 0 { ties -= 1 } else { elements[place] = 0 }
            }
        }
    }
}
