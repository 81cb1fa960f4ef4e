import StrictJSON
import XCTest

@testable import Tokenization

/// What tokenizers come in beside tokenizer.json and tokenizer.model.
final class TokenizerFilesTests: XCTestCase {
    /// GPT-2's two files against the tokenizer.json with the same pieces and merges.
    func testVocabularyAndMerges() throws {
        let bytes = try Fixtures.tokenizerJSON("gpt2")
        let model = try XCTUnwrap(JSONValue(strict: bytes)["model"])
        let vocab = try XCTUnwrap(model["vocab"]).serialized()
        let lines = try XCTUnwrap(model["merges"]?.array).map { merge in
            merge.string ?? (merge.array ?? []).compactMap(\.string).joined(separator: " ")
        }
        let merges = Array(("#version: 0.2\n" + lines.joined(separator: "\n") + "\n").utf8)
        let configuration = Array(#"{"eos_token": "<|endoftext|>", "bos_token": {"content": "<|endoftext|>"}, "add_bos_token": true}"#.utf8)
        let vocabulary = try Vocabulary(vocabularyJSON: vocab, mergesText: merges, configuration: configuration)
        XCTAssertEqual(vocabulary.preTokenizer, .gpt2)
        XCTAssertTrue(vocabulary.addsBOS)
        let ours = try Tokenizer(vocabulary)
        let theirs = try Tokenizer(Vocabulary(tokenizerJSON: bytes))
        for (text, ids) in try Fixtures.expected("gpt2", "texts") {
            XCTAssertEqual(theirs.encode(text, addSpecial: false), ids)
            XCTAssertEqual(ours.encode(text, addSpecial: false), ids, text.debugDescription)
            XCTAssertEqual(ours.encode(text), [vocabulary.bosID].compactMap { $0 } + ids)
        }
        for (json, text, words) in [
            (#"{"a":0,"b":0}"#, "a b", "id of its own"), (#"{"a":0,"b":7}"#, "a b", "id of its own"), ("[]", "", "object"),
            (#"{"a":0,"b":1}"#, "a b", "not in the vocabulary"), (#"{"a":0,"b":1,"ab":2}"#, "ab", "two pieces"),
        ] {
            XCTAssertThrowsError(try Vocabulary(vocabularyJSON: Array(json.utf8), mergesText: Array(text.utf8)), json) {
                XCTAssertTrue("\($0)".contains(words), "\($0)")
            }
        }
    }

    /// Tokens of tokenizer_config.json behind those of a SentencePiece model, as Phi-3 has them.
    func testAddedTokensOfTheConfiguration() throws {
        let bytes = try Fixtures.bytes("Tests/Fixtures/tokenizers/tiny.model")
        let plain = try Vocabulary(sentencePieceModel: bytes)
        let count = plain.count
        let configuration = """
            {"added_tokens_decoder": {"0": {"content": "<unk>", "special": true}, "\(count)": {"content": "<|end|>", "special": true, "rstrip": true},
             "\(count + 2)": {"content": "<call>", "special": false}}, "eos_token": "<|end|>"}
            """
        let vocabulary = try Vocabulary(sentencePieceModel: bytes, configuration: Array(configuration.utf8))
        XCTAssertEqual(vocabulary.count, count + 3)
        XCTAssertEqual(Array(vocabulary.pieces.prefix(count)), plain.pieces)
        XCTAssertEqual(vocabulary.pieces[count], Piece("<|end|>", role: .control, stripping: .after))
        XCTAssertEqual(vocabulary.pieces[count + 1].role, .unused)
        XCTAssertEqual(vocabulary.pieces[count + 2], Piece("<call>", role: .userDefined))
        XCTAssertEqual(vocabulary.eosID, Int32(count))
        let ids = try Tokenizer(vocabulary).encode("a<|end|> b<call>", addSpecial: false, parseSpecial: true)
        XCTAssertTrue(ids.contains(Int32(count)) && ids.contains(Int32(count + 2)), "\(ids)")
        let broken = Array(#"{"added_tokens_decoder": {"x": {"content": "y"}}}"#.utf8)
        XCTAssertThrowsError(try Vocabulary(sentencePieceModel: bytes, configuration: broken)) {
            XCTAssertTrue("\($0)".contains("added_tokens_decoder"), "\($0)")
        }
    }
}
