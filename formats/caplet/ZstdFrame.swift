import CZstd

/// One zstd frame made from or turned into its content.
enum ZstdFrame {
    /// Most content bytes of a part's frame.
    static let maximumContentByteCount = 16 << 20

    /// How hard to look for a short frame. What was measured is in NOTES.md.
    enum Effort {
        /// Bytes of numbers: the shorter of Huffman coding alone and level 1.
        case numbers
        /// Text with repetitions.
        case text
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct Settings {
        let level: Int32
        var forcesLiteralCompression = false
    }

    /// ZSTD_c_literalCompressionMode and ZSTD_lcm_huffman, which zstd.h declares as experimental parameters.
    private static let literalCompressionMode = ZSTD_cParameter(rawValue: 1002)
    private static let literalsByHuffman: Int32 = 1
    private static let textBytesAtHighLevel = 4 << 20

    /// A frame with content size, single segment and checksum.
    ///
    /// - Throws: `Failure` when zstd has no memory.
    static func compress(_ content: UnsafeRawBufferPointer, _ effort: Effort) throws -> [UInt8] {
        switch effort {
        case .text:
            return try compress(content, Settings(level: content.count <= textBytesAtHighLevel ? 17 : 12))
        case .numbers:
            // The lowest level finds next to no matches: what is left is the entropy coding of the bytes.
            let entropyOnly = try compress(content, Settings(level: ZSTD_minCLevel(), forcesLiteralCompression: true))
            let matched = try compress(content, Settings(level: 1))
            return matched.count < entropyOnly.count ? matched : entropyOnly
        }
    }

    private static func compress(_ content: UnsafeRawBufferPointer, _ settings: Settings) throws -> [UInt8] {
        guard let context = ZSTD_createCCtx() else { throw Failure(description: "zstd has no memory") }
        defer { ZSTD_freeCCtx(context) }
        // A window that holds the content is what makes the frame a single segment.
        let windowLog = max(10, Int.bitWidth - max(content.count - 1, 0).leadingZeroBitCount)
        var parameters: [(ZSTD_cParameter, Int32)] = [
            (ZSTD_c_compressionLevel, settings.level), (ZSTD_c_windowLog, Int32(windowLog)), (ZSTD_c_checksumFlag, 1),
            (ZSTD_c_contentSizeFlag, 1),
        ]
        if settings.forcesLiteralCompression { parameters.append((literalCompressionMode, literalsByHuffman)) }
        for (parameter, value) in parameters { try check(ZSTD_CCtx_setParameter(context, parameter, value)) }
        let bound = ZSTD_compressBound(content.count)
        return FrameHeader.widened(
            try [UInt8](unsafeUninitializedCapacity: bound) { buffer, initialized in
                initialized = try check(ZSTD_compress2(context, buffer.baseAddress, bound, content.baseAddress, content.count))
            })
    }

    /// Most bytes that a frame of `count` content bytes takes.
    static func bound(_ count: Int) -> Int { Int(ZSTD_compressBound(count)) + 7 }

    /// The fewest bytes that a frame of `count` content bytes takes: four for each block of at most 128 KiB.
    static func leastByteCount(of count: Int) -> Int {
        FrameHeader.minimumFrameByteCount + max(count / (128 << 10) - 1, 0) * 4
    }

    /// Fills `out` with the content of `frame`, which must be exactly one frame of exactly that content.
    ///
    /// - Throws: `Failure` saying what is wrong: header, length, a damaged block, the content checksum.
    static func decompress(_ frame: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer) throws {
        guard let header = FrameHeader(frame) else { throw Failure(description: "is no zstd frame as the container has them") }
        guard header.contentByteCount == out.count else {
            throw Failure(description: "declares \(header.contentByteCount) bytes of content, \(out.count) are listed")
        }
        let length = try check(ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count))
        guard length == frame.count else { throw Failure(description: "is \(length) bytes long, \(frame.count) are listed") }
        let written = try check(ZSTD_decompress(out.baseAddress, out.count, frame.baseAddress, frame.count))
        guard written == out.count else { throw Failure(description: "has \(written) bytes of content, \(out.count) were declared") }
    }

    @discardableResult
    private static func check(_ code: Int) throws -> Int {
        guard ZSTD_isError(code) == 0 else { throw Failure(description: "zstd: \(String(cString: ZSTD_getErrorName(code)))") }
        return code
    }
}
