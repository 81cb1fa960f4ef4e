#!/usr/bin/env python3
"""What a vision tower and projector make of a picture, by the tensors and keys of an mmproj file alone.

    vision_features.py MMPROJ.gguf PICTURE.npy

The graph is the one that llama.cpp's clip.cpp builds for `clip.projector_type`; `features` gives its outputs, [tokens, hidden].
"""

import sys

import gguf
import numpy as np
import torch
import torch.nn.functional as F


def features(path, picture):
    reader = gguf.GGUFReader(path)
    field = {key: value.contents() for key, value in reader.fields.items()}
    assert field["general.architecture"] == "clip" and field["general.type"] == "mmproj" and field["clip.has_vision_encoder"] is True
    w = {tensor.name: torch.from_numpy(np.array(tensor.data, dtype=np.float32)) for tensor in reader.tensors}
    kind = field["clip.projector_type"]
    patch, heads = field["clip.vision.patch_size"], field["clip.vision.attention.head_count"]
    epsilon, width = field["clip.vision.attention.layer_norm_epsilon"], field["clip.vision.embedding_length"]
    qwen = kind in ("qwen2vl_merger", "qwen2.5vl_merger")

    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))

    def norm(x, name):
        if kind == "qwen2.5vl_merger":
            return F.rms_norm(x, (width,), w[f"{name}.weight"], epsilon)
        return F.layer_norm(x, (width,), w[f"{name}.weight"], w[f"{name}.bias"], epsilon)

    def activation(x):
        if field.get("clip.use_silu"):
            return F.silu(x)
        return F.gelu(x, approximate="tanh") if field.get("clip.use_gelu") else x * torch.sigmoid(1.702 * x)

    pixels = torch.from_numpy(picture)[None]
    x = F.conv2d(pixels, w["v.patch_embd.weight"], w.get("v.patch_embd.bias"), stride=patch)
    if qwen:
        x = x + F.conv2d(pixels, w["v.patch_embd.weight.1"], stride=patch)
    side = x.shape[-1]
    turn = None
    if qwen:
        # Squares of four patches after one another, and where each patch stands.
        x = x[0].reshape(width, side // 2, 2, side // 2, 2).permute(1, 3, 2, 4, 0).reshape(-1, width)
        place = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"))
        place = place.reshape(2, side // 2, 2, side // 2, 2).permute(0, 1, 3, 2, 4).reshape(2, -1, 1)
        size = width // heads // 2
        frequencies = 10000.0 ** (-torch.arange(0, size, 2) / size)
        angles = torch.cat([place[0] * frequencies, place[1] * frequencies], dim=1).repeat(1, 2)
        turn = angles.cos(), angles.sin()
    else:
        x = x[0].flatten(1).T
        if "v.class_embd" in w:
            x = torch.cat([w["v.class_embd"][None], x])
        x = x + w["v.position_embd.weight"]
    if "v.pre_ln.weight" in w:
        x = norm(x, "v.pre_ln")

    def split(y):
        y = y.reshape(len(y), heads, -1).transpose(0, 1)
        return y

    def turned(y):
        if turn is None:
            return y
        first, second = y.chunk(2, dim=-1)
        return y * turn[0] + torch.cat([-second, first], dim=-1) * turn[1]

    for block in range(field["clip.vision.block_count"]):
        own = f"v.blk.{block}"
        y = norm(x, f"{own}.ln1")
        q, k, v = (split(linear(y, f"{own}.attn_{part}")) for part in "qkv")
        y = F.scaled_dot_product_attention(turned(q)[None], turned(k)[None], v[None])[0].transpose(0, 1).reshape(len(x), -1)
        x = x + linear(y, f"{own}.attn_out")
        y = norm(x, f"{own}.ln2")
        inner = linear(y, f"{own}.ffn_up")
        inner = activation(linear(y, f"{own}.ffn_gate")) * inner if f"{own}.ffn_gate.weight" in w else activation(inner)
        x = x + linear(inner, f"{own}.ffn_down")
    assert f"v.blk.{field['clip.vision.block_count']}.ln1.weight" not in w
    if "v.post_ln.weight" in w:
        x = norm(x, "v.post_ln")
    if kind == "mlp":
        return linear(F.gelu(linear(x[1:], "mm.0")), "mm.2").numpy()
    if kind == "gemma3":
        x = F.avg_pool2d(x.T.reshape(1, width, side, side), field.get("clip.vision.projector.scale_factor", 4))[0].flatten(1).T
        return (F.rms_norm(x, (width,), w["mm.soft_emb_norm.weight"], epsilon) @ w["mm.input_projection.weight"]).numpy()
    return linear(F.gelu(linear(x.reshape(-1, 4 * width), "mm.0")), "mm.2").numpy()


if __name__ == "__main__":
    print(features(sys.argv[1], np.load(sys.argv[2])))
