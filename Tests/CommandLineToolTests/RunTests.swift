import Foundation
import TestSupport
import XCTest

/// `caplet run`, and the example that links the library alone.
final class RunTests: XCTestCase {
    private struct Result: Decodable {
        let text: String
        let tokens: [Int32]
        let prompt_tokens: Int
        let stopped: String
        let end_token: Int32?
        let tokens_per_second: Double?
        let seconds_to_open: Double
        let weight_bytes: Int
        let cache_bytes: Int
        let peak_memory_bytes: Int
    }

    private static let prompts = [
        "The people of this country", "My fellow citizens, we", "In the course of", "There is no", "The government of the United States",
        "It is my duty to", "War", "The Congress shall", "We have learned that", "I believe",
    ]

    private var model: String { Repository.path("Examples/wren-7m") }

    private func caplet(_ line: String, in folder: String, status: Int32 = 0) throws -> CapletProcess {
        let result = try CapletProcess.shell("exec caplet \(line)", in: folder)
        XCTAssertEqual(result.status, status, "\(line): \(result.errors)")
        return result
    }

    private func run(_ path: String, _ prompt: String, _ options: String, in folder: String) throws -> Result {
        let output = try caplet("run \(path) --prompt '\(prompt)' --json \(options)", in: folder).output
        return try JSONDecoder().decode(Result.self, from: Data(output.utf8))
    }

    private func packed(in folder: TemporaryFolder) throws {
        _ = try caplet(
            "compress '\(model)' -o small.caplet --size 3MB --calibration '\(Repository.path("Examples/text/speeches-calibration.txt"))' "
                + "--calibration-sequences 12 --context 128 -q", in: folder.path)
    }

