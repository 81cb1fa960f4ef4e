import Architectures
import FormatKit
import ModelGraph
import Models
import SafetensorsFormat
import TestSupport
import XCTest

/// Tensors of checkpoints that are several of the graph: what is in the place of which, and what is refused.
final class FusedTensorTests: XCTestCase {
    private static let experts = (count: 3, size: 2, hidden: 4)

    /// A checkpoint of a family with such tensors and nothing else, of values that count up.
    private func graph(_ type: String, _ tensors: [(String, [Int])], experts: Int = experts.count) throws -> TensorGraph {
        var graph = TensorGraph()
        let config = """
            {"model_type":"\(type)","vocab_size":8,"hidden_size":4,"intermediate_size":2,"num_hidden_layers":1,"num_attention_heads":2,
            "head_dim":2,"num_key_value_heads":2,"num_local_experts":\(experts),"num_experts_per_tok":1,"shared_intermediate_size":3,
            "max_position_embeddings":16}
            """
        graph.attach(Attachment(name: "config.json", bytes: Array(config.utf8)))
        for (name, sides) in tensors {
            let count = sides.reduce(1, *)
            let floats = (0..<count).map { Float($0) }
            try graph.append(Tensor(name: name, dense: try DenseTensor(floats: floats, shape: try XCTUnwrap(Shape(sides)))))
        }
        return graph
    }

    private let gateAndUp = "model.layers.0.mlp.experts.gate_up_proj"
    private let linear = "model.layers.0.block_sparse_moe.input_linear.weight"

    func testColumnsThatTakeTurns() throws {
        let graph = try Model(graph("gpt_oss", [(gateAndUp, [3, 4, 4]), (gateAndUp + "_bias", [3, 4])])).graph
        let up = try XCTUnwrap(graph["model.layers.0.mlp.experts.2.up_proj.weight"])
        XCTAssertEqual(up.shape.dimensions, [2, 4])
        XCTAssertEqual(up.role, .linear)
        XCTAssertEqual(try up.payload.densifiedFloats(), [33, 37, 41, 45, 35, 39, 43, 47])
        XCTAssertEqual(try graph["model.layers.0.mlp.experts.1.gate_proj.bias"]?.payload.densifiedFloats(), [4, 6])
        XCTAssertNil(graph[gateAndUp])
    }

    func testRowsAfterEachOther() throws {
        let graph = try Model(
            graph("granitemoeshared", [(linear, [3, 4, 4]), ("model.layers.0.shared_mlp.input_linear.weight", [6, 4])])
        ).graph
        let up = try XCTUnwrap(graph["model.layers.0.block_sparse_moe.experts.1.up_proj.weight"])
        XCTAssertEqual(try up.payload.densifiedFloats(), (24..<32).map { Float($0) })
        XCTAssertEqual(try graph["model.layers.0.shared_mlp.up_proj.weight"]?.payload.densifiedFloats(), (12..<24).map { Float($0) })
    }

    /// Shapes that do not fit the configuration, and counts of experts that nobody has.
    func testOtherShapesAreRefusedByName() throws {
        for sides in [[3, 4, 3], [2, 4, 4], [3, 4], [3, 0, 4], [3, 4, 0], [3, 4, 4, 1], [0, 4, 4]] {
            XCTAssertThrowsError(try Model(graph("gpt_oss", [(gateAndUp, sides)])), "\(sides)") {
                XCTAssertTrue("\($0)".contains(gateAndUp) && "\($0)".contains("3 experts"), "\($0)")
            }
        }
        for sides in [[3, 3, 4], [4, 4, 4], [12, 4]] {
            XCTAssertThrowsError(try Model(graph("granitemoe", [(linear, sides)])), "\(sides)")
        }
        XCTAssertThrowsError(try Model(graph("gpt_oss", [(gateAndUp, [3, 4, 4])], experts: 1 << 40)))
        XCTAssertThrowsError(try Model(graph("gpt_oss", [(gateAndUp, [3, 4, 4])], experts: -1)))
    }

    /// A part that is missing, or of another dtype than the others, cannot be written as the checkpoint has it.
    func testPartsThatAreNotWhole() throws {
        let whole = try Model(graph("gpt_oss", [(gateAndUp, [3, 4, 4])])).graph
        let without = try whole.flatMapTensors { $0.name.contains("experts.1.up_proj") ? [] : [$0] }
        XCTAssertThrowsError(try SafetensorsFormat().plan(without, WriteOptions())) {
            XCTAssertTrue("\($0)".contains("'\(self.gateAndUp)': would have 5 of 6 parts"), "\($0)")
        }
        let mixed = try whole.mapTensors { tensor in
            guard tensor.name.contains("experts.1.up_proj") else { return tensor }
            return tensor.with(.dense(try tensor.payload.densified(as: .f16)), dtype: .f16)
        }
        XCTAssertThrowsError(try SafetensorsFormat().plan(mixed, WriteOptions())) {
            XCTAssertTrue("\($0)".contains("parts of several kinds"), "\($0)")
        }
        XCTAssertEqual(try SafetensorsFormat().plan(whole, WriteOptions()).tensors.map(\.name), [gateAndUp])
    }
}
