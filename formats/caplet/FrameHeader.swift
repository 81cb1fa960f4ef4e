/// The header of a zstd frame as the container allows it: content size present, single segment, checksum, no dictionary.
///
/// RFC 8878, 3.1.1.1. Single segment says that the window is the content. The size field has eight bytes below 256, two below
/// 65,792 and four from there. zstd itself writes one byte below 256: there a flipped bit of the descriptor makes a header that
/// is read as another and decompresses to the same content.
struct FrameHeader {
    /// Bytes of the header, magic included.
    let byteCount: Int
    let contentByteCount: Int

    static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
    /// Single segment and content checksum; the two top bits are the width of the size field.
    static let descriptor: UInt8 = 0x24
    static let descriptorMask: UInt8 = 0x3F
    /// The descriptor with a size field of eight bytes.
    static let wideDescriptor: UInt8 = 0xC0 | descriptor
    /// Magic, descriptor, size, a last block, checksum.
    static let minimumFrameByteCount = 4 + 1 + 2 + 3 + 4

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
        guard let count = Int(exactly: size), width == FrameHeader.sizeFieldWidth(count) else { return nil }
        byteCount = 5 + width
        contentByteCount = count
    }

    static func sizeFieldWidth(_ count: Int) -> Int {
        switch count {
        case ..<256: return 8
        case ..<65_792: return 2
        case ..<(1 << 32): return 4
        default: return 8
        }
    }

    /// A frame whose size field has one byte, as zstd writes them below 256 bytes, with one of eight; any other as it is.
    static func widened(_ frame: [UInt8]) -> [UInt8] {
        guard frame.count > 6, frame[4] == descriptor else { return frame }
        return magic + [wideDescriptor, frame[5], 0, 0, 0, 0, 0, 0, 0] + frame[6...]
    }
}
