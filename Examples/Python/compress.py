"""Compresses a model, measures it, and looks into it: compress.py MODEL CALIBRATION HELD-OUT FOLDER."""

import os
import sys

import numpy as np

import caplet

source, calibration, held_out, folder = sys.argv[1:]
small, gguf = os.path.join(folder, "small.caplet"), os.path.join(folder, "small.gguf")


def show(event):
    if event.kind == "began":
        print(f"{event.text}: {event.total} {event.unit}")
    elif event.kind == "warning":
        print("warning:", event.text)


# Four bits a weight, calibrated on eight sequences; what it cost is measured below.
report = caplet.compress(source, small, bits_per_weight=4, calibration=calibration, calibration_sequences=8, context=128, no_measure=True,
                         force=True, progress=show)
print(f"compressed to {report['output_bytes']} bytes, {report['bits_per_weight']:.2f} bits a weight")
print("converted to", caplet.convert(small, gguf, dtype="q8_0", force=True)["bytes"], "bytes of GGUF")

for model in (source, small, gguf):
    found = caplet.evaluate(model, text=held_out, context=128, windows=16)
    print(f"{os.path.basename(model)}: perplexity {found['perplexity']:.3f}")

# Nothing of the weights is read before it is asked for, and what is stored as numbers is not copied.
with caplet.open(source) as before, caplet.open(small) as after:
    name = next(name for name, tensor in after.tensors.items() if tensor.kind != "dense")
    error = np.linalg.norm(after.floats(name) - before.floats(name)) / np.linalg.norm(before.floats(name))
    print(f"{name} {after.tensors[name].shape}: {after.tensors[name].bytes} bytes, relative error {error:.4f}")

# The same file without the library, for any program that has NumPy: load_model makes a model of transformers of it.
print(len(caplet.load_state_dict(small)), "tensors")
