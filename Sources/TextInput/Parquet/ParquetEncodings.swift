/// Encodings of values and levels in a page (parquet-format, Encodings.md), read from bytes that may say anything; nil for what is none.
struct ParquetEncodings {
    let bytes: ArraySlice<UInt8>
    private(set) var place: Int

    init(_ bytes: ArraySlice<UInt8>) { (self.bytes, place) = (bytes, bytes.startIndex) }

    private var left: Int { bytes.endIndex - place }

    mutating func littleEndian(_ length: Int) -> Int? {
        guard left >= length else { return nil }
        defer { place += length }
        return (0..<length).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= left else { return nil }
        defer { place += count }
        return bytes[place..<place + count]
    }

    /// A number of at most 62 bits, seven a byte.
    private mutating func varint() -> Int? {
        var value = 0
        for shift in stride(from: 0, to: 63, by: 7) {
            guard let next = littleEndian(1), shift < 56 || next < 0x40 else { return nil }
            value |= (next & 0x7F) << shift
            if next < 0x80 { return value }
        }
        return nil
    }

    private mutating func zigzag() -> Int? { varint().map { ($0 >> 1) ^ -($0 & 1) } }

    /// Runs of one value and groups of eight packed ones, of `width` bits.
    mutating func hybrid(width: Int, count: Int) -> [Int]? {
        guard (0...32).contains(width) else { return nil }
        var out: [Int] = []
        out.reserveCapacity(count)
        while out.count < count {
            guard let head = varint() else { return nil }
            if head & 1 == 0 {
                guard let value = littleEndian((width + 7) / 8), head >> 1 > 0 else { return nil }
                for _ in 0..<min(head >> 1, count - out.count) { out.append(value) }
            } else {
                let (size, overflow) = (head >> 1).multipliedReportingOverflow(by: width)
                guard !overflow, head >> 1 > 0, let packed = take(min(size, left)) else { return nil }
                // The last group may be cut short.
                for index in 0..<min(8 * min(head >> 1, count), count - out.count) {
                    guard let value = Self.packed(packed, index * width, width) else { return nil }
                    out.append(value)
                }
            }
        }
        return out
    }

    /// `width` bits from a place in bits, the lowest of a byte first.
    private static func packed(_ bytes: ArraySlice<UInt8>, _ start: Int, _ width: Int) -> Int? {
        guard start + width <= 8 * bytes.count else { return nil }
        var (value, done) = (0, 0)
        while done < width {
            let (byte, bit) = ((start + done) / 8, (start + done) % 8)
            let taken = min(8 - bit, width - done)
            value |= (Int(bytes[bytes.startIndex + byte]) >> bit & (1 << taken - 1)) << done
            done += taken
        }
        return value
    }

    /// A length of four bytes and so many bytes, again and again.
    mutating func plain(count: Int) -> [ArraySlice<UInt8>]? {
        var out: [ArraySlice<UInt8>] = []
        for _ in 0..<count {
            guard let length = littleEndian(4), let value = take(length) else { return nil }
            out.append(value)
        }
        return out
    }

    /// Differences, packed in miniblocks.
    private mutating func deltas(count: Int) -> [Int]? {
        guard let size = varint(), let miniblocks = varint(), let total = varint(), let first = zigzag(), total == count,
            (1...(1 << 16)).contains(size), (1...512).contains(miniblocks), size % miniblocks == 0
        else { return nil }
        let each = size / miniblocks
        guard each % 8 == 0 else { return nil }
        var out = count > 0 ? [first] : []
        while out.count < count {
            guard let least = zigzag(), let widths = take(miniblocks) else { return nil }
            for width in widths where out.count < count {
                guard width <= 62, let block = take(each / 8 * Int(width)) else { return nil }
                for index in 0..<min(each, count - out.count) {
                    guard let value = Self.packed(block, index * Int(width), Int(width)) else { return nil }
                    out.append(out[out.count - 1] &+ least &+ value)
                }
            }
        }
        return out
    }

    /// All lengths, then all bytes.
    mutating func deltaLength(count: Int) -> [ArraySlice<UInt8>]? {
        guard let lengths = deltas(count: count) else { return nil }
        var out: [ArraySlice<UInt8>] = []
        for length in lengths {
            guard let value = take(length) else { return nil }
            out.append(value)
        }
        return out
    }

    /// Of each value how much of the one before it begins with, then the rest of each.
    mutating func deltaPrefix(count: Int, limit: Int) -> [ArraySlice<UInt8>]? {
        guard let prefixes = deltas(count: count), let rests = deltaLength(count: count) else { return nil }
        var (out, room) = ([ArraySlice<UInt8>](), limit)
        for (prefix, rest) in zip(prefixes, rests) {
            let last = out.last ?? []
            guard prefix >= 0, prefix <= last.count, prefix + rest.count <= room else { return nil }
            room -= prefix + rest.count
            out.append(ArraySlice(Array(last.prefix(prefix)) + rest))
        }
        return out
    }
}
