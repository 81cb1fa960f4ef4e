#!/usr/bin/env python3
"""Every test, as many processes side by side as there are processors, at most four; ends with XCTest's own line, for all of them.

    run_tests.py PROGRAM.xctest [--only REGEX] [--processes N]

A module's tests share a process, which keeps what they prepare; those of the command line, which are most of the time, have one for each class,
the longest first. What a process printed is shown when it has ended. Status 1 where a test failed, a process ended otherwise than XCTest ends it,
or none was run.
"""

import argparse
import concurrent.futures
import datetime
import os
import re
import signal
import subprocess
import sys
import time

# Run by classes, and the first to be begun.
SPLIT = "CommandLineToolTests"
LONGEST = ["SizeTests", "RanksTests", "PythonPackageTests", "FamilyConversionTests", "RunTests", "EncoderCommandTests"]

SUMMARY = re.compile(r"Executed (\d+) tests?, with (?:(\d+) tests? skipped and )?(\d+) failures? \((\d+) unexpected\) in ([\d.]+)")


def names(program):
    lines = subprocess.run([program, "-l"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.strip() for line in lines if re.fullmatch(r"\w+\.\w+/\w+", line.strip())]


def groups(tests):
    """What a process runs each, the longest first."""
    found = {}
    for test in tests:
        module, rest = test.split(".", 1)
        name = rest.split("/")[0]
        found.setdefault((module, name) if module == SPLIT else (module, ""), []).append(test)

    def order(group):
        module, name = group
        return LONGEST.index(name) if name in LONGEST else len(LONGEST) + (module != SPLIT)

    return [found[group] for group in sorted(found, key=order)]


def take_signals():
    """Tests interrupt what they start, which would pass it over where this was started by nohup or in the background."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


# NumPy's and torch's threads would wait for each other at full speed, on processors that other tests are at work on.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(program, tests):
    result = subprocess.run(
        [program, ",".join(tests)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", preexec_fn=take_signals,
        env=ONE_THREAD | os.environ)
    return result.stdout, result.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--only", default="", help="tests whose name MODULE.CLASS/TEST has this expression in it")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 4))
    options = parser.parse_args()
    tests = [test for test in names(options.program) if re.search(options.only, test)]
    began = time.monotonic()
    executed = skipped = failures = unexpected = 0
    seconds, broken = 0.0, []
    with concurrent.futures.ThreadPoolExecutor(options.processes) as pool:
        jobs = {pool.submit(run, options.program, group): group for group in groups(tests)}
        for job in concurrent.futures.as_completed(jobs):
            output, status = job.result()
            print(output, end="", flush=True)
            counts = SUMMARY.findall(output)
            # A process that died says no more than it had printed: its tests count as failed.
            if not counts or (status != 0) != (counts[-1][2] != "0") or int(counts[-1][0]) != len(jobs[job]):
                broken.append(f"{jobs[job][0].split('/')[0]} and what ran with it: status {status}, {len(jobs[job])} tests were to run")
                unexpected += 1
                failures += 1
            if counts:
                count, skips, failed, surprising, took = counts[-1]
                executed += int(count)
                skipped += int(skips or 0)
                failures += int(failed)
                unexpected += int(surprising)
                seconds += float(took)
    for line in broken:
        print(f"error: {line}")
    passed = failures == 0 and executed > 0
    print(f"Test Suite 'All tests' {'passed' if passed else 'failed'} at {datetime.datetime.now():%Y-%m-%d %H:%M:%S}.000")
    missing = f"{skipped} test{'' if skipped == 1 else 's'} skipped and " if skipped else ""
    print(
        f"\t Executed {executed} test{'' if executed == 1 else 's'}, with {missing}{failures} failure{'' if failures == 1 else 's'} "
        f"({unexpected} unexpected) in {seconds:.3f} ({time.monotonic() - began:.3f}) seconds")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
