import Architectures
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

/// Every family against transformers: logits, and the gradients that refitting goes along.
final class FamilyTests: XCTestCase {
    private static let causal = [
        "llama", "linear", "mistral", "ministral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi", "phi3", "phi3-part",
        "phi3-longrope", "phi3-longrope-short", "llama-longrope", "dynamic", "smollm3",
        "granite", "olmo", "olmo2", "exaone4", "stablelm", "stablelm-parallel", "stablelm-norms", "starcoder2", "gptneox",
        "gptneox-sequence", "gptj",
        "falcon", "falcon-heads", "falcon-two-norms", "falcon-one-norm", "falcon-sequence", "falcon-alibi", "falcon-alibi-sequence",
        "cohere", "cohere-norms", "cohere2", "glm", "glm4",
        "nemotron", "bloom", "gpt2", "gpt2-untied", "opt", "mixtral", "mixtral-one", "mixtral-wide", "olmoe", "qwen2moe", "qwen2moe-dense",
        "qwen3moe",
        "qwen3moe-dense", "gptoss", "deepseek2", "deepseek2-usual", "deepseek3", "deepseek3-usual",
        "llama4", "granitemoe", "granitemoe-shared", "yarn", "yarn-usual", "mamba", "mamba-usual", "falcon-mamba", "falcon-mamba-usual",
        "mamba2",
        "mamba2-usual", "ministral3", "ministral3-usual", "arcee", "arcee-usual", "seed-oss", "seed-oss-usual", "ernie", "ernie-usual",
        "olmo3", "olmo3-usual", "glm4moe", "glm4moe-usual", "dots1", "dots1-usual", "minimaxm2", "gptneo", "granite4",
        "granite4-usual", "granite4-experts", "granite4-dense", "bamba", "nemotronh", "nemotronh-usual", "lfm2", "lfm2-usual",
        "qwen35", "qwen35-usual",
    ]
    private static var folder: TemporaryFolder?

    private static let encoders = [
        "bert", "roberta", "xlm-roberta", "camembert", "electra", "electra-small", "distilbert", "deberta", "albert", "albert-groups",
        "modernbert",
        "modernbert-biases",
    ]
    /// Encoders with heads that sort texts into classes.
    private static let classifiers = [
        "bert-classes", "bert-number", "roberta-classes", "xlm-roberta-classes", "electra-classes", "distilbert-classes",
        "deberta-classes", "albert-classes", "modernbert-classes", "modernbert-mean",
    ]

    override class func setUp() { folder = try? FamilyCheckpoints.folder(causal + encoders + classifiers) }
    override class func tearDown() { folder = nil }

    private func path(_ name: String) throws -> String { try XCTUnwrap(FamilyTests.folder, "transformers made no checkpoints").path(name) }

    private func graph(_ name: String) throws -> TensorGraph {
        var graph = try SafetensorsFormat().read(path(name), ReadContext())
        graph = try Model(graph).graph
        return graph
    }

    func testLogitsAreThoseOfTransformers() throws {
        for name in FamilyTests.causal + FamilyTests.encoders + FamilyTests.classifiers {
            let graph = try graph(name)
            let model = try Transformer(Model(graph), weights: .openBLAS)
            XCTAssertNotNil(try Model(graph).checkShapes(), name)
            let tokens = FamilyCheckpoints.tokens(vocabulary: model.configuration.vocabularySize)
            let ours = try model.isClassifier ? model.classLogits([tokens])[0] : model.logits(of: tokens)
            let theirs = try FamilyCheckpoints.floats(path("\(name).logits"))
            XCTAssertEqual(ours.count, theirs.count, name)
            let largest = theirs.map(abs).max() ?? 0
            XCTAssertGreaterThan(largest, model.isClassifier ? 0.1 : 0.5, name)
            // 1e-4 at logits of order 1.
            XCTAssertLessThan(zip(ours, theirs).map { abs($0 - $1) }.max() ?? .infinity, 1e-4 * max(largest / 4, 1), name)
        }
    }

