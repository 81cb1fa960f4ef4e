import TestSupport
import XCTest

/// Conversations by the model's chat template: `run --messages` beside llama.cpp's chat completion of the same model, and as calibration text.
final class ChatTests: XCTestCase {
    /// A folder `m` with a model of two layers, ChatML's template and two ends of an answer, and a conversation.
    private static let model = """
        import sys, json, shutil, torch, transformers as t
        from tokenizers import Tokenizer, AddedToken
        source, out = sys.argv[1:]
        k = Tokenizer.from_file(source + '/tokenizer.json')
        k.add_special_tokens([AddedToken(x, normalized=False, special=True) for x in ('<|im_start|>', '<|im_end|>')])
        config = t.LlamaConfig(vocab_size=4100, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=256,
                               bos_token_id=1, eos_token_id=[2, 4097])
        torch.manual_seed(0); t.LlamaForCausalLM(config).save_pretrained(out + '/m'); k.save(out + '/m/tokenizer.json')
        c = json.load(open(source + '/tokenizer_config.json')); c['eos_token'] = '<|im_end|>'; json.dump(c, open(out + '/m/tokenizer_config.json', 'w'))
        open(out + '/m/chat_template.jinja', 'w').write(
            "{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] | trim + '<|im_end|>' + '\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
        messages = [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'Hi there\\n'}]
        json.dump(messages, open(out + '/messages.json', 'w'))
        with open(out + '/log.jsonl', 'w') as f:
            for i in range(40): f.write(json.dumps({'messages': messages + [{'role': 'assistant', 'content': f'Number {i}.'}]}) + '\\n')
        """

    func testAnswersAreThoseOfLlamaCpp() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(Self.model, [Repository.path("Examples/wren-7m"), folder.path])
        let answer = try CapletProcess.run(
            ["run", "m", "--messages", "messages.json", "--max-tokens", "12", "--temperature", "0"], in: folder.path)
        XCTAssertEqual(answer.status, 0, answer.errors)
        let converted = try CapletProcess.run(["convert", "m", "-o", "m.gguf"], in: folder.path)
        XCTAssertEqual(converted.status, 0, converted.errors)
        let expected = try PythonProcess.run(
            """
            import sys, json
            from llama_cpp import Llama
            model = Llama(sys.argv[1] + '/m.gguf', n_ctx=256, verbose=False)
            answer = model.create_chat_completion(json.load(open(sys.argv[1] + '/messages.json')), max_tokens=12, temperature=0)
            print(answer['choices'][0]['message']['content'])
            """, [folder.path])
        XCTAssertEqual(answer.output, expected)
        let calibrated = try CapletProcess.run(
            [
                "compress", "m", "-o", "m.caplet", "--pipeline", "wanda", "--calibration", "log.jsonl", "--context", "32",
                "--calibration-sequences", "8",
            ],
            in: folder.path)
        XCTAssertEqual(calibrated.status, 0, calibrated.errors)
        XCTAssertFalse(calibrated.errors.contains("warning"), calibrated.errors)
        // Without any text that of the program is taken.
        let untold = try CapletProcess.run(
            ["compress", "m", "-o", "untold.caplet", "--pipeline", "wanda", "--calibration-sequences", "4"], in: folder.path)
        XCTAssertEqual(untold.status, 0, untold.errors)
        XCTAssertTrue(untold.errors.contains("no calibration text is given"), untold.errors)
    }

    func testWithoutATemplate() throws {
        let folder = try CheckpointFolder()
        try folder.write("[{\"role\": \"user\", \"content\": \"a\"}]", as: "messages.json")
        let wren = Repository.path("Examples/wren-7m")
        let refused = try CapletProcess.run(["run", wren, "--messages", "messages.json"], in: folder.path)
        XCTAssertEqual(refused.status, 69, refused.errors)
        XCTAssertTrue(refused.errors.contains("has no chat template"), refused.errors)
        try folder.write("[{\"content\": \"a\"}]", as: "messages.json")
        let malformed = try CapletProcess.run(["run", wren, "--messages", "messages.json"], in: folder.path)
        XCTAssertEqual(malformed.status, 65, malformed.errors)
    }
}
