"""Rows of casts and block codecs in memory, on one thread: the kernels of Sources/CKernels, compiled as the package compiles them,
beside numpy, ml_dtypes, gguf-py and ggml in one process."""

import ctypes
import importlib.util
import pathlib
import subprocess
import sys

import ml_dtypes
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

from measure import Row, in_process, in_turns

ENCODED = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]
DECODED = ENCODED[1:]


def library(folder, compiler="clang"):
    kernels = pathlib.Path(__file__).resolve().parents[1] / "Sources/CKernels"
    path = f"{folder}/kernels.so"
    sources = [str(source) for source in sorted(kernels.glob("*.c"))]
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", f"-I{kernels}/include", *sources, "-o", path, "-lm"], check=True)
    return ctypes.CDLL(path)


def ggml():
    folder = pathlib.Path(importlib.util.find_spec("llama_cpp").origin).parent / "lib"
    base = ctypes.CDLL(str(folder / "libggml-base.so"))

    class Parameters(ctypes.Structure):
        _fields_ = [("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool)]

    base.ggml_init.argtypes = [Parameters]
    base.ggml_init.restype = ctypes.c_void_p
    base.ggml_init(Parameters(1 << 20, None, False))  # fills ggml's tables
    base.ggml_quantize_chunk.restype = ctypes.c_size_t
    base.ggml_quantize_chunk.argtypes = [ctypes.c_int] + [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    return base


class Kernels:
    def __init__(self, folder, rounds, limit):
        """limit: bytes a second that one thread's memcpy reads and writes."""
        self.library, self.ggml, self.rounds, self.limit = library(folder), ggml(), rounds, limit
        self.generator = np.random.default_rng(1)

    def call(self, name, *arguments):
        """A kernel of arrays, then the count of elements."""
        function = getattr(self.library, name)
        function.argtypes = [ctypes.c_void_p] * (len(arguments) - 1) + [ctypes.c_size_t]
        pointers = [array.ctypes.data for array in arguments[:-1]]
        return lambda: function(*pointers, arguments[-1])

    def row(self, work, rival, bar, ours, theirs, bytes_moved=None):
        row = Row(work, 1, rival, *in_turns([in_process(ours), in_process(theirs)], self.rounds), bar=bar)
        if bytes_moved:
            row.amount, row.limit = bytes_moved, self.limit
        print(f"  {work}, {rival}: {row.ratio:.2f}", file=sys.stderr, flush=True)
        return row

    def casts(self):
        halves = {"bf16": ml_dtypes.bfloat16, "f16": np.float16}
        for place, count in [("cache", 1 << 16), ("memory", 1 << 26)]:
            floats = (self.generator.standard_normal(count, np.float32) * np.float32(0.02))
            for name, dtype in halves.items():
                wide, narrow = np.empty_like(floats), floats.astype(dtype)
                moved = 6 * count if place == "memory" else None
                yield self.row(
                    f"cast {name} → f32, {place}", "ml_dtypes" if name == "bf16" else "numpy", None,
                    self.call(f"caplet_f32_from_{name}", narrow, wide, count), lambda: np.copyto(wide, narrow, casting="unsafe"), moved)
                target = np.empty_like(narrow)
                yield self.row(
                    f"cast f32 → {name}, {place}", "ml_dtypes" if name == "bf16" else "numpy", None,
                    self.call(f"caplet_{name}_from_f32", floats, target, count), lambda: np.copyto(target, floats, casting="unsafe"), moved)

    def codecs(self, rows=1024, columns=4096):
        values = self.generator.standard_normal((rows, columns), np.float32) * np.float32(0.02)
        for name in ENCODED:
            kind = GGMLQuantizationType[name]
            elements, size = GGML_QUANT_SIZES[kind]
            blocks = [np.zeros((rows, columns // elements * size), np.uint8) for _ in range(2)]
            encode = self.q8_0_encoder(values, blocks[0]) if name == "Q8_0" else self.call(
                f"caplet_{name.lower()}_encode", values, blocks[0], values.size)
            yield self.row(
                f"encode {name}", "ggml", 1, encode,
                lambda: self.ggml.ggml_quantize_chunk(
                    int(kind), values.ctypes.data, blocks[1].ctypes.data, 0, rows, columns, None))
            if name in DECODED:
                decoded = np.empty_like(values)
                yield self.row(
                    f"decode {name}", "gguf-py", 5, self.call(f"caplet_{name.lower()}_decode", blocks[0], decoded, values.size),
                    lambda: quants.dequantize(blocks[0], kind))

    def q8_0_encoder(self, values, blocks):
        """Run by run, as the writer does it: codes and scales, then joined."""
        run = 1 << 16
        codes, scales = np.empty(run, np.int8), np.empty(run // 32, np.uint16)
        flat = values.reshape(-1)
        parts = [flat[start:start + run] for start in range(0, flat.size, run)]
        steps = []
        for index, part in enumerate(parts):
            target = blocks.reshape(-1)[index * run // 32 * 34:]
            steps += [
                self.call("caplet_q8_0_encode", part, codes, scales, part.size),
                self.call("caplet_q8_0_join", codes, scales, target, part.size)]

        def encode():
            for step in steps:
                step()
        return encode

    def rows(self):
        yield from self.casts()
        yield from self.codecs()
