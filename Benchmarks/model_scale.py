#!/usr/bin/env python3
"""What compression takes as models grow: made checkpoints of LLaMA's shape, from 0.06 to 7 billion parameters, through whole pipelines.

    model_scale.py [--models 57M 114M 228M] [--aims prune refit …] [--sequences 8] [--context 512] [--limit MIB] [--memory SIZE] [--kills N]
                   [--threads N] [--folder FOLDER] [--keep-models]

Weights have spectra like trained ones, single large entries, and channels of inputs that are far larger than the rest; files are in BF16. Prints for
each model and pipeline a line a pass: seconds, CPU seconds, operations, the shares of them that are products and that were offered as at least
`--threads` tasks side by side; and seconds, the largest anonymous resident memory (RssAnon) and the size of the file. With several models, the slope
of that memory in bytes a linear parameter. `--limit` sets RLIMIT_DATA; `--kills` kills the run so often with SIGKILL on the way, and goes on.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import ml_dtypes
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import make_checkpoint
import made_models
from conversion_at_scale import resident


def shape(hidden, intermediate, layers, heads, key_heads):
    return {
        "hidden_size": hidden, "intermediate_size": intermediate, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": key_heads}


# By what their linear layers have.
MODELS = {
    "57M": shape(768, 2048, 8, 12, 12), "114M": shape(768, 2048, 16, 12, 12), "228M": shape(768, 2048, 32, 12, 12),
    "0.3B": shape(1024, 2816, 24, 16, 16), "1.1B": shape(2048, 5632, 22, 32, 4), "7B": shape(4096, 11008, 32, 32, 32),
    "70B": shape(8192, 28672, 80, 64, 8),
}
AIMS = {
    # Whole pipelines.
    "keep": ["--keep", "0.5"], "bits": ["--bits-per-weight", "3.5"], "rpca": ["--pipeline", "rpca"],
    # Single passes that run the model, with few steps: their memory is that of many.
    "prune": ["--pipeline", "prune-probabilistic{steps=2}"], "prune-rank": ["--pipeline", "rpca,prune-probabilistic{objective=block}"],
    "refit": ["--pipeline", "magnitude,refit{passes=1}"], "refit-block": ["--pipeline", "magnitude,refit{objective=block passes=1}"],
}


def values(name, dimensions, seed):
    """The values of one tensor: norms have channels that are ten times as large."""
    if len(dimensions) > 1:
        return made_models.weight_like(*dimensions, seed=seed)
    scales = np.ones(dimensions, np.float32)
    if "layernorm" in name:
        scales[:: dimensions[0] // 8] *= 10
    return scales


def make(folder, config, seed=1, empty=False):
    """A checkpoint in one file, written a tensor at a time; `empty`: a file of holes, which takes no room."""
    folder.mkdir(parents=True)
    config = json.loads((made_models.TOKENIZER / "config.json").read_text()) | config
    for name in ["tokenizer.json", "tokenizer.model", "tokenizer_config.json"]:
        shutil.copyfile(made_models.TOKENIZER / name, folder / name)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tensors, header, offset = list(make_checkpoint.tensors(config)), {"__metadata__": {"format": "pt"}}, 0
    for name, dimensions in tensors:
        end = offset + 2 * int(np.prod(dimensions))
        header[name] = {"dtype": "BF16", "shape": list(dimensions), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        if empty:
            file.truncate(8 + len(text) + offset)
            return
        for index, (name, dimensions) in enumerate(tensors):
            values(name, dimensions, seed + index).astype(ml_dtypes.bfloat16).tofile(file)


def plan(options, name):
    """What `compress --dry-run` expects of 128 sequences of 2048 tokens, by the number of cores."""
    model = options.folder / f"{name}-empty"
    if not model.exists():
        make(model, MODELS[name], empty=True)
    text = pathlib.Path(__file__).resolve().parents[1] / "Examples/text/speeches-calibration.txt"
    for aim in options.aims:
        for threads in (16, 64, 128):
            command = [
                options.caplet, "compress", model, "-o", options.folder / "plan.caplet", *AIMS[aim], "--calibration", text,
                "--calibration-sequences", 128, "--context", 2048, "--threads", threads, "--memory", options.memory or "200GB", "--dry-run"]
            lines = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.splitlines()
            print(f"{name} {aim} {threads} cores:", *[line.strip() for line in lines[3:]], sep="\n  ", flush=True)


def run(command, limit, kill_after=None):
    """Runs a command, or kills it after some seconds; its seconds, peak anonymous bytes, exit status."""
    def prepare():
        if limit:
            resource.setrlimit(resource.RLIMIT_DATA, (limit << 20, limit << 20))

    start, anonymous = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=prepare)
    with process:
        while process.poll() is None:
            anonymous = max(anonymous, resident(process.pid)[0])
            time.sleep(0.05)
            if kill_after and time.perf_counter() - start > kill_after:
                process.send_signal(signal.SIGKILL)
        errors = process.stderr.read()
    if process.returncode not in (0, -signal.SIGKILL):
        sys.exit(f"{' '.join(map(str, command))}: exit status {process.returncode}\n{errors}")
    return time.perf_counter() - start, anonymous, process.returncode


def measure(options, name, aim, model, folder):
    """One model through one pipeline: prints its table, and returns the largest anonymous memory."""
    output, report = folder / f"{name}-{aim}.caplet", folder / f"{name}-{aim}.json"
    for path in (output, report):
        path.unlink(missing_ok=True)
    text = pathlib.Path(__file__).resolve().parents[1] / "Examples/text/speeches-calibration.txt"
    command = [
        options.caplet, "compress", model, "-o", output, *AIMS[aim], "--calibration", text, "--calibration-sequences", options.sequences,
        "--context", options.context, "--report", report, "--no-progress", "-q", "--threads", options.threads]
    command = list(map(str, command + (["--memory", options.memory] if options.memory else [])))
    plan = subprocess.run([*command, "--dry-run"], check=True, capture_output=True, text=True).stdout.split("takes", 1)[-1]
    print(f"{name} {aim}\n  expected:{plan.rstrip()}", flush=True)
    spent = anonymous = 0
    for kill in range(options.kills):
        seconds, peak, status = run(command, options.limit, options.kill_after)
        spent, anonymous = spent + seconds, max(anonymous, peak)
        if status == 0:
            break
        print(f"  killed after {seconds:.0f} s", flush=True)
    if not output.exists():
        seconds, peak, _ = run(command, options.limit)
        spent, anonymous = spent + seconds, max(anonymous, peak)
    for entry in json.loads(report.read_text())["passes"]:
        work = entry["work"]
        share = lambda key: 100 * work[key] / max(work["operations"], 1)
        print(
            f"  {entry['pass'][:60]:60}{entry['seconds']:9.1f} s {work['cpu_seconds']:9.1f} CPU s {work['operations']:10.3g} operations, "
            f"{share('product_operations'):5.1f} % products, {share('shared_operations'):5.1f} % as {options.threads or os.cpu_count()} tasks")
    print(f"  {spent:.1f} s, {anonymous / 2**20:.0f} MiB RssAnon, {output.stat().st_size:,} bytes", flush=True)
    output.unlink()
    return anonymous


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["57M", "114M", "228M"], choices=MODELS)
    parser.add_argument("--aims", nargs="+", default=["prune", "refit", "refit-block", "bits"], choices=AIMS)
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--limit", type=int, help="MiB of RLIMIT_DATA")
    parser.add_argument("--memory", help="of the option of that name")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--kill-after", type=float, default=600, help="seconds to each kill")
    parser.add_argument("--plan", action="store_true", help="print what --dry-run expects with 16, 64 and 128 cores, and do nothing")
    parser.add_argument("--keep-models", action="store_true", help="use made checkpoints that are there already, and leave them")
    repository = pathlib.Path(__file__).resolve().parents[1]
    parser.add_argument("--caplet", default=repository / ".build/release/caplet")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "model-scale")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.plan:
        for name in options.models:
            plan(options, name)
        return
    found = {aim: [] for aim in options.aims}
    for name in options.models:
        model = options.folder / name
        if not model.exists():
            make(model, MODELS[name])
        linear = sum(int(np.prod(d)) for n, d in make_checkpoint.tensors(json.loads((model / "config.json").read_text())) if "_proj" in n)
        for aim in options.aims:
            found[aim].append((linear, measure(options, name, aim, model, options.folder)))
        if not options.keep_models:
            shutil.rmtree(model)
    for aim, points in found.items():
        if len(points) > 1:
            slope = np.polyfit([p for p, _ in points], [bytes for _, bytes in points], 1)[0]
            print(f"{aim}: {slope:.2f} bytes of RssAnon a linear parameter, {points[0][0]:,} to {points[-1][0]:,}")


if __name__ == "__main__":
    main()
