import CXXHash

/// A zstd frame laid by hand: a short content in one raw block, with a checksum, at places that never move.
///
/// | bytes | what |
/// |---|---|
/// | 0 … 3 | magic of zstd |
/// | 4 | frame descriptor 0xE4: size of eight bytes, single segment, checksum |
/// | 5 … 12 | n, the content's size, below 256 |
/// | 13 … 15 | block header: last block, raw, n bytes |
/// | 16 … 15 + n | content |
/// | 16 + n … 19 + n | low 32 bits of XXH64 of the content, seed 0 |
enum RawFrame {
    static let contentOffset = 16
    static let overhead = contentOffset + 4

    /// - Precondition: fewer than 256 bytes of content.
    static func lay(_ content: [UInt8]) -> [UInt8] {
        precondition(content.count <= 255, "a raw frame of \(content.count) bytes")
        let block = UInt32(content.count) << 3 | 1
        let checksum = content.withUnsafeBytes { UInt32(truncatingIfNeeded: XXH64($0.baseAddress, $0.count, 0)) }
        return FrameHeader.magic + [FrameHeader.wideDescriptor] + littleEndian(UInt64(content.count)) + littleEndian(block).prefix(3)
            + content
            + littleEndian(checksum)
    }

    /// The content of a frame laid by `lay`; nil when any byte beside it is another, checksum included.
    static func content(of frame: [UInt8]) -> [UInt8]? {
        guard frame.count >= overhead, frame.count <= overhead + 255 else { return nil }
        let content = Array(frame[contentOffset..<frame.count - 4])
        return lay(content) == frame ? content : nil
    }

    static func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
