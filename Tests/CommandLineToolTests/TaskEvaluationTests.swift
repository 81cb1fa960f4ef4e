import Foundation
import TestSupport
import XCTest

/// `evaluate --task` and the perplexities, beside scores that transformers gives for prompts that the test builds itself.
final class TaskEvaluationTests: XCTestCase {
    private struct Scores: Decodable {
        let acc: Double
        let acc_norm: Double
        let acc_standard_error: Double
        let acc_norm_standard_error: Double
        let answers: [Int]
        let log_likelihoods: [[Double]]
    }

    private static let reference = """
        import json, sys, re, torch, sentencepiece, numpy as np
        from transformers import AutoModelForCausalLM
        torch.set_num_threads(2)
        model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
        pieces = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1] + '/tokenizer.model')
        bos = [pieces.bos_id()] if sys.argv[2] == 'bos' else []

        def clean(text):
            text = text.strip().replace(' [title]', '. ')
            return re.sub('\\\\[.*?\\\\]', '', text).replace('  ', ' ')

        def pairs(kind, d):
            if kind == 'piqa': return [(f"Question: {d['goal']}\\nAnswer:", d[k]) for k in ('sol1', 'sol2')], int(d['label'])
            if kind == 'boolq':
                q = f"{d['passage']}\\nQuestion: {d['question'].removesuffix('?')}?\\nAnswer:"
                return [(q, 'no'), (q, 'yes')], int(d.get('answer', d.get('label')))
            if kind == 'arc':
                q = f"Question: {d['question']}\\nAnswer:"
                return [(q, t) for t in d['choices']['text']], d['choices']['label'].index(d['answerKey'])
            if kind == 'hellaswag':
                ctx = d['ctx_a'] + ' ' + d['ctx_b'].capitalize() if 'ctx_a' in d else d['ctx']
                label = d['activity_label'] + ': ' if 'activity_label' in d else ''
                return [(clean(label + ctx), clean(e)) for e in d['endings']], int(d['label'])
            before, after = d['sentence'].split('_')
            return [(before + d[k], after.strip()) for k in ('option1', 'option2')], int(d['answer']) - 1

        def score(context, choice):
            whole, first = (bos + pieces.encode(t) for t in (context + ' ' + choice, context))
            with torch.no_grad(): logits = model(torch.tensor([whole])).logits[0].double()
            logs = torch.log_softmax(logits, -1)
            return sum(logs[i - 1, whole[i]].item() for i in range(len(first), len(whole)))

        out = {}
        for kind in ('piqa', 'boolq', 'hellaswag', 'arc', 'winogrande'):
            sums, right, norm, answers = [], [], [], []
            for line in open(f'{sys.argv[3]}/{kind}.jsonl'):
                choices, answer = pairs(kind, json.loads(line))
                s = [score(*c) for c in choices]
                sums.append(s); answers.append(answer)
                right.append(int(np.argmax(s)) == answer)
                norm.append(int(np.argmax(np.array(s) / [len(c[1]) + (kind == 'winogrande') for c in choices])) == answer)
            error = lambda a: float(np.std(a, ddof=1) / np.sqrt(len(a)))
            out[kind] = dict(acc=float(np.mean(right)), acc_norm=float(np.mean(norm)), acc_standard_error=error(right),
                             acc_norm_standard_error=error(norm), answers=answers, log_likelihoods=sums)
        print(json.dumps(out))
        """

    func testTasksBesideTransformers() throws {
        let model = Repository.path("Examples/wren-7m"), tasks = Repository.path("Examples/tasks")
        let text = try PythonProcess.run(TaskEvaluationTests.reference, [model, addsBOS(model) ? "bos" : "plain", tasks])
        let expected = try JSONDecoder().decode([String: Scores].self, from: Data(text.utf8))
        XCTAssertEqual(expected.count, 5)
        var differs = false
        for (kind, theirs) in expected {
            let result = try CapletProcess.run(["evaluate", model, "--task", "\(tasks)/\(kind).jsonl", "--json"], in: "/tmp")
            XCTAssertEqual(result.status, 0, result.errors)
            let ours = try JSONDecoder().decode(Scores.self, from: Data(result.output.utf8))
            XCTAssertEqual(ours.answers, theirs.answers, kind)
            XCTAssertEqual(ours.acc, theirs.acc, accuracy: 1e-12, kind)
            XCTAssertEqual(ours.acc_norm, theirs.acc_norm, accuracy: 1e-12, kind)
            XCTAssertEqual(ours.acc_standard_error, theirs.acc_standard_error, accuracy: 1e-9, kind)
            XCTAssertEqual(ours.acc_norm_standard_error, theirs.acc_norm_standard_error, accuracy: 1e-9, kind)
            XCTAssertEqual(ours.log_likelihoods.map(\.count), theirs.log_likelihoods.map(\.count), kind)
            for (a, b) in zip(ours.log_likelihoods.joined(), theirs.log_likelihoods.joined()) {
                XCTAssertEqual(a, b, accuracy: 1e-3, kind)
            }
            differs = differs || ours.acc != ours.acc_norm
        }
        XCTAssertTrue(differs, "no sample tells plain from normalised scores")
    }

