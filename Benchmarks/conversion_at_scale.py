#!/usr/bin/env python3
"""Memory and time of converting a made checkpoint in shards to GGUF Q8_0 and back to safetensors BF16.

    conversion_at_scale.py [--size 12GB] [--shards 3] [--limit 512MiB] [--caplet .build/release/caplet] [--folder /tmp]

Prints a line a step: seconds, and the largest anonymous resident memory (RssAnon of /proc/PID/status, looked at every 20 ms, which
is all memory beyond mapped input pages) and mapped pages (RssFile). Header-only steps (inspect, convert --dry-run) come first. Exits
with 1 when a step needs more anonymous memory than the limit. What was made is removed.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import make_checkpoint


def resident(pid):
    """Bytes of anonymous memory, and of mapped files."""
    try:
        with open(f"/proc/{pid}/status") as status:
            fields = dict(line.split(":", 1) for line in status if line.startswith("Rss"))
    except ProcessLookupError:
        return 0, 0
    return tuple(int(fields.get(name, "0 kB").split()[0]) * 1024 for name in ("RssAnon", "RssFile"))


def watched(command):
    """Runs a command; its seconds, peak anonymous and mapped bytes, and its output."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    anonymous = mapped = 0
    with process:
        while process.poll() is None:
            now = resident(process.pid)
            anonymous, mapped = max(anonymous, now[0]), max(mapped, now[1])
            time.sleep(0.02)
        output = process.stdout.read()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit status {process.returncode}")
    return time.perf_counter() - start, anonymous, mapped, output


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=make_checkpoint.byte_count, default=12 * 10**9)
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--limit", type=int, default=512, help="MiB of anonymous memory that a step may have")
    repository = pathlib.Path(__file__).resolve().parents[1]
    parser.add_argument("--caplet", default=repository / ".build/release/caplet")
    parser.add_argument("--model", type=pathlib.Path, help="a checkpoint that is there already")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    options = parser.parse_args()
    worst = 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        model = options.model or pathlib.Path(folder) / "model"
        if not options.model:
            make_checkpoint.make(model, options.size, options.shards, 1, repository / "Examples/wren-7m")
        gguf, back = f"{folder}/model.gguf", f"{folder}/back"
        quiet = ["--json", "-q"]
        steps = [
            ("inspect", ["inspect", model, *quiet]),
            ("convert --dry-run", ["convert", model, "-o", gguf, "--dtype", "q8_0", "--dry-run", *quiet]),
            ("safetensors BF16 to GGUF Q8_0", ["convert", model, "-o", gguf, "--dtype", "q8_0", *quiet]),
            ("GGUF Q8_0 to safetensors BF16",
             ["convert", gguf, "-o", back, "--to", "safetensors", "--dtype", "bf16", "--max-shard-size", "5GB", *quiet]),
        ]
        print(f"{'step':32}{'seconds':>9}{'written MB/s':>14}{'RssAnon MiB':>13}{'RssFile MiB':>13}")
        for name, arguments in steps:
            seconds, anonymous, mapped, output = watched([options.caplet, *arguments])
            written = json.loads(output).get("megabytes_per_second") if name.endswith("0") or name.endswith("16") else None
            rate = f"{written:.0f}" if written else ""
            print(f"{name:32}{seconds:9.2f}{rate:>14}{anonymous / 2**20:13.1f}{mapped / 2**20:13.1f}", flush=True)
            worst = max(worst, anonymous)
            if back in arguments:
                os.remove(gguf)
                shutil.rmtree(back)
    sys.exit(1 if worst > options.limit * 2**20 else 0)


if __name__ == "__main__":
    main()
