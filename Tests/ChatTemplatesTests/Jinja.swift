import ChatTemplates
import Foundation
import StrictJSON
import TestSupport
import XCTest

/// One rendering: a template with what it reads.
struct TemplateCase {
    let name: String
    let template: String
    let json: JSONValue

    /// The clock of the tests, as in Tests/Fixtures/templates/render.py.
    static let now = CalendarTime(year: 2026, month: 3, day: 5, hour: 15, minute: 4, second: 9)

    /// A case from members `messages`, `tools`, `add_generation_prompt` and `variables`.
    init(name: String, template: String, _ json: JSONValue) {
        self.name = name
        self.template = template
        self.json = json
    }

    func rendered() throws -> String {
        var variables: [String: JSONValue] = [:]
        for (name, value) in json["variables"]?.object ?? [:] { variables[name] = value }
        return try ChatTemplate(template).render(
            messages: json["messages"]?.array ?? [], tools: json["tools"],
            addGenerationPrompt: json["add_generation_prompt"]?.bool ?? false,
            variables: variables, now: Self.now)
    }
}

/// What Jinja2 makes of templates, set up as transformers sets it up.
enum Jinja {
    static func fixture(_ name: String) throws -> [UInt8] {
        try TemporaryFolder.bytes(of: Repository.path("Tests/Fixtures/templates/\(name)"))
    }

    /// The text of each case, nil where Jinja2 fails.
    static func rendered(_ cases: [TemplateCase]) throws -> [String?] {
        let folder = try TemporaryFolder()
        let texts = cases.map { item -> String in
            let members = (item.json.object ?? [:]).map { (key: $0.key, text: String(decoding: $0.value.serialized(), as: UTF8.self)) }
            return JSONText.object(members + [(key: "template", text: JSONText.quoted(item.template))])
        }
        let path = folder.path("cases.json")
        try Data(JSONText.array(texts).utf8).write(to: URL(fileURLWithPath: path))
        let script = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        let output = try PythonProcess.run(script, [Repository.path("Tests/Fixtures/templates/render.py"), path])
        return try XCTUnwrap(JSONValue(strict: Array(output.utf8)).array).map { $0["output"]?.string }
    }

    /// Compares each rendering with Jinja2's: the same code points, or a failure of both. What is refused here alone is returned.
    static func compare(_ cases: [TemplateCase], file: StaticString = #filePath, line: UInt = #line) throws -> [String] {
        var refused: [String] = []
        for (item, expected) in zip(cases, try rendered(cases)) {
            do {
                let text = try item.rendered()
                let isEqual = expected.map { $0.utf8.elementsEqual(text.utf8) } ?? false
                if !isEqual { XCTFail("\(item.name): \(text.debugDescription), not \(expected.debugDescription)", file: file, line: line) }
            } catch let error as ChatTemplateError {
                guard let expected else { continue }
                refused.append(item.name)
                if error.kind != .unsupported, error.kind != .limit {
                    XCTFail("\(item.name): \(error), not \(expected.debugDescription)", file: file, line: line)
                }
            }
        }
        return refused
    }
}
