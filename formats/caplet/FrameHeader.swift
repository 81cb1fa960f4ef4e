/// The header of a zstd frame as the container allows it: content size present, single segment, checksum, no dictionary.
///
/// RFC 8878, 3.1.1.1. Single segment says that the window is the content; with the size declared and the unused bit zero no
/// bit of the header is without a meaning.
struct FrameHeader {
    /// Bytes of the header, magic included.
    let byteCount: Int
    let contentByteCount: Int

    static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
    /// Single segment and content checksum; the two top bits are the width of the size field.
    static let descriptor: UInt8 = 0x24
    static let descriptorMask: UInt8 = 0x3F
    /// Magic, descriptor, a size of one byte, an empty last block, checksum.
    static let minimumFrameByteCount = 4 + 1 + 1 + 3 + 4

    /// Nil for anything else, with no byte read beyond `frame`.
    init?(_ frame: UnsafeRawBufferPointer) {
        guard frame.count >= FrameHeader.minimumFrameByteCount, frame.prefix(4).elementsEqual(FrameHeader.magic),
            frame[4] & FrameHeader.descriptorMask == FrameHeader.descriptor
        else { return nil }
        let width = 1 << Int(frame[4] >> 6)
        guard frame.count >= 5 + width else { return nil }
        var size: UInt64 = 0
        for index in (0..<width).reversed() { size = size << 8 | UInt64(frame[5 + index]) }
        // Two bytes count from 256.
        if width == 2 { size += 256 }
        guard let count = Int(exactly: size) else { return nil }
        byteCount = 5 + width
        contentByteCount = count
    }
}
