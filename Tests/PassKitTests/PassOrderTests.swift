import ModelGraph
import XCTest

@testable import PassKit

final class PassOrderTests: XCTestCase {
    private struct Nothing: PreparedPass {
        func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport { PassReport(pass: "nothing") }
    }

    private func pass(_ name: String, _ reads: PassReads, _ leaves: PassResult) -> PassDeclaration {
        PassDeclaration(
            name: name, summary: "does nothing", options: [TensorSelection.option], reads: reads, leaves: leaves, origin: nil
        ) { _ in Nothing() }
    }

    private var catalog: PassCatalog {
        PassCatalog([
            pass("decompose", .values, .lowRank), pass("prune", [.values, .calibration], .entries), pass("codes", .parts, .parts),
            pass("refine", [.parts, .original], .other), pass("fresh", [.original, .lowRank], .parts), pass("alone", .original, .parts),
            pass("plugin", .values, .other),
        ])
    }

    private func manager(_ text: String) throws -> PassManager { try PassManager(Pipeline(parsing: text), catalog: catalog) }

    /// Whatever takes its weights from the original throws away what was made before, but for the low-rank parts that it says it reads.
    func testWhatThrowsAwayIsRefusedWithBothNames() throws {
        for (text, second, first) in [
            ("prune,fresh", "fresh", "prune"), ("decompose,refine,fresh", "fresh", "refine"), ("decompose,alone", "alone", "decompose"),
            ("codes,refine,alone", "alone", "codes"), ("plugin,fresh", "fresh", "plugin"), ("fresh,fresh", "fresh", "fresh"),
            ("prune{layers=linear+head},fresh{layers=head}", "fresh", "prune"),
            ("prune{layers=head},fresh{layers=matrices}", "fresh", "prune"),
        ] {
            XCTAssertThrowsError(try manager(text), text) {
                let error = $0 as? PipelineError
                XCTAssertEqual(error?.kind, .badOrder)
                let place = text.components(separatedBy: ",").dropLast().joined(separator: ",").count + 2
                XCTAssertEqual(error?.column, place, text)
                let reason = "'\(second)' takes its weights from the original model and would throw away what '\(first)' makes"
                XCTAssertTrue("\($0)".contains(reason), "\($0)")
            }
        }
        for text in [
            "decompose,fresh,refine", "fresh,prune", "alone,codes", "prune{layers=head},fresh",
            "codes{layers=embedding},fresh{layers=linear}", "prune,prune", "decompose,codes,refine",
        ] {
            XCTAssertNoThrow(try manager(text), text)
        }
    }

    /// Values go on, what they are made of does not: a line before the run.
    func testLostPartsAreWarnedOf() throws {
        for (text, count) in [
            ("codes,prune", 1), ("decompose,prune", 1), ("prune,decompose", 1), ("fresh,codes,prune", 2), ("prune,prune", 0),
            ("prune,codes", 0), ("decompose,codes,refine", 0), ("plugin,prune", 0), ("codes{layers=head},prune", 0),
            ("prune,refine,codes", 0),
        ] {
            XCTAssertEqual(try manager(text).warnings.count, count, text)
        }
        XCTAssertEqual(
            try manager("codes,prune").warnings, ["'prune' takes up the values that 'codes' leaves and not their parts, which are lost"])
    }
}
