import XCTest
@testable import CapletRuntime

/// Where a text ends, however it is cut.
final class StopTextTests: XCTestCase {
    private func pieces(_ stops: [String], _ pieces: [String]) -> (pieces: [String], isFound: Bool) {
        var stream = StopTexts(stops)
        let given = pieces.map { stream.add($0) }
        return (given + [stream.finish()], stream.isFound)
    }

    func testWhatMayBeginAStopIsHeldBack() {
        XCTAssertEqual(pieces(["END"], ["a", "bE", "N", "x", "EEN", "D", "more"]).pieces, ["a", "b", "", "ENx", "E", "", "", ""])
        XCTAssertEqual(pieces(["END"], ["a E", "N"]).pieces, ["a ", "", "EN"])
        XCTAssertFalse(pieces(["END"], ["a E", "N"]).isFound)
        XCTAssertEqual(pieces([], ["a", "b"]).pieces, ["a", "b", ""])
        XCTAssertEqual(pieces(["abab"], ["aba", "aba", "bz"]).pieces, ["", "aba", "", ""], "it may begin within another beginning")
    }

    /// Also where characters are more than a byte, or one with those around them.
    func testTheTextDoesNotDependOnThePieces() {
        let text = "one\r\ntwo é€ three\n\n"
        for (stop, expected) in [
            ("\n", "one\r"), ("€ t", "one\r\ntwo é"), ("e", "on"), ("é", "one\r\ntwo "), ("\n\n", "one\r\ntwo é€ three"),
        ] {
            for size in 1...7 {
                var rest = Array(text.unicodeScalars)[...]
                var parts: [String] = []
                while !rest.isEmpty {
                    parts.append(String(String.UnicodeScalarView(rest.prefix(size))))
                    rest = rest.dropFirst(size)
                }
                let result = pieces([stop, "nowhere"], parts)
                XCTAssertEqual(Array(result.pieces.joined().utf8), Array(expected.utf8), "'\(stop)' in pieces of \(size)")
                XCTAssertTrue(result.isFound)
            }
        }
    }

    func testOfSeveralTheFirstThatIsWholeCounts() {
        XCTAssertEqual(pieces(["cd", "bcde"], ["abcdef"]).pieces.joined(), "ab")
        XCTAssertEqual(pieces(["cd", "abcd"], ["x", "abcdef"]).pieces.joined(), "x", "of two that are whole at once the longer one")
    }
}
