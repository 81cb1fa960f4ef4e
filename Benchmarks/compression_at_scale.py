#!/usr/bin/env python3
"""Memory and time of compressing a made checkpoint in shards, under a limit on the process's own memory.

    compression_at_scale.py [--size 30GB] [--shards 7] [--limit 2048] [--pipeline TEXT …] [--folder /tmp]

The limit is set on the process (RLIMIT_DATA: the heap and private mappings, of which a mapped checkpoint is none), so that a step that
needs more ends with an error. Prints a line a pipeline: what `compress --dry-run` estimates, seconds, and the largest anonymous
resident memory and mapped pages. Exits with 1 when a step fails. What was made is removed.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import make_checkpoint
from conversion_at_scale import watched

PIPELINES = ["magnitude{keep=0.5}", "magnitude{keep=0.5},quantize{bits=8 target=s}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=make_checkpoint.byte_count, default=30 * 10**9)
    parser.add_argument("--shards", type=int, default=7)
    parser.add_argument("--limit", type=int, default=2048, help="MiB that the process may have")
    parser.add_argument("--pipeline", action="append")
    repository = pathlib.Path(__file__).resolve().parents[1]
    parser.add_argument("--caplet", default=repository / ".build/release/caplet")
    parser.add_argument("--model", type=pathlib.Path, help="a checkpoint that is there already")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where three times the size is free")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_DATA, (options.limit << 20, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        model = options.model or pathlib.Path(folder) / "model"
        if not options.model:
            make_checkpoint.make(model, options.size, options.shards, 1, repository / "Examples/wren-7m")
        packed = f"{folder}/model.caplet"
        print(f"limit {options.limit} MiB\n{'pipeline':52}{'seconds':>9}{'RssAnon MiB':>13}{'RssFile MiB':>13}")
        for pipeline in options.pipeline or PIPELINES:
            command = [options.caplet, "compress", model, "-o", packed, "--pipeline", pipeline]
            lines = subprocess.run([*command, "--dry-run"], check=True, capture_output=True, text=True).stdout.splitlines()
            seconds, anonymous, mapped, _ = watched([*command, "-q"])
            print(f"{pipeline:52}{seconds:9.1f}{anonymous / 2**20:13.1f}{mapped / 2**20:13.1f}", flush=True)
            print(f"    estimate: {next(line for line in lines if line.startswith('takes'))[5:].strip()}; {os.path.getsize(packed):,} bytes written")
            os.remove(packed)


if __name__ == "__main__":
    main()
