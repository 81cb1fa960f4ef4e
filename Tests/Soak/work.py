"""What soak.py and damage.py do things to: commands, the outputs that they make, and folders to make them in."""
import hashlib
import os
import re
import shutil
import subprocess

REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
MODEL = os.path.join(REPOSITORY, "Examples", "wren-7m")
TEXT = os.path.join(REPOSITORY, "Examples", "text", "speeches-evaluation.txt")


class Case:
    """A command line that writes.

    command: arguments of caplet, run in a folder of its own.
    outputs: the names that are there when it has ended, and nothing else is.
    before: a command that makes other outputs of the same names, for --force to replace; None where there is no --force.
    """

    def __init__(self, name, command, outputs, before=None):
        self.name, self.command, self.outputs, self.before = name, command, outputs, before


def cases(composite):
    """Every verb that writes, with every kind of output. composite: a .caplet with low-rank terms."""
    def convert(name, output, outputs=None, *options, model=MODEL, old=("--dtype", "f16")):
        words = ["convert", model, "-o", output, *options, "--no-progress", "-q"]
        return Case(name, words, outputs or [output], words + list(old) if old else None)

    parts = [f"parts-{number:05d}-of-00006.gguf" for number in range(1, 7)]
    magnitude = ["--no-progress", "-q", "--pipeline"]
    return [
        convert("caplet", "m.caplet"),
        convert("gguf", "m.gguf"),
        convert("gguf in parts", "parts.gguf", parts, "--max-shard-size", "3MB", old=("--metadata", "general.name:str=old")),
        convert("safetensors", "m.safetensors"),
        convert("folder", "folder", None, "--to", "safetensors"),
        convert("folder of shards", "shards", None, "--to", "safetensors", "--max-shard-size", "4MB", old=("--metadata", "a=b")),
        convert("npz", "m.npz"),
        convert("npy folder", "arrays", None, "--to", "npy"),
        convert("lora gguf", "l.gguf", ["l.gguf", "l-lora.gguf"], "--as", "lora", model=composite, old=("--metadata", "general.name:str=old")),
        convert("lora folders", "l", ["l", "l-lora"], "--as", "lora", "--to", "safetensors", model=composite),
        Case("lossless", ["compress", MODEL, "-o", "p.caplet", "--lossless", "-q"], ["p.caplet"]),
        Case("magnitude", ["compress", MODEL, "-o", "c.caplet", "--report", "c.json", *magnitude, "magnitude{keep=0.4}"],
             ["c.caplet", "c.json"],
             ["compress", MODEL, "-o", "c.caplet", "--report", "c.json", *magnitude, "magnitude{keep=0.6}"]),
        Case("rpca", ["compress", MODEL, "-o", "r.caplet", *magnitude, "rpca{iterations=8 tolerance=0},magnitude{keep=0.4}"], ["r.caplet"]),
        Case("compare", ["compare", MODEL, "-o", "grid", "--text", TEXT, "--context", "64", "--windows", "2", "--budgets", "0.5",
                         "--methods", "magnitude,wanda", "--calibration", TEXT, "--calibration-sequences", "4", "--no-progress", "-q"], ["grid"]),
    ]


def readers(packed):
    """Verbs that write nothing."""
    return [["verify", packed], ["inspect", packed, "--hash"], ["diff", MODEL, packed],
            ["evaluate", packed, "--text", TEXT, "--context", "64", "--windows", "4"],
            ["run", packed, "--prompt", "The people", "--max-tokens", "40"]]


def digests(folder, names=None):
    """Path: digest of every file below a folder, of these names at its top or of all; figures that differ from run to run left out."""
    found = {}
    for top, _, files in os.walk(folder):
        for file in files:
            path = os.path.relpath(os.path.join(top, file), folder)
            if names is not None and path.split(os.sep)[0] not in names:
                continue
            with open(os.path.join(folder, path), "rb") as stream:
                data = stream.read()
            if path == "c.json" or path.startswith("grid/cells/"):
                # Seconds and memory stand in these: that they are whole has to do.
                data = b"whole" if data.endswith(b"}\n") and data.startswith(b"{") else data
            if path == "grid/compare.html":
                # So do seconds here, "0.4 s" and "1 min 02 s"; all else is compared.
                data = re.sub(rb"\d+ min \d+ s|\d+(\.\d+)? s\b", b"", data)
            found[path] = hashlib.sha256(data).hexdigest()
    return found


class Caplet:
    def __init__(self, program):
        self.program = os.path.abspath(program)

    def start(self, command, folder):
        return subprocess.Popen([self.program, *command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, start_new_session=True)

    def run(self, command, folder, seconds=300):
        result = subprocess.run([self.program, *command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=seconds)
        return result.returncode, result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")


def empty(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder
