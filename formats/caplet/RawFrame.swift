import CXXHash

/// A zstd frame laid by hand: a short content in one raw block, with a checksum, at places that never move.
///
/// | bytes | what |
/// |---|---|
/// | 0 … 3 | magic of zstd |
/// | 4 | frame descriptor 0x24: single segment, checksum |
/// | 5 | n, the content's size |
/// | 6 … 8 | block header: last block, raw, n bytes |
/// | 9 … 8 + n | content |
/// | 9 + n … 12 + n | low 32 bits of XXH64 of the content, seed 0 |
enum RawFrame {
    static let contentOffset = 9
    static let overhead = contentOffset + 4

    /// - Precondition: at most 255 bytes of content.
    static func lay(_ content: [UInt8]) -> [UInt8] {
        precondition(content.count <= 255, "a raw frame of \(content.count) bytes")
        let block = UInt32(content.count) << 3 | 1
        let checksum = content.withUnsafeBytes { UInt32(truncatingIfNeeded: XXH64($0.baseAddress, $0.count, 0)) }
        return FrameHeader.magic + [FrameHeader.descriptor, UInt8(content.count)] + littleEndian(block).prefix(3) + content
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
