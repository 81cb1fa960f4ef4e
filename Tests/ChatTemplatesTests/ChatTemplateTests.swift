import ChatTemplates
import StrictJSON
import XCTest

final class ChatTemplateTests: XCTestCase {
    private func error(_ source: String) -> ChatTemplateError? {
        do {
            _ = try ChatTemplate(source).render(messages: [])
            return nil
        } catch { return error }
    }

    func testConversation() throws {
        let template = try ChatTemplate(
            "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
                + "{% if add_generation_prompt %}<assistant>{% endif %}"
        )
        let messages: [JSONValue] = [["role": "user", "content": "Hi"], ["role": "assistant", "content": "e\u{301}"]]
        XCTAssertEqual(
            try template.render(messages: messages, addGenerationPrompt: true, variables: ["bos_token": "<s>"]),
            "<s><user>Hi\n<assistant>e\u{301}\n<assistant>")
        XCTAssertEqual(try template.render(messages: []), "")
    }

    func testErrorsSayWhere() {
        let raised = error("a\n{{ 1 }}\n{{ raise_exception('no tools') }}")
        XCTAssertEqual(raised?.kind, .raised)
        XCTAssertEqual(raised?.description, "chat template, line 3: no tools")
        XCTAssertEqual(error("\n\n{% include 'x' %}")?.description, "chat template, line 3: the tag 'include' is not supported")
        XCTAssertEqual(error("{{ [1,\n\n 'a' + 1] }}")?.line, 3)
        XCTAssertEqual(error("{% if x %}\n")?.kind, .syntax)
        XCTAssertEqual(error("{{ messages[0].content }}")?.reason, "a list has no such element")
        XCTAssertEqual(error("x\r\n{{ none + 1 }}")?.line, 2)
        XCTAssertEqual(
            error("{% macro m(a) %}\n{{ a.b }}\n{% endmacro %}\n{{ m() }}")?.description,
            "chat template, line 2: the parameter 'a' was not given")
        XCTAssertEqual(error("{{ 'a'|nosuch }}")?.description, "chat template, line 1: the filter 'nosuch' is not supported")
    }

    func testTextIsOfCodePoints() throws {
        let template = try ChatTemplate("{{ 'e\u{301}'|length }}{{ 'e\u{301}' == '\u{E9}' }}{{ '🇩🇪'[0] }}")
        XCTAssertEqual(try template.render(messages: []), "2False🇩")
        let twoKeys: JSONValue = ["e\u{301}": "decomposed", "\u{E9}": "composed"]
        XCTAssertEqual(try ChatTemplate("{{ x['\u{E9}'] }}").render(messages: [], variables: ["x": twoKeys]), "composed")
    }

    func testNowIsOfTheSystem() throws {
        let year = try XCTUnwrap(Int(try ChatTemplate("{{ strftime_now('%Y') }}").render(messages: [])))
        XCTAssertTrue((2024...2200).contains(year))
    }
}
