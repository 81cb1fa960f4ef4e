import StrictJSON
import XCTest

final class JSONTests: XCTestCase {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(strict: Array(text.utf8)) }

    func testValues() throws {
        let text = #" { "a" : [1, -2.5e1, true, false, null, "x\n\u00e9\ud83d\ude42/\/"], "b": {}, "": [] } "#
        XCTAssertEqual(
            try parse(text),
            .object([
                "a": .array([.integer(1), .number(-25), .bool(true), .bool(false), .null, .string("x\né🙂//")]), "b": .object([:]),
                "": .array([]),
            ]))
        XCTAssertEqual(try parse("18446744073709551615").number, 0x1p64)
        XCTAssertNil(try parse("18446744073709551615").integer)
        XCTAssertEqual(try parse("-9223372036854775808").integer, .min)
    }

    func testWhatIsNoJSON() throws {
        let texts = [
            "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "[1 2]", "01", "1.", ".5", "+1", "1e", "--1", "nul", "truex",
            "[1]x",
            "\"a", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\u{1}\"", "'a'", "NaN", "1e999",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}", "[1]//", String(repeating: "[", count: 65) + String(repeating: "]", count: 65),
        ]
        for text in texts {
            XCTAssertThrowsError(try parse(text), text) { XCTAssertTrue($0 is JSONError, text) }
        }
        XCTAssertThrowsError(try JSONValue(strict: [0x22, 0xC3, 0x22]))
        XCTAssertNoThrow(try parse(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)))
    }

    private func error(_ text: String) -> String {
        do { return "\(try parse(text))" } catch { return "\(error)" }
    }

    func testEveryErrorSaysWhereAndWhat() {
        XCTAssertEqual(error("[1"), "byte 2: ',' or ']' is expected")
        XCTAssertEqual(error("{\"a\" 1"), "byte 5: ':' is expected")
        XCTAssertEqual(error("{1:2}"), "byte 1: a key is expected")
        XCTAssertEqual(error("{\"a\":1]"), "byte 6: ',' or '}' is expected")
        XCTAssertEqual(error(""), "byte 0: the document ends where a value is expected")
        XCTAssertEqual(error("[tru]"), "byte 1: true is expected")
        XCTAssertEqual(error("[-]"), "byte 1: a value is expected")
        XCTAssertEqual(error("1.x"), "byte 2: a digit is expected")
        XCTAssertEqual(error("1e+"), "byte 3: a digit is expected")
        XCTAssertEqual(error("1e999"), "byte 5: the number 1e999 is too large")
        XCTAssertEqual(error("\"a"), "byte 2: the document ends inside a string")
        XCTAssertEqual(error("\"\\"), "byte 2: the document ends inside a string")
        XCTAssertEqual(error("\"\\\u{1}"), "byte 3: an unknown escape")
        XCTAssertEqual(error("\"\\n\u{1}\""), "byte 4: a control character inside a string")
        XCTAssertEqual(error("\"\\u12g4\""), "byte 5: four hexadecimal digits are expected")
        XCTAssertEqual(error("\"\\udc00\""), "byte 7: half a surrogate pair")
        XCTAssertEqual(error("\"\\ud800\\u0041\""), "byte 13: half a surrogate pair")
        XCTAssertEqual(error("1 1"), "byte 2: something follows the document")
        XCTAssertEqual(error("{\"a\":1,\"a\":2}"), "byte 13: the key \"a\" occurs twice in the object that ends here")
        XCTAssertEqual(error(String(repeating: "[", count: 65)), "byte 64: more than 64 levels")
        XCTAssertThrowsError(try JSONValue(strict: [0x22, 0xC3, 0x22])) { XCTAssertEqual("\($0)", "byte 2: text that is no UTF-8") }
    }

    func testMembersKeepTheirOrderAndTheirSpelling() throws {
        XCTAssertEqual(try parse("{\"z\":1,\"a\":2,\"m\":3}").object?.keys, ["z", "a", "m"])
        let composed = try XCTUnwrap(parse("{\"\\u00e9\":1,\"e\\u0301\":2}").object)
        XCTAssertEqual(composed["\u{e9}"], .integer(1))
        XCTAssertEqual(composed["e\u{301}"], .integer(2))
        let many = "{" + (0..<20).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
        XCTAssertEqual(try parse(many + "}").object?.count, 20)
        XCTAssertThrowsError(try parse(many + ",\"k3\":0}")) { XCTAssertTrue("\($0)".contains("the key \"k3\" occurs twice"), "\($0)") }
    }

    func testAByteOrderMarkIsPassedOverWhenAllowed() throws {
        let bytes: [UInt8] = [0xEF, 0xBB, 0xBF, 0x31]
        XCTAssertEqual(try JSONValue(strict: bytes, allowsByteOrderMark: true), .integer(1))
        XCTAssertThrowsError(try JSONValue(strict: bytes))
    }

    func testWhatIsWrittenParsesBack() throws {
        let value: JSONValue = ["b": ["x", nil, true, .integer(-3), .number(0.5), [], [:]], "a": ["c": "\u{1}\n\"é"]]
        XCTAssertEqual(try JSONValue(strict: value.serialized()), value)
    }

    func testQuotedTextParsesBack() throws {
        let text = String(String.UnicodeScalarView((0...0x2FF).compactMap(Unicode.Scalar.init))) + "🙂\u{2028}"
        XCTAssertEqual(try parse(JSONText.quoted(text)).string?.unicodeScalars.elementsEqual(text.unicodeScalars), true)
    }

    func testEditingLeavesEveryOtherByte() throws {
        let text = Array("{\n  \"a\": 1,\n  \"b\": {\"a\": [2]},\n  \"c\": \"x\"\n}\n".utf8)
        func edited(_ body: ([UInt8]) throws -> [UInt8]) rethrows -> String { String(decoding: try body(text), as: UTF8.self) }
        XCTAssertEqual(try edited { try JSONText.removing("b", from: $0) }, "{\n  \"a\": 1,\n  \"c\": \"x\"\n}\n")
        XCTAssertEqual(try edited { try JSONText.removing("a", from: $0) }, "{\n  \"b\": {\"a\": [2]},\n  \"c\": \"x\"\n}\n")
        XCTAssertEqual(try edited { try JSONText.removing("c", from: $0) }, "{\n  \"a\": 1,\n  \"b\": {\"a\": [2]}\n}\n")
        XCTAssertEqual(try JSONText.removing("a", from: Array("{ \"a\" : 1 }".utf8)), Array("{  }".utf8))
        XCTAssertEqual(try JSONText.removing("z", from: text), text)
        XCTAssertEqual(
            try edited { try JSONText.replacing("b", with: "null", in: $0) }, "{\n  \"a\": 1,\n  \"b\": null,\n  \"c\": \"x\"\n}\n")
        XCTAssertThrowsError(try JSONText.removing("a", from: Array("[1]".utf8))) {
            XCTAssertEqual("\($0)", "byte 0: an object is expected")
        }
    }
}
