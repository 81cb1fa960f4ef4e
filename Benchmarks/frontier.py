#!/usr/bin/env python3
"""Bytes against loss: llama-quantize's files of a model beside `caplet compress --size`: a table, JSON, and a plot.

    frontier.py [--model Examples/wren-7m] [--calibration TEXT] [--text TEXT | --tokens FILE.npy] [--context 256] [--folder frontier]

Every matrix of a GGUF file has the type that is named, embedding and head too, and both files hold the tokenizer: bytes are those of
whole files. The loss of both is measured by `caplet evaluate`, which decodes each GGUF type as ggml does, bit for bit. For each
GGUF type there is one Caplet file of the share of its bytes that is aimed at, and a ladder of sizes between which the bytes at
equal loss are read off.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys

# The share of a type's bytes with which Caplet is to lose no more.
TARGETS = {"Q2_K": 0.70, "Q3_K": 0.78, "Q4_K": 0.85, "Q5_K": 0.90, "Q6_K": 0.90}
LADDER = [0.45, 0.55, 0.65, 0.75, 0.90, 1.05, 1.25]


class Frontier:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(options.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.dense = self.loss(options.model)

    def caplet(self, *arguments):
        result = subprocess.run([self.options.caplet, *map(str, arguments)], capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(result.stderr.strip() or f"caplet {arguments[0]} ended with status {result.returncode}")
        return result.stdout

    def loss(self, path):
        held_out = ["--tokens", self.options.tokens] if self.options.tokens else ["--text", self.options.text, "--context", self.options.context]
        return json.loads(self.caplet("evaluate", path, *held_out, "--json"))["mean_nll"]

    def gguf(self, name):
        """llama-quantize's file of one type: (bytes, excess loss)."""
        source, target = self.folder / "f32.gguf", self.folder / f"{name}.gguf"
        if not source.exists():
            self.caplet("convert", self.options.model, "-o", source, "--dtype", "f32")
        script = pathlib.Path(__file__).with_name("rivals.py")
        subprocess.run([sys.executable, script, "llama-quantize", source, target, name, "2"], check=True, capture_output=True)
        return os.path.getsize(target), self.loss(target) - self.dense

    def caplet_file(self, size):
        """Ours of at most `size` bytes: (bytes, excess loss)."""
        target = self.folder / "sized.caplet"
        self.caplet(
            "compress", self.options.model, "-o", target, "--force", "--size", size, "--calibration", self.options.calibration,
            "--context", self.options.context, "--seed", self.options.seed)
        return os.path.getsize(target), self.loss(target) - self.dense


def bytes_at(points, loss):
    """Bytes of our files at a loss, between neighbours on the curve of log loss over bytes; None outside of it."""
    ordered = sorted(points)
    for (a, high), (b, low) in zip(ordered, ordered[1:]):
        if low > 0 and low <= loss <= high:
            return a + (b - a) * (math.log(high) - math.log(loss)) / max(math.log(high) - math.log(low), 1e-12)
    return None


