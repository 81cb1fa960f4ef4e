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
