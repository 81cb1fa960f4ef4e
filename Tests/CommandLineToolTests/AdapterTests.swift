import Foundation
import TestSupport
import XCTest

/// `convert --as lora`: a base and an adapter that llama.cpp and PEFT run as the model that they came from.
final class AdapterTests: XCTestCase {
    private struct Score: Decodable { let mean_nll: Double }

    /// wren-7m with low-rank + sparse layers of several ranks, made once.
    private static let compressed = Result<TemporaryFolder, any Error> {
        let folder = try TemporaryFolder()
        let result = try CapletProcess.run(
            [
                "compress", Repository.path("Examples/wren-7m"), "-o", "small.caplet", "--pipeline",
                "oats{keep=0.6 rank-ratio=0.3 iterations=4}", "--calibration", Repository.path("Examples/text/speeches-calibration.txt"),
                "--calibration-sequences", "8", "--context", "256",
            ], in: folder.path)
        guard result.status == 0 else { throw CapletProcess.Failure(description: result.errors) }
        try PythonProcess.run(
            """
            import sys, numpy as np, sentencepiece
            ids = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1]).encode(open(sys.argv[2]).read()[:40000])
            np.save(sys.argv[3], np.array(ids[:6 * 256], dtype=np.int32).reshape(6, 256))
            """,
            [Repository.path("Examples/wren-7m/tokenizer.model"), BundledModel.text, folder.path("ids.npy")])
        return folder
    }

