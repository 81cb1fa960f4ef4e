/// A cursor over bytes that never reads past their end: each length is checked against what is left.
public struct ByteReader {
    public enum Order: Sendable { case little, big }

    public let bytes: UnsafeRawBufferPointer
    public private(set) var offset: Int
    public let order: Order
    /// For messages.
    public let path: String

    public init(_ bytes: UnsafeRawBufferPointer, offset: Int = 0, order: Order = .little, path: String) {
        self.bytes = bytes
        self.offset = min(max(offset, 0), bytes.count)
        self.order = order
        self.path = path
    }

    public var remaining: Int { bytes.count - offset }

    /// - Throws: `FormatError.malformed` naming `object` when fewer than `count` bytes are left.
    public mutating func take(_ count: Int, _ object: String) throws -> UnsafeRawBufferPointer {
        guard count >= 0, count <= remaining else {
            throw FormatError.malformed(path, object, "needs \(count) bytes at offset \(offset), \(remaining) are left")
        }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    /// A fixed-width integer in the reader's byte order.
    public mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type, _ object: String) throws -> Value {
        let raw = try take(MemoryLayout<Value>.size, object)
        let value = raw.loadUnaligned(as: Value.self)
        return order == .little ? Value(littleEndian: value) : Value(bigEndian: value)
    }

    /// An unsigned 64-bit count or offset as `Int`.
    public mutating func count(_ object: String) throws -> Int {
        let value = try integer(UInt64.self, object)
        guard let count = Int(exactly: value) else {
            throw FormatError.malformed(path, object, "\(value) does not fit in 63 bits")
        }
        return count
    }

    /// `length` bytes as UTF-8.
    public mutating func string(length: Int, _ object: String) throws -> String {
        let raw = try take(length, object)
        guard let text = String(validating: raw, as: UTF8.self) else {
            throw FormatError.malformed(path, object, "is not valid UTF-8")
        }
        return text
    }

    /// Skips to the next multiple of `alignment`, counted from the first byte.
    public mutating func align(to alignment: Int, _ object: String) throws {
        let rest = offset % alignment
        if rest != 0 { _ = try take(alignment - rest, object) }
    }
}
