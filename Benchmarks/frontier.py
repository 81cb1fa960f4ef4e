#!/usr/bin/env python3
"""Bytes against loss: llama-quantize's files of a model beside Caplet's, .caplet and GGUF: a table, JSON, and a plot.

    frontier.py [--model Examples/wren-7m] [--calibration TEXT] [--text TEXT | --tokens FILE.npy] [--context 256] [--folder frontier]
                [--types Q4_K_M,IQ3_XS,…]

The rivals are llama-quantize's mixtures, each with an importance matrix of the calibration text and, where llama.cpp makes it so, without:
their lower hull, excess loss over bytes of the whole file, is what Caplet is set beside. For each file with an importance matrix there is a
GGUF file of ours of at most as many bytes (`compress -o FILE.gguf --size`), and a ladder of .caplet files between which the bytes at equal
loss are read off. No file holds copies of the model's folder. The loss of all is measured by `caplet evaluate`, which decodes each type as
ggml does, bit for bit.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys

from rivals import LLAMA_MIXTURES

# Sizes of our files, as shares of the largest and smallest rival's.
STEPS = 11


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

    def importance(self):
        target = self.folder / "imatrix.gguf"
        self.caplet(
            "imatrix", self.options.model, "-o", target, "--force", "--calibration", self.options.calibration,
            "--context", self.options.context)
        return target

    def rival(self, name, importance):
        """llama-quantize's file: (bytes, bytes of tensors, excess loss); None where it makes none without an importance matrix."""
        source, target = self.folder / "f32.gguf", self.folder / "rival.gguf"
        if not source.exists():
            self.caplet("convert", self.options.model, "-o", source, "--dtype", "f32")
        script = pathlib.Path(__file__).with_name("rivals.py")
        command = [sys.executable, script, "llama-mixture", source, target, name, "2"] + ([importance] if importance else [])
        result = subprocess.run(command, capture_output=True)
        if result.returncode != 0 and not importance:
            return None
        result.check_returncode()
        return os.path.getsize(target), tensor_bytes(target), self.loss(target) - self.dense

    def ours(self, size, ending):
        """Ours of at most `size` bytes: (bytes, excess loss)."""
        target = self.folder / f"ours.{ending}"
        self.caplet(
            "compress", self.options.model, "-o", target, "--force", "--size", size, "--calibration", self.options.calibration,
            "--context", self.options.context, "--seed", self.options.seed)
        return os.path.getsize(target), self.loss(target) - self.dense


def tensor_bytes(path):
    from gguf import GGUFReader

    return sum(int(tensor.n_bytes) for tensor in GGUFReader(path).tensors)


def hull(points):
    """The lower convex hull of log loss over bytes."""
    kept = []
    for size, loss in sorted(points):
        point = (size, math.log(max(loss, 1e-6)))
        if kept and point[1] >= kept[-1][1]:
            continue
        while len(kept) > 1 and slope(kept[-2], kept[-1]) >= slope(kept[-1], point):
            kept.pop()
        kept.append(point)
    return [(size, math.exp(loss)) for size, loss in kept]


def slope(a, b):
    return (b[1] - a[1]) / max(b[0] - a[0], 1)


def bytes_at(points, loss):
    """Bytes of our files at a loss, between neighbours on the curve of log loss over bytes; None outside of it."""
    ordered = sorted(points)
    for (a, high), (b, low) in zip(ordered, ordered[1:]):
        if low > 0 and low <= loss <= high:
            return a + (b - a) * (math.log(high) - math.log(loss)) / max(math.log(high) - math.log(low), 1e-12)
    return None


