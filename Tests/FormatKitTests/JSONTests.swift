import FormatKit
import TestSupport
import XCTest

final class JSONTests: XCTestCase {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8), path: "t", object: "json") }

    func testValues() throws {
        let text = #" { "a" : [1, -2.5e1, true, false, null, "x\n\u00e9\ud83d\ude42/\/"], "b": {}, "": [] } "#
        XCTAssertEqual(try parse(text), .object([
            "a": .array([.integer(1), .number(-25), .bool(true), .bool(false), .null, .string("x\né🙂//")]), "b": .object([:]), "": .array([]),
        ]))
        XCTAssertEqual(try parse("18446744073709551615").number, 0x1p64)
        XCTAssertNil(try parse("18446744073709551615").integer)
        XCTAssertEqual(try parse("-9223372036854775808").integer, .min)
    }

    func testWhatIsNoJSON() throws {
        let texts = [
            "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "[1 2]", "01", "1.", ".5", "+1", "1e", "--1", "nul", "truex", "[1]x",
            "\"a", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\u{1}\"", "'a'", "NaN", "1e999", "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}", "[1]//", String(repeating: "[", count: 65) + String(repeating: "]", count: 65),
        ]
        for text in texts {
            XCTAssertThrowsError(try parse(text), text) { XCTAssertEqual(($0 as? FormatError)?.kind, .malformed, text) }
        }
        XCTAssertThrowsError(try JSONValue(parsing: [0x22, 0xC3, 0x22], path: "t", object: ""))
        XCTAssertNoThrow(try parse(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)))
    }

    func testMembersKeepTheirOrder() throws {
        let members = try JSONValue.members(parsing: Array("{\"z\":1,\"a\":2,\"m\":3}".utf8), path: "t", object: "")
        XCTAssertEqual(members.map(\.key), ["z", "a", "m"])
        XCTAssertThrowsError(try JSONValue.members(parsing: Array("[]".utf8), path: "t", object: ""))
    }

    func testQuotedTextParsesBack() throws {
        let text = String(String.UnicodeScalarView((0...0x2FF).compactMap(Unicode.Scalar.init))) + "🙂\u{2028}"
        XCTAssertEqual(try parse(JSONText.quoted(text)).string?.unicodeScalars.elementsEqual(text.unicodeScalars), true)
    }
}
