import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

@testable import CapletFormat

/// The SHA-256 digest of what a file holds, beside the reference reader's and that of the graph.
final class ContentDigestTests: XCTestCase {
    private static let reader = Repository.path("formats/caplet/reference/caplet_reader.py")

    /// Digests as FIPS 180-4 and its test vectors have them.
    func testSHA256() throws {
        XCTAssertEqual(
            SHA256Digest(of: Array("abc".utf8)).hexadecimal, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        XCTAssertEqual(SHA256Digest(of: []).hexadecimal, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        var stream = SHA256Stream()
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1000)
        for _ in 0..<1000 { million.withUnsafeBytes { stream.add($0) } }
        XCTAssertEqual(stream.digest.hexadecimal, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        XCTAssertNil(SHA256Digest(hexadecimal: "ba78"))
        XCTAssertEqual(SHA256Digest(hexadecimal: stream.digest.hexadecimal.uppercased()), stream.digest)
    }

    private func written(_ graph: TensorGraph, _ folder: TemporaryFolder, threads: Int = 2) throws -> String {
        let path = folder.path("m-\(threads).caplet")
        try CapletFormat().write(graph, to: path, WriteOptions(), ExecutionContext(threads: threads))
        return path
    }

    private func stored(_ path: String) throws -> String? { try CapletReader(path, ReadContext()).manifest.sha256?.hexadecimal }

    func testTheFileTheGraphAndTheReferenceAgree() throws {
        let folder = try TemporaryFolder()
        var graph = try SampleGraph.structured()
        graph.attach(Attachment(name: "config.json", bytes: SampleGraph.bytes(5_000_000, seed: 3)))
        graph.metadata["a \u{8}\u{C}\"\\b key"] = .string("ü\u{1F}\n")
        graph.metadata["long"] = .array(.uint32, (0..<1000).map { .uint32(UInt32($0)) })
        let path = try written(graph, folder)
        let digest = try XCTUnwrap(stored(path))
        XCTAssertEqual(try stored(written(graph, folder, threads: 1)), digest)
        let context = ExecutionContext(threads: 2)
        XCTAssertEqual(try CapletFormat.contentDigest(of: graph, context).hexadecimal, digest)
        XCTAssertEqual(try CapletFormat.contentDigest(of: CapletFormat().read(path, ReadContext()), context).hexadecimal, digest)
        let reference = try PythonProcess.run(
            "import sys, runpy; print(runpy.run_path(sys.argv[1])['CapletFile'](sys.argv[2]).sha256())", [Self.reader, path])
        XCTAssertEqual(reference.split(separator: "\n").map(String.init), [digest])
    }

    /// Whatever changes, the digest does; provenance is not of the content.
    func testEveryChangeIsSeen() throws {
        let context = ExecutionContext(threads: 1)
        let graph = try SampleGraph.structured()
        let digest = try CapletFormat.contentDigest(of: graph, context)
        var others: [TensorGraph] = []
        var changed = graph
        changed.metadata["another"] = .string("")
        others.append(changed)
        changed = graph
        changed.attach(Attachment(name: "x", bytes: []))
        others.append(changed)
        changed = graph
        changed.ties.append(Tie(name: "y", target: graph.tensors[0].name))
        others.append(changed)
        changed = graph
        changed.setRole(graph.tensors[0].role == .norm ? .bias : .norm, of: graph.tensors[0].name)
        others.append(changed)
        for other in others { XCTAssertNotEqual(try CapletFormat.contentDigest(of: other, context), digest) }
    }

    /// A file whose checksums are all right and whose content is another's.
    func testAnotherDigestInTheManifestFailsVerification() throws {
        let folder = try TemporaryFolder()
        let path = try written(SampleGraph.structured(), folder)
        XCTAssertNoThrow(try CapletFormat.verify(path, ExecutionContext(threads: 2)) as CapletVerification)
        let reader = try CapletReader(path, ReadContext())
        var manifest = reader.manifest
        manifest.sha256 = SHA256Digest(of: [1])
        let text = Array(manifest.text.utf8)
        let frame = try text.withUnsafeBytes { try ZstdFrame.compress($0, .text) }
        let bytes = try TemporaryFolder.bytes(of: path)
        let offset = try reader.file.withBytes { try ContainerFooter($0, path: path) }.manifestOffset
        let footer = ContainerFooter(manifestOffset: offset, manifestFrame: frame, manifestContentByteCount: text.count)
        try folder.write(Array(bytes[..<offset]) + frame + footer.bytes, as: "forged.caplet")
        XCTAssertThrowsError(try CapletFormat.verify(folder.path("forged.caplet"), ExecutionContext(threads: 2)) as CapletVerification) {
            XCTAssertTrue("\($0)".contains("SHA-256"), "\($0)")
        }
    }
}
