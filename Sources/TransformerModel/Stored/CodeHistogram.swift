import CKernels
import ModelGraph

/// How often each code occurs, and the packing that this asks for.
struct CodeHistogram {
    /// A number of bits, the code in the middle of those that they hold, and how many codes they do not hold.
    struct Packing: Equatable {
        var bits: Int
        var center: Int
        var escapes: Int
    }

    private let isSigned: Bool
    /// Of the codes −128 ... 255.
    private var counts = [UInt32](repeating: 0, count: 384)

    private static let lowest = -128
    /// Seven bits hold as few codes a word as eight.
    private static let widths = [1, 2, 3, 4, 5, 6, 8]

    init(isSigned: Bool) { self.isSigned = isSigned }

    mutating func add(_ codes: UnsafePointer<UInt8>, count: Int) {
        counts.withUnsafeMutableBufferPointer { caplet_packed_histogram(codes, isSigned ? 1 : 0, count, $0.baseAddress) }
    }

    /// - Throws: `GraphError.inconsistent` for a code that so many bits do not have.
    func checkRange(bits: Int, _ object: String) throws {
        let range = isSigned ? -(1 << (bits - 1))...(1 << (bits - 1)) - 1 : 0...(1 << bits) - 1
        for index in counts.indices where counts[index] > 0 && !range.contains(index + CodeHistogram.lowest) {
            throw GraphError.inconsistent(
                object, "has the code \(index + CodeHistogram.lowest); \(range.lowerBound) … \(range.upperBound) are \(bits) bits")
        }
    }

    /// The packing of fewest bytes, of equal ones the wider.
    ///
    /// - Parameters:
    ///   - bytesPerEscape: nil where all codes have to fit.
    ///   - byteCount: of the codes packed to so many bits.
    func packing(bytesPerEscape: Int?, byteCount: (_ bits: Int) -> Int) -> Packing {
        let total = counts.reduce(0) { $0 + Int($1) }
        var best = (packing: Packing(bits: 8, center: isSigned ? 0 : 128, escapes: 0), bytes: byteCount(8))
        for bits in CodeHistogram.widths.reversed().dropFirst() {
            let span = 1 << bits
            var inside = counts[..<span].reduce(0) { $0 + Int($1) }
            var most = (count: inside, first: 0)
            for first in 1...counts.count - span {
                inside += Int(counts[first + span - 1]) - Int(counts[first - 1])
                let isCentered = first + CodeHistogram.lowest == -span / 2
                if inside > most.count || inside == most.count && isCentered { most = (inside, first) }
            }
            let escapes = total - most.count
            guard let each = bytesPerEscape ?? (escapes == 0 ? 0 : nil) else { continue }
            let bytes = byteCount(bits) + escapes * each
            if bytes < best.bytes {
                best = (Packing(bits: bits, center: most.first + CodeHistogram.lowest + span / 2, escapes: escapes), bytes)
            }
        }
        return best.packing
    }
}
