import Execution
import FormatKit
import ModelGraph

@testable import CapletFormat

extension FuzzTarget {
    /// What lies behind the digests of a `.caplet`: a container is sealed around each input.
    static let containerTargets: [(name: String, body: Body)] = [
        (
            "caplet-manifest",
            { bytes in
                let manifest = try Manifest(parsing: bytes, path: "m.caplet")
                try manifest.checkTiling(manifestOffset: ContainerHeader.byteCount, path: "m.caplet")
            }
        ),
        (
            "caplet-sealed",
            { bytes in
                // Two bytes say where the manifest ends and the parts' frames begin.
                guard bytes.count >= 2 else { return }
                let split = min(2 + Int(bytes[0]) | Int(bytes[1]) << 8, bytes.count)
                let parts = Array(bytes[split...])
                let frame = try ZstdFrame.compress(UnsafeRawBufferPointer(rebasing: bytes[2..<split]), .numbers)
                let footer = ContainerFooter(
                    manifestOffset: ContainerHeader.byteCount + parts.count, manifestFrame: frame, manifestContentByteCount: split - 2)
                let sealed = ContainerHeader.bytes + parts + frame + footer.bytes
                try sealed.withUnsafeBytes { try readAll($0, CapletFormat()) }
            }
        ),
        ("caplet-coding", decode),
    ]

    /// The first byte chooses an encoding, the next two the chunk's size; the rest is the frames' content.
    private static func decode(_ bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count >= 4 else { return }
        let width = [2, 4, 8][Int(bytes[0] >> 3) % 3]
        let encodings: [PartEncoding] = [
            .raw, .planes(width: width), .floatPlanes(width: width), .gaps,
            .packed(PackedCodes(low: bytes[3], radix: 2 + Int(bytes[0] >> 3) % 15, escapes: bytes[0] & 4 != 0)),
            .adaptive(AdaptiveCodes(columns: 1 + Int(bytes[3] >> 1), center: (bytes[3] & 1) &* 128, isTrellis: bytes[0] & 8 != 0)),
        ]
        let encoding = encodings[Int(bytes[0] & 7) % encodings.count]
        let size = (Int(bytes[1]) | Int(bytes[2] & 7) << 8) / encoding.unit * encoding.unit
        let coding = encoding.coding
        let content = UnsafeRawBufferPointer(rebasing: bytes[4...])
        let each = content.count / coding.framesPerChunk
        // What the manifest's check has seen to before anything is decoded.
        guard coding.frameContent(ofChunk: size).contains(each) else { return }
        let frames = (0..<coding.framesPerChunk).map { UnsafeRawBufferPointer(rebasing: content[$0 * each..<($0 + 1) * each]) }
        let chunk = OwnedChunk(byteCount: size)
        try withExtendedLifetime(chunk) { try coding.decode(frames, into: chunk.bytes) }
        // Each chunk has one encoding, so what was decoded encodes to what it came from.
        guard zip(coding.encode(UnsafeRawBufferPointer(chunk.bytes)), frames).allSatisfy({ $0.elementsEqual($1) }) else {
            fatalError("\(encoding) has two encodings of one chunk")
        }
    }
}
