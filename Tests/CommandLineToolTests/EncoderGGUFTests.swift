import Foundation
import TestSupport
import XCTest

/// Encoders other than BERT as llama.cpp has them: their tokenizers, their embeddings, and back to the folder as it was.
final class EncoderGGUFTests: XCTestCase {
    /// Small random encoders with tokenizers of three kinds; sentences with words that are none of the vocabularies'.
    private static let models = #"""
        import json, os, random, sys, torch, transformers as t
        from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
        os.chdir(sys.argv[1]); random.seed(5); torch.manual_seed(5)
        words = 'the cat sat on a mat dog ran to house and it was red old new big small naive seven 4'.split()
        lines = [' '.join(random.choices(words + ['cats', 'Dogs', 'eel'], k=random.randint(3, 14))) + '.' for _ in range(8)]
        open('text.txt', 'w').write('\n'.join(lines) + '\n')
        shape = dict(hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=3, initializer_range=0.3)

        def byte_pairs(special, processor):
            tok = Tokenizer(models.BPE())
            tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            tok.train_from_iterator(lines, trainers.BpeTrainer(
                vocab_size=300, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
            tok.post_processor = processor
            return tok

        def unigram():
            special = [('<s>', 0.0), ('<pad>', 0.0), ('</s>', 0.0), ('<unk>', 0.0)]
            pieces = [('\u2581' + w, -3.0 - 0.1 * i) for i, w in enumerate(words)]
            pieces += [('\u2581', -6.0), ('s', -6.5), ('.', -2.5)] + [(c, -8.0 - 0.1 * i) for i, c in enumerate('abcdefghijklmnopqrt')]
            tok = Tokenizer(models.Unigram(special + pieces, unk_id=3, byte_fallback=False))
            tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
            tok.post_processor = processors.TemplateProcessing(single='<s> $A </s>', pair='<s> $A </s> </s> $B </s>',
                                                               special_tokens=[('<s>', 0), ('</s>', 2)])
            tok.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in ('<s>', '<pad>', '</s>', '<unk>', '<mask>')])
            return tok

