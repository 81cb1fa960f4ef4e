/// Walks the fields of one protobuf message, never past its end.
struct ProtobufReader {
    /// A field's value by wire type; groups are refused.
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case bytes(ArraySlice<UInt8>)
        case fixed32(UInt32)
    }

    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private let location: String

    init(_ bytes: ArraySlice<UInt8>, location: String) {
        self.bytes = bytes
        self.location = location
        position = bytes.startIndex
    }

    /// The next field's number and value, or nil at the end of the message.
    mutating func next() throws -> (field: Int, value: Value)? {
        guard position < bytes.endIndex else { return nil }
        let key = try varint()
        let field = key >> 3
        guard (1..<(1 << 29)).contains(field) else { throw malformed("field number \(field) is out of range") }
        switch key & 7 {
        case 0: return (Int(field), .varint(try varint()))
        case 1: return (Int(field), .fixed64(try fixed(8)))
        case 2:
            let length = try varint()
            guard length <= UInt64(bytes.endIndex - position) else {
                throw malformed("field \(field) claims \(length) bytes, \(bytes.endIndex - position) are left")
            }
            defer { position += Int(length) }
            return (Int(field), .bytes(bytes[position..<(position + Int(length))]))
        case 5: return (Int(field), .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
        case let type: throw malformed("field \(field) has wire type \(type)")
        }
    }

    private mutating func varint() throws -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard position < bytes.endIndex else { throw malformed("ends inside a number") }
            let byte = bytes[position]
            position += 1
            if shift == 63, byte > 1 { throw malformed("a number has more than 64 bits") }
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return result }
        }
        throw malformed("a number has more than 10 bytes")
    }

    private mutating func fixed(_ count: Int) throws -> UInt64 {
        guard bytes.endIndex - position >= count else { throw malformed("ends inside a number") }
        defer { position += count }
        return bytes[position..<(position + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    func malformed(_ reason: String) -> TokenizationError {
        .malformed(location: "\(location): byte \(position)", reason: reason)
    }
}

/// Builds the bytes of one protobuf message.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ field: Int, bool value: Bool) { write(field, integer: value ? 1 : 0) }

    /// Writes an int32, negative ones in ten bytes as the format wants.
    mutating func write(_ field: Int, integer value: Int32) {
        varint(UInt64(field) << 3)
        varint(UInt64(bitPattern: Int64(value)))
    }

    mutating func write(_ field: Int, float value: Float) {
        varint(UInt64(field) << 3 | 5)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
        }
    }

    mutating func write(_ field: Int, string value: String) { write(field, bytes: Array(value.utf8)) }

    mutating func write(_ field: Int, bytes value: [UInt8]) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
