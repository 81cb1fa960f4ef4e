#!/usr/bin/env python3
"""Kills caplet at random moments, in every verb and with every kind of output, and looks at what is left.

    soak.py CAPLET [--kills 1000] [--seed 0]

After each kill the outputs are, all together, what they were before or what they were to become, and inputs are untouched. The same
command then ends well, comes to the bytes of a run that nobody killed, and leaves nothing else behind.
"""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

from work import Caplet, MODEL, cases, digests, empty, readers

SIGNALS = [signal.SIGKILL] * 6 + [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
# A signal that asks to stop may come before the program can be asked, which ends it as any other.
ENDED = {0, 130, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}


class Soak:
    def __init__(self, caplet, kills, seed, root):
        self.caplet, self.kills, self.random, self.root = caplet, kills, random.Random(seed), root
        self.done, self.faults = 0, []
        self.inputs = self.stamp(MODEL)

    def stamp(self, folder):
        return [(name, os.stat(os.path.join(folder, name)).st_size, os.stat(os.path.join(folder, name)).st_mtime_ns)
                for name in sorted(os.listdir(folder))]

    def fault(self, what, *details):
        self.faults.append(what)
        print("FAULT", what, *details, flush=True)

    def expect(self, command, folder):
        code, _, errors = self.caplet.run(command, folder)
        if code != 0:
            sys.exit(f"caplet {' '.join(command)} ended with {code}: {errors}")

    def kill(self, command, folder, seconds, complete=lambda: False):
        """Runs a command and kills it after a time in which it may just have ended.

        Where `complete()`, all outputs were there, or got their names from this run, which may refuse to make them again."""
        process = self.caplet.start(command, folder)
        # Half of the kills fall where outputs get their names.
        share = self.random.random() if self.random.random() < 0.5 else 0.7 + 0.4 * self.random.random()
        try:
            process.wait(seconds * share)
        except Exception:
            which = self.random.choice(SIGNALS)
            os.killpg(process.pid, which) if self.random.random() < 0.5 else process.send_signal(which)
        errors = process.communicate(timeout=60)[1].decode(errors="replace")
        self.done += 1
        if process.returncode not in ENDED and not (process.returncode == 64 and complete()):
            self.fault(f"{' '.join(command)}: ended with {process.returncode} when it was killed", errors)
        # What gives outputs their names may outlive the process by some microseconds.
        time.sleep(0.02)
        return process.returncode

    def prepare(self, case):
        """The outputs before and after an uninterrupted run, and its seconds."""
        folder = empty(os.path.join(self.root, "straight"))
        start = time.time()
        self.expect(case.command, folder)
        seconds = time.time() - start
        after, before = digests(folder), {}
        old = None
        if case.before:
            old = empty(os.path.join(self.root, "old-" + case.name))
            self.expect(case.before, old)
            before = digests(old)
        return old, before, after, seconds

    def attack(self, case, prepared, force):
        old, before, after, seconds = prepared
        folder = os.path.join(self.root, "work")
        shutil.rmtree(folder, ignore_errors=True)
        if force:
            shutil.copytree(old, folder, copy_function=shutil.copy2)
        else:
            os.makedirs(folder)
        command = case.command + (["--force"] if force else [])
        label = case.name + (" --force" if force else "")
        start = before if force else {}
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            if self.done >= self.kills:
                break
            code = self.kill(command, folder, seconds, lambda: not force and digests(folder, case.outputs) == after)
            found = digests(folder, case.outputs)
            if case.name == "compare":
                if any(after.get(path) not in (None, digest) for path, digest in found.items() if ".caplet-" not in path and ".partial-" not in path):
                    self.fault(f"{label}: a cell is neither there nor absent", found)
            elif found not in (start, after):
                self.fault(f"{label}: after {code} the outputs are neither old nor new", sorted(found))
            if code == 0 or found == after:
                break
        # Where all is there, or was complete and gets its name from this run, the run is refused without --force.
        code, _, errors = self.caplet.run(command, folder)
        if code != 0 and not (code == 64 and not force and digests(folder, case.outputs) == after):
            self.fault(f"{label}: the same command ended with {code} after a kill", errors)
        if digests(folder) != after:
            self.fault(f"{label}: in the end there is", sorted(set(digests(folder).items()) ^ set(after.items())))
        if self.stamp(MODEL) != self.inputs:
            self.fault(f"{label}: the input was touched")
            self.inputs = self.stamp(MODEL)

    def read(self, command):
        folder = empty(os.path.join(self.root, "work"))
        start = time.time()
        self.expect(command, folder)
        self.kill(command, folder, time.time() - start)
        if os.listdir(folder):
            self.fault(f"{command[0]}: left {os.listdir(folder)}")

    def run(self):
        shared = empty(os.path.join(self.root, "shared"))
        packed, composite = os.path.join(shared, "m.caplet"), os.path.join(shared, "composite.caplet")
        self.expect(["convert", MODEL, "-o", packed, "-q"], shared)
        self.expect(["compress", MODEL, "-o", composite, "-q", "--no-progress", "--pipeline", "rpca{iterations=3},quantize{bits=8 target=uv}"], shared)
        jobs = [(case, self.prepare(case)) for case in cases(composite)]
        modes = [(case, prepared, force) for case, prepared in jobs for force in ([False, True] if case.before else [False])]
        while self.done < self.kills:
            self.random.shuffle(modes)
            for case, prepared, force in modes:
                if self.done < self.kills:
                    self.attack(case, prepared, force)
            for command in readers(packed):
                if self.done < self.kills:
                    self.read(command)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("caplet")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="caplet-soak-") as root:
        soak = Soak(Caplet(options.caplet), options.kills, options.seed, root)
        start = time.time()
        soak.run()
        print(f"soak: {soak.done} kills, {len(soak.faults)} faults, {time.time() - start:.0f} s")
        sys.exit(1 if soak.faults else 0)


if __name__ == "__main__":
    main()
