"""What the machine can do, measured in the run: bytes a second of memcpy and of cp to the disk; and what it is."""

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
        "diskBytesPerSecond": disk_rate(path),
    }


def text(machine):
    memory = ", ".join(f"{count} threads {rate / 1e9:.1f}" for count, rate in machine["memcpyBytesPerSecond"].items())
    return (
        f"{machine['processor']}, {machine['threads']} threads, load {machine['load']:.1f}; OpenBLAS core {machine['openblasCore']}; "
        f"memcpy, GB/s read and written: {memory}; cp and fsync: {machine['diskBytesPerSecond'] / 1e6:.0f} MB/s")
