import Execution
import FormatKit
import ModelGraph
import SafetensorsFormat
import StrictJSON
import TestSupport
import XCTest

/// GGUF is written of models that llama.cpp loads: with all tensors that it wants, of the shapes that the configuration says, and no others.
final class WholeModelTests: XCTestCase {
    private func convert(
        _ arguments: [String] = [], status: Int32, line: UInt = #line, _ change: (inout TensorGraph) throws -> Void
    ) throws -> String {
        let folder = try CheckpointFolder(change)
        let result = try CapletProcess.run(["convert", "tiny", "-o", "out.gguf"] + arguments, in: folder.path)
        XCTAssertEqual(result.status, status, result.errors, line: line)
        XCTAssertEqual(FileManager.default.fileExists(atPath: folder.path("out.gguf")), status == 0, line: line)
        return result.errors
    }

    private static func without(_ name: String) -> (inout TensorGraph) throws -> Void {
        { graph in
            var rest = TensorGraph()
            for tensor in graph.tensors where tensor.name != name { try rest.append(tensor) }
            rest.attachments = graph.attachments
            graph = rest
        }
    }

    private static func with(_ name: String, _ dimensions: [Int]) -> (inout TensorGraph) throws -> Void {
        { graph in
            guard let shape = Shape(dimensions) else { return }
            try graph.append(
                Tensor(name: name, dense: try DenseTensor(floats: [Float](repeating: 1, count: shape.elementCount), shape: shape)))
        }
    }

    func testWhatIsMissing() throws {
        for name in ["model.layers.1.mlp.up_proj.weight", "model.norm.weight", "model.embed_tokens.weight", "lm_head.weight"] {
            let errors = try convert(status: 69, Self.without(name))
            XCTAssertTrue(errors.contains("the model has no tensor '\(name)', which llama.cpp wants for llama"), errors)
            XCTAssertTrue(errors.contains("--force-names writes it all the same"), errors)
        }
        let errors = try convert(["--force-names"], status: 0, Self.without("model.norm.weight"))
        XCTAssertTrue(errors.contains("warning: the model has no tensor 'model.norm.weight'"), errors)
    }

    func testWhatHasNoPlace() throws {
        for name in ["model.layers.0.self_attn.q_proj.lora_A.default.weight", "score.weight", "model.layers.7.mlp.up_proj.weight"] {
            let errors = try convert(status: 69, Self.with(name, [2, 4]))
            XCTAssertTrue(errors.contains("llama.cpp has no place in llama for tensor '\(name)'"), errors)
        }
    }

    func testWhatHasAnotherShape() throws {
        let errors = try convert(status: 69) { graph in
            try Self.without("model.norm.weight")(&graph)
            try Self.with("model.norm.weight", [3])(&graph)
        }
        XCTAssertTrue(errors.contains("tensor 'model.norm.weight': the configuration needs shape"), errors)
    }

    /// A tensor without elements is written where ggml reads it: with no columns, not with no rows.
    func testTensorsWithoutElements() throws {
        let folder = try TemporaryFolder()
        func write(_ dimensions: [Int]) throws -> CapletProcess {
            guard let shape = Shape(dimensions) else { throw FormatError.malformed("", "", "") }
            let empty = Tensor(name: "e", dense: try DenseTensor(floats: [], shape: shape))
            try SafetensorsFormat().write(
                SampleGraph.graph([empty]), to: folder.path("e.safetensors"),
                {
                    var o = WriteOptions(); o.force = true; return o
                }(), ExecutionContext(threads: 1))
            return try CapletProcess.run(["convert", "e.safetensors", "-o", "e.gguf", "--force"], in: folder.path)
        }
        XCTAssertEqual(try write([0]).status, 0)
        XCTAssertEqual(try write([3, 0]).status, 0)
        let refused = try write([0, 3])
        XCTAssertEqual(refused.status, 69)
        XCTAssertTrue(refused.errors.contains("tensor 'e': has no rows, and ggml divides by their number"), refused.errors)
    }
}
