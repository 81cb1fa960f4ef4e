import Execution
import FormatKit
import ModelGraph

/// Turns the frames of a part into its content, and checks what can be checked on the way.
struct PartDecoder {
    let file: MappedFile
    let execution: ExecutionContext

    /// The content, made anew each time it is asked for.
    func source(_ part: Part, _ object: String) -> any ByteSource {
        let decoder = self
        return DeferredBytes(byteCount: part.byteCount, pieces: { try decoder.forEachChunk(part, object, $0) }) {
            try decoder.content(part, object)
        }
    }

    /// Calls `body` with the content of chunk after chunk; no more than one is in memory, and of the file no more than its frames.
    ///
    /// - Throws: as `content`; what is wrong with the digest comes after the last chunk.
    func forEachChunk(_ part: Part, _ object: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let framesPerChunk = part.encoding.coding.framesPerChunk
        let digest = DigestStream()
        var offset = part.offset
        for chunk in 0..<part.chunkCount {
            try execution.cancellation.check()
            let frames = part.frames[chunk * framesPerChunk..<(chunk + 1) * framesPerChunk]
            let target = OwnedChunk(byteCount: part.range(ofChunk: chunk).count)
            let start = offset
            do {
                try file.withBytes { bytes in
                    let stored = frames.map { frame in
                        defer { offset += frame.storedByteCount }
                        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + frame.storedByteCount])
                    }
                    try PartDecoder.decode(stored, frames, part.encoding, into: target.bytes)
                }
            } catch {
                throw FormatError.malformed(file.path, object, "frame at offset \(start): \(error)")
            }
            MappedBytes(file, offset: start, byteCount: offset - start)?.didRead(0..<offset - start)
            try withExtendedLifetime(target) {
                digest.add(UnsafeRawBufferPointer(target.bytes))
                try body(UnsafeRawBufferPointer(target.bytes))
            }
        }
        guard let found = digest.digest, found == part.digest else {
            throw FormatError.malformed(
                file.path, object,
                "content has the digest \(digest.digest?.hexadecimal ?? "none"), the manifest \(part.digest.hexadecimal)")
        }
    }

    /// The content of a part whose numbers were checked.
    ///
    /// - Throws: `FormatError.malformed` naming `object` and the frame for a frame that is damaged, breaks its encoding or does
    ///   not match its checksum, and for content that does not match the digest; `Cancelled`.
    func content(_ part: Part, _ object: String) throws -> OwnedBytes {
        let coding = part.encoding.coding
        var offsets: [Int] = []
        offsets.reserveCapacity(part.frames.count)
        var offset = part.offset
        for frame in part.frames {
            offsets.append(offset)
            offset += frame.storedByteCount
        }
        let content = try OwnedBytes(byteCount: part.byteCount) { out in
            try file.withBytes { bytes in
                try execution.parallelFor(part.chunkCount) { chunk in
                    let indices = chunk * coding.framesPerChunk..<(chunk + 1) * coding.framesPerChunk
                    let stored = indices.map { index in
                        UnsafeRawBufferPointer(rebasing: bytes[offsets[index]..<offsets[index] + part.frames[index].storedByteCount])
                    }
                    let target = UnsafeMutableRawBufferPointer(rebasing: out[part.range(ofChunk: chunk)])
                    do {
                        try PartDecoder.decode(stored, part.frames[indices], part.encoding, into: target)
                    } catch {
                        throw FormatError.malformed(file.path, object, "frame at offset \(offsets[indices.lowerBound]): \(error)")
                    }
                }
            }
        }
        // What the frames became is in memory now: their pages need not be.
        MappedBytes(file, offset: part.offset, byteCount: offset - part.offset)?.didRead(0..<offset - part.offset)
        let digest = try content.withUnsafeBytes { ContentDigest(of: $0) }
        guard digest == part.digest else {
            throw FormatError.malformed(
                file.path, object, "content has the digest \(digest.hexadecimal), the manifest \(part.digest.hexadecimal)")
        }
        return content
    }

    private static func decode(
        _ stored: [UnsafeRawBufferPointer], _ frames: ArraySlice<Part.Frame>, _ encoding: PartEncoding,
        into target: UnsafeMutableRawBufferPointer
    ) throws {
        if encoding == .raw { return try ZstdFrame.decompress(stored[0], into: target) }
        let scratch = frames.map { OwnedChunk(byteCount: $0.contentByteCount) }
        for (frame, room) in zip(stored, scratch) { try ZstdFrame.decompress(frame, into: room.bytes) }
        try withExtendedLifetime(scratch) {
            try encoding.coding.decode(scratch.map { UnsafeRawBufferPointer($0.bytes) }, into: target)
        }
    }
}
