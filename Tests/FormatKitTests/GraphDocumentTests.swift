import FormatKit
import ModelGraph
import TestSupport
import XCTest

final class GraphDocumentTests: XCTestCase {
    private func parse(_ text: String) throws -> GraphDocument {
        try GraphDocument(parsing: Array(text.utf8), path: "t", object: "caplet.json")
    }

    func testRoundTrip() throws {
        var document = GraphDocument()
        document.metadata = SampleGraph.metadata
        document.metadata["a.nested"] = .array(.array, [.array(.uint8, [.uint8(1)]), .array(.string, [])])
        document.ties = [Tie(name: "lm_head.weight", target: "model.embed_tokens.weight")]
        document.tensors = [("b", .f8E5M2), ("a", .bf16)]
        let back = try parse(document.text)
        XCTAssertEqual(back.metadata.keys, document.metadata.keys)
        for (key, value) in document.metadata.entries { XCTAssertEqual(back.metadata[key], value, key) }
        XCTAssertEqual(back.ties, document.ties)
        XCTAssertEqual(back.tensors.map(\.name), ["b", "a"])
        XCTAssertEqual(back.tensors.map(\.dtype), [.f8E5M2, .bf16])
        XCTAssertEqual(back.text, document.text)
    }

    func testWhatIsNoDocument() throws {
        let texts = [
            "{}", "[]", #"{"version":"1"}"#, #"{"version":1,"else":[]}"#, #"{"version":1,"metadata":{}}"#,
            #"{"version":1,"metadata":[["k",{"uint8":"256"}]]}"#, #"{"version":1,"metadata":[["k",{"uint8":7}]]}"#,
            #"{"version":1,"metadata":[["k",{"uint8":"1","int8":"1"}]]}"#, #"{"version":1,"metadata":[["k",{"array":["string",[1]]}]]}"#,
            #"{"version":1,"metadata":[["k",{"bool":true}],["k",{"bool":true}]]}"#, #"{"version":1,"ties":[["a"]]}"#,
            #"{"version":1,"tensors":[["a","F99"]]}"#,
        ]
        for text in texts {
            XCTAssertThrowsError(try parse(text), text) { XCTAssertEqual(($0 as? FormatError)?.kind, .malformed, text) }
        }
        XCTAssertThrowsError(try parse(#"{"version":2}"#)) { XCTAssertEqual(($0 as? FormatError)?.kind, .unsupported) }
    }
}
