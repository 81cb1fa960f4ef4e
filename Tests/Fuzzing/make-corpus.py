"""Makes the small files that fuzzing starts from: Corpus/TARGET/NAME. Usage: python make-corpus.py CAPLET FOLDER"""
import base64, io, json, os, struct, subprocess, sys, tempfile, zipfile
from collections import OrderedDict

import gguf
import numpy as np
import torch
from safetensors.numpy import save as save_safetensors

caplet, folder = sys.argv[1], sys.argv[2]
torch.manual_seed(0)


def keep(target, name, data):
    os.makedirs(f"{folder}/{target}", exist_ok=True)
    with open(f"{folder}/{target}/{name}", "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)


def tables():
    fixtures = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Fixtures", "parquet")
    for name in ["snappy", "zstd-v2", "gzip-plain", "delta_byte_array", "messages", "null"]:
        with open(os.path.join(fixtures, f"{name}.parquet"), "rb") as file:
            keep("parquet", name, file.read())


def texts():
    keep("json", "values", '{"a":[1,-2.5e1,true,false,null,"x\\n\\u00e9\\ud83d\\ude42"],"b":{},"":[]}')
    keep("json", "nested", "[[[[{}]]]]")
    keep("graph-document", "all", json.dumps({
        "version": 1, "metadata": [["k", {"uint32": "7"}], ["l", {"array": ["string", ["a", "b"]]}], ["f", {"float32": "0.5"}]],
        "ties": [["a", "b"]], "tensors": [["a", "F32"], ["b", "BF16"]]}))
    keep("shard-index", "two", json.dumps({"metadata": {"total_size": 8}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}))
    keep("config-json", "llama", json.dumps({
        "model_type": "llama", "vocab_size": 32, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 4, "rope_theta": 1e4, "rms_norm_eps": 1e-5, "tie_word_embeddings": True}))
    keep("config-json", "gemma2", json.dumps({
        "model_type": "gemma2", "vocab_size": 32, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 4, "sliding_window": 3, "layer_types": ["sliding_attention", "full_attention"],
        "query_pre_attn_scalar": 4, "attn_logit_softcapping": 5.0, "rope_parameters": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}}))
    keep("config-json", "gpt2", json.dumps({"model_type": "gpt2", "vocab_size": 32, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 16}))
    keep("config-json", "deberta", json.dumps({
        "model_type": "deberta-v2", "vocab_size": 32, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "max_position_embeddings": 16, "relative_attention": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True,
        "pos_att_type": "p2c|c2p", "position_biased_input": False}))
    keep("pipeline", "chain", "rpca{iterations=10},prune-probabilistic{keep=0.5 seed=0},\n quantize{bits=8 target=uv} # end\n")
    byte_level = {
        "added_tokens": [{"id": 4, "content": "<s>", "special": True, "lstrip": True}], "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "\u0120": 3}, "merges": ["a b"], "unk_token": "a"}}
    keep("tokenizer-json", "byte-level", json.dumps(byte_level))
    fallback = {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
                       {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "model": {"type": "BPE", "byte_fallback": True, "vocab": {"<unk>": 0, "<0x41>": 1, "\u2581": 2, "a": 3, "\u2581a": 4},
                  "merges": [["\u2581", "a"]], "unk_token": "<unk>", "ignore_merges": True}}
    keep("tokenizer-json", "fallback", json.dumps(fallback))
    wordpiece = {
        "normalizer": {"type": "BertNormalizer", "lowercase": True, "strip_accents": None}, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]"}}, {"Sequence": {"id": "A"}}]},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "hello": 3, "w": 4, "##o": 5, ",": 6}}}
    keep("wordpiece-json", "bert", json.dumps(wordpiece))
    keep("wordpiece-text", "bert", "[UNK]\n[CLS]\n[SEP]\nhello\n##o\n")

    # A trie of the one character \uFB01, which becomes "fi": units of a double array.
    charsmap = struct.pack("<I", 4 * 4) + struct.pack("<4I", 0, 0, 0, 0) + b"fi\0"
    steps = [{"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}, {"type": "Lowercase"}, {"type": "NFC"},
             {"type": "Strip", "strip_left": False, "strip_right": True}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"}]
    keep("unigram-json", "small", json.dumps({
        "added_tokens": [{"id": 4, "content": "[SEP]", "special": True}], "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"},
        "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "[SEP]"}}]},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["\u2581", -2], ["\u2581h", -3.5], ["ello", -4]]}}))

    def field(number, payload):
        return bytes([number << 3 | 2, len(payload)]) + payload

    def piece(text, score, role):
        return field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + bytes([0x18, role]))
    pieces = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("<0x41>", 0, 6) + piece("\u2581a", -1, 1) + piece("\u2581", -2, 1) + piece("a", -3, 4)
    keep("unigram-model", "small", pieces + field(2, bytes([0x18, 1])) + field(3, field(1, b"nmt_nfkc") + field(2, charsmap)))
    keep("tokenizer-model", "bpe", pieces + field(2, bytes([0x18, 2, 0x98, 2, 1])) + field(3, field(1, b"identity")))


def arrays():
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros((0, 2), np.int64), "c": np.float16(1.5)}
    data = save_safetensors({k: np.asarray(v) for k, v in tensors.items()}, {"k": "v"})
    keep("safetensors", "three", data)
    keep("safetensors-header", "three", data)
    for name, array, version in (("f4", tensors["a"], (1, 0)), ("fortran", np.asfortranarray(tensors["a"].astype(">i2")), (2, 0)), ("c", np.zeros(3, "b1"), (3, 0))):
        out = io.BytesIO()
        np.lib.format.write_array(out, array, version=version)
        keep("npy", name, out.getvalue())
        keep("npy-header", name, out.getvalue())
    for name, save in (("stored", np.savez), ("deflated", np.savez_compressed)):
        out = io.BytesIO()
        save(out, a=tensors["a"], b=np.zeros(40, np.uint8))
        keep("npy", name, out.getvalue())
        keep("zip", name, out.getvalue())
    wide = io.BytesIO()
    with zipfile.ZipFile(wide, "w") as archive, archive.open("a.npy", "w", force_zip64=True) as member:
        np.save(member, tensors["a"])
    keep("zip", "wide", wide.getvalue())


def ggufs():
    with tempfile.TemporaryDirectory() as temporary:
        path = temporary + "/m.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_uint32("llama.block_count", 1)
        writer.add_array("list", ["a", "b"])
        writer.add_float32("f", 0.5)
        writer.add_bool("t", True)
        writer.add_tensor("output_norm.weight", np.arange(4, dtype=np.float32))
        writer.add_tensor("x", np.zeros((2, 34), np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        data = open(path, "rb").read()
    keep("gguf", "llama", data)
    keep("gguf-header", "llama", data)
    with tempfile.TemporaryDirectory() as temporary:
        path = temporary + "/m.gguf"
        writer = gguf.GGUFWriter(path, "llama", endianess=gguf.GGUFEndian.BIG)
        writer.add_uint32("split.no", 0)
        writer.add_array("tokenizer.ggml.scores", [1.0, 2.0])
        writer.add_tensor("x", np.arange(6, dtype=np.float32).reshape(2, 3))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        data = open(path, "rb").read()
    keep("gguf", "big-endian", data)
    keep("gguf-header", "big-endian", data)


def checkpoints():
    # Checksums that were not computed let changed bytes through to what lies behind them.
    torch.serialization.set_crc32_options(False)
    weight = torch.nn.Parameter(torch.randn(2, 3))
    inner = {"w": weight, "t": weight.t(), "tied": weight, "b": torch.ones(2, dtype=torch.bfloat16), "f": torch.ones(3, dtype=torch.float8_e5m2)}
    whole = {"state_dict": OrderedDict(inner), "epoch": 3, "lr": 0.1, "name": "x", "none": None, "size": torch.Size([1]), "on": torch.device("cpu")}
    for name, value, options in (
        ("flat", inner, {}), ("nested", whole, {}), ("protocol4", whole, {"pickle_protocol": 4}),
        ("legacy", inner, {"_use_new_zipfile_serialization": False}),
    ):
        out = io.BytesIO()
        torch.save(value, out, **options)
        keep("pytorch", name, out.getvalue())
        if name == "legacy":
            continue
        with zipfile.ZipFile(out) as archive:
            member = next(i for i in archive.infolist() if i.filename.endswith("data.pkl"))
            start = member.header_offset + 30 + sum(struct.unpack_from("<HH", out.getvalue(), member.header_offset + 26))
            keep("pickle", name, out.getvalue()[start:start + member.file_size])


def containers():
    with tempfile.TemporaryDirectory() as temporary:
        np.random.seed(0)
        data = {"a.weight": np.random.randn(4, 8).astype(np.float32), "n": np.ones(3, np.float32), "i": np.arange(4, dtype=np.int32)}
        with open(temporary + "/m.safetensors", "wb") as file:
            file.write(save_safetensors(data, {"k": "v"}))
        for name, pipeline in (("dense", None), ("composite", "rpca{iterations=3 layers=matrices},quantize{bits=4 group=4 target=uv layers=matrices}"), ("sparse", "magnitude{keep=0.5 layers=matrices}")):
            out = f"{temporary}/{name}.caplet"
            command = [caplet, "convert", temporary + "/m.safetensors", "-o", out]
            if pipeline:
                command = [caplet, "compress", temporary + "/m.safetensors", "-o", out, "--pipeline", pipeline]
            if subprocess.run(command, capture_output=True).returncode != 0:
                sys.exit(f"{' '.join(command)} failed")
            content = open(out, "rb").read()
            keep("caplet", name, content)
            offset, stored, size = struct.unpack_from("<QQQ", content, len(content) - 76 + 16)
            frame = content[offset:offset + stored]
            manifest = subprocess.run(["zstd", "-d", "-c"], input=frame, capture_output=True, check=True).stdout
            keep("caplet-manifest", name, manifest)
            keep("caplet-sealed", name, struct.pack("<H", len(manifest)) + manifest + content[36:offset])
    keep("caplet-coding", "gaps", bytes([3, 4, 0, 0, 3, 0, 5, 2]))
    keep("caplet-coding", "packed", bytes([4 + (1 << 3), 6, 0, 1, 5, 7, 9, 200]))
    keep("caplet-coding", "adaptive", bytes([5, 8, 0, 6, 246, 49, 65, 5, 56, 114, 59, 34, 49, 70]))
    keep("caplet-coding", "planes", bytes([2, 8, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]))


tables()
texts()
arrays()
ggufs()
checkpoints()
containers()
