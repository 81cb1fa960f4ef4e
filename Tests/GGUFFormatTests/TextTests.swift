import Execution
import FormatKit
import GGUFFormat
import ModelGraph
import TestSupport
import XCTest

/// Pieces of vocabularies that are no UTF-8 do not keep the rest from being read, and come back byte for byte.
final class TextTests: XCTestCase {
    private let pieces: [[UInt8]] = [
        Array("a".utf8), [0xE2, 0x96], [0xFF], Array("ü\u{10FFFF}".utf8), [0x61, 0xC3, 0xC3, 0xBC, 0x80], Array("\u{2581}x".utf8), [],
    ]

    /// Version 3, no tensors, `general.architecture` and the pieces as an array of strings under a key.
    private func file(_ key: String) -> [UInt8] {
        func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
        func text(_ bytes: [UInt8]) -> [UInt8] { little(UInt64(bytes.count)) + bytes }
        return Array("GGUF".utf8) + little(UInt32(3)) + little(UInt64(0)) + little(UInt64(2))
            + text(Array("general.architecture".utf8)) + little(UInt32(8)) + text(Array("strange".utf8))
            + text(Array(key.utf8)) + little(UInt32(9)) + little(UInt32(8)) + little(UInt64(pieces.count)) + pieces.flatMap(text)
    }

    func testPiecesThatAreNoTextComeBack() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(file("tokenizer.ggml.tokens"), as: "a.gguf")
        var warnings: [String] = []
        let graph = try GGUFFormat().read(path, ReadContext { warnings.append($0) })
        XCTAssertTrue(warnings.contains { $0.contains("4 pieces of 'tokenizer.ggml.tokens' are no UTF-8") }, "\(warnings)")
        let texts = try XCTUnwrap(graph.metadata["tokenizer.ggml.tokens"]?.array).map(\.string)
        XCTAssertEqual(texts[0], "a")
        XCTAssertEqual(texts[1], "\u{10FFE2}\u{10FF96}")
        XCTAssertEqual(texts[5], "\u{2581}x")
        XCTAssertEqual(Set(texts).count, pieces.count)
        try GGUFFormat().write(graph, to: folder.path("b.gguf"), WriteOptions(), ExecutionContext())
        let back = try TemporaryFolder.bytes(of: folder.path("b.gguf"))
        func isIn(_ part: [UInt8]) -> Bool { back.indices.contains { back[$0...].starts(with: part) } }
        XCTAssertTrue(isIn(pieces.flatMap { piece in withUnsafeBytes(of: UInt64(piece.count).littleEndian) { Array($0) } + piece }))
        // Elsewhere texts are texts.
        let other = try folder.write(file("general.tags"), as: "c.gguf")
        XCTAssertThrowsError(try GGUFFormat().read(other, ReadContext())) { XCTAssertEqual(($0 as? FormatError)?.kind, .malformed) }
    }
}
