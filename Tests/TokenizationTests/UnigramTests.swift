import Foundation
import StrictJSON
import TestSupport
import XCTest

@testable import Tokenization

/// Unigram models against sentencepiece, and against the tokenizers library.
final class UnigramTests: XCTestCase {
    /// Trains models with several normalisations on text with accents, signs and other scripts, and prints what they make of texts.
    private static let script = """
        import sys, json, sentencepiece as sp
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
        out = sys.argv[1]
        texts = json.load(open(out + '/texts.json'))
        open(out + '/corpus.txt', 'w').write('\\n'.join(t.replace('\\n', ' ').replace('\\0', '') for t in texts * 8))
        result = {}
        for name, settings in [('nfkc', dict(normalization_rule_name='nmt_nfkc')), ('folded', dict(normalization_rule_name='nmt_nfkc_cf')),
                               ('plain', dict(normalization_rule_name='identity', remove_extra_whitespaces=False)),
                               ('bytes', dict(normalization_rule_name='nmt_nfkc', byte_fallback=True)),
                               ('bare', dict(normalization_rule_name='nmt_nfkc', add_dummy_prefix=False))]:
            sp.SentencePieceTrainer.train(input=out + '/corpus.txt', model_prefix=out + '/' + name, model_type='unigram', hard_vocab_limit=False,
                                          vocab_size=620 if name == 'bytes' else 330, character_coverage=0.98, minloglevel=2, num_threads=1,
                                          user_defined_symbols=['<tool>'], **settings)
            p = sp.SentencePieceProcessor(model_file=out + f'/{name}.model')
            result[name] = [p.encode(t) for t in texts]
        def varint(data, i):
            value = shift = 0
            while True:
                value, shift, i = value | (data[i] & 127) << shift, shift + 7, i + 1
                if data[i - 1] < 128: return value, i
        def member(data, wanted):
            i, found = 0, b''
            while i < len(data):
                key, i = varint(data, i)
                if key & 7 == 0: _, i = varint(data, i)
                elif key & 7 == 5: i += 4
                else:
                    n, i = varint(data, i)
                    if key >> 3 == wanted: found = data[i:i + n]
                    i += n
            return found
        charsmap = member(member(open(out + '/nfkc.model', 'rb').read(), 3), 2)
        assert len(charsmap) > 1000
        p = sp.SentencePieceProcessor(model_file=out + '/nfkc.model')
        vocab = [(p.id_to_piece(i), p.get_score(i)) for i in range(p.get_piece_size())]
        strip = normalizers.Strip(left=False, right=True)
        kinds = {
            'converted': ([normalizers.Precompiled(charsmap), strip, normalizers.Replace(Regex(' {2,}'), '▁')], [pre_tokenizers.Metaspace()]),
            'deberta': ([normalizers.Lowercase(), normalizers.Replace(Regex(r'\\s{2,}|[\\n\\r\\t]'), ' '), normalizers.NFC(), strip], [pre_tokenizers.Metaspace()]),
            't5': ([normalizers.Precompiled(charsmap)], [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
            'first': ([normalizers.NFD()], [pre_tokenizers.Metaspace(prepend_scheme='first', split=False)]),
        }
        for name, (steps, words) in kinds.items():
            t = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=False))
            t.normalizer, t.pre_tokenizer = normalizers.Sequence(steps), pre_tokenizers.Sequence(words)
            t.add_special_tokens(['[MASK]', '[CLS]', '[SEP]'])
            ids = {x: t.token_to_id(x) for x in ('[CLS]', '[SEP]')}
            t.post_processor = processors.TemplateProcessing(single='[CLS] $A [SEP]', special_tokens=list(ids.items()))
            t.save(out + f'/{name}.json')
            result[name] = [t.encode(x).ids for x in texts]
        print(json.dumps(result))
        """