    private func addsBOS(_ model: String) throws -> Bool {
        let text = String(decoding: try TemporaryFolder.bytes(of: "\(model)/tokenizer_config.json"), as: UTF8.self)
        return !text.contains("\"add_bos_token\": false")
    }

    func testRecordsThatAreNone() throws {
        let folder = try CheckpointFolder()
        let cases: [(String, String)] = [
            ("{\"goal\": \"a\", \"sol1\": \"b\", \"sol2\": \"c\", \"label\": 2}", "line 1: 'label' is no number from 0 to 1"),
            ("\n{\"goal\": \"a\", \"sol1\": \"b\"}", "line 2: has the keys of no known task"),
            (
                "{\"endings\": [\"a\", \"b\"], \"ctx\": \"c\", \"label\": 0}\n{\"passage\": \"p\", \"question\": \"q\", \"answer\": true}",
                "line 2: is of boolq"
            ),
            (
                "{\"question\": \"q\", \"choices\": {\"text\": [\"a\", \"b\"], \"label\": [\"A\"]}, \"answerKey\": \"A\"}",
                "line 1: 'choices.label'"
            ),
            (
                "{\"question\": \"q\", \"choices\": {\"text\": [\"a\", \"b\"], \"label\": [\"A\", \"B\"]}, \"answerKey\": \"C\"}",
                "'C' is no label"
            ),
            ("{\"sentence\": \"no gap\", \"option1\": \"a\", \"option2\": \"b\", \"answer\": 1}", "line 1: 'sentence' has no gap"),
            ("{\"a\": 1, \"a\": 2}", "line 1: "), ("not json", "line 1: "),
        ]
        for (text, expected) in cases {
            try folder.write(text, as: "task.jsonl")
            let result = try CapletProcess.run(["evaluate", "tiny", "--task", "task.jsonl"], in: folder.path)
            XCTAssertEqual(result.status, 65, "\(text): \(result.errors)")
            XCTAssertTrue(result.errors.contains(expected), "\(text): \(result.errors)")
            XCTAssertTrue(result.errors.hasPrefix("caplet: error: task.jsonl: "), result.errors)
        }
    }

    /// A context longer than the model's loses its beginning, and a warning says so.
    func testALongContext() throws {
        let folder = try CheckpointFolder()
        let long = String(repeating: "word after word ", count: 40)
        try folder.write("{\"goal\": \"\(long)\", \"sol1\": \"one\", \"sol2\": \"two\", \"label\": 0}\n", as: "task.jsonl")
        let result = try CapletProcess.run(["evaluate", "tiny", "--task", "task.jsonl"], in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertTrue(result.errors.contains("2 contexts lost their beginning"), result.errors)
        XCTAssertTrue(result.output.contains("task        piqa, 1 records"), result.output)
    }

    private struct Perplexities: Decodable {
        let mean_nll: Double
        let token_perplexity: Double
        let word_perplexity: Double
        let byte_perplexity: Double
        let bits_per_byte: Double
    }

    func testPerplexitiesAWordAndAByte() throws {
        let text = BundledModel.text
        let result = try CapletProcess.run(
            ["evaluate", BundledModel.folder, "--text", text, "--context", "256", "--windows", "8", "--json"], in: "/tmp")
        XCTAssertEqual(result.status, 0, result.errors)
        let ours = try JSONDecoder().decode(Perplexities.self, from: Data(result.output.utf8))
        let counts = try PythonProcess.run(
            """
            import sys, sentencepiece
            text = open(sys.argv[2], encoding='utf-8', newline='').read()
            pieces = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
            print(len(pieces.encode(text)), len(text.split()), len(text.encode()))
            """, ["\(BundledModel.folder)/tokenizer.model", text]
        ).split { $0.isWhitespace }.compactMap { Double($0) }
        let total = ours.mean_nll * counts[0]
        XCTAssertEqual(ours.token_perplexity, exp(ours.mean_nll), accuracy: 1e-9)
        XCTAssertEqual(ours.word_perplexity, exp(total / counts[1]), accuracy: 1e-6 * ours.word_perplexity)
        XCTAssertEqual(ours.byte_perplexity, exp(total / counts[2]), accuracy: 1e-9)
        XCTAssertEqual(ours.bits_per_byte, total / counts[2] / log(2), accuracy: 1e-9)
    }
}
