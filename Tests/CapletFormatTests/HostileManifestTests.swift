@testable import CapletFormat
import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

/// Files whose every checksum is right and whose manifest lies.
final class HostileManifestTests: XCTestCase {
    private let folder = try? TemporaryFolder()

    /// A file of `parts` (whole frames) and a manifest of that text.
    private func read(_ text: String, parts: [UInt8] = []) throws -> TensorGraph {
        let frame = try Array(text.utf8).withUnsafeBytes { try ZstdFrame.compress($0, .text) }
        let start = ContainerHeader.bytes + parts
        let footer = ContainerFooter(manifestOffset: start.count, manifestFrame: frame, manifestContentByteCount: text.utf8.count)
        let path = try XCTUnwrap(folder).write(start + frame + footer.bytes, as: "hostile.caplet")
        return try CapletFormat().read(path, ReadContext())
    }

    private func expect(
        _ kind: FormatError.Kind, _ text: String, parts: [UInt8] = [], line: UInt = #line, touching: Bool = false
    ) {
        do {
            let graph = try read(text, parts: parts)
            if touching { for tensor in graph.tensors { _ = try tensor.payload.densifiedFloats() } }
            XCTFail("was read: \(text.prefix(200))", line: line)
        } catch let error as FormatError {
            XCTAssertEqual(error.kind, kind, "\(error)", line: line)
        } catch {
            XCTFail("\(error) is no FormatError", line: line)
        }
    }

    private func manifest(_ payload: String, shape: String = "[4]", extra: String = "", version: Int = 1) -> String {
        """
        {"format":"caplet","version":\(version),"generator":"x","provenance":[],"metadata":[],"ties":[],"attachments":[],"tensors":\
        [{"name":"t","shape":\(shape),"dtype":"F32","role":"unknown","payload":\(payload)\(extra)}]}
        """
    }

    private let zeros = String(repeating: "0", count: 32)

    private func part(
        _ encoding: String = "\"raw\"", bytes: Int = 16, chunk: Int = 4096, offset: Int = 36, frames: String, digest: String? = nil
    ) -> String {
        """
        {"encoding":\(encoding),"bytes":\(bytes),"chunk":\(chunk),"offset":\(offset),"frames":\(frames),"digest":"\(digest ?? zeros)",\
        "storedDigest":"\(zeros)"}
        """
    }

    private func dense(_ part: String, shape: String = "[4]", dtype: String = "F32") -> String {
        "{\"kind\":\"dense\",\"array\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"part\":\(part)}}"
    }

    private func frame(_ count: Int) throws -> [UInt8] {
        try SampleGraph.bytes(count, seed: 1).withUnsafeBytes { try ZstdFrame.compress($0, .numbers) }
    }

    func testASoundFileIsRead() throws {
        let bytes = try frame(16)
        let digest = SampleGraph.bytes(16, seed: 1).withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
        let graph = try read(manifest(dense(part(frames: "[[\(bytes.count),16]]", digest: digest))), parts: bytes)
        XCTAssertEqual(try graph["t"]?.payload.densifiedFloats().count, 4)
    }

