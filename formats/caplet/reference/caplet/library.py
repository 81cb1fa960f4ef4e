"""The shared library, and its functions as caplet.h declares them."""

import ctypes
import functools
import os

from caplet_reader import CapletError

INTERFACE_VERSION = 1
USAGE, UNSUPPORTED = 64, 69
VARIABLE = "CAPLET_LIBRARY"
NAME = "libcaplet-c.so"


class EventStructure(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("kind", ctypes.c_int32), ("text", ctypes.c_char_p), ("unit", ctypes.c_char_p),
                ("done", ctypes.c_uint64), ("total", ctypes.c_uint64)]


class ArrayStructure(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("byte_count", ctypes.c_uint64), ("rank", ctypes.c_uint64),
                ("shape", ctypes.POINTER(ctypes.c_uint64)), ("dtype", ctypes.c_char_p), ("owner", ctypes.c_void_p)]


REPORT = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(EventStructure))
HANDLE, TEXT, PLACE = ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)
REQUEST = ctypes.c_int32, [HANDLE, TEXT, REPORT, HANDLE, HANDLE, PLACE, PLACE]
ARRAY = ctypes.c_int32, [HANDLE, TEXT, ctypes.POINTER(ArrayStructure), PLACE]

# What each function returns and takes. Texts that are given back are pointers here: ctypes would keep a copy and lose the original.
FUNCTIONS = {
    "caplet_version": (TEXT, []), "caplet_string_free": (None, [HANDLE]),
    "caplet_workspace_make": (ctypes.c_int32, [TEXT, PLACE, PLACE]), "caplet_workspace_free": (None, [HANDLE]),
    "caplet_stop_make": (HANDLE, []), "caplet_stop_request": (None, [HANDLE]), "caplet_stop_free": (None, [HANDLE]),
    "caplet_convert": REQUEST, "caplet_compress": REQUEST, "caplet_evaluate": REQUEST,
    "caplet_open": (ctypes.c_int32, [HANDLE, TEXT, TEXT, PLACE, PLACE]), "caplet_close": (None, [HANDLE]),
    "caplet_describe": (ctypes.c_int32, [HANDLE, PLACE, PLACE]),
    "caplet_tensor_values": ARRAY, "caplet_file_bytes": ARRAY, "caplet_array_free": (None, [HANDLE]),
}


def location():
    """Where the library is, or would be."""
    return os.environ.get(VARIABLE) or os.path.join(os.path.dirname(os.path.abspath(__file__)), NAME)


@functools.cache
def load():
    """The library, loaded when it is first asked for."""
    path = location()
    if not os.path.exists(path):
        raise CapletError(f"{path}: no such library; `make wheel` builds a package that has it, {VARIABLE} names one", UNSUPPORTED)
    try:
        library = ctypes.CDLL(path)
        library.caplet_interface_version.restype = ctypes.c_uint32
        found = library.caplet_interface_version()
        if found != INTERFACE_VERSION:
            raise CapletError(f"{path}: has version {found} of the interface, not {INTERFACE_VERSION}", UNSUPPORTED)
        for name, (result, arguments) in FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise CapletError(f"{path}: {error}", UNSUPPORTED) from None
    return library


def encoded(text):
    """Text as C has it: bytes without a zero, which would end it."""
    data = os.fsencode(text)
    if b"\0" in data:
        raise CapletError(f"{text!r} has a zero byte", USAGE)
    return data


def take(pointer):
    """A text of the library's as one of Python's; it is given back."""
    if not pointer:
        return ""
    try:
        return ctypes.string_at(pointer).decode("utf-8", "replace")
    finally:
        load().caplet_string_free(pointer)


def call(name, *arguments):
    """Calls a function whose last argument is the place of a message.

    Raises CapletError with the message and the status."""
    message = ctypes.c_void_p()
    status = getattr(load(), name)(*arguments, ctypes.byref(message))
    text = take(message.value)
    if status != 0:
        raise CapletError(text, status)
