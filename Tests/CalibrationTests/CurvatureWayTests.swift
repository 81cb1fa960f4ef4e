import Calibration
import Execution
import FormatKit
import Models
import PassKit
import SafetensorsFormat
import TestSupport
import XCTest

/// A way back through a model that is gone on with gives what comes then, and that alone, to the bit.
final class CurvatureWayTests: XCTestCase {
    private static let names = ["llama", "phi3", "albert-groups", "bert-classes", "qwen2moe-dense"]
    private static var folder: TemporaryFolder?

    override class func setUp() { folder = try? FamilyCheckpoints.folder(names) }
    override class func tearDown() { folder = nil }

    private func calibration(_ name: String) throws -> (CalibrationModel, any GradientProvider) {
        let folder = try XCTUnwrap(CurvatureWayTests.folder, "transformers made no checkpoints")
        let model = try Model(SafetensorsFormat().read(folder.path(name), ReadContext()))
        let rows = FamilyCheckpoints.rows(vocabulary: try XCTUnwrap(model.configuration).vocabularySize)
        let calibration = try CalibrationModel(model, tokens: TokenSequences(rows), ExecutionContext(threads: 2))
        return (calibration, try XCTUnwrap(calibration.gradients))
    }

    func testItGoesOnFromEveryBlock() throws {
        for name in CurvatureWayTests.names {
            let (_, gradients) = try calibration(name)
            var order: [String] = []
            var all: [String: WeightCurvature] = [:]
            var stands: [(block: Int, gradients: [[Float]], given: Int)] = []
            try gradients.forEachCurvature(
                seed: 1, at: { _ in nil }, way: CurvatureWay(reached: nil) { stands.append(($0, $1(), order.count)) }
            ) { name, curvature in
                order.append(name)
                all[name] = curvature
            }
            XCTAssertEqual(stands.map(\.block).last, 0, name)
            XCTAssertGreaterThan(stands.count, 1, name)
            for stand in stands {
                var found: [String] = []
                let way = CurvatureWay(reached: (stand.block, stand.gradients)) { _, _ in }
                try gradients.forEachCurvature(seed: 1, at: { _ in nil }, way: way) { tensor, curvature in
                    found.append(tensor)
                    XCTAssertEqual(curvature?.inputs.elements, all[tensor]?.inputs.elements, "\(name) \(tensor) after \(stand.block)")
                    XCTAssertEqual(curvature?.rows, all[tensor]?.rows, "\(name) \(tensor) after \(stand.block)")
                }
                XCTAssertEqual(found, Array(order[stand.given...]), "\(name) after \(stand.block)")
            }
        }
    }

    func testPricesOfOutputsGoOnFromEveryBlock() throws {
        for name in CurvatureWayTests.names {
            let (model, gradients) = try calibration(name)
            let sequences = Array(0..<model.sequenceCount)
            let all = try gradients.outputCurvature(seed: 1, sequences: sequences)
            var found = OutputCurvature(layers: [:], blocks: [])
            var stands: [(block: Int, gradients: [[Float]], found: OutputCurvature)] = []
            try gradients.forEachOutputCurvature(
                seed: 1, sequences: sequences, way: CurvatureWay(reached: nil) { stands.append(($0, $1(), found)) }
            ) { found.add($0, $1, $2) }
            XCTAssertEqual(stands.map(\.block), all.blocks.indices.reversed(), name)
            for stand in stands {
                var resumed = stand.found
                try gradients.forEachOutputCurvature(
                    seed: 1, sequences: sequences, way: CurvatureWay(reached: (stand.block, stand.gradients)) { _, _ in }
                ) { resumed.add($0, $1, $2) }
                XCTAssertEqual(resumed.layers, all.layers, "\(name) after \(stand.block)")
                XCTAssertEqual(resumed.blocks, all.blocks, "\(name) after \(stand.block)")
            }
        }
    }
}
