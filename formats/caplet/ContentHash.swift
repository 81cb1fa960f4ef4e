import Execution
import FormatKit
import ModelGraph

/// Parts as their SHA-256 digests alone: nothing is compressed, nothing is written.
final class PartHash: PartSink {
    private let context: ExecutionContext
    private(set) var contentDigests: [SHA256Digest] = []

    init(_ context: ExecutionContext) { self.context = context }

    func array(_ tensor: DenseTensor) throws -> Part { try part(tensor.bytes) }

    func codes(_ codes: any ByteSource, bits: Int, isSymmetric: Bool, columns: Int) throws -> Part { try part(codes) }

    func positions(_ pattern: SparsePattern) throws -> Part { try part(Bitmap.packed(pattern)) }

    func file(_ bytes: [UInt8], _ encoding: PartEncoding) throws -> Part { try part(OwnedBytes(bytes)) }

    private func part(_ source: any ByteSource) throws -> Part {
        var stream = SHA256Stream()
        try source.forEachPiece(atOnce: context.threads) { piece in
            try context.cancellation.check()
            stream.add(piece)
        }
        contentDigests.append(stream.digest)
        let none = ContentDigest(high: 0, low: 0)
        return Part(
            encoding: .raw, byteCount: source.byteCount, chunkByteCount: 1, offset: 0, frames: [], digest: none, storedDigest: none)
    }
}

extension CapletFormat {
    /// The SHA-256 digest of all that a model holds, whatever the format that it was read from (SPEC.md, "Manifest", `sha256`).
    ///
    /// - Throws: what the tensors' storage throws; `Cancelled`.
    public static func contentDigest(of graph: TensorGraph, _ context: ExecutionContext) throws -> SHA256Digest {
        let sink = PartHash(context)
        let manifest = try CapletWriter(graph, WriteOptions()).manifest(sink) { _ in try context.cancellation.check() }
        return manifest.contentDigest(sink.contentDigests)
    }
}
