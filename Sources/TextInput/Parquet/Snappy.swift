/// Snappy's raw format (google/snappy, format_description.txt): literals, and copies of what came before.
enum Snappy {
    /// - Returns: nil unless the bytes become exactly `count`.
    static func expanded(_ bytes: ArraySlice<UInt8>, count: Int) -> [UInt8]? {
        var place = bytes.startIndex
        func number(_ length: Int) -> Int? {
            guard bytes.endIndex - place >= length else { return nil }
            defer { place += length }
            return (0..<length).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
        }
        var (stated, shift) = (0, 0)
        while true {
            guard let next = number(1), shift < 35 else { return nil }
            stated |= (next & 0x7F) << shift
            if next < 0x80 { break }
            shift += 7
        }
        guard stated == count else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(count)
        while place < bytes.endIndex {
            guard let tag = number(1) else { return nil }
            var (length, distance) = (0, 0)
            switch tag & 3 {
            case 0:
                length = (tag >> 2) + 1
                if length > 60 {
                    guard let long = number(length - 60) else { return nil }
                    length = long + 1
                }
                guard length <= bytes.endIndex - place, length <= count - out.count else { return nil }
                out += bytes[place..<place + length]
                place += length
                continue
            case 1:
                guard let low = number(1) else { return nil }
                (length, distance) = ((tag >> 2) & 7 + 4, (tag >> 5) << 8 | low)
            default:
                guard let far = number(tag & 3 == 2 ? 2 : 4) else { return nil }
                (length, distance) = ((tag >> 2) + 1, far)
            }
            guard distance > 0, distance <= out.count, length <= count - out.count else { return nil }
            // What is copied may be what the copy itself has made.
            for _ in 0..<length { out.append(out[out.count - distance]) }
        }
        return out.count == count ? out : nil
    }
}