    private func convert(_ arguments: [String], in folder: TemporaryFolder) throws -> String {
        let result = try CapletProcess.run(["convert", "small.caplet"] + arguments, in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        return result.output
    }

    private func llamaLoss(_ arguments: [String], in folder: TemporaryFolder) throws -> Double {
        let script = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        let text = try PythonProcess.run(
            script, [Repository.path("Tests/Environment/llama_perplexity.py")] + arguments + ["--tokens", folder.path("ids.npy")])
        return try JSONDecoder().decode(Score.self, from: Data(text.utf8)).mean_nll
    }

    func testLlamaCppRunsBaseAndAdapter() throws {
        let folder = try AdapterTests.compressed.get()
        _ = try convert(["-o", "dense.gguf", "--dtype", "f32"], in: folder)
        let dense = try llamaLoss([folder.path("dense.gguf")], in: folder)
        XCTAssertEqual(try MeanLoss.of("small.caplet", tokens: "ids.npy", in: folder.path), dense, accuracy: 0.002 * dense)
        for (dtype, adapter) in [("f32", "f32"), ("f16", "f16"), ("bf16", "q8_0"), ("q8_0", "bf16")] {
            let name = "\(dtype)-\(adapter)"
            let said = try convert(
                ["-o", "\(name).gguf", "--dtype", dtype, "--as", "lora", "--adapter-dtype", adapter], in: folder)
            XCTAssertTrue(said.contains("wrote \(name)-lora.gguf as LoRA adapter: 42 layers, largest rank "), said)
            let both = try llamaLoss([folder.path("\(name).gguf"), "--lora", folder.path("\(name)-lora.gguf")], in: folder)
            XCTAssertEqual(both, dense, accuracy: 0.002 * dense, name)
            // The base alone is another model: the adapter does something.
            let alone = try llamaLoss([folder.path("\(name).gguf")], in: folder)
            XCTAssertGreaterThan(abs(alone - dense), 0.05 * dense, name)
        }
        try PythonProcess.run(
            """
            import sys, gguf
            r = gguf.GGUFReader(sys.argv[1])
            f = {k: v.contents() for k, v in r.fields.items()}
            assert f['general.type'] == 'adapter' and f['adapter.type'] == 'lora' and f['general.architecture'] == 'llama', f
            t = {x.name: x for x in r.tensors}
            ranks = {n: x.shape[1] for n, x in t.items() if n.endswith('.lora_a')}
            assert len(ranks) == 42 and len(set(map(int, ranks.values()))) > 1, ranks
            assert f['adapter.lora.alpha'] == max(ranks.values())
            for n, r in ranks.items(): assert t[n[:-1] + 'b'].shape[0] == r, n
            assert list(t['blk.0.ffn_down.weight.lora_a'].shape)[0] == 768 and list(t['blk.0.ffn_down.weight.lora_b'].shape)[1] == 256
            """, [folder.path("f16-f16-lora.gguf")])
    }

    func testPEFTRunsBaseAndAdapter() throws {
        let folder = try AdapterTests.compressed.get()
        _ = try convert(["-o", "dense", "--to", "safetensors", "--dtype", "f32"], in: folder)
        _ = try convert(["-o", "base", "--to", "safetensors", "--dtype", "f32", "--as", "lora", "--adapter-dtype", "f32"], in: folder)
        let ours = try MeanLoss.of("small.caplet", tokens: "ids.npy", in: folder.path)
        let text = try PythonProcess.run(
            """
            import sys, json, numpy as np, torch
            from peft import PeftModel
            from transformers import AutoModelForCausalLM
            torch.set_num_threads(2)
            ids = torch.from_numpy(np.load('ids.npy').astype(np.int64))
            def loss(model):
                with torch.no_grad(): logits = model.eval()(ids).logits.double()
                return torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1)).item()
            load = lambda p: AutoModelForCausalLM.from_pretrained(p, dtype=torch.float32)
            dense, base = loss(load('dense')), loss(load('base'))
            model = PeftModel.from_pretrained(load('base'), 'base-lora')
            adapted, merged = loss(model), None
            scales = {s for m in model.modules() if isinstance(getattr(m, "scaling", None), dict) for s in m.scaling.values()}
            assert scales == {1.0}, scales
            merged = loss(model.merge_and_unload())
            print(json.dumps([dense, base, adapted, merged]))
            """.replacingOccurrences(of: "import sys, json", with: "import os, sys, json; os.chdir(sys.argv[1]); import json"),
            [folder.path])
        let losses = try JSONDecoder().decode([Double].self, from: Data(text.utf8))
        XCTAssertEqual(losses[0], ours, accuracy: 0.002 * ours)
        XCTAssertGreaterThan(abs(losses[1] - losses[0]), 0.05 * losses[0], "the base alone")
        XCTAssertEqual(losses[2], losses[0], accuracy: 1e-4 * losses[0], "base and adapter")
        XCTAssertEqual(losses[3], losses[0], accuracy: 1e-4 * losses[0], "merged")
    }

    /// Files travel along, and the card says what was done, after what the model's own card says.
    func testTheFolderAndItsCard() throws {
        let folder = try AdapterTests.compressed.get()
        _ = try convert(["-o", "hub", "--to", "safetensors", "--as", "lora"], in: folder)
        for name in ["config.json", "generation_config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json"] {
            XCTAssertEqual(
                try TemporaryFolder.bytes(of: folder.path("hub/\(name)")),
                try TemporaryFolder.bytes(of: Repository.path("Examples/wren-7m/\(name)")), name)
        }
        let card = String(decoding: try TemporaryFolder.bytes(of: folder.path("hub/README.md")), as: UTF8.self)
        let own = String(decoding: try TemporaryFolder.bytes(of: Repository.path("Examples/wren-7m/README.md")), as: UTF8.self)
        XCTAssertTrue(card.hasPrefix(own), card)
        for text in [
            "| pipeline | oats{keep=0.6 rank-ratio=0.3 iterations=4} |", "| seed | 0 |", "| loss.dense | ", "| loss.final | ",
            " of 6,819,072 |", "| written as | sparse base and LoRA adapter |",
        ] { XCTAssertTrue(card.contains(text), "'\(text)' is not in \(card)") }
        let adapterCard = String(decoding: try TemporaryFolder.bytes(of: folder.path("hub-lora/README.md")), as: UTF8.self)
        XCTAssertTrue(adapterCard.contains("| pipeline | oats"), adapterCard)
        // Made again from the folder's container, the card is not said twice.
        _ = try convert(["-o", "again", "--to", "safetensors"], in: folder)
        let packed = try CapletProcess.run(["convert", "again", "-o", "packed.caplet"], in: folder.path)
        XCTAssertEqual(packed.status, 0, packed.errors)
        XCTAssertEqual(card.components(separatedBy: "## Made with Caplet").count, 2)
    }

    func testWhatIsRefused() throws {
        let folder = try AdapterTests.compressed.get()
        let cases: [([String], Int32, String)] = [
            (["small.caplet", "-o", "x.npz", "--as", "lora"], 64, "adapters go with gguf and safetensors, not with npy"),
            (["small.caplet", "-o", "x.safetensors", "--as", "lora"], 64, "would be a file"),
            (["small.caplet", "-o", "x", "--to", "safetensors", "--as", "lora", "--adapter-dtype", "q8_0"], 64, "f32, f16 or bf16"),
            ([Repository.path("Examples/wren-7m"), "-o", "x.gguf", "--as", "lora"], 69, "no tensor has low-rank terms"),
            (["small.caplet", "-o", "x.gguf", "--adapter", "y.gguf"], 64, "--adapter goes with --as lora"),
            (["small.caplet", "-o", "x.gguf", "--as", "lora", "--adapter", "x.gguf"], 64, "is where the base is to be"),
        ]
        for (arguments, status, text) in cases {
            let result = try CapletProcess.run(["convert"] + arguments, in: folder.path)
            XCTAssertEqual(result.status, status, result.errors)
            XCTAssertTrue(result.errors.contains(text), result.errors)
        }
        // An adapter in the way is not replaced, and the base is not written without it.
        try folder.write([1], as: "taken-lora.gguf")
        let taken = try CapletProcess.run(["convert", "small.caplet", "-o", "taken.gguf", "--as", "lora"], in: folder.path)
        XCTAssertEqual(taken.status, 64, taken.errors)
        XCTAssertEqual(try TemporaryFolder.bytes(of: folder.path("taken-lora.gguf")), [1])
        XCTAssertThrowsError(try TemporaryFolder.bytes(of: folder.path("taken.gguf")))
    }
}
