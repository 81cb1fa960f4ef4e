import Foundation
import TestSupport
import XCTest

/// safetensors → GGUF → npz → caplet → npy → … → safetensors: back to where it began, with nothing lost on the way.
final class ConversionCircleTests: XCTestCase {
    /// Each format's output is the next one's input.
    private static let circle = [
        "1.gguf --embed-files", "2.npz", "3.caplet", "4 --to npy", "5.gguf --embed-files", "6.caplet", "7 --to safetensors",
    ]

    private func convert(_ input: String, _ output: String, in folder: String) throws {
        let result = try CapletProcess.shell("caplet convert '\(input)' -o \(output) --strict", in: folder)
        XCTAssertEqual(result.status, 0, "\(input) → \(output): \(result.errors)")
        XCTAssertEqual(result.errors, "")
    }

    /// Goes round, and returns the folder at the end.
    private func goRound(from start: String, in folder: String) throws -> String {
        var previous = start
        for output in ConversionCircleTests.circle {
            try convert(previous, output, in: folder)
            let name = String(output.prefix { $0 != " " })
            let diff = try CapletProcess.run(["diff", start, name], in: folder)
            XCTAssertEqual(diff.status, 0, "\(start), \(name): \(diff.output)\(diff.errors)")
            let verify = try CapletProcess.run(["verify", name], in: folder)
            XCTAssertEqual(verify.status, 0, verify.errors)
            previous = name
        }
        return "\(folder)/\(previous)"
    }

    /// Tensors by safetensors' own library, files byte for byte.
    private func expectSame(_ first: String, _ second: String) throws {
        for file in try TemporaryFolder.files(under: first) where !file.name.hasSuffix(".safetensors") {
            XCTAssertEqual(try TemporaryFolder.bytes(of: "\(second)/\(file.name)"), file.bytes, file.name)
        }
        try PythonProcess.run(
            """
            import sys
            from safetensors import safe_open
            def raw(folder):
                with safe_open(folder + '/model.safetensors', 'pt') as f:
                    import torch
                    return {k: f.get_tensor(k) for k in f.keys()}
            a, b = map(raw, sys.argv[1:3])
            import torch
            assert a.keys() == b.keys() and len(a) > 10
            for k in a:
                assert a[k].dtype == b[k].dtype and a[k].shape == b[k].shape, k
                assert torch.equal(a[k].view(torch.uint8), b[k].view(torch.uint8)), k
            """, [first, second])
    }

    /// Blocks are what they are, whatever dtype they were made from.
    func testDiffComparesCodesAsTheyAreStored() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let result = try CapletProcess.shell(
            """
            caplet convert '\(Repository.path("Examples/wren-7m"))' -o direct.gguf --dtype q8_0 -q >/dev/null &&
            caplet convert '\(Repository.path("Examples/wren-7m"))' -o wide.gguf --dtype f32 -q >/dev/null &&
            caplet convert wide.gguf -o detour.gguf --dtype q8_0 -q >/dev/null && caplet diff direct.gguf detour.gguf
            """, in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertTrue(result.output.contains("57 of 57 common tensors equal"), result.output)
    }

    func testTinyCheckpoint() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let end = try goRound(from: "tiny", in: folder.path)
        try expectSame(folder.path("tiny"), end)
    }

    /// The model that comes with the repository: transformers loads the end of the circle, with the loss of the start and ours.
    func testExampleModel() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let example = Repository.path("Examples/wren-7m")
        let end = try goRound(from: example, in: folder.path)
        try expectSame(example, end)
        let text = try PythonProcess.run(
            """
            import sys, os, numpy as np, torch, sentencepiece
            os.environ['HF_HUB_OFFLINE'] = '1'
            from transformers import LlamaForCausalLM
            ids = sentencepiece.SentencePieceProcessor(model_file=sys.argv[2] + '/tokenizer.model').encode(open(sys.argv[3]).read()[:20000])
            rows = torch.tensor(ids[:4 * 128]).reshape(4, 128)
            np.save(sys.argv[4], rows.numpy().astype(np.int32))
            for folder in sys.argv[1:3]:
                model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
                print(model(rows, labels=rows).loss.item())
            """, [example, end, Repository.path("Examples/text/speeches-evaluation.txt"), folder.path("ids.npy")])
        let losses = text.split(separator: "\n").compactMap { Double($0) }
        XCTAssertEqual(losses.count, 2)
        XCTAssertEqual(losses[0], losses[1])
        let ours = try MeanLoss.of(end, tokens: folder.path("ids.npy"), in: folder.path)
        XCTAssertEqual(ours, losses[0], accuracy: 2e-4)
    }
}
