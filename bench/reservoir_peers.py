"""The same reservoir in what else is installed: reservoirpy, rclib, and loops in SciPy and NumPy. None is needed to run the rest.

Each is built from our weights and goes on, call after call, from where it stopped.
"""

from __future__ import annotations

import importlib
import importlib.util
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .reservoir_cases import Array, Drive


def installed(name: str) -> bool:
    """Whether a package is there."""
    return importlib.util.find_spec(name) is not None


class Loop:
    """One product a step from Python; W_rec as SciPy's CSR, or written out."""

    def __init__(self, drive: Drive, W_rec: Any) -> None:
        self._W, self._drive, self._s = W_rec, drive, np.zeros(drive.n_units, drive.dtype)

    def advance(self, X: Array) -> Array:
        """States (n_steps, n_units)."""
        W, W_in, bias, s = self._W, self._drive.W_in, self._drive.bias, self._s
        states = np.empty((len(X), len(s)), s.dtype)
        for t, x in enumerate(X):
            s = states[t] = np.tanh(W @ s + W_in @ x + bias)
        self._s = s
        return states


class ReservoirPy:
    """Nodes of reservoirpy with our weights, W_rec as CSR: what its own generators give. Its equation is ours, its read-out W_out transposed."""

    def __init__(self, drive: Drive) -> None:
        nodes = importlib.import_module("reservoirpy.nodes")
        W_out, b_out = drive.readout
        self._reservoir = nodes.Reservoir(W=drive.W_rec, Win=drive.W_in, bias=drive.bias, lr=1.0, activation="tanh", input_dim=drive.n_inputs)
        self._readout = nodes.Ridge(Wout=W_out.T.copy(), bias=b_out, input_dim=drive.n_units, output_dim=drive.n_inputs)
        self._readout.initialize(np.zeros(drive.n_units), np.zeros(drive.n_inputs))
        self._model, self._y = self._reservoir >> self._readout, np.zeros(drive.n_inputs)

    def advance(self, X: Array) -> Array:
        """States (n_steps, n_units)."""
        states: Array = self._reservoir.run(X)
        return states

    def closed_loop(self, n_steps: int) -> Array:
        """Outputs, fed back as its tutorials do: ``y = model.step(y)`` (n_steps, n_outputs)."""
        return self._fed_back(self._model.step, n_steps)

    def closed_loop_of_nodes(self, n_steps: int) -> Array:
        """Without the model around the two nodes: the fastest form found."""
        reservoir, readout = self._reservoir, self._readout
        if not reservoir.initialized:
            reservoir.initialize(self._y)
        return self._fed_back(lambda y: readout.step(reservoir.step(y)), n_steps)

    def _fed_back(self, step: Callable[[Array], Array], n_steps: int) -> Array:
        y, outputs = self._y, np.empty((n_steps, len(self._y)))
        for t in range(n_steps):
            y = outputs[t] = step(y)
        self._y = y
        return outputs


class RcLib:
    """A model of rclib with our weights, which its files hold though its classes do not show them: s ← tanh(s Wᵀ + x W_inᵀ + bias) of rows.

    It gives no states for a sequence, only what the read-out makes of them, which costs little beside.
    """

    def __init__(self, drive: Drive) -> None:
        self._model = importlib.import_module("rclib._rclib").Model.loads(_model_file(drive))
        self._n_inputs, self._primed = drive.n_inputs, False

    def advance(self, X: Array) -> Array:
        """Outputs (n_steps, n_outputs)."""
        outputs: Array = self._model.predict(X, False)
        return outputs

    def closed_loop(self, n_steps: int) -> Array:
        """Outputs fed back (n_steps, n_outputs)."""
        prime, self._primed = np.zeros((0 if self._primed else 1, self._n_inputs)), True
        outputs: Array = self._model.predictGenerative(prime, n_steps)
        return outputs


class ReservoirPyRLS:
    """Its RLS without a bias, which it would keep outside P as a running average."""

    def __init__(self, n_features: int, forgetting: float, ridge: float) -> None:
        self._node = importlib.import_module("reservoirpy.nodes").RLS(
            alpha=ridge, forgetting=forgetting, fit_bias=False, input_dim=n_features, output_dim=1
        )

    def learn(self, X: Array, Y: Array) -> None:
        """Row after row."""
        self._node.partial_fit(X, Y)

    @property
    def weights(self) -> Array:
        """(n_features,)."""
        return np.asarray(self._node.Wout)[:, 0]


class RcLibRLS:
    """Its RLS, one row after the other in C++."""

    def __init__(self, n_features: int, forgetting: float, ridge: float) -> None:
        RlsReadout = importlib.import_module("rclib._rclib").RlsReadout
        self._readout, self._n = RlsReadout(forgetting, ridge, False, RlsReadout.Solver.RANK1_UPDATE), n_features

    def learn(self, X: Array, Y: Array) -> None:
        """Row after row."""
        self._readout.partialFit(X, Y)

    @property
    def weights(self) -> Array:
        """(n_features,)."""
        return np.asarray(self._readout.predict(np.eye(self._n)))[:, 0]


class NumpyRLS:
    """k = P f / (λ + fᵀ P f),  w += k e,  P ← (P − k (P f)ᵀ) / λ, in place."""

    def __init__(self, n_features: int, forgetting: float, ridge: float) -> None:
        self._P, self.weights, self._forgetting = np.eye(n_features) / ridge, np.zeros(n_features), forgetting
        self._spare = np.empty_like(self._P)

    def learn(self, X: Array, Y: Array) -> None:
        """Row after row."""
        P, w, spare, forgetting = self._P, self.weights, self._spare, self._forgetting
        for f, y in zip(X, Y[:, 0], strict=True):
            q = P @ f
            k = q / (forgetting + f @ q)
            w += k * (y - f @ w)
            P -= np.multiply.outer(k, q, out=spare)
            P /= forgetting


def _model_file(drive: Drive) -> bytes:
    """A file of rclib 0.2: one reservoir, one read-out already fitted; matrices by columns, sparse ones by compressed columns."""
    n = drive.n_units
    W = sparse.csc_array(drive.W_rec.T, dtype=np.float64)
    W.sort_indices()
    W_out, b_out = drive.readout
    index = W.indptr.astype("<i4").tobytes() + W.indices.astype("<i4").tobytes()
    settings = struct.pack("<iddddBI", n, 0.9, drive.density, 1.0, 1.0, True, 0)  # radius, density, leak, scaling, bias, seed: for show
    W_rec = struct.pack("<qqq", n, n, W.nnz) + index + W.data.tobytes()
    reservoir = [settings, W_rec, _matrix(drive.bias), _matrix(np.zeros(n)), b"\1", _matrix(drive.W_in.T)]  # bias, state
    readout = [struct.pack("<dBBdBB", 1e-8, True, 0, 1e-10, True, True), _matrix(np.vstack([W_out.T, b_out]))]
    head = b"RCLIBMDL" + struct.pack("<IBI", 1, 0, 1)  # version, serial, one reservoir
    return b"".join([head, _text(b"RandomSparseReservoir"), *reservoir, _text(b"RidgeReadout"), *readout])


def _text(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text


def _matrix(a: NDArray[Any]) -> bytes:
    a = np.atleast_2d(a)
    return struct.pack("<qq", *a.shape) + np.asarray(a, "<f8").tobytes("F")
