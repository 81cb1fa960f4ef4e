import PassKit
import XCTest

final class PipelineTests: XCTestCase {
    func testTextPrintsBackToItself() throws {
        for text in [
            "rpca", "rpca{iterations=10},prune-probabilistic{keep=0.5 seed=0},quantize{bits=8 group=64 target=uv+s}",
            "a{x=1e-7},b,c{y=auto}",
        ] {
            let pipeline = try Pipeline(parsing: text)
            XCTAssertEqual(pipeline.description, text)
            XCTAssertEqual(try Pipeline(parsing: pipeline.description), pipeline)
        }
        let spread = """
            # stage 1
            rpca { iterations=10
                   tolerance=1e-7 } ,
            quantize{}   # stage 3
            """
        XCTAssertEqual(try Pipeline(parsing: spread).description, "rpca{iterations=10 tolerance=1e-7},quantize")
    }

    func testErrorsNameTheColumn() {
        let cases: [(String, Int)] = [
            ("", 1), ("rpca,", 6), ("rpca quantize", 6), ("rpca{", 6), ("rpca{iterations}", 16), ("rpca{iterations=}", 17),
            ("rpca{a=1 a=2}", 10), ("{a=1}", 1), ("rpca}", 5), ("rpca,,quantize", 6),
        ]
        for (text, column) in cases {
            XCTAssertThrowsError(try Pipeline(parsing: text), text) { error in
                XCTAssertEqual((error as? PipelineError)?.column, column, "\(text): \(error)")
            }
        }
    }

    func testUnknownNamesGetASuggestion() throws {
        let catalog = PassCatalog([CountingPass.self])
        func message(_ text: String) -> String {
            do {
                _ = try catalog.resolve(Pipeline(parsing: text))
                return "resolved"
            } catch { return "\(error)" }
        }
        XCTAssertEqual(message("counting"), "pipeline column 1: unknown pass 'counting'; did you mean 'counting-pass'?")
        XCTAssertTrue(message("coutning-pas").hasSuffix("did you mean 'counting-pass'?"))
        XCTAssertEqual(message("counting-pass,zzz"), "pipeline column 15: unknown pass 'zzz'")
        XCTAssertEqual(
            message("counting-pass{limt=3}"), "pipeline column 1: pass 'counting-pass' has no option 'limt'; did you mean 'limit'?")
        XCTAssertEqual(
            message("counting-pass{limit=11}"), "pipeline column 1: option 'limit' of 'counting-pass' takes an integer 0…10, not '11'")
        XCTAssertEqual(message("counting-pass{share=nan}").contains("takes auto or a number"), true)
        XCTAssertEqual(message("counting-pass{limit=3 share=auto words=a+b}"), "resolved")
        XCTAssertTrue(message("counting-pass{words=a+a}").contains("joined by +"))
    }
}
