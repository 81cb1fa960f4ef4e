#!/usr/bin/env python3
"""Megabytes of F32 a second that one thread encodes, by our kernels and by ggml's quantisers, and the ratio of squared errors.

    encode_throughput.py [--megabytes 64] [--rounds 5] [--compiler clang]

The kernels of Sources/CKernels are compiled as the package compiles them; ggml is the library of llama-cpp-python. Both encode the
same normal values in one process, in turns; the best of the rounds counts.
"""

import argparse
import ctypes
import importlib.util
import pathlib
import subprocess
import tempfile
import time

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

TYPES = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]


def ggml_library():
    folder = pathlib.Path(importlib.util.find_spec("llama_cpp").origin).parent / "lib"
    library = ctypes.CDLL(str(folder / "libggml-base.so"))

    class Parameters(ctypes.Structure):
        _fields_ = [("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool)]

    library.ggml_init.argtypes = [Parameters]
    library.ggml_init.restype = ctypes.c_void_p
    library.ggml_init(Parameters(1 << 20, None, False))  # fills ggml's tables
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = [ctypes.c_int] + [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    return library


def our_library(compiler, folder):
    kernels = pathlib.Path(__file__).resolve().parents[2] / "Sources/CKernels"
    path = f"{folder}/kernels.so"
    sources = [str(source) for source in sorted(kernels.glob("*.c"))]
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", f"-I{kernels}/include", *sources, "-o", path, "-lm"], check=True)
    return ctypes.CDLL(path)


def our_encoder(library, name):
    pointers = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    if name != "Q8_0":
        encode = getattr(library, f"caplet_{name.lower()}_encode")
        encode.argtypes = pointers
        return lambda values, blocks: encode(values.ctypes.data, blocks.ctypes.data, values.size)
    split, join = library.caplet_q8_0_encode, library.caplet_q8_0_join
    split.argtypes = join.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_size_t]

    def encode(values, blocks):
        """Run by run, as the writer does it."""
        run = 1 << 18
        codes, scales = np.empty(run, np.int8), np.empty(run // 32, np.uint16)
        for start in range(0, values.size, run):
            count = min(run, values.size - start)
            split(values.ctypes.data + 4 * start, codes.ctypes.data, scales.ctypes.data, count)
            join(codes.ctypes.data, scales.ctypes.data, blocks.ctypes.data + start // 32 * 34, count)

    return encode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compiler", default="clang")
    options = parser.parse_args()
    columns = 4096
    rows = options.megabytes * 1_000_000 // (4 * columns)
    values = np.random.default_rng(1).normal(size=(rows, columns)).astype(np.float32) * np.float32(0.02)
    ggml = ggml_library()
    with tempfile.TemporaryDirectory() as folder:
        library = our_library(options.compiler, folder)
    print(f"{'type':6}{'ours MB/s':>12}{'ggml MB/s':>12}{'ratio':>8}{'error ratio':>13}")
    for name in TYPES:
        type = GGMLQuantizationType[name]
        elements, size = GGML_QUANT_SIZES[type]
        blocks = [np.zeros((rows, columns // elements * size), np.uint8) for _ in range(2)]
        encode = our_encoder(library, name)
        runs = [
            lambda: encode(values, blocks[0]),
            lambda: ggml.ggml_quantize_chunk(int(type), values.ctypes.data, blocks[1].ctypes.data, 0, rows, columns, None),
        ]
        best = [float("inf")] * 2
        for _ in range(options.rounds):
            for index, run in enumerate(runs):
                start = time.perf_counter()
                run()
                best[index] = min(best[index], time.perf_counter() - start)
        part = slice(0, 64)
        errors = [((quants.dequantize(b[part], type).astype(np.float64) - values[part]) ** 2).sum() for b in blocks]
        ours, theirs = (values.nbytes / 1e6 / seconds for seconds in best)
        print(f"{name:6}{ours:12.0f}{theirs:12.0f}{ours / theirs:8.2f}{errors[0] / errors[1]:13.4f}", flush=True)


if __name__ == "__main__":
    main()
