"""Rows of converting a made checkpoint: plain casts beside cp, blocks beside gguf-py and llama-quantize."""

import os
import pathlib
import subprocess
import sys

import make_checkpoint
import measure
from measure import Row, in_child, in_turns

RIVALS = pathlib.Path(__file__).parent / "rivals.py"


class Conversions:
    def __init__(self, caplet, folder, size, threads, rounds, match=""):
        self.caplet, self.folder, self.rounds, self.match = caplet, pathlib.Path(folder), rounds, match
        self.thread_counts = sorted({1, threads})
        model = self.folder / "model"
        make_checkpoint.make(model, size, 1, 1, pathlib.Path(__file__).resolve().parents[1] / "Examples/wren-7m")
        self.safetensors = model / "model.safetensors"
        self.model = model
        self.bf16 = self.prepared("bf16")
        self.q8_0 = self.prepared("q8_0")

    def prepared(self, dtype):
        path = self.folder / f"{dtype}.gguf"
        subprocess.run([self.caplet, "convert", self.model, "-o", path, "--dtype", dtype, "-q", "--json"], check=True, stdout=subprocess.DEVNULL)
        return path

    def ours(self, source, dtype, threads, suffix="gguf"):
        target = self.folder / f"ours.{suffix}"
        command = [self.caplet, "convert", source, "-o", target, "--dtype", dtype, "--threads", threads, "-q", "--json"]
        return in_child(command, [target])

    def copy(self, source):
        target = self.folder / "copy"
        return in_child(["cp", source, target], [target])

    def python(self, *arguments):
        return in_child([sys.executable, RIVALS, *arguments], [arguments[2]], reports_seconds=True)

    def row(self, work, threads, rival, bar, ours, theirs):
        if self.match not in f"{work}, {threads} threads, {rival}":
            return None
        row = Row(work, threads, rival, *in_turns([ours, theirs], self.rounds), bar=bar)
        print(f"  {work}, {threads} threads, {rival}: {row.ratio:.2f}", file=sys.stderr, flush=True)
        return row

    def rows(self):
        return (row for row in self.all_rows() if row)

    def all_rows(self):
        """Every row; a copy has one thread, as gguf-py's quantisers have."""
        theirs = str(self.folder / "theirs")
        for dtype in ["bf16", "f16"]:
            for threads in self.thread_counts:
                yield self.row(
                    f"safetensors BF16 → GGUF {dtype.upper()}", threads, "cp", 0.7,
                    self.ours(self.model, dtype, threads), self.copy(self.safetensors))
        for dtype in ["bf16", "f16", "q8_0"]:
            yield self.row(
                f"safetensors BF16 → GGUF {dtype.upper()}", 1, "gguf-py", 5,
                self.ours(self.model, dtype, 1), self.python("gguf-py", self.safetensors, theirs, dtype.upper()))
            yield self.row(
                f"safetensors BF16 → GGUF {dtype.upper()}", 1, "convert_hf_to_gguf.py", 5,
                self.ours(self.model, dtype, 1), self.python("convert-hf", self.model, theirs, dtype))
        yield self.row(
            "GGUF Q8_0 → safetensors BF16", 1, "gguf-py", 5,
            self.ours(self.q8_0, "bf16", 1, "safetensors"), self.python("gguf-py-back", self.q8_0, theirs))
        for dtype in ["q8_0", "q4_k"]:
            for threads in self.thread_counts:
                yield self.row(
                    f"GGUF BF16 → {dtype.upper()}", threads, "llama-quantize", 1,
                    self.ours(self.bf16, dtype, threads), self.python("llama-quantize", self.bf16, theirs, dtype.upper(), threads))
