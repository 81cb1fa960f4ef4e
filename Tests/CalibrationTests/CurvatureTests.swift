import Calibration
import Execution
import FormatKit
import LinearAlgebra
import ModelGraph
import Models
import PassKit
import SafetensorsFormat
import TestSupport
import XCTest

final class CurvatureTests: XCTestCase {
    private func calibration(sequences: Int) throws -> (CalibrationModel, TensorGraph) {
        var graph = try SafetensorsFormat().read(BundledModel.folder, ReadContext())
        graph = try Model(graph).graph
        let tokens = (0..<sequences).map { SampleModel.tokens(row: $0, count: 48) }
        return (try CalibrationModel(Model(graph), tokens: TokenSequences(tokens), ExecutionContext(threads: 2)), graph)
    }

    /// ½ Σ rows[r] · δᵣ · inputs · δᵣᵀ foretells what small random errors in a layer do to the predictions.
    func testForetellsTheDivergenceOfSmallErrors() throws {
        let (calibration, graph) = try calibration(sequences: 12)
        let gradients = try XCTUnwrap(calibration.gradients)
        let curvatures = try gradients.curvatures(seed: 1)
        let divergence = try gradients.divergence(of: graph)
        for name in ["layers.0.mlp.down_proj", "layers.2.self_attn.v_proj", "layers.3.self_attn.o_proj", "layers.5.mlp.up_proj"] {
            let tensor = try XCTUnwrap(graph["model.\(name).weight"])
            let weight = try tensor.payload.densifiedMatrix()
            let curvature = try XCTUnwrap(curvatures[tensor.name])
            XCTAssertEqual(curvature.rows.count, weight.rows)
            XCTAssertEqual(curvature.inputs.columns, weight.columns)
            var noise = Matrix.random(weight.rows, weight.columns, seed: 7)
            let scale = Float(0.05 * weight.frobeniusNorm / noise.frobeniusNorm)
            for index in noise.elements.indices { noise.elements[index] *= scale }
            let product = noise.times(curvature.inputs)
            var foretold = 0.0
            for row in 0..<noise.rows {
                let square = (0..<noise.columns).reduce(0.0) { $0 + Double(noise[row, $1]) * Double(product[row, $1]) }
                foretold += 0.5 * curvature.rows[row] * square
            }
            let found = try divergence.value(sequences: Array(0..<12), replacing: [tensor.name: weight + noise], gradient: nil)
            // K-FAC leaves out what rows and positions do together.
            XCTAssertGreaterThan(found / foretold, 0.4, name)
            XCTAssertLessThan(found / foretold, 2.5, name)
        }
    }

    /// Without what inputs are: of layers the rows of the whole curvature, to the bit; of blocks, to whose output the last layer's is added, its
    /// rows. Of some sequences it is that of a set with these alone.
    func testOutputsHaveTheDiagonalOfTheCurvature() throws {
        let (calibration, graph) = try calibration(sequences: 6)
        let gradients = try XCTUnwrap(calibration.gradients)
        let curvatures = try gradients.curvatures(seed: 1)
        let found = try gradients.outputCurvature(seed: 1, sequences: Array(0..<6))
        XCTAssertEqual(found.layers.count, 42)
        for (name, rows) in found.layers { XCTAssertEqual(rows, curvatures[name]?.rows, name) }
        XCTAssertEqual(found.blocks.count, 6)
        for (block, output) in found.blocks.enumerated() {
            XCTAssertEqual(output, curvatures["model.layers.\(block).mlp.down_proj.weight"]?.rows, "\(block)")
        }
        let few = try XCTUnwrap(self.calibration(sequences: 2).0.gradients).outputCurvature(seed: 1, sequences: [0, 1])
        let some = try gradients.outputCurvature(seed: 1, sequences: [0, 1])
        XCTAssertEqual(some.blocks, few.blocks)
        XCTAssertNotEqual(some.blocks, found.blocks)
        // Priced by it, the error of a block's outputs foretells what small errors in its layers do to the predictions.
        let divergence = try gradients.divergence(of: graph)
        try gradients.forEachBlockError(prices: found.blocks.map { $0.map { Float($0) } }) { block, objective in
            let name = "model.layers.\(block).mlp.up_proj.weight"
            let weight = try XCTUnwrap(graph[name]).payload.densifiedMatrix()
            var noise = Matrix.random(weight.rows, weight.columns, seed: 7)
            let scale = Float(0.05 * weight.frobeniusNorm / noise.frobeniusNorm)
            for index in noise.elements.indices { noise.elements[index] *= scale }
            let weights: ReplacedWeights = [name: weight + noise]
            let foretold = try objective.value(sequences: Array(0..<6), replacing: weights, gradient: nil)
            let cost = try divergence.value(sequences: Array(0..<6), replacing: weights, gradient: nil)
            XCTAssertGreaterThan(cost / foretold, 0.4, name)
            XCTAssertLessThan(cost / foretold, 2.5, name)
            return [:]
        }
    }

    /// A tenth of the mean is added; one sequence in four serves.
    func testPricesOfBlocks() {
        let found = OutputCurvature(layers: [:], blocks: [[1, 3], [0, 0]])
        XCTAssertEqual(found.blockPrices, [[1.2, 3.2], [0, 0]])
        XCTAssertEqual(OutputCurvature.sequences(of: 9), [0, 4, 8])
    }

    /// Embedding and head have a curvature too; a token that never occurs has none in the embedding, and some in the head.
    func testVocabularyHasACurvature() throws {
        let (calibration, _) = try calibration(sequences: 2)
        let curvatures = try XCTUnwrap(calibration.gradients).curvatures(seed: 1)
        let embedding = try XCTUnwrap(curvatures["model.embed_tokens.weight"])
        let head = try XCTUnwrap(curvatures["lm_head.weight"])
        let used = Set((0..<2).flatMap { SampleModel.tokens(row: $0, count: 48) }.map(Int.init))
        for token in 0..<4096 where !used.contains(token) { XCTAssertEqual(embedding.rows[token], 0) }
        XCTAssertGreaterThan(used.reduce(0) { $0 + embedding.rows[$1] }, 0)
        XCTAssertTrue(head.rows.allSatisfy { $0 > 0 && $0 <= 0.25 })
        XCTAssertEqual(head.inputs.rows, 256)
    }

    func testOneSeedOneCurvature() throws {
        let (calibration, _) = try calibration(sequences: 3)
        let gradients = try XCTUnwrap(calibration.gradients)
        let name = "model.layers.1.mlp.gate_proj.weight"
        func rows(_ seed: UInt64) throws -> [Double] { try XCTUnwrap(gradients.curvatures(seed: seed)[name]).rows }
        XCTAssertEqual(try rows(1), try rows(1))
        XCTAssertNotEqual(try rows(1), try rows(2))
    }
}
