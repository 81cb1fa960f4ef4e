import XCTest

@testable import Tokenization

/// The matcher's limits and refusals.
final class PatternTests: XCTestCase {
    private func matches(_ source: String, _ text: String) throws -> [String] {
        let scalars = Array(text.unicodeScalars)
        var found: [String] = []
        try Pattern(source).cut(scalars, [0..<scalars.count]) { cuts in
            for cut in cuts where cut.isMatch {
                var view = String.UnicodeScalarView()
                view.append(contentsOf: scalars[cut.range])
                found.append(String(view))
            }
        }
        return found
    }

    func testSyntax() throws {
        for (source, text, expected) in [
            ("a{2,3}", "aaaaa", ["aaa", "aa"]), ("a+?", "aa", ["a", "a"]), ("a++a|b", "aab", ["b"]), ("(?:ab){2}", "ababab", ["abab"]),
            ("a(?=b)", "abac", ["a"]), ("a(?!b)", "abac", ["a"]), ("(?i:'s)", "'S'ſ's", ["'S", "'ſ", "'s"]),
            ("(?i)k", "K\u{212A}ıi", ["K", "\u{212A}"]),
            ("[^\\s\\p{L}]", "a 1!", ["1", "!"]), ("[a-c[x]-]", "bx-d", ["b", "x", "-"]), ("(?>a+)b|a", "aac", ["a", "a"]),
            ("\\p{Han}+", "a漢字かな", ["漢字"]), ("\\P{N}", "1a", ["a"]), ("a{,2}b", "aaab", ["aab"]), ("\\x41\\u0042", "AB", ["AB"]),
            ("a*?b", "aab", ["aab"]), ("(?:a|bc)+", "abca", ["abca"]), ("x$", "x\nx", ["x", "x"]),
            ("\\.", "a.", ["."]), ("[\\]\\-]", "]-", ["]", "-"]),
        ] {
            XCTAssertEqual(try matches(source, text), expected, source)
        }
    }

    func testWhatLiesOutsideIsRefused() {
        for (source, reason) in [
            ("(a)\\1", "\\1"), ("(?<=a)b", "(?<"), ("[a&&b]", "&&"), ("[[:alpha:]]", "[:"), ("\\p{Linear_B}", "Linear_B"),
            ("a{2}?", "{n}?"),
            ("(", "without )"), ("(a", "without )"), ("a)", "unmatched"), ("[a", "ends too early"), ("*a", "nothing before"),
            ("(?:a*)*", "may be empty"),
            ("a{9999}", "interval"), (String(repeating: "(", count: 100), "deeper"), (String(repeating: "[", count: 100), "too deep"),
            ("(?:(?:ab{1,900}){1,900}){1,900}", "repeats too much"), (String(repeating: "a", count: 20000), "longer"),
            ("a?????", "in a row"), ("\\", "too early"),
            ("(?m:a)", "(?m"), ("[b-a]", "range"), ("\\p{L", "without }"),
        ] {
            XCTAssertThrowsError(try Pattern(source), source) { error in
                XCTAssertTrue("\(error)".contains(reason), "\(source): \(error)")
            }
        }
    }

    /// Texts that make backtracking long, and patterns that make it explode, end in bounded time; patterns of models stay linear.
    func testHostileTextEnds() throws {
        let clock = ContinuousClock()
        let count = 1 << 20
        let time = try clock.measure {
            let models = [SplitPatterns.tekken, SplitPatterns.gpt4o, SplitPatterns.deepSeek3, SplitPatterns.bloom, SplitPatterns.bailing]
            for (part, rest) in [(" ", "x"), ("A", ""), ("é\u{301}", "")] {
                let text = String(repeating: part, count: count) + rest
                for source in models + [#"\s+$"#] {
                    let found = try matches(source, text)
                    XCTAssertLessThan(found.count, 8 + text.utf8.count)
                }
            }
            XCTAssertEqual(try matches(#"\s+$"#, String(repeating: " ", count: count) + "x"), [])
            for source in ["(?:a|aa)+b", "(?:a+)+b", "a*a*a*a*b", SplitPatterns.threes] {
                _ = try matches(source, String(repeating: source == SplitPatterns.threes ? "1" : "a", count: 20_000))
            }
        }
        XCTAssertLessThan(time, .seconds(120))
    }
}