    func testGradientsAreThoseOfTorch() throws {
        for name in FamilyTests.causal + FamilyTests.encoders + FamilyTests.classifiers {
            let reference = try Transformer(Model(graph(name)), weights: .openBLAS)
            let changed = try graph("\(name).changed")
            let weights = try Dictionary(
                uniqueKeysWithValues: changed.tensors.filter { $0.role == .linear }.map { ($0.name, try $0.payload.densifiedMatrix()) })
            let rows = FamilyCheckpoints.rows(vocabulary: reference.configuration.vocabularySize)
            let execution = ExecutionContext(threads: 2)
            let found = try reference.divergence(
                rows, from: try reference.finalHidden(rows, execution), replacingAll: weights, execution)
            let value = try TemporaryFolder.bytes(of: path("\(name).divergence")).withUnsafeBytes { $0.load(as: Double.self) }
            XCTAssertEqual(found.value, value, accuracy: 1e-5 * max(value, 1), name)
            let expected = try SafetensorsFormat().read(path("\(name).gradients.safetensors"), ReadContext())
            XCTAssertEqual(Set(found.weights.keys), Set(expected.tensors.map(\.name)), name)
            XCTAssertGreaterThan(expected.tensors.count, 5, name)
            for tensor in expected.tensors {
                let ours = try XCTUnwrap(found.weights[tensor.name])
                XCTAssertLessThan(
                    ours.relativeFrobeniusError(to: try tensor.payload.densifiedMatrix()), 5e-4, "\(name) \(tensor.name)")
            }
        }
    }

    /// What transformers writes into config.json is obeyed, or known to change nothing.
    func testNoKeyIsUnknown() throws {
        for name in FamilyTests.causal + FamilyTests.encoders + FamilyTests.classifiers {
            XCTAssertEqual(try XCTUnwrap(Model(graph(name)).configuration).unknownKeys, [], name)
        }
    }

    /// One token after the other, from a cache, gives the logits of the whole sequence; where scaling goes by the length those of the sequence so
    /// far, or, with dynamic scaling, what transformers has with its cache.
    func testCachedDecodingGivesTheSameLogits() throws {
        for name in FamilyTests.causal {
            let model = try Transformer(Model(graph(name)), weights: .openBLAS)
            let vocabulary = model.configuration.vocabularySize
            let tokens = FamilyCheckpoints.tokens(vocabulary: vocabulary)
            var whole = try model.logits(of: tokens)
            switch model.configuration.ropeScaling {
            case .longRope:
                whole = try tokens.indices.flatMap { try model.logits(of: Array(tokens[...$0])).suffix(vocabulary) }
            case .dynamic: whole = try FamilyCheckpoints.floats(path("\(name).steps"))
            default: break
            }
            let cache = try model.makeCache(context: tokens.count, team: WorkerTeam(threads: 1))
            for (position, token) in tokens.enumerated() {
                let found = try model.logits(after: [token], cache)
                let expected = whole[position * vocabulary..<(position + 1) * vocabulary]
                let scale = max((expected.map(abs).max() ?? 0) / 4, 1)
                XCTAssertLessThan(zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity, 1e-4 * scale, "\(name) \(position)")
            }
        }
    }

    /// Calibration sees each linear layer once, in a group whose inputs have the width of its weight.
    func testEveryLinearLayerIsInOneInputGroup() throws {
        for name in FamilyTests.causal + FamilyTests.encoders {
            let graph = try graph(name)
            let linear = graph.tensors.filter { $0.role == .linear }.map(\.name)
            XCTAssertEqual(graph.structure.inputGroups.flatMap(\.members).sorted(), linear.sorted(), name)
            for group in graph.structure.inputGroups {
                XCTAssertEqual(Set(group.members.compactMap { graph[$0]?.shape.columns }).count, 1, "\(name) \(group.name)")
            }
        }
    }
}