    private static let texts = [
        "", " ", "a", "Hello, world!", "  two  spaces   and more ", "tabs\tand\nlines\r\nhere", "naïve café déjà vu, Ünïcödé Straße",
        "e\u{0301}clair A\u{030A}ngstrom \u{212B} ﬁne ﬀ", "日本語のテキスト と 中文文本 ｱｲｳ ﾊﾝｶｸ", "русский язык العربية हिन्दी 한국어",
        "1,234,567 and 3.14159 ½ ² Ⅷ ①", "🙂🙂 👩‍👩‍👧 🏳️‍🌈 𝒳𝒴", "nbsp\u{00A0}here\u{3000}wide\u{200B}zero\u{FEFF}bom", "▁under ▁▁ line▁",
        "<tool>x <tool> y<tool>",
        "The people's government, of the people, by the people, for the people", "don't can't won't we'll they're",
        "aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "ǅ İstanbul ΣΑΣ ς", "…—«quotes»¿?¡! “curly” ‘single’", "\u{0301}\u{0301} combining first", "ﷺ long map",
    ]

    func testIdsAreThoseOfTheReferences() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array(try JSONEncoder().encode(UnigramTests.texts)), as: "texts.json")
        let output = try PythonProcess.run(UnigramTests.script, [folder.path("")])
        let expected = try JSONDecoder().decode([String: [[Int32]]].self, from: Data(output.utf8))
        XCTAssertEqual(expected.count, 9)
        for (name, ids) in expected.sorted(by: { $0.key < $1.key }) {
            let isModel = ["nfkc", "folded", "plain", "bytes", "bare"].contains(name)
            let bytes = try TemporaryFolder.bytes(of: folder.path(name + (isModel ? ".model" : ".json")))
            let tokenizer =
                isModel
                ? try UnigramTokenizer(sentencePieceModel: bytes, around: ("<s>", "</s>")) : try UnigramTokenizer(tokenizerJSON: bytes)
            XCTAssertNotNil(isModel ? tokenizer.firstID : tokenizer.maskID, name)
            for (text, theirs) in zip(UnigramTests.texts, ids) {
                let ours = isModel ? tokenizer.encode(sentence: text) : tokenizer.encode(text)
                XCTAssertEqual(ours, theirs, "\(name): \(text.debugDescription)")
            }
        }
    }

    func testMalformedUnigramIsRefused() throws {
        let vocab = #""vocab":[["<unk>",0],["▁a",-1]],"unk_id":0"#
        let metaspace = #""pre_tokenizer":{"type":"Metaspace","replacement":"▁"}"#
        for (json, words) in [
            (#"{"model":{"type":"Unigram","vocab":[["<unk>",0]],"unk_id":3},\#(metaspace)}"#, "unk_id"),
            (#"{"model":{"type":"Unigram","vocab":[["<unk>"]],"unk_id":0},\#(metaspace)}"#, "vocab[0]"),
            (#"{"model":{"type":"Unigram",\#(vocab)}}"#, "without Metaspace"),
            (#"{"model":{"type":"Unigram",\#(vocab)},"pre_tokenizer":{"type":"Punctuation"}}"#, "Punctuation"),
            (#"{"model":{"type":"Unigram",\#(vocab)},\#(metaspace),"normalizer":{"type":"Nmt"}}"#, "Nmt"),
            (
                #"{"model":{"type":"Unigram",\#(vocab)},\#(metaspace),"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"}}"#,
                "character map"
            ),
            (
                #"{"model":{"type":"Unigram",\#(vocab)},\#(metaspace),"normalizer":{"type":"Precompiled","precompiled_charsmap":"!"}}"#,
                "base64"
            ),
            (
                #"{"model":{"type":"Unigram",\#(vocab)},\#(metaspace),"normalizer":{"type":"Replace","pattern":{"Regex":"(?<=x)"},"content":""}}"#,
                "(?<"
            ),
            (#"{"model":{"type":"Unigram",\#(vocab)},\#(metaspace),"added_tokens":[{"id":9,"content":"z"}]}"#, "gap"),
        ] {
            XCTAssertThrowsError(try UnigramTokenizer(tokenizerJSON: Array(json.utf8)), json) {
                XCTAssertTrue("\($0)".contains(words), "\($0)")
            }
        }
        // A map whose units point anywhere stays within its bounds.
        var bytes: [UInt8] = [16, 0, 0, 0]
        for value in [0xFFFF_FFFF, 0x7FFF_FE61, 0x61, 0xFFFF_FF00] as [UInt32] { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
        let map = try CharacterMap(bytes, location: "test")
        XCTAssertEqual(map.longestMatches(Array("abc".utf8)).count, 3)
    }
}
