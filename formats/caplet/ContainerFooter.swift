import FormatKit

/// The last frame of a file: where the manifest is, and what it must be, 76 bytes in all (SPEC.md, "Footer").
struct ContainerFooter {
    /// The manifest frame, from the start of the file.
    let manifestOffset: Int
    let manifestStoredByteCount: Int
    let manifestContentByteCount: Int
    /// Of the manifest's frame as it is stored.
    let manifestDigest: ContentDigest

    static let contentByteCount = 56
    static let byteCount = RawFrame.overhead + contentByteCount
    /// zstd's own tools refuse windows over 128 MiB; a manifest of 64 MiB describes a model of some terabytes.
    static let maximumManifestByteCount = 64 << 20
    /// A manifest holds digests, which do not compress: more than this, beyond the first MiB, is no manifest.
    static let maximumManifestRatio = 1000

    var bytes: [UInt8] {
        RawFrame.lay(
            RawFrame.littleEndian(UInt64(manifestOffset)) + RawFrame.littleEndian(UInt64(manifestStoredByteCount))
                + RawFrame.littleEndian(UInt64(manifestContentByteCount)) + RawFrame.littleEndian(manifestDigest.low)
                + RawFrame.littleEndian(manifestDigest.high) + [UInt8](repeating: 0, count: 8)
                + RawFrame.littleEndian(ContainerHeader.version) + ContainerHeader.magic)
    }

    init(manifestOffset: Int, manifestFrame: [UInt8], manifestContentByteCount: Int) {
        self.manifestOffset = manifestOffset
        manifestStoredByteCount = manifestFrame.count
        self.manifestContentByteCount = manifestContentByteCount
        manifestDigest = manifestFrame.withUnsafeBytes { ContentDigest(of: $0) }
    }

    /// - Throws: `FormatError.malformed` for anything but an undamaged footer whose manifest ends where the footer begins,
    ///   `.unsupported` for another version.
    init(_ file: UnsafeRawBufferPointer, path: String) throws {
        func malformed(_ message: String) -> FormatError { .malformed(path, "footer", message) }
        guard file.count >= ContainerHeader.byteCount + ContainerFooter.byteCount else {
            throw malformed("the file has \(file.count) bytes, too few for one; it is cut short")
        }
        let frame = Array(file.suffix(ContainerFooter.byteCount))
        guard frame.suffix(10).prefix(6).elementsEqual(ContainerHeader.magic) else {
            throw malformed("is not at the end of the file, which is damaged or cut short")
        }
        guard let content = RawFrame.content(of: frame) else { throw malformed("is damaged") }
        try self.init(content: content, fileByteCount: file.count, malformed: malformed, path: path)
    }

    private init(content: [UInt8], fileByteCount: Int, malformed: (String) -> FormatError, path: String) throws {
        func word(_ index: Int) -> UInt64 {
            content[index * 8..<index * 8 + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        let version = UInt16(content[48]) | UInt16(content[49]) << 8
        guard version == ContainerHeader.version else {
            throw FormatError.unsupported(
                path, "footer", "version \(version) of the container; \(ContainerHeader.version) is what can be read")
        }
        guard word(5) == 0 else { throw malformed("reserved bytes are not zero") }
        guard let offset = Int(exactly: word(0)), let stored = Int(exactly: word(1)), let size = Int(exactly: word(2)),
            offset >= ContainerHeader.byteCount, stored >= FrameHeader.minimumFrameByteCount,
            offset <= fileByteCount - ContainerFooter.byteCount, stored == fileByteCount - ContainerFooter.byteCount - offset
        else { throw malformed("puts the manifest at \(word(0)), \(word(1)) bytes long, in a file of \(fileByteCount)") }
        guard size <= ContainerFooter.maximumManifestByteCount else {
            throw malformed("declares a manifest of \(size) bytes; \(ContainerFooter.maximumManifestByteCount) are allowed")
        }
        guard ContainerFooter.allows(size, from: stored) else { throw malformed("declares a manifest of \(size) bytes from \(stored)") }
        manifestOffset = offset
        manifestStoredByteCount = stored
        manifestContentByteCount = size
        manifestDigest = ContentDigest(high: word(4), low: word(3))
    }

    static func allows(_ contentByteCount: Int, from storedByteCount: Int) -> Bool {
        contentByteCount <= 1 << 20 || contentByteCount / maximumManifestRatio <= storedByteCount
    }
}
