@testable import CapletFormat
import Execution
import FormatKit
import Foundation
import ModelGraph
import TestSupport
import XCTest

final class DamageTests: XCTestCase {
    private let format = CapletFormat()

    private func smallFile() throws -> [UInt8] {
        let folder = try TemporaryFolder()
        var graph = try ContainerSamples.everyPayload()
        graph.attachments = SampleGraph.attachments
        graph.metadata = SampleGraph.metadata
        graph.metadata["tokens"] = .array(.string, (0..<100).map { .string("token \($0)") })
        try format.write(graph, to: folder.path("m.caplet"), WriteOptions(), ExecutionContext())
        return try folder.files()[0].bytes
    }

    /// A single bit: `verify` catches every one, `zstd -t` every one that changes a byte of what it decompresses to.
    func testEveryFlippedBitIsCaught() throws {
        let bytes = try smallFile()
        let footer = bytes.count - ContainerFooter.byteCount
        let manifest = try bytes.withUnsafeBytes { try ContainerFooter($0, path: "m").manifestOffset }
        var bits = Array(0..<ContainerHeader.byteCount * 8) + Array(footer * 8..<bytes.count * 8)
        bits += stride(from: manifest * 8, to: footer * 8, by: max(1, (footer - manifest) * 8 / 3000))
        bits += stride(from: ContainerHeader.byteCount * 8, to: manifest * 8, by: max(1, manifest * 8 / 9000) | 1)
        XCTAssertGreaterThan(bits.count, 10_000)
        let folder = try TemporaryFolder()
        let damaged = try TemporaryFolder()
        var missed: [Int] = []
        for bit in bits {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            let path = try folder.write(changed, as: "bit-\(bit)")
            do {
                _ = try CapletFormat.verify(path, ExecutionContext(threads: 1))
                missed.append(bit)
            } catch let error as FormatError {
                XCTAssertFalse(error.path.isEmpty || error.object.isEmpty || error.message.isEmpty, "bit \(bit): \(error)")
            }
        }
        XCTAssertEqual(missed, [], "bits that verify misses")
        let original = try damaged.write(bytes, as: "original")
        XCTAssertNoThrow(try CapletFormat.verify(original, ExecutionContext()))
        let intact = try ZstdTool.survivors(of: damaged.path)
        let survivors = try ZstdTool.survivors(of: folder.path)
        for survivor in survivors {
            XCTAssertEqual(survivor.digest, intact.first?.digest, "\(survivor.name) passes zstd -t with other content")
        }
        // Of header and footer it is the unused bit of each frame descriptor, which RFC 8878 has decoders ignore.
        let unused = [4 * 8 + 4, (footer + 4) * 8 + 4].map { "bit-\($0)" }
        let ends = Set(bits.filter { $0 < ContainerHeader.byteCount * 8 || $0 >= footer * 8 }.map { "bit-\($0)" })
        XCTAssertEqual(Set(survivors.map(\.name)).intersection(ends), Set(unused))
        XCTAssertLessThan(survivors.count, bits.count / 500, "\(survivors.map(\.name))")
        print("flipped \(bits.count) bits of \(bytes.count) bytes: verify missed 0, zstd -t \(survivors.count) that mean nothing to it")
    }

    func testEveryTruncationIsRefused() throws {
        let folder = try TemporaryFolder()
        var graph = try SampleGraph.graph([SampleGraph.tensor("a", .bf16, [3, 5]), SampleGraph.structured().tensors[3]])
        graph.attachments = SampleGraph.attachments
        try format.write(graph, to: folder.path("m.caplet"), WriteOptions(), ExecutionContext())
        let bytes = try folder.files()[0].bytes
        for length in 0..<bytes.count {
            let path = try folder.write(Array(bytes[..<length]), as: "cut")
            XCTAssertThrowsError(try format.read(path, ReadContext()), "cut to \(length)") { error in
                XCTAssertEqual((error as? FormatError)?.kind, .malformed, "cut to \(length): \(error)")
            }
        }
        for extra in [[0], FrameHeader.magic, Array("CAPLET".utf8), Array(bytes.suffix(69))] as [[UInt8]] {
            let path = try folder.write(bytes + extra, as: "long")
            XCTAssertThrowsError(try format.read(path, ReadContext()))
        }
    }

    func testDamageIsNamedByTensorAndPart() throws {
        let bytes = try smallFile()
        let folder = try TemporaryFolder()
        let reader = try CapletReader(try folder.write(bytes, as: "m"), ReadContext())
        for (object, part) in reader.manifest.parts where !part.frames.isEmpty {
            var changed = bytes
            changed[part.offset + part.storedByteCount - 1] ^= 0x40
            let path = try folder.write(changed, as: "damaged")
            XCTAssertThrowsError(try CapletFormat.verify(path, ExecutionContext())) { error in
                XCTAssertEqual((error as? FormatError)?.object, object)
            }
        }
    }
}
