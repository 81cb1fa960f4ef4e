import Execution
import FormatKit
import ModelGraph
import Synchronization

/// Turns the frames of a part into its content, and checks what can be checked on the way.
struct PartDecoder {
    let file: MappedFile
    private(set) var execution: ExecutionContext
    private let rooms = ChunkRooms()

    init(file: MappedFile, execution: ExecutionContext) {
        self.file = file
        self.execution = execution
    }

    /// The same on other threads.
    func with(_ execution: ExecutionContext) -> PartDecoder {
        var copy = self
        copy.execution = execution
        return copy
    }

    /// The content, made anew each time it is asked for.
    func source(_ part: Part, _ object: String) -> any ByteSource {
        let decoder = self
        return DeferredBytes(
            byteCount: part.byteCount, pieceByteCount: part.decodingByteCount, atOnce: true,
            separately: SeparatePieces(byteCount: part.chunkByteCount, atOnce: execution.threads) { decoder.chunkMaker(part, object) },
            pieces: { try decoder.forEachChunk(part, object, atOnce: $0, $1) }
        ) { try decoder.content(part, object) }
    }

    /// Calls `body` with the content of chunk after chunk; no more than `count` of them are in memory, and of the file no more than their
    /// frames.
    ///
    /// - Throws: as `content`; what is wrong with the digest comes after the last chunk.
    func forEachChunk(_ part: Part, _ object: String, atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let places = ChunkPlaces(part)
        // Each chunk that is made at once has a target and scratch of its own.
        nonisolated(unsafe) let work = (0..<min(max(count, 1), part.chunkCount)).map { _ in
            (target: OwnedChunk(byteCount: part.range(ofChunk: 0).count, rooms), scratch: places.scratch(rooms))
        }
        let digest = DigestStream()
        for first in stride(from: 0, to: part.chunkCount, by: max(work.count, 1)) {
            let chunks = first..<min(first + work.count, part.chunkCount)
            @Sendable func content(_ chunk: Int) -> UnsafeMutableRawBufferPointer {
                UnsafeMutableRawBufferPointer(rebasing: work[chunk - first].target.bytes[..<part.range(ofChunk: chunk).count])
            }
            try execution.cancellation.check()
            try execution.parallelFor(chunks.count) { index in
                try decode(first + index, of: part, places, object, into: content(first + index), work[index].scratch)
            }
            let stored = places.range(first).lowerBound..<places.range(chunks.upperBound - 1).upperBound
            MappedBytes(file, offset: stored.lowerBound, byteCount: stored.count)?.didRead(0..<stored.count)
            try withExtendedLifetime(work) {
                for chunk in chunks {
                    digest.add(UnsafeRawBufferPointer(content(chunk)))
                    try body(UnsafeRawBufferPointer(content(chunk)))
                }
            }
        }
        try check(digest.digest, of: part, object)
    }

    /// Makes chunks in any order. Their digest is checked where each run of chunks begins where the one before it ended, up to the last.
    private func chunkMaker(_ part: Part, _ object: String) -> SeparatePieces.Maker {
        let places = ChunkPlaces(part)
        let inOrder = Mutex(InOrder())
        return { chunks in
            try execution.cancellation.check()
            let made = try execution.parallelMap(chunks.count) { index in
                let chunk = chunks.lowerBound + index
                return try OwnedBytes(byteCount: part.range(ofChunk: chunk).count) {
                    try decode(chunk, of: part, places, object, into: $0, places.scratch(rooms))
                }
            }
            let stored = places.range(chunks.lowerBound).lowerBound..<places.range(chunks.upperBound - 1).upperBound
            MappedBytes(file, offset: stored.lowerBound, byteCount: stored.count)?.didRead(0..<stored.count)
            try inOrder.withLock { inOrder in
                guard chunks.lowerBound == inOrder.next else { return }
                inOrder.next = chunks.upperBound
                for content in made { try content.withUnsafeBytes { inOrder.digest.add($0) } }
                if inOrder.next == part.chunkCount { try check(inOrder.digest.digest, of: part, object) }
            }
            return made
        }
    }

