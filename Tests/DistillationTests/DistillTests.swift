import Distillation
import LinearAlgebra
import MagnitudePruning
import ModelGraph
import PassKit
import PostTrainingQuantization
import RPCA
import Refit
import TestSupport
import XCTest

final class DistillTests: XCTestCase {
    private let passes: [any Pass.Type] = [MagnitudePass.self, RPCAPass.self, QuantizePass.self, RefitPass.self, DistillPass.self]

    private func apply(_ pipeline: String) throws -> (graph: TensorGraph, reports: [PassReport]) {
        try PassConformance(passes, pipeline: pipeline, needsCalibration: true).apply(to: SampleModel.graph())
    }

    func testConformance() throws {
        for pipeline in ["magnitude,distill{passes=2}", "distill{passes=1 batch=3 hidden=0.5 temperature=2}"] {
            try PassConformance(passes, pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// Of its original alone, at a temperature of 1 and without hidden states, a pruned model learns what `refit` finds.
    func testOfTheOriginalItIsRefit() throws {
        let (distilled, reports) = try apply("rpca{iterations=10},distill{passes=3}")
        let (refitted, others) = try apply("rpca{iterations=10},refit{passes=3}")
        for (a, b) in zip(distilled.tensors, refitted.tensors) {
            XCTAssertEqual(try a.payload.densifiedFloats(), try b.payload.densifiedFloats(), a.name)
        }
        let (own, theirs) = (try XCTUnwrap(reports.last), try XCTUnwrap(others.last))
        XCTAssertEqual(own.measurement("distillation.heldBack.after"), theirs.measurement("divergence.heldBack.after"))
        XCTAssertLessThan(
            try XCTUnwrap(own.measurement("distillation.heldBack.after")), try XCTUnwrap(own.measurement("distillation.heldBack.before")))
    }

    /// Factors, entries, codes and dense matrices move, nothing is added, and a dense matrix that has moved says so: later passes do not take it
    /// for the original's.
    func testEveryPayloadMoves() throws {
        let original = try SampleModel.graph()
        let pipeline = "rpca{iterations=5 layers=attention},quantize{bits=3 target=dense layers=mlp}"
        let before = try apply(pipeline).graph
        let (after, reports) = try apply("\(pipeline),distill{passes=4 rate=0.02}")
        let report = try XCTUnwrap(reports.last)
        XCTAssertEqual(report.parametersAfter, report.parametersBefore)
        XCTAssertEqual(report.bytesAfter, report.bytesBefore)
        for tensor in after.tensors where tensor.role == .linear {
            XCTAssertNotEqual(
                try tensor.payload.densifiedFloats(), try XCTUnwrap(before[tensor.name]).payload.densifiedFloats(), tensor.name)
        }
        // The dense model is where the loss is least, and stays there; but for that one layer is pruned, for which the others make up.
        let (made, _) = try apply("magnitude{keep=0.2 layers=attention},distill{passes=4 rate=0.02 layers=attention+mlp}")
        let dense = made.tensors.filter { if case .composite(let terms) = $0.payload { terms.count == 1 } else { false } }
        XCTAssertFalse(dense.isEmpty)
        for tensor in dense {
            XCTAssertNil(tensor.payload.elementArray)
            XCTAssertEqual(tensor.payload.byteCount, try XCTUnwrap(original[tensor.name]).payload.byteCount)
        }
    }

    func testRefusals() throws {
        for (options, words) in [
            ("temperature=0", "temperature"), ("hidden=-1", "hidden"), ("teacher=", "teacher"), ("passes=0", "passes"),
        ] {
            XCTAssertThrowsError(try apply("magnitude,distill{\(options)}")) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
        let manager = try PassManager(try Pipeline(parsing: "distill{teacher=a/b}"), catalog: PassCatalog(passes))
        XCTAssertThrowsError(try manager.checkCalibration(isGiven: false)) { XCTAssertTrue("\($0)".contains("calibration"), "\($0)") }
        XCTAssertThrowsError(try manager.refuseTeachers("a comparison reads no other model")) {
            XCTAssertEqual("\($0)", "distill: a comparison reads no other model: only teacher=original goes")
        }
        XCTAssertEqual(manager.distillations.map(\.teacher), ["a/b"])
        XCTAssertEqual(manager.description { "<\($0.count)>" }, "distill{teacher=<3>}")
    }
}
