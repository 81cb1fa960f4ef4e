import XCTest

@testable import Tokenization

/// Byte-level BPE against the `tokenizers` library.
final class ByteLevelTests: XCTestCase {
    private func check(_ name: String, _ preTokenizer: PreTokenizer) throws {
        let vocabulary = try Vocabulary(tokenizerJSON: Fixtures.tokenizerJSON(name))
        XCTAssertEqual(vocabulary.kind, .byteLevelBPE)
        XCTAssertEqual(vocabulary.preTokenizer, preTokenizer)
        let rewritten = try Vocabulary(tokenizerJSON: vocabulary.tokenizerJSON())
        XCTAssertEqual(rewritten, vocabulary)
        for vocabulary in [vocabulary, rewritten] {
            try Fixtures.assertEncodes(vocabulary, as: name)
            try Fixtures.assertEncodes(vocabulary, as: name, "special", parseSpecial: true)
            try Fixtures.assertEncodes(vocabulary, as: name, "added", addSpecial: true)
        }
    }

    func testGPT2() throws { try check("gpt2", .gpt2) }
    func testLlama3() throws { try check("llama3", .llama3) }
    func testQwen2() throws { try check("qwen2", .qwen2) }
    func testSmolLM() throws { try check("smollm", .smollm) }

    func testLlama3AddsBOSByItsTemplate() throws {
        let vocabulary = try Vocabulary(tokenizerJSON: Fixtures.tokenizerJSON("llama3"))
        XCTAssertTrue(vocabulary.addsBOS)
        XCTAssertTrue(vocabulary.ignoresMerges)
        XCTAssertEqual(vocabulary.bosID.map { vocabulary.pieces[Int($0)].text }, "<|endoftext|>")
    }

    func testDecodingRestoresText() throws {
        for name in ["gpt2", "llama3", "smollm"] {
            let tokenizer = try Tokenizer(Vocabulary(tokenizerJSON: Fixtures.tokenizerJSON(name)))
            for (text, ids) in try Fixtures.expected(name, "texts") {
                XCTAssertTrue(tokenizer.decode(ids).utf8.elementsEqual(text.utf8), "\(name): \(text.debugDescription)")
            }
        }
    }

    func testSpecialTokensArePlainTextUnlessAskedFor() throws {
        let tokenizer = try Tokenizer(Vocabulary(tokenizerJSON: Fixtures.tokenizerJSON("gpt2")))
        let plain = tokenizer.encode("<|endoftext|>")
        XCTAssertGreaterThan(plain.count, 1)
        XCTAssertEqual(tokenizer.decode(plain), "<|endoftext|>")
        let parsed = tokenizer.encode("<|endoftext|>", parseSpecial: true)
        XCTAssertEqual(parsed.count, 1)
        XCTAssertEqual(tokenizer.decode(parsed), "")
        XCTAssertEqual(tokenizer.decode(parsed, skipSpecial: false), "<|endoftext|>")
    }

    func testArraysOfGGUFRestoreTheVocabulary() throws {
        let vocabulary = try Vocabulary(tokenizerJSON: Fixtures.tokenizerJSON("gpt2"))
        let pieces = try Vocabulary.pieces(
            texts: vocabulary.pieces.map(\.text), roles: vocabulary.pieces.map(\.role.rawValue))
        let merges = try Vocabulary.merges(parsing: vocabulary.mergeLines, pieces: pieces)
        XCTAssertEqual(merges, vocabulary.merges)
        let restored = Vocabulary(kind: .byteLevelBPE, pieces: pieces, merges: merges, preTokenizer: .init(ggufName: "gpt-2"))
        try Fixtures.assertEncodes(restored, as: "gpt2")
    }
}