def plot(theirs, ours):
    """Excess loss over bytes, both on logarithmic axes, as SVG."""
    width, height, left, bottom, top, right = 720, 440, 70, 50, 20, 20
    points = [*theirs.values(), *ours]
    xs, ys = [math.log10(b) for b, _ in points], [math.log10(max(l, 1e-5)) for _, l in points]
    (x0, x1), (y0, y1) = (min(xs) - 0.02, max(xs) + 0.02), (math.floor(min(ys)), math.ceil(max(ys)))

    def x(size):
        return left + (math.log10(size) - x0) / (x1 - x0) * (width - left - right)

    def y(loss):
        return height - bottom - (math.log10(max(loss, 1e-5)) - y0) / (y1 - y0) * (height - bottom - top)

    def curve(points, color, dash=""):
        path = " ".join(f"{x(b):.1f},{y(l):.1f}" for b, l in sorted(points))
        dots = "".join(f'<circle cx="{x(b):.1f}" cy="{y(l):.1f}" r="3.5" fill="{color}"/>' for b, l in points)
        return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5" {dash}/>' + dots

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for power in range(y0, y1 + 1):
        at = y(10.0 ** power)
        parts.append(f'<line x1="{left}" x2="{width - right}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{10.0 ** power:g}</text>')
    least, most = min(b for b, _ in points), max(b for b, _ in points)
    unit = 10 ** math.floor(math.log10((most - least) / 4))
    for step in range(math.ceil(least / unit), math.floor(most / unit) + 1):
        at = x(step * unit)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{height - bottom}" stroke="#eee"/>')
        if step % 2 == 0:
            parts.append(f'<text x="{at:.1f}" y="{height - bottom + 16}" text-anchor="middle">{step * unit / 1e6:g}</text>')
    parts += [curve(theirs.values(), "#888", 'stroke-dasharray="4 3"'), curve(ours, "#c33")]
    for name, (size, loss) in theirs.items():
        parts.append(f'<text x="{x(size) + 6:.1f}" y="{y(loss) - 6:.1f}" fill="#666">{name}</text>')
    parts.append(f'<text x="{(left + width) / 2:.0f}" y="{height - 12}" text-anchor="middle">megabytes of the whole file</text>')
    parts.append(f'<text x="16" y="{height / 2:.0f}" transform="rotate(-90 16 {height / 2:.0f})" text-anchor="middle">'
                 "excess nats a token over the dense model</text>")
    parts.append(f'<text x="{width - right - 4}" y="{top + 14}" text-anchor="end"><tspan fill="#c33">caplet</tspan>'
                 '  <tspan fill="#888">llama-quantize</tspan></text></svg>')
    return "\n".join(parts) + "\n"


def main():
    repository = pathlib.Path(__file__).resolve().parents[1]
    examples = repository / "Examples"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=examples / "wren-7m")
    parser.add_argument("--calibration", default=examples / "text/speeches-calibration.txt")
    parser.add_argument("--text", default=examples / "text/speeches-evaluation.txt")
    parser.add_argument("--tokens", help="a .npy file of token ids to measure the loss on, instead of --text")
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", default="frontier")
    parser.add_argument("--caplet", default=repository / ".build/release/caplet")
    frontier = Frontier(parser.parse_args())
    theirs = {name: frontier.gguf(name) for name in TARGETS}
    at_target = {name: frontier.caplet_file(int(theirs[name][0] * share)) for name, share in TARGETS.items()}
    ladder = [frontier.caplet_file(int(theirs["Q4_K"][0] * share)) for share in LADDER]
    ours = sorted([*at_target.values(), *ladder])

    print(f"dense: {frontier.dense:.4f} nats a token; excess over it:\n")
    print(f"{'type':6} {'llama-quantize':>24} {'caplet':>24}  {'of its bytes':>12}  {'loss':>9}  bytes at equal loss")
    rows = []
    for name, (size, loss) in theirs.items():
        our_size, our_loss = at_target[name]
        equal = bytes_at(ours, loss)
        text = f"{equal / size:.2f} × {name}" if equal else f"below {ours[0][0] / size:.2f} × {name}" if loss > ours[0][1] else "outside the ladder"
        print(f"{name:6} {size:>14,} {loss:9.4f} {our_size:>14,} {our_loss:9.4f}  {our_size / size:12.3f}  "
              f"{'no more' if our_loss <= loss else 'MORE':>9}  {text}")
        rows.append({"type": name, "bytes": size, "excess": loss, "ourBytes": our_size, "ourExcess": our_loss, "bytesAtEqualLoss": equal})
    print("\ncaplet, all sizes")
    for size, loss in ours:
        print(f"{size:>14,} bytes {loss:9.4f}")
    (frontier.folder / "frontier.svg").write_text(plot(theirs, ours))
    record = {"dense": frontier.dense, "types": rows, "ours": ours}
    (frontier.folder / "frontier.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"\nwritten: {frontier.folder}/frontier.json, {frontier.folder}/frontier.svg")


if __name__ == "__main__":
    main()