    func testNumbersThatLie() throws {
        let bytes = try frame(16)
        let n = bytes.count
        func malformed(_ part: String, _ parts: [UInt8]? = nil, line: UInt = #line) {
            expect(.malformed, manifest(dense(part)), parts: parts ?? bytes, line: line)
        }
        malformed(part(offset: 35, frames: "[[\(n),16]]"))
        malformed(part(offset: 37, frames: "[[\(n),16]]"))
        malformed(part(offset: 0, frames: "[[\(n),16]]"))
        malformed(part(offset: .max, frames: "[[\(n),16]]"))
        malformed(part(frames: "[[\(n + 1),16]]"))
        malformed(part(frames: "[[\(n - 1),16]]"))
        malformed(part(frames: "[[9223372036854775807,16]]"))
        malformed(part(frames: "[[\(n),17]]"))
        malformed(part(frames: "[[\(n),16],[0,0]]"))
        malformed(part(frames: "[]"))
        malformed(part(frames: "[[\(n)]]"))
        malformed(part(frames: "[[-1,16]]"))
        malformed(part(frames: "[[1e9,16]]"))
        malformed(part(bytes: 15, frames: "[[\(n),15]]"))
        malformed(part(chunk: 0, frames: "[[\(n),16]]"))
        malformed(part(chunk: 1, frames: "[[\(n),16]]"))
        malformed(part(chunk: 1 << 40, frames: "[[\(n),16]]"))
        malformed(part(frames: "[[\(n),16]]"), bytes + (try frame(3)))
        malformed(part("{\"floatPlanes\":3}", frames: "[[\(n),16]]"))
        malformed(part("{\"floatPlanes\":4}", frames: "[[\(n),16]]"))
        malformed(part("\"gaps\"", frames: "[[\(n),16]]"))
        malformed(part("{\"packed\":{\"low\":0,\"radix\":17,\"escapes\":false}}", frames: "[[\(n),16]]"))
        malformed(part("{\"adaptive\":{\"columns\":3,\"center\":0,\"trellis\":false}}", frames: "[[\(n),16]]"))
        malformed(part("{\"adaptive\":{\"columns\":1048576,\"center\":0,\"trellis\":true}}", frames: "[[\(n),16]]"))
        malformed(part("{\"adaptive\":{\"columns\":4,\"center\":0,\"trellis\":false}}", frames: "[[\(n),97]]"))
        malformed(part(frames: "[[\(n),16]]", digest: "00"))
        expect(.malformed, manifest(dense(part(frames: "[[\(n),16]]"), shape: "[5]"), shape: "[5]"), parts: bytes)
        expect(.malformed, manifest(dense(part(frames: "[[\(n),16]]")), shape: "[2, 2]"), parts: bytes)
        expect(.malformed, manifest(dense(part(frames: "[[\(n),16]]"), shape: "[4611686018427387904,4]")), parts: bytes)
        // Right until the content is looked at: a digest that is another's, two frames where one is listed.
        expect(.malformed, manifest(dense(part(frames: "[[\(n),16]]"))), parts: bytes, touching: true)
        let two = try frame(8) + frame(8)
        expect(.malformed, manifest(dense(part(frames: "[[\(two.count),16]]"))), parts: two, touching: true)
    }

    func testWhatIsNotKnown() throws {
        let bytes = try frame(16)
        let sound = part(frames: "[[\(bytes.count),16]]")
        expect(.unsupported, manifest(dense(part("\"huffman\"", frames: "[[\(bytes.count),16]]"))), parts: bytes)
        expect(.unsupported, manifest(dense(sound), extra: ",\"colour\":1"), parts: bytes)
        expect(.unsupported, manifest("{\"kind\":\"tucker\"}"))
        expect(.malformed, manifest("{}"))
        expect(.unsupported, manifest(dense(sound, dtype: "F3")), parts: bytes)
        expect(.unsupported, manifest(dense(sound), version: 2), parts: bytes)
        expect(.malformed, "[]")
        expect(.malformed, "{")
        expect(.malformed, String(repeating: "[", count: 100_000))
    }

    /// A few bytes must not stand for more memory than there is.
    func testShapesThatCostNothing() throws {
        func empty(_ dtype: String, _ shape: String) -> String { dense(part(bytes: 0, frames: "[]"), shape: shape, dtype: dtype) }
        let huge = 1 << 31
        expect(.unsupported, manifest("{\"kind\":\"lowRank\",\"u\":\(empty("F32", "[\(huge),0]")),\"v\":\(empty("F32", "[0,\(huge)]"))}"))
        expect(
            .unsupported,
            manifest(
                """
                {"kind":"sparse","rows":\(Int.max),"columns":0,"nonZeros":0,"positions":\(part(bytes: 0, frames: "[]")),"values":\(empty("F32", "[0]"))}
                """))
        expect(
            .malformed,
            manifest(
                """
                {"kind":"sparse","rows":4,"columns":4,"nonZeros":17,"positions":\(part(bytes: 2, frames: "[]")),"values":\(empty("F32", "[0]"))}
                """))
        expect(
            .malformed,
            manifest(
                """
                {"kind":"quantized","shape":[0],"bits":9,"groupSize":1,"codes":\(part(bytes: 0, frames: "[]")),"scales":{"dtype":"F16",\
                "shape":[0],"part":\(part(bytes: 0, frames: "[]"))}}
                """))
        var deep = empty("F32", "[4]")
        for _ in 0..<20 { deep = "{\"kind\":\"composite\",\"terms\":[\(deep)]}" }
        expect(.unsupported, manifest(deep))
        // 16 MiB of content in 36 bytes, over and over.
        let frames = (0..<1000).map { _ in "[36,16777216]" }.joined(separator: ",")
        expect(
            .malformed, manifest(dense(part(bytes: 1000 << 24, chunk: 1 << 24, frames: "[\(frames)]"), shape: "[\(250 << 24)]")),
            parts: [UInt8](repeating: 0, count: 36_000))
    }
}
