import XCTest

@testable import PassKit

final class OptionTests: XCTestCase {
    private let declaration = PassDeclaration(CountingPass.self)

    private func options(_ text: String) throws -> PassOptions {
        try declaration.options(of: try Pipeline(parsing: "counting-pass{\(text)}").invocations[0])
    }

    func testValuesHaveTheirTypesAndDefaults() throws {
        let none = try options("")
        XCTAssertEqual(none[CountingPass.limit], 5)
        XCTAssertNil(none[CountingPass.share])
        XCTAssertFalse(none[CountingPass.on])
        XCTAssertEqual(none[CountingPass.letter], .a)
        XCTAssertEqual(none[CountingPass.words], [.a])
        XCTAssertEqual(none[CountingPass.weight], 1e-7)
        let given = try options("limit=3 share=0.25 letter=b words=b+a weight=2e3")
        XCTAssertEqual(given[CountingPass.limit], 3)
        XCTAssertEqual(given[CountingPass.share], 0.25)
        XCTAssertEqual(given[CountingPass.letter], .b)
        XCTAssertEqual(given[CountingPass.words], [.a, .b])
        XCTAssertEqual(given[CountingPass.weight], 2000)
        XCTAssertTrue(try options("on=true")[CountingPass.on])
    }

    /// A default that is given is told from one that is not.
    func testWhatIsGivenIsToldFromDefaults() throws {
        let given = try options("limit=5")
        XCTAssertTrue(given.isGiven(CountingPass.limit))
        XCTAssertFalse(given.isGiven(CountingPass.letter))
        XCTAssertEqual(given.text(of: CountingPass.letter), "a")
    }

    func testDefaultsAndDomainsAsAPersonWritesThem() {
        XCTAssertEqual(
            CountingPass.options.map { "\($0.name) \($0.defaultText) \($0.domain)" },
            [
                "limit 5 an integer 0…10", "share auto auto or a number 0.0…1.0", "on false true or false", "letter a one of a, b",
                "words a some of a, b, joined by +", "weight 1e-7 a number from 0.0", "after 1 an integer from 0",
                "without 1 an integer 1…2",
                "layers linear some of linear, embedding, head, vision, matrices, joined by +",
            ])
        let texts = [8, 0.5, 1e-7, -3, 1e-18, 1e18, 2.5e-10].map(NumberOption.text)
        XCTAssertEqual(texts, ["8", "0.5", "1e-7", "-3", "1e-18", "1e+18", "2.5e-10"])
        XCTAssertEqual(CountingPass.weight.requirementText, "letter=b, b among words")
        XCTAssertEqual(CountingPass.letter.requirementText, "limit above 0 for b")
        XCTAssertNil(CountingPass.limit.requirementText)
    }

    func testWhatMeansNothingBesideAnotherIsRefusedByName() throws {
        for (text, message) in [
            ("weight=1", "weight=1 of 'counting-pass' means nothing with letter=a; it needs letter=b"),
            ("letter=b weight=1", "weight=1 of 'counting-pass' means nothing with words=a; it needs b among words"),
            ("limit=0 letter=b", "letter=b of 'counting-pass' means nothing with limit=0; it needs limit above 0"),
            ("share=0.5 on=false", "on=false of 'counting-pass' means nothing with share=0.5; it needs no share="),
            ("after=2", "after=2 of 'counting-pass' means nothing with limit=5; it needs limit="),
            ("limit=5 without=1", "without=1 of 'counting-pass' means nothing with limit=5; it needs no limit="),
        ] {
            XCTAssertThrowsError(try options(text), text) {
                XCTAssertEqual(($0 as? PipelineError)?.message, message)
                XCTAssertEqual(($0 as? PipelineError)?.kind, .badOption)
            }
        }
        for text in ["letter=b", "limit=0 letter=a", "share=auto on=true", "limit=1 after=2", "without=2", "letter=b words=b weight=0"] {
            XCTAssertNoThrow(try options(text), text)
        }
    }
}
