import XCTest

@testable import Tokenization

/// Damaged and foreign tokenizer files: a typed error, never a trap.
final class MalformedInputTests: XCTestCase {
    private func error(_ body: () throws -> Vocabulary, file: StaticString = #filePath, line: UInt = #line) -> String {
        do {
            _ = try body()
            XCTFail("no error", file: file, line: line)
            return ""
        } catch let error as TokenizationError {
            return error.description
        } catch {
            XCTFail("\(error)", file: file, line: line)
            return ""
        }
    }

    private func modelError(_ bytes: [UInt8], file: StaticString = #filePath, line: UInt = #line) -> String {
        error({ try Vocabulary(sentencePieceModel: bytes) }, file: file, line: line)
    }

    private func jsonError(_ text: String, file: StaticString = #filePath, line: UInt = #line) -> String {
        error({ try Vocabulary(tokenizerJSON: Array(text.utf8)) }, file: file, line: line)
    }

    func testTruncatedModelsNeverTrap() throws {
        let model = try Fixtures.bytes("Examples/wren-7m/tokenizer.model")
        for length in Array(0..<200) + Array((model.count - 120)..<model.count) {
            _ = try? Vocabulary(sentencePieceModel: Array(model[..<length]))
        }
        XCTAssertEqual(
            modelError(Array(model[..<40])), "tokenizer.model: byte 32: field 1 claims 13 bytes, 8 are left")
    }

    func testFlippedBytesNeverTrap() throws {
        let model = try Fixtures.bytes("Examples/wren-7m/tokenizer.model")
        let small = Array(model[..<400] + model[(model.count - 100)...])
        for position in small.indices {
            for value: UInt8 in [0x00, 0x7F, 0x80, 0xFF] {
                var damaged = small
                damaged[position] = value
                _ = try? Vocabulary(sentencePieceModel: damaged)
            }
        }
    }

    func testHugeLengthsAndNumbers() {
        XCTAssertEqual(
            modelError([0x0A] + [UInt8](repeating: 0xFF, count: 9) + [0x01]),
            "tokenizer.model: byte 11: field 1 claims 18446744073709551615 bytes, 0 are left")
        XCTAssertEqual(
            modelError([0x0A] + [UInt8](repeating: 0xFF, count: 10)),
            "tokenizer.model: byte 11: a number has more than 64 bits")
        XCTAssertEqual(modelError([0x0B]), "tokenizer.model: byte 1: field 1 has wire type 3")
        XCTAssertEqual(modelError([0x02, 0x00]), "tokenizer.model: byte 1: field number 0 is out of range")
    }

    func testForeignModels() {
        XCTAssertEqual(
            modelError([0x0A, 0x03, 0x0A, 0x01, 0x61]),
            "tokenizer.model: trainer_spec.model_type: a unigram model is not supported")
        XCTAssertEqual(
            modelError([0x12, 0x02, 0x18, 0x02, 0x1A, 0x0A, 0x12, 0x08, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00]),
            "tokenizer.model: no pieces")
        XCTAssertEqual(
            modelError([0x12, 0x02, 0x18, 0x02, 0x1A, 0x03, 0x12, 0x01, 0x00]),
            "tokenizer.model: normalizer_spec: a character map of 1 bytes")
        XCTAssertEqual(modelError([0x12, 0x02, 0x18, 0x02]), "tokenizer.model: no pieces")
        XCTAssertEqual(
            modelError([0x12, 0x02, 0x18, 0x02, 0x0A, 0x05, 0x0A, 0x01, 0x61, 0x18, 0x07]),
            "tokenizer.model: piece 0: type 7 is none of 1 to 6")
    }

    func testBadJSON() {
        XCTAssertEqual(jsonError(""), "tokenizer.json: byte 0: the document ends where a value is expected")
        XCTAssertEqual(jsonError("[]"), "tokenizer.json: it is no object")
        XCTAssertEqual(jsonError("{}"), "tokenizer.json: model: it is missing")
        XCTAssertEqual(jsonError("{} x"), "tokenizer.json: byte 3: something follows the document")
        XCTAssertEqual(jsonError(#"{"a": 01}"#), "tokenizer.json: byte 6: a value is expected")
        XCTAssertEqual(jsonError(#"{"a": "\ud800"}"#), "tokenizer.json: byte 13: half a surrogate pair")
        XCTAssertEqual(
            jsonError(#"{"a": 1, "a": 2}"#),
            "tokenizer.json: byte 16: the key \"a\" occurs twice in the object that ends here")
        XCTAssertEqual(
            jsonError(String(repeating: "[", count: 100_000)), "tokenizer.json: byte 64: more than 64 levels")
    }

    private func document(_ model: String, _ rest: String = "") -> String {
        #"{"pre_tokenizer": {"type": "ByteLevel"}, "# + rest + #""model": {"# + model + "}}"
    }

    func testForeignFastTokenizers() {
        XCTAssertEqual(jsonError(document(#""type": "Unigram""#)), "tokenizer.json: model.type: Unigram is not supported")
        XCTAssertEqual(jsonError(document(#""type": "WordPiece""#)), "tokenizer.json: model.type: WordPiece is not supported")
        XCTAssertEqual(
            jsonError(document(#""type": "BPE", "vocab": {}"#, #""normalizer": {"type": "Nmt"}, "#)),
            "tokenizer.json: normalizer: Nmt is not supported")
        XCTAssertEqual(
            jsonError(#"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"#),
            "tokenizer.json: model: BPE with neither byte fallback nor a ByteLevel pre-tokenizer is not supported")
        let pattern = #"{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "(a)\\1"}, "#
        XCTAssertEqual(
            jsonError(pattern + #""behavior": "Isolated"}, {"type": "ByteLevel"}]}, "model": {"vocab": {"a": 0}, "merges": []}}"#),
            #"tokenizer.json: the split pattern (a)\1 (\1) is not supported"#)
    }

    func testBadVocabulariesAndMerges() {
        XCTAssertEqual(jsonError(document(#""type": "BPE""#)), "tokenizer.json: model.vocab: it is missing or no object")
        XCTAssertEqual(jsonError(document(#""vocab": {}, "merges": []"#)), "tokenizer.json: model.vocab: it is empty")
        XCTAssertEqual(
            jsonError(document(#""vocab": {"a": 1.5}, "merges": []"#)),
            "tokenizer.json: model.vocab: \"a\" has no integer id")
        XCTAssertEqual(
            jsonError(document(#""vocab": {"a": 2000000000}, "merges": []"#)),
            "tokenizer.json: model.vocab: id 2000000000 is outside 0 ..< 65538")
        XCTAssertEqual(
            jsonError(document(#""vocab": {"a": 0, "b": 0}, "merges": []"#)),
            "tokenizer.json: model.vocab: id 0 belongs to \"a\" already")
        XCTAssertEqual(
            jsonError(document(#""vocab": {"a": 0}, "merges": ["a b"]"#)),
            "tokenizer.json: model.merges[0]: \"b\" is not in the vocabulary")
        XCTAssertEqual(
            jsonError(document(#""vocab": {"a": 0}, "merges": [["a", "a"]]"#)),
            "vocabulary: merge 0: \"aa\" is not in the vocabulary")
        XCTAssertEqual(
            jsonError(document(#""vocab": {"a": 0}, "merges": ["ab"]"#)),
            "tokenizer.json: model.merges[0]: \"ab\" is not two pieces with a space between")
    }
}
