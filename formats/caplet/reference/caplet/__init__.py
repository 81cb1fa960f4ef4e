"""Caplet from Python: converts, compresses and measures model checkpoints, and reads what it wrote.

    import caplet
    caplet.compress("model-folder", "small.caplet", size="3MB", calibration="text.txt", progress=print)
    model = caplet.load_model("small.caplet")                 # of transformers
    weights = caplet.load_state_dict("small.caplet")          # NumPy arrays by name

load_state_dict and what else reads .caplet files are Python alone. All else calls the shared library libcaplet-c.so: the one in this
package, or the one that the environment variable CAPLET_LIBRARY names.
"""

from caplet_reader import CapletError, CapletFile

from .hub import load_model, load_state_dict, load_tokenizer
from .models import Model, Tensor, open
from .work import Event, Workspace, compress, convert, evaluate, version

__all__ = ["CapletError", "CapletFile", "Event", "Model", "Tensor", "Workspace", "compress", "convert", "evaluate", "load_model",
           "load_state_dict", "load_tokenizer", "open", "version"]
