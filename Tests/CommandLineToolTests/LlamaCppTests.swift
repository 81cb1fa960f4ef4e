import Foundation
import TestSupport
import XCTest

/// The GGUF files that `convert` writes, scored by llama.cpp on the same tokens.
final class LlamaCppTests: XCTestCase {
    private struct Result: Decodable { let mean_nll: Double }

    private func expectSameLoss(_ arguments: [String], accuracy: Double) throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        try convertExample(arguments, to: "m.gguf", in: folder)
        try expectSameLoss("m.gguf", accuracy: accuracy, in: folder)
    }

    private func convertExample(_ arguments: [String], to name: String, in folder: TemporaryFolder) throws {
        let converted = try CapletProcess.run(["convert", Repository.path("Examples/wren-7m"), "-o", name] + arguments, in: folder.path)
        XCTAssertEqual(converted.status, 0, converted.errors)
    }

    private func expectSameLoss(_ file: String, accuracy: Double, in folder: TemporaryFolder) throws {
        let example = Repository.path("Examples/wren-7m")
        try PythonProcess.run(
            """
            import sys, numpy as np, sentencepiece
            ids = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1]).encode(open(sys.argv[2]).read()[:40000])
            np.save(sys.argv[3], np.array(ids[:6 * 256], dtype=np.int32).reshape(6, 256))
            """, ["\(example)/tokenizer.model", Repository.path("Examples/text/speeches-evaluation.txt"), folder.path("ids.npy")])
        let script = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        let text = try PythonProcess.run(
            script,
            [
                Repository.path("Tests/Environment/llama_perplexity.py"), folder.path(file), "--tokens", folder.path("ids.npy"),
            ])
        let theirs = try JSONDecoder().decode(Result.self, from: Data(text.utf8)).mean_nll
        let ours = try MeanLoss.of(file, tokens: "ids.npy", in: folder.path)
        XCTAssertEqual(ours, theirs, accuracy: accuracy * theirs, file)
    }

    func testBF16() throws { try expectSameLoss([], accuracy: 0.005) }
    func testF16() throws { try expectSameLoss(["--dtype", "f16"], accuracy: 0.005) }
    func testQ8_0() throws { try expectSameLoss(["--dtype", "q8_0"], accuracy: 0.005) }

    func testQ4_0() throws { try expectSameLoss(["--dtype", "q4_0"], accuracy: 0.005) }
    func testQ5_1() throws { try expectSameLoss(["--dtype", "q5_1"], accuracy: 0.005) }

    /// Mixtures that llama.cpp makes (Q2_K, Q3_K_M, Q4_K_M, Q5_K_M, IQ4_XS): we see the model that it sees, and a copy has the same tensors and keys.
    func testMixturesOfLlamaCpp() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        try convertExample(["--dtype", "f16"], to: "f16.gguf", in: folder)
        try PythonProcess.run(
            """
            import sys, ctypes, llama_cpp as llama
            for file_type in map(int, sys.argv[2:]):
                p = llama.llama_model_quantize_default_params(); p.ftype = file_type; p.nthread = 2
                assert llama.llama_model_quantize((sys.argv[1] + '/f16.gguf').encode(), f'{sys.argv[1]}/{file_type}.gguf'.encode(), ctypes.byref(p)) == 0
            """, [folder.path, "10", "12", "15", "17", "30"])
        for fileType in [10, 12, 15, 17, 30] {
            try expectSameLoss("\(fileType).gguf", accuracy: 0.01, in: folder)
            let copy = try CapletProcess.run(["convert", "\(fileType).gguf", "-o", "copy.gguf", "--force", "--strict"], in: folder.path)
            XCTAssertEqual(copy.status, 0, copy.errors)
            try PythonProcess.run(
                """
                import sys, numpy as np
                from gguf import GGUFReader
                a, b = map(GGUFReader, sys.argv[1:3])
                assert [(t.name, t.tensor_type) for t in a.tensors] == [(t.name, t.tensor_type) for t in b.tensors]
                assert any('K' in t.tensor_type.name or 'IQ4' in t.tensor_type.name for t in a.tensors)
                for s, t in zip(a.tensors, b.tensors): assert np.array_equal(s.data, t.data), s.name
                for k, f in a.fields.items():
                    if not k.startswith(('GGUF.', 'caplet.')): assert f.contents() == b.fields[k].contents(), k
                """, [folder.path("\(fileType).gguf"), folder.path("copy.gguf")])
        }
    }

    /// Blocks as gguf-py's reference encoder makes them, row by row.
    func testBytesOfBlocks() throws { for type in ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"] { try expectSameBytes(type) } }

    private func expectSameBytes(_ type: String) throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        XCTAssertEqual(try CapletProcess.run(["convert", "tiny", "-o", "q.gguf", "--dtype", type.lowercased()], in: folder.path).status, 0)
        XCTAssertEqual(try CapletProcess.run(["convert", "tiny", "-o", "f.gguf", "--dtype", "f32"], in: folder.path).status, 0)
        try PythonProcess.run(
            """
            import sys, numpy as np
            from gguf import GGUFReader, GGMLQuantizationType, quants
            T = GGMLQuantizationType[sys.argv[3]]
            q, f = ({t.name: t for t in GGUFReader(p).tensors} for p in sys.argv[1:3])
            assert q.keys() == f.keys()
            matrices = [n for n in f if len(f[n].shape) == 2]
            assert len(matrices) == 16 and all(q[n].tensor_type == T for n in matrices)
            assert all(q[n].tensor_type == GGMLQuantizationType.F32 for n in f if n not in matrices)
            for n in matrices: assert np.array_equal(q[n].data, quants.quantize(f[n].data, T)), n
            """, [folder.path("q.gguf"), folder.path("f.gguf"), type])
    }
}
