#!/usr/bin/env python3
"""Kills ranks of a compression at moments spread over the whole of it, and goes on with other numbers of ranks.

    ranks.py CAPLET LIBRARY [--kills 30] [--seed 0]

A compression through every kind of pass by three ranks is cut in each of its stages, KILLS times in each, at a moment drawn by chance: SIGKILL to
one rank, also drawn. After each kill the job has ended within ten seconds, with a status that is not 0, and nothing is under the output's name.
The same command then goes on with 1 to 4 ranks, some times killed once more, and what comes out has the bytes that one process makes.
"""
import argparse
import collections
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from work import MODEL, REPOSITORY

TEXT = os.path.join(REPOSITORY, "Examples", "text", "speeches-calibration.txt")
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
COMMAND = ["compress", "model", "-o", "out.caplet", "--calibration", TEXT, "--calibration-sequences", "16", "--context", "32", "--no-measure",
           "--threads", "1", "--pipeline",
           "rpca{iterations=20 tolerance=0},prune-probabilistic{keep=0.5 steps=2},match{passes=1},refit{passes=2},quantize{bits=4}"]


def cut_model(folder, blocks):
    """The bundled model with its first blocks alone, for more kills in the same time."""
    os.mkdir(folder)
    for name in os.listdir(MODEL):
        if not name.endswith(".safetensors"):
            shutil.copyfile(os.path.join(MODEL, name), os.path.join(folder, name))
    with open(os.path.join(MODEL, "config.json")) as stream:
        config = json.load(stream)
    config["num_hidden_layers"] = blocks
    with open(os.path.join(folder, "config.json"), "w") as stream:
        json.dump(config, stream)
    with open(os.path.join(MODEL, "model.safetensors"), "rb") as stream:
        data = stream.read()
    length = int.from_bytes(data[:8], "little")
    header, values, kept = json.loads(data[8:8 + length]), data[8 + length:], {}
    parts, position = [], 0
    for name, entry in header.items():
        block = re.match(r"model\.layers\.(\d+)\.", name)
        if name == "__metadata__" or block and int(block[1]) >= blocks:
            continue
        start, end = entry["data_offsets"]
        kept[name] = dict(entry, data_offsets=[position, position + end - start])
        parts.append(values[start:end])
        position += end - start
    text = json.dumps(kept).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text + b"".join(parts))


class Soak:
    def __init__(self, options, folder):
        self.caplet, self.library = os.path.abspath(options.caplet), os.path.abspath(options.library)
        self.random, self.folder = random.Random(options.seed), folder
        self.faults, self.kills, self.longest = 0, collections.Counter(), 0.0

    def path(self, name):
        return os.path.join(self.folder, name)

    def fault(self, *what):
        self.faults += 1
        print("FAULT", *what, flush=True)

    def start(self, ranks, *options):
        """So many ranks; of one, plain caplet."""
        before = ["mpirun", "--oversubscribe", "-np", str(ranks)] if ranks > 1 else []
        more = ["--ensemble", f"mpi:{self.library}"] if ranks > 1 else []
        with open(self.path("log"), "wb") as log:
            return subprocess.Popen([*before, self.caplet, *COMMAND, *more, *options], cwd=self.folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def digest(self):
        with open(self.path("out.caplet"), "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()

    def log(self):
        with open(self.path("log"), errors="replace") as stream:
            return stream.read()

    def straight(self, ranks):
        """Runs it to the end. Returns [(stage, seconds)]: the start, a stage or more of each pass, the end."""
        began = time.time()
        if self.start(ranks, "--report", "report.json", "--force").wait() != 0:
            sys.exit(self.log())
        seconds = time.time() - began
        with open(self.path("report.json")) as stream:
            passes = [(entry["pass"].split("{")[0], entry["seconds"]) for entry in json.load(stream)["passes"]]
        rest = max(seconds - sum(taken for _, taken in passes), 0.2)
        stages = [("the start", rest / 2)]
        for name, taken in passes:
            parts = max(1, round(6 * taken / seconds))
            stages += [(name if parts == 1 else f"{name}, part {part + 1}", taken / parts) for part in range(parts)]
        return stages + [("the end", rest / 2)]

    def ranks_of(self, launcher):
        found = subprocess.run(["pgrep", "-P", str(launcher.pid), "-x", "caplet"], capture_output=True, text=True)
        return [int(line) for line in found.stdout.split()]

    def kill(self, ranks, seconds, stage):
        """Runs what is unfinished and kills one of the ranks after so many seconds, which are in that stage."""
        job = self.start(ranks)
        try:
            job.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        victims = self.ranks_of(job)
        if not victims:
            job.wait(60)
            return
        try:
            os.kill(self.random.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            pass
        moment = time.time()
        try:
            status = job.wait(60)
        except subprocess.TimeoutExpired:
            self.fault("the job did not end within a minute of a kill, in", stage)
            os.killpg(job.pid, signal.SIGKILL)
            status = job.wait()
        took = time.time() - moment
        self.longest = max(self.longest, took)
        self.kills[stage] += 1
        # A rank may have had nothing left to do but to leave: then the output is there, and looked at.
        if status == 0 and not os.path.exists(self.path("out.caplet")):
            self.fault("status 0 and no output, in", stage)
        if took > 10:
            self.fault(f"it took {took:.1f} s to end after a kill, in", stage)

    def run(self, kills):
        cut_model(self.path("model"), 2)
        self.straight(1)
        self.expected = self.digest()
        stages = self.straight(3)
        if self.digest() != self.expected:
            self.fault("three ranks come to other bytes than one process")
        print(", ".join(f"{stage} {taken:.1f} s" for stage, taken in stages), flush=True)
        for number in range(kills):
            begin = 0.0
            for stage, taken in stages:
                for name in ["out.caplet", "report.json"]:
                    if os.path.exists(self.path(name)):
                        os.unlink(self.path(name))
                shutil.rmtree(self.path("out.caplet.unfinished"), ignore_errors=True)
                # The launcher needs a moment before there are ranks to kill.
                self.kill(3, max(begin + taken * self.random.random(), 0.3), stage)
                begin += taken
                if not os.path.exists(self.path("out.caplet")) and self.random.random() < 0.3:
                    self.kill(self.random.choice([2, 4]), 0.3 + begin * self.random.random(), "what goes on")
                ended = os.path.exists(self.path("out.caplet"))
                if not ended and self.start(self.random.choice([1, 2, 3, 4])).wait() != 0:
                    self.fault("it did not go on:", self.log())
                elif self.digest() != self.expected:
                    self.fault("other bytes after a kill in", stage)
            print(f"{number + 1} of {kills}: {sum(self.kills.values())} kills, {self.faults} faults", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("caplet")
    parser.add_argument("library")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="caplet-soak-") as folder:
        soak = Soak(options, folder)
        soak.run(options.kills)
        print("kills:", ", ".join(f"{count} in {stage}" for stage, count in soak.kills.items()))
        print(f"ranks: {sum(soak.kills.values())} kills, {soak.faults} faults, at most {soak.longest:.1f} s until the job had ended")
        sys.exit(1 if soak.faults else 0)


if __name__ == "__main__":
    main()
