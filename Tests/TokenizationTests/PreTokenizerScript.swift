/// Trains small tokenizers with the pre-tokenizers and normalizers of models, and writes them with the ids of 500 hostile texts.
enum PreTokenizerScript {
    static let text = #####"""
        import json, os, random, sys
        from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers as N, pre_tokenizers as P, trainers
        out, folder = sys.argv[1], sys.argv[2]
        dice = random.Random(7)
        train = [open(os.path.join(folder, f), encoding='utf8', errors='replace').read()[:20000] for f in sorted(os.listdir(folder)) if f.endswith('.txt')]
        pools = ['abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '0123456789', '0٠١४५²³½Ⅷ①〇', 'àéîõüßñçÀÉÎÕÜÑÇǅǈſ\u212aÅİıΣςσ', 'абвгдеёжзАБВГДЕЖ',
                 'αβγδεΑΒΓΔΕ', '中文日本語漢字龥一鿿㐀豈', 'ぁあいうアイウー゠ヿ゛゜ｱｲｳ', '한국어조선글ㄱㄴㅏ', 'العربيةאבגדهو،؟۔', 'हिन्दीকখগতதமிเกไทยຂກម្មန', '\u0301\u0300\u0323\u0308\u20dd\u200d\u200c\ufe0f\u0903',
                 '😀🙂👩‍👩‍👧🏳️‍🌈🇩🇪👍🏽', '𝒳𝒴𝟘𝟙𐐀𐐨𐒰𠀀𪜀', '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', '…—«»¿¡“”‘’、。！？：；（）〜－', '€£¥±×÷←→∀∂√©®™°',
                 '  \t\n\r\u000b\u000c\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u3000\u200b\ufeff', '\x00\x01\x02\x1b\x7f\x80\x9f\u00ad', '\ue000\uf8ff\U000f0000\U0010fffd\u0378\U000e0001']
        parts = ["'s", "'S", "'re", "'RE", "'rE", "'ll", "'Ll", "'ve", "'T", "'ſ", "'d", "’s", "I'm", "DON'T", "we'll", '\r\n', '\n\n', '\n', ' \n  \n', '   ', '\t\t', ' ', '  ', '        ',
                 'a' * 30, ' ' * 40, '\r\r\n', '1234567', '12.5e-7', '<|end|>', '<tool>', '__init__', '//', 'https://x.y/z?a=b', 'CamelCaseWord', 'XMLHttp', 'ÉCOLEs', 'ёЁ', '...!!!', '\u3000']
        def text():
            found = []
            for _ in range(dice.randint(0, 25)):
                kind = dice.random()
                if kind < .45: found.append(''.join(dice.choice(dice.choice(pools[:1] + [pool])) for pool in [dice.choice(pools)] for _ in range(dice.randint(1, 9))))
                elif kind < .7: found.append(dice.choice(parts))
                elif kind < .85: found.append(' ')
                else:
                    source = dice.choice(train); start = dice.randrange(max(1, len(source) - 60)); found.append(source[start:start + dice.randint(1, 50)])
            return ''.join(found)
        texts = [text() for _ in range(500)]
        corpus = train + [text() for _ in range(800)]
        json.dump(texts, open(out + '/texts.json', 'w'))
        C = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"; X = r'[^\r\n\p{L}\p{N}]?'; U = r'[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]'; L = r'[\p{Ll}\p{Lm}\p{Lo}\p{M}]'
        T = r' ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+'; T2 = T.replace('/', '')
        modern = lambda digits, tail=T2: C + '|' + X + r'\p{L}+|' + digits + '|' + tail
        o200k = X + U + '*' + L + '+' + C + '?|' + X + U + '+' + L + '*' + C + r'?|\p{N}{1,3}|' + T
        split = lambda pattern, behavior='isolated', invert=False: P.Split(Regex(pattern), behavior, invert)
        raw = lambda *steps: P.Sequence(list(steps) + [P.ByteLevel(add_prefix_space=False, use_regex=False)])
        words = lambda prefix=False: P.ByteLevel(add_prefix_space=prefix, use_regex=True)
        bloom = ' ?[^(\\s|[.,!?…。，、।۔،])]+'
        deepseek = '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+'
        kinds = {
            'gpt2': (words(), 'gpt-2'), 'llama3': (raw(split(modern(r'\p{N}{1,3}'))), 'llama-bpe'), 'qwen2': (raw(split(modern(r'\p{N}'))), 'qwen2'),
            'starcoder': (P.Sequence([P.Digits(True), words()]), 'smollm'),
            'tekken': (raw(split(X + U + '*' + L + '+|' + X + U + '+' + L + r'*|\p{N}|' + T)), 'tekken'), 'o200k': (raw(split(o200k)), 'gpt-4o'),
            'qwen35': (raw(split(C + '|' + X + r'[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+')), 'qwen35'),
            'deepseek3': (raw(split(r'\p{N}{1,3}'), split('[一-龥぀-ゟ゠-ヿ]+'), split(deepseek)), 'deepseek-v3'),
            'deepseek-coder': (raw(split('[\r\n]'), split(r'\s?\p{L}+'), split(r'\s?\p{P}+'), split('[一-龥ࠀ-一가-\ud7ff]+'), P.Digits(True)), 'deepseek-coder'),
            'falcon': (P.Sequence([P.Punctuation('contiguous'), words(), P.Digits(False), split('[0-9][0-9][0-9]')]), 'falcon'),
            'falcon3': (P.Sequence([P.Punctuation('contiguous'), words(), P.Digits(True)]), 'falcon'),
            'bloom': (raw(split(bloom)), 'bloom'), 'viking': (raw(split(bloom), P.Digits(True)), 'viking'),
            'superbpe': (raw(split(r'\p{N}+'), split(r'(?=(\d{3})+(?!\d))')), 'superbpe'),
            'seed-coder': (raw(split(modern(r'\p{N}{1}', r' ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+'))), 'seed-coder'),
            'bailing': (raw(split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+")), 'bailingmoe'),
            'exaone-moe': (raw(split(C + '|' + X + r'(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+')), 'exaone-moe'),
            'jais2': (raw(split(modern(r'\p{N}{1,3}', r' ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|' + '|'.join(r'\s{%d}(?!\S)' % n for n in (512, 256, 128, 64, 32, 16, 8, 4)) + r'|\s{1,2}(?!\S)|\s{1}'))), 'jais-2'),
            'cl100k-new': (raw(split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s")), None),
            'aya': (raw(split(r'\d{1,3}(?=(?:\d{3})*\b)'), split(o200k)), None),
            'scripts': (raw(split(r'\p{Han}+|\p{Hiragana}+|\p{Katakana}+|\p{Hangul}+|\p{Thai}+'), split(modern(r'\p{N}{1,3}'))), None),
            'words': (raw(split(r'\w+|[^\w\s]+|\s+')), None), 'whitespace': (raw(P.Whitespace()), None), 'whitespace-split': (raw(P.WhitespaceSplit()), None),
            'prefix': (words(True), 'gpt-2'), 'prefix-later': (P.Sequence([P.Digits(False), words(True)]), None), 'bytes': (raw(), None),
            'text': (raw(P.Split('a', 'merged_with_next'), P.Split('. ', 'removed')), None),
            'lazy': (raw(split(r'a+?b|c*?d|(?>e+)f|.')), None), 'edges': (raw(split(r'^\w+$|\bfoo\b|\B.\B|\Ax|y\z')), None),
            'case': (raw(split(r'(?i)straße|kelvin|[k-s]+|é|(?i:[^a-m]){2,3}')), None),
        }
        for behavior in ['removed', 'isolated', 'merged_with_previous', 'merged_with_next', 'contiguous']:
            for invert in (False, True): kinds[f'{behavior}-{invert}'] = (raw(split(r'\d|[aeiou]+', behavior, invert)), None)
            kinds['empty-' + behavior] = (raw(split(r'(?=[A-Z])|x', behavior)), None)
            kinds['signs-' + behavior] = (P.Sequence([P.Punctuation(behavior), words()]), None)
        for name, step in {'nfc': N.NFC(), 'nfd': N.NFD(), 'nfkc': N.NFKC(), 'nfkd': N.NFKD(), 'lower': N.Lowercase(), 'strip': N.Strip(), 'prepend': N.Prepend('x '),
                           'accents': N.Sequence([N.NFD(), N.StripAccents()]), 'replace': N.Replace('a', 'bb'), 'pattern': N.Replace(Regex(r'\s+'), ' '),
                           'several': N.Sequence([N.NFKC(), N.Lowercase(), N.Replace(Regex(' {2,}'), ' ')])}.items():
            kinds['normal-' + name] = (words(), 'gpt-2', step)
        cases = {}
        for name, (pre, gguf, *normalizer) in kinds.items():
            t = Tokenizer(models.BPE())
            t.pre_tokenizer = pre
            if normalizer: t.normalizer = normalizer[0]
            t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=700, initial_alphabet=P.ByteLevel.alphabet(), special_tokens=['<|end|>'], show_progress=False))
            if normalizer:
                t.add_tokens([AddedToken('<tool>', normalized=True), AddedToken('CamelCaseWord', normalized=True), AddedToken('DON', normalized=False, single_word=True),
                              AddedToken('we', normalized=False, single_word=True, lstrip=True)])
            t.save(out + f'/{name}.json')
            cases[name] = {'ids': [t.encode(x, add_special_tokens=False).ids for x in texts], 'pre': gguf}
        json.dump(cases, open(out + '/cases.json', 'w'))
        """#####
}
