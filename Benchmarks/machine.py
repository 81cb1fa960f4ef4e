"""What the machine can do, measured in the run: sgemm, memcpy, and cp to the disk; and what it is."""

import concurrent.futures
import ctypes
import ctypes.util
import os
import statistics
import subprocess
import time

import numpy as np

import measure


def processor():
    with open("/proc/cpuinfo") as info:
        return next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown")


def blas_core():
    """The kernels that OpenBLAS chose, in the environment as it is."""
    name = ctypes.util.find_library("openblas")
    if not name:
        return "OpenBLAS is not there"
    library = ctypes.CDLL(name)
    library.openblas_get_corename.restype = ctypes.c_char_p
    return library.openblas_get_corename().decode()


def sgemm_rate(threads, order=2048, rounds=7):
    """Operations a second of OpenBLAS's product of two square matrices of floats; the best of some, as a limit is."""
    library = ctypes.CDLL(ctypes.util.find_library("openblas"))
    library.openblas_set_num_threads(threads)
    library.cblas_sgemm.argtypes = [ctypes.c_int] * 6 + [ctypes.c_float, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
                                                         ctypes.c_float, ctypes.c_void_p, ctypes.c_int]
    a, b, c = (np.full((order, order), value, np.float32) for value in (0.5, 0.25, 0))
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        library.cblas_sgemm(
            101, 111, 111, order, order, order, 1, a.ctypes.data, order, b.ctypes.data, order, 0, c.ctypes.data, order)
        times.append(time.perf_counter() - start)
    return 2 * order**3 / min(times)


def memcpy_rate(threads, rounds=7, size=256 << 20):
    """Bytes a second read and written, 2 for each byte copied, by memcpy between buffers far larger than the caches."""
    sources = [np.ones(size // threads, np.uint8) for _ in range(threads)]
    targets = [np.empty_like(source) for source in sources]

    def copy(index):
        ctypes.memmove(targets[index].ctypes.data, sources[index].ctypes.data, sources[index].nbytes)

    times = []
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds + 1):
            start = time.perf_counter()
            list(pool.map(copy, range(threads)))
            times.append(time.perf_counter() - start)
    return 2 * size / statistics.median(times[1:])


def disk_rate(path, rounds=3):
    """Bytes a second of cp and fsync of a file that is in the system's cache."""
    copy, times = f"{path}.copy", []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run(["cp", path, copy], check=True)
        measure.sync(copy)
        times.append(time.perf_counter() - start)
        os.remove(copy)
    return os.path.getsize(path) / statistics.median(times)


def describe(threads, path):
    return {
        "processor": processor(), "threads": threads, "openblasCore": blas_core(), "load": os.getloadavg()[0],
        "openblasCoretypeSet": os.environ.get("OPENBLAS_CORETYPE"),
        "memcpyBytesPerSecond": {str(count): memcpy_rate(count) for count in sorted({1, threads})},
        "sgemmOperationsPerSecond": {str(count): sgemm_rate(count) for count in sorted({1, threads})},
        "diskBytesPerSecond": disk_rate(path) if path else None,
    }


def text(machine):
    memory = ", ".join(f"{count} threads {rate / 1e9:.1f}" for count, rate in machine["memcpyBytesPerSecond"].items())
    products = ", ".join(f"{count} threads {rate / 1e9:.0f}" for count, rate in machine["sgemmOperationsPerSecond"].items())
    disk = machine["diskBytesPerSecond"]
    return (
        f"{machine['processor']}, {machine['threads']} threads, load {machine['load']:.1f}; OpenBLAS core {machine['openblasCore']}; "
        f"sgemm, GFLOP/s: {products}; memcpy, GB/s read and written: {memory}"
        + (f"; cp and fsync: {disk / 1e6:.0f} MB/s" if disk else ""))