    /// Greedy text of the packed model is that of llama.cpp on the densified model, for 64 tokens of ten prompts, except from where
    /// its two best logits are closer than 1e-3.
    func testGreedyTextIsThatOfLlamaCpp() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        try packed(in: folder)
        _ = try caplet("convert small.caplet -o dense.gguf --dtype f32 -q", in: folder.path)
        let ours = try RunTests.prompts.map { try run("small.caplet", $0, "--temperature 0 --max-tokens 64", in: folder.path) }
        XCTAssertTrue(ours.allSatisfy { $0.tokens.count == 64 || $0.stopped == "end-of-sequence" })
        let lines = ours.map { "\($0.tokens)\t\($0.prompt_tokens)" }.joined(separator: "\n")
        try Data(lines.utf8).write(to: URL(fileURLWithPath: folder.path("ours.txt")))
        let output = try PythonProcess.run(
            """
            import sys, json, numpy as np, llama_cpp, sentencepiece
            text = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
            model = llama_cpp.Llama(sys.argv[2], n_ctx=256, n_threads=2, logits_all=True, verbose=False)
            same = 0
            for prompt, line in zip(sys.argv[4:], open(sys.argv[3]).read().split('\\n')):
                tokens, count = line.split('\\t')
                ids = [1] + text.encode(prompt)
                assert len(ids) == int(count), (ids, count)
                model.reset()
                model.eval(ids)
                for n, token in enumerate(json.loads(tokens)):
                    logits = np.array(model.scores[model.n_tokens - 1])
                    best = int(logits.argmax())
                    if best != token:
                        first, second = np.sort(logits)[-1], np.sort(logits)[-2]
                        assert first - second < 1e-3 and logits[token] > first - 1e-3, (prompt, n, token, best, first - second)
                        break
                    same += 1
                    model.eval([token])
            print(same)
            """, ["\(model)/tokenizer.model", folder.path("dense.gguf"), folder.path("ours.txt")] + RunTests.prompts)
        let same = try XCTUnwrap(Int(output.trimmingCharacters(in: .whitespacesAndNewlines)))
        XCTAssertGreaterThan(same, 500, "too few tokens were compared")
    }

    /// Every format gives the same text; the result says what happened and what it took.
    func testFormatsAndResult() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        _ = try caplet("compress '\(model)' -o m.caplet --lossless -q", in: folder.path)
        _ = try caplet("convert '\(model)' -o m.gguf -q", in: folder.path)
        _ = try caplet("convert '\(model)' -o q.gguf --dtype q8_0 -q", in: folder.path)
        let options = "--temperature 0 --max-tokens 30"
        let reference = try run("'\(model)'", "The people of", options, in: folder.path)
        XCTAssertEqual(reference.tokens.count, 30)
        XCTAssertEqual(reference.stopped, "max-tokens")
        XCTAssertNil(reference.end_token)
        XCTAssertGreaterThan(try XCTUnwrap(reference.tokens_per_second), 1)
        XCTAssertGreaterThan(reference.peak_memory_bytes, reference.weight_bytes)
        // Keys and values of 6 blocks, 4 heads of 32 floats, for some tens of tokens.
        XCTAssertGreaterThanOrEqual(reference.cache_bytes, 33 * 6 * 2 * 128 * 4)
        XCTAssertLessThan(reference.cache_bytes, 100 * 6 * 2 * 128 * 4)
        for path in ["m.caplet", "m.gguf"] {
            XCTAssertEqual(try run(path, "The people of", options + " --threads 3", in: folder.path).tokens, reference.tokens, path)
        }
        let eight = try run("q.gguf", "The people of", options, in: folder.path)
        XCTAssertEqual(eight.tokens.count, 30)
        XCTAssertLessThan(eight.weight_bytes, reference.weight_bytes * 6 / 10)
        let piped = try CapletProcess.shell(
            "printf 'The people of' | caplet run m.caplet --prompt - --temperature 0 --max-tokens 30", in: folder.path)
        XCTAssertEqual(piped.output, reference.text + "\n")
        // A prompt from a file, and an end before a text that spans tokens.
        try Data("The people of".utf8).write(to: URL(fileURLWithPath: folder.path("prompt.txt")))
        XCTAssertEqual(try caplet("run m.caplet --file prompt.txt \(options)", in: folder.path).output, piped.output)
        XCTAssertEqual(
            try CapletProcess.shell("caplet run m.caplet --file - \(options) < prompt.txt", in: folder.path).output, piped.output)
        let middle = reference.text.dropFirst(30).firstIndex(of: " ") ?? reference.text.startIndex
        let stop = String(reference.text[reference.text.index(before: middle)...].prefix(4))
        let stopped = try run("m.caplet", "The people of", "\(options) --stop § --stop '\(stop)'", in: folder.path)
        XCTAssertEqual(stopped.text, reference.text.components(separatedBy: stop)[0])
        XCTAssertEqual(stopped.stopped, "stop")
        XCTAssertEqual(
            try caplet("run m.caplet --prompt 'The people of' --top-k 1 --max-tokens 30", in: folder.path).output, piped.output)
        let penalised = try run("m.caplet", "The people of", "\(options) --repetition-penalty 1000", in: folder.path)
        XCTAssertEqual(Set(penalised.tokens).count, 30, "no token comes twice within 64")
    }

    /// A byte changed anywhere in the weights, and a file cut short, are errors with status 65 and no text.
    func testDamagedFiles() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let pipeline = "quantize{bits=3 group=64 target=dense layers=matrices}"
        _ = try caplet("compress '\(model)' -o m.caplet --pipeline '\(pipeline)' -q", in: folder.path)
        let bytes = try TemporaryFolder.bytes(of: folder.path("m.caplet"))
        for position in stride(from: bytes.count / 9, to: bytes.count, by: bytes.count / 9) {
            var changed = bytes
            changed[position] ^= 0x10
            try Data(changed).write(to: URL(fileURLWithPath: folder.path("bad.caplet")))
            let result = try caplet("run bad.caplet --prompt a --max-tokens 3", in: folder.path, status: 65)
            XCTAssertEqual(result.output, "")
            XCTAssertTrue(result.errors.contains("bad.caplet"), result.errors)
        }
        try Data(bytes.prefix(bytes.count / 2)).write(to: URL(fileURLWithPath: folder.path("bad.caplet")))
        _ = try caplet("run bad.caplet --prompt a", in: folder.path, status: 65)
    }

    /// A request to stop ends the answer between two tokens: what was written stays, the line is ended, and the status says so.
    func testInterrupt() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let result = try CapletProcess.shell(
            """
            cp -r '\(model)' long; sed -i 's/"max_position_embeddings": 256/"max_position_embeddings": 200000/' long/config.json
            mkfifo text; caplet run long --prompt 'The people' --max-tokens 200000 > text & child=$!
            { head -c 200; kill -TERM $child; cat; } < text > got; wait $child
            """, in: folder.path)
        XCTAssertEqual(result.status, 130, result.errors)
        XCTAssertEqual(result.errors, "caplet: error: interrupted\n")
        let text = try TemporaryFolder.bytes(of: folder.path("got"))
        XCTAssertGreaterThan(text.count, 200)
        XCTAssertEqual(text.last, UInt8(ascii: "\n"))
    }

    /// The example links the library and nothing of Foundation, and writes what `run` does.
    func testExampleRunsWithoutFoundation() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        try packed(in: folder)
        let expected = try run("small.caplet", "The people of", "--temperature 0 --max-tokens 64", in: folder.path)
        let example = try CapletProcess.shell("Generate small.caplet 'The people of'", in: folder.path)
        XCTAssertEqual(example.status, 0, example.errors)
        XCTAssertEqual(example.output, expected.text + "\n")
        let libraries = try CapletProcess.shell("ldd $(command -v Generate)", in: folder.path)
        XCTAssertEqual(libraries.status, 0, libraries.errors)
        XCTAssertTrue(libraries.output.contains("libswiftCore.so"), libraries.output)
        XCTAssertFalse(libraries.output.contains("Foundation"), libraries.output)
        XCTAssertFalse(libraries.output.contains("libicu") || libraries.output.contains("_FoundationICU"), libraries.output)
    }

    /// What generates text has no BLAS and no LAPACK: none is linked, none is loaded later, and no code for it is there.
    func testExampleHasNoLinearAlgebraLibrary() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let linked = try CapletProcess.shell("readelf -d $(command -v Generate)", in: folder.path)
        XCTAssertEqual(linked.status, 0, linked.errors)
        XCTAssertTrue(linked.output.contains("(NEEDED)"), linked.output)
        XCTAssertFalse(linked.output.lowercased().contains("blas") || linked.output.lowercased().contains("lapack"), linked.output)
        let named = "grep -c -a -i -E 'libopenblas|liblapack|caplet_openblas|cblas_sgemm|LAPACKE_' $(command -v %)"
        let example = try CapletProcess.shell(named.replacingOccurrences(of: "%", with: "Generate"), in: folder.path)
        XCTAssertEqual(example.output, "0\n", "code for OpenBLAS is in the example")
        // The same search finds it where it is.
        let tool = try CapletProcess.shell(named.replacingOccurrences(of: "%", with: "caplet"), in: folder.path)
        XCTAssertNotEqual(tool.output, "0\n")
    }
}
