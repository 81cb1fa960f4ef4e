#!/usr/bin/env python3
"""Caplet beside what people would use instead, on the same data, in turns, in one run: a table, and JSON.

    benchmark.py [--size 1GB] [--rounds 5] [--only conversion|kernels|lossless] [--match TEXT] [--json .build/benchmark.json]

Every file that is written is on the disk (fsync) when a time ends, on both sides. Thread counts are equal on both sides, one and
all, where the rival has threads; cp, numpy and gguf-py have one. Times are medians; a spread is the least and the most.
"""

import argparse
import os
import pathlib
import tempfile

import conversion
import kernels
import lossless
import machine
import make_checkpoint
import measure


def main():
    repository = pathlib.Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=make_checkpoint.byte_count, default=10**9, help="of the made checkpoint")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["conversion", "kernels", "lossless"])
    parser.add_argument("--match", default="", help="only conversions whose line has this text, such as 'Q4_K, 2 threads'")
    parser.add_argument("--caplet", default=str(repository / ".build/release/caplet"))
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where four times the size is free")
    parser.add_argument("--json", default=str(repository / ".build/benchmark.json"))
    options = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    rows = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        conversions = conversion.Conversions(options.caplet, folder, options.size, threads, options.rounds, options.match)
        limits = machine.describe(threads, conversions.safetensors)
        print(machine.text(limits))
        if options.only in (None, "conversion"):
            rows += conversions.rows()
        packs = lossless.Lossless(options.caplet, folder, options.size // 4, threads, options.rounds)
        if options.only in (None, "lossless"):
            rows += packs.rows()
        if options.only in (None, "kernels"):
            rows += kernels.Kernels(folder, options.rounds, limits["memcpyBytesPerSecond"]["1"]).rows()
    print()
    print(measure.table(rows))
    if packs.sizes:
        print(f"\n{packs.size_table()}")
    measure.write_json(options.json, limits, rows)
    print(f"\nwritten: {options.json}")


if __name__ == "__main__":
    main()
