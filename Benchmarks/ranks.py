#!/usr/bin/env python3
"""What ranks make of a compression: operations of each, bytes that move, and seconds.

    ranks.py [--model wren|57M|0.3B] [--aims rpca sparsegpt keep] [--ranks 2 4 8] [--rounds 1] [--sequences 64] [--context 256] [--folder FOLDER]

Runs each pipeline with one rank and with more, one thread each, and looks whether the bytes are the same. Prints for each number of ranks the
operations of the busiest over the mean, the bytes that all received, and the seconds over those of one rank, of as many ranks as there are
processors; with more they are predicted: the busiest rank's operations over one rank's. Then what moves at 7B and 70B, by the arithmetic of
docs/cluster.md, and for the model that was run beside what was counted.
"""

import argparse
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import model_scale

ROOT = pathlib.Path(__file__).resolve().parents[1]
CAPLET = ROOT / ".build/release/caplet"
AIMS = {"rpca": ["--pipeline", "rpca"], "sparsegpt": ["--pipeline", "sparsegpt{keep=0.5}"], "keep": ["--keep", "0.5"], "size": ["--size", "3MB"]}
WREN = model_scale.shape(256, 768, 6, 8, 4)


def moments(shape, ranks):
    """Bytes received by all ranks for the second moments of all inputs, once, but for what a second and third home of one adds."""
    d, f = shape["hidden_size"], shape["intermediate_size"]
    return 4 * shape["num_hidden_layers"] * (3 * d * d + f * f) * (ranks - 1)


def linear(shape):
    d, f = shape["hidden_size"], shape["intermediate_size"]
    key = d * shape["num_key_value_heads"] // shape["num_attention_heads"]
    return shape["num_hidden_layers"] * (2 * d * d + 2 * d * key + 3 * d * f)


def curvature(shape, ranks):
    d, f = shape["hidden_size"], shape["intermediate_size"]
    return 4 * shape["num_hidden_layers"] * (6 * d * d + f * f) * (ranks - 1)


def run(arguments, ranks, model, output, report):
    command = [str(CAPLET), "compress", str(model), "-o", str(output), "--report", str(report), "--threads", "1", "--force", "--no-progress", "--no-measure", "-q"]
    command += arguments
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    start = time.monotonic()
    subprocess.run(
        ["mpirun", "--oversubscribe", "-np", str(ranks)] + command if ranks > 1 else command, check=True, env=environment,
        stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    return seconds, json.loads(report.read_text()), hashlib.sha256(output.read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="wren", choices=["wren", "57M", "0.3B"])
    parser.add_argument("--aims", nargs="+", default=["rpca", "sparsegpt", "keep"], choices=AIMS)
    parser.add_argument("--ranks", nargs="+", type=int, default=[2, 4, 8])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sequences", type=int, default=64)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--folder")
    options = parser.parse_args()
    if not (CAPLET.parent / "libcaplet-mpi.so").exists():
        sys.exit("ranks.py: `make build mpi` comes first")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        folder = pathlib.Path(folder)
        model, shape = ROOT / "Examples/wren-7m", WREN
        if options.model != "wren":
            shape = model_scale.MODELS[options.model]
            model = folder / "model"
            model_scale.make(model, shape)
        text = ["--calibration", str(ROOT / "Examples/text/speeches-calibration.txt"), "--calibration-sequences", str(options.sequences),
                "--context", str(options.context)]
        print(f"{options.model}, {options.sequences} × {options.context} tokens, one thread a rank, {os.cpu_count()} processors")
        print(f"{'':10} ranks  busiest/mean  operations/one rank  MB received  seconds/one rank")
        for aim in options.aims:
            seconds, operations, digests = {}, None, set()
            for count in [1] + options.ranks:
                for _ in range(options.rounds if count <= os.cpu_count() else 1):
                    taken, report, digest = run(AIMS[aim] + text, count, model, folder / "out.caplet", folder / "report.json")
                    seconds.setdefault(count, []).append(taken)
                    digests.add(digest)
                if count == 1:
                    operations = sum(entry["work"]["operations"] for entry in report["passes"])
                    continue
                found = [rank["operations"] for rank in report["ranks"]]
                received = sum(rank["bytes_received"] for rank in report["ranks"])
                ratio = statistics.median(seconds[count]) / statistics.median(seconds[1])
                measured = f"{ratio:.2f} ({1 / ratio:.2f} ×)" if count <= os.cpu_count() else f"{max(found) / operations:.2f} predicted"
                print(f"{aim:10} {count:5}  {max(found) / (sum(found) / count):12.2f}  {sum(found) / operations:19.2f}  "
                      f"{received / 1e6:11.1f}  {measured:>16}", flush=True)
                if aim == "sparsegpt":
                    print(f"{'':10}        second moments by arithmetic {moments(shape, count) / 1e6:.1f} MB, results "
                          f"{report['tensor_bytes_after'] * (count - 1) / 1e6:.1f} MB")
            print(f"{aim:10} {'the same bytes with any number of ranks' if len(digests) == 1 else 'BYTES DIFFER'}")
            if len(digests) != 1:
                sys.exit(1)
    print("\nGB received by all ranks but one's worth, (R − 1) times:")
    for name in ["7B", "70B"]:
        shape = model_scale.MODELS[name]
        print(f"{name:4} second moments {moments(shape, 2) / 1e9:.0f}, curvature {curvature(shape, 2) / 1e9:.0f}, results at 50 % in BF16 "
              f"{linear(shape) * 1.125 / 1e9:.1f}, a step of refit {8 * linear(shape) / 1e9:.0f}, a round of quantize {linear(shape) / 1e9:.1f}")


if __name__ == "__main__":
    main()
