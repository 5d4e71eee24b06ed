"""A reservoir as the estimators run it: where its series stand is a value, handed in and handed back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._network import as_parts, core_network, echo_state_layer, from_parts
from .._series import Array
from ..errors import DivergenceError

CHUNK = 4096  # steps whose features are held at a time, fewer of wide reservoirs
CHUNK_NUMBERS = 2_000_000


@dataclass(frozen=True)
class Stand:
    """Where series stand."""

    states: Array  # (n_series, n_state)
    ticks: NDArray[np.int64]  # (n_series,) steps taken, which count the noise
    seen: NDArray[np.int64]  # (n_series,) steps since the series began, which count the washout
    inputs: Array  # (n_series, n_inputs) of the last step
    outputs: Array | None = None  # (n_series, n_outputs): what the next step hears; None: not known, to be computed from the features

    @property
    def n_series(self) -> int:
        """Number of series."""
        return len(self.ticks)

    def one(self, i: int) -> "Stand":
        """Return where series i stands, as the only one."""
        outputs = None if self.outputs is None else self.outputs[i : i + 1]
        return Stand(self.states[i : i + 1], self.ticks[i : i + 1], self.seen[i : i + 1], self.inputs[i : i + 1], outputs)

    @staticmethod
    def of(each: list["Stand"]) -> "Stand":
        """Return where several series stand, from each of them."""
        known = [stand.outputs for stand in each if stand.outputs is not None]
        outputs = np.concatenate(known) if len(known) == len(each) else None
        states, ticks, seen, inputs = (np.concatenate([getattr(stand, name) for stand in each]) for name in ("states", "ticks", "seen", "inputs"))
        return Stand(states, ticks, seen, inputs, outputs)


class Piece(NamedTuple):
    """Features of a stretch of steps, of the series that are as long."""

    first: int  # its first step
    series: NDArray[np.intp]  # (k,) which series
    counts: NDArray[np.intp]  # (k,) how many of its steps each of them has
    features: Array  # (k, n_steps, n_features); beyond counts[j] there is nothing of series j


class Reservoir:
    """Layers (the arguments of kernels.reservoir_states), and the machines of the extension module that run them, one a number of series."""

    def __init__(self, layers: list[dict[str, Any]], n_inputs: int, n_feedback: int, include_inputs: bool, dtype: np.dtype[Any], seed: int) -> None:
        self.layers, self.n_inputs, self.n_feedback = layers, n_inputs, n_feedback
        self.include_inputs, self.dtype, self.seed = include_inputs, dtype, seed
        self._machines: dict[tuple[int, bool], Any] = {}
        machine = self.machine(1)
        self.n_state, self.n_features = int(machine.n_state), int(machine.n_features)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_machines": {}}

    def machine(self, n_series: int, noisy: bool = False) -> Any:
        """Return the machine for so many series; its state is whatever the last run left."""
        noisy = noisy and any(layer.get("noise", 0.0) > 0 for layer in self.layers)
        if (n_series, noisy) not in self._machines:
            while len(self._machines) > 1:
                self._machines.pop(next(iter(self._machines)))
            layers = [echo_state_layer(**(layer if noisy else {**layer, "noise": 0.0}), dtype=self.dtype) for layer in self.layers]
            width = self.n_feedback or self.n_inputs  # of what a closed loop brings back
            self._machines[n_series, noisy] = core_network(layers, self.n_inputs, width, n_series, self.include_inputs, self.seed, self.dtype)
        return self._machines[n_series, noisy]

    def start(self, n_series: int) -> Stand:
        """Return the start of series: state zero, nothing heard."""
        zeros = np.zeros((n_series, self.n_state), self.dtype), np.zeros((n_series, self.n_inputs), self.dtype)
        outputs = np.zeros((n_series, self.n_feedback), self.dtype) if self.n_feedback else None
        return Stand(zeros[0], np.zeros(n_series, np.int64), np.zeros(n_series, np.int64), zeros[1], outputs)

    def place(self, machine: Any, states: Array, ticks: NDArray[np.int64]) -> None:
        """Set the machine to where series stand."""
        machine.set_states(as_parts(np.ascontiguousarray(states), self.dtype))
        machine.set_ticks(np.ascontiguousarray(ticks))

    def drive(self, X: list[Array], stand: Stand, heard: list[Array] | None = None, noisy: bool = False) -> "Drive":
        """Run driven series from where they stand. heard: (n_steps, n_outputs) of each, fed back into the step it stands at."""
        return Drive(self, X, stand, heard, noisy)

    def close(
        self, n_steps: int, stand: Stand, W_out: Array, b_out: Array, last: Array, X: Array | None = None
    ) -> tuple[Array, Stand]:
        """Outputs (n_series, n_steps, n_outputs) of the closed loop, and where it leaves the series. last (n_series, n_outputs): those before."""
        machine = self.machine(stand.n_series)
        self.place(machine, stand.states, stand.ticks)
        W, b, y = (np.ascontiguousarray(as_parts(np.ascontiguousarray(a), self.dtype)) for a in (W_out, b_out, last))
        inputs = None if X is None else as_parts(np.ascontiguousarray(X), self.dtype)
        outputs = from_parts(machine.simulate(W, b, y, inputs, n_steps), self.dtype)
        if X is not None:
            fed = X[:, -1]
        else:
            fed = outputs[:, -2] if n_steps > 1 else last
        states = from_parts(machine.states(), self.dtype)
        return outputs, Stand(states, machine.ticks(), stand.seen + n_steps, fed.copy(), outputs[:, -1].copy())


class Drive:
    """The pieces of a driven run, each only as long as it is looked at; afterwards ``stand`` is where the series have come."""

    def __init__(self, reservoir: Reservoir, X: list[Array], stand: Stand, heard: list[Array] | None, noisy: bool) -> None:
        self.reservoir, self.X, self.before, self.heard, self.noisy = reservoir, X, stand, heard, noisy
        self.lengths = [len(x) for x in X]
        self.stand = stand

    def finish(self) -> Stand:
        """Run without looking; return where the series have come."""
        for _ in self:
            pass
        return self.stand

    def __iter__(self) -> Iterator[Piece]:
        reservoir, before, lengths = self.reservoir, self.before, np.array(self.lengths)
        order = np.argsort(-lengths, kind="stable")  # the longest first: those that end early leave from the back
        states, ticks = before.states[order], before.ticks[order]
        buffer = np.empty(0, reservoir.dtype)
        first = 0
        while first < lengths.max():
            places = order[lengths[order] > first]
            k, until = len(places), _until(lengths[places])
            machine = reservoir.machine(k, self.noisy)
            reservoir.place(machine, states[:k], ticks[:k])
            most = max(1, min(CHUNK, max(256, CHUNK_NUMBERS // reservoir.n_features)) // k)
            while first < until:
                count = min(most, until - first)
                counts = np.clip(lengths[places] - first, 0, count)
                if buffer.size < k * count * reservoir.n_features:
                    buffer = np.empty(k * count * reservoir.n_features, reservoir.dtype)
                features = buffer[: k * count * reservoir.n_features].reshape(k, count, reservoir.n_features)
                heard = None if self.heard is None else self._stacked(self.heard, places, first, count)
                try:
                    machine.run(self._stacked(self.X, places, first, count), heard, as_parts(features, reservoir.dtype))
                except DivergenceError as error:
                    raise DivergenceError(error.reason, first + error.step, int(places[error.series])) from None
                going = np.flatnonzero(counts > 0)  # of one that ends here the machine runs on, with zeros: its state is among the features
                states[going] = features[going, counts[going] - 1, : reservoir.n_state]
                yield Piece(first, places, counts, features)
                first += count
            ticks[:k] = before.ticks[places] + np.minimum(lengths[places], until)
        back = np.argsort(order)
        inputs = np.stack([x[-1] for x in self.X])
        self.stand = Stand(states[back], ticks[back], before.seen + lengths, inputs)

    def _stacked(self, arrays: list[Array], places: NDArray[np.intp], first: int, count: int) -> Array:
        """(k, count, width, n_parts) of these series, zeros where one has ended."""
        dtype = self.reservoir.dtype
        if len(places) == 1:
            return as_parts(np.ascontiguousarray(arrays[places[0]][None, first : first + count]), dtype)
        out = np.zeros((len(places), count, arrays[0].shape[1]), dtype)
        for j, i in enumerate(places):
            piece = arrays[i][first : first + count]
            out[j, : len(piece)] = piece
        return as_parts(out, dtype)


def _until(lengths: NDArray[np.intp]) -> int:
    """How far series (the longest first) run together before a smaller machine takes over: sixteen together take about the time of three alone."""
    k = len(lengths)
    return int(lengths[k // 2 if k > 32 else 3 if k > 3 else k - 1])
