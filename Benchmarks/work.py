"""Rows of linear algebra and models: `caplet-work` beside numpy, torch and llama.cpp, each side a process that times its own work."""

import json
import pathlib
import subprocess
import sys

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

import made_models
from measure import Row, in_child, in_turns, median

RIVALS = pathlib.Path(__file__).parent / "numeric_rivals.py"
WREN = pathlib.Path(__file__).resolve().parents[1] / "Examples/wren-7m"
SUBJECTS = ["rpca", "svt", "forward", "allocation", "layerwise"]
SEQUENCES, CONTEXT = 64, 256


class Works:
    def __init__(self, options, folder, threads, limits):
        self.options, self.folder = options, pathlib.Path(folder)
        self.thread_counts = sorted({1, threads})
        self.sgemm = limits["sgemmOperationsPerSecond"]

    def rows(self, subjects):
        for subject in subjects:
            yield from (row for row in getattr(self, subject)() if row)

    def ours(self, subject, source, threads, **settings):
        program = pathlib.Path(self.options.caplet).with_name("caplet-work")
        return in_child([program, subject, source, *self.settings(threads=threads, **settings)], [], reports_seconds=True)

    def theirs(self, subject, source, threads, **settings):
        return in_child([sys.executable, RIVALS, subject, source, threads, *self.settings(**settings)], [], reports_seconds=True)

    @staticmethod
    def settings(**settings):
        return [f"{name}={value}" for name, value in settings.items()]

    def row(self, work, threads, rival, bar, sides, operations=None, note=None):
        """`operations`: what the algorithm needs, against sgemm of the same run; `note`: makes a remark of the figures of both sides."""
        if self.options.match not in f"{work}, {threads} threads, {rival}":
            return None
        results = in_turns(sides, self.options.rounds, self.options.warm_up)
        row = Row(work, threads, rival, results[0], results[1] if len(results) > 1 else [], bar=bar)
        if operations:
            row.amount, row.limit = operations, self.sgemm[str(threads)]
        if note:
            row.note = note(row.ours[-1].figures, row.theirs[-1].figures if row.theirs else {})
        ratio = f"{row.ratio:.2f}" if row.theirs else f"{median(row.ours):.3g} s"
        print(f"  {work}, {threads} threads, {rival}: {ratio} {row.note}", file=sys.stderr, flush=True)
        return row

    # Robust PCA and singular value thresholding.

    def matrix(self, rows, columns):
        path = self.folder / f"{rows}x{columns}.safetensors"
        if not path.exists():
            save_file({"w": made_models.weight_like(rows, columns, seed=1)}, path)
        return path

    def shapes(self):
        return [(1024, 1024), (2048, 2048)] + ([(4096, 4096), (4096, 11008)] if self.options.large else [])

    @staticmethod
    def thresholding_operations(rows, columns):
        """Of one thresholding by the Gram matrix's eigenvectors: XᵀX by symmetry, to tridiagonal form, eigenvectors back, and one product
        of the input's shape."""
        k, wide = min(rows, columns), max(rows, columns)
        return wide * k**2 + 4 / 3 * k**3 + 2 * k**3 + 2 * wide * k**2

    def rpca(self):
        steps = 10

        def objectives(own, other):
            return f"objective {own['objective'] / other['objective'] - 1:+.1e}"
        works = [(f"rpca {m}×{n}", self.matrix(m, n), steps * self.thresholding_operations(m, n)) for m, n in self.shapes()]
        works.append(("rpca wren-7m, 42 layers", self.wren_layers(), None))
        for work, path, operations in works:
            for threads in self.thread_counts:
                sides = [self.ours("rpca", path, threads, steps=steps), self.theirs("rpca", path, threads, steps=steps)]
                yield self.row(work, threads, "numpy, gesdd", 4, sides, operations, objectives)

    def svt(self):
        for m, n in self.shapes():
            path = self.matrix(m, n)
            w = made_models.weight_like(m, n, seed=1)
            tau = 4 * float(np.abs(w).mean(dtype=np.float64))
            outputs = [self.folder / "ours.f32", self.folder / "theirs.f32"]
            for threads in self.thread_counts:
                sides = [self.ours("svt", path, threads, threshold=tau), self.theirs("svt", path, threads, threshold=tau)]

                def error(*_):
                    self.ours("svt", path, threads, threshold=tau, output=outputs[0])()
                    self.theirs("svt", path, threads, threshold=tau, output=outputs[1])()
                    ours, theirs = (np.fromfile(output, np.float32).astype(np.float64) for output in outputs)
                    return f"error {np.linalg.norm(ours - theirs) / np.linalg.norm(theirs):.1e}"
                yield self.row(
                    f"singular value thresholding {m}×{n}", threads, "numpy, gesdd", 5, sides, self.thresholding_operations(m, n), error)

    def wren_layers(self):
        """The matrices of the bundled model's linear layers, in float32."""
        path = self.folder / "wren-layers.safetensors"
        if not path.exists():
            save_file({name: value for name, value in made_models.read(WREN / "model.safetensors").items() if "_proj" in name}, path)
        return path

    # Models.

    def models(self):
        """Name, folder, and operations of a forward pass over all tokens in matrix products."""
        made = self.folder / "made-110m"
        if not made.exists():
            made_models.llama(made, made_models.SMALL, seed=1)
        for name, folder in [("wren-7m", WREN), ("made 110 M", made)]:
            config = json.loads((folder / "config.json").read_text())
            yield name, folder, SEQUENCES * made_models.forward_operations(config, CONTEXT)

    def tokens(self, vocabulary):
        path = self.folder / f"tokens-{vocabulary}.i32"
        if not path.exists():
            np.random.default_rng(1).integers(3, vocabulary, (SEQUENCES, CONTEXT), np.int32).tofile(path)
        return path

    def caplet(self, *arguments):
        subprocess.run([str(part) for part in [self.options.caplet, *arguments, "-q"]], check=True, stdout=subprocess.DEVNULL)

    def prepared(self, target, *arguments):
        path = self.folder / target
        if not path.exists():
            self.caplet(*arguments, "-o", path)
        return path

    def forward(self):
        def losses(own, other):
            return f"loss {own['loss']:.5f}, {other['loss']:.5f}"
        for name, folder, operations in self.models():
            tokens = self.tokens(json.loads((folder / "config.json").read_text())["vocab_size"])
            settings = {"tokens": tokens, "context": CONTEXT}
            gguf = self.prepared(f"{folder.name}.gguf", "convert", folder, "--dtype", "f32")
            composite = self.prepared(
                f"{folder.name}.caplet", "compress", folder, "--pipeline",
                "oats{keep=0.12 rank-ratio=0.5 iterations=2}",
                "--calibration", WREN.parent / "text/speeches-calibration.txt", "--calibration-sequences", 2, "--context", 64)
            dense = self.prepared(f"{folder.name}-dense", "convert", composite, "--to", "safetensors")
            for threads in self.thread_counts:
                ours = self.ours("forward", folder, threads, **settings)
                yield self.row(
                    f"forward {name}", threads, "torch", 1.2, [ours, self.theirs("forward", folder, threads, **settings)], operations, losses)
                yield self.row(
                    f"forward {name}", threads, "llama.cpp", None, [ours, self.theirs("llama", gguf, threads, **settings)], operations,
                    losses)
                yield self.row(
                    f"forward {name}, composite", threads, "torch, made dense", 1.2,
                    [self.ours("forward", composite, threads, **settings), self.theirs("forward", dense, threads, **settings)], operations,
                    losses)

    def allocation(self):
        settings = {"tokens": self.tokens(4096), "context": CONTEXT}
        pipelines = {
            "learned": "prune-probabilistic{keep=0.5 steps=30 refit=none}",
            "published": "rpca,cap{keep=0.5 passes=2}",
        }
        for mode, pipeline in pipelines.items():
            for threads in self.thread_counts:
                yield self.row(
                    f"allocation step, wren-7m, mode={mode}", threads, "none", None,
                    [self.ours("allocation", WREN, threads, pipeline=pipeline, **settings)],
                    note=lambda own, _: f"{own['overhead']:.0%} beyond the forward passes")

    def layerwise(self, order=4096, tokens=8192):
        path = self.folder / "layer.safetensors"
        if not path.exists():
            inputs = made_models.activation_like(tokens, order, seed=2)
            save_file({"weight": made_models.weight_like(order, order, seed=1), "inputs": inputs}, path)

        def errors(own, other):
            return f"output error {own['error']:.4f}, {other['error']:.4f}"
        for name in ["wanda", "sparsegpt"]:
            for threads in self.thread_counts:
                sides = [self.ours("layerwise", path, threads, pipeline=f"{name}{{keep=0.5}}"), self.theirs(name, path, threads)]
                yield self.row(f"{name} {order}×{order}, {tokens} tokens", threads, "torch", 1.5, sides, note=errors)
        for order in [1024, 2048]:
            yield from self.sparse_solver(order)

    def sparse_solver(self, order):
        """Support and values, with steps for the values beside the Cholesky factor of each row."""
        path = self.folder / f"layer-{order}.safetensors"
        if not path.exists():
            inputs = made_models.activation_like(2 * order, order, seed=2)
            save_file({"weight": made_models.weight_like(order, order, seed=1), "inputs": inputs}, path)

        def remark(own, other):
            return f"output error {own['error']:.4f}, {other['error']:.4f}; {own['cpu']:.1f} and {other['cpu']:.1f} CPU s"
        for threads in self.thread_counts:
            sides = [self.ours("sparse-solver", path, threads, keep=0.5, rows=rows) for rows in ["steps", "cholesky"]]
            yield self.row(f"sparse solver {order}×{order}", threads, "Cholesky of each row", None, sides, note=remark)
