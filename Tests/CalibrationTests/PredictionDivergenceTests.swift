import Calibration
import Execution
import FormatKit
import Inference
import LinearAlgebra
import ModelGraph
import Models
import TestSupport
import XCTest

/// How far predictions are from those of another model.
final class PredictionDivergenceTests: XCTestCase {
    private let execution = ExecutionContext(threads: 2)
    private let tokens = TokenSequences((0..<5).map { row in (0..<24).map { Int32(($0 * 7 + row * 31) % 240) } })

    private func models() throws -> (model: Transformer, original: Transformer) {
        let graph = try TinyLlama.graph()
        var changed = graph
        for tensor in graph.tensors where tensor.name.contains("mlp") {
            var matrix = try tensor.payload.densifiedMatrix()
            for index in matrix.elements.indices where index % 3 == 0 { matrix.elements[index] *= 1.5 }
            try changed.setPayload(.dense(DenseTensor(matrix, dtype: .f32)), of: tensor.name)
        }
        return (try Transformer(Model(changed), weights: .openBLAS), try Transformer(Model(graph), weights: .openBLAS))
    }

    func testAModelIsNoDistanceFromItself() throws {
        let (_, original) = try models()
        let found = try PredictionDivergence(of: original, from: original, over: tokens, execution)
        XCTAssertEqual(found.divergence.meanLoss, 0, accuracy: 1e-7)
        XCTAssertEqual(found.agreement.meanLoss, 1)
        XCTAssertEqual(found.difference.meanLoss, 0)
        XCTAssertEqual(found.loss.tokenCount, 5 * 23)
    }

    /// By softmax in double precision.
    func testDivergenceIsThatOfTheDistributions() throws {
        let (model, original) = try models()
        let found = try PredictionDivergence(of: model, from: original, over: tokens, execution)
        var (divergence, agreeing, count) = (0.0, 0, 0)
        for sequence in tokens.sequences {
            let (own, others) = (try logProbabilities(model, sequence), try logProbabilities(original, sequence))
            for (q, p) in zip(own, others).dropLast() {
                divergence += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
                agreeing += p.firstIndex(of: p.max() ?? 0) == q.firstIndex(of: q.max() ?? 0) ? 1 : 0
                count += 1
            }
        }
        XCTAssertGreaterThan(divergence / Double(count), 1e-4)
        XCTAssertEqual(found.divergence.meanLoss, divergence / Double(count), accuracy: 1e-3 * divergence / Double(count) + 1e-7)
        XCTAssertEqual(found.agreement.meanLoss, Double(agreeing) / Double(count), accuracy: 1e-12)
        let losses = [model, original].map { try? Perplexity(of: $0, over: tokens, execution).meanLoss }
        XCTAssertEqual(found.difference.meanLoss, (losses[0] ?? 0) - (losses[1] ?? 0), accuracy: 1e-6)
        XCTAssertLessThanOrEqual(found.median, found.percentile99)
        XCTAssertLessThanOrEqual(found.percentile99, found.largest)
    }

    private func logProbabilities(_ model: Transformer, _ tokens: [Int32]) throws -> [[Double]] {
        let hidden = try model.finalHidden([tokens], execution)[0]
        let vocabulary = model.configuration.vocabularySize
        let logits = model.logits(hidden, tokens: tokens.count, head: try model.head(execution)).map(Double.init)
        return tokens.indices.map { row in
            let part = logits[row * vocabulary..<(row + 1) * vocabulary]
            let largest = part.max() ?? 0
            let sum = log(part.reduce(0) { $0 + exp($1 - largest) }) + largest
            return part.map { $0 - sum }
        }
    }
}