    /// The digest of the chunks before `next`.
    private struct InOrder {
        var next = 0
        let digest = DigestStream()
    }

    /// The content of a part whose numbers were checked.
    ///
    /// - Throws: `FormatError.malformed` naming `object` and the frame for a frame that is damaged, breaks its encoding or does
    ///   not match its checksum, and for content that does not match the digest; `Cancelled`.
    func content(_ part: Part, _ object: String) throws -> OwnedBytes {
        let places = ChunkPlaces(part)
        let content = try OwnedBytes(byteCount: part.byteCount) { out in
            // Each chunk has a place of its own.
            nonisolated(unsafe) let out = out
            try execution.parallelFor(part.chunkCount) { chunk in
                let target = UnsafeMutableRawBufferPointer(rebasing: out[part.range(ofChunk: chunk)])
                try decode(chunk, of: part, places, object, into: target, places.scratch(rooms))
            }
        }
        // What the frames became is in memory now: their pages need not be.
        let stored = (places.offsets.last ?? part.offset) - part.offset
        MappedBytes(file, offset: part.offset, byteCount: stored)?.didRead(0..<stored)
        try check(try content.withUnsafeBytes { ContentDigest(of: $0) }, of: part, object)
        return content
    }

    private func check(_ digest: ContentDigest?, of part: Part, _ object: String) throws {
        guard digest != part.digest else { return }
        throw FormatError.malformed(
            file.path, object, "content has the digest \(digest?.hexadecimal ?? "none"), the manifest \(part.digest.hexadecimal)")
    }

    /// - Parameters:
    ///   - target: as long as the chunk.
    ///   - scratch: of `places`.
    private func decode(
        _ chunk: Int, of part: Part, _ places: ChunkPlaces, _ object: String, into target: UnsafeMutableRawBufferPointer,
        _ scratch: OwnedChunk
    ) throws {
        do {
            try file.withBytes { bytes in
                let frames = places.frames(chunk)
                let stored = frames.map { UnsafeRawBufferPointer(rebasing: bytes[places.offsets[$0]..<places.offsets[$0 + 1]]) }
                if part.encoding == .raw { return try ZstdFrame.decompress(stored[0], into: target) }
                var used = 0
                let contents = try zip(frames, stored).map { index, frame in
                    let count = part.frames[index].contentByteCount
                    let room = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes[used..<used + count])
                    used += count
                    try ZstdFrame.decompress(frame, into: room)
                    return UnsafeRawBufferPointer(room)
                }
                try withExtendedLifetime(scratch) { try part.encoding.coding.decode(contents, into: target) }
            }
        } catch {
            throw FormatError.malformed(file.path, object, "frame at offset \(places.range(chunk).lowerBound): \(error)")
        }
    }
}

/// Where the frames of a part's chunks lie in the file.
private struct ChunkPlaces {
    /// Where each frame begins, and the last one ends.
    let offsets: [Int]
    private let framesPerChunk: Int
    /// Content bytes of the frames of the chunk that has most.
    private let mostContent: Int

    init(_ part: Part) {
        framesPerChunk = part.encoding.coding.framesPerChunk
        var offsets = [part.offset]
        offsets.reserveCapacity(part.frames.count + 1)
        var (content, most) = (0, 0)
        for (index, frame) in part.frames.enumerated() {
            offsets.append(offsets[index] + frame.storedByteCount)
            content = (index % framesPerChunk == 0 ? 0 : content) + frame.contentByteCount
            most = max(most, content)
        }
        self.offsets = offsets
        mostContent = part.encoding == .raw ? 0 : most
    }

    func frames(_ chunk: Int) -> Range<Int> { chunk * framesPerChunk..<(chunk + 1) * framesPerChunk }

    func range(_ chunk: Int) -> Range<Int> { offsets[frames(chunk).lowerBound]..<offsets[frames(chunk).upperBound] }

    /// Room for the contents of any chunk's frames.
    func scratch(_ rooms: ChunkRooms) -> OwnedChunk { OwnedChunk(byteCount: mostContent, rooms) }
}
