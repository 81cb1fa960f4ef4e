import Conformance
import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import XCTest

@testable import PostTrainingQuantization

/// Blocks that are coded by a later quantize.
final class CodedLaterTests: XCTestCase {
    private let quantize = "quantize{bits=3.5 coding=entropy target=dense"

    private func made(_ pipeline: String, _ graph: TensorGraph) throws -> (graph: TensorGraph, reports: [PassReport]) {
        try PassConformance([QuantizePass.self], pipeline: pipeline, needsCalibration: true).apply(to: graph)
    }

    private func isSame(_ a: Payload, _ b: Payload) throws -> Bool {
        try a.kindName == b.kindName && a.byteCount == b.byteCount && a.densifiedFloats() == b.densifiedFloats()
    }

    func testConformance() throws {
        try PassConformance([QuantizePass.self], pipeline: "\(quantize) later=0.5}", needsCalibration: true).run()
    }

    func testTheyCountInTheSearchAndStayAsTheyAre() throws {
        let graph = try SampleModel.graph(blocks: 4, hidden: 48, intermediate: 64)
        let (all, _) = try made("\(quantize)}", graph)
        for (share, first) in [("0.25", 3), ("0.5", 2), ("1", 0)] {
            let (some, reports) = try made("\(quantize) later=\(share)}", graph)
            for tensor in some.tensors {
                let isLater = graph.structure.block(of: tensor.name).map { $0 >= first } ?? false
                let expected = try XCTUnwrap((isLater ? graph : all)[tensor.name]).payload
                XCTAssertTrue(try isSame(tensor.payload, expected), "\(tensor.name), later=\(share)")
                XCTAssertEqual(
                    reports[0].leftAlone.contains { $0.name == tensor.name && $0.reason == "its block is coded later" }, isLater)
            }
        }
    }

    /// What has codes keeps them, and the components that were taken off it.
    func testCodesStay() throws {
        let graph = try SampleModel.graph(blocks: 2, hidden: 96, intermediate: 160) { _, rows, columns in
            var matrix = Matrix.randomLowRank(rows, columns, rank: 1, seed: 5)
            let noise = SampleModel.heavyTailed(rows, columns, seed: 6)
            for index in matrix.elements.indices { matrix.elements[index] = 3 * matrix.elements[index] + noise.elements[index] }
            return matrix
        }
        let (half, _) = try made("\(quantize) later=0.5}", graph)
        let (whole, _) = try made("\(quantize) later=0.5},quantize{bits=2.5 coding=entropy target=dense+uv+s}", graph)
        let linear = half.tensors.filter { $0.role == .linear }
        XCTAssertTrue(linear.contains { if case .composite = $0.payload { true } else { false } }, "no component was taken off")
        for tensor in linear {
            let now = try XCTUnwrap(whole[tensor.name]).payload
            if graph.structure.block(of: tensor.name) == 0 {
                XCTAssertTrue(try isSame(now, tensor.payload), tensor.name)
            } else {
                XCTAssertNotEqual(now.kindName, "dense", tensor.name)
            }
        }
    }

    func testItGoesWithASearchThatCountsBytesOrBits() throws {
        for options in ["bits=4 later=0.5", "increase=0.1 later=0.5", "bits=4 coding=blocks later=0.5", "bits=3.5 later=1.5"] {
            XCTAssertThrowsError(try made("quantize{target=dense \(options)}", SampleModel.graph()), options)
        }
    }
}
