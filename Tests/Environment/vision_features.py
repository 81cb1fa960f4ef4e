#!/usr/bin/env python3
"""What a vision tower and projector make of a picture, by the tensors and keys of an mmproj file alone.

    vision_features.py MMPROJ.gguf PICTURE.npy

The graph is the one that llama.cpp's clip.cpp builds for `clip.projector_type`, but that CLIP's class token comes first, as its positions do;
`features` gives its outputs, [tokens, hidden].
"""

import sys

import gguf
import numpy as np
import torch
import torch.nn.functional as F

MERGERS = ("qwen2vl_merger", "qwen2.5vl_merger", "qwen3vl_merger")


def features(path, picture):
    reader = gguf.GGUFReader(path)
    field = {key: value.contents() for key, value in reader.fields.items()}
    assert field["general.architecture"] == "clip" and field["general.type"] == "mmproj" and field["clip.has_vision_encoder"] is True
    w = {tensor.name: torch.tensor(gguf.dequantize(tensor.data, tensor.tensor_type)) for tensor in reader.tensors}
    return Tower(field, w, picture).outputs().numpy()


class Tower:
    def __init__(self, field, w, picture):
        self.field, self.w, self.kind = field, w, field["clip.projector_type"]
        self.patch, self.heads = field["clip.vision.patch_size"], field["clip.vision.attention.head_count"]
        self.epsilon, self.width = field["clip.vision.attention.layer_norm_epsilon"], field["clip.vision.embedding_length"]
        self.pixels = torch.from_numpy(picture)[None]
        self.rows, self.columns = picture.shape[1] // self.patch, picture.shape[2] // self.patch
        self.scale = field.get("clip.vision.projector.scale_factor", 4)

    # For `clip.projector_type` "mlp" and so on there is a method `as_…` that makes the outputs of the last block those of the projector.

    def linear(self, x, name):
        return F.linear(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"))

    def norm(self, x, name):
        weight = self.w[f"{name}.weight"]
        if self.kind in ("qwen2.5vl_merger", "pixtral"):
            return F.rms_norm(x, weight.shape, weight, self.epsilon)
        return F.layer_norm(x, weight.shape, weight, self.w[f"{name}.bias"], self.epsilon)

    def activation(self, x):
        if self.field.get("clip.use_silu"):
            return F.silu(x)
        return F.gelu(x, approximate="tanh") if self.field.get("clip.use_gelu") else x * torch.sigmoid(1.702 * x)

    def squares(self, x):
        """[width, rows, columns] as rows, squares of four after one another."""
        x = x.reshape(-1, self.rows // 2, 2, self.columns // 2, 2)
        return x.permute(1, 3, 2, 4, 0).reshape(self.rows * self.columns, -1)

    def embedded(self):
        w, kernel = self.w, self.w["v.patch_embd.weight"]
        if self.kind == "llama4":
            kernel = kernel.reshape(self.width, 3, self.patch, self.patch)
        x = F.conv2d(self.pixels, kernel, w.get("v.patch_embd.bias"), stride=self.patch)
        positions = w.get("v.position_embd.weight")
        if self.kind in MERGERS:
            x = self.squares(x[0] + F.conv2d(self.pixels, w["v.patch_embd.weight.1"], stride=self.patch)[0])
            if positions is not None:
                side = round(len(positions) ** 0.5)
                table = positions.T.reshape(1, self.width, side, side)
                size = (self.rows, self.columns)
                x = x + self.squares(F.interpolate(table, size=size, mode="bilinear", align_corners=True)[0])
            return x
        x = x[0].flatten(1).T
        if "v.class_embd" in w:
            parts = [x, w["v.class_embd"][None]]
            x = torch.cat(parts[::-1] if self.kind == "mlp" else parts)
        return x if positions is None else x + positions

    def angles(self):
        """How far each pair turns, [positions, pairs]."""
        size = self.width // self.heads // 2
        place = torch.stack(torch.meshgrid(torch.arange(self.rows), torch.arange(self.columns), indexing="ij"))
        if self.kind in MERGERS:
            place = self.squares(place.float()).T[..., None]
            frequencies = 10000.0 ** (-torch.arange(0, size, 2) / size)
            return torch.cat([place[0] * frequencies, place[1] * frequencies], dim=1)
        place = place.reshape(2, -1, 1).float()
        if self.kind == "pixtral":
            frequencies = 10000.0 ** (-torch.arange(0, size) / size)
            return torch.cat([place[0] * frequencies[::2], place[1] * frequencies[1::2]], dim=1)
        frequencies = 10000.0 ** (-torch.arange(0, size, 2) / size)
        angles = torch.cat([(place[1] + 1) * frequencies, (place[0] + 1) * frequencies], dim=1)
        return torch.cat([angles, torch.zeros(1, size)])

    def turned(self, y, angles):
        """Halves of a head turn together in Qwen's towers, neighbours in the others."""
        if angles is None:
            return y
        cos, sin = angles.cos(), angles.sin()
        if self.kind in MERGERS:
            first, second = y.chunk(2, dim=-1)
            return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
        first, second = y[..., ::2], y[..., 1::2]
        return torch.stack([first * cos - second * sin, second * cos + first * sin], dim=-1).flatten(-2)

    def attended(self, y, own, angles):
        if f"{own}.attn_qkv.weight" in self.w:
            parts = self.linear(y, f"{own}.attn_qkv").chunk(3, dim=-1)
        else:
            parts = [self.linear(y, f"{own}.attn_{part}") for part in "qkv"]
        q, k, v = (part.reshape(len(y), self.heads, -1).transpose(0, 1) for part in parts)
        z = F.scaled_dot_product_attention(self.turned(q, angles)[None], self.turned(k, angles)[None], v[None])
        return self.linear(z[0].transpose(0, 1).reshape(len(y), -1), f"{own}.attn_out")

    def blocks(self, x, deep):
        angles = self.angles() if self.kind in (*MERGERS, "pixtral", "llama4") else None
        for block in range(self.field.get("clip.vision.feature_layer", [self.field["clip.vision.block_count"]])[0]):
            own = f"v.blk.{block}"
            x = x + self.attended(self.norm(x, f"{own}.ln1"), own, angles) * self.w.get(f"{own}.ls1.weight", torch.ones(()))
            y = self.norm(x, f"{own}.ln2")
            inner = self.linear(y, f"{own}.ffn_up")
            if f"{own}.ffn_gate.weight" in self.w:
                inner = self.activation(self.linear(y, f"{own}.ffn_gate")) * inner
            else:
                inner = self.activation(inner)
            x = x + self.linear(inner, f"{own}.ffn_down") * self.w.get(f"{own}.ls2.weight", torch.ones(()))
            if f"v.deepstack.{block}.fc1.weight" in self.w:
                y = self.norm(x.reshape(-1, 4 * self.width), f"v.deepstack.{block}.norm")
                deep.append(self.linear(F.gelu(self.linear(y, f"v.deepstack.{block}.fc1")), f"v.deepstack.{block}.fc2"))
        assert f"v.blk.{self.field['clip.vision.block_count']}.ln1.weight" not in self.w
        # Of LLaVA's towers llama.cpp runs a block less than there are where this key does not say how many.
        assert self.kind != "mlp" or "clip.vision.feature_layer" in self.field
        return x

    def outputs(self):
        x, deep = self.embedded(), []
        if "v.pre_ln.weight" in self.w:
            x = self.norm(x, "v.pre_ln")
        x = self.blocks(x, deep)
        if "v.post_ln.weight" in self.w:
            x = self.norm(x, "v.post_ln")
        if self.kind in MERGERS:
            return torch.cat([self.two_layers(x.reshape(-1, 4 * self.width), 0, 2)] + deep, dim=1)
        return getattr(self, f"as_{self.kind}")(x)

    def two_layers(self, x, first, second):
        return self.linear(F.gelu(self.linear(x, f"mm.{first}")), f"mm.{second}")

    def shuffled(self, x):
        """Squares of patches as one row each."""
        x = x.reshape(self.rows // self.scale, self.scale, self.columns // self.scale, self.scale, self.width)
        return x.permute(0, 2, 1, 3, 4).reshape(-1, self.scale * self.scale * self.width)

    def as_mlp(self, x):
        return self.two_layers(x[1:] if "v.class_embd" in self.w else x, 0, 2)

    def as_gemma3(self, x):
        x = F.avg_pool2d(x.T.reshape(1, self.width, self.rows, self.columns), self.scale)[0].flatten(1).T
        return F.rms_norm(x, (self.width,), self.w["mm.soft_emb_norm.weight"], self.epsilon) @ self.w["mm.input_projection.weight"]

    def as_idefics3(self, x):
        return self.linear(self.shuffled(x), "mm.model.fc")

    def as_internvl(self, x):
        x = self.shuffled(x[:-1])
        x = F.layer_norm(x, x.shape[-1:], self.w["mm.model.mlp.0.weight"], self.w["mm.model.mlp.0.bias"], 1e-5)
        return self.linear(F.gelu(self.linear(x, "mm.model.mlp.1")), "mm.model.mlp.3")

    def as_llama4(self, x):
        x = F.gelu(self.linear(self.shuffled(x[:-1]), "mm.model.mlp.1"))
        return self.linear(F.gelu(self.linear(x, "mm.model.mlp.2")), "mm.model.fc")

    def as_pixtral(self, x):
        """The token that ends a row comes after each but the last."""
        rows, merge = self.rows, self.field.get("clip.vision.spatial_merge_size", 1)
        if "mm.patch_merger.weight" in self.w:
            x = F.rms_norm(x, (self.width,), self.w["mm.input_norm.weight"], self.epsilon)
            x = F.unfold(x.T.reshape(1, self.width, rows, self.columns), merge, stride=merge)[0].T @ self.w["mm.patch_merger.weight"].T
        x = self.two_layers(x, 1, 2).reshape(rows // merge, self.columns // merge, -1)
        ends = self.w["v.token_embd.img_break"].expand(len(x), 1, -1)
        return torch.cat([x, ends], dim=1).flatten(0, 1)[:-1]


if __name__ == "__main__":
    print(features(sys.argv[1], np.load(sys.argv[2])))
