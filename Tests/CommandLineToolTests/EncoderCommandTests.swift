import Foundation
import TestSupport
import XCTest

/// The verbs on a small random BERT encoder.
final class EncoderCommandTests: XCTestCase {
    private static let words = "the cat sat on a mat dog ran to house and it was red old new big small"

    private func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, random, torch
            from transformers import BertConfig, BertModel
            from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
            words = '\(EncoderCommandTests.words)'.split()
            vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '.'] + words
            torch.manual_seed(1)
            config = BertConfig(vocab_size=len(vocab), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                                max_position_embeddings=32, initializer_range=0.2)
            BertModel(config).eval().save_pretrained(sys.argv[1] + '/bert')
            t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocab)}, unk_token='[UNK]'))
            t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
            t.post_processor = processors.TemplateProcessing(single='[CLS] $A [SEP]', special_tokens=[('[CLS]', 2), ('[SEP]', 3)])
            t.save(sys.argv[1] + '/bert/tokenizer.json')
            random.seed(1)
            for name, count in [('calibration.txt', 24), ('unseen.txt', 20)]:
                lines = [' '.join(random.choices(words, k=random.randint(3, 14))) + '.' for _ in range(count)]
                open(sys.argv[1] + '/' + name, 'w').write('\\n'.join(lines) + '\\n')
            """, [folder.path("")])
        return folder
    }

    private struct Distance: Decodable {
        let mean_distance: Double
        let sentences: Int
    }

    private func distance(_ model: String, _ folder: TemporaryFolder) throws -> Distance {
        let result = try CapletProcess.shell(
            "caplet evaluate \(model) --original bert --text unseen.txt --json --no-progress", in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        return try JSONDecoder().decode(Distance.self, from: Data(result.output.utf8))
    }

    /// Compressed, measured, and given back to transformers, which finds the same distance between the embeddings of the two models.
    func testCompressedEncoderIsWhatTransformersFinds() throws {
        let folder = try folder()
        defer { withExtendedLifetime(folder) {} }
        let compress = "caplet compress bert -o small.caplet --keep 0.5 --calibration calibration.txt --no-progress"
        let run = try CapletProcess.shell(
            "\(compress) && caplet convert small.caplet back --to safetensors && caplet verify small.caplet", in: folder.path)
        XCTAssertEqual(run.status, 0, run.errors)
        XCTAssertLessThan(try distance("bert", folder).mean_distance, 1e-6)
        let found = try distance("small.caplet", folder)
        XCTAssertEqual(found.sentences, 20)
        let output = try PythonProcess.run(
            """
            import sys, torch
            from transformers import BertModel
            from tokenizers import Tokenizer
            t = Tokenizer.from_file(sys.argv[1] + '/bert/tokenizer.json')
            a, b = [BertModel.from_pretrained(sys.argv[1] + '/' + n, dtype=torch.float32).eval() for n in ('bert', 'back')]
            total, lines = 0, open(sys.argv[1] + '/unseen.txt').read().split('\\n')[:-1]
            with torch.no_grad():
                for line in lines:
                    ids = torch.tensor([t.encode(line).ids])
                    x, y = [m(ids).last_hidden_state[0].mean(0).double() for m in (a, b)]
                    total += 1 - torch.nn.functional.cosine_similarity(x, y, dim=0).item()
            print(total / len(lines))
            """, [folder.path("")])
        XCTAssertEqual(found.mean_distance, try XCTUnwrap(Double(output.trimmingCharacters(in: .whitespacesAndNewlines))), accuracy: 1e-4)
        XCTAssertGreaterThan(found.mean_distance, 1e-4)

        // Better than the largest entries alone.
        let magnitude = "caplet compress bert -o magnitude.caplet --pipeline 'magnitude{keep=0.5}' --no-progress"
        XCTAssertEqual(try CapletProcess.shell(magnitude, in: folder.path).status, 0)
        XCTAssertLessThan(found.mean_distance, try distance("magnitude.caplet", folder).mean_distance)
    }

    /// A base and an adapter for PEFT give the hidden states of the model made dense.
    func testAdapterOfAnEncoder() throws {
        let folder = try folder()
        defer { withExtendedLifetime(folder) {} }
        let run = try CapletProcess.shell(
            """
            caplet compress bert -o small.caplet --pipeline 'oats{keep=0.6 rank-ratio=0.3 dtype=f32}' --calibration calibration.txt \
            && caplet convert small.caplet dense --to safetensors \
            && caplet convert small.caplet base --to safetensors --as lora --adapter-dtype f32
            """, in: folder.path)
        XCTAssertEqual(run.status, 0, run.errors)
        try PythonProcess.run(
            """
            import os, sys, torch
            from peft import PeftModel
            from transformers import BertModel
            os.chdir(sys.argv[1])
            load = lambda n: BertModel.from_pretrained(n, dtype=torch.float32).eval()
            ids = torch.tensor([[2, 5, 9, 12, 7, 3], [2, 6, 6, 15, 4, 3]])
            with torch.no_grad():
                dense, base = (load(n)(ids).last_hidden_state for n in ('dense', 'base'))
                both = PeftModel.from_pretrained(load('base'), 'base-lora').eval()(ids).last_hidden_state
            assert (both - dense).abs().max() < 1e-4, (both - dense).abs().max()
            assert (base - dense).abs().max() > 0.05, (base - dense).abs().max()
            """, [folder.path])
    }

    func testComparisonIsByCosine() throws {
        let folder = try folder()
        defer { withExtendedLifetime(folder) {} }
        let line =
            "caplet compare bert -o grid --budgets 0.5 --methods magnitude,wanda --calibration calibration.txt --text unseen.txt --no-progress"
        let result = try CapletProcess.shell(line, in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertTrue(result.output.contains("1 − cosine a sentence"), result.output)
        XCTAssertTrue(result.output.contains("unseen.txt: dense 0.0000 ± 0.0000"), result.output)
    }

    func testWhatAnEncoderCannotDoIsRefused() throws {
        let folder = try folder()
        defer { withExtendedLifetime(folder) {} }
        let alone = try CapletProcess.shell("caplet evaluate bert --text unseen.txt --no-progress", in: folder.path)
        XCTAssertEqual(alone.status, 64)
        XCTAssertTrue(alone.errors.contains("--original MODEL"), alone.errors)
    }

    /// An encoder with its head for filling in tokens: each of them masked once, with every seventh after it, as transformers has it; and
    /// the file for llama.cpp, with the tokenizer's ids and the mean of the last hidden states as transformers has them.
    func testMaskedTokensAndLlamaCpp() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let output = try PythonProcess.run(
            """
            import sys, random, torch
            from transformers import BertConfig, BertForMaskedLM
            from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
            words = '\(EncoderCommandTests.words)'.split()
            vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '.', '##s', '##ed'] + words
            torch.manual_seed(1)
            config = BertConfig(vocab_size=len(vocab) + 3, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                                max_position_embeddings=32, initializer_range=0.3)
            model = BertForMaskedLM(config).eval()
            model.save_pretrained(sys.argv[1] + '/filler')
            t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocab)}, unk_token='[UNK]'))
            t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
            t.post_processor = processors.TemplateProcessing(single='[CLS] $A [SEP]', special_tokens=[('[CLS]', 2), ('[SEP]', 3)])
            t.save(sys.argv[1] + '/filler/tokenizer.json')
            random.seed(1)
            lines = [' '.join(random.choices(words + ['cats', 'Dogs', 'eel'], k=random.randint(3, 14))) + '.' for _ in range(12)]
            open(sys.argv[1] + '/text.txt', 'w').write('\\n'.join(lines) + '\\n')
            total, count = 0, 0
            with torch.no_grad():
                for line in lines:
                    ids = t.encode(line).ids
                    for start in range(7):
                        places = list(range(1, len(ids) - 1))[start::7]
                        masked = [4 if i in places else x for i, x in enumerate(ids)]
                        found = torch.log_softmax(model(torch.tensor([masked])).logits[0].double(), -1)
                        total, count = total - sum(found[i, ids[i]].item() for i in places), count + len(places)
            print(total / count, count)
            """, [folder.path("")])
        let expected = output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        struct Result: Decodable {
            let mean_nll: Double
            let tokens: Int
            let kind: String
        }
        let compress = "caplet compress filler -o small.caplet --keep 0.5 --calibration text.txt --no-progress"
        XCTAssertEqual(try CapletProcess.shell(compress, in: folder.path).status, 0)
        for model in ["filler", "small.caplet"] {
            let run = try CapletProcess.shell("caplet evaluate \(model) --text text.txt --json --no-progress", in: folder.path)
            XCTAssertEqual(run.status, 0, run.errors)
            let result = try JSONDecoder().decode(Result.self, from: Data(run.output.utf8))
            XCTAssertTrue(result.kind.contains("masked-token"), result.kind)
            XCTAssertEqual(Double(result.tokens), expected[1])
            if model == "filler" { XCTAssertEqual(result.mean_nll, expected[0], accuracy: 1e-5) }
        }
        let convert =
            "caplet convert filler -o filler.gguf --strict --embed-files && caplet convert filler.gguf -o back --to safetensors --strict"
        let converted = try CapletProcess.shell("\(convert) && caplet diff filler back", in: folder.path)
        XCTAssertEqual(converted.status, 0, converted.errors + converted.output)
        try PythonProcess.run(
            """
            import sys, numpy as np, torch, llama_cpp
            from transformers import BertModel
            from tokenizers import Tokenizer
            l = llama_cpp.Llama(sys.argv[1] + '/filler.gguf', n_ctx=32, embedding=True, verbose=False, n_gpu_layers=0)
            model = BertModel.from_pretrained(sys.argv[1] + '/filler', add_pooling_layer=False).eval()
            t = Tokenizer.from_file(sys.argv[1] + '/filler/tokenizer.json')
            for line in open(sys.argv[1] + '/text.txt').read().split('\\n')[:-1]:
                ids = t.encode(line).ids
                assert l.tokenize(line.encode(), special=True) == ids, (line, ids)
                ours, theirs = model(torch.tensor([ids])).last_hidden_state[0].mean(0).detach().numpy(), np.array(l.embed(line))
                assert np.linalg.norm(ours - theirs) < 5e-3 * np.linalg.norm(ours), line
            """, [folder.path("")])
    }
}
