import FormatKit

/// The bytes of a header in the making.
struct GGUFBytes {
    private(set) var bytes: [UInt8] = []
    let order: ByteReader.Order

    init(_ bytes: [UInt8] = [], order: ByteReader.Order = .little) {
        self.bytes = bytes
        self.order = order
    }

    mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: order == .little ? value.littleEndian : value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// A text that need not be UTF-8.
    mutating func put(_ text: [UInt8]) {
        put(UInt64(text.count))
        bytes += text
    }

    mutating func append(_ other: [UInt8]) { bytes += other }

    mutating func put(_ text: String) {
        put(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }
}
