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
        let gguf = try CapletProcess.shell("caplet convert bert -o bert.gguf", in: folder.path)
        XCTAssertEqual(gguf.status, 0, gguf.errors)
        XCTAssertTrue(gguf.errors.contains("tensors keep their names"), gguf.errors)
    }
}
