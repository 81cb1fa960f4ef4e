"""Made, seeded matrices, activations and models in the range of real ones."""

import json
import pathlib
import shutil

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

import make_checkpoint

TOKENIZER = pathlib.Path(__file__).resolve().parents[1] / "Examples/wren-7m"

# A LLaMA of 110 million parameters.
SMALL = {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 15, "num_attention_heads": 12, "num_key_value_heads": 12}


def weight_like(rows, columns, seed):
    """Normal entries, a spectrum on top that falls as a power of the index, and few large entries, as trained weights have them."""
    generator = np.random.default_rng(seed)
    rank = min(rows, columns) // 8
    decay = (np.arange(1, rank + 1, dtype=np.float32) ** -0.7).astype(np.float32)
    u, v = generator.standard_normal((rows, rank), np.float32), generator.standard_normal((rank, columns), np.float32)
    w = generator.standard_normal((rows, columns), np.float32) + (u * decay) @ v
    outliers = generator.random((rows, columns), np.float32) < 1e-3
    w[outliers] *= 8
    return w * np.float32(0.02)


def activation_like(tokens, width, seed):
    """Rows with a strong mean direction, correlated features and a few features far larger than the rest."""
    generator = np.random.default_rng(seed)
    mixing = generator.standard_normal((width // 16, width), np.float32) * np.float32(4 / np.sqrt(width / 16))
    x = generator.standard_normal((tokens, width), np.float32) + generator.standard_normal((tokens, width // 16), np.float32) @ mixing
    x += generator.standard_normal(width, np.float32)
    x[:, :: width // 8] *= 10
    return x


def read(path):
    """The tensors of a safetensors file in BF16 or F32, as float32."""
    data = np.memmap(path, np.uint8, "r")
    length = int(data[:8].view("<u8")[0])
    header = json.loads(bytes(data[8 : 8 + length]))
    header.pop("__metadata__", None)
    dtypes = {"BF16": ml_dtypes.bfloat16, "F32": np.float32}
    values = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values[name] = data[begin:end].view(dtypes[entry["dtype"]]).reshape(entry["shape"]).astype(np.float32)
    return values


def llama(folder, shape, seed):
    """A checkpoint in BF16 of LLaMA's architecture, with the bundled tokenizer; weights have weight-like spectra."""
    folder.mkdir(parents=True)
    config = json.loads((TOKENIZER / "config.json").read_text()) | shape
    for name in ["tokenizer.json", "tokenizer.model", "tokenizer_config.json"]:
        shutil.copyfile(TOKENIZER / name, folder / name)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tensors = {}
    for index, (name, dimensions) in enumerate(make_checkpoint.tensors(config)):
        values = np.ones(dimensions, np.float32) if len(dimensions) == 1 else weight_like(*dimensions, seed=seed + index)
        tensors[name] = values.astype(ml_dtypes.bfloat16)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def forward_operations(config, tokens):
    """Operations of one sequence's matrix products: linear layers, attention as it is needed (half of it is masked), and the head."""
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    linear = sum(
        rows * columns for name, (rows, *rest) in make_checkpoint.tensors(config) for columns in rest if "_proj" in name)
    attention = layers * 2 * hidden * tokens / 2
    return 2 * tokens * (linear + attention + hidden * config["vocab_size"])
