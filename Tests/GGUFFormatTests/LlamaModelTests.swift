import Models
import Architectures
import Execution
import FormatKit
import Foundation
import ModelGraph
import SafetensorsFormat
import TestSupport
import XCTest

@testable import GGUFFormat

/// A LLaMA from Hugging Face's library, by way of our GGUF file, in llama.cpp.
final class LlamaModelTests: XCTestCase {
    private let format = GGUFFormat()

    /// Four small models, each a folder of `transformers`, made once: importing it takes seconds.
    private static let makeModels = """
        import sys, os, shutil, torch
        os.environ['HF_HUB_OFFLINE'] = '1'
        from transformers import LlamaConfig, LlamaForCausalLM
        out, fixtures, small, large = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
        for name, tied, dtype in [('f32', False, 'float32'), ('tied', True, 'bfloat16'), ('f16', False, 'float16'), ('llama3', False, 'float32')]:
            torch.manual_seed(3)
            c = LlamaConfig(vocab_size=large if name == 'llama3' else small, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
                            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=tied, initializer_range=0.2)
            m = LlamaForCausalLM(c)
            with torch.no_grad():
                for n, p in m.named_parameters():
                    if 'norm' in n: p.add_(torch.randn_like(p) * 0.2)
            m = m.to(getattr(torch, dtype)); m.save_pretrained(f'{out}/{name}')
            tokenizer = ('llama3.json', 'tokenizer.json') if name == 'llama3' else ('tiny.model', 'tokenizer.model')
            shutil.copy(f'{fixtures}/{tokenizer[0]}', f'{out}/{name}/{tokenizer[1]}')
            open(f'{out}/{name}/README.md', 'w').write('# a model\\n')
        """

    private static let models = Result {
        let folder = try TemporaryFolder()
        let counts = try ["tiny.model", "llama3.json"].map { "\(try vocabularyCount($0))" }
        try PythonProcess.run(makeModels, [folder.path, fixture("")] + counts)
        return folder
    }

    private static let logits = """
        import sys, os, numpy as np, torch
        os.environ['HF_HUB_OFFLINE'] = '1'
        from transformers import LlamaForCausalLM
        from llama_cpp import Llama
        ids = [1, 7, 20, 33, 5, 90, 41, 12, 3, 64, 28]
        for folder, file in zip(sys.argv[1::2], sys.argv[2::2]):
            want = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)(torch.tensor([ids])).logits[0].detach().numpy()
            l = Llama(file, n_ctx=64, logits_all=True, verbose=False, n_gpu_layers=0); l.eval(ids)
            got = l.scores[:len(ids), :want.shape[1]]
            print(float(np.abs(got - want).max() / np.abs(want).max()))
        """

    private static func fixture(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/tokenizers").path + "/\(name)"
    }

    private static func vocabularyCount(_ name: String) throws -> Int {
        let bytes = try TemporaryFolder.bytes(of: fixture(name))
        var graph = TensorGraph()
        graph.attach(Attachment(name: name.hasSuffix(".json") ? "tokenizer.json" : "tokenizer.model", bytes: bytes))
        return try XCTUnwrap(GGUFVocabulary.vocabulary(of: graph)).count
    }

    private func model(_ name: String) throws -> String { try LlamaModelTests.models.get().path(name) }

    /// Writes a model as GGUF and returns its graph.
    private func convert(_ name: String, to path: String, _ options: WriteOptions = WriteOptions()) throws -> TensorGraph {
        var graph = try SafetensorsFormat().read(model(name), ReadContext())
        graph = try Model(graph).graph
        let plan = try format.write(graph, to: path, options, ExecutionContext())
        XCTAssertEqual(plan.warnings, [])
        return graph
    }

    private func bytes(_ tensor: Tensor?) throws -> [UInt8]? {
        try tensor?.payload.densified(as: tensor?.dtype ?? .f32).bytes.withUnsafeBytes { Array($0) }
    }

    func testLlamaCppGivesTheSameLogits() throws {
        let folder = try TemporaryFolder()
        let names = ["f32", "tied", "f16", "llama3"]
        for name in names { _ = try convert(name, to: folder.path("\(name).gguf")) }
        let arguments = try names.flatMap { [try model($0), folder.path("\($0).gguf")] }
        let errors = try PythonProcess.run(LlamaModelTests.logits, arguments).split(separator: "\n").compactMap { Double($0) }
        XCTAssertEqual(errors.count, names.count)
        for (name, error) in zip(names, errors) { XCTAssertLessThan(error, name == "tied" ? 3e-2 : 1e-2, name) }
        XCTAssertLessThan(errors.first ?? 1, 1e-3)
    }

