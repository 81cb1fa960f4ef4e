"""Models of any format, opened by the library: tensors as NumPy arrays without copies."""

import ctypes
import json
import typing

import numpy as np

from caplet_reader import TYPES, CapletError, float8

from . import library
from .work import Workspace


class Owner:
    """Holds what an array of the library's lies in."""

    def __init__(self, handle):
        self._handle, self._free = handle, library.load().caplet_array_free

    def __del__(self):
        self._free(self._handle)


class Tensor(typing.NamedTuple):
    """What is known of a tensor without reading it: kind is "dense", "blocks", "lowRank", "sparse", "quantized" or "composite".

    transposed: whether the checkpoint has rows and columns exchanged."""

    name: str
    dtype: str
    shape: tuple
    kind: str
    bytes: int
    transposed: bool


class Model:
    """An open model. Arrays that come from it stay valid when it is closed; its files may not be changed while any of these is there."""

    def __init__(self, path, format=None, workspace=None):
        self._handle, self._close = ctypes.c_void_p(), library.load().caplet_close
        self._workspace = workspace or Workspace()
        name = None if format is None else library.encoded(format)
        library.call("caplet_open", self._workspace._handle, library.encoded(path), name, ctypes.byref(self._handle))
        text = ctypes.c_void_p()
        library.call("caplet_describe", self._handle, ctypes.byref(text))
        self.description = json.loads(library.take(text.value))
        self.tensors = {entry["name"]: Tensor(entry["name"], entry["dtype"], tuple(entry["shape"]), entry["kind"], entry["bytes"],
                                              entry["transposed"])
                        for entry in self.description["tensors"]}
        self.ties = {tie["name"]: tie["target"] for tie in self.description["ties"]}
        self.files = self.description["files"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if hasattr(self, "_close"):
            self.close()

    def close(self):
        handle, self._handle = self._handle, ctypes.c_void_p()
        self._close(handle)

    def values(self, name):
        """A tensor's elements as they are stored, read-only, where the file has them so without a copy; of codes, factors and sparse
        values as float32. BF16 comes as uint16, and 8-bit floats as uint8: `floats` has their numbers."""
        return self._array("caplet_tensor_values", name)[0]

    def floats(self, name):
        """A tensor's values as float32; integers and truth values as they are."""
        values, dtype = self._array("caplet_tensor_values", name)
        if dtype == "BF16":
            return (values.astype("<u4") << 16).view("<f4")
        if dtype in ("F8_E4M3", "F8_E5M2"):
            return float8(dtype)[values]
        return values.astype(np.float32, copy=False) if values.dtype.kind == "f" else values

    def file(self, name):
        """The bytes of a file that travels with the model, such as "config.json"."""
        return self._array("caplet_file_bytes", name)[0].tobytes()

    def state_dict(self):
        """Every tensor by name, tied names too, as arrays of their own with the checkpoint's rows and columns: float32, or the integers
        that are stored."""
        made = {name: np.array(self.floats(name).T if tensor.transposed else self.floats(name), order="C")
                for name, tensor in self.tensors.items()}
        return {**made, **{name: made[target] for name, target in self.ties.items()}}

    def _array(self, function, name):
        found = library.ArrayStructure()
        library.call(function, self._handle, library.encoded(name), ctypes.byref(found))
        owner = Owner(found.owner)
        dtype, shape = found.dtype.decode(), tuple(found.shape[i] for i in range(found.rank))
        if dtype not in TYPES:
            raise CapletError(f"tensor '{name}': NumPy has no {dtype}", library.UNSUPPORTED)
        if not found.byte_count:
            return np.zeros(shape, TYPES[dtype]), dtype
        memory = (ctypes.c_ubyte * found.byte_count).from_address(found.data)
        # The array has the memory as its base, and that has the owner.
        memory.owner = owner
        return np.frombuffer(memoryview(memory).toreadonly(), TYPES[dtype]).reshape(shape), dtype


def open(path, format=None, workspace=None):
    """Opens a model of any format; nothing of its weights is read before it is asked for."""
    return Model(path, format, workspace)
