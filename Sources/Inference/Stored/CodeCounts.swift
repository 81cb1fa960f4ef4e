import CKernels
import ModelGraph

/// How often each code occurs, and the packing that this asks for.
struct CodeCounts {
    /// A number of bits, the code in the middle of those that they hold, and how many escapes the others take.
    struct Packing: Equatable {
        var bits: Int
        var center: Int
        var escapes: Int
    }

    private let isSigned: Bool
    /// Of the codes −128 ... 255.
    private var counts = [UInt32](repeating: 0, count: 384)

    private static let lowest = -128
    /// Two that it takes, and as many for the time of two codes or more that it costs.
    private static let bytesPerEscape = 4

    init(isSigned: Bool) { self.isSigned = isSigned }

    mutating func add(_ codes: UnsafePointer<UInt8>, count: Int) {
        counts.withUnsafeMutableBufferPointer { caplet_packed_histogram(codes, isSigned ? 1 : 0, count, $0.baseAddress) }
    }

    /// - Throws: `GraphError.inconsistent` for a code that so many bits do not have.
    func checkRange(bits: Int, _ object: String) throws {
        let range = isSigned ? -(1 << (bits - 1))...(1 << (bits - 1)) - 1 : 0...(1 << bits) - 1
        for index in counts.indices where counts[index] > 0 && !range.contains(index + CodeCounts.lowest) {
            throw GraphError.inconsistent(
                object, "has the code \(index + CodeCounts.lowest); \(range.lowerBound) … \(range.upperBound) are \(bits) bits")
        }
    }

    /// The packing of least cost, of equal ones the wider: its bytes, and for each escape what it takes to run.
    ///
    /// - Parameter byteCount: of the codes packed to so many bits.
    func packing(byteCount: (_ bits: Int) -> Int) -> Packing {
        var best = (packing: Packing(bits: 8, center: isSigned ? 0 : 128, escapes: 0), cost: byteCount(8))
        for bits in (1...7).reversed() {
            let packing = packing(bits: bits)
            let cost = byteCount(bits) + packing.escapes * CodeCounts.bytesPerEscape
            if cost < best.cost { best = (packing, cost) }
        }
        return best.packing
    }

    /// The run of codes that so many bits hold: those about zero of signed codes, otherwise the one that holds most of those that occur.
    private func packing(bits: Int) -> Packing {
        let span = 1 << bits
        var most = (count: 0, first: -CodeCounts.lowest - span / 2)
        if !isSigned {
            var inside = counts[..<span].reduce(0) { $0 + Int($1) }
            most = (inside, 0)
            for first in 1...counts.count - span {
                inside += Int(counts[first + span - 1]) - Int(counts[first - 1])
                if inside > most.count { most = (inside, first) }
            }
        }
        var escapes = 0
        for index in counts.indices where counts[index] > 0 {
            let (below, above) = (most.first - index, index - (most.first + span - 1))
            // Differences of −8 ... 7 at a time.
            escapes += Int(counts[index]) * (below > 0 ? (below + 7) / 8 : above > 0 ? (above + 6) / 7 : 0)
        }
        return Packing(bits: bits, center: most.first + CodeCounts.lowest + span / 2, escapes: escapes)
    }
}
