#!/usr/bin/env python3
"""Caplet beside what people would use instead, on the same data, in turns, in one run: a table, and JSON.

    benchmark.py [--size 1GB] [--rounds 5] [--only conversion|kernels|lossless|work] [--match TEXT] [--json .build/benchmark.json]
    benchmark.py --work "rpca svt forward allocation layerwise" [--large]       (these rows alone)

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
import work


def main():
    repository = pathlib.Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=make_checkpoint.byte_count, default=10**9, help="of the made checkpoint")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["conversion", "kernels", "lossless", "work"])
    parser.add_argument("--work", type=str.split, help=f"subjects of linear algebra and models: {' '.join(work.SUBJECTS)}")
    parser.add_argument("--large", action="store_true", help="matrices of 4096×4096 and 4096×11008 too")
    parser.add_argument("--no-warm-up", dest="warm_up", action="store_false", help="count the first round too, for rows that take minutes")
    parser.add_argument("--match", default="", help="only conversions and work whose line has this text, such as 'Q4_K, 2 threads'")
    parser.add_argument("--caplet", default=str(repository / ".build/release/caplet"))
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where four times the size is free")
    parser.add_argument("--json", default=str(repository / ".build/benchmark.json"))
    options = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    subjects = options.work or work.SUBJECTS
    if unknown := set(subjects) - set(work.SUBJECTS):
        parser.error(f"--work knows {' '.join(work.SUBJECTS)}, not {' '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.work or options.only == "work":
            limits = machine.describe(threads, None)
            print(machine.text(limits), flush=True)
            rows = list(work.Works(options, folder, threads, limits).rows(subjects))
            return finish(options, limits, rows)
        rows = []
        conversions = conversion.Conversions(options.caplet, folder, options.size, threads, options.rounds, options.match)
        limits = machine.describe(threads, conversions.safetensors)
        print(machine.text(limits))
        if options.only in (None, "conversion"):
            rows += conversions.rows()
        sizes = ""
        if options.only in (None, "lossless"):
            packs = lossless.Lossless(options.caplet, folder, options.size // 4, threads, options.rounds)
            rows += packs.rows()
            sizes = f"\n{packs.size_table()}"
        if options.only in (None, "kernels"):
            rows += kernels.Kernels(folder, options.rounds, limits["memcpyBytesPerSecond"]["1"]).rows()
        if options.only is None:
            rows += work.Works(options, folder, threads, limits).rows(subjects)
    finish(options, limits, rows)
    print(sizes)


def finish(options, limits, rows):
    print()
    print(measure.table(rows))
    measure.write_json(options.json, limits, rows)
    print(f"\nwritten: {options.json}")


if __name__ == "__main__":
    main()
