import LinearAlgebra
import ModelGraph
import PassKit
import RPCA
import TestSupport
import XCTest

@testable import CAP

final class CAPTests: XCTestCase {
    private let passes: [any Pass.Type] = [RPCAPass.self, CAPPass.self]

    private func apply(_ pipeline: String, seed: UInt64 = 0) throws -> (graph: TensorGraph, report: PassReport) {
        let result = try PassConformance(passes, pipeline: pipeline, needsCalibration: true).apply(to: SampleModel.graph(), seed: seed)
        return (result.graph, try XCTUnwrap(result.reports.last))
    }

    func testConformance() throws {
        for options in ["batch=2", "batch=2 refit=values", "passes=1 refit=solve"] {
            try PassConformance(passes, pipeline: "rpca,cap{\(options)}", needsCalibration: true).run()
        }
    }

    /// Never above the budget, and within a thousandth of it.
    func testBudgetIsMet() throws {
        for keep in [0.1, 0.31, 0.5, 0.8] {
            let report = try apply("rpca,cap{keep=\(keep) batch=4}").report
            let budget = try XCTUnwrap(report.measurement("budget"))
            let kept = Double(report.tensors.reduce(0) { $0 + $1.parametersAfter })
            XCTAssertEqual(try XCTUnwrap(report.measurement("parameters.kept")), kept)
            XCTAssertLessThanOrEqual(kept, budget, "\(keep)")
            XCTAssertGreaterThanOrEqual(kept, budget * 0.999 - 1, "\(keep)")
        }
    }

    func testTheReportHasAllLossesAndWhatLearningBought() throws {
        let report = try apply("rpca,cap").report
        for name in ["loss.scores", "loss.published", "loss.magnitude", "loss.final"] { XCTAssertNotNil(report.measurement(name), name) }
        func figure(_ name: String) throws -> Double { try XCTUnwrap(report.measurement(name), name) }
        let gain = try figure("gain.policyGradient")
        XCTAssertEqual(gain, try figure("loss.scores") - figure("loss.published"), accuracy: 1e-9)
        XCTAssertLessThanOrEqual(try figure("gain.policyGradient.low"), gain)
        XCTAssertGreaterThanOrEqual(try figure("gain.policyGradient.high"), gain)
    }

    func testOneSeedOneResult() throws {
        func values(_ seed: UInt64) throws -> [[Float]] {
            try apply("rpca,cap{batch=2 rate=0.3}", seed: seed).graph.tensors.map { try $0.payload.densifiedFloats() }
        }
        XCTAssertEqual(try values(1), try values(1))
        XCTAssertNotEqual(try values(1), try values(2), "the seed is not used")
    }

    func testOptionsThatMeanNothingAreRefused() throws {
        for option in ["window=2", "passes=2", "batch=4"] {
            XCTAssertThrowsError(try PassManager(Pipeline(parsing: "rpca,cap{rate=0 \(option)}"), catalog: PassCatalog(passes)), option) {
                XCTAssertTrue("\($0)".contains("\(option) of 'cap' means nothing with rate=0"), "\($0)")
            }
        }
    }

    /// Matrices that are not decomposed are refused before anything is run.
    func testWhatIsNotDecomposedIsRefused() throws {
        XCTAssertThrowsError(try apply("cap")) { XCTAssertTrue("\($0)".contains("put rpca before it"), "\($0)") }
        let manager = try PassManager(Pipeline(parsing: "cap"), catalog: PassCatalog(passes))
        XCTAssertThrowsError(try manager.checkAim(on: SampleModel.graph(), nil)) { XCTAssertEqual(($0 as? PassError)?.kind, .usage) }
        XCTAssertThrowsError(try apply("rpca,cap{keep=0}"))
        let without = PassConformance(passes, pipeline: "rpca,cap")
        XCTAssertThrowsError(try without.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains("calibration"), "\($0)") }
    }

    /// S computed again on the support is closer to the weights than the shrunk pool is.
    func testRefitOfValuesUndoesTheShrinking() throws {
        let none = try apply("rpca,cap{passes=1}").report
        let values = try apply("rpca,cap{refit=values passes=1}").report
        let solve = try apply("rpca,cap{refit=solve passes=1}").report
        XCTAssertLessThan(values.relativeError, none.relativeError)
        XCTAssertLessThan(try XCTUnwrap(solve.measurement("loss.final")), try XCTUnwrap(none.measurement("loss.final")))
    }
}
