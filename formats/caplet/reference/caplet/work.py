"""Requests to the library: convert, compress, evaluate."""

import ctypes
import json
import os
import queue
import threading
import typing
import warnings

from . import library

KINDS = {1: "piece", 2: "began", 3: "advanced", 4: "ended", 5: "warning", 6: "note", 7: "detail"}


class Event(typing.NamedTuple):
    """What happens while a request is carried out: kind is "piece", "began", "advanced", "ended", "warning", "note" or "detail"."""

    kind: str
    text: str
    done: int
    total: int
    unit: str


class Workspace:
    """Threads and memory that requests may use, and plugins with further formats and passes.

    threads: 0 is all processors; results never depend on it. memory: bytes, or text such as "16GB". scratch: a folder for what is more
    than that. plugins: paths of shared libraries, whose code is run."""

    def __init__(self, threads=0, memory=None, scratch=None, plugins=()):
        settings = document(threads=threads, memory=memory, scratch=scratch, plugins=list(plugins))
        self._handle, self._free = ctypes.c_void_p(), library.load().caplet_workspace_free
        library.call("caplet_workspace_make", settings, ctypes.byref(self._handle))

    def __del__(self):
        if hasattr(self, "_free"):
            self._free(self._handle)

    def convert(self, model, output, progress=None, **options):
        """Writes a model in another format or dtype; options are those of `caplet convert`. Returns what its --json prints."""
        return self._run("caplet_convert", progress, model=model, output=output, **options)

    def compress(self, model, output, progress=None, **options):
        """Compresses a model; options are those of `caplet compress`. Returns what its --json prints."""
        return self._run("caplet_compress", progress, model=model, output=output, **options)

    def evaluate(self, model, progress=None, **options):
        """Measures a model on text, tokens or a task; options are those of `caplet evaluate`. Returns what its --json prints."""
        return self._run("caplet_evaluate", progress, model=model, **options)

    def _run(self, function, progress, **options):
        """Carries out a request on a thread of its own, and calls `progress` on this one.

        What `progress` raises, an interrupt from the keyboard too, stops the request, and is raised when that has cleaned up."""
        request = document(**options)
        events = queue.SimpleQueue()
        stop = ctypes.c_void_p(library.load().caplet_stop_make())
        outcome = {}

        def report(user, event):
            event = event.contents
            events.put(Event(KINDS.get(event.kind, "detail"), event.text.decode(), event.done, event.total, event.unit.decode()))
            return 0

        def work():
            result, callback = ctypes.c_void_p(), library.REPORT(report)
            try:
                library.call(function, self._handle, request, callback, None, stop, ctypes.byref(result))
                outcome["result"] = json.loads(library.take(result.value))
            except BaseException as error:
                outcome["error"] = error
            events.put(None)

        worker = threading.Thread(target=work, name=function, daemon=True)
        try:
            worker.start()
            while (event := events.get()) is not None:
                tell(event, progress)
        except BaseException:
            library.load().caplet_stop_request(stop)
            raise
        finally:
            if worker.ident is not None:
                worker.join()
            library.load().caplet_stop_free(stop)
        if "error" in outcome:
            raise outcome["error"]
        return outcome["result"]


def tell(event, progress):
    """Gives an event to `progress`; without it a warning is one of Python's."""
    if progress is not None:
        progress(event)
    elif event.kind == "warning":
        warnings.warn(event.text, stacklevel=5)


def document(**options):
    """Options as the JSON of a request: `from_` and `as_`, which Python keeps for itself otherwise, without their last sign."""
    return library.encoded(json.dumps({name.rstrip("_"): value for name, value in options.items() if value is not None}, default=os.fspath,
                                      allow_nan=False))


def convert(model, output, progress=None, **options):
    """Workspace().convert: writes a model in another format or dtype."""
    return Workspace().convert(model, output, progress, **options)


def compress(model, output, progress=None, **options):
    """Workspace().compress: compresses a model."""
    return Workspace().compress(model, output, progress, **options)


def evaluate(model, progress=None, **options):
    """Workspace().evaluate: measures a model on text, tokens or a task."""
    return Workspace().evaluate(model, progress, **options)


def version():
    """The version of the library."""
    return library.load().caplet_version().decode()