def plot(theirs, ours, blocks):
    """Excess loss over bytes, both on logarithmic axes, as SVG."""
    width, height, left, bottom, top, right = 720, 440, 70, 50, 20, 20
    points = [*theirs.values(), *ours, *blocks]
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
    parts += [curve(hull(theirs.values()), "#888", 'stroke-dasharray="4 3"'), curve(ours, "#c33"), curve(blocks, "#36c")]
    for name, (size, loss) in theirs.items():
        parts.append(f'<circle cx="{x(size):.1f}" cy="{y(loss):.1f}" r="2" fill="#888"/>')
        parts.append(f'<text x="{x(size) + 6:.1f}" y="{y(loss) - 6:.1f}" fill="#666">{name}</text>')
    parts.append(f'<text x="{(left + width) / 2:.0f}" y="{height - 12}" text-anchor="middle">megabytes of the whole file</text>')
    parts.append(f'<text x="16" y="{height / 2:.0f}" transform="rotate(-90 16 {height / 2:.0f})" text-anchor="middle">'
                 "excess nats a token over the dense model</text>")
    parts.append(f'<text x="{width - right - 4}" y="{top + 14}" text-anchor="end"><tspan fill="#c33">.caplet</tspan>  <tspan fill="#36c">caplet\'s GGUF</tspan>'
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
    parser.add_argument("--types", default=",".join(LLAMA_MIXTURES), help="llama-quantize's mixtures, apart by commas")
    parser.add_argument("--folder", default="frontier")
    parser.add_argument("--caplet", default=repository / ".build/release/caplet")
    options = parser.parse_args()
    frontier = Frontier(options)
    importance = frontier.importance()
    names = options.types.split(",")
    plain = {name: found for name in names if (found := frontier.rival(name, None))}
    weighed = {name: frontier.rival(name, importance) for name in names}
    blocks = {name: frontier.ours(size, "gguf") for name, (size, _, _) in weighed.items()}
    least, most = (f(size for size, _, _ in weighed.values()) for f in (min, max))
    sizes = [int(0.5 * least * (most / (0.5 * least)) ** (step / (STEPS - 1))) for step in range(STEPS)]
    ours = sorted(frontier.ours(size, "caplet") for size in sizes)
    best = hull([(size, loss) for table in (plain, weighed) for size, _, loss in table.values()])

    print(f"dense: {frontier.dense:.4f} nats a token; excess over it, with the importance matrix:\n")
    print(f"{'type':8} {'bytes':>11} {'of tensors':>11} {'plain':>8} {'imatrix':>8} | {'our GGUF':>11} {'excess':>8} {'ratio':>6} | .caplet at equal loss")
    rows = []
    for name, (size, inner, loss) in sorted(weighed.items(), key=lambda item: item[1]):
        our_size, our_loss = blocks[name]
        equal, on_hull = bytes_at(ours, loss), bytes_at(best, loss)
        without = f"{plain[name][2]:8.4f}" if name in plain else f"{'':8}"
        text = f"{equal:11,.0f} {equal / size:5.2f} of it" + (f", {equal / on_hull:.2f} of the hull" if on_hull else "") if equal else "outside the ladder"
        print(f"{name:8} {size:11,} {inner:11,} {without} {loss:8.4f} | {our_size:11,} {our_loss:8.4f} {our_loss / loss:6.2f} | {text}")
        rows.append({"type": name, "bytes": size, "tensorBytes": inner, "excess": loss, "excessPlain": plain.get(name, (0, 0, None))[2],
                     "gguf": {"bytes": our_size, "excess": our_loss}, "capletBytesAtEqualLoss": equal, "hullBytesAtEqualLoss": on_hull})
    print("\n.caplet, all sizes")
    for size, loss in ours:
        print(f"{size:>14,} bytes {loss:9.4f}")
    theirs = {name: (size, loss) for name, (size, _, loss) in weighed.items()}
    (frontier.folder / "frontier.svg").write_text(plot(theirs, ours, sorted(blocks.values())))
    record = {"dense": frontier.dense, "types": rows, "ours": ours, "hull": best}
    (frontier.folder / "frontier.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"\nwritten: {frontier.folder}/frontier.json, {frontier.folder}/frontier.svg")


if __name__ == "__main__":
    main()
