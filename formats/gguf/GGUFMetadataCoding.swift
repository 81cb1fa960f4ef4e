import FormatKit
import ModelGraph

/// Metadata as bytes: a key, a type, a value.
enum GGUFMetadataCoding {
    static let maximumKeyBytes = 0xFFFF
    static let maximumStringBytes = 1 << 28
    static let maximumArrayCount = 1 << 24

    /// One key and its value.
    static func read(_ reader: inout ByteReader) throws -> (key: String, value: MetadataValue) {
        let length = try reader.count("key")
        guard length <= maximumKeyBytes else {
            throw FormatError.malformed(reader.path, "key", "is \(length) bytes long; \(maximumKeyBytes) are allowed")
        }
        let key = try reader.string(length: length, "key")
        let object = "key '\(key.prefix(100))'"
        let type = try self.type(&reader, object)
        guard type == .array else { return (key, try scalar(type, &reader, object)) }
        let element = try self.type(&reader, object)
        let count = try reader.count(object)
        guard element != .array else { throw FormatError.unsupported(reader.path, object, "is an array of arrays") }
        guard count <= maximumArrayCount, count <= reader.remaining / leastBytes(element) else {
            throw FormatError.malformed(reader.path, object, "claims \(count) elements, \(reader.remaining) bytes are left")
        }
        var values: [MetadataValue] = []
        values.reserveCapacity(count)
        // Pieces of a vocabulary may be parts of characters.
        let takesBytes = element == .string && key.hasPrefix("tokenizer.ggml.")
        for _ in 0..<count { values.append(try takesBytes ? .string(piece(&reader, object)) : scalar(element, &reader, object)) }
        return (key, .array(element, values))
    }

    private static func piece(_ reader: inout ByteReader, _ object: String) throws -> String {
        let length = try reader.count(object)
        guard length <= maximumStringBytes else {
            throw FormatError.malformed(reader.path, object, "is a string of \(length) bytes; \(maximumStringBytes) are allowed")
        }
        return GGUFText.decoded(try reader.take(length, object))
    }

    private static func type(_ reader: inout ByteReader, _ object: String) throws -> MetadataType {
        let number = try reader.integer(UInt32.self, object)
        guard let type = MetadataType(rawValue: number) else {
            throw FormatError.malformed(reader.path, object, "has the unknown type \(number)")
        }
        return type
    }

    private static func leastBytes(_ type: MetadataType) -> Int {
        switch type {
        case .uint8, .int8, .bool: return 1
        case .uint16, .int16: return 2
        case .uint32, .int32, .float32: return 4
        case .uint64, .int64, .float64, .string, .array: return 8
        }
    }

    private static func scalar(_ type: MetadataType, _ reader: inout ByteReader, _ object: String) throws -> MetadataValue {
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
            guard byte <= 1 else { throw FormatError.malformed(reader.path, object, "is a BOOL of \(byte)") }
            return .bool(byte == 1)
        case .string:
            let length = try reader.count(object)
            guard length <= maximumStringBytes else {
                throw FormatError.malformed(reader.path, object, "is a string of \(length) bytes; \(maximumStringBytes) are allowed")
            }
            return .string(try reader.string(length: length, object))
        case .array: throw FormatError.unsupported(reader.path, object, "is an array of arrays")
        }
    }

    /// Appends one key and its value.
    ///
    /// - Throws: `FormatError.unsupported` for arrays of arrays, of mixed types, and keys that are too long.
    static func write(_ key: String, _ value: MetadataValue, into out: inout GGUFBytes, path: String) throws {
        let object = "key '\(key.prefix(100))'"
        guard key.utf8.count <= maximumKeyBytes else { throw FormatError.unsupported(path, object, "is too long") }
        out.put(key)
        out.put(value.type.rawValue)
        guard case .array(let type, let values) = value else { return put(value, &out) }
        guard type != .array, values.allSatisfy({ $0.type == type }), values.count <= maximumArrayCount else {
            throw FormatError.unsupported(path, object, "is an array of arrays or of several types")
        }
        out.put(type.rawValue)
        out.put(UInt64(values.count))
        for element in values {
            if key.hasPrefix("tokenizer.ggml."), case .string(let text) = element {
                out.put(GGUFText.encoded(text))
            } else {
                put(element, &out)
            }
        }
    }

    private static func put(_ value: MetadataValue, _ out: inout GGUFBytes) {
        switch value {
        case .uint8(let number): out.put(number)
        case .int8(let number): out.put(number)
        case .uint16(let number): out.put(number)
        case .int16(let number): out.put(number)
        case .uint32(let number): out.put(number)
        case .int32(let number): out.put(number)
        case .uint64(let number): out.put(number)
        case .int64(let number): out.put(number)
        case .float32(let number): out.put(number.bitPattern)
        case .float64(let number): out.put(number.bitPattern)
        case .bool(let flag): out.put(flag ? 1 : 0 as UInt8)
        case .string(let text): out.put(text)
        case .array: break
        }
    }
}
