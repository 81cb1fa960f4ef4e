import Architectures
import Backpropagation
import Calibration
import Execution
import FormatKit
import Inference
import Matrices
import LinearAlgebra
import ModelGraph
import Models
import RPCA
import SafetensorsFormat
import TestSupport
import XCTest

final class TransformerTests: XCTestCase {
    private func transformer(_ graph: TensorGraph) throws -> Transformer { try Transformer(Model(graph), weights: .openBLAS) }

    private func bundled() throws -> TensorGraph { try open(BundledModel.folder) }

    private func open(_ path: String) throws -> TensorGraph {
        var graph = try SafetensorsFormat().read(path, ReadContext())
        graph = try Model(graph).graph
        return graph
    }

    /// Logits and losses of the bundled checkpoint against transformers in float32.
    func testBundledModelAgreesWithTransformers() throws {
        let folder = try TemporaryFolder()
        let sequences: [[Int32]] = (0..<3).map { SampleModel.tokens(row: $0, count: 100) }
        let output = try PythonProcess.run(
            """
            import sys, numpy as np, torch
            from transformers import AutoModelForCausalLM
            model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
            tokens = torch.tensor([[(row * 7919 + i * 104729) % 4096 for i in range(100)] for row in range(3)])
            with torch.no_grad():
                logits = model(tokens).logits
            logits[0].numpy().tofile(sys.argv[2])
            nll = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 4096).double(), tokens[:, 1:].reshape(-1))
            print(nll.item())
            """, [BundledModel.folder, folder.path("logits.bin")])
        let model = try transformer(bundled())
        let theirs = try MappedFile(path: folder.path("logits.bin")).withBytes { Array($0.bindMemory(to: Float.self)) }
        let ours = try model.logits(of: sequences[0])
        let largest = zip(ours, theirs).map { abs($0 - $1) }.max() ?? .infinity
        XCTAssertLessThan(largest, 5e-4)
        // The same without any library.
        let alone = try Transformer(Model(bundled()), weights: .floats(PortableProduct())).logits(of: sequences[0])
        XCTAssertLessThan(zip(alone, theirs).map { abs($0 - $1) }.max() ?? .infinity, 5e-4)
        let losses = try model.tokenLosses(sequences, ExecutionContext(threads: 2)).joined()
        let reference = try XCTUnwrap(Double(output.trimmingCharacters(in: .whitespacesAndNewlines)))
        XCTAssertEqual(losses.reduce(0, +) / Double(losses.count), reference, accuracy: 1e-4)
    }

    /// Odd but legal shapes: tied head, one key-value head, head size apart from hidden / heads.
    func testSmallRandomModelsAgreeWithTransformers() throws {
        for (name, settings) in [
            ("tied", "tie_word_embeddings=True, num_key_value_heads=2"),
            ("one key-value head", "num_key_value_heads=1"),
            ("head size apart", "num_key_value_heads=4, head_dim=24, rope_theta=500000.0"),
        ] {
            let folder = try TemporaryFolder()
            try PythonProcess.run(
                """
                import sys, torch
                from transformers import LlamaConfig, LlamaForCausalLM
                torch.manual_seed(1)
                config = LlamaConfig(vocab_size=101, hidden_size=64, intermediate_size=88, num_hidden_layers=2,
                                     num_attention_heads=4, max_position_embeddings=64, rms_norm_eps=1e-6, initializer_range=0.2, \(settings))
                model = LlamaForCausalLM(config).float().eval()
                model.save_pretrained(sys.argv[1])
                with torch.no_grad():
                    model(torch.arange(40)[None] * 37 % 101).logits[0].numpy().tofile(sys.argv[1] + '/logits.bin')
                """, [folder.path("model")])
            let theirs = try MappedFile(path: folder.path("model/logits.bin")).withBytes { Array($0.bindMemory(to: Float.self)) }
            let model = try transformer(open(folder.path("model")))
            let ours = try model.logits(of: (0..<40).map { Int32($0 * 37 % 101) })
            XCTAssertEqual(ours.count, theirs.count, name)
            XCTAssertLessThan(zip(ours, theirs).map { abs($0 - $1) }.max() ?? .infinity, 1e-4, name)
        }
    }

    /// A composite runs as its terms, and gives what the densified weights give.
    func testCompositeAgreesWithDensified() throws {
        var composite = try bundled()
        var dense = composite
        for tensor in composite.tensors where tensor.role == .linear && tensor.name.contains("layers.1") {
            let matrix = try tensor.payload.densifiedMatrix()
            let lowRank = try LowRankTensor(
                matrix.singularValueThresholded(by: matrix.singularValueDecomposition().singularValues[8]), dtype: .f16)
            var entries = matrix
            // Sparse enough for the sparse product in some layers, not in others.
            let share = tensor.name.contains("q_proj") ? 40 : 3
            for index in entries.elements.indices where index % share != 0 { entries.elements[index] = 0 }
            let payload = Payload.composite([.lowRank(lowRank), .sparse(try SparseTensor(nonZerosOf: entries, dtype: .f16))])
            try composite.setPayload(payload, of: tensor.name)
            try dense.setPayload(.dense(try DenseTensor(payload.densifiedMatrix(), dtype: .f32)), of: tensor.name)
        }
        let tokens: [Int32] = (0..<50).map { Int32($0 * 13 % 4096) }
        let (a, b) = (try transformer(composite).logits(of: tokens), try transformer(dense).logits(of: tokens))
        XCTAssertLessThan(zip(a, b).map { abs($0 - $1) }.max() ?? .infinity, 1e-3)
    }

    func testLossDoesNotDependOnThreadsOrCompany() throws {
        let model = try transformer(bundled())
        let sequences: [[Int32]] = (0..<5).map { SampleModel.tokens(row: $0, count: 20 + $0 * 9) }
        let alone = try sequences.map { try model.tokenLosses([$0], ExecutionContext(threads: 1))[0] }
        XCTAssertEqual(try model.tokenLosses(sequences, ExecutionContext(threads: 3)), alone)
    }

    func testGraphsThatCannotBeRunAreRefused() throws {
        let graph = try bundled()
        XCTAssertThrowsError(try transformer(graph).logits(of: [5000])) { XCTAssertTrue("\($0)".contains("5000"), "\($0)") }
        var unknown = graph
        unknown.attach(Attachment(name: "config.json", bytes: Array(#"{"model_type":"mystery"}"#.utf8)))
        XCTAssertThrowsError(try transformer(unknown)) { XCTAssertTrue("\($0)".contains("known: llama"), "\($0)") }
        let text = String(decoding: try XCTUnwrap(graph.attachment("config.json")).bytes, as: UTF8.self)
        let changes: [(String, String, String)] = [
            ("\"hidden_size\": 256", "\"hidden_size\": 128", "needs shape"),
            ("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 7", "is missing"),
            ("\"hidden_act\": \"silu\"", "\"hidden_act\": \"mish\"", "mish"),
            ("\"num_attention_heads\": 8", "\"num_attention_heads\": 0", "num_attention_heads is 0"),
        ]
        for (from, to, words) in changes {
            var changed = graph
            changed.attach(Attachment(name: "config.json", bytes: Array(text.replacingOccurrences(of: from, with: to).utf8)))
            XCTAssertThrowsError(try transformer(changed), to) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
    }
}
