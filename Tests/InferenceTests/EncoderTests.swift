import Backpropagation
import Calibration
import Execution
import FormatKit
import Foundation
import Inference
import LinearAlgebra
import ModelGraph
import Models
import SafetensorsFormat
import TestSupport
import Tokenization
import XCTest

final class EncoderTests: XCTestCase {
    private let sequences: [[Int32]] = [(0..<23).map { Int32($0 * 37 % 97) }, (0..<9).map { Int32($0 * 11 % 97) }]

    private func open(_ path: String) throws -> TensorGraph {
        var graph = try SafetensorsFormat().read(path, ReadContext())
        graph = try Model(graph).graph
        return graph
    }

    private func floats(_ path: String) throws -> [Float] {
        try MappedFile(path: path).withBytes { Array($0.bindMemory(to: Float.self)) }
    }

    /// Final hidden states of small random encoders, with each activation and with the prefix of a model with a head.
    func testHiddenStatesAgreeWithTransformers() throws {
        for (kind, settings) in [
            ("BertModel", "hidden_act='gelu'"), ("BertModel", "hidden_act='relu', type_vocab_size=3"),
            ("BertForMaskedLM", "hidden_act='gelu_new', layer_norm_eps=1e-5"),
        ] {
            let folder = try TemporaryFolder()
            try PythonProcess.run(
                """
                import sys, torch, transformers
                torch.manual_seed(2)
                config = transformers.BertConfig(vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=3,
                                                 max_position_embeddings=40, initializer_range=0.3, \(settings))
                model = transformers.\(kind)(config).float().eval()
                for p in model.parameters():
                    if p.ndim == 1: torch.nn.init.normal_(p, 0.5, 0.3)
                model.save_pretrained(sys.argv[1] + '/model')
                encoder = model.bert if hasattr(model, 'bert') else model
                with torch.no_grad():
                    for name, ids in [('a', [i * 37 % 97 for i in range(23)]), ('b', [i * 11 % 97 for i in range(9)])]:
                        encoder(torch.tensor([ids])).last_hidden_state[0].numpy().tofile(sys.argv[1] + '/' + name)
                """, [folder.path("")])
            let model = try Transformer(Model(open(folder.path("model"))), weights: .openBLAS)
            let found = try model.finalHidden(sequences, ExecutionContext(threads: 2))
            for (ours, name) in zip(found, ["a", "b"]) {
                let theirs = try floats(folder.path(name))
                XCTAssertEqual(ours.count, theirs.count)
                XCTAssertLessThan(zip(ours, theirs).map { abs($0 - $1) }.max() ?? .infinity, 1e-4, "\(kind) \(settings) \(name)")
            }
            XCTAssertThrowsError(try model.finalHidden([[Int32](repeating: 1, count: 41)], ExecutionContext(threads: 1))) {
                XCTAssertTrue("\($0)".contains("41 tokens"), "\($0)")
            }
            XCTAssertThrowsError(try model.tokenLosses(sequences, ExecutionContext(threads: 1))) {
                XCTAssertTrue("\($0)".contains("next token"), "\($0)")
            }
            XCTAssertEqual(model.hasHead, kind == "BertForMaskedLM")
            guard !model.hasHead else { continue }
            XCTAssertThrowsError(try model.losses(of: [[(1, 2)], []], in: sequences, ExecutionContext(threads: 1))) {
                XCTAssertTrue("\($0)".contains("no output head"), "\($0)")
            }
        }
    }

    /// The distance of final hidden states and its gradients, against torch's automatic differentiation.
    func testGradientsAreThoseOfTorch() throws {
        let folder = try TemporaryFolder()
        let output = try PythonProcess.run(
            """
            import sys, numpy as np, torch
            from transformers import BertConfig, BertModel
            from safetensors.numpy import save_file
            torch.manual_seed(4)
            config = BertConfig(vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=3,
                                max_position_embeddings=40, initializer_range=0.2, attn_implementation='eager')
            reference, model = BertModel(config, add_pooling_layer=False).eval(), BertModel(config, add_pooling_layer=False).eval()
            linear = lambda name: name.endswith('.weight') and ('query' in name or 'key' in name or 'value' in name or 'dense' in name)
            model.load_state_dict({k: v if linear(k) else reference.state_dict()[k] for k, v in model.state_dict().items()})
            reference.save_pretrained(sys.argv[1] + '/reference')
            model.save_pretrained(sys.argv[1] + '/model')
            model, reference = model.double(), reference.double()
            total, count = 0, 0
            for ids in [[i * 37 % 97 for i in range(23)], [i * 11 % 97 for i in range(9)]]:
                tokens = torch.tensor([ids])
                with torch.no_grad():
                    expected = reference(tokens).last_hidden_state
                found = model(tokens).last_hidden_state
                total, count = total + (((found - expected) ** 2).sum(-1) / (expected ** 2).sum(-1)).sum(), count + len(ids)
            (total / count).backward()
            save_file({k: p.grad.numpy().astype(np.float32) for k, p in model.named_parameters() if linear(k)}, sys.argv[1] + '/gradients.safetensors')
            print((total / count).item())
            """, [folder.path("")])
        let reference = try Transformer(Model(open(folder.path("reference"))), weights: .openBLAS)
        let changed = try open(folder.path("model"))
        let weights = try Dictionary(
            uniqueKeysWithValues: changed.tensors.filter { $0.role == .linear }.map { ($0.name, try $0.payload.densifiedMatrix()) })
        let execution = ExecutionContext(threads: 2)
        let found = try reference.divergence(
            sequences, from: try reference.finalHidden(sequences, execution), replacingAll: weights, execution)
        XCTAssertEqual(found.value, try XCTUnwrap(Double(output.trimmingCharacters(in: .whitespacesAndNewlines))), accuracy: 1e-5)
        let expected = try SafetensorsFormat().read(folder.path("gradients.safetensors"), ReadContext())
        XCTAssertEqual(expected.tensors.count, 12)
        XCTAssertEqual(Set(found.weights.keys), Set(expected.tensors.map(\.name)))
        for tensor in expected.tensors {
            let ours = try XCTUnwrap(found.weights[tensor.name])
            XCTAssertLessThan(ours.relativeFrobeniusError(to: try tensor.payload.densifiedMatrix()), 2e-4, tensor.name)
        }
    }