        def word_pieces():
            vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '.', '##s'] + words
            tok = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocab)}, unk_token='[UNK]'))
            tok.normalizer, tok.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
            tok.post_processor = processors.TemplateProcessing(single='[CLS] $A [SEP]', special_tokens=[('[CLS]', 2), ('[SEP]', 3)])
            return tok

        roberta = byte_pairs(['<s>', '<pad>', '</s>', '<unk>', '<mask>'],
                             processors.RobertaProcessing(('</s>', 2), ('<s>', 0), add_prefix_space=False))
        modern = byte_pairs(['[PAD]', '[CLS]', '[SEP]', '[MASK]'],
                            processors.TemplateProcessing(single='[CLS] $A [SEP]', special_tokens=[('[CLS]', 1), ('[SEP]', 2)]))
        xlm, distil = unigram(), word_pieces()
        size = lambda tok, more=0: tok.get_vocab_size() + more
        built = {
            'roberta': (roberta, t.RobertaModel(t.RobertaConfig(vocab_size=size(roberta, 3), type_vocab_size=1, pad_token_id=1,
                                                                max_position_embeddings=68, **shape))),
            'xlm-roberta': (xlm, t.XLMRobertaForMaskedLM(t.XLMRobertaConfig(vocab_size=size(xlm, 5), type_vocab_size=1, pad_token_id=1,
                                                                            max_position_embeddings=66, **shape))),
            'distilbert': (distil, t.DistilBertModel(t.DistilBertConfig(
                vocab_size=size(distil), dim=48, hidden_dim=72, n_layers=2, n_heads=3, max_position_embeddings=64, initializer_range=0.3))),
            'modernbert': (modern, t.ModernBertModel(t.ModernBertConfig(
                vocab_size=size(modern, 1), **dict(shape, num_hidden_layers=5), max_position_embeddings=64, local_attention=6, pad_token_id=0,
                bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, global_attn_every_n_layers=2))),
        }
        for name, (tok, model) in built.items():
            with torch.no_grad():
                for p in model.parameters():
                    if p.ndim == 1: p.add_(torch.randn_like(p) * 0.2)
            model.eval().save_pretrained(name)
            tok.save(name + '/tokenizer.json')
        # As sentence-transformers has it: the first token's state is the sentence's, and a layer follows.
        modules = [('0', '', 'Transformer'), ('1', '1_Pooling', 'Pooling'), ('2', '2_Dense', 'Dense')]
        json.dump([dict(idx=int(i), name=i, path=path, type='sentence_transformers.models.' + kind) for i, path, kind in modules],
                  open('roberta/modules.json', 'w'))
        os.mkdir('roberta/1_Pooling'), os.mkdir('roberta/2_Dense')
        json.dump(dict(word_embedding_dimension=48, pooling_mode_cls_token=True, pooling_mode_mean_tokens=False),
                  open('roberta/1_Pooling/config.json', 'w'))
        open('roberta/2_Dense/model.safetensors', 'wb').write(bytes(range(200)))
        """#

    private static let names = ["roberta", "xlm-roberta", "distilbert", "modernbert"]

    func testEmbeddingsAreThoseOfTransformersAndFoldersComeBack() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        try PythonProcess.run(EncoderGGUFTests.models, [folder.path])
        func caplet(_ line: String) throws {
            let result = try CapletProcess.shell("caplet \(line) --strict --no-progress", in: folder.path)
            XCTAssertEqual(result.status, 0, "\(line): \(result.errors)")
        }
        for name in EncoderGGUFTests.names {
            try caplet("convert \(name) -o \(name).gguf --embed-files")
            try caplet("convert \(name).gguf -o \(name).back --to safetensors")
            try caplet("convert \(name) -o \(name).caplet")
            try caplet("convert \(name).caplet -o \(name).again --to safetensors")
            // What is written twice replaces itself, folders in it too.
            try caplet("convert \(name).caplet -o \(name).again --to safetensors --force")
            let files = try TemporaryFolder.files(under: folder.path(name))
            XCTAssertGreaterThanOrEqual(files.count, name == "roberta" ? 6 : 3, name)
            for file in files where file.name != "model.safetensors" {
                for copy in ["back", "again"] {
                    XCTAssertEqual(
                        try TemporaryFolder.bytes(of: folder.path("\(name).\(copy)/\(file.name)")), file.bytes, "\(name) \(file.name)")
                }
            }
            for copy in ["back", "again"] { try caplet("diff \(name) \(name).\(copy)") }
        }
        try PythonProcess.run(
            """
            import os, sys, numpy as np, torch, llama_cpp
            os.environ['HF_HUB_OFFLINE'] = '1'
            os.chdir(sys.argv[1])
            from tokenizers import Tokenizer
            from transformers import AutoModel
            for name in sys.argv[2:]:
                l = llama_cpp.Llama(name + '.gguf', n_ctx=64, embedding=True, verbose=False, n_gpu_layers=0)
                model, t = AutoModel.from_pretrained(name).eval(), Tokenizer.from_file(name + '/tokenizer.json')
                for line in open('text.txt').read().split('\\n')[:-1]:
                    ids = t.encode(line).ids
                    assert l.tokenize(line.encode(), special=True) == ids, (name, line, ids, l.tokenize(line.encode(), special=True))
                    with torch.no_grad():
                        states = model(torch.tensor([ids])).last_hidden_state[0].numpy()
                    ours, theirs = states[0] if name == 'roberta' else states.mean(0), np.array(l.embed(line))
                    assert np.linalg.norm(ours - theirs) < 5e-3 * np.linalg.norm(ours), (name, line, np.linalg.norm(ours - theirs) / np.linalg.norm(ours))
            """, [folder.path] + EncoderGGUFTests.names)

        // Pooling that llama.cpp does not have is a warning that names it.
        let other =
            "sed -i 's/\"pooling_mode_cls_token\": true/\"pooling_mode_max_tokens\": true/' roberta/1_Pooling/config.json"
            + " && caplet convert roberta -o other.gguf --no-progress"
        let result = try CapletProcess.shell(other, in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertTrue(result.errors.contains("does not pool embeddings by max_tokens"), result.errors)
    }
}
