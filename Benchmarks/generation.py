#!/usr/bin/env python3
"""Tokens a second and memory of `caplet run`: packed models beside the dense one in the same runtime, and llama.cpp on its GGUF.

    generation.py [--tokens 128] [--rounds 5] [--threads 1,2] [--folder .build/generation] [--large]

Two models: the bundled one, and a LLaMA of 105 M parameters with seeded normal weights (make_checkpoint.py --size 210MB). Each is run as the BF16
checkpoint, as a lossless .caplet, quantised, and pruned and then quantised; with --large another of 770 M parameters as the checkpoint and with codes of
four bits. Sides run in turns, greedily, on the same prompt; a table has the median of tokens a second after the first token. Memory is the process's
largest resident set without the key-value cache, set against the file's bytes: all of it, and what is beyond the floor, which is that of the same
program when it has opened no model (`caplet --version`).
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
PROMPT = "The people of this country"
CALIBRATION = REPOSITORY / "Examples/text/speeches-calibration.txt"
RIVAL = """
import json, sys, time, llama_cpp
model = llama_cpp.Llama(sys.argv[1], n_ctx=256, n_threads=int(sys.argv[3]), n_threads_batch=int(sys.argv[3]), verbose=False)
tokens = model.tokenize(sys.argv[4].encode())
count, start = -1, 0
for token in model.generate(tokens, temp=0):
    count += 1
    if count == 0: start = time.perf_counter()
    if count + 1 == int(sys.argv[2]): break
print(json.dumps({"tokens_per_second": count / (time.perf_counter() - start)}))
"""


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = options.folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def caplet(self, *arguments):
        result = subprocess.run([self.options.caplet, *map(str, arguments)], capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(result.stderr.strip() or f"caplet {arguments[0]} ended with status {result.returncode}")
        return result.stdout

    def made(self, name, make):
        path = self.folder / name
        if not path.exists():
            make(path)
        return path

    def compressed(self, name, model, *arguments):
        return self.made(name, lambda path: self.caplet("compress", model, "-o", path, "-q", *arguments))

    def converted(self, name, model, dtype):
        return self.made(name, lambda path: self.caplet("convert", model, "-o", path, "--dtype", dtype, "-q"))

    def models(self):
        """Of each model: name, sides as (name, path), rivals as (name, path)."""
        wren = REPOSITORY / "Examples/wren-7m"
        text = ["--calibration", CALIBRATION, "--context", 256]
        yield "wren-7m", [
            ("BF16", wren),
            ("BF16, lossless .caplet", self.compressed("wren-lossless.caplet", wren, "--lossless")),
            ("--size 3MB", self.compressed("wren-3mb.caplet", wren, "--size", "3MB", *text)),
            ("half pruned, quantised", self.compressed(
                "wren-composite.caplet", wren, *text, "--pipeline",
                "rpca,prune-probabilistic{keep=0.5 mode=scores},quantize{bits=4.5 target=dense+s+uv layers=matrices}")),
        ], [(f"llama.cpp {dtype.upper()}", self.converted(f"wren-{dtype}.gguf", wren, dtype)) for dtype in ["bf16", "q4_k"]]
        made = self.checkpoint("105m", "210MB")
        yield "105m", [
            ("BF16", made),
            ("3.5 bits a weight", self.compressed(
                "105m-3.5.caplet", made, "--pipeline", "quantize{bits=3.5 objective=weights target=dense layers=matrices}")),
            ("half pruned, quantised", self.compressed(
                "105m-composite.caplet", made, "--pipeline",
                "magnitude{keep=0.5},quantize{bits=4 target=dense+s+uv layers=matrices}")),
        ], [(f"llama.cpp {dtype.upper()}", self.converted(f"105m-{dtype}.gguf", made, dtype)) for dtype in ["bf16", "q4_k"]]

        if self.options.large:
            large = self.checkpoint("770m", "1.5GB")
            yield "770m", [
                ("BF16", large),
                ("4 bits, groups of 64", self.compressed(
                    "770m-4.caplet", large, "--pipeline", "quantize{bits=4 coding=fixed target=dense layers=matrices}")),
            ], []

    def checkpoint(self, name, size):
        return self.made(name, lambda path: subprocess.run(
            [sys.executable, REPOSITORY / "Benchmarks/make_checkpoint.py", path, "--size", size], check=True, capture_output=True))

    def ours(self, path, threads):
        return json.loads(self.caplet(
            "run", path, "--prompt", PROMPT, "--temperature", 0, "--max-tokens", self.options.tokens, "--threads", threads, "--json",
            "--context", 256))

    def theirs(self, path, threads):
        command = [sys.executable, "-c", RIVAL, str(path), str(self.options.tokens), str(threads), PROMPT]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def floor(self):
        """The largest resident set of the program when it does nothing."""
        command = ["/bin/bash", "-c", f"exec {self.options.caplet} --version > /dev/null"]
        process = subprocess.Popen(command)
        return os.wait4(process.pid, 0)[2].ru_maxrss * 1024

    def run(self):
        floor = self.floor()
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; floor of the process {floor:,} bytes\n")
        print("| model | side | threads | tokens/s | of BF16 | file bytes | weights in memory | resident | less cache, of file | less floor too |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        results = []
        for model, sides, rivals in self.models():
            for threads in self.options.threads:
                results += self.rows(model, sides, rivals, threads, floor)
        (self.folder / "generation.json").write_text(json.dumps(results, indent=1))

    def rows(self, model, sides, rivals, threads, floor):
        runs = [(name, path, self.ours) for name, path in sides] + [(name, path, self.theirs) for name, path in rivals]
        found = [[] for _ in runs]
        for index in range(self.options.rounds + 1):
            for (_, path, side), result in zip(runs, found):
                one = side(path, threads)
                if index > 0:
                    result.append(one)
        rows, dense = [], None
        for (name, path, _), result in zip(runs, found):
            speed = statistics.median(one["tokens_per_second"] for one in result)
            dense = dense or speed
            row = {"model": model, "side": name, "threads": threads, "tokensPerSecond": speed, "ofDense": speed / dense,
                   "spread": sorted(one["tokens_per_second"] for one in result)}
            memory = " | | | |"
            size = sum(file.stat().st_size for file in path.glob("*.safetensors")) if path.is_dir() else path.stat().st_size
            if "peak_memory_bytes" in result[0]:
                resident = max(one["peak_memory_bytes"] for one in result)
                beyond = resident - floor - result[0]["cache_bytes"]
                row |= {"fileBytes": size, "weightBytes": result[0]["weight_bytes"], "residentBytes": resident, "beyondFloor": beyond}
                memory = f"{result[0]['weight_bytes']:,} | {resident:,} | {(beyond + floor) / size:.2f} | {beyond / size:.2f} |"
            print(f"| {model} | {name} | {threads} | {speed:.1f} | {speed / dense:.2f} | {size:,} | {memory}", flush=True)
            rows.append(row)
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--caplet", default=str(REPOSITORY / ".build/release/caplet"))
    parser.add_argument("--folder", type=pathlib.Path, default=REPOSITORY / ".build/generation")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="a model of 770 M parameters too")
    parser.add_argument("--threads", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2])
    Bench(parser.parse_args()).run()


if __name__ == "__main__":
    main()
