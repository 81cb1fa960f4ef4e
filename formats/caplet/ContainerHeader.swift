import FormatKit

/// The first frame of a file: the magic and the version, 36 bytes in all (SPEC.md, "Header").
enum ContainerHeader {
    static let magic = Array("CAPLET".utf8)
    static let version: UInt16 = 1
    private static let reservedByteCount = 8
    static let byteCount = RawFrame.overhead + 6 + 2 + reservedByteCount

    static var bytes: [UInt8] {
        RawFrame.lay(magic + RawFrame.littleEndian(version) + [UInt8](repeating: 0, count: reservedByteCount))
    }

    /// Whether a file that begins like this is a container, of whatever version.
    static func begins(_ head: [UInt8]) -> Bool {
        head.starts(with: FrameHeader.magic) && head.dropFirst(RawFrame.contentOffset).starts(with: magic)
    }

    /// - Throws: `FormatError.malformed` for no container or a damaged header, `.unsupported` for another version.
    static func check(_ file: UnsafeRawBufferPointer, path: String) throws {
        let head = Array(file.prefix(byteCount))
        if head == bytes { return }
        guard begins(head) else { throw FormatError.malformed(path, "header", "does not begin as a .caplet file") }
        guard head.count == byteCount else { throw FormatError.malformed(path, "header", "the file ends inside it") }
        guard let content = RawFrame.content(of: head) else { throw FormatError.malformed(path, "header", "is damaged") }
        let found = UInt16(content[6]) | UInt16(content[7]) << 8
        guard found == version else {
            throw FormatError.unsupported(path, "header", "version \(found) of the container; \(version) is what can be read")
        }
        throw FormatError.malformed(path, "header", "reserved bytes are not zero")
    }
}
