import BlockMatching
import Execution
import LinearAlgebra
import MagnitudePruning
import ModelGraph
import PassKit
import RPCA
import TestSupport
import XCTest

@testable import GradientFitting

final class BlockMatchingTests: XCTestCase {
    private let passes: [any Pass.Type] = [MagnitudePass.self, RPCAPass.self, MatchPass.self]

    private func apply(_ pipeline: String) throws -> (graph: TensorGraph, reports: [PassReport]) {
        try PassConformance(passes, pipeline: pipeline, needsCalibration: true).apply(to: SampleModel.graph())
    }

    func testConformance() throws {
        for pipeline in ["magnitude,match{passes=2}", "rpca{iterations=10},match{passes=1 batch=3}"] {
            try PassConformance(passes, pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// The error of each block falls; values alone move.
    func testErrorsOfBlocksFallAndNothingIsAdded() throws {
        let pruned = try apply("magnitude{keep=0.4}").graph
        let (graph, reports) = try apply("magnitude{keep=0.4},match{passes=10 rate=0.05}")
        let curves = Dictionary(uniqueKeysWithValues: reports[1].curves.map { ($0.name, $0.values) })
        let before = try XCTUnwrap(curves["held-back error of each block, before"])
        let after = try XCTUnwrap(curves["held-back error of each block, after"])
        XCTAssertFalse(before.isEmpty)
        for (old, new) in zip(before, after) { XCTAssertLessThan(new, old) }
        XCTAssertEqual(reports[1].parametersAfter, reports[1].parametersBefore)
        for (a, b) in zip(graph.tensors, pruned.tensors) where a.role == .linear {
            let (new, old) = (try a.payload.densifiedFloats(), try b.payload.densifiedFloats())
            XCTAssertTrue(zip(new, old).allSatisfy { $1 != 0 || $0 == 0 }, "\(a.name): an entry that was pruned came back")
        }
    }

    /// More sequences of the text are learned from in as many steps, and what is held back of them is as much.
    func testMoreTextTakesNoMoreWork() throws {
        let (few, many) = (GradientRefit.split(64, calibration: 64, batch: 8), GradientRefit.split(256, calibration: 64, batch: 8))
        XCTAssertEqual([few.learning.count, few.heldBack.count, few.pass], [56, 8, 56])
        XCTAssertEqual([many.learning.count, many.heldBack.count, many.pass], [248, 8, 56])
        XCTAssertEqual(GradientRefit.split(9, calibration: 9, batch: 8).learning, Array(0..<9))
        // A sixteenth of the sequences: fourteen steps a pass, of the seven eighths that are learned from.
        for (sequences, batch) in [(8, 1), (64, 4), (128, 8), (1024, 64)] {
            XCTAssertEqual(GradientRefit.split(sequences, calibration: sequences, batch: nil).batch, batch)
        }
    }

    /// What is learned from is the set of more text where there is one, unless that is not wanted.
    func testLearnsFromMoreTextWhereThereIsSome() throws {
        let original = try SampleModel.graph()
        let other = try original.mapTensors { tensor in
            guard tensor.role == .linear else { return tensor }
            return Tensor(
                name: tensor.name, dense: try DenseTensor(floats: tensor.payload.densifiedFloats().map { 1.5 * $0 }, shape: tensor.shape),
                role: tensor.role)
        }
        func matched(_ options: String, learning: Bool) throws -> [Float] {
            var graph = original
            let context = PassContext(
                execution: ExecutionContext(threads: 2), seed: 0, original: original,
                calibration: try QuadraticCalibration(original, sequences: 16),
                learning: learning ? try QuadraticCalibration(other, sequences: 64) : nil)
            let pipeline = try Pipeline(parsing: "magnitude{keep=0.4},match{passes=3 rate=0.05\(options)}")
            _ = try PassManager(pipeline, catalog: PassCatalog(passes)).run(&graph, context)
            return try graph.tensors.flatMap { try $0.payload.densifiedFloats() }
        }
        let calibrated = try matched(" text=calibrated", learning: true)
        XCTAssertEqual(calibrated, try matched("", learning: false))
        XCTAssertNotEqual(calibrated, try matched("", learning: true))
    }

    func testRefusals() throws {
        let report = try XCTUnwrap(apply("match").reports.first)
        XCTAssertTrue(report.tensors.isEmpty)
        XCTAssertTrue(report.notes.joined().contains("nothing here was pruned"))
        for (options, word) in [("passes=0", "passes"), ("batch=0", "batch"), ("rate=2", "rate"), ("rate=nan", "rate")] {
            XCTAssertThrowsError(try apply("magnitude,match{\(options)}")) { XCTAssertTrue("\($0)".contains(word), "\($0)") }
        }
        let manager = try PassManager(try Pipeline(parsing: "magnitude,match"), catalog: PassCatalog(passes))
        XCTAssertThrowsError(try manager.checkCalibration(isGiven: false)) { XCTAssertTrue("\($0)".contains("calibration"), "\($0)") }
    }
}
