import Foundation
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

    private static let folder = Result {
        let folder = try TemporaryFolder()
        try PythonProcess.run(ChatTests.model, [Repository.path("Examples/wren-7m"), folder.path])
        return folder
    }

    func testAnswersAreThoseOfLlamaCpp() throws {
        let folder = try ChatTests.folder.get()
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

    private struct Turn: Decodable {
        let text: String
        let prompt_tokens: Int
        let reused_tokens: Int?
        let stopped: String
    }

    private static func turns(_ output: String) throws -> [Turn] {
        try output.split(separator: "\n").map { try JSONDecoder().decode(Turn.self, from: Data($0.utf8)) }
    }

    /// A scripted conversation is, answer by answer, `run --messages` with the same history.
    func testConversation() throws {
        let folder = try ChatTests.folder.get()
        let options = "--max-tokens 12 --temperature 0 --threads 2"
        let questions = ["Hi there", "Who are you?", "", "/reset", "Why?", "And then?"]
        try folder.write(Array((questions.joined(separator: "\n") + "\r\n/quit\nnever\n").utf8), as: "questions.txt")
        let chat = try CapletProcess.shell("caplet chat m --system 'Be brief.' \(options) --json < questions.txt", in: folder.path)
        XCTAssertEqual(chat.status, 0, chat.errors)
        XCTAssertEqual(chat.errors, "")
        var turns = try Self.turns(chat.output)[...]
        XCTAssertEqual(turns.count, 4)
        let plain = try CapletProcess.shell("caplet chat m --system 'Be brief.' \(options) < questions.txt", in: folder.path)
        XCTAssertEqual(plain.output, turns.map { $0.text + "\n" }.joined())
        let system = ["role": "system", "content": "Be brief."]
        var history = [system]
        for question in questions where !question.isEmpty {
            if question == "/reset" {
                history = [system]
                continue
            }
            history.append(["role": "user", "content": question])
            try folder.write(Array(JSONEncoder().encode(history)), as: "history.json")
            let run = try CapletProcess.shell("caplet run m --messages history.json \(options) --json", in: folder.path)
            let expected = try XCTUnwrap(Self.turns(run.output).first)
            let turn = try XCTUnwrap(turns.popFirst())
            XCTAssertEqual(turn.text, expected.text, question)
            XCTAssertEqual(turn.prompt_tokens, expected.prompt_tokens)
            XCTAssertEqual(turn.stopped, expected.stopped)
            XCTAssertNil(expected.reused_tokens)
            if history.count > 2 { XCTAssertGreaterThan(try XCTUnwrap(turn.reused_tokens), 20) }
            history.append(["role": "assistant", "content": turn.text])
        }
        try checkContext(in: folder)
    }

    private func checkContext(in folder: TemporaryFolder) throws {
        let full = try CapletProcess.shell(
            "yes 'Say more of it' | head -6 | caplet chat m --max-tokens 12 --temperature 0 --context 64", in: folder.path)
        XCTAssertEqual(full.status, 0, full.errors)
        XCTAssertTrue(full.errors.contains("the context is full: the oldest question and its answer are left out\n"), full.errors)
        // Too long by itself: without a terminal an answer that fails ends the program.
        let long = try CapletProcess.shell("yes word | head -200 | tr '\\n' ' ' | caplet chat m --context 64", in: folder.path)
        XCTAssertEqual(long.status, 64, long.errors)
        // Without anybody to read the answers there are no more of them; a disk that is full is a failure.
        let unread = try CapletProcess.shell(
            "yes Hi | timeout 20 caplet chat m --max-tokens 2 | head -1 > /dev/null; exit ${PIPESTATUS[1]}", in: folder.path)
        XCTAssertEqual(unread.status, 0, unread.errors)
        let unwritten = try CapletProcess.shell(
            "yes Hi | timeout 20 caplet chat m --max-tokens 2 > /dev/full; exit ${PIPESTATUS[1]}", in: folder.path)
        XCTAssertEqual(unwritten.status, 74, unwritten.errors)
        let unknown = try CapletProcess.shell("echo /rest | caplet chat m", in: folder.path)
        XCTAssertTrue(unknown.errors.contains("/rest is none of /reset, /quit and /help"), unknown.errors)
    }

    /// The first signal from the keyboard ends the answer, not the program; SIGTERM ends the program.
    func testSignals() throws {
        let folder = try ChatTests.folder.get()
        let result = try CapletProcess.shell(
            """
            cp -r m long; sed -i 's/"max_position_embeddings": 256/"max_position_embeddings": 200000/' long/config.json
            until_it() { for i in {1..600}; do "$@" && return; sleep 0.05; done; kill -KILL $child; }
            grown() { [ $(stat -c %s said) -gt $size ]; }
            mkfifo lines; touch said; size=0
            env --default-signal=INT,TERM caplet chat long -v --max-tokens 150000 --temperature 0 < lines > said 2> told & child=$!
            exec 3> lines; echo 'Hi there' >&3; until_it grown
            kill -INT $child; until_it grep -q '(interrupted)' told
            size=$(stat -c %s said); echo 'Say more' >&3; until_it grown
            kill -TERM $child; wait $child; status=$?; grep -v -c '^prompt' told; grep error told; exit $status
            """, in: folder.path)
        XCTAssertEqual(result.status, 130, result.errors)
        XCTAssertEqual(result.output, "1\ncaplet: error: interrupted\n")
    }

    func testWithoutATemplate() throws {
        let folder = try CheckpointFolder()
        try folder.write("[{\"role\": \"user\", \"content\": \"a\"}]", as: "messages.json")
        let wren = Repository.path("Examples/wren-7m")
        let refused = try CapletProcess.run(["run", wren, "--messages", "messages.json"], in: folder.path)
        XCTAssertEqual(refused.status, 69, refused.errors)
        XCTAssertTrue(refused.errors.contains("has no chat template"), refused.errors)
        let talk = try CapletProcess.run(["chat", wren], in: folder.path)
        XCTAssertEqual(talk.status, 69, talk.errors)
        XCTAssertTrue(talk.errors.hasSuffix("tokenizer_config.json); `caplet run` continues text without one\n"), talk.errors)
        XCTAssertEqual(talk.errors.split(separator: "\n").count, 1)
        try folder.write("[{\"content\": \"a\"}]", as: "messages.json")
        let malformed = try CapletProcess.run(["run", wren, "--messages", "messages.json"], in: folder.path)
        XCTAssertEqual(malformed.status, 65, malformed.errors)
    }
}
