#!/usr/bin/env python3
"""A LLaMA-shaped checkpoint of a given size, in BF16 or F32 shards: seeded normal values, written a piece at a time.

    make_checkpoint.py OUT --size 12GB [--shards 3] [--seed 1] [--dtype bf16|f32] [--tokenizer Examples/wren-7m]

The folder has configuration, tokenizer and index as a Hugging Face checkpoint has them, so that converters and llama.cpp
take it for a model. Values are drawn once, 16 Mi of them, and each piece of a tensor starts at a place of its own among
them: weights in the range of real ones, in no order, at the speed of the disk.
"""

import argparse
import json
import pathlib
import shutil

import ml_dtypes
import numpy as np

POOL = 1 << 24
PIECE = 1 << 22
DTYPES = {"bf16": ("BF16", "bfloat16", np.dtype(ml_dtypes.bfloat16)), "f32": ("F32", "float32", np.dtype(np.float32))}
UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def byte_count(text):
    digits = text.rstrip("KMGB")
    return int(float(digits) * UNITS[text[len(digits):]])


def configuration(size, vocabulary, dtype):
    """Layers of LLaMA-2-7B's shape, or of half its width where they would be few, as many as come closest to `size`."""
    hidden, intermediate, heads, key_heads = (4096, 11008, 32, 8) if size >= 4e9 else (2048, 5504, 16, 4)
    width = DTYPES[dtype][2].itemsize
    layer = width * (2 * hidden * hidden + 2 * hidden * hidden * key_heads // heads + 3 * hidden * intermediate + 2 * hidden)
    ends = width * (2 * vocabulary * hidden + hidden)
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocabulary, "hidden_size": hidden,
        "intermediate_size": intermediate, "num_hidden_layers": max(1, round((size - ends) / layer)),
        "num_attention_heads": heads, "num_key_value_heads": key_heads, "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False,
        "attention_bias": False, "mlp_bias": False, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": DTYPES[dtype][1],
    }


def tensors(config):
    """Names and shapes in the order of the model."""
    hidden, intermediate, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    keys = hidden * config["num_key_value_heads"] // config["num_attention_heads"]
    yield "model.embed_tokens.weight", (vocabulary, hidden)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (hidden,)
        yield prefix + "self_attn.q_proj.weight", (hidden, hidden)
        yield prefix + "self_attn.k_proj.weight", (keys, hidden)
        yield prefix + "self_attn.v_proj.weight", (keys, hidden)
        yield prefix + "self_attn.o_proj.weight", (hidden, hidden)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        yield prefix + "mlp.gate_proj.weight", (intermediate, hidden)
        yield prefix + "mlp.up_proj.weight", (intermediate, hidden)
        yield prefix + "mlp.down_proj.weight", (hidden, intermediate)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (vocabulary, hidden)


def split(named, shards, width):
    """Tensors in order, in `shards` groups of about as many bytes."""
    total = sum(width * int(np.prod(shape)) for _, shape in named)
    groups, before = [[] for _ in range(shards)], 0
    for name, shape in named:
        groups[min(shards - 1, before * shards // total)].append((name, shape))
        before += width * int(np.prod(shape))
    return [group for group in groups if group], total


def write_shard(path, group, pool, generator, dtype):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in group:
        end = offset + pool.itemsize * int(np.prod(shape))
        header[name] = {"dtype": DTYPES[dtype][0], "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in group:
            count = int(np.prod(shape))
            if name.endswith("norm.weight"):
                file.write(np.ones(count, DTYPES[dtype][2]).tobytes())
                continue
            for start in range(0, count, PIECE):
                length = min(PIECE, count - start)
                place = int(generator.integers(POOL - length + 1))
                file.write(memoryview(pool[place:place + length]).cast("B"))


def make(folder, size, shards, seed, tokenizer, dtype="bf16"):
    folder.mkdir(parents=True)
    vocabulary = json.loads((tokenizer / "config.json").read_text())["vocab_size"]
    config = configuration(size, vocabulary, dtype)
    for name in ["tokenizer.json", "tokenizer.model", "tokenizer_config.json"]:
        shutil.copyfile(tokenizer / name, folder / name)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    generator = np.random.default_rng(seed)
    values = generator.standard_normal(POOL, np.float32) * np.float32(0.02)
    pool = values.astype(DTYPES[dtype][2], copy=False)
    pool = pool.view(f"u{pool.itemsize}")
    groups, total = split(list(tensors(config)), shards, pool.itemsize)
    names = [f"model-{i + 1:05}-of-{len(groups):05}.safetensors" for i in range(len(groups))]
    if len(groups) == 1:
        names = ["model.safetensors"]
    for name, group in zip(names, groups):
        write_shard(folder / name, group, pool, generator, dtype)
    if len(groups) > 1:
        places = {tensor: name for name, group in zip(names, groups) for tensor, _ in group}
        index = {"metadata": {"total_size": total}, "weight_map": places}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--size", type=byte_count, default=10**9, help="bytes of tensors, such as 12GB; met to a layer")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    repository = pathlib.Path(__file__).resolve().parents[1]
    parser.add_argument("--tokenizer", type=pathlib.Path, default=repository / "Examples/wren-7m")
    options = parser.parse_args()
    total = make(options.out, options.size, options.shards, options.seed, options.tokenizer, options.dtype)
    print(f"{options.out}: {total:,} bytes of tensors in {options.shards} shards")


if __name__ == "__main__":
    main()
