import FormatKit

/// A value of Thrift's compact protocol, in which Parquet has its headers.
indirect enum ThriftValue {
    case integer(Int)
    case bytes(Range<Int>)
    case list([ThriftValue])
    /// By field id.
    case structure([Int: ThriftValue])
    /// A floating-point number, a map: nothing here reads one.
    case other

    subscript(field: Int) -> ThriftValue? {
        if case .structure(let fields) = self { return fields[field] }
        return nil
    }

    var integer: Int? {
        if case .integer(let value) = self { return value }
        return nil
    }

    var list: [ThriftValue]? {
        if case .list(let values) = self { return values }
        return nil
    }

    var range: Range<Int>? {
        if case .bytes(let range) = self { return range }
        return nil
    }
}

/// Reads structures of the compact protocol (Apache Thrift, thrift-compact-protocol.md) from bytes that may say anything.
struct CompactThrift {
    let bytes: [UInt8]
    /// Where the next byte is read.
    private(set) var place: Int
    private let end: Int
    /// The file's, for errors.
    let path: String

    private static let mostDepth = 24

    /// - Precondition: `range` is within the bytes.
    init(_ bytes: [UInt8], _ range: Range<Int>, path: String) {
        (self.bytes, place, end, self.path) = (bytes, range.lowerBound, range.upperBound, path)
    }

    private var broken: FormatError { FormatError.malformed(path, "byte \(place)", "is in no header of a Parquet file") }

    private mutating func byte() throws -> UInt8 {
        guard place < end else { throw broken }
        defer { place += 1 }
        return bytes[place]
    }

    /// Seven bits a byte, the lowest first.
    private mutating func varint() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            let next = try byte()
            value |= UInt64(next & 0x7F) << UInt64(shift)
            if next < 0x80 { return value }
        }
        throw broken
    }

    private mutating func zigzag() throws -> Int {
        let raw = try varint()
        return Int(bitPattern: UInt(truncatingIfNeeded: raw >> 1)) ^ -Int(raw & 1)
    }

    private mutating func count() throws -> Int {
        let raw = try varint()
        // Each element takes a byte at least.
        guard raw <= UInt64(end - place) else { throw broken }
        return Int(raw)
    }

    mutating func structure(depth: Int = 0) throws -> ThriftValue {
        guard depth < Self.mostDepth else { throw broken }
        var (fields, field) = ([Int: ThriftValue](), 0)
        while true {
            let head = try byte()
            if head == 0 { return .structure(fields) }
            let delta = Int(head >> 4)
            field = delta == 0 ? try zigzag() : field + delta
            guard (0...Int(Int16.max)).contains(field) else { throw broken }
            switch head & 0x0F {
            // A boolean is in the type.
            case 1: fields[field] = .integer(1)
            case 2: fields[field] = .integer(0)
            default: fields[field] = try value(head & 0x0F, depth)
            }
        }
    }

    private mutating func value(_ type: UInt8, _ depth: Int) throws -> ThriftValue {
        switch type {
        case 1, 2, 3: return .integer(Int(Int8(bitPattern: try byte())))
        case 4, 5, 6: return .integer(try zigzag())
        case 7:
            guard end - place >= 8 else { throw broken }
            place += 8
            return .other
        case 8:
            let count = try count()
            defer { place += count }
            return .bytes(place..<place + count)
        case 9, 10:
            let head = try byte()
            let count = head >> 4 == 15 ? try count() : Int(head >> 4)
            return .list(try (0..<count).map { _ in try value(head & 0x0F, depth + 1) })
        case 11:
            let count = try count()
            if count == 0 { return .other }
            let types = try byte()
            for _ in 0..<count {
                _ = try value(types >> 4, depth + 1)
                _ = try value(types & 0x0F, depth + 1)
            }
            return .other
        case 12: return try structure(depth: depth + 1)
        default: throw broken
        }
    }
}
