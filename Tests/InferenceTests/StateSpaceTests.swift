import Architectures
import Execution
import FormatKit
import Inference
import Matrices
import ModelGraph
import Models
import TestSupport
import XCTest

/// Configurations and graphs of state spaces that are broken or hostile are refused by name; what they compute is compared in `FamilyTests`.
final class StateSpaceTests: XCTestCase {
    private static let mamba = """
        {"model_type": "mamba", "vocab_size": 11, "hidden_size": 4, "num_hidden_layers": 2, "state_size": 3, "conv_kernel": 2, "expand": 2,
        "time_step_rank": 2, "intermediate_size": 6}
        """
    private static let mamba2 = """
        {"model_type": "mamba2", "vocab_size": 11, "hidden_size": 4, "num_hidden_layers": 1, "state_size": 3, "conv_kernel": 2, "expand": 2,
        "num_heads": 4, "head_dim": 2, "n_groups": 2, "time_step_limit": [0.0, Infinity]}
        """

    private func configuration(_ text: String, _ from: String = "", _ to: String = "") throws -> ModelConfiguration {
        if !from.isEmpty { XCTAssertTrue(text.contains(from), from) }
        let bytes = Array(text.replacingOccurrences(of: from, with: to).utf8)
        // What is thrown is looked at, and is no failure yet.
        let found = try ModelConfiguration(configJSON: bytes, path: "config.json")
        return try XCTUnwrap(found)
    }

    func testSizes() throws {
        let space = try XCTUnwrap(configuration(StateSpaceTests.mamba).stateSpace)
        XCTAssertEqual([space.innerSize, space.projectionWidth, space.selectionWidth, space.headCount], [6, 12, 8, 6])
        let usual = try configuration(StateSpaceTests.mamba, ", \"intermediate_size\": 6", "")
        XCTAssertEqual(usual.stateSpace?.innerSize, 8)
        XCTAssertEqual(
            try configuration(StateSpaceTests.mamba, "\"time_step_rank\": 2", "\"time_step_rank\": \"auto\"").stateSpace?.rank, 1)
        let heads = try XCTUnwrap(configuration(StateSpaceTests.mamba2).stateSpace)
        XCTAssertEqual([heads.innerSize, heads.convolutionWidth, heads.projectionWidth], [8, 20, 32])
        XCTAssertEqual(heads.mostStep, .infinity)
        let limited = try configuration(StateSpaceTests.mamba2, "[0.0, Infinity]", "[0.1, {\"__float__\": \"Infinity\"}]")
        XCTAssertEqual(limited.stateSpace?.leastStep, 0.1)
        // As transformers writes it.
        let text = limited.configJSON(dtype: "float32", bosTokenID: nil, eosTokenID: nil, padTokenID: nil)
        XCTAssertEqual(try ModelConfiguration(configJSON: text, path: "config.json"), limited)
    }

    /// Keys of config.json that published models have beside those of transformers 5: of mamba-130m-hf and Mamba-Codestral-7B.
    func testKeysOfPublishedModels() throws {
        let older =
            #""d_model": 4, "d_inner": 6, "fused_add_norm": true, "n_layer": 2, "pad_vocab_size_multiple": 8, "rms_norm": true, "ssm_cfg": {}, "#
        let first = try configuration(StateSpaceTests.mamba, "\"vocab_size\"", older + "\"vocab_size\"")
        XCTAssertEqual(first.unknownKeys + first.unsupportedFeatures, [])
        let codestral = #""norm_before_gate": true, "rms_norm": true, "time_step_rank": 256, "time_step_scale": 1.0, "chunk_size": 256, "#
        let second = try configuration(StateSpaceTests.mamba2, "\"vocab_size\"", codestral + "\"vocab_size\"")
        XCTAssertEqual(second.unknownKeys + second.unsupportedFeatures, [])
        let other = try configuration(StateSpaceTests.mamba, "\"vocab_size\"", "\"ssm_cfg\": {\"layer\": \"Mamba2\"}, \"vocab_size\"")
        XCTAssertEqual(other.unsupportedFeatures.count, 1)
        XCTAssertTrue(other.unsupportedFeatures.first?.hasPrefix("ssm_cfg") ?? false)
        XCTAssertEqual(
            try configuration(StateSpaceTests.mamba, "\"vocab_size\"", "\"new_key\": 1, \"vocab_size\"").unknownKeys, ["new_key"])
    }

