"""What this machine can do: its peak of multiply-adds, the bandwidth of its memory, and what it is called. For benchmarks."""

from __future__ import annotations

import os
import platform
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from . import _core

__all__ = ["OPENBLAS_PINS", "ProbeReading", "describe", "fma_peak", "fma_probe", "read_bandwidth"]

OPENBLAS_PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Environment variables that some machines set and that halve the speed of NumPy's and SciPy's products."""

_ROUNDS = 300_000  # of 6 to 12 cycles each: about a millisecond, so that the clock is the one that long work gets


class ProbeReading(NamedTuple):
    """Speed of one burst of independent multiply-adds [flop/s], by the CPU time of this thread and by the clock on the wall."""

    thread: float
    wall: float


def fma_probe(dtype: DTypeLike = "float32", n_rounds: int = _ROUNDS) -> ProbeReading:
    """Run one burst of multiply-adds on registers, on the instruction set in use.

    Parameters
    ----------
    dtype : {"float32", "float64"}
    n_rounds : int
        Length of the burst; the default takes about a millisecond.

    Returns
    -------
    ProbeReading
        Far below :func:`fma_peak`: something else had the core, or its clock was low.
    """
    single = np.dtype(dtype) == np.float32
    thread, wall = time.thread_time(), time.perf_counter()
    flop = _core.fma_probe(n_rounds, single)
    wall, thread = time.perf_counter() - wall, time.thread_time() - thread
    return ProbeReading(flop / max(thread, 1e-9), flop / max(wall, 1e-9))


def fma_peak(dtype: DTypeLike = "float32", n_probes: int = 40) -> float:
    """Measure the peak of one core [flop/s]: the fastest of many bursts, a multiply-add counted as two.

    By the clock on the wall: on a shared virtual machine the CPU time of a burst may be booked too short, and would give a peak that no core has.

    Examples
    --------
    >>> fma_peak("float32", n_probes=3) > 1e8
    True
    """
    return max(fma_probe(dtype).wall for _ in range(n_probes))


def read_bandwidth(sizes: tuple[int, ...] = (1 << 15, 1 << 18, 1 << 20, 1 << 23, 1 << 28), seconds: float = 0.02) -> dict[int, float]:
    """Sweep over working sets: how fast NumPy's dot product reads an array again and again on one core [bytes/s].

    Parameters
    ----------
    sizes : tuple of int
        Bytes.
    seconds : float
        Spent per size, at least.

    Returns
    -------
    bandwidth : dict
        Bytes of the working set → bytes/s, the fastest pass. A lower bound of what the machine can do.
    """
    rates: dict[int, float] = {}
    for size in sizes:
        data = np.ones(size // 4, np.float32)
        passes = max(1, (1 << 20) // size)
        best, end = np.inf, time.perf_counter() + seconds
        while best == np.inf or time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(passes):
                np.dot(data, data)
            best = min(best, (time.perf_counter() - start) / passes)
        rates[size] = size / best
    return rates


def describe() -> dict[str, Any]:
    """Say what the figures of a benchmark hold for: processor, instruction set, threads, versions, BLAS and the pins set on it.

    Examples
    --------
    >>> sorted(describe())[:4]
    ['available_cpus', 'blas', 'build', 'default_threads']
    """
    return {
        "processor": _processor(),
        "available_cpus": _core.available_cpus(),
        "default_threads": _core.default_threads(),
        "isa": _core.isa(),
        "usable_isas": list(_core.usable_isas()),
        "build": _core.build_info(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": _blas(),
        "openblas_pins": {name: os.environ[name] for name in OPENBLAS_PINS if name in os.environ},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _blas() -> list[str]:
    """The BLAS libraries this process has loaded, each with its kernels and threads."""
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:  # comes with scikit-learn
        return []
    found = (entry for entry in threadpool_info() if entry.get("user_api") == "blas")
    return sorted({f"{e['internal_api']} {e['version']} {e.get('architecture', '')} × {e['num_threads']}" for e in found})