    /// Token ids of texts with accents, ideographs, signs, control characters, long words and unknown letters, capitals kept or not.
    func testWordPieceIsThatOfTransformers() throws {
        let texts = [
            "Hello, world! Unbelievable café naïve résumé.", "state-of-the-art $5.00 (e.g.) don't…", "日本語 and 漢字混じり text",
            "Ünïcödé ÀÉÎ ǅ ﬁ İstanbul",
            "tab\there\nnewline\u{00A0}nbsp\u{200B}zero\u{FEFF}bom\u{0000}null", String(repeating: "a", count: 101),
            String(repeating: "b", count: 100),
            "snow☃man 🙂 emoji — dash «quotes» ¿qué?", "", "   ", "e\u{0301}clair A\u{030A}ngstrom", "ﷺ ﾊﾝｶｸ ½ ²",
        ]
        let folder = try TemporaryFolder()
        try folder.write(Array(try JSONText(texts).utf8), as: "texts.json")
        let output = try PythonProcess.run(
            """
            import sys, json
            from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
            texts = json.load(open(sys.argv[1] + '/texts.json'))
            letters = sorted(set(c for t in texts for c in t.lower() if c.isalnum() and ord(c) < 0x250) | set('abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'))
            words = ['hello', 'world', 'un', '##believ', '##able', 'cafe', 'naive', 'state', 'art', 'the', 'of', '日', '本', '語', '漢', '字', 'tab', 'here', '.', ',', '!', '-', '(', ')', '$', "'", '…', '«', '»', '¿', '—']
            vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] + words + letters + ['##' + c for c in letters]
            vocab = list(dict.fromkeys(vocab))
            result = []
            for name, settings in [('lower', dict(lowercase=True)), ('cased', dict(lowercase=False)), ('accents', dict(lowercase=True, strip_accents=False))]:
                t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocab)}, unk_token='[UNK]'))
                t.normalizer = normalizers.BertNormalizer(**settings)
                t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
                t.post_processor = processors.TemplateProcessing(single='[CLS] $A [SEP]', special_tokens=[('[CLS]', 2), ('[SEP]', 3)])
                t.save(sys.argv[1] + '/' + name + '.json')
                result.append([t.encode(x).ids for x in texts])
            print(json.dumps(result))
            """, [folder.path("")])
        let expected = try JSONDecoder().decode([[[Int32]]].self, from: Data(output.utf8))
        for (name, ids) in zip(["lower", "cased", "accents"], expected) {
            let tokenizer = try WordPieceTokenizer(tokenizerJSON: TemporaryFolder.bytes(of: folder.path("\(name).json")))
            for (text, theirs) in zip(texts, ids) { XCTAssertEqual(tokenizer.encode(text), theirs, "\(name): \(text.debugDescription)") }
        }
    }

    private func JSONText(_ texts: [String]) throws -> String { String(decoding: try JSONEncoder().encode(texts), as: UTF8.self) }

    func testMalformedWordPieceIsRefused() throws {
        XCTAssertThrowsError(try WordPieceTokenizer(pieces: ["[UNK]", "[CLS]", "[SEP]", "a", "a"])) {
            XCTAssertTrue("\($0)".contains("there already"), "\($0)")
        }
        XCTAssertThrowsError(try WordPieceTokenizer(pieces: ["[CLS]", "[SEP]"])) { XCTAssertTrue("\($0)".contains("[UNK]"), "\($0)") }
        for (json, words) in [
            (#"{"model":{"type":"BPE","vocab":{}}}"#, "BPE"), (#"{"model":{"type":"WordPiece"}}"#, "vocab"),
            (#"{"model":{"type":"WordPiece","vocab":{"[UNK]":0}},"normalizer":{"type":"NFKC"}}"#, "NFKC"),
            (#"{"model":{"type":"WordPiece","vocab":{"[UNK]":0}},"pre_tokenizer":{"type":"Metaspace"}}"#, "Metaspace"),
        ] {
            XCTAssertThrowsError(try WordPieceTokenizer(tokenizerJSON: Array(json.utf8)), json) {
                XCTAssertTrue("\($0)".contains(words), "\($0)")
            }
        }
        XCTAssertThrowsError(try WordPieceTokenizer(vocabularyText: [0xFF, 0x0A], configuration: nil)) {
            XCTAssertTrue("\($0)".contains("UTF-8"), "\($0)")
        }
    }

    /// Lines of text, cut off with the closing token in place.
    func testSentencesAreCutOff() throws {
        let tokenizer = try WordPieceTokenizer(pieces: ["[UNK]", "[CLS]", "[SEP]", "a", "b"])
        let tokens = TokenSequences(sentences: "a b a b\n\n  \nb\r\na", tokenizer, longest: 4)
        XCTAssertEqual(tokens.sequences, [[1, 3, 4, 2], [1, 4, 2], [1, 3, 2]])
    }
}
