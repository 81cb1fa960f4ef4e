import FormatKit
import Foundation
import StrictJSON
import TestSupport
import TextInput
import XCTest

/// Parquet files that pyarrow wrote (Tests/Fixtures/parquet/make.py), beside the same rows as JSON.
final class ParquetTests: XCTestCase {
    private func fixture(_ name: String) -> String { Repository.path("Tests/Fixtures/parquet/\(name)") }

    private func texts(_ source: TextSource) throws -> [String?] {
        try TextDocuments(source).documents.map { if case .text(let text) = $0 { text } else { nil } }
    }

    private func error(_ source: TextSource) -> String {
        do {
            _ = try texts(source)
            return "no error"
        } catch { return "\(error)" }
    }

    /// Pages of both versions, dictionaries that end within a group of rows, nulls that could be, Snappy, gzip and zstd, plain and delta encodings.
    func testTextsAreThoseOfTheTable() throws {
        let expected = try texts(TextSource(fixture("texts.json")))
        XCTAssertEqual(expected.count, 61)
        for name in ["snappy", "zstd-v2", "gzip-plain", "plain", "delta_length_byte_array", "delta_byte_array", "required"] {
            XCTAssertEqual(try texts(TextSource(fixture("\(name).parquet"))), expected, name)
        }
        XCTAssertEqual(try texts(TextSource(fixture("numbers.parquet"), field: "body")), ["one", "two"])
        // Beside other files of a folder, whatever the name.
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(atPath: fixture("numbers.parquet"), toPath: folder.path("b.parquet"))
        try FileManager.default.copyItem(atPath: fixture("snappy.parquet"), toPath: folder.path("a.bin"))
        try folder.write(Array(#"{"body": "zero"}"#.utf8), as: "a.jsonl")
        XCTAssertEqual(try texts(TextSource(folder.path(""), field: "body")), ["zero", "one", "two"])
        XCTAssertEqual(try texts(TextSource(folder.path("a.bin"))), expected)
    }

    func testConversationsAreThoseOfTheTable() throws {
        func rows(_ documents: [TextDocument]) -> [[[String?]]] {
            documents.map { if case .messages(let all) = $0 { all.map { [$0["role"]?.string, $0["content"]?.string] } } else { [] } }
        }
        let json = try JSONValue(parsing: Array(Data(contentsOf: URL(fileURLWithPath: fixture("messages.json")))), path: "", object: "")
        let expected = (json.array ?? []).map { ($0.array ?? []).map { [$0["role"]?.string, $0["content"]?.string] } }
        XCTAssertEqual(expected.count, 23)
        XCTAssertEqual(rows(try TextDocuments(TextSource(fixture("messages.parquet"))).documents), expected)
    }

    func testWhatIsNotReadIsNamed() {
        for (name, field, words) in [
            ("null", nil, "row 2: has no text: it is null"), ("brotli", nil, "column 'text': is compressed by Brotli"),
            ("numbers", nil, "column 'text': is neither text"), ("snappy", "score", "column 'score': is neither text"),
            ("snappy", "body", "has no column 'body', but 'id', 'text', 'score'"),
        ] as [(String, String?, String)] {
            let message = error(TextSource(fixture("\(name).parquet"), field: field))
            XCTAssertTrue(message.contains(words), message)
        }
    }

    /// A file that is cut off or changed anywhere is read or refused, and never trapped on; one that says it is larger than text may be is refused.
    func testDamagedFiles() throws {
        let folder = try TemporaryFolder()
        var refused = 0
        for name in ["snappy", "zstd-v2", "gzip-plain", "delta_byte_array", "delta_length_byte_array", "messages"] {
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: fixture("\(name).parquet"))))
            var state: UInt64 = 7
            func random(_ count: Int) -> Int {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int(state >> 33) % count
            }
            for _ in 0..<300 {
                var changed = bytes
                for _ in 0...random(3) { changed[random(bytes.count)] = UInt8(random(256)) }
                try folder.write(changed, as: "x.parquet")
                do { _ = try TextDocuments(TextSource(folder.path("x.parquet"))) } catch {
                    XCTAssertTrue(error is FormatError, "\(error)")
                    refused += 1
                }
            }
            for length in stride(from: 4, to: bytes.count, by: 97) {
                try folder.write(Array(bytes[..<length]), as: "x.parquet")
                XCTAssertTrue(error(TextSource(folder.path("x.parquet"))).contains("Parquet"), "\(name), \(length) bytes")
            }
        }
        XCTAssertGreaterThan(refused, 900)
    }
}
