import Foundation
import TestSupport
import XCTest

/// The GGUF files that `convert` writes, scored by llama.cpp on the same tokens.
final class LlamaCppTests: XCTestCase {
    private struct Result: Decodable { let mean_nll: Double }

    private func expectSameLoss(_ arguments: [String], accuracy: Double) throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let example = Repository.path("Examples/wren-7m")
        let converted = try CapletProcess.run(["convert", example, "-o", "m.gguf"] + arguments, in: folder.path)
        XCTAssertEqual(converted.status, 0, converted.errors)
        try PythonProcess.run("""
            import sys, numpy as np, sentencepiece
            ids = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1]).encode(open(sys.argv[2]).read()[:40000])
            np.save(sys.argv[3], np.array(ids[:6 * 256], dtype=np.int32).reshape(6, 256))
            """, ["\(example)/tokenizer.model", Repository.path("Examples/text/speeches-evaluation.txt"), folder.path("ids.npy")])
        let script = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        let text = try PythonProcess.run(script, [
            Repository.path("Tests/Environment/llama_perplexity.py"), folder.path("m.gguf"), "--tokens", folder.path("ids.npy"),
        ])
        let theirs = try JSONDecoder().decode(Result.self, from: Data(text.utf8)).mean_nll
        let ours = try MeanLoss.of("m.gguf", tokens: "ids.npy", in: folder.path)
        XCTAssertEqual(ours, theirs, accuracy: accuracy * theirs)
    }

    func testBF16() throws { try expectSameLoss([], accuracy: 0.005) }
    func testF16() throws { try expectSameLoss(["--dtype", "f16"], accuracy: 0.005) }
    func testQ8_0() throws { try expectSameLoss(["--dtype", "q8_0"], accuracy: 0.005) }

    /// Blocks as gguf-py's reference encoder makes them, row by row.
    func testQ8_0Bytes() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        XCTAssertEqual(try CapletProcess.run(["convert", "tiny", "-o", "q.gguf", "--dtype", "q8_0"], in: folder.path).status, 0)
        XCTAssertEqual(try CapletProcess.run(["convert", "tiny", "-o", "f.gguf", "--dtype", "f32"], in: folder.path).status, 0)
        try PythonProcess.run("""
            import sys, numpy as np
            from gguf import GGUFReader, GGMLQuantizationType as T, quants
            q, f = ({t.name: t for t in GGUFReader(p).tensors} for p in sys.argv[1:3])
            assert q.keys() == f.keys()
            matrices = [n for n in f if len(f[n].shape) == 2]
            assert len(matrices) == 16 and all(q[n].tensor_type == T.Q8_0 for n in matrices)
            assert all(q[n].tensor_type == T.F32 for n in f if n not in matrices)
            for n in matrices: assert np.array_equal(q[n].data, quants.quantize(f[n].data, T.Q8_0)), n
            """, [folder.path("q.gguf"), folder.path("f.gguf")])
    }
}
