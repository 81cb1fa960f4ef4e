import Foundation
import StrictJSON
import TestSupport
import XCTest

@testable import Tokenization

/// Byte-level BPE with the pre-tokenizers and normalizers of models, against the tokenizers library.
final class PreTokenizerTests: XCTestCase {
    private struct Case: Decodable {
        let ids: [[Int32]]
        let pre: String?
    }

    func testIdsAreThoseOfTheLibrary() throws {
        let folder = try TemporaryFolder()
        let text = Fixtures.root.appendingPathComponent("Examples/text").path
        _ = try PythonProcess.run(PreTokenizerScript.text, [folder.path(""), text])
        let texts = try JSONDecoder().decode([String].self, from: Data(TemporaryFolder.bytes(of: folder.path("texts.json"))))
        let cases = try JSONDecoder().decode([String: Case].self, from: Data(TemporaryFolder.bytes(of: folder.path("cases.json"))))
        XCTAssertEqual(texts.count, 500)
        XCTAssertGreaterThan(cases.count, 40)
        for (name, expected) in cases.sorted(by: { $0.key < $1.key }) {
            let vocabulary = try Vocabulary(tokenizerJSON: TemporaryFolder.bytes(of: folder.path(name + ".json")))
            let rewritten = try Vocabulary(tokenizerJSON: vocabulary.tokenizerJSON())
            XCTAssertEqual(rewritten, vocabulary, name)
            XCTAssertEqual(vocabulary.ggufPreTokenizerName, expected.pre, name)
            if let pre = expected.pre, pre != "falcon" {
                XCTAssertEqual(PreTokenizer(ggufName: pre)?.ggufName, pre, name)
            }
            let tokenizer = try Tokenizer(rewritten)
            for (text, ids) in zip(texts, expected.ids) {
                let found = tokenizer.encode(text, addSpecial: false, parseSpecial: true)
                XCTAssertEqual(found, ids, "\(name): \(text.debugDescription)")
                if found != ids { break }
            }
        }
    }

    /// The scanners that are written by hand cut as the matcher does with the same patterns.
    func testScannersCutAsTheirPatterns() throws {
        let texts = [
            "The people's 1234567 ünïcödé\r\n\n\t  x  y  😀日本 I'LL 'ſ ", " ", "\n\n a", "", "  \u{3000}\u{85}x²³Ⅷ", "don't\u{0}…!!\n\n",
        ]
        for (scanned, digits) in [(PreTokenizer.llama3, #"\p{N}{1,3}"#), (.qwen2, #"\p{N}"#)] {
            let pattern = try Pattern(PreTokenizer.modernPattern(digits: digits))
            for text in texts {
                var split = SplitText(Array(text.unicodeScalars))
                split.apply(.split(pattern, .isolated, inverts: false))
                var words: [String] = []
                scanned.forEachWord(of: Array(text.unicodeScalars)) { words.append(String(decoding: $0, as: UTF8.self)) }
                XCTAssertEqual(words.map { $0.unicodeScalars.count }, split.pieces.map(\.count), text.debugDescription)
            }
        }
    }

    func testNamesOfGGUFAreThoseOfTheirPatterns() {
        for (name, written) in [
            ("starcoder", "smollm"), ("command-r", "smollm"), ("glm4", "llama-bpe"), ("llama4", "gpt-4o"), ("olmo", "gpt-2"),
            ("deepseek-r1-qwen", "qwen2"), ("poro-chat", "bloom"),
        ] {
            XCTAssertEqual(PreTokenizer(ggufName: name)?.ggufName, written)
        }
        XCTAssertNil(PreTokenizer(ggufName: "kimi-k2"))
        XCTAssertTrue(PreTokenizer.addsBOS(ggufName: "tekken"))
        XCTAssertFalse(PreTokenizer.ignoresMerges(ggufName: "gpt-4o"))
    }
}
