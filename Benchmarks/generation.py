#!/usr/bin/env python3
"""Tokens a second and memory of `caplet run`: packed models beside the dense one in the same runtime, and llama.cpp on its GGUF.

    generation.py [--tokens 128] [--prompt-tokens 512] [--rounds 5] [--threads 1,2] [--folder .build/generation] [--large] [--prompts-only]

Two models: the bundled one, and a LLaMA of 105 M parameters with seeded normal weights (make_checkpoint.py --size 210MB). Each is run as the BF16
checkpoint, as a lossless .caplet, quantised, and pruned and then quantised; with --large another of 770 M parameters as the checkpoint and with codes of
four bits. Sides run in turns, greedily, on the same prompt; a table has the median of tokens a second after the first token. Memory is the process's
largest resident set without the key-value cache, set against the file's bytes: all of it, and what is beyond the floor, which is that of the same
program when it has opened no model (`caplet --version`).

A second table has tokens a second of a long prompt, of each side beside llama.cpp's with the weights of its kind: the median over rounds of the
quotient of two runs that follow each other, which says the same on a machine that has other work.
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


# The same tokens again and again, after one short run that finds room for all that is needed.
RIVAL_PROMPT = """
import json, sys, time, llama_cpp
count, threads = int(sys.argv[2]), int(sys.argv[3])
model = llama_cpp.Llama(sys.argv[1], n_ctx=count, n_batch=count, n_threads=threads, n_threads_batch=threads, verbose=False)
tokens = json.loads(sys.argv[4])
model.eval(tokens[:64])
times = []
for _ in range(2):
    model.reset()
    start = time.perf_counter()
    model.eval(tokens)
    times.append(time.perf_counter() - start)
print(json.dumps({"prompt_tokens_per_second": len(tokens) / min(times)}))
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

    def prompt(self, model):
        """A text of about so many tokens, and these."""
        text = self.folder / "prompt.txt"
        with open(REPOSITORY / "Examples/text/speeches-evaluation.txt") as file:
            words = file.read().split(" ")
        count = self.options.prompt_tokens
        while True:
            text.write_text(" ".join(words[:count]))
            tokens = list(map(int, self.caplet("tokenize", model, "--ids", "--text", text).split()))
            if len(tokens) <= self.options.prompt_tokens:
                return text, tokens
            count -= max(1, (len(tokens) - self.options.prompt_tokens) // 2)

    def our_prompt(self, path, threads, text):
        """The better of two runs, as the other side has it."""
        command = ["run", path, "--file", text, "--temperature", 0, "--max-tokens", 1, "--threads", threads, "--json"]
        return max(json.loads(self.caplet(*command))["prompt_tokens_per_second"] for _ in range(2))

    def their_prompt(self, path, threads, tokens):
        command = [sys.executable, "-c", RIVAL_PROMPT, str(path), str(len(tokens)), str(threads), json.dumps(tokens)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["prompt_tokens_per_second"]

    def prompts(self):
        """Long prompts, beside llama.cpp with the same weights, or with weights of as many bits."""
        made = self.checkpoint("105m", "210MB")
        files = {dtype: self.converted(f"105m-{dtype}.gguf", made, dtype) for dtype in ["bf16", "f32", "q8_0", "q4_k"]}
        packed = {bits: self.compressed(f"105m-{bits}.caplet", made, "--pipeline", f"quantize{{bits={bits} {how}target=dense layers=matrices}}")
                  for bits, how in [(8, "coding=fixed "), (3.5, "objective=weights ")]}
        sides = [("BF16", made, "bf16"), ("F32", files["f32"], "f32"), ("Q8_0, of the GGUF file", files["q8_0"], "q8_0"),
                 ("8 bits, groups of 64", packed[8], "q8_0"), ("3.5 bits a weight", packed[3.5], "q4_k")]
        text, tokens = self.prompt(made)
        print(f"\n{len(tokens)} tokens of a prompt\n\n| 105m | llama.cpp | threads | tokens/s | llama.cpp's | quotient |\n|---|---|---|---|---|---|")
        results = []
        for threads in self.options.threads:
            for name, path, dtype in sides:
                pairs = [(self.our_prompt(path, threads, text), self.their_prompt(files[dtype], threads, tokens))
                         for _ in range(self.options.rounds)]
                quotient = statistics.median(a / b for a, b in pairs)
                ours, theirs = (statistics.median(side) for side in zip(*pairs))
                print(f"| {name} | {dtype.upper()} | {threads} | {ours:.0f} | {theirs:.0f} | {quotient:.2f} |", flush=True)
                results.append({"side": name, "rival": dtype, "threads": threads, "tokensPerSecond": ours, "rivalTokensPerSecond": theirs,
                                "quotient": quotient, "pairs": pairs})
        (self.folder / "prompts.json").write_text(json.dumps(results, indent=1))

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
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--prompts-only", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="a model of 770 M parameters too")
    parser.add_argument("--threads", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2])
    bench = Bench(parser.parse_args())
    if not bench.options.prompts_only:
        bench.run()
    bench.prompts()


if __name__ == "__main__":
    main()
