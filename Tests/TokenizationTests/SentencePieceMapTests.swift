import Foundation
import TestSupport
import XCTest

@testable import Tokenization

/// SentencePiece BPE with a map of characters, against sentencepiece.
final class SentencePieceMapTests: XCTestCase {
    private static let script = """
        import json, random, sys, sentencepiece as sp
        out = sys.argv[1]
        dice = random.Random(3)
        pools = ['abcdefgh ', 'ABCDÉÅ ', '0123½²Ⅷ①', 'ﬁﬀﷺ㌀ｱｲﾊﾟ', 'e\\u0301A\\u030a\\u212b', '\\t\\u00a0\\u3000\\u200b\\ufeff ', '日本語テキスト', '👩‍👧🏳️‍🌈𝒳', '▁ ', '\\u0007\\u001f\\u00ad']
        texts = [''.join(''.join(dice.choice(pool) for _ in range(dice.randint(1, 6))) + dice.choice(['', ' ', '<tool>', '  ', "'s"])
                 for pool in dice.choices(pools, k=dice.randint(0, 9))) for _ in range(500)]
        json.dump(texts, open(out + '/texts.json', 'w'))
        open(out + '/corpus.txt', 'w').write('\\n'.join(t.replace('\\n', ' ') for t in texts))
        result = {}
        for name, settings in [('nfkc', dict(normalization_rule_name='nmt_nfkc')), ('folded', dict(normalization_rule_name='nmt_nfkc_cf')),
                               ('kept', dict(normalization_rule_name='nfkc', remove_extra_whitespaces=False, add_dummy_prefix=False))]:
            sp.SentencePieceTrainer.train(input=out + '/corpus.txt', model_prefix=out + '/' + name, model_type='bpe', byte_fallback=True, vocab_size=560,
                                          hard_vocab_limit=False, character_coverage=0.99, minloglevel=2, num_threads=1, user_defined_symbols=['<tool>'], **settings)
            model = sp.SentencePieceProcessor(model_file=out + f'/{name}.model')
            result[name] = [model.encode(t) for t in texts]
        print(json.dumps(result))
        """

    func testIdsAreThoseOfSentencePiece() throws {
        let folder = try TemporaryFolder()
        let output = try PythonProcess.run(SentencePieceMapTests.script, [folder.path("")])
        let expected = try JSONDecoder().decode([String: [[Int32]]].self, from: Data(output.utf8))
        let texts = try JSONDecoder().decode([String].self, from: Data(TemporaryFolder.bytes(of: folder.path("texts.json"))))
        XCTAssertEqual(expected.count, 3)
        for (name, rows) in expected.sorted(by: { $0.key < $1.key }) {
            let vocabulary = try Vocabulary(sentencePieceModel: TemporaryFolder.bytes(of: folder.path(name + ".model")))
            let rewritten = try Vocabulary(sentencePieceModel: vocabulary.sentencePieceModel())
            XCTAssertThrowsError(try vocabulary.tokenizerJSON())
            for vocabulary in [vocabulary, rewritten] {
                let tokenizer = try Tokenizer(vocabulary)
                for (text, ids) in zip(texts, rows) {
                    XCTAssertEqual(tokenizer.encode(text, addSpecial: false), ids, "\(name): \(text.debugDescription)")
                }
            }
        }
    }
}
