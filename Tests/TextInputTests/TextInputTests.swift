import FormatKit
import ModelGraph
import TestSupport
import TextInput
import XCTest

/// Text of every kind that users have: files, folders, patterns, records, compressed or not.
final class TextInputTests: XCTestCase {
    private func texts(_ source: TextSource) throws -> [String] {
        try TextDocuments(source).documents.map { document in
            switch document {
            case .text(let text): return text
            case .messages(let messages): return "messages \(messages.map { $0["role"]?.string ?? "" })"
            }
        }
    }

    private func error(_ source: TextSource, line: UInt = #line) -> String {
        do {
            _ = try texts(source)
            XCTFail("no error", line: line)
            return ""
        } catch {
            XCTAssertTrue(error is FormatError || error is FileAccessError, "\(error)", line: line)
            return "\(error)"
        }
    }

    func testEncodings() throws {
        let folder = try TemporaryFolder()
        try folder.write([0xEF, 0xBB, 0xBF] + Array("café".utf8), as: "mark.txt")
        XCTAssertEqual(try texts(TextSource(folder.path("mark.txt"))), ["café"])
        for (name, bytes, words) in [
            ("little.txt", [0xFF, 0xFE, 0x61, 0], "is UTF-16"), ("big.txt", [0xFE, 0xFF, 0, 0x61], "is UTF-16"),
            ("bare.txt", [0x61, 0, 0x62, 0], "byte 1: is 0"), ("latin.txt", [0x63, 0xE9], "is not UTF-8 text"),
            ("table.txt", Array("PAR1....".utf8), "does not end as one"),
        ] as [(String, [UInt8], String)] {
            try folder.write(bytes, as: name)
            XCTAssertTrue(error(TextSource(folder.path(name))).contains(words), name)
        }
    }

    func testRecords() throws {
        let folder = try TemporaryFolder()
        let lines = """
            {"text": "one", "url": "x"}

            {"content": "two"}\r
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
            "three"
            """
        for name in ["a.jsonl", "a.json", "a.NDJSON"] {
            try folder.write(Array(lines.utf8), as: name)
            XCTAssertEqual(try texts(TextSource(folder.path(name))), ["one", "two", "messages [\"user\", \"assistant\"]", "three"], name)
        }
        try folder.write(Array(#" [{"body": "one"}, {"body": "two"}]"#.utf8), as: "list.json")
        XCTAssertEqual(try texts(TextSource(folder.path("list.json"), field: "body")), ["one", "two"])
        XCTAssertTrue(error(TextSource(folder.path("list.json"))).hasSuffix("record 1: has no 'text', 'content' or 'messages'"))
        XCTAssertTrue(error(TextSource(folder.path("a.jsonl"), field: "url")).hasSuffix("line 3: has no 'url'"))
        try folder.write(Array("{\"text\": \"one\"}\n{\"text\": 3}\n".utf8), as: "number.jsonl")
        XCTAssertTrue(error(TextSource(folder.path("number.jsonl"))).hasSuffix("line 2: 'text' is neither text nor a list of messages"))
        try folder.write(Array("{\"text\": \"one\"}\n{\"text\":\n".utf8), as: "broken.jsonl")
        XCTAssertTrue(error(TextSource(folder.path("broken.jsonl"))).contains("line 2"))
    }

    /// Files that Python's gzip and zstandard wrote, in several members and frames; streams that are cut off or become too much are refused.
    func testCompressedFiles() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, gzip, zstandard
            out = sys.argv[1] + '/'
            a, b = ('first line\\n' * 100000).encode(), 'naïve\\n'.encode()
            open(out + 'a.txt.gz', 'wb').write(gzip.compress(a) + gzip.compress(b)); open(out + 'plain.txt', 'wb').write(a + b)
            z = zstandard.ZstdCompressor(); open(out + 'a.txt.zst', 'wb').write(z.compress(a) + z.compress(b))
            open(out + 'r.json.gz', 'wb').write(gzip.compress(b'{"text": "one"}\\n{"text": "two"}\\n'))
            for name in ('a.txt.gz', 'a.txt.zst'): open(out + 'cut-' + name, 'wb').write(open(out + name, 'rb').read()[:-3])
            """, [folder.path])
        let plain = try texts(TextSource(folder.path("plain.txt")))
        for name in ["a.txt.gz", "a.txt.zst"] {
            XCTAssertEqual(try texts(TextSource(folder.path(name))), plain, name)
            XCTAssertTrue(error(TextSource(folder.path("cut-" + name))).contains("is no whole"), name)
        }
        XCTAssertEqual(try texts(TextSource(folder.path("r.json.gz"))), ["one", "two"])
    }

    /// What the program has within it is the first whole lines of each eighth of a text that comes with the package, 25,000 bytes at most.
    func testTheTextThatIsBuiltIn() throws {
        let whole = try TemporaryFolder.bytes(of: Repository.path("Examples/text/speeches-calibration.txt"))
        let end = UInt8(ascii: "\n")
        let parts = try (0..<8).map { part -> ArraySlice<UInt8> in
            let eighth = part * whole.count / 8
            let start = part == 0 ? 0 : try XCTUnwrap(whole[eighth...].firstIndex(of: end)) + 1
            return whole[start...(try XCTUnwrap(whole[..<min(start + 25_000, whole.count)].lastIndex(of: end)))]
        }
        XCTAssertTrue(Array(parts.joined()) == Array(TextDocuments.builtIn.utf8))
    }

    func testFoldersAndPatterns() throws {
        let folder = try TemporaryFolder()
        for name in ["b.txt", "a.md", "c.bin", ".hidden.txt"] { try folder.write(Array(name.utf8), as: name) }
        XCTAssertEqual(try texts(TextSource(folder.path)), ["a.md", "b.txt"])
        XCTAssertEqual(try texts(TextSource([folder.path("*.txt"), folder.path("a.md")])), ["b.txt", "a.md"])
        XCTAssertTrue(error(TextSource(folder.path("*.none"))).hasSuffix("matches no file"))
        XCTAssertTrue(error(TextSource(folder.path("none.txt"))).contains("No such file"))
        let one = try TextDocuments(TextSource(folder.path("b.txt"))).digest
        XCTAssertEqual(one, try ContentDigest.of(file: folder.path("b.txt")))
        XCTAssertNotEqual(try TextDocuments(TextSource(folder.path)).digest, one)
    }
}
