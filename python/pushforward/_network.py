"""Layers of fixed dynamics as the extension module takes them: dictionaries of arrays whose last axis holds the parts of a number."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from . import _core

Array = NDArray[Any]  # real or complex


def n_parts(dtype: np.dtype[Any]) -> int:
    """1 of real numbers, 2 of complex ones."""
    return 2 if dtype.kind == "c" else 1


def real_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return float32 of float32 and complex64, float64 of float64 and complex128."""
    return np.dtype(dtype.char.lower())


def as_parts(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return C-contiguous numbers of ``dtype`` as real ones with one more axis, of parts. No copy where none is needed."""
    array = np.ascontiguousarray(values, dtype=dtype)
    return array.view(real_of(dtype)).reshape(*array.shape, n_parts(dtype))


def from_parts(values: Array, dtype: np.dtype[Any]) -> Array:
    """Undo :func:`as_parts`."""
    return np.ascontiguousarray(values).reshape(*values.shape[:-2], -1).view(dtype)


def recurrence_dict(W_rec: Any, dtype: np.dtype[Any]) -> dict[str, Any]:
    """Describe W_rec: an array, a SciPy sparse matrix, or an operator of :mod:`pushforward.reservoirs`."""
    if hasattr(W_rec, "_recurrence"):
        described: dict[str, Any] = W_rec._recurrence(dtype)
        return described
    if sparse.issparse(W_rec):
        csr = sparse.csr_array(W_rec)
        if not csr.has_canonical_format:
            csr = csr.copy()  # else the caller's arrays are summed in place, behind the back of his indptr
            csr.sum_duplicates()
        index = {name: np.ascontiguousarray(getattr(csr, name), dtype=np.int64) for name in ("indptr", "indices")}
        return {"kind": "csr", "values": as_parts(csr.data, dtype), **index}
    return {"kind": "dense", "W": as_parts(W_rec, dtype)}


def echo_state_layer(
    W_rec: Any,
    W_in: Array,
    bias: Array | None,
    dtype: np.dtype[Any],
    leak_rate: Array | float = 1.0,
    activation: str = "tanh",
    W_feedback: Array | None = None,
    noise: float = 0.0,
    W_skip: Any = None,
    gain: Array | None = None,
    shift: Array | None = None,
) -> dict[str, Any]:
    """Describe a layer of echo state units; shapes have been checked."""
    n, real = len(W_in), real_of(dtype)
    return {
        "kind": "echo_state",
        "n_units": n,
        "recurrence": recurrence_dict(W_rec, dtype),
        "skip": None if W_skip is None else recurrence_dict(W_skip, dtype),
        "W_in": as_parts(W_in, dtype),
        "bias": as_parts(np.zeros(n, dtype) if bias is None else bias, dtype),
        "W_feedback": None if W_feedback is None else as_parts(W_feedback, dtype),
        "leak_rate": np.broadcast_to(np.asarray(leak_rate, real), n).copy(),
        "gain": np.ones(n, real) if gain is None else np.ascontiguousarray(gain, real),
        "shift": np.zeros(n, real) if shift is None else np.ascontiguousarray(shift, real),
        "activation": activation,
        "noise": float(noise),
    }


def core_network(
    layers: Sequence[dict[str, Any]], n_inputs: int, n_outputs: int, n_series: int, include_inputs: bool, seed: int, dtype: np.dtype[Any]
) -> "_core.NetworkF32 | _core.NetworkF64":
    """Build the network of the extension module. n_outputs: width of what is fed back, and of what ``simulate`` makes."""
    settings = {"n_inputs": n_inputs, "n_outputs": n_outputs, "n_parts": n_parts(dtype), "n_series": n_series}
    settings |= {"include_inputs": include_inputs, "seed": seed}
    core = _core.NetworkF32 if real_of(dtype) == np.float32 else _core.NetworkF64
    return core(list(layers), settings)
