"""Rows of packing a checkpoint without loss and unpacking it: beside ZipNN and zstd, with the sizes that each reaches."""

import os
import pathlib
import subprocess
import sys

import make_checkpoint
from measure import Row, in_child, in_turns

RIVALS = pathlib.Path(__file__).parent / "rivals.py"


class Lossless:
    """The bundled model as it is (BF16), made checkpoints in BF16 and in F32."""

    def __init__(self, caplet, folder, size, threads, rounds):
        self.caplet, self.folder, self.rounds = caplet, pathlib.Path(folder), rounds
        self.thread_counts = sorted({1, threads})
        bundled = pathlib.Path(__file__).resolve().parents[1] / "Examples/wren-7m"
        self.models = {"wren-7m BF16": bundled / "model.safetensors"}
        for dtype in ["bf16", "f32"]:
            make_checkpoint.make(self.folder / dtype, size, 1, 1, bundled, dtype)
            self.models[f"made {dtype.upper()}"] = self.folder / dtype / "model.safetensors"
        self.sizes = []

    def rows(self):
        for name, model in self.models.items():
            packed = {side: self.folder / f"packed.{side}" for side in ["caplet", "zipnn", "zst"]}
            self.run([self.caplet, "compress", "--lossless", model, "-o", packed["caplet"], "--force", "-q"])
            self.run([sys.executable, RIVALS, "zipnn", model, packed["zipnn"], 1])
            self.run(["zstd", "-q", "-f", model, "-o", packed["zst"]])
            self.sizes.append({"model": name, "bytes": os.path.getsize(model), **{k: os.path.getsize(p) for k, p in packed.items()}})
            for threads in self.thread_counts:
                for rival, bar in [("zipnn", 0.7), ("zst", 1)]:
                    yield self.row(f"{name}: pack", threads, rival, bar, model, packed)
                    yield self.row(f"{name}: unpack", threads, rival, bar, model, packed)

    def row(self, work, threads, rival, bar, model, packed):
        if work.endswith(": pack"):
            target = self.folder / "ours.caplet"
            ours = [self.caplet, "compress", "--lossless", model, "-o", target, "--threads", threads, "-q", "--no-progress"]
            sides = [in_child(ours, [target]), self.rival(rival, threads, model, None)]
        else:
            target = self.folder / "ours.safetensors"
            ours = [self.caplet, "convert", packed["caplet"], "-o", target, "--threads", threads, "-q", "--no-progress"]
            sides = [in_child(ours, [target]), self.rival(rival, threads, None, packed[rival])]
        name = {"zipnn": "ZipNN", "zst": f"zstd -T{threads}"}[rival]
        row = Row(work, threads, name, *in_turns(sides, self.rounds), bar=bar)
        print(f"  {work}, {threads} threads, {name}: {row.ratio:.2f}", file=sys.stderr, flush=True)
        return row

    def rival(self, rival, threads, model, packed):
        """The rival's side: packs `model`, or unpacks what it packed."""
        target = self.folder / "theirs"
        if rival == "zipnn":
            side = ["zipnn", model] if model else ["zipnn-back", packed]
            return in_child([sys.executable, RIVALS, *side, target, threads], [target], reports_seconds=True)
        side = [f"-T{threads}", model] if model else ["-d", packed]
        return in_child(["zstd", "-q", *side, "-o", target], [target])

    @staticmethod
    def run(command):
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)

    def size_table(self):
        """Whole files, and how many times as small as the checkpoint they are."""
        lines = ["| checkpoint | bytes | caplet | ZipNN | zstd -3 |", "|---|---|---|---|---|"]
        for row in self.sizes:
            cells = [f"{row[side]:,} ({row['bytes'] / row[side]:.4f}×)" for side in ["caplet", "zipnn", "zst"]]
            lines.append(f"| {row['model']} | {row['bytes']:,} | {' | '.join(cells)} |")
        return "\n".join(lines)
