import Backpropagation
import Execution
import FormatKit
import Inference
import LinearAlgebra
import ModelGraph
import Models
import SafetensorsFormat
import TestSupport
import XCTest

final class GradientTests: XCTestCase {
    private let sequences: [[Int32]] = [(0..<30).map { Int32($0 * 37 % 101) }, (0..<17).map { Int32($0 * 11 % 101) }]

    private func graph(_ path: String) throws -> TensorGraph {
        var graph = try SafetensorsFormat().read(path, ReadContext())
        graph = try Model(graph).graph
        return graph
    }

    private func linearWeights(_ graph: TensorGraph) throws -> [String: Matrix] {
        try Dictionary(
            uniqueKeysWithValues: graph.tensors.filter { $0.role == .linear }.map { ($0.name, try $0.payload.densifiedMatrix()) })
    }

    /// The divergence of one small random model from another and all its gradients, against torch's automatic differentiation.
    func testDivergenceAndGradientsAreThoseOfTorch() throws {
        let folder = try TemporaryFolder()
        let output = try PythonProcess.run(
            """
            import sys, numpy as np, torch
            from transformers import LlamaConfig, LlamaForCausalLM
            torch.manual_seed(1)
            config = LlamaConfig(vocab_size=101, hidden_size=64, intermediate_size=88, num_hidden_layers=3, num_attention_heads=4,
                                 num_key_value_heads=2, head_dim=24, max_position_embeddings=64, initializer_range=0.1)
            reference, model = LlamaForCausalLM(config).float().eval(), None
            reference.save_pretrained(sys.argv[1] + '/reference')
            model = LlamaForCausalLM(config).float().eval()
            state = {k: v if 'proj' in k else reference.state_dict()[k] for k, v in model.state_dict().items()}
            model.load_state_dict(state)
            model.save_pretrained(sys.argv[1] + '/model')
            model, reference = model.double(), reference.double()
            total, count = 0, 0
            for ids in [[i * 37 % 101 for i in range(30)], [i * 11 % 101 for i in range(17)]]:
                tokens = torch.tensor([ids])
                with torch.no_grad():
                    expected = torch.log_softmax(reference(tokens).logits, -1)
                found = torch.log_softmax(model(tokens).logits, -1)
                total, count = total + (expected.exp() * (expected - found)).sum(), count + len(ids)
            (total / count).backward()
            gradients = {k: v.grad.numpy().astype(np.float32) for k, v in model.named_parameters() if 'proj' in k}
            np.savez(sys.argv[1] + '/gradients.npz', **gradients)
            from safetensors.numpy import save_file
            save_file(gradients, sys.argv[1] + '/gradients.safetensors')
            print((total / count).item())
            """, [folder.path("")])
        let reference = try Transformer(Model(graph(folder.path("reference"))), weights: .openBLAS)
        let weights = try linearWeights(try graph(folder.path("model")))
        let execution = ExecutionContext(threads: 2)
        let found = try reference.divergence(
            sequences, from: try reference.finalHidden(sequences, execution), replacingAll: weights, execution)
        XCTAssertEqual(found.value, try XCTUnwrap(Double(output.trimmingCharacters(in: .whitespacesAndNewlines))), accuracy: 1e-5)
        let expected = try SafetensorsFormat().read(folder.path("gradients.safetensors"), ReadContext())
        XCTAssertEqual(Set(found.weights.keys), Set(expected.tensors.map(\.name)))
        XCTAssertEqual(expected.tensors.count, 21)
        for tensor in expected.tensors {
            let ours = try XCTUnwrap(found.weights[tensor.name])
            XCTAssertLessThan(ours.relativeFrobeniusError(to: try tensor.payload.densifiedMatrix()), 1e-4, tensor.name)
        }
        // Of some weights alone: the same for those, whatever the threads.
        let some = weights.filter { $0.key.contains("layers.1") || $0.key.contains("down") }
        let part = try reference.divergence(
            sequences, from: try reference.finalHidden(sequences, execution), replacingAll: some,
            ExecutionContext(threads: 3))
        let alone = try reference.divergence(
            sequences, from: try reference.finalHidden(sequences, execution), replacingAll: some,
            ExecutionContext(threads: 1))
        XCTAssertEqual(Set(part.weights.keys), Set(some.keys))
        for (name, gradient) in part.weights { XCTAssertEqual(gradient.elements, alone.weights[name]?.elements, name) }
    }

    /// The gradient of a block's error says how the error changes along a direction; a composite model's way back is its densified one's.
    func testBlockErrorChangesAsItsGradientSays() throws {
        var graph = try TinyLlama.graph()
        graph = try Model(graph).graph
        let name = "model.layers.1.mlp.up_proj.weight"
        let model = try Transformer(Model(graph), weights: .openBLAS)
        let execution = ExecutionContext(threads: 2)
        let tokens: [[Int32]] = (0..<3).map { row in (0..<20).map { Int32((row * 31 + $0 * 7) % TinyLlama.vocabularySize) } }
        var inputs = try model.embed(tokens)
        try model.forward(&inputs, through: try model.block(0), execution)
        var outputs = inputs
        try model.forward(&outputs, through: try model.block(1), execution)
        let weight = try XCTUnwrap(graph[name]).payload.densifiedMatrix()
        let noise = Matrix.random(weight.rows, weight.columns, seed: 5)
        func moved(_ step: Float) -> Matrix {
            Matrix(rows: weight.rows, columns: weight.columns, elements: zip(weight.elements, noise.elements).map { $0 + step * $1 })
        }
        let width = model.configuration.hiddenSize
        for prices in [nil, (0..<width).map { 0.1 + Float($0 % 7) }] {
            func error(_ step: Float, gradient: ((String, Matrix) throws -> Void)? = nil) throws -> Double {
                try model.blockError(
                    1, inputs: inputs, targets: outputs.hidden, prices: prices, replacing: [name: moved(step)], execution,
                    gradient: gradient)
            }
            XCTAssertEqual(try error(0), 0)
            var found: [String: Matrix] = [:]
            let value = try error(0.05) { found[$0] = $1 }
            XCTAssertGreaterThan(value, 0)
            let slope = zip(try XCTUnwrap(found[name]).elements, noise.elements).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let difference = (try error(0.055) - (try error(0.045))) / 0.01
            XCTAssertEqual(slope / difference, 1, accuracy: 0.01)
            // By hand: half the mean over positions of the priced squares.
            guard let prices else { continue }
            var wrong = inputs
            try model.forward(&wrong, through: try model.block(1, replacing: [name: moved(0.05)], execution), execution)
            var (sum, positions) = (0.0, 0)
            for (found, target) in zip(wrong.hidden, outputs.hidden) {
                for i in found.indices { sum += Double(prices[i % width]) * Double(found[i] - target[i]) * Double(found[i] - target[i]) }
                positions += found.count / width
            }
            XCTAssertEqual(value / (sum / 2 / Double(positions)), 1, accuracy: 1e-5)
        }
    }
}