    /// Names, order, dtypes, bits and files come back; the second file equals the first.
    func testRoundTrip() throws {
        let folder = try TemporaryFolder()
        var options = WriteOptions()
        options.embedsFiles = true
        let graph = try convert("tied", to: folder.path("m.gguf"), options)
        let back = try format.read(folder.path("m.gguf"), ReadContext { XCTFail($0) })
        XCTAssertEqual(back.tensors.map(\.name), graph.tensors.map(\.name))
        for (ours, theirs) in zip(back.tensors, graph.tensors) {
            XCTAssertEqual(ours.dtype, theirs.dtype, ours.name)
            XCTAssertEqual(ours.shape, theirs.shape, ours.name)
            XCTAssertEqual(try bytes(ours), try bytes(theirs), ours.name)
        }
        XCTAssertEqual(back.attachments.map(\.name).sorted(), graph.attachments.map(\.name).sorted())
        for attachment in graph.attachments { XCTAssertEqual(back.attachment(attachment.name)?.bytes, attachment.bytes, attachment.name) }
        try format.write(back, to: folder.path("again.gguf"), WriteOptions(), ExecutionContext())
        let again = try format.read(folder.path("again.gguf"), ReadContext())
        XCTAssertEqual(again.metadata.keys, back.metadata.keys)
        XCTAssertEqual(again.attachments.map(\.bytes), back.attachments.map(\.bytes))
        XCTAssertEqual(
            try TemporaryFolder.bytes(of: folder.path("m.gguf")).count, try TemporaryFolder.bytes(of: folder.path("again.gguf")).count)
        try SafetensorsFormat().write(back, to: folder.path("back"), WriteOptions(), ExecutionContext())
        try PythonProcess.run(
            """
            import sys, torch
            from transformers import LlamaForCausalLM
            a, b = (LlamaForCausalLM.from_pretrained(p).state_dict() for p in sys.argv[1:3])
            assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
            """, [model("tied"), folder.path("back")])
    }

    /// What llama.cpp's converter does, spelled out in NumPy and gguf-py.
    func testFileAsTheConverterWritesIt() throws {
        let folder = try TemporaryFolder()
        _ = try convert("f32", to: folder.path("m.gguf"))
        let text = try PythonProcess.run(
            """
            import sys, numpy as np
            from gguf import GGUFReader
            from safetensors.numpy import load_file
            r = GGUFReader(sys.argv[2]); hf = load_file(sys.argv[1] + '/model.safetensors')
            t = {x.name: x for x in r.tensors}
            def permute(w, n): return w.reshape(n, 2, w.shape[0] // n // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)
            for i in range(2):
                for name, heads in (('q', 4), ('k', 2)):
                    assert np.array_equal(t[f'blk.{i}.attn_{name}.weight'].data, permute(hf[f'model.layers.{i}.self_attn.{name}_proj.weight'], heads))
                assert np.array_equal(t[f'blk.{i}.ffn_down.weight'].data, hf[f'model.layers.{i}.mlp.down_proj.weight'])
            for k in ('general.architecture', 'llama.block_count', 'llama.attention.head_count_kv', 'llama.rope.dimension_count',
                      'general.file_type', 'general.quantization_version', 'tokenizer.ggml.model', 'tokenizer.ggml.add_bos_token'):
                print(k, r.fields[k].contents())
            """, [model("f32"), folder.path("m.gguf")])
        XCTAssertEqual(
            text,
            """
            general.architecture llama
            llama.block_count 2
            llama.attention.head_count_kv 2
            llama.rope.dimension_count 16
            general.file_type 0
            general.quantization_version 2
            tokenizer.ggml.model llama
            tokenizer.ggml.add_bos_token True

            """)
    }

    /// A file that has nothing of ours gives config.json and a tokenizer, and writes back what it was.
    func testFilesMadeFromMetadata() throws {
        for name in ["f32", "llama3"] {
            let folder = try TemporaryFolder()
            let graph = try convert(name, to: folder.path("m.gguf"))
            var foreign = try format.read(folder.path("m.gguf"), ReadContext())
            foreign.attachments = []
            try format.write(foreign, to: folder.path("foreign.gguf"), WriteOptions(), ExecutionContext())
            let back = try format.read(folder.path("foreign.gguf"), ReadContext { XCTFail($0) })
            let names = ["config.json", "tokenizer.json", "tokenizer_config.json"] + (name == "f32" ? ["tokenizer.model"] : [])
            XCTAssertEqual(Set(back.attachments.map(\.name)), Set(names))
            XCTAssertEqual(try Model(back).configuration, try Model(graph).configuration)
            try format.write(back, to: folder.path("again.gguf"), WriteOptions(), ExecutionContext())
            XCTAssertEqual(
                try TemporaryFolder.bytes(of: folder.path("foreign.gguf")), try TemporaryFolder.bytes(of: folder.path("again.gguf")))
        }
    }

