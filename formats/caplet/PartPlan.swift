import FormatKit
import ModelGraph

/// Parts as large as they can become, for a plan that compresses nothing.
final class PartPlan: PartSink {
    /// Sums of upper bounds.
    private(set) var byteCount = 0
    var contentDigests: [SHA256Digest] { [] }

    /// Numbers with as many digits as any that a manifest can hold.
    private static let widestOffset = 1_000_000_000_000_000_000
    private static let widestSize = 10_000_000
    private static let digest = ContentDigest(high: 0, low: 0)

    func array(_ tensor: DenseTensor) -> Part { plan(tensor.byteCount, .array(tensor.dtype), frameContent: nil) }

    // A bitmap without compression bounds both encodings of positions: gaps are taken only where they are shorter.
    func positions(_ pattern: SparsePattern) -> Part { plan(pattern.byteCount, .raw, frameContent: nil) }

    func codes(_ codes: any ByteSource, bits: Int, isSymmetric: Bool, columns: Int) -> Part {
        // A coder is taken only where codes become shorter than they are; one that adapts has the longest name, and chunks of whole rows.
        let columns = max(min(columns, AdaptiveCodes.maximumColumns), 1)
        return plan(codes.byteCount, .adaptive(AdaptiveCodes(columns: columns, center: 255, isTrellis: false))) { $0 + 1 }
    }

    func file(_ bytes: [UInt8], _ encoding: PartEncoding) -> Part { plan(bytes.count, encoding, frameContent: nil) }

    private func plan(_ byteCount: Int, _ encoding: PartEncoding, frameContent: ((Int) -> Int)?) -> Part {
        let chunk = PartWriter.chunkByteCount(encoding, .numbers)
        var frames: [Part.Frame] = []
        var bound = 0
        for index in 0..<Part.chunkCount(byteCount, chunk: chunk) {
            let size = min(chunk, byteCount - index * chunk)
            for _ in 0..<encoding.coding.framesPerChunk {
                bound += ZstdFrame.bound(frameContent?(size) ?? encoding.coding.frameContent(ofChunk: size).upperBound)
                frames.append(Part.Frame(storedByteCount: PartPlan.widestSize, contentByteCount: PartPlan.widestSize))
            }
        }
        self.byteCount += bound
        return Part(
            encoding: encoding, byteCount: byteCount, chunkByteCount: chunk, offset: PartPlan.widestOffset, frames: frames,
            digest: PartPlan.digest, storedDigest: PartPlan.digest)
    }
}
