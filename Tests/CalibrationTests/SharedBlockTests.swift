import Backpropagation
import Calibration
import Execution
import FormatKit
import Inference
import LinearAlgebra
import ModelGraph
import Models
import PassKit
import SafetensorsFormat
import TestSupport
import XCTest

/// Weights that blocks share (ALBERT) are calibrated on what all of these read, and a classifier by its classes too.
final class SharedBlockTests: XCTestCase {
    private static var folder: TemporaryFolder?

    override class func setUp() { folder = try? FamilyCheckpoints.folder(["albert", "bert-classes"]) }
    override class func tearDown() { folder = nil }

    private func calibration(_ name: String) throws -> (CalibrationModel, Model, [[Int32]]) {
        let folder = try XCTUnwrap(SharedBlockTests.folder, "transformers made no checkpoints")
        let model = try Model(SafetensorsFormat().read(folder.path(name), ReadContext()))
        let rows = FamilyCheckpoints.rows(vocabulary: 97)
        return (try CalibrationModel(model, tokens: TokenSequences(rows), ExecutionContext(threads: 2)), model, rows)
    }

    func testStatisticsAreThoseOfAllBlocks() throws {
        let (calibration, model, rows) = try calibration("albert")
        let transformer = try Transformer(model, weights: .openBLAS)
        let execution = ExecutionContext(threads: 1)
        let blocks = transformer.configuration.blockCount
        XCTAssertEqual(blocks, 3)
        // By hand: XᵀX of every block's inputs over all tokens.
        var sums: [String: [Double]] = [:]
        var states = try transformer.embed(rows)
        for block in 0..<blocks {
            try transformer.forward(&states, through: transformer.block(block), execution) { _, input, values, width in
                var sum = sums[input.groupName] ?? [Double](repeating: 0, count: width * width)
                for start in stride(from: 0, to: values.count, by: width) {
                    for i in 0..<width {
                        for j in 0..<width { sum[i * width + j] += Double(values[start + i]) * Double(values[start + j]) }
                    }
                }
                sums[input.groupName] = sum
            }
        }
        let count = Double(rows.reduce(0) { $0 + $1.count } * blocks)
        var seen = 0
        try calibration.forEachSecondMoment(of: { _ in true }) { group, moment in
            seen += 1
            XCTAssertEqual(group.block, 0)
            let expected = try XCTUnwrap(sums[group.name]).map { $0 / count }
            let largest = expected.map(abs).max() ?? 0
            for (ours, theirs) in zip(moment.elements, expected) { XCTAssertEqual(Double(ours), theirs, accuracy: 1e-5 * largest) }
        }
        XCTAssertEqual(seen, 4)
        try calibration.forEachInputNorms { group, norms in
            let expected = try XCTUnwrap(sums[group.name])
            for (i, norm) in norms.enumerated() {
                XCTAssertEqual(Double(norm), (expected[i * norms.count + i] / count).squareRoot(), accuracy: 1e-5)
            }
        }
        // Each weight has one curvature.
        var names: [String] = []
        try XCTUnwrap(calibration.gradients).forEachCurvature(seed: 1) { name, _ in names.append(name) }
        XCTAssertEqual(Set(names).count, names.count)
        XCTAssertEqual(names.count { $0.contains("albert_layers") }, 6)
    }

    /// The original has no loss, and one whose classes alone differ has some.
    func testLossesOfClassifiersKnowTheClasses() throws {
        let (calibration, model, rows) = try calibration("bert-classes")
        let same = try calibration.losses(sequences: Array(rows.indices), of: model.graph)
        XCTAssertLessThan(same.max() ?? 1, 1e-6)
        let changed = try model.graph.mapTensors { tensor in
            guard tensor.name == "classifier.weight" else { return tensor }
            let floats = try tensor.payload.densifiedFloats().map { -$0 }
            return Tensor(name: tensor.name, dense: try DenseTensor(floats: floats, shape: tensor.shape))
        }
        let found = try calibration.losses(sequences: Array(rows.indices), of: changed)
        XCTAssertGreaterThan(found.min() ?? 0, 1e-3)
    }
}
