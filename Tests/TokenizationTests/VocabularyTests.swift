import XCTest

@testable import Tokenization

final class VocabularyTests: XCTestCase {
    private func fault(_ vocabulary: Vocabulary) -> String? {
        do {
            try vocabulary.checkInvariants()
            return nil
        } catch { return "\(error)" }
    }

    func testInvariants() {
        let good = Vocabulary(kind: .sentencePieceBPE, pieces: [Piece("a"), Piece("b"), Piece("<0x0A>", role: .byte)])
        XCTAssertNil(fault(good))
        var bad = good
        bad.eosID = 3
        XCTAssertEqual(fault(bad), "vocabulary: eos id: 3 is outside the 3 pieces")
        bad = good
        bad.bosID = -1
        XCTAssertEqual(fault(bad), "vocabulary: bos id: -1 is outside the 3 pieces")
        bad = good
        bad.pieces[1].score = .nan
        XCTAssertEqual(fault(bad), "vocabulary: piece 1: its score is not a number")
        bad = good
        bad.pieces[1].text = "a"
        XCTAssertEqual(fault(bad), "vocabulary: piece 1: \"a\" is piece 0 already")
        bad = good
        bad.pieces[2].text = "<0xG0>"
        XCTAssertEqual(fault(bad), "vocabulary: piece 2: \"<0xG0>\" is a byte piece but not spelled <0xHH>")
        bad = good
        bad.merges = [.init(0, 7)]
        XCTAssertEqual(fault(bad), "vocabulary: merge 0: 0 + 7 is outside the 3 pieces")
        bad = good
        bad.addsBOS = true
        XCTAssertEqual(fault(bad), "vocabulary: bos id: BOS is to be added but has no id")
        bad.pieces = []
        XCTAssertNotNil(fault(bad))
    }

    func testComposedAndDecomposedPiecesDiffer() throws {
        XCTAssertNotEqual(Piece("\u{E9}"), Piece("e\u{301}"))
        let pieces = [Piece("\u{E9}", score: -1), Piece("e\u{301}", score: -2), Piece("e", score: -3), Piece("\u{301}", score: -4)]
        let tokenizer = try Tokenizer(Vocabulary(kind: .sentencePieceBPE, pieces: pieces, spacePrefix: .never))
        XCTAssertEqual(tokenizer.encode("\u{E9}e\u{301}e"), [0, 1, 2])
    }

    func testArraysOfDifferentLengthsAreRefused() {
        XCTAssertThrowsError(try Vocabulary.pieces(texts: ["a", "b"], scores: [1]))
        XCTAssertThrowsError(try Vocabulary.pieces(texts: ["a", "b"], roles: [1]))
        XCTAssertThrowsError(try Vocabulary.pieces(texts: ["a"], roles: [9]))
    }

    func testByteLevelIsNoSentencePieceModel() throws {
        let vocabulary = try Vocabulary(tokenizerJSON: Fixtures.tokenizerJSON("gpt2"))
        XCTAssertThrowsError(try vocabulary.sentencePieceModel()) {
            XCTAssertEqual("\($0)", "this vocabulary cannot be written as tokenizer.model: it is byte-level BPE")
        }
    }

    func testLongTextsTakeLinearithmicTime() throws {
        let tokenizer = try Tokenizer(Fixtures.wrenModel())
        let text = String(repeating: "a", count: 200_000)
        let start = ContinuousClock.now
        XCTAssertEqual(tokenizer.decode(tokenizer.encode(text)), text)
        XCTAssertLessThan(ContinuousClock.now - start, .seconds(20))
    }

    func testEncodingIsDeterministicAndTakesBytes() throws {
        let tokenizer = try Tokenizer(Fixtures.wrenModel())
        XCTAssertEqual(tokenizer.encode("Hello"), tokenizer.encode(Array("Hello".utf8)))
        XCTAssertEqual(tokenizer.encode([0x61, 0xFF]), tokenizer.encode("a\u{FFFD}"))
        XCTAssertEqual(tokenizer.encode(""), [1])
        XCTAssertEqual(tokenizer.encode("", addSpecial: false), [])
        XCTAssertEqual(tokenizer.decode([-1, 5000, 3 + 0x41]), "A")
    }
}
