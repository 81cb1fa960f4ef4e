import FormatKit

/// Bytes of the file's own: where their frames are and what they must turn into (SPEC.md, "Parts").
struct Part {
    struct Frame: Equatable {
        let storedByteCount: Int
        let contentByteCount: Int
    }

    let encoding: PartEncoding
    /// Bytes of content, decoded.
    let byteCount: Int
    /// Bytes of content that one chunk holds, the last one excepted.
    let chunkByteCount: Int
    /// Of the first frame, from the start of the file; the others follow without a gap, chunk after chunk.
    let offset: Int
    let frames: [Frame]
    /// Of the content.
    let digest: ContentDigest
    /// Of the frames as they are stored.
    let storedDigest: ContentDigest

    /// Most bytes of content that a chunk may hold.
    static let maximumChunkByteCount = 16 << 20

    var storedByteCount: Int { frames.reduce(0) { $0 + $1.storedByteCount } }

    /// Memory for decoding a chunk: its content, and the contents of its frames where these are other bytes.
    var decodingByteCount: Int {
        let chunk = range(ofChunk: 0).count
        if encoding == .raw { return chunk }
        let framesPerChunk = encoding.coding.framesPerChunk
        let largest = frames.reduce(0) { max($0, $1.contentByteCount) }
        return chunk + framesPerChunk * largest
    }

    static func chunkCount(_ byteCount: Int, chunk: Int) -> Int { byteCount / chunk + (byteCount % chunk == 0 ? 0 : 1) }
    var chunkCount: Int { Part.chunkCount(byteCount, chunk: chunkByteCount) }

    /// The content's bytes that a chunk holds.
    func range(ofChunk index: Int) -> Range<Int> {
        let start = index * chunkByteCount
        return start..<min(start + chunkByteCount, byteCount)
    }

    /// What is wrong with the numbers of the part, nil when nothing is: a reader allocates nothing before.
    ///
    /// - Parameter limit: where the part must have ended, from the start of the file.
    func defect(limit: Int) -> String? {
        let unit = encoding.unit
        guard byteCount >= 0, byteCount % unit == 0 else { return "has \(byteCount) bytes in elements of \(unit)" }
        guard chunkByteCount > 0, chunkByteCount <= Part.maximumChunkByteCount, chunkByteCount % encoding.chunkUnit == 0 else {
            return "has chunks of \(chunkByteCount) bytes; multiples of \(encoding.chunkUnit) to \(Part.maximumChunkByteCount) are allowed"
        }
        // A few bytes of file must not stand for a long row's work.
        if case .adaptive(let codes) = encoding, codes.columns > byteCount {
            return "has rows of \(codes.columns) codes in \(byteCount) bytes"
        }
        let coding = encoding.coding
        let (expected, overflow) = chunkCount.multipliedReportingOverflow(by: coding.framesPerChunk)
        guard !overflow, frames.count == expected else { return "has \(frames.count) frames for \(chunkCount) chunks" }
        guard offset >= ContainerHeader.byteCount, offset <= limit else { return "begins at \(offset), outside the parts' \(limit) bytes" }
        var left = limit - offset
        for (index, frame) in frames.enumerated() {
            let chunk = range(ofChunk: index / coding.framesPerChunk).count
            guard coding.frameContent(ofChunk: chunk).contains(frame.contentByteCount),
                frame.contentByteCount <= ZstdFrame.maximumContentByteCount
            else { return "frame \(index) declares \(frame.contentByteCount) bytes of content for a chunk of \(chunk)" }
            guard frame.storedByteCount >= ZstdFrame.leastByteCount(of: frame.contentByteCount), frame.storedByteCount <= left else {
                return "frame \(index) declares \(frame.contentByteCount) bytes of content in \(frame.storedByteCount), \(left) are left"
            }
            left -= frame.storedByteCount
        }
        return nil
    }
}
