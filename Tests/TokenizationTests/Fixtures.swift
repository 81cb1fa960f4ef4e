import Foundation
import StrictJSON
import XCTest

@testable import Tokenization

/// The files of Tests/Fixtures/tokenizers and of Examples/wren-7m.
enum Fixtures {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: root.appendingPathComponent(path)))
    }

    static func tokenizerJSON(_ name: String) throws -> [UInt8] { try bytes("Tests/Fixtures/tokenizers/\(name).json") }

    static func wrenModel() throws -> Vocabulary {
        try Vocabulary(sentencePieceModel: bytes("Examples/wren-7m/tokenizer.model"))
    }

    static func wrenJSON() throws -> Vocabulary {
        try Vocabulary(tokenizerJSON: bytes("Examples/wren-7m/tokenizer.json"))
    }

    /// The texts of one section and the ids that the reference library gave for them.
    static func expected(_ tokenizer: String, _ section: String) throws -> [(text: String, ids: [Int32])] {
        let document = try JSONValue(tokenizerJSON("expected"), location: "expected.json")
        let rows = try XCTUnwrap(document[tokenizer]?[section]?.array)
        return try rows.map { row in
            let pair = try XCTUnwrap(row.array)
            return (try XCTUnwrap(pair[0].string), try XCTUnwrap(pair[1].array).compactMap(\.int32))
        }
    }

    /// Encodes each text of a section and compares the ids.
    static func assertEncodes(
        _ vocabulary: Vocabulary, as name: String, _ section: String = "texts", addSpecial: Bool = false,
        parseSpecial: Bool = false, file: StaticString = #filePath, line: UInt = #line
    ) throws {
        let tokenizer = try Tokenizer(vocabulary)
        let rows = try expected(name, section)
        XCTAssertFalse(rows.isEmpty, file: file, line: line)
        for (text, ids) in rows {
            let found = tokenizer.encode(text, addSpecial: addSpecial, parseSpecial: parseSpecial)
            XCTAssertEqual(found, ids, "\(name): \(text.debugDescription)", file: file, line: line)
        }
    }
}
