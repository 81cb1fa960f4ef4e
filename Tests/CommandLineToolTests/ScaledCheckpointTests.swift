import ModelGraph
import TestSupport
import XCTest

/// 8-bit checkpoints and PyTorch checkpoints through `convert`, held against torch and transformers.
final class ScaledCheckpointTests: XCTestCase {
    private func run(_ arguments: [String], _ folder: TemporaryFolder, status: Int32 = 0, line: UInt = #line) throws -> CapletProcess {
        let result = try CapletProcess.run(arguments, in: folder.path)
        XCTAssertEqual(result.status, status, result.errors, line: line)
        return result
    }

    /// Weights of torch's own quantisation, with scales a block, a row and a tensor, in two dtypes.
    func testScalesAreAppliedAsTorchAppliesThem() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, os, json, torch
            from safetensors.torch import save_file
            torch.manual_seed(0); os.makedirs(sys.argv[1] + '/fp8')
            def q(dtype, *shape): return (torch.randn(*shape) * 50).to(dtype)
            e4, e5 = torch.float8_e4m3fn, torch.float8_e5m2
            t = {'a.weight': q(e4, 70, 130), 'a.weight_scale_inv': torch.rand(3, 5), 'experts.weight': q(e4, 3, 33, 64), 'experts.weight_scale_inv': torch.rand(3, 2, 2),
                 'row.weight': q(e4, 5, 7), 'row.weight_scale': torch.rand(5, 1), 'row.input_scale': torch.ones(1), 'flat.weight': q(e5, 5, 7), 'flat.weight_scale': torch.rand(5),
                 'one.weight': q(e5, 4, 6), 'one.weight_scale': torch.tensor(.37), 'half.weight': q(e4, 2, 4), 'half.weight_scale_inv': torch.rand(1, 1).bfloat16(),
                 'bare.weight': q(e4, 3, 3), 'norm.weight': torch.ones(3), 'other_scale': torch.ones(2)}
            save_file(t, sys.argv[1] + '/fp8/model.safetensors', {'format': 'pt'})
            open(sys.argv[1] + '/fp8/config.json', 'w').write('{\\n "torch_dtype": "float32",  "model_type":"x",\\n "quantization_config": {"weight_block_size": [32, 32], "quant_method": "fp8"},\\n "z": [1]\\n}\\n')
            """, [folder.path])
        _ = try run(["convert", "fp8", "-o", "bf16", "--to", "safetensors", "--dequantize-fp8"], folder)
        _ = try run(["convert", "fp8", "-o", "f32", "--to", "safetensors", "--dequantize-fp8", "--dtype", "f32"], folder)
        let refused = try run(["convert", "fp8", "-o", "raw", "--to", "safetensors", "--dtype", "bf16"], folder, status: 69)
        XCTAssertTrue(
            refused.errors.contains("the weights are quantised (FP8), and codes are no numbers to store otherwise"), refused.errors)
        try PythonProcess.run(
            """
            import sys, torch
            from safetensors.torch import load_file
            source = load_file(sys.argv[1] + '/fp8/model.safetensors')
            def expected(name, w):
                s = source.get(name + '_scale_inv', source.get(name + '_scale'))
                if s is None: return None
                w, s = w.float(), s.float()
                if s.ndim == 0: return w * s
                if name[:3] in ('row', 'fla'): return w * s.reshape(-1, 1)
                b = 32
                return w * s.repeat_interleave(b, -2).repeat_interleave(b, -1)[..., :w.shape[-2], :w.shape[-1]]
            for folder, dtype in (('bf16', torch.bfloat16), ('f32', torch.float32)):
                made = load_file(f'{sys.argv[1]}/{folder}/model.safetensors')
                assert set(made) == {k for k in source if k.endswith('.weight')} | {'other_scale'}, set(made)
                for name, value in made.items():
                    want = expected(name, source[name])
                    if want is not None: assert value.dtype == dtype and torch.equal(value, want.to(dtype)), (folder, name)
            assert made['bare.weight'].dtype == torch.float32 and torch.equal(made['bare.weight'], source['bare.weight'].float())
            assert open(sys.argv[1] + '/bf16/config.json').read() == '{\\n "torch_dtype": "bfloat16",  "model_type":"x",\\n "z": [1]\\n}\\n'
            assert open(sys.argv[1] + '/f32/config.json').read() == '{\\n "torch_dtype": "float32",  "model_type":"x",\\n "z": [1]\\n}\\n'
            """, [folder.path])
    }

    func testScalesThatDoNotFit() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, os, torch
            from safetensors.torch import save_file
            w = torch.ones(4, 6).to(torch.float8_e4m3fn)
            save_file({'w': w, 'w_scale': torch.ones(3)}, sys.argv[1] + '/shape.safetensors')
            save_file({'w': torch.ones(4)}, sys.argv[1] + '/none.safetensors')
            os.makedirs(sys.argv[1] + '/size'); save_file({'w': w, 'w_scale': torch.ones(1)}, sys.argv[1] + '/size/model.safetensors')
            open(sys.argv[1] + '/size/config.json', 'w').write('{"quantization_config": {"weight_block_size": [0, 128]}}')
            save_file({'big': torch.full((2,), 1000.)}, sys.argv[1] + '/big.safetensors')
            """, [folder.path])
        let shape = try run(["convert", "shape.safetensors", "-o", "out.safetensors", "--dequantize-fp8"], folder, status: 65)
        XCTAssertTrue(
            shape.errors.contains("shape.safetensors: tensor 'w_scale': F32 [3] are no scales of 'w' [4, 6] in blocks of 128 × 128"),
            shape.errors)
        let size = try run(["convert", "size", "-o", "out.safetensors", "--dequantize-fp8"], folder, status: 65)
        XCTAssertTrue(size.errors.contains("quantization_config.weight_block_size: is no pair of sizes"), size.errors)
        let none = try run(["convert", "none.safetensors", "-o", "out.safetensors", "--dequantize-fp8"], folder)
        XCTAssertTrue(none.errors.contains("no weight is quantised, and nothing is decoded"), none.errors)
        // What an 8-bit float cannot hold is refused, never saturated.
        let big = try run(["convert", "big.safetensors", "-o", "big8.safetensors", "--dtype", "f8_e4m3"], folder, status: 69)
        XCTAssertTrue(big.errors.contains("tensor 'big': has values that F8_E4M3 cannot hold"), big.errors)
    }

    /// A tied model that torch saved, as safetensors: one of the two names is written, and transformers computes the same.
    func testATiedPyTorchModelBecomesSafetensors() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, os, torch
            from transformers import LlamaConfig, LlamaForCausalLM
            torch.manual_seed(0); out = sys.argv[1] + '/bin'; os.makedirs(out)
            c = LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True)
            m = LlamaForCausalLM(c); c.save_pretrained(out)
            torch.save(m.state_dict(), out + '/pytorch_model.bin')
            torch.save(m(torch.arange(8)[None]).logits, sys.argv[1] + '/logits.pt')
            """, [folder.path])
        _ = try run(["convert", "bin", "-o", "out", "--to", "safetensors"], folder)
        _ = try run(["diff", "bin", "out"], folder)
        _ = try run(["convert", "bin", "-o", "out.gguf"], folder)
        try PythonProcess.run(
            """
            import sys, torch, safetensors
            from transformers import LlamaForCausalLM
            names = set(safetensors.safe_open(sys.argv[1] + '/out/model.safetensors', 'pt').keys())
            assert 'model.embed_tokens.weight' in names and 'lm_head.weight' not in names, names
            m = LlamaForCausalLM.from_pretrained(sys.argv[1] + '/out')
            assert torch.equal(m(torch.arange(8)[None]).logits, torch.load(sys.argv[1] + '/logits.pt'))
            """, [folder.path])
    }

    func testPyTorchIsReadOnly() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run("import sys, torch; torch.save({'a': torch.ones(3)}, sys.argv[1] + '/m.pt')", [folder.path])
        for arguments in [["convert", "m.pt", "-o", "out.pt"], ["convert", "m.pt", "-o", "out", "--to", "pytorch"]] {
            let result = try run(arguments, folder, status: 69)
            XCTAssertTrue(result.errors.contains("format 'pytorch' can be read, not written"), result.errors)
        }
        _ = try run(["convert", "m.pt", "-o", "out.npz"], folder)
    }

    /// Weights without their scales are no weights: nothing is computed from them.
    func testAQuantizedCheckpointIsNotRun() throws {
        let folder = try CheckpointFolder { graph in
            let config = try XCTUnwrap(graph.attachment("config.json"))
            let text =
                Array(#"{"quantization_config": {"quant_method": "fp8"},"#.utf8) + config.bytes.drop { $0 != UInt8(ascii: "{") }.dropFirst()
            graph.attach(Attachment(name: "config.json", bytes: text))
        }
        let result = try CapletProcess.run(["evaluate", "tiny", "--text", "text.txt", "--context", "16"], in: folder.path)
        XCTAssertEqual(result.status, 69, result.errors)
        XCTAssertTrue(result.errors.contains("the model uses quantization_config 'fp8', which is not supported"), result.errors)
    }
}
