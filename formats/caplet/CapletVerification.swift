import Execution
import FormatKit
import ModelGraph

/// What a file that was checked from end to end holds.
public struct CapletVerification: Sendable {
    public let tensorCount: Int
    public let attachmentCount: Int
    public let partCount: Int
    /// Frames of parts, and those of header, manifest and footer.
    public let frameCount: Int
    public let fileByteCount: Int
    /// Bytes of all parts, decoded.
    public let contentByteCount: Int
}

extension CapletFormat: VerifiableFormat {
    public func verify(_ path: String, _ context: ExecutionContext) throws -> [(count: Int, noun: String)] {
        let found = try CapletFormat.verify(path, context) as CapletVerification
        return [
            (found.fileByteCount, "bytes of the file accounted for"), (found.frameCount, "frames with their checksums"),
            (found.partCount, "parts with their digests"), (found.attachmentCount, "files"),
        ]
    }

    /// Reads every byte of the file: each frame's form and checksum, each part's two digests, that the parts tile the file, and
    /// what the graph asks of codes and positions.
    ///
    /// - Returns: counts, when nothing is wrong.
    /// - Throws: `FormatError` naming the first damage in the order of the file; `FileAccessError`; `Cancelled`.
    public static func verify(_ path: String, _ context: ExecutionContext) throws -> CapletVerification {
        let reader = try CapletReader(path, ReadContext(execution: context))
        // The graph is built first: shapes and counts must agree before codes are looked at.
        let graph = try reader.graph()
        let parts = reader.manifest.parts
        let contentByteCount = parts.reduce(0) { $0 + $1.part.byteCount }
        context.progress.begin("verifying", total: contentByteCount, unit: "bytes")
        defer { context.progress.end() }
        let digests = try PartVerifier(reader, context).verify(parts)
        if let expected = reader.manifest.sha256 {
            let found = reader.manifest.contentDigest(digests)
            guard found == expected else {
                throw FormatError.malformed(
                    path, "manifest", "content has the SHA-256 digest \(found.hexadecimal), the manifest \(expected.hexadecimal)")
            }
        }
        return CapletVerification(
            tensorCount: graph.tensors.count, attachmentCount: graph.attachments.count, partCount: parts.count,
            frameCount: parts.reduce(3) { $0 + $1.part.frames.count }, fileByteCount: reader.file.byteCount,
            contentByteCount: contentByteCount)
    }
}

/// Checks parts: small ones next to each other, large ones one at a time with their chunks in parallel. Of each some chunks are in memory.
private struct PartVerifier: Sendable {
    private let file: MappedFile
    /// Whether the manifest has a SHA-256 digest of all contents.
    private let isHashed: Bool
    private let context: ExecutionContext
    private let decoder: PartDecoder
    private let rules: [String: ContentRule]

    init(_ reader: CapletReader, _ context: ExecutionContext) {
        file = reader.file
        isHashed = reader.manifest.sha256 != nil
        self.context = context
        decoder = reader.decoder
        var rules: [String: ContentRule] = [:]
        for tensor in reader.manifest.tensors { ContentRule.each(tensor.payload, "tensor '\(tensor.name)'") { rules[$0] = $1 } }
        self.rules = rules
    }

    /// - Returns: the SHA-256 digest of each part's content; none where the manifest has none of all.
    /// - Throws: the first damage in the order of the file.
    func verify(_ parts: [(object: String, part: Part)]) throws -> [SHA256Digest] {
        var digests: [SHA256Digest] = []
        var next = 0
        while next < parts.count {
            // As many at a time as are looked through soon, so that damage is not found long after it was read.
            let batch = parts[next..<min(next + PartVerifier.batchCount, parts.count)]
            let found = try context.mapReading(batch.map { PieceReading($0.part) }) { index, atOnce in
                try outcome(batch[batch.startIndex + index], atOnce: atOnce)
            }
            digests += try found.map { try $0.get() }.compactMap { $0 }
            next += batch.count
        }
        return digests
    }

    private static let batchCount = 256

    /// The digest of the part's content, or what is wrong with it.
    private func outcome(_ item: (object: String, part: Part), atOnce: Int) throws -> Result<SHA256Digest?, FormatError> {
        do {
            let digest = try check(item.part, item.object, atOnce: atOnce)
            context.progress.advance(by: item.part.byteCount, remark: item.object)
            return .success(digest)
        } catch let error as FormatError {
            return .failure(error)
        }
    }

    private func check(_ part: Part, _ object: String, atOnce: Int) throws -> SHA256Digest? {
        let path = file.path
        var check = rules[object].map(ContentCheck.init)
        var hash = isHashed ? SHA256Stream() : nil
        try decoder.with(context.with(threads: atOnce)).forEachChunk(part, object, atOnce: atOnce) { chunk in
            check?.add(chunk)
            hash?.add(chunk)
        }
        let stored = file.withBytes {
            ContentDigest(of: UnsafeRawBufferPointer(rebasing: $0[part.offset..<part.offset + part.storedByteCount]))
        }
        guard stored == part.storedDigest else {
            throw FormatError.malformed(
                path, object,
                "frames from offset \(part.offset) have the digest \(stored.hexadecimal), the manifest "
                    + "\(part.storedDigest.hexadecimal); their content is intact")
        }
        if let defect = check?.defect { throw FormatError.malformed(path, object, defect) }
        return hash?.digest
    }
}

extension PieceReading {
    fileprivate init(_ part: Part) {
        self.init(byteCount: part.byteCount, pieceByteCount: part.decodingByteCount, isParallel: true)
    }
}
