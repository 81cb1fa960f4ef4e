import TestSupport
import XCTest

/// Checkpoints under names that transformers gives others when it loads them.
final class OldNameTests: XCTestCase {
    /// BERT's norms as TensorFlow called them: the embeddings are those under today's names, and what is written has these.
    func testNormsOfTensorFlow() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, shutil, torch, numpy as np, transformers as t
            from safetensors.torch import load_file, save_file
            out = sys.argv[1]; torch.manual_seed(0)
            m = t.BertModel(t.BertConfig(vocab_size=99, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=40))
            with torch.no_grad():
                for p in m.parameters(): p.add_(torch.randn_like(p) * .05)
            m.save_pretrained(out + '/new'); shutil.copytree(out + '/new', out + '/old')
            s = load_file(out + '/new/model.safetensors')
            save_file({k.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'): v for k, v in s.items()}, out + '/old/model.safetensors', {'format': 'pt'})
            np.save(out + '/ids.npy', np.random.default_rng(0).integers(0, 99, (3, 12)).astype(np.int32))
            """, [folder.path])
        let distance = try CapletProcess.run(["evaluate", "old", "--tokens", "ids.npy", "--original", "new", "--json"], in: folder.path)
        XCTAssertEqual(distance.status, 0, distance.errors)
        let json = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(distance.output.utf8)) as? [String: Any])
        XCTAssertLessThan(try XCTUnwrap(json["largest_distance"] as? Double), 1e-12)
        let written = try CapletProcess.run(["convert", "old", "-o", "out", "--to", "safetensors"], in: folder.path)
        XCTAssertEqual(written.status, 0, written.errors)
        try PythonProcess.run(
            """
            import sys, torch
            from safetensors.torch import load_file
            a, b = (load_file(f'{sys.argv[1]}/{name}/model.safetensors') for name in ('new', 'out'))
            assert set(a) == set(b) and all(torch.equal(a[k], b[k]) for k in a), set(a) ^ set(b)
            """, [folder.path])
    }

    /// What wrappers of training code and base models leave of a family's names: GGUF has llama.cpp's, and the checkpoint's come back.
    func testWrappersAndBaseModels() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, shutil, json, torch, transformers as t
            from safetensors.torch import load_file, save_file
            out = sys.argv[1]; torch.manual_seed(0)
            c = t.LlamaConfig(vocab_size=99, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=40)
            t.LlamaForCausalLM(c).save_pretrained(out + '/plain'); s = load_file(out + '/plain/model.safetensors')
            for i, wrapper in enumerate(['module.', '_orig_mod.', 'base_model.model.', 'language_model.']):
                shutil.copytree(out + '/plain', f'{out}/w{i}'); save_file({wrapper + k: v for k, v in s.items()}, f'{out}/w{i}/model.safetensors')
            c.tie_word_embeddings = True; t.LlamaModel(c).save_pretrained(out + '/w4')
            """, [folder.path])
        for name in (0..<5).map({ "w\($0)" }) {
            let made = try CapletProcess.run(["convert", name, "-o", "\(name).gguf"], in: folder.path)
            XCTAssertEqual(made.status, 0, "\(name): \(made.errors)")
            let back = try CapletProcess.run(["convert", "\(name).gguf", "-o", "\(name).back", "--to", "safetensors"], in: folder.path)
            XCTAssertEqual(back.status, 0, "\(name): \(back.errors)")
        }
        try PythonProcess.run(
            """
            import sys, torch, gguf
            from safetensors.torch import load_file
            for name in ('w0', 'w1', 'w2', 'w3', 'w4'):
                names = {t.name for t in gguf.GGUFReader(f'{sys.argv[1]}/{name}.gguf').tensors}
                assert 'token_embd.weight' in names and 'blk.1.ffn_down.weight' in names and all(n.startswith(('token_embd', 'blk.', 'output')) for n in names), names
                a, b = (load_file(f'{sys.argv[1]}/{folder}/model.safetensors') for folder in (name, name + '.back'))
                assert set(a) == set(b) and all(torch.equal(a[k], b[k]) for k in a), (name, set(a) ^ set(b))
            """, [folder.path])
    }
}
