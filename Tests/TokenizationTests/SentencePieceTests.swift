import StrictJSON
import XCTest

@testable import Tokenization

/// BPE over characters against `sentencepiece` and `tokenizers`, on the tokenizer of wren-7m.
final class SentencePieceTests: XCTestCase {
    func testModelGivesSentencePiecesIDs() throws {
        let vocabulary = try Fixtures.wrenModel()
        XCTAssertEqual(vocabulary.kind, .sentencePieceBPE)
        XCTAssertEqual([vocabulary.unknownID, vocabulary.bosID, vocabulary.eosID, vocabulary.padID], [0, 1, 2, nil])
        try Fixtures.assertEncodes(vocabulary, as: "wren-sentencepiece")
    }

    func testFastTokenizerGivesTheLibrarysIDs() throws {
        let vocabulary = try Fixtures.wrenJSON()
        XCTAssertEqual(vocabulary.kind, .mergesBPE)
        try Fixtures.assertEncodes(vocabulary, as: "wren-metaspace")
        try Fixtures.assertEncodes(vocabulary, as: "wren-metaspace", "special", parseSpecial: true)
        try Fixtures.assertEncodes(vocabulary, as: "wren-metaspace", "added", addSpecial: true)
    }

    func testPrependFormGivesTheLibrarysIDs() throws {
        var vocabulary = try Fixtures.wrenJSON()
        vocabulary.prefixesSpace = true
        vocabulary = try Vocabulary(tokenizerJSON: vocabulary.tokenizerJSON())
        XCTAssertTrue(vocabulary.prefixesSpace)
        XCTAssertEqual(vocabulary.spacePrefix, .everySegment)
        try Fixtures.assertEncodes(vocabulary, as: "wren-prepend")
        try Fixtures.assertEncodes(vocabulary, as: "wren-prepend", "special", parseSpecial: true)
    }

    func testSpecialTokensSwallowSpacesBesideThem() throws {
        var vocabulary = try Fixtures.wrenJSON()
        vocabulary.spacePrefix = .firstSegment
        vocabulary.pieces.append(Piece("<|user|>", role: .control, stripping: .after))
        vocabulary.pieces.append(Piece("<|end|>", role: .control, stripping: .before))
        let rewritten = try Vocabulary(tokenizerJSON: vocabulary.tokenizerJSON())
        for vocabulary in [vocabulary, rewritten] {
            try Fixtures.assertEncodes(vocabulary, as: "wren-stripping", "special", parseSpecial: true)
        }
    }

    func testUserDefinedPiecesWithoutByteFallback() throws {
        let vocabulary = try Vocabulary(sentencePieceModel: Fixtures.bytes("Tests/Fixtures/tokenizers/tiny.model"))
        XCTAssertTrue(vocabulary.removesExtraSpaces)
        XCTAssertFalse(vocabulary.byteFallback)
        try Fixtures.assertEncodes(vocabulary, as: "tiny")
        XCTAssertEqual(try Vocabulary(sentencePieceModel: vocabulary.sentencePieceModel()), vocabulary)
    }

    func testDecodesAsSentencePiece() throws {
        let tiny = try Vocabulary(sentencePieceModel: Fixtures.bytes("Tests/Fixtures/tokenizers/tiny.model"))
        let document = try JSONValue(Fixtures.tokenizerJSON("expected"), location: "expected.json")
        for (name, vocabulary) in [("wren-sentencepiece", try Fixtures.wrenModel()), ("tiny", tiny)] {
            let tokenizer = try Tokenizer(vocabulary)
            for row in try XCTUnwrap(document[name]?["decoded"]?.array) {
                let ids = try XCTUnwrap(row.array?[0].array).compactMap(\.int32)
                let text = try XCTUnwrap(row.array?[1].string)
                XCTAssertEqual(Array(tokenizer.decode(ids).utf8), Array(text.utf8), "\(name): \(text.debugDescription)")
            }
        }
    }

    func testArraysOfGGUFGiveTheSameIDs() throws {
        let model = try Fixtures.wrenModel()
        let pieces = try Vocabulary.pieces(
            texts: model.pieces.map(\.text), scores: model.pieces.map(\.score), roles: model.pieces.map(\.role.rawValue))
        let vocabulary = Vocabulary(kind: .sentencePieceBPE, pieces: pieces, bosID: 1, eosID: 2, unknownID: 0)
        XCTAssertTrue(vocabulary.addsBOS)
        try Fixtures.assertEncodes(vocabulary, as: "wren-sentencepiece")
    }

