import Foundation
import TestSupport
import XCTest

/// `evaluate --task` on data sets of GLUE, beside transformers' classes, the tokenizers library's pairs, and metrics that the test computes itself.
final class SentenceTaskTests: XCTestCase {
    /// Small random classifiers with tokenizers of three kinds, files of each data set in the shape in which it is published, and the reference.
    private static let reference = #"""
        import sys, json, random, math, os
        import numpy as np, torch, transformers as t
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
        os.chdir(sys.argv[1])
        torch.manual_seed(3); random.seed(3); torch.set_num_threads(1)
        words = 'the cat sat on a mat dog ran to house and it was red old new big small "unbalanced don\'t <s> naïve'.split()
        sentence = lambda: ' '.join(random.choices(words, k=random.randint(2, 11))) + random.choice(['.', '', ' ?'])

        def word_piece(path):
            vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '.', '"', "'", 't', 'don', 'na', '##ive', '?', '<', 's', '>', 'unbalanced'] + words[:18]
            tok = Tokenizer(models.WordPiece({w: i for i, w in enumerate(dict.fromkeys(vocab))}, unk_token='[UNK]'))
            tok.normalizer, tok.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
            tok.post_processor = processors.TemplateProcessing(single='[CLS] $A [SEP]', pair='[CLS] $A [SEP] $B:1 [SEP]:1',
                                                               special_tokens=[('[CLS]', 2), ('[SEP]', 3)])
            return tok

        def byte_pairs(special, processor):
            tok = Tokenizer(models.BPE())
            tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            tok.train_from_iterator([sentence() for _ in range(300)], trainers.BpeTrainer(
                vocab_size=310, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
            tok.post_processor = processor(tok)
            return tok

        roberta = byte_pairs(['<s>', '<pad>', '</s>', '<unk>', '<mask>'], lambda k: processors.RobertaProcessing(
            ('</s>', k.token_to_id('</s>')), ('<s>', k.token_to_id('<s>')), add_prefix_space=False))
        modern = byte_pairs(['[PAD]', '[CLS]', '[SEP]', '[MASK]'], lambda k: processors.TemplateProcessing(
            single='[CLS] $A [SEP]', pair='[CLS] $A [SEP] $B [SEP]', special_tokens=[('[CLS]', 1), ('[SEP]', 2)]))
        shape = dict(hidden_size=36, intermediate_size=60, num_hidden_layers=2, num_attention_heads=3, initializer_range=0.4)
        named = lambda names: dict(id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)})
        wp = word_piece('')
        bert = lambda **k: t.BertForSequenceClassification(t.BertConfig(vocab_size=wp.get_vocab_size(), max_position_embeddings=21, **shape, **k))
        built = {
            'bert3': (wp, bert(**named(['CONTRADICTION', 'ENTAILMENT', 'NEUTRAL']))),
            'bert2': (wp, bert(**named(['not_entailment', 'entailment']))),
            'roberta': (roberta, t.RobertaForSequenceClassification(t.RobertaConfig(
                vocab_size=roberta.get_vocab_size(), max_position_embeddings=29, pad_token_id=1, type_vocab_size=1, **shape))),
            'modern': (modern, t.ModernBertForSequenceClassification(t.ModernBertConfig(
                vocab_size=modern.get_vocab_size(), max_position_embeddings=64, local_attention=6, pad_token_id=0, num_labels=1,
                bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, **shape))),
        }
        for name, (tok, model) in built.items():
            with torch.no_grad():
                for p in model.parameters():
                    if p.ndim == 1: p.add_(torch.randn_like(p) * 0.3)
            model.eval().save_pretrained(name)
            tok.save(name + '/tokenizer.json')
        t.BertModel(t.BertConfig(vocab_size=wp.get_vocab_size(), **shape)).save_pretrained('headless')
        wp.save('headless/tokenizer.json')

        n = 24
        pairs = [(sentence(), sentence()) for _ in range(n)]
        ints = [random.randint(0, 1) for _ in range(n)]
        three = [random.choice(['entailment', 'neutral', 'contradiction']) for _ in range(n)]
        two = [random.choice(['entailment', 'not_entailment']) for _ in range(n)]
        scores = [round(random.random() * 5, 3) for _ in range(n)]
        def table(path, header, rows, start='', end='\n'):
            open(path, 'w', newline='', encoding='utf-8').write(start + ''.join(
                '\t'.join(map(str, r)) + end for r in ([header] if header else []) + rows))
        table('mnli.tsv', 'index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse '
              'sentence1 sentence2 label1 gold_label'.split(), [(i, 1, 'p', 'g', '( a', 'b', 'c', 'd', a, b, 'neutral', l)
                                                                 for i, ((a, b), l) in enumerate(zip(pairs, three))])
        table('mrpc.tsv', ['Quality', '#1 ID', '#2 ID', '#1 String', '#2 String'],
              [(l, 7, 8, a, b) for (a, b), l in zip(pairs, ints)], '\ufeff', '\r\n')
        table('qqp.tsv', ['id', 'qid1', 'qid2', 'question1', 'question2', 'is_duplicate'],
              [(i, 1, 2, a, b, l) for i, ((a, b), l) in enumerate(zip(pairs, ints))])
        table('rte.tsv', ['index', 'sentence1', 'sentence2', 'label'], [(i, a, b, l) for i, ((a, b), l) in enumerate(zip(pairs, two))])
        table('cola.tsv', None, [('gj04', l, '*' if i % 3 else '', a) for i, ((a, _), l) in enumerate(zip(pairs, ints))])
        table('sst2.tsv', ['sentence', 'label'], [(a, l) for (a, _), l in zip(pairs, ints)])
        table('stsb.tsv', 'index genre filename year old_index source1 source2 sentence1 sentence2 score'.split(),
              [(i, 'g', 'f', 2012, 3, 's', 't', a, b, l) for i, ((a, b), l) in enumerate(zip(pairs, scores))])
        lines = lambda path, rows: open(path, 'w').write(''.join(json.dumps(r) + '\n' for r in rows))
        numbers = lambda labels, names: [names.index(l) for l in labels]
        lines('mnli.jsonl', [dict(premise=a, hypothesis=b, label=l, idx=0)
                             for (a, b), l in zip(pairs, numbers(three, ['entailment', 'neutral', 'contradiction']))])
        lines('qnli.jsonl', [dict(question=a, sentence=b, label=l) for (a, b), l in zip(pairs, numbers(two, ['entailment', 'not_entailment']))])
        lines('sentence.jsonl', [dict(sentence=a, label=l) for (a, _), l in zip(pairs, ints)])
        lines('pair.jsonl', [dict(sentence1=a, sentence2=b, label=l) for (a, b), l in zip(pairs, scores)])

        def f1(a, p):
            tp = sum(x == y == 1 for x, y in zip(a, p)); d = sum(a) + sum(p)
            return 2 * tp / d if d else 0.0
        def pearson(a, p): return float(np.corrcoef(a, p)[0, 1])
        def matthews(a, p): return pearson(a, p) if len(set(a)) > 1 and len(set(p)) > 1 else 0.0
        def ranks(v): return [sum(y < x for y in v) + (sum(y == x for y in v) + 1) / 2 for x in v]
        def error(metric, a, p):
            v = np.array([metric(a[:i] + a[i + 1:], p[:i] + p[i + 1:]) for i in range(len(a))])
            return math.sqrt((len(a) - 1) / len(a) * ((v - v.mean()) ** 2).sum())
        out = {}
        cases = [('mnli.tsv', 'bert3', pairs, three), ('mnli.jsonl', 'bert3', pairs, three), ('qnli.jsonl', 'bert2', pairs, two),
                 ('rte.tsv', 'bert2', pairs, two), ('mrpc.tsv', 'roberta', pairs, ints), ('qqp.tsv', 'roberta', pairs, ints),
                 ('rte.tsv', 'roberta', pairs, numbers(two, ['entailment', 'not_entailment'])), ('cola.tsv', 'roberta', None, ints),
                 ('sst2.tsv', 'bert2', None, ints), ('sentence.jsonl', 'roberta', None, ints), ('stsb.tsv', 'modern', pairs, scores),
                 ('pair.jsonl', 'modern', pairs, scores)]
        for file, name, both, labels in cases:
            tok, model = built[name]
            # As transformers' tokenizers do it: longest first, to the model's context.
            longest = model.config.max_position_embeddings - (2 if name == 'roberta' else 0)
            tok.no_truncation(); whole = [tok.encode(*p) if both else tok.encode(p[0]) for p in pairs]
            tok.enable_truncation(longest); cut = [tok.encode(*p) if both else tok.encode(p[0]) for p in pairs]
            logits = []
            for e in cut:
                kinds = dict(token_type_ids=torch.tensor([e.type_ids])) if name.startswith('bert') else {}
                with torch.no_grad(): logits.append(model(torch.tensor([e.ids]), **kinds).logits[0].tolist())
            ids = {k.lower(): v for k, v in model.config.label2id.items()}
            answers = [ids[l] if isinstance(l, str) else l for l in labels]
            found = [l[0] for l in logits] if len(logits[0]) == 1 else [int(np.argmax(l)) for l in logits]
            metrics = dict(accuracy=lambda a, p: float(np.mean(np.array(a) == np.array(p))))
            if len(logits[0]) == 2: metrics.update(f1=f1, matthews=matthews)
            if len(logits[0]) == 1: metrics = dict(pearson=pearson)
            values = {k: [m(answers, found), error(m, answers, found)] for k, m in metrics.items()}
            if len(logits[0]) == 1:
                a, p = ranks(answers), ranks(found)
                values['spearman'] = [pearson(a, p), error(pearson, a, p)]
            out[f'{name} {file}'] = dict(values=values, logits=logits, answers=answers,
                                         truncated=sum(len(w.ids) > len(c.ids) for w, c in zip(whole, cut)))
        print(json.dumps(out))
        """#

    private struct Expected: Decodable {
        let values: [String: [Double]]
        let logits: [[Double]]
        let answers: [Double]
        let truncated: Int
    }

    private static var folder: TemporaryFolder?
    private static var expected: [String: Expected] = [:]

    override class func setUp() {
        do {
            let made = try TemporaryFolder()
            expected = try JSONDecoder().decode(
                [String: Expected].self, from: Data(try PythonProcess.run(reference, [made.path("")]).utf8))
            folder = made
        } catch { print("\(error)") }
    }
    override class func tearDown() { folder = nil }

    private func caplet(_ line: String) throws -> CapletProcess {
        try CapletProcess.shell("caplet \(line) --no-progress", in: XCTUnwrap(SentenceTaskTests.folder, "transformers made no models").path)
    }

    private func result(_ line: String) throws -> [String: Any] {
        let result = try caplet(line + " --json")
        XCTAssertEqual(result.status, 0, result.errors)
        return try XCTUnwrap(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    }

    func testDataSetsOfGLUEBesideTransformers() throws {
        XCTAssertEqual(SentenceTaskTests.expected.count, 12)
        XCTAssertTrue(SentenceTaskTests.expected.values.contains { $0.truncated > 0 })
        for (name, theirs) in SentenceTaskTests.expected {
            let parts = name.split(separator: " ")
            let ours = try result("evaluate \(parts[0]) --task \(parts[1])")
            XCTAssertEqual(ours["answers"] as? [Double], theirs.answers, name)
            XCTAssertEqual(ours["truncated"] as? Int, theirs.truncated, name)
            let logits = try XCTUnwrap(ours["logits"] as? [[Double]])
            XCTAssertEqual(logits.map(\.count), theirs.logits.map(\.count), name)
            let errors = zip(logits.joined(), theirs.logits.joined()).map { abs($0 - $1) }
            XCTAssertLessThan(errors.max() ?? .infinity, 1e-4, name)
            for (metric, value) in theirs.values {
                XCTAssertEqual(ours[metric] as? Double ?? .nan, value[0], accuracy: 2e-5, "\(name) \(metric)")
                let error = ours["\(metric)_standard_error"] as? Double ?? .nan
                XCTAssertEqual(error, value[1], accuracy: 2e-5, "\(name) \(metric)")
            }
            let others = ["accuracy", "f1", "matthews", "pearson", "spearman"].filter { theirs.values[$0] == nil }
            for metric in others { XCTAssertNil(ours[metric] as? Double, "\(name) \(metric)") }
        }
    }

    /// What the text says, and what is said beside it.
    func testReport() throws {
        let text = try caplet("evaluate roberta --task rte.tsv")
        XCTAssertEqual(text.status, 0, text.errors)
        XCTAssertTrue(text.output.hasPrefix("accuracy    0."), text.output)
        XCTAssertTrue(text.output.contains("(GLUE's for rte)"), text.output)
        XCTAssertTrue(text.errors.contains("its classes have no names"), text.errors)
        let cut = try XCTUnwrap(SentenceTaskTests.expected["bert3 mnli.tsv"]).truncated
        XCTAssertGreaterThan(cut, 0)
        let warned = try caplet("evaluate bert3 --task mnli.tsv")
        XCTAssertTrue(warned.errors.contains("\(cut) of 24 records were cut to the model's 21 tokens"), warned.errors)
    }

    /// A classifier goes through the passes, keeps its head, and is given back to transformers.
    func testCompressedClassifierKeepsItsHead() throws {
        let folder = try XCTUnwrap(SentenceTaskTests.folder)
        XCTAssertEqual(try CapletProcess.shell("cut -f1 sst2.tsv > lines.txt", in: folder.path).status, 0)
        for (model, how) in [("bert2", "--keep 0.6"), ("modern", "--pipeline 'sparsegpt{keep=0.5}'")] {
            let task = model == "modern" ? "stsb.tsv" : "sst2.tsv"
            let run = try caplet("compress \(model) -o \(model).caplet \(how) --calibration lines.txt")
            XCTAssertEqual(run.status, 0, run.errors)
            let small = try XCTUnwrap(result("evaluate \(model).caplet --task \(task)")["logits"] as? [[Double]])
            XCTAssertEqual(try caplet("convert \(model).caplet -o \(model).back --to safetensors").status, 0)
            let back = try XCTUnwrap(result("evaluate \(model).back --task \(task)")["logits"] as? [[Double]])
            XCTAssertLessThan(zip(small.joined(), back.joined()).map { abs($0 - $1) }.max() ?? .infinity, 1e-4, model)
        }
        let output = try PythonProcess.run(
            """
            import sys, os, torch
            os.chdir(sys.argv[1])
            from transformers import AutoModelForSequenceClassification as A
            from safetensors.torch import load_file
            for name in ('bert2', 'modern'):
                a, b = load_file(name + '/model.safetensors'), load_file(name + '.back/model.safetensors')
                assert a.keys() == b.keys(), a.keys() ^ b.keys()
                heads = [k for k in a if k.startswith(('classifier', 'head', 'bert.pooler'))]
                assert len(heads) >= 4 and all(torch.equal(a[k], b[k]) for k in heads), heads
                assert any(not torch.equal(a[k], b[k]) for k in a)
                A.from_pretrained(name + '.back')
            print('same')
            """, [folder.path("")])
        XCTAssertEqual(output, "same\n")
    }

    func testRefusals() throws {
        let folder = try XCTUnwrap(SentenceTaskTests.folder)
        func refused(_ model: String, _ text: String, _ message: String, _ status: Int32 = 65, line: UInt = #line) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path("file")))
            let found = try caplet("evaluate \(model) --task file")
            XCTAssertEqual(found.status, status, found.errors, line: line)
            XCTAssertTrue(found.errors.contains(message), found.errors, line: line)
        }
        try refused("headless", "sentence\tlabel\nthe cat\t1\n", "without a classification head", 69)
        try refused(
            Repository.path("Examples/wren-7m"), "sentence\tlabel\nthe cat\t1\n", "which takes an encoder with a classification head", 69)
        try refused("bert2", "", "has no records")
        try refused("bert2", "sentence\tlabel\n", "has no records")
        try refused("bert2", "index\tsentence\n0\tthe cat\n", "line 1: has no column of labels: a test set")
        try refused("bert2", "a\tb\n1\t2\n", "line 1: has the columns of no known task")
        try refused("bert2", "sentence\tlabel\nthe cat\t1\nthe dog\n", "line 3: has 1 columns, the first line 2")
        try refused("bert2", "sentence\tlabel\n\nthe cat\t2\n", "line 3: has the label 2, the model 2 classes from 0 on")
        try refused("bert2", "sentence\tlabel\nthe cat\t0.5\n", "line 2: has the label 0.5")
        try refused("bert2", "sentence\tlabel\nthe cat\tneutral\n", "'neutral', which is none of the model's: not_entailment, entailment")
        try refused("bert2", "sentence\tlabel\nthe cat\tnan\n", "line 2: has the label nan")
        try refused("bert2", "{\"sentence\": \"the cat\", \"label\": -1}\n", "line 1: is not labelled")
        try refused("bert2", "{\"sentence\": 3, \"label\": 1}\n", "line 1: 'sentence' is no string")
        try refused("bert2", "{\"sentence\": \"a\", \"label\": [1]}\n", "line 1: 'label' is neither a number nor a name")
        try refused(
            "bert2", "{\"sentence\": \"a\", \"label\": 1}\n{\"premise\": \"a\", \"hypothesis\": \"b\", \"label\": 1}\n",
            "line 2: is of mnli")
        try refused("bert2", "sentence1\tsentence2\tscore\na\tb\t2.5\n", "has a number for each pair (stsb), and the model gives 2 classes")
        try refused("modern", "sentence\tlabel\nthe cat\t1\n", "has classes (sst2), and the model gives one number")
        let many =
            "cp -r bert2 many && sed -i 's/\"model_type\"/\"problem_type\": \"multi_label_classification\", \"model_type\"/' "
            + "many/config.json"
        XCTAssertEqual(try CapletProcess.shell(many, in: folder.path).status, 0)
        try refused("many", "sentence\tlabel\nthe cat\t1\n", "the model's problem_type is multi_label_classification")
    }
}
