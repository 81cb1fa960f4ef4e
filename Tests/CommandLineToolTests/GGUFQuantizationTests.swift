import Foundation
import TestSupport
import XCTest

/// GGUF as a target: mixtures of types, importance matrices, types by name, sizes; all beside llama.cpp.
final class GGUFQuantizationTests: XCTestCase {
    private static let example = Repository.path("Examples/wren-7m")

    private func caplet(_ arguments: String, in folder: TemporaryFolder, status: Int32 = 0) throws -> CapletProcess {
        let result = try CapletProcess.shell("caplet \(arguments)", in: folder.path)
        XCTAssertEqual(result.status, status, "\(arguments): \(result.errors)")
        return result
    }

    /// The types of every matrix are those of llama-quantize's file, whose importance matrix is one that `caplet imatrix` wrote; what a file says
    /// of the model is the same whether it was written for GGUF or as `.dat`.
    func testMixturesAreThoseOfLlamaQuantize() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let text = Repository.path("Examples/text/speeches-calibration.txt")
        for name in ["i.gguf", "i.dat"] {
            _ = try caplet("imatrix '\(Self.example)' -o \(name) --calibration '\(text)' --calibration-sequences 4 -q", in: folder)
        }
        _ = try caplet("convert '\(Self.example)' -o f32.gguf --dtype f32 -q", in: folder)
        let mixtures = ["q2_k_s", "q3_k_m", "q3_k_l", "q4_k_s", "q4_k_m", "q5_k_m"]
        for mixture in mixtures {
            _ = try caplet("convert '\(Self.example)' -o \(mixture).gguf --dtype \(mixture) --imatrix i.gguf --strict -q", in: folder)
        }
        _ = try caplet("convert '\(Self.example)' -o dat.gguf --dtype q3_k_m --imatrix i.dat -q", in: folder)
        _ = try caplet("convert '\(Self.example)' -o without.gguf --dtype q3_k_m -q", in: folder)
        try PythonProcess.run(
            """
            import ctypes, os, sys, numpy as np
            sys.path.insert(0, sys.argv[2])
            import rivals
            from gguf import GGUFReader
            os.chdir(sys.argv[1])
            def tensors(path): return {t.name: t for t in GGUFReader(path).tensors}
            entries = rivals.importance('i.gguf')
            assert len(entries.kept) == 42 and all(np.isfinite(v).all() and (v > 0).any() for v in entries.kept)
            for mixture in sys.argv[3:]:
                rivals.llama_mixture('f32.gguf', 'theirs.gguf', mixture.upper(), '2', 'i.gguf')
                ours, theirs = tensors(mixture + '.gguf'), tensors('theirs.gguf')
                assert {n: t.tensor_type for n, t in ours.items()} == {n: t.tensor_type for n, t in theirs.items()}, mixture
            same, weighed, plain = tensors('dat.gguf'), tensors('q3_k_m.gguf'), tensors('without.gguf')
            differences = [np.mean(np.not_equal(weighed[n].data, plain[n].data)) for n in same if 'attn' in n and 'norm' not in n]
            assert min(differences) > 0, differences
            # Sums of the two files are rounded otherwise.
            assert all(np.mean(np.not_equal(same[n].data, weighed[n].data)) < 0.01 for n in same)
            """, [folder.path, Repository.path("Benchmarks")] + mixtures)
    }

    /// Types by name, and what is refused or has no effect.
    func testTypesByNameAndRefusals() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let options = "--dtype q4_k --tensor-type attn_v=q6_k --tensor-type 'model.layers.[0]*=f16' --tensor-type '*layers.2.*down*=bf16'"
        let result = try caplet("convert '\(Self.example)' -o m.gguf \(options)", in: folder)
        _ = try caplet("imatrix '\(Self.example)' -o own.gguf --calibration-sequences 1 -q", in: folder)
        let plain = try caplet("convert '\(Self.example)' -o q8.gguf --dtype q8_0 --imatrix own.gguf", in: folder)
        XCTAssertTrue(plain.errors.contains("changes nothing of 42 matrices"), plain.errors)
        XCTAssertTrue(result.errors.contains("no tensor has a name like 'model.layers.[0]*'"), result.errors)
        try PythonProcess.run(
            """
            import sys
            from gguf import GGUFReader
            types = {t.name: t.tensor_type.name for t in GGUFReader(sys.argv[1]).tensors}
            for name, type in types.items():
                wanted = 'F32' if 'norm' in name else 'Q6_K' if 'attn_v' in name else 'BF16' if name == 'blk.2.ffn_down.weight' else 'Q4_K'
                assert type == wanted, (name, type)
            """, [folder.path("m.gguf")])
        try Data("GGUF".utf8 + [3, 0, 0, 0] + [UInt8](repeating: 255, count: 16)).write(to: URL(fileURLWithPath: folder.path("bad.gguf")))
        try Data([1, 0, 0, 0, 1, 0, 0, 0, 97, 1, 0, 0, 0, 255, 255, 255, 127]).write(to: URL(fileURLWithPath: folder.path("bad.dat")))
        for (arguments, status, saying) in [
            ("-o x.gguf --dtype q4_k --imatrix bad.gguf", 65, "bad.gguf"), ("-o x.gguf --dtype q4_k --imatrix bad.dat", 65, "entry 'a'"),
            ("-o x.gguf --dtype q4_k --imatrix m.gguf", 65, "general.type"), ("-o x.gguf --imatrix m.gguf", 64, "dtype"),
            ("-o x.caplet --dtype q4_k_m", 64, "mixtures"), ("-o x.gguf --tensor-type a", 64, "PATTERN=DTYPE"),
            ("-o x.gguf --tensor-type a=q9", 64, "q9"), ("-o x.caplet --embed-files", 64, "copies"),
        ] as [(String, Int32, String)] {
            let result = try caplet("convert '\(Self.example)' \(arguments)", in: folder, status: status)
            XCTAssertTrue(result.errors.contains(saying), "\(arguments): \(result.errors)")
            XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path("x.gguf")), arguments)
        }
    }

    /// `compress --tensor-type`: types by names of both kinds beside a size, the same bytes from the report, and what is refused.
    func testTypesByNameBesideASize() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        func compress(_ arguments: String, status: Int32 = 0) throws -> CapletProcess {
            let result = try CapletProcess.shell("caplet compress tiny \(arguments) --no-progress", in: folder.path)
            XCTAssertEqual(result.status, status, "\(arguments): \(result.errors)")
            return result
        }
        let options = "--calibration text.txt --calibration-sequences 2 --context 16 --no-measure"
        let types = "--tensor-type lm_head=q8_0 --tensor-type 'blk.?.ffn_down*=q5_0' --tensor-type layers.1.mlp.down=Q4_0"
        let made = try compress("-o m.gguf --size 75000 \(types) \(options) --report m.json")
        let named = "lm_head.weight:q8_0+model.layers.*.mlp.down_proj.weight:q5_0+model.layers.1.mlp.down_proj.weight:q4_0"
        XCTAssertTrue(made.output.contains("tensor-types=\(named)}"), made.output)
        _ = try compress("-o same.gguf --threads 1 --recipe m.json")
        XCTAssertTrue(try folder.bytes("m.gguf") == folder.bytes("same.gguf"), "the report's recipe makes another file")
        XCTAssertLessThanOrEqual(try folder.bytes("m.gguf").count, 75000)
        XCTAssertGreaterThan(try folder.bytes("m.gguf").count, 73000)
        try PythonProcess.run(
            """
            import sys
            from gguf import GGUFReader
            types = {t.name: t.tensor_type.name for t in GGUFReader(sys.argv[1]).tensors}
            named = {'output.weight': 'Q8_0', 'blk.0.ffn_down.weight': 'Q5_0', 'blk.1.ffn_down.weight': 'Q4_0'}
            assert {n: types[n] for n in named} == named, types
            others = {t for n, t in types.items() if n not in named and 'norm' not in n}
            assert 'IQ4_NL' in others and len(others) > 1 and 'Q4_0' not in others, types
            """, [folder.path("m.gguf")])
        for (arguments, saying) in [
            ("-o x.gguf --tensor-type nowhere=q5_0", "no matrix has a name like 'nowhere'"), ("-o x.gguf --tensor-type a", "PATTERN=TYPE"),
            ("-o x.gguf --tensor-type attn_v=q9", "'q9'"), ("-o x.gguf --tensor-type output_norm=q5_0", "'output_norm'"),
            ("-o x.gguf --tensor-type attn_v=q6_k", "rows of 64 are no whole blocks"),
            ("-o x.caplet --size 75000 --tensor-type attn_v=q5_0", "GGUF"), ("-o x.gguf --keep 0.5 --tensor-type attn_v=q5_0", "GGUF"),
            ("-o x.gguf --pipeline quantize --tensor-type attn_v=q5_0", "GGUF"),
            ("-o x.gguf --size 70000 --tensor-type token_embd=q8_0 --tensor-type lm_head=q8_0", "cannot be met"),
        ] {
            let result = try compress("\(arguments) \(options)", status: 64)
            XCTAssertTrue(result.errors.contains(saying), "\(arguments): \(result.errors)")
            XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path("x.gguf")), arguments)
        }
    }

    /// `compress -o m.gguf --size` ends below its size, with types that llama.cpp runs, whose loss is what is said.
    func testASizeForLlamaCpp() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let size = 3_500_000
        let pipeline = "quantize{coding=blocks size=\(size) types=q3_k+iq4_xs+q5_k layers=matrices},refit{passes=1 batch=4}"
        let text = Repository.path("Examples/text/speeches-calibration.txt")
        let arguments =
            "'\(Self.example)' -o m.gguf --pipeline '\(pipeline)' --calibration '\(text)' --calibration-sequences 8 --context 256 --no-progress"
        _ = try caplet("compress \(arguments)", in: folder)
        let bytes = try FileManager.default.attributesOfItem(atPath: folder.path("m.gguf"))[.size] as? Int ?? 0
        XCTAssertLessThanOrEqual(bytes, size)
        XCTAssertGreaterThan(bytes, size - 20_000)
        try PythonProcess.run(
            """
            import sys, numpy as np, sentencepiece
            ids = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1] + '/tokenizer.model').encode(open(sys.argv[2]).read()[:30000])
            np.save(sys.argv[3], np.array(ids[:16 * 128], dtype=np.int32).reshape(16, 128))
            """, [Self.example, Repository.path("Examples/text/speeches-evaluation.txt"), folder.path("ids.npy")])
        let ours = try MeanLoss.of("m.gguf", tokens: folder.path("ids.npy"), in: folder.path)
        let dense = try MeanLoss.of(Self.example, tokens: folder.path("ids.npy"), in: folder.path)
        let theirs = try PythonProcess.run(
            """
            import json, subprocess, sys
            out = json.loads(subprocess.run([sys.executable, sys.argv[1], sys.argv[2], '--tokens', sys.argv[3]], capture_output=True, text=True, check=True).stdout)
            print(out['mean_nll'])
            """, [Repository.path("Tests/Environment/llama_perplexity.py"), folder.path("m.gguf"), folder.path("ids.npy")])
        // llama.cpp multiplies with inputs of 8 bits.
        XCTAssertEqual(try XCTUnwrap(Double(theirs.trimmingCharacters(in: .whitespacesAndNewlines))), ours, accuracy: 0.01)
        XCTAssertLessThan(ours - dense, 0.05)
        let small = try caplet("compress '\(Self.example)' -o s.gguf --size 1MB --calibration '\(text)'", in: folder, status: 64)
        XCTAssertTrue(small.errors.contains("the smallest types give a file of"), small.errors)
    }
}
