import CKernels
import ModelGraph

/// The codes of a vector, such as the values of a sparse matrix, packed to the few bits that most of them need.
final class CodeStream {
    /// Where the words lie.
    private let arena: WeightArena
    private let words: UnsafePointer<UInt32>
    private let bits: Int32
    private let center: Int32
    /// Where the rare codes are, rising, and what is to be added to the digit there.
    private let escapePlaces: [UInt32]
    private let escapeDifferences: [Int16]
    private let groupSize: Int
    /// [groups]
    private let scales: [Float]
    /// [groups], or nothing.
    private let zeros: [UInt8]

    /// Nil for vectors whose codes cannot be had from a place on: with scales by column, or more than 2³² long.
    ///
    /// - Throws: `GraphError.inconsistent` for codes and zero points that their bits do not hold, `.notFinite` for scales; what the
    ///   storage throws.
    init?(_ tensor: QuantizedTensor, name: String, _ arena: WeightArena) throws {
        let (count, object) = (tensor.shape.elementCount, "tensor '\(name)'")
        guard tensor.shape.rows == 1, tensor.columnScales == nil, count <= Int(UInt32.max) else { return nil }
        self.arena = arena
        groupSize = tensor.groupSize
        scales = try tensor.scales.floats()
        guard scales.allSatisfy(\.isFinite) else { throw GraphError.notFinite(object) }
        zeros = try tensor.zeroPoints.map { try $0.withUnsafeBytes { Array($0) } } ?? []
        guard zeros.allSatisfy({ Int($0) < 1 << tensor.bits }) else {
            throw GraphError.inconsistent(object, "a zero point does not fit in \(tensor.bits) bits")
        }
        let isSigned = tensor.isSymmetric
        var histogram = CodeCounts(isSigned: isSigned)
        func wordCount(_ bits: Int) -> Int {
            let size = caplet_stream_vector(Int32(bits))
            return (count + size - 1) / size * 16
        }
        (words, bits, center, escapePlaces, escapeDifferences) = try tensor.codes.withUnsafeBytes { raw in
            let place = try arena.room(max(wordCount(8) * 4, 64)).bindMemory(to: UInt32.self, capacity: max(wordCount(8), 16))
            guard let codes = raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return (UnsafePointer(place), 8, 0, [], []) }
            histogram.add(codes, count: count)
            try histogram.checkRange(bits: tensor.bits, object)
            let choice = histogram.packing { wordCount($0) * 4 }
            caplet_stream_encode(codes, isSigned ? 1 : 0, count, Int32(choice.bits), Int32(choice.center), place)
            arena.take(wordCount(choice.bits) * 4)
            let (low, high) = (choice.center - (1 << (choice.bits - 1)), choice.center + (1 << (choice.bits - 1)) - 1)
            var places: [UInt32] = []
            var differences: [Int16] = []
            places.reserveCapacity(choice.escapes)
            differences.reserveCapacity(choice.escapes)
            for index in 0..<count where choice.escapes > 0 {
                let value = isSigned ? Int(Int8(bitPattern: codes[index])) : Int(codes[index])
                guard value < low || value > high else { continue }
                places.append(UInt32(index))
                differences.append(Int16(value - min(max(value, low), high)))
            }
            return (UnsafePointer(place), Int32(choice.bits), Int32(choice.center), places, differences)
        }
    }

    /// Bytes outside the arena.
    var byteCount: Int { escapePlaces.count * 6 + scales.count * 4 + zeros.count }

    /// Floats that may be written beside those of a range, before and after them.
    var slack: Int { 2 * caplet_stream_vector(bits) }

    /// Writes the values of a range as floats into room for them and `slack` more.
    ///
    /// - Returns: where in the room the first is.
    func read(_ range: Range<Int>, into room: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        let size = caplet_stream_vector(bits)
        let (first, last) = (range.lowerBound / size, (range.upperBound + size - 1) / size)
        caplet_stream_decode(words + first * 16, last - first, bits, center, room)
        let out = room + (range.lowerBound - first * size)
        var next = escapePlaces.isEmpty ? 0 : firstEscape(from: range.lowerBound)
        while next < escapePlaces.count, Int(escapePlaces[next]) < range.upperBound {
            out[Int(escapePlaces[next]) - range.lowerBound] += Float(escapeDifferences[next])
            next += 1
        }
        zeros.withUnsafeBufferPointer {
            caplet_scale_groups(out, range.lowerBound, range.count, groupSize, scales, zeros.isEmpty ? nil : $0.baseAddress)
        }
        return out
    }

    private func firstEscape(from place: Int) -> Int {
        var (low, high) = (0, escapePlaces.count)
        while low < high {
            let middle = (low + high) / 2
            if Int(escapePlaces[middle]) < place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
