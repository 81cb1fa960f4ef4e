import StrictJSON
import TestSupport
import XCTest

/// Renderings beside those of Jinja2 as transformers sets it up.
final class JinjaComparisonTests: XCTestCase {
    private static let shipped = [
        "chatml", "command-r", "deepseek-r1", "gemma", "gemma3", "harmony", "llama3.1", "mistral-v1", "mistral-v3", "phi3", "qwen2.5",
        "qwen3",
        "smollm3", "zephyr",
    ]

    func testTemplatesLikeThoseThatAreShipped() throws {
        let conversations = try XCTUnwrap(JSONValue(strict: Jinja.fixture("conversations.json")).array)
        var cases: [TemplateCase] = []
        for name in Self.shipped {
            let template = String(decoding: try Jinja.fixture("\(name).jinja"), as: UTF8.self)
            for conversation in conversations {
                cases.append(TemplateCase(name: "\(name), \(conversation["name"]?.string ?? "")", template: template, conversation))
            }
        }
        XCTAssertEqual(cases.count, 14 * 20)
        XCTAssertEqual(try Jinja.compare(cases), [])
    }

    func testExpressionsAndStatements() throws {
        let document = try JSONValue(strict: Jinja.fixture("expressions.json"))
        let templates = try XCTUnwrap(document["templates"]?.array).compactMap(\.string)
        let read: JSONValue = [
            "variables": document["variables"] ?? [:], "messages": document["messages"] ?? [], "add_generation_prompt": true,
        ]
        let cases = templates.map { TemplateCase(name: $0, template: $0, read) }
        let refused = try Jinja.compare(cases)
        XCTAssertEqual(Set(refused), Set(try XCTUnwrap(document["refused"]?.array).compactMap(\.string)))
    }
}
