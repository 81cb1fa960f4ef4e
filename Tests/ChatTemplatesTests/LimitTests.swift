import ChatTemplates
import StrictJSON
import XCTest

/// Templates that want too much end with an error, soon, and never with a trap.
final class LimitTests: XCTestCase {
    private func kind(_ source: String, _ limits: ChatTemplateLimits = ChatTemplateLimits()) -> ChatTemplateError.Kind? {
        do {
            _ = try ChatTemplate(source, limits: limits).render(messages: [])
            return nil
        } catch { return error.kind }
    }

    private func assertLimit(_ sources: [String], file: StaticString = #filePath, line: UInt = #line) {
        for source in sources { XCTAssertEqual(kind(source), .limit, String(source.prefix(80)), file: file, line: line) }
    }

    func testNesting() {
        let count = 100_000
        func many(_ text: String, _ times: Int = count) -> String { String(repeating: text, count: times) }
        assertLimit([
            "{{ " + many("(") + "1" + many(")") + " }}", "{{ " + many("[") + many("]") + " }}",
            "{{ " + many("{1:") + "1" + many("}") + " }}",
            "{{ " + many("not ") + "1 }}", "{{ " + many("-") + "1 }}", "{{ 1" + many("+1") + " }}", "{{ a" + many(".b") + " }}",
            "{{ 1" + many("|abs") + " }}", "{{ a" + many("()") + " }}", "{{ 1" + many(" and 1") + " }}",
            "{{ 1" + many(" if 1 else 1", 50_000) + " }}",
            many("{% if 1 %}"), many("{% for i in l %}", 50_000), "{% set " + many("(") + "a" + many(")") + " = 1 %}",
            "{{ 1" + many(" is eq 1") + " }}",
        ])
        XCTAssertNil(kind("{% if 0 %}" + many("{% elif 0 %}", 20_000) + "{% endif %}"))
    }

    func testDepthOfCallsAndValues() {
        assertLimit([
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "{% macro m(x) %}{% if 1 %}{% for i in [1] %}{{ [[[m([[x]])]]] }}{% endfor %}{% endif %}{% endmacro %}{{ m(1) }}",
            "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}",
            "{% set ns = namespace(x=[1]) %}{% for i in range(1000) %}{% set ns.x = ns.x|map('abs') %}{% endfor %}{{ ns.x|list }}",
        ])
        XCTAssertEqual(kind("{% set ns = namespace() %}{% set ns.x = ns %}"), .unsupported)
        XCTAssertEqual(kind("{% macro m() %}{% endmacro %}{% set x = [m] %}"), .unsupported)
        var deep: JSONValue = []
        for _ in 0..<200 { deep = [deep] }
        XCTAssertThrowsError(try ChatTemplate("x").render(messages: [deep])) { XCTAssertEqual(($0 as? ChatTemplateError)?.kind, .limit) }
    }

    func testStepsAndSizes() {
        let doubled =
            "{% set ns = namespace(x=(1,), y=(1,)) %}"
            + "{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% set ns.y = (ns.y, ns.y) %}{% endfor %}"
        var few = ChatTemplateLimits()
        few.steps = 100_000
        for source in [
            "{{ ns.x }}", "{{ ns.x == ns.y }}", "{{ ns.x < ns.y }}", "{{ ns.x|tojson }}", "{{ {ns.x: 1} }}", "{{ ns.x|string }}",
        ] {
            XCTAssertEqual(kind(doubled + source, few), .limit, source)
        }
        XCTAssertEqual(kind("{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}", few), .limit)
        assertLimit([
            "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            "{{ 'a' * 9223372036854775807 }}", "{{ [1] * 1000000000 }}", "{{ ('a' * 1000000)|replace('', 'b' * 1000) }}",
            "{{ 'a\\nb'|indent(9223372036854775807) }}", "{{ [1]|tojson(indent=9223372036854775807) }}",
            "{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", "{{ range(100001) }}",
            "{{ range(-9223372036854775807, 9223372036854775807) }}", String(repeating: "x", count: 2 << 20),
        ])
        var small = ChatTemplateLimits()
        small.outputBytes = 10
        XCTAssertNil(kind("0123456789", small))
        XCTAssertEqual(kind("0123456789a", small), .limit)
        XCTAssertEqual(kind("é123456789", small), .limit)
    }

    func testIntegersThatDoNotFit() {
        let least = "(-9223372036854775807 - 1)"
        assertLimit([
            "{{ 9 ** 99999999999 }}", "{{ -\(least) }}", "{{ \(least) // -1 }}", "{{ \(least)|abs }}", "{{ 1e300|int }}",
            "{{ 9223372036854775807 + 1 }}",
            "{{ 9223372036854775808 }}",
        ])
        XCTAssertNil(kind("{{ \(least) % -1 }}{{ 'abc'[::\(least)] }}{{ 'abc'[\(least):9223372036854775807:9223372036854775807] }}"))
    }
}
