import CZstd

/// One zstd frame made from or turned into its content.
enum ZstdFrame {
    /// Most content bytes of a part's frame.
    static let maximumContentByteCount = 16 << 20

    /// How hard to look for a short frame. What was measured is in NOTES.md.
    enum Effort {
        /// Bytes of numbers: the shorter of Huffman coding alone and level 1, where a sample leaves that open.
        case numbers
        /// Text with repetitions.
        case text
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct Settings: Equatable {
        let level: Int32
        var literals: Literals? = nil

        /// Huffman coding alone: the lowest level finds next to no matches.
        static let entropyOnly = Settings(level: ZSTD_minCLevel(), literals: .huffman)
        /// Blocks of the bytes as they are.
        static let stored = Settings(level: ZSTD_minCLevel(), literals: .asTheyAre)
        static let matched = Settings(level: 1)
    }

    /// ZSTD_literalCompressionMode_e, the values of an experimental parameter of zstd.h.
    private enum Literals: Int32 {
        case huffman = 1
        case asTheyAre = 2
    }

    private static let literalCompressionMode = ZSTD_cParameter(rawValue: 1002)
    private static let textBytesAtHighLevel = 4 << 20

    /// A frame with content size, single segment and checksum.
    ///
    /// - Throws: `Failure` when zstd has no memory.
    static func compress(_ content: UnsafeRawBufferPointer, _ effort: Effort) throws -> [UInt8] {
        switch effort {
        case .text: return try compress(content, Settings(level: content.count <= textBytesAtHighLevel ? 17 : 12))
        case .numbers: return try shortest(content, of: try settings(for: content))
        }
    }

    private static func shortest(_ content: UnsafeRawBufferPointer, of settings: [Settings]) throws -> [UInt8] {
        var best = try compress(content, settings[0])
        for other in settings.dropFirst() {
            let frame = try compress(content, other)
            if frame.count < best.count { best = frame }
        }
        return best
    }

    /// The settings that are worth trying on the bytes of numbers: both, but where a sample says clearly what the whole will.
    private static func settings(for content: UnsafeRawBufferPointer) throws -> [Settings] {
        let all = [Settings.entropyOnly, .matched]
        guard content.count >= leastSampledByteCount else { return all }
        return try sample(of: content).withUnsafeBytes { sample in
            let (coded, matched) = (try compress(sample, .entropyOnly).count, try compress(sample, .matched).count)
            // A short sample cannot tell a gain of a few per cent from the table that it costs.
            if min(coded, matched) >= sample.count { return [sample.count < longSampleByteCount ? .entropyOnly : .stored] }
            return Double(matched) > clearLead * Double(coded) ? [.entropyOnly] : all
        }
    }

    /// Contents from this size on are sampled.
    private static let leastSampledByteCount = 64 << 10
    private static let samplePieces = 4
    private static let longSampleByteCount = 64 << 10
    /// Level 1 is not tried on the whole where it makes the sample this much longer than Huffman coding alone.
    private static let clearLead = 1.03

    /// An eighth of the content, at most `longSampleByteCount`, in pieces at even distances.
    private static func sample(of content: UnsafeRawBufferPointer) -> [UInt8] {
        let piece = min(content.count / 8, longSampleByteCount) / samplePieces
        let step = (content.count - piece) / (samplePieces - 1)
        return (0..<samplePieces).flatMap { content[$0 * step..<$0 * step + piece] }
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
        if let literals = settings.literals { parameters.append((literalCompressionMode, literals.rawValue)) }
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
