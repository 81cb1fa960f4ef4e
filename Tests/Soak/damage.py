#!/usr/bin/env python3
"""Flips bits of what caplet wrote, and looks whether it is noticed.

    damage.py CAPLET [--flips 1000] [--seed 0]

A .caplet with a flipped bit does not pass `verify`. Any other output is read or refused, with one line. Unfinished work with a
flipped bit comes to the same bytes as without, and a folder with a changed file, or a changed list of files, is not replaced.
"""
import argparse
import glob
import os
import random
import shutil
import signal
import sys
import tempfile
import time

from work import Caplet, MODEL, digests, empty

# What a reader may say of bytes that mean something else now.
STATUSES = {0, 1, 65, 66, 69}


class Damage:
    def __init__(self, caplet, flips, seed, root):
        self.caplet, self.flips, self.random, self.root = caplet, flips, random.Random(seed), root
        self.done, self.faults = 0, []

    def fault(self, what, *details):
        self.faults.append(what)
        print("FAULT", what, *details, flush=True)

    def flip(self, path):
        """Flips a bit of a file; of headers, which are short and mean much, more often than of the rest."""
        with open(path, "r+b") as file:
            size = os.path.getsize(path)
            place = self.random.randrange(size if self.random.random() < 0.5 else min(size, 4096))
            file.seek(place)
            byte = file.read(1)[0]
            bit = self.random.randrange(8)
            file.seek(place)
            file.write(bytes([byte ^ 1 << bit]))
        self.done += 1
        return f"bit {bit} of byte {place}"

    def clean(self, what, code, errors, allowed):
        if code not in allowed or len(errors.strip().splitlines()) > 12 or "Fatal error" in errors:
            self.fault(f"{what}: status {code}", errors[-400:])

    def containers(self, whole):
        copy = os.path.join(self.root, "flipped.caplet")
        for _ in range(self.flips // 2):
            shutil.copy(whole, copy)
            where = self.flip(copy)
            code, _, errors = self.caplet.run(["verify", copy, "--from", "caplet"], self.root)
            if code != 1:
                self.fault(f"verify of {where}: status {code}", errors)

    def others(self, made):
        for _ in range(self.flips // 4):
            original = self.random.choice(made)
            copy = os.path.join(self.root, "flipped" + (os.path.splitext(original)[1]))
            shutil.copy(original, copy)
            where = self.flip(copy)
            for command in (["inspect", copy], ["verify", copy], ["convert", copy, "-o", "out.npz", "--force", "-q"]):
                code, _, errors = self.caplet.run(command, self.root)
                self.clean(f"{command[0]} of {copy}, {where}", code, errors, STATUSES)

    def segments(self):
        """Unfinished work: interrupt, flip, go on."""
        command = ["compress", MODEL, "-o", "r.caplet", "--no-progress", "--pipeline", "rpca{iterations=40 tolerance=0},magnitude{keep=0.4}"]
        straight = empty(os.path.join(self.root, "straight"))
        start = time.time()
        self.caplet.run(command, straight)
        seconds = time.time() - start
        expected = digests(straight)
        kept = empty(os.path.join(self.root, "kept"))
        process = self.caplet.start(command, kept)
        time.sleep(max(3.0, seconds * 0.6))
        process.send_signal(signal.SIGINT)
        process.communicate()
        if not os.path.isdir(os.path.join(kept, "r.caplet.unfinished")):
            return self.fault("the run ended before it could be interrupted, so that no unfinished work was looked at")
        for _ in range(max(self.flips // 100, 2)):
            folder = os.path.join(self.root, "resumed")
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(kept, folder)
            victim = self.random.choice(glob.glob(os.path.join(folder, "r.caplet.unfinished", "*")))
            where = self.flip(victim)
            code, _, errors = self.caplet.run(command, folder)
            self.clean(f"going on with {where} of {os.path.basename(victim)}", code, errors, {0})
            if digests(folder) != expected:
                self.fault(f"going on with {where} of {os.path.basename(victim)} came to other bytes", errors)

    def folders(self):
        """A folder that was written, then changed: --force leaves it alone."""
        folder = empty(os.path.join(self.root, "folders"))
        self.caplet.run(["convert", MODEL, "-o", "m", "--to", "safetensors", "-q"], folder)
        for _ in range(max(self.flips // 50, 4)):
            shutil.rmtree(os.path.join(folder, "copy"), ignore_errors=True)
            shutil.copytree(os.path.join(folder, "m"), os.path.join(folder, "copy"))
            victim = self.random.choice(["config.json", "tokenizer.json", ".caplet-files.json"])
            where = self.flip(os.path.join(folder, "copy", victim))
            before = digests(os.path.join(folder, "copy"))
            code, _, errors = self.caplet.run(["convert", MODEL, "-o", "copy", "--to", "safetensors", "--force", "-q"], folder)
            self.clean(f"--force over {where} of {victim}", code, errors, {0, 64, 65})
            if code == 0 and victim != ".caplet-files.json":
                self.fault(f"--force replaced a folder with {where} of {victim}")
            if code != 0 and digests(os.path.join(folder, "copy")) != before:
                self.fault(f"--force was refused and changed the folder with {where} of {victim}")

    def run(self):
        whole = os.path.join(self.root, "m.caplet")
        made = []
        for name, options in (("m.caplet", []), ("m.gguf", ["--dtype", "q4_k"]), ("m.safetensors", []), ("m.npz", [])):
            path = os.path.join(self.root, name)
            self.caplet.run(["convert", MODEL, "-o", path, "-q", *options], self.root)
            made.append(path)
        self.containers(whole)
        self.others(made)
        self.folders()
        self.segments()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("caplet")
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="caplet-damage-") as root:
        damage = Damage(Caplet(options.caplet), options.flips, options.seed, root)
        start = time.time()
        damage.run()
        print(f"damage: {damage.done} flips, {len(damage.faults)} faults, {time.time() - start:.0f} s")
        sys.exit(1 if damage.faults else 0)


if __name__ == "__main__":
    main()
