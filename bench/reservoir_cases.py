"""Sizes, data and goals of the suite of fixed dynamics, once for all, and our side of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pushforward._network import as_parts, core_network, echo_state_layer, from_parts, n_parts

Array = NDArray[Any]

SIZES = ((100, 0.1), (500, 0.1), (500, 0.01), (1000, 0.1), (1000, 0.01), (2000, 0.1))  # units, density
CLOSED = (100, 500, 1000)
N_SERIES, BATCH_UNITS, BATCH_STEPS = 16, 500, 64
STRUCTURED_UNITS = 1000
SINGLE_UNITS = 2000
N_CHECK = 50  # steps
SHORT_COLUMNS = 1 << 16  # units up to which a column of W_rec is stored in two bytes

# Goals, float64, one thread: times as fast, unless said.
STATES = {(100, 0.1): 8.0, (500, 0.1): 2.5, (500, 0.01): 3.4, (1000, 0.1): 1.3}  # reservoirpy
CLOSED_LOOP = {100: 10.0, 500: 2.0, 1000: 1.35}  # reservoirpy
AHEAD = 1.0  # of rclib
BATCH = 4.0  # one by one
STRUCTURED_MICROSECONDS = 1.0
SINGLE = 1.5  # float64
DRIVEN = 1.2  # times the time of driven stepping, at most


@dataclass(frozen=True)
class Drive:
    """A reservoir of tanh units that hears noise: s[t] = tanh(W_rec s[t−1] + W_in x[t] + bias), y[t] = W_out s[t] + b_out.

    Parameters
    ----------
    n_units : int
    density : float
        Fraction of W_rec that is not zero.
    dtype : {"float32", "float64"}
    n_inputs, seed : int
        There are as many outputs as inputs.
    """

    n_units: int
    density: float = 0.1
    dtype: str = "float64"
    n_inputs: int = 1
    seed: int = 0

    @cached_property
    def W_rec(self) -> Any:
        """Recurrent weights, CSR: normal, of spectral radius 0.9 about (the circular law)."""
        rng, size = np.random.default_rng(self.seed), 0.9 / np.sqrt(self.n_units * self.density)
        shape = (self.n_units, self.n_units)
        W = sparse.random_array(shape, density=self.density, format="csr", rng=rng, data_sampler=lambda size: rng.normal(size=size))
        W.sort_indices()
        return (W * size).astype(self.dtype)

    @cached_property
    def W_in(self) -> Array:
        """Weights of the inputs (n_units, n_inputs)."""
        return np.random.default_rng(self.seed + 1).uniform(-0.5, 0.5, (self.n_units, self.n_inputs)).astype(self.dtype)

    @cached_property
    def bias(self) -> Array:
        """Of the units (n_units,)."""
        return np.random.default_rng(self.seed + 2).uniform(-0.2, 0.2, self.n_units).astype(self.dtype)

    @cached_property
    def readout(self) -> tuple[Array, Array]:
        """(W_out, b_out)."""
        rng = np.random.default_rng(self.seed + 3)
        W_out = rng.normal(size=(self.n_inputs, self.n_units)) / np.sqrt(self.n_units)
        return W_out.astype(self.dtype), rng.normal(size=self.n_inputs).astype(self.dtype)

    @property
    def chunk(self) -> int:
        """Steps of one call: some milliseconds, and states that fit the caches."""
        return int(np.clip(2**24 // max(self.W_rec.nnz, 1), 32, 1024))

    def inputs(self, n_series: int = 0) -> Array:
        """(chunk, n_inputs), or (n_series, chunk, n_inputs)."""
        shape = (self.chunk, self.n_inputs)
        X: Array = np.random.default_rng(self.seed + 4).normal(size=(n_series, *shape) if n_series else shape)
        return X.astype(self.dtype)

    @property
    def stored_bytes(self) -> int:
        """What one step reads of W_rec: its numbers and their columns."""
        return int(self.W_rec.nnz) * (np.dtype(self.dtype).itemsize + (2 if self.n_units <= SHORT_COLUMNS else 4))

    def states(self, X: Array) -> NDArray[np.float64]:
        """The answer, from the zero state, with W_rec written out: (n_steps, n_units)."""
        W, W_in, bias = self.W_rec.toarray().astype(float), self.W_in.astype(float), self.bias.astype(float)
        s, states = np.zeros(self.n_units), np.empty((len(X), self.n_units))
        for t, x in enumerate(X.astype(float)):
            s = states[t] = np.tanh(W @ s + W_in @ x + bias)
        return states

    def outputs(self, states: Array) -> NDArray[np.float64]:
        """Of the read-out (n_steps, n_outputs)."""
        W_out, b_out = (part.astype(float) for part in self.readout)
        outputs: NDArray[np.float64] = states @ W_out.T + b_out
        return outputs

    def closed_loop(self, n_steps: int) -> NDArray[np.float64]:
        """The answer of the loop x[t+1] = y[t], x[1] = 0, from the zero state (n_steps, n_outputs)."""
        W, W_in, bias = self.W_rec.toarray().astype(float), self.W_in.astype(float), self.bias.astype(float)
        s, y, outputs = np.zeros(self.n_units), np.zeros(self.n_inputs), np.empty((n_steps, self.n_inputs))
        for t in range(n_steps):
            s = np.tanh(W @ s + W_in @ y + bias)
            y = outputs[t] = self.outputs(s)
        return outputs

    def layer(self) -> dict[str, Any]:
        """Describe it to the extension module."""
        return echo_state_layer(self.W_rec, self.W_in, self.bias, np.dtype(self.dtype))


class Network:
    """The compiled network on a stream.

    Parameters
    ----------
    layer : dict
    dtype : dtype
        Of inputs and states, real or complex.
    n_inputs, n_series : int
        n_series 0: one, without an axis for it.
    reuse : bool
        States go into the same array at each call; else into a new one.
    """

    def __init__(self, layer: dict[str, Any], dtype: Any, n_inputs: int = 1, n_series: int = 0, reuse: bool = False) -> None:
        self.dtype, self.n_units, self.n_inputs, self._n_series, self._reuse = np.dtype(dtype), layer["n_units"], n_inputs, n_series, reuse
        self._core = core_network([layer], n_inputs, n_inputs, max(n_series, 1), False, 0, self.dtype)
        self._out, self._last = np.empty(0), np.zeros((1, n_inputs, n_parts(self.dtype)), self.dtype.char.lower())

    def advance(self, X: Array) -> Array:
        """States (…, n_steps, n_units)."""
        shape = (*X.shape[:-1], self.n_units)
        if not self._reuse or self._out.shape != shape:
            self._out = np.empty(shape, self.dtype)
        inputs, out = as_parts(X, self.dtype), as_parts(self._out, self.dtype)
        self._core.run(inputs if self._n_series else inputs[None], None, out if self._n_series else out[None])
        return self._out

    def from_rest(self, X: Array) -> Array:
        """States from the zero state."""
        self._core.set_states(np.zeros_like(self._core.states()))
        return self.advance(X)

    def simulate(self, readout: tuple[Array, Array], n_steps: int, last: Array | None = None) -> Array:
        """Outputs of the closed loop (n_steps, n_outputs); last: the output before the first, unless it is that of the last call, or zero."""
        if last is not None:
            self._last = as_parts(last[None], self.dtype)
        W_out, b_out = (as_parts(part, self.dtype) for part in readout)
        outputs = self._core.simulate(W_out, b_out, self._last, None, n_steps)
        self._last = outputs[:, -1].copy()
        answer: Array = from_parts(outputs[0], self.dtype)
        return answer