    func testModelBytesRestoreTheVocabulary() throws {
        let vocabulary = try Fixtures.wrenModel()
        XCTAssertEqual(try Vocabulary(sentencePieceModel: vocabulary.sentencePieceModel()), vocabulary)
    }

    func testImpliedMergesAreThoseOfTransformers() throws {
        XCTAssertTrue(try Fixtures.wrenModel().impliedMerges() == Fixtures.wrenJSON().merges)
    }

    func testModelWrittenAsFastTokenizerKeepsIDs() throws {
        let vocabulary = try Vocabulary(tokenizerJSON: Fixtures.wrenModel().tokenizerJSON())
        XCTAssertEqual(vocabulary.kind, .mergesBPE)
        try Fixtures.assertEncodes(vocabulary, as: "wren-sentencepiece")
    }

    func testFastTokenizerWrittenAsModelKeepsIDs() throws {
        var vocabulary = try Fixtures.wrenJSON()
        let unknown = try XCTUnwrap(vocabulary.pieces.firstIndex { $0.text == "<unk>" })
        vocabulary.pieces[unknown].role = .unknown
        let scored = try Vocabulary(sentencePieceModel: vocabulary.sentencePieceModel())
        XCTAssertEqual(scored.kind, .sentencePieceBPE)
        try Fixtures.assertEncodes(scored, as: "wren-sentencepiece")
    }

    func testConfigurationNamesSpecialTokens() throws {
        let configuration = #"{"bos_token": {"content": "</s>"}, "unk_token": "<unk>", "add_bos_token": false, "add_eos_token": true}"#
        let vocabulary = try Vocabulary(
            tokenizerJSON: Fixtures.bytes("Examples/wren-7m/tokenizer.json"), configuration: Array(configuration.utf8))
        XCTAssertEqual(vocabulary.bosID, 2)
        XCTAssertEqual(vocabulary.unknownID, 0)
        XCTAssertEqual(vocabulary.pieces[0].role, .unknown)
        XCTAssertFalse(vocabulary.addsBOS)
        XCTAssertFalse(vocabulary.addsEOS, "there is no EOS to add")
    }

    func testUnusedPiecesAreTakenApart() throws {
        let pieces = [
            Piece("<unk>", role: .unknown), Piece("a", score: -3), Piece("b", score: -4), Piece("c", score: -5),
            Piece("ab", score: -1, role: .unused), Piece("abc", score: -2, role: .unused), Piece("bc", score: -6),
        ]
        var vocabulary = Vocabulary(kind: .sentencePieceBPE, pieces: pieces, unknownID: 0, spacePrefix: .never)
        vocabulary.byteFallback = false
        let tokenizer = try Tokenizer(vocabulary)
        XCTAssertEqual(tokenizer.encode("abc"), [1, 2, 3])
        XCTAssertEqual(tokenizer.encode("bc"), [6])
        XCTAssertEqual(tokenizer.encode("xyzaxy"), [0, 1, 0], "a run of unknown characters is one token")
    }

    func testUserDefinedPiecesAreNeverMerged() throws {
        let pieces = [
            Piece("<unk>", role: .unknown), Piece("a", score: -2), Piece("aa", score: -1), Piece("<x>", role: .userDefined),
        ]
        let tokenizer = try Tokenizer(
            Vocabulary(kind: .sentencePieceBPE, pieces: pieces, unknownID: 0, spacePrefix: .never))
        XCTAssertEqual(tokenizer.encode("aaa<x>a<x><x>aa"), [2, 1, 3, 1, 3, 3, 2])
    }

    func testExtraSpacesAreDroppedWhereTheModelSaysSo() throws {
        var vocabulary = try Fixtures.wrenModel()
        vocabulary.removesExtraSpaces = true
        let tokenizer = try Tokenizer(vocabulary)
        XCTAssertEqual(tokenizer.encode("  a  b "), try Tokenizer(Fixtures.wrenModel()).encode("a b"))
        XCTAssertThrowsError(try vocabulary.tokenizerJSON())
    }
}
