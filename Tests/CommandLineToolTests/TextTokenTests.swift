import TestSupport
import XCTest

/// Tokens of text as users give it, beside Hugging Face's tokenizers: special tokens, added tokens, chat logs.
final class TextTokenTests: XCTestCase {
    /// A folder `m` with wren's tokenizer, two special tokens and a model, a chat log, and the ids that `tokenizers` gives.
    private func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, json, shutil, torch, transformers as t
            from tokenizers import Tokenizer, AddedToken
            source, out = sys.argv[1:]
            k = Tokenizer.from_file(source + '/tokenizer.json')
            k.add_special_tokens([AddedToken(x, normalized=False, special=True) for x in ('<|im_start|>', '<|im_end|>')])
            config = t.LlamaConfig(vocab_size=4100, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2)
            torch.manual_seed(0); t.LlamaForCausalLM(config).save_pretrained(out + '/m'); k.save(out + '/m/tokenizer.json')
            shutil.copy(source + '/tokenizer_config.json', out + '/m')
            log = ''.join(f'<|im_start|>user\\nWhat is {i} plus {i}?<|im_end|>\\n' for i in range(40))
            open(out + '/log.txt', 'w').write(log); json.dump(k.encode(log).ids, open(out + '/ids.json', 'w'))
            """, [Repository.path("Examples/wren-7m"), folder.path])
        return folder
    }

    private func json(_ text: String) throws -> [String: Any] {
        try XCTUnwrap(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    func testSpecialTokensInText() throws {
        let folder = try folder()
        let expected = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(TemporaryFolder.bytes(of: folder.path("ids.json")))) as? [Int])
        func ids(_ arguments: String...) throws -> [Int] {
            let result = try CapletProcess.run(["tokenize", "m", "--text", "log.txt", "--ids"] + arguments, in: folder.path)
            XCTAssertEqual(result.status, 0, result.errors)
            return result.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        }
        XCTAssertEqual(try ids(), expected)
        XCTAssertEqual(try ids("--bare"), Array(expected.dropFirst()))
        let spelled = try ids("--special-tokens", "text")
        XCTAssertFalse(spelled.contains(4096))
        XCTAssertGreaterThan(spelled.count, expected.count)
        let loss = try CapletProcess.run(["evaluate", "m", "--text", "log.txt", "--context", "64", "--json"], in: folder.path)
        XCTAssertEqual(try json(loss.output)["text_tokens"] as? Int, expected.count - 1, loss.errors)
        XCTAssertEqual(try json(loss.output)["text_special_tokens"] as? Int, 80)
        let run = try CapletProcess.run(["run", "m", "--prompt", "<|im_start|>user", "--max-tokens", "0", "--json"], in: folder.path)
        XCTAssertEqual(try json(run.output)["prompt_tokens"] as? Int, 3, run.errors)
    }

    func testWindowsThatAreTooLongAndTextThatIsTooShort() throws {
        let folder = try folder()
        let long = try CapletProcess.run(["evaluate", "m", "--text", "log.txt", "--context", "128"], in: folder.path)
        XCTAssertTrue(long.errors.contains("warning: a window has 128 tokens, and the model was made for at most 64"), long.errors)
        try folder.write(Array("Hello world, this is short.".utf8), as: "short.txt")
        let short = try CapletProcess.run(
            ["compress", "m", "-o", "o.caplet", "--pipeline", "wanda", "--calibration", "short.txt", "--context", "32"], in: folder.path)
        XCTAssertEqual(short.status, 0, short.errors)
        XCTAssertTrue(short.errors.contains("warning: the calibration text gives 1 sequences of"), short.errors)
    }

    /// The same bytes whether sequences come as text or as the ids of the same windows.
    func testCalibrationOnTokenIds() throws {
        let folder = try folder()
        try PythonProcess.run(
            """
            import sys, json, numpy as np
            ids = json.load(open(sys.argv[1] + '/ids.json')); n = len(ids) // 32
            np.save(sys.argv[1] + '/ids.npy', np.array(ids[:32 * n], np.int32).reshape(n, 32))
            """, [folder.path])
        for (name, options) in [("text", ["--calibration", "log.txt", "--context", "32"]), ("ids", ["--calibration-tokens", "ids.npy"])] {
            let made = try CapletProcess.run(
                ["compress", "m", "-o", "\(name).caplet", "--pipeline", "wanda", "--calibration-sequences", "8"] + options, in: folder.path)
            XCTAssertEqual(made.status, 0, made.errors)
            let written = try CapletProcess.run(["convert", "\(name).caplet", "-o", "\(name).npz"], in: folder.path)
            XCTAssertEqual(written.status, 0, written.errors)
        }
        let same = try CapletProcess.run(["diff", "text.npz", "ids.npz"], in: folder.path)
        XCTAssertEqual(same.status, 0, same.output)
    }
}