    func testConfigurationsThatGGUFWouldMisrepresent() throws {
        // A single tensor is no whole model.
        var options = WriteOptions()
        options.forcesNames = true
        var graph = try SampleGraph.graph([SampleGraph.tensor("model.norm.weight", .f32, [4])])
        let base =
            #""model_type":"llama","vocab_size":8,"hidden_size":4,"intermediate_size":4,"num_hidden_layers":1,"num_attention_heads":1"#
        for (extra, isError) in [
            ("", false), (#","rope_scaling":{"type":"linear","factor":2}"#, false), (#","rope_scaling":{"type":"yarn","factor":2}"#, false),
            (#","rope_scaling":{"type":"dynamic","factor":2}"#, true),
            (#","hidden_act":"gelu""#, true),
        ] {
            graph.attach(Attachment(name: "config.json", bytes: Array("{\(base)\(extra)}".utf8)))
            if isError {
                XCTAssertThrowsError(try format.plan(graph, options))
            } else {
                XCTAssertNoThrow(try format.plan(graph, options))
            }
        }
        graph.attach(Attachment(name: "config.json", bytes: Array(#"{"model_type":"llama"}"#.utf8)))
        XCTAssertThrowsError(try format.plan(graph, options)) { XCTAssertEqual(($0 as? FormatError)?.kind, .unsupported) }
    }

    /// Query weights of another number of rows than the heads have.
    func testQueryWeightsThatAreNoHeads() throws {
        var graph = try SampleGraph.graph([SampleGraph.tensor("model.layers.0.self_attn.q_proj.weight", .f32, [6, 4])])
        let config =
            #"{"model_type":"llama","vocab_size":8,"hidden_size":4,"intermediate_size":4,"num_hidden_layers":1,"num_attention_heads":1}"#
        graph.attach(Attachment(name: "config.json", bytes: Array(config.utf8)))
        XCTAssertThrowsError(try format.plan(graph, WriteOptions())) { XCTAssertTrue($0 is FormatError, "\($0)") }
    }

    /// Blocks of a query weight move as whole rows, and come back.
    func testQuantizedRowsArePermuted() throws {
        // A single tensor is no whole model.
        var options = WriteOptions()
        options.forcesNames = true
        let rows = 8, columns = 64
        let floats = (0..<rows * columns).map { Float(($0 * 37) % 255 - 127) }
        let codes = OwnedBytes(floats.map { UInt8(bitPattern: Int8($0)) })
        let scales = try DenseTensor(floats: (1...rows * 2).map(Float.init), shape: Shape(count: rows * 2), dtype: .f16)
        let quantized = try QuantizedTensor(
            shape: Shape(rows: rows, columns: columns), bits: 8, groupSize: 32, codes: codes, scales: scales, zeroPoints: nil)
        let name = "model.layers.0.self_attn.q_proj.weight"
        var graph = try SampleGraph.graph([Tensor(name: name, shape: quantized.shape, dtype: .bf16, payload: .quantized(quantized))])
        let config =
            #"{"model_type":"llama","vocab_size":8,"hidden_size":64,"intermediate_size":4,"num_hidden_layers":1,"num_attention_heads":2,"head_dim":4}"#
        graph.attach(Attachment(name: "config.json", bytes: Array(config.utf8)))
        let folder = try TemporaryFolder()
        let plan = try format.write(graph, to: folder.path("q.gguf"), options, ExecutionContext())
        XCTAssertEqual(plan.tensors.map(\.storage), ["Q8_0"])
        let back = try format.read(folder.path("q.gguf"), ReadContext())
        XCTAssertEqual(back[name]?.dtype, .bf16)
        XCTAssertEqual(try back[name]?.payload.densifiedFloats(), try graph[name]?.payload.densifiedFloats())
        let rowsInFile = try PythonProcess.run(
            """
            import sys
            from gguf import GGUFReader, quants
            t = GGUFReader(sys.argv[1]).tensors[0]
            print(t.name, [int(quants.dequantize(t.data, t.tensor_type)[i, 0]) for i in range(8)])
            """, [folder.path("q.gguf")])
        let first = (0..<rows).map { Int(floats[$0 * columns]) * ($0 * 2 + 1) }
        XCTAssertEqual(rowsInFile, "blk.0.attn_q.weight \([0, 2, 1, 3, 4, 6, 5, 7].map { first[$0] })\n")
    }
}