    func testImpossibleValuesAreRefusedByName() throws {
        let mamba = [
            ("\"state_size\": 3", "\"state_size\": 0", "state_size is 0"),
            ("\"state_size\": 3", "\"state_size\": 1.5", "state_size is no integer"),
            ("\"state_size\": 3", "\"state_size\": 268435456", "more than any model has"),
            ("\"conv_kernel\": 2", "\"conv_kernel\": -1", "conv_kernel is -1"), ("\"expand\": 2", "\"expand\": 1e300", "expand is 1e+300"),
            ("\"time_step_rank\": 2", "\"time_step_rank\": 0", "time_step_rank is 0"),
            ("\"intermediate_size\": 6", "\"intermediate_size\": 9223372036854775807", "intermediate_size is 9223372036854775807"),
            ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 0", "num_hidden_layers is 0"),
        ]
        let mamba2 = [
            ("\"num_heads\": 4", "\"num_heads\": 3", "num_heads 3 of head_dim 2"),
            ("\"n_groups\": 2", "\"n_groups\": 3", "no multiple of n_groups 3"),
            ("\"num_heads\": 4", "\"num_heads\": 4611686018427387905", "num_heads 4611686018427387905"),
            ("\"n_groups\": 2", "\"n_groups\": 0", "n_groups is 0"), ("[0.0, Infinity]", "[0.5, 0.1]", "time_step_limit is 0.5 to 0.1"),
            ("[0.0, Infinity]", "[0.0]", "time_step_limit is no pair"), ("Infinity", "NaN", "not valid JSON"),
        ]
        for (text, changes) in [(StateSpaceTests.mamba, mamba), (StateSpaceTests.mamba2, mamba2)] {
            for (from, to, words) in changes {
                XCTAssertThrowsError(try configuration(text, from, to), to) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
            }
        }
    }

    /// Random weights, but for those that are left out.
    private func graph(without missing: String = "", extra: [(String, [Int])] = []) throws -> TensorGraph {
        var graph = TensorGraph()
        let generator = CounterGenerator(seed: 7, stream: 0)
        var drawn: UInt64 = 0
        func add(_ name: String, _ sides: [Int]) throws {
            let shape = try XCTUnwrap(Shape(sides))
            let floats = (drawn..<drawn + UInt64(shape.elementCount)).map { generator.uniform($0) - 0.5 }
            drawn += UInt64(shape.elementCount)
            try graph.append(Tensor(name: name, dense: DenseTensor(floats: floats, shape: shape)))
        }
        try add("backbone.embeddings.weight", [11, 4])
        try add("backbone.norm_f.weight", [4])
        for block in 0..<2 {
            let mixer = "backbone.layers.\(block).mixer"
            try add("backbone.layers.\(block).norm.weight", [4])
            for (name, sides) in [
                ("in_proj.weight", [12, 4]), ("conv1d.weight", [6, 1, 2]), ("conv1d.bias", [6]), ("x_proj.weight", [8, 6]),
                ("dt_proj.weight", [6, 2]), ("dt_proj.bias", [6]), ("A_log", [6, 3]), ("D", [6]), ("out_proj.weight", [4, 6]),
            ] where "\(mixer).\(name)" != missing { try add("\(mixer).\(name)", sides) }
        }
        for (name, sides) in extra { try add(name, sides) }
        graph.attach(Attachment(name: "config.json", bytes: Array(StateSpaceTests.mamba.utf8)))
        return graph
    }

    func testWhatIsMissingOrDeniedIsNamed() throws {
        let model = try Transformer(Model(graph()), weights: .floats(PortableProduct()))
        XCTAssertEqual(try model.logits(of: [1, 2, 3]).count, 33)
        let first = "backbone.layers.0.mixer"
        for name in ["conv1d.bias", "dt_proj.bias", "A_log", "D", "x_proj.weight"] {
            XCTAssertThrowsError(try Transformer(Model(graph(without: "\(first).\(name)")), weights: .floats(PortableProduct()))) {
                XCTAssertEqual("\($0)", "tensor '\(first).\(name)' is missing")
            }
        }
        XCTAssertThrowsError(
            try Transformer(Model(graph(extra: [("\(first).in_proj.bias", [12])])), weights: .floats(PortableProduct()))
        ) { XCTAssertTrue("\($0)".contains("in_proj.bias' that config.json denies"), "\($0)") }
        let wrong = try graph(without: "\(first).A_log", extra: [("\(first).A_log", [6, 4])])
        XCTAssertThrowsError(try Transformer(Model(wrong), weights: .floats(PortableProduct()))) {
            XCTAssertTrue("\($0)".contains("needs shape [6, 3], found [6, 4]"), "\($0)")
        }
    }
}
