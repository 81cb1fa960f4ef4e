import FormatKit
import ModelGraph

/// The content of a long metadata array's part: element after element, little-endian.
///
/// Numbers at their width, a bool as a byte 0 or 1, a string as its length in bytes (32 bits) and its UTF-8.
enum LongArrayContent {
    /// Arrays of more elements than this have a part.
    static let inlineLimit = 32

    static func isLong(_ value: MetadataValue) -> Bool {
        if case .array(let type, let values) = value { return type != .array && values.count > inlineLimit }
        return false
    }

    /// Bytes an element; nil for strings and arrays.
    static func width(_ type: MetadataType) -> Int? {
        switch type {
        case .uint8, .int8, .bool: return 1
        case .uint16, .int16: return 2
        case .uint32, .int32, .float32: return 4
        case .uint64, .int64, .float64: return 8
        case .string, .array: return nil
        }
    }

    /// How the content of such an array is encoded.
    static func encoding(_ type: MetadataType) -> PartEncoding {
        guard let width = width(type), width > 1 else { return .raw }
        return type == .float32 || type == .float64 ? .floatPlanes(width: width) : .planes(width: width)
    }

    static func bytes(_ values: [MetadataValue]) -> [UInt8] {
        var out: [UInt8] = []
        for value in values { append(value, to: &out) }
        return out
    }

    private static func append(_ value: MetadataValue, to out: inout [UInt8]) {
        func add<Word: FixedWidthInteger>(_ word: Word) { withUnsafeBytes(of: word.littleEndian) { out.append(contentsOf: $0) } }
        switch value {
        case .uint8(let n): add(n)
        case .int8(let n): add(n)
        case .uint16(let n): add(n)
        case .int16(let n): add(n)
        case .uint32(let n): add(n)
        case .int32(let n): add(n)
        case .uint64(let n): add(n)
        case .int64(let n): add(n)
        case .float32(let n): add(n.bitPattern)
        case .float64(let n): add(n.bitPattern)
        case .bool(let flag): out.append(flag ? 1 : 0)
        case .string(let text):
            add(UInt32(clamping: text.utf8.count))
            out.append(contentsOf: text.utf8)
        case .array: break
        }
    }

    /// - Throws: `FormatError.malformed` unless the bytes are exactly `count` elements.
    static func values(
        _ bytes: UnsafeRawBufferPointer, _ type: MetadataType, count: Int, path: String, object: String
    ) throws -> [MetadataValue] {
        var reader = ByteReader(bytes, path: path)
        // Each element takes at least this, so that a count alone allocates nothing.
        let least = width(type) ?? 4
        guard count >= 0, count <= bytes.count / least else {
            throw FormatError.malformed(path, object, "\(count) elements in \(bytes.count) bytes")
        }
        var values: [MetadataValue] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try value(&reader, type, object)) }
        guard reader.remaining == 0 else { throw FormatError.malformed(path, object, "has \(reader.remaining) bytes after its elements") }
        return values
    }

    private static func value(_ reader: inout ByteReader, _ type: MetadataType, _ object: String) throws -> MetadataValue {
        switch type {
        case .uint8: return .uint8(try reader.integer(UInt8.self, object))
        case .int8: return .int8(try reader.integer(Int8.self, object))
        case .uint16: return .uint16(try reader.integer(UInt16.self, object))
        case .int16: return .int16(try reader.integer(Int16.self, object))
        case .uint32: return .uint32(try reader.integer(UInt32.self, object))
        case .int32: return .int32(try reader.integer(Int32.self, object))
        case .uint64: return .uint64(try reader.integer(UInt64.self, object))
        case .int64: return .int64(try reader.integer(Int64.self, object))
        case .float32: return .float32(Float(bitPattern: try reader.integer(UInt32.self, object)))
        case .float64: return .float64(Double(bitPattern: try reader.integer(UInt64.self, object)))
        case .bool:
            let byte = try reader.integer(UInt8.self, object)
            guard byte <= 1 else { throw FormatError.malformed(reader.path, object, "has a bool of \(byte)") }
            return .bool(byte == 1)
        case .string:
            let length = Int(try reader.integer(UInt32.self, object))
            return .string(try reader.string(length: length, object))
        case .array: throw FormatError.unsupported(reader.path, object, "has arrays as elements")
        }
    }
}
