import Distillation
import Execution
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

    /// Factors and codes move, and nothing is added.
    func testWhatPassesLeftMoves() throws {
        let pipeline = "rpca{iterations=5},quantize{bits=3 target=s}"
        let before = try apply(pipeline).graph
        let (after, reports) = try apply("\(pipeline),distill{passes=4 rate=0.02}")
        let report = try XCTUnwrap(reports.last)
        XCTAssertEqual(report.parametersAfter, report.parametersBefore)
        XCTAssertEqual(report.bytesAfter, report.bytesBefore)
        for tensor in after.tensors where tensor.role == .linear {
            XCTAssertNotEqual(
                try tensor.payload.densifiedFloats(), try XCTUnwrap(before[tensor.name]).payload.densifiedFloats(), tensor.name)
        }
    }

    /// A dense model of half the teacher's weights comes to these; a matrix that has moved says so, so that passes after it do not take it for the
    /// original's.
    func testDenseMatricesMove() throws {
        let student = try SampleModel.graph()
        let teacher = try student.mapTensors { tensor in
            guard tensor.role == .linear else { return tensor }
            let floats = try tensor.payload.densifiedFloats().map { 1.5 * $0 }
            return Tensor(name: tensor.name, dense: try DenseTensor(floats: floats, shape: tensor.shape), role: tensor.role)
        }
        let context = PassContext(
            execution: ExecutionContext(threads: 2), seed: 0, original: student,
            calibration: try QuadraticCalibration(teacher, sequences: 8))
        var graph = student
        let pipeline = try Pipeline(parsing: "distill{passes=120 rate=0.05}")
        let report = try PassManager(pipeline, catalog: PassCatalog(passes)).run(&graph, context)[0]
        XCTAssertLessThan(
            try XCTUnwrap(report.measurement("distillation.heldBack.after")),
            try 0.05 * XCTUnwrap(report.measurement("distillation.heldBack.before")))
        for tensor in graph.tensors where tensor.role == .linear {
            XCTAssertNil(tensor.payload.elementArray, tensor.name)
            XCTAssertEqual(tensor.payload.byteCount, try XCTUnwrap(student[tensor.name]).payload.byteCount)
        }
        XCTAssertTrue(report.leftAlone.contains { $0.name == "lm_head.weight" })
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
