import Execution
import FormatKit
import ModelGraph

/// Writes parts one after another into a file: chunks are compressed in parallel, a few at a time, and written in order.
final class PartWriter: PartSink {
    private let file: AtomicFileWriter
    private let context: ExecutionContext
    /// What progress says of the parts that come.
    var remark = ""
    private(set) var contentDigests: [SHA256Digest] = []

    /// Content bytes a chunk: small enough for a tensor to have several, large enough that frames cost nothing.
    static let chunkByteCount = 2 << 20
    static let textChunkByteCount = 4 << 20
    /// Content bytes below which a hash takes less than to have another thread make it.
    private static let leastHashedApart = 1 << 16
    /// Chunks in memory for each thread.
    private static let chunksPerThread = 4
    /// Positions denser than this are never shorter as gaps.
    private static let maximumGapDensity = 0.25

    init(_ file: AtomicFileWriter, _ context: ExecutionContext) {
        self.file = file
        self.context = context
    }

    func array(_ tensor: DenseTensor) throws -> Part {
        try tensor.bytes.withUnsafeBytes { try write($0, .array(tensor.dtype)) }
    }

    func codes(_ codes: any ByteSource, bits: Int, isSymmetric: Bool, columns: Int) throws -> Part {
        try codes.withUnsafeBytes { bytes in
            let packing = CodePacking(bytes)
            try packing.checkRange(bits: bits, isSymmetric: isSymmetric)
            return try write(bytes, packing.encoding(for: bytes, columns: columns, isSymmetric: isSymmetric))
        }
    }

    func positions(_ pattern: SparsePattern) throws -> Part {
        try Bitmap.packed(pattern).withUnsafeBytes { bitmap in
            let elements = Double(pattern.rows) * Double(pattern.columns)
            guard Double(pattern.nonZeroCount) < elements * PartWriter.maximumGapDensity else { return try write(bitmap, .raw) }
            // Threads read it, and it stays until they have.
            nonisolated(unsafe) let bitmap = bitmap
            func size(_ encoding: PartEncoding) throws -> Int {
                let chunks = Part.chunkCount(bitmap.count, chunk: PartWriter.chunkByteCount)
                return try context.parallelMap(chunks) {
                    try PartWriter.frames(bitmap, $0, encoding, .numbers).reduce(0) { $0 + $1.bytes.count }
                }
                .reduce(0, +)
            }
            return try write(bitmap, size(.gaps) < size(.raw) ? .gaps : .raw)
        }
    }

    func file(_ bytes: [UInt8], _ encoding: PartEncoding) throws -> Part {
        try bytes.withUnsafeBytes { try write($0, encoding, effort: encoding == .raw ? .text : .numbers) }
    }

    private func write(_ content: UnsafeRawBufferPointer, _ encoding: PartEncoding, effort: ZstdFrame.Effort = .numbers) throws -> Part {
        let offset = file.byteCount
        let chunk = PartWriter.chunkByteCount(encoding, effort)
        let chunks = Part.chunkCount(content.count, chunk: chunk)
        let stored = DigestStream()
        // One task of a batch has it, and this thread between batches.
        nonisolated(unsafe) var hash = SHA256Stream()
        // Threads read it, and it stays until they have.
        nonisolated(unsafe) let content = content
        var frames: [Part.Frame] = []
        let batch = context.threads * PartWriter.chunksPerThread
        for first in stride(from: 0, to: chunks, by: batch) {
            let count = min(batch, chunks - first)
            // The hash takes pieces in order, so that one task has all of the batch's.
            nonisolated(unsafe) let piece = UnsafeRawBufferPointer(
                rebasing: content[first * chunk..<min((first + count) * chunk, content.count)])
            let isTask = piece.count >= PartWriter.leastHashedApart
            if !isTask { hash.add(piece) }
            let made = try context.parallelMap(count + (isTask ? 1 : 0)) { index in
                if index < count { return try PartWriter.frames(content, first + index, encoding, effort) }
                hash.add(piece)
                return []
            }
            for frame in made.joined() {
                stored.add(frame.bytes)
                try file.write(frame.bytes)
                frames.append(Part.Frame(storedByteCount: frame.bytes.count, contentByteCount: frame.contentByteCount))
            }
            context.progress.advance(by: min(batch * chunk, content.count - first * chunk), remark: remark)
        }
        guard let storedDigest = stored.digest else { throw FormatError.writeFailed(file.path, "no memory for a digest") }
        contentDigests.append(hash.digest)
        return Part(
            encoding: encoding, byteCount: content.count, chunkByteCount: chunk, offset: offset, frames: frames,
            digest: ContentDigest(of: content), storedDigest: storedDigest)
    }

    /// Whole rows, where the encoding has rows.
    static func chunkByteCount(_ encoding: PartEncoding, _ effort: ZstdFrame.Effort) -> Int {
        let most = effort == .text ? textChunkByteCount : chunkByteCount
        return most / encoding.chunkUnit * encoding.chunkUnit
    }

    private static func frames(
        _ content: UnsafeRawBufferPointer, _ index: Int, _ encoding: PartEncoding, _ effort: ZstdFrame.Effort
    ) throws -> [(bytes: [UInt8], contentByteCount: Int)] {
        let size = chunkByteCount(encoding, effort)
        let chunk = UnsafeRawBufferPointer(rebasing: content[index * size..<min((index + 1) * size, content.count)])
        if encoding == .raw { return [(try ZstdFrame.compress(chunk, effort), chunk.count)] }
        return try encoding.coding.encode(chunk).map { plane in
            (try plane.withUnsafeBytes { try ZstdFrame.compress($0, effort) }, plane.count)
        }
    }
}
