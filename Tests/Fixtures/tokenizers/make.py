#!/usr/bin/env python3
"""Makes the tokenizer fixtures: tiny byte-level tokenizers and what the reference libraries encode texts to.

    make.py        (with the Python of Tests/Environment; writes beside itself)

`expected.json` holds, for each tokenizer, the ids of texts without special tokens (`texts`), of texts that spell
special tokens (`special`), and of texts with the special tokens that the tokenizer adds (`added`).
"""

import json
import os

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, "../../../Examples/wren-7m")

MODERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CORPUS = [
    "The people's government, of the people, by the people, for the people, shall not perish from the earth.",
    "We've seen that they're here; I'm sure it's what he'd say, and you'll agree we don't can't won't.",
    "In 1945, 1,234,567 soldiers came home. The year 2024 has 366 days and 8,784 hours; 3.14159 is near pi.",
    "def main():\n    for i in range(10):\n        print(i, end='\\t')\n\n\nif x == y:\r\n\treturn  None",
    "naïve café déjà vu, Ünïcödé, Straße, 日本語のテキスト, 中文文本, 한국어, русский язык, العربية 🙂🙂 👩‍👩‍👧",
] * 4

TEXTS = [
    "", " ", "  ", "   ", "\n", "\n\n", "\t", " \n", "\n ", "  \n  ", "\r\n\r\n", "a", " a", "  a", "   a b", "a ", "a  ", "a\n", "a \n b",
    "Hello, world!", " hello", "hello  world   again    now", "tabs\tand\t\ttabs \t mixed", "line one\nline two\n\nline four\r\nline five",
    "I'm you're he's we've they'll she'd don't", "I'M YOU'RE HE'S WE'VE THEY'LL SHE'D DON'T", "'S 'sS 'll 'LL 'lL 'x ' '' 's'", "it'\u017f long s",
    "1 12 123 1234 12345 1234567", "3.14, -2e10; 1,000,000 v2.0", "\u0663\u0664\u0665\u0666 \u2167 \u00bd x\u00b2 \u4e09", "a1b22c333d4444",
    "日本語のテキストと中文", "한국어 텍스트", "русский язык", "العربية مرحبا", "नमस्ते दुनिया", "😀 😀😀 👩‍👩‍👧 🏳️‍🌈 🇩🇪",
    "e\u0301 \u00e9 o\u0308 a\u0323\u0307 \u1e69 \u212b \u00c5", "\u00a0nbsp\u00a0\u00a0x \u2003em\u3000ideographic\u2028line\u0085next \u200bzero",
    "x == y && (z != 0) || !w; // comment\n\n\tindent", "!!! ??? ...\n\n!!!\n", " .\n .", "\u2581x \u2581\u2581 y\u2581", "<0x0A> <unk> <s> </s> <|endoftext|>",
    "\x00\x01\x7f control", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "the the the  the   the", "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "\ufffd \ufeff \U0010ffff", "A" * 70 + "b" * 70, "https://example.com/a?b=c&d=%20#frag me@example.org",
]

SPECIAL = ["<s>hi", "a<s> b</s>", "x <unk> y", "<s>", "</s></s>z", "<|endoftext|>x <|endoftext|> y", "tag <tool>call</tool> end", "<tool> ", "<tool>a<tool>b"]


def byte_level(name, pre, size, normalizer=None, ignore_merges=False, bos=None, prefix=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False,
        special_tokens=[] if name != "gpt2" else ["<|endoftext|>"])
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False, special=False), AddedToken("</tool>", rstrip=True, normalized=False)])
    if bos:
        template = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))])
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    path = os.path.join(HERE, f"{name}.json")
    tokenizer.save(path, pretty=False)
    if name == "gpt2":  # the older spelling of merges
        with open(path) as file:
            document = json.load(file)
        document["model"]["merges"] = [" ".join(pair) for pair in document["model"]["merges"]]
        with open(path, "w") as file:
            json.dump(document, file, ensure_ascii=False)
    return Tokenizer.from_file(path)


def split(digits):
    pattern = pre_tokenizers.Split(Regex(MODERN % digits), "isolated")
    return pre_tokenizers.Sequence([pattern, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def expectations(tokenizer):
    """The library takes special tokens in text for tokens: texts without any are under `texts`."""
    specials = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    plain = [text for text in TEXTS if not any(special in text for special in specials)]
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    return {
        "texts": [[text, encode(text)] for text in plain],
        "special": [[text, encode(text)] for text in SPECIAL],
        "added": [[text, tokenizer.encode(text).ids] for text in ["", "Hello"]],
    }


def old_form(source):
    """The tokenizer.json of wren-7m as transformers 4 spelled it: Prepend and Replace, no Metaspace."""
    document = json.loads(source.to_str())
    document["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    document["pre_tokenizer"] = None
    return Tokenizer.from_str(json.dumps(document))


def with_stripping(source):
    """wren-7m with two more special tokens that swallow white space, and a prefix before the first segment only."""
    document = json.loads(source.to_str())
    document["pre_tokenizer"]["prepend_scheme"] = "first"
    tokenizer = Tokenizer.from_str(json.dumps(document))
    tokenizer.add_special_tokens([AddedToken("<|user|>", rstrip=True, normalized=False), AddedToken("<|end|>", lstrip=True, normalized=False)])
    texts = ["<|user|>  \n hello  <|end|>", "a <|user|>b <|end|> c", " <|end|> x", "<|user|>", "hi<|end|><|user|> \t\n", "  a  "]
    return {"special": [[text, tokenizer.encode(text, add_special_tokens=False).ids] for text in texts]}


def tiny_model():
    """A SentencePiece model with the trainer's defaults for spaces, user-defined pieces and no byte fallback."""
    path = os.path.join(HERE, "tiny")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_prefix=path, model_type="bpe", vocab_size=240, character_coverage=0.98,
        normalization_rule_name="identity", user_defined_symbols=["<tool>", "</tool>", "\u2581\u2581", "the"], minloglevel=2)
    os.remove(path + ".vocab")
    model = sentencepiece.SentencePieceProcessor(model_file=path + ".model")
    texts = TEXTS + SPECIAL + ["<tool>x", " <tool> x", "the theatre of the", "the", "<tool></tool> <tool>"]
    rows = [[text, model.encode(text)] for text in texts]
    return {"texts": rows, "decoded": [[ids, model.decode(ids)] for _, ids in rows if ids]}


def main():
    expected = {
        "gpt2": expectations(byte_level("gpt2", pre_tokenizers.ByteLevel(add_prefix_space=False), 480)),
        "llama3": expectations(byte_level("llama3", split(r"\p{N}{1,3}"), 480, ignore_merges=True, bos="<|endoftext|>")),
        "qwen2": expectations(byte_level("qwen2", split(r"\p{N}"), 480, normalizer=normalizers.NFC())),
        "smollm": expectations(byte_level("smollm", pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), 480)),
    }
    wren = Tokenizer.from_file(os.path.join(EXAMPLE, "tokenizer.json"))
    expected["wren-metaspace"] = expectations(wren)
    expected["wren-prepend"] = expectations(old_form(wren))
    expected["wren-stripping"] = with_stripping(wren)
    expected["tiny"] = tiny_model()
    model = sentencepiece.SentencePieceProcessor(model_file=os.path.join(EXAMPLE, "tokenizer.model"))
    rows = [[text, model.encode(text)] for text in TEXTS]
    expected["wren-sentencepiece"] = {"texts": rows, "decoded": [[ids, model.decode(ids)] for _, ids in rows if ids]}
    with open(os.path.join(HERE, "expected.json"), "w") as file:
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in expected.items()]
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
