import TestSupport
import XCTest

/// Every type that `convert` encodes beside llama-quantize's file of that type, both run by llama.cpp.
final class LlamaQuantizeTests: XCTestCase {
    /// For types whose encoding is a fact of ggml both files have the same tensors. For the others ours strays less from the F32
    /// model's predictions, by the mean Kullback–Leibler divergence, and its perplexity is at most 0.3 % higher.
    private static let compare = """
        import ctypes, os, runpy, subprocess, sys, numpy as np, llama_cpp as llama
        from gguf import GGUFReader, GGMLQuantizationType as T
        folder, script, text = sys.argv[1:4]
        Scorer = runpy.run_path(script)['Scorer']
        windows, length = 12, 256

        def predictions(name, windows=windows):
            scorer = Scorer(f'{folder}/{name}', length, 2)
            ids = scorer.tokenize(open(text, encoding='utf-8').read()[:40000])[:windows * length]
            result = []
            for start in range(0, len(ids), length):
                window = ids[start:start + length]
                llama.llama_memory_clear(llama.llama_get_memory(scorer.context), True)
                batch = llama.llama_batch_init(length, 0, 1); batch.n_tokens = length
                for i, token in enumerate(window):
                    batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, True
                    batch.seq_id[i][0] = 0
                assert llama.llama_decode(scorer.context, batch) == 0
                logits = np.ctypeslib.as_array(llama.llama_get_logits(scorer.context), shape=(length, scorer.size)).astype('f8')
                llama.llama_batch_free(batch)
                logits -= logits.max(1, keepdims=True)
                result.append(logits - np.log(np.exp(logits).sum(1, keepdims=True)))
            return np.array(result), np.array(ids).reshape(windows, length)

        base, ids = predictions('f32.gguf')
        types = dict(f16=1, bf16=32, q8_0=7, q4_0=2, q4_1=3, q5_0=8, q5_1=9, q2_k=10, q3_k=12, q4_k=15, q5_k=17, q6_k=18, iq4_nl=25, iq4_xs=30)
        for name, number in types.items():
            p = llama.llama_model_quantize_default_params(); p.ftype, p.nthread, p.pure = number, 2, True
            p.output_tensor_type = p.token_embedding_type = int(T[name.upper()])
            source, target = f'{folder}/f32.gguf'.encode(), f'{folder}/theirs.gguf'.encode()
            assert llama.llama_model_quantize(source, target, ctypes.byref(p)) == 0
            ours, theirs = ({t.name: t for t in GGUFReader(f'{folder}/{f}.gguf').tensors} for f in (name, 'theirs'))
            assert {n: t.tensor_type for n, t in ours.items()} == {n: t.tensor_type for n, t in theirs.items()}, name
            assert sum(t.tensor_type == T[name.upper()] for t in ours.values()) == 44, name
            if not name.endswith('_k') and not name.startswith('iq'):
                assert all(np.array_equal(t.data, theirs[n].data) for n, t in ours.items()), name
                assert np.isfinite(predictions(f'{name}.gguf', 1)[0]).all(), name
                continue
            (a, _), (b, _) = predictions(f'{name}.gguf'), predictions('theirs.gguf')
            divergence = [float((np.exp(base) * (base - x)).sum(-1).mean()) for x in (a, b)]
            rows, places = np.arange(windows)[:, None], np.arange(length - 1)[None]
            losses = [-x[rows, places, ids[:, 1:]].reshape(-1) for x in (a, b)]
            difference = losses[0] - losses[1]
            assert divergence[0] <= divergence[1], (name, divergence)
            assert difference.mean() <= np.log(1.003), (name, [float(np.exp(x.mean())) for x in losses])
        """

    func testEveryType() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        for type in [
            "f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs",
        ] {
            let result = try CapletProcess.run(
                ["convert", Repository.path("Examples/wren-7m"), "-o", "\(type).gguf", "--dtype", type, "--strict"], in: folder.path)
            XCTAssertEqual(result.status, 0, result.errors)
        }
        try PythonProcess.run(
            LlamaQuantizeTests.compare,
            [
                folder.path, Repository.path("Tests/Environment/llama_perplexity.py"),
                Repository.path("Examples/text/speeches-evaluation.txt"),
            ])
    }

    /// llama.cpp loads a model in parts by its first one, and sees the same model.
    func testParts() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        for (name, options) in [("whole.gguf", []), ("parts.gguf", ["--max-shard-size", "1MB"])] {
            let arguments = ["convert", Repository.path("Examples/wren-7m"), "-o", name, "--dtype", "q4_k"] + options
            let result = try CapletProcess.run(arguments, in: folder.path)
            XCTAssertEqual(result.status, 0, result.errors)
        }
        let script = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        let losses = try ["whole.gguf", "parts-00001-of-00005.gguf"].map { name in
            try PythonProcess.run(
                script,
                [
                    Repository.path("Tests/Environment/llama_perplexity.py"), folder.path(name),
                    Repository.path("Examples/text/speeches-evaluation.txt"), "--chunks", "2",
                ])
        }
        XCTAssertEqual(losses[0], losses[1])
    }
}
