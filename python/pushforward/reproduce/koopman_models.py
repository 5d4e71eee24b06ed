"""The models of :mod:`.koopman` behind one pair of calls: learn trajectories, and forecast what follows a past, many series at once."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import pushforward as pf

from ._tasks import Tick

__all__ = ["EchoState", "Koopman", "Model", "Scale", "Unchanged", "has_torch", "make"]

Array = NDArray[np.float64]


class Model(Protocol):
    """A model of the next state. ``inputs[t]`` acts between state t and state t + 1."""

    def fit(self, trajectories: Sequence[Array], inputs: Sequence[Array] | None, tick: Tick) -> None:
        """Learn trajectories (n_steps, n_state), with inputs (n_steps, n_inputs) of which the last row is not used."""

    def forecast(self, past: Array, n_steps: int, inputs: Array | None) -> Array:
        """Return the (n_series, n_steps, n_state) that follow ``past`` (n_series, n_past, n_state), NaN from where the finite numbers are left.

        ``inputs`` (n_series, n_past + n_steps − 1, n_inputs) begin beside the past.
        """


def has_torch() -> bool:
    """Tell whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


def make(settings: Mapping[str, Any], seed: int) -> Model:
    """Make a model from ``{"kind": …, its other settings}``."""
    kind, rest = settings["kind"], {name: value for name, value in settings.items() if name != "kind"}
    if kind == "echo state":
        return EchoState(seed, **rest)
    if kind == "lstm":
        from .koopman_torch import LSTM

        return LSTM(seed, **rest)
    if kind == "shplrnn":
        from .koopman_torch import ShallowPLRNN

        return ShallowPLRNN(seed, **rest)
    if kind == "sampled":
        return Koopman(pf.SampledRNN(**rest, random_state=seed))
    assert kind == "linear", kind
    return Koopman(pf.KoopmanRegressor(dictionary=pf.koopman.Identity(), **rest))


class Scale:
    """Standardises states, and separately inputs, as the training part is.

    Parameters
    ----------
    arrays : sequence of (n_steps, n_columns) ndarray, or None
        ``None``: there is nothing to scale.
    """

    def __init__(self, arrays: Sequence[Array] | None) -> None:
        if arrays is not None:
            whole = np.concatenate(list(arrays))
            self.mean, spread = whole.mean(axis=0), whole.std(axis=0)
            self.deviation = np.where(spread > 0, spread, 1.0)

    def apply(self, array: Array) -> Array:
        """Return (array − mean) / deviation."""
        return np.ascontiguousarray((array - self.mean) / self.deviation)

    def undo(self, array: Array) -> Array:
        """Return array × deviation + mean."""
        return np.asarray(array * self.deviation + self.mean)


class Koopman:
    """A sampled network or another Koopman model of the library, in the units of the data.

    Parameters
    ----------
    model : SampledRNN or KoopmanRegressor
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, trajectories: Sequence[Array], inputs: Sequence[Array] | None, tick: Tick) -> None:
        """Learn."""
        self.model.fit(list(trajectories), inputs=None if inputs is None else list(inputs))
        tick(1.0)

    def forecast(self, past: Array, n_steps: int, inputs: Array | None) -> Array:
        """Lift again at every step."""
        history = past[:, past.shape[1] - 1 - self.model.n_delays :]
        driven = None if inputs is None else np.ascontiguousarray(inputs[:, past.shape[1] - 1 :])
        return apart(lambda k: self._simulate(history[k], n_steps, None if driven is None else driven[k]), len(past), (n_steps, past.shape[2]))

    def _simulate(self, history: Array, n_steps: int, inputs: Array | None) -> Array:
        start = np.ascontiguousarray(history if self.model.n_delays else history[:, 0])
        return np.asarray(self.model.simulate(start, n_steps, inputs=inputs))


def apart(simulate: Any, n_series: int, shape: tuple[int, int]) -> Array:
    """``simulate(slice of series)`` together, or one by one when some diverge: NaN in place of those."""
    try:
        return np.asarray(simulate(slice(0, n_series)))
    except pf.DivergenceError:
        found = np.full((n_series, *shape), np.nan)
    for k in range(n_series):
        try:
            found[k] = simulate(slice(k, k + 1))[0]
        except pf.DivergenceError:
            continue
    return found


class EchoState:
    """Echo state network on standardised data. With inputs, the state goes back into the reservoir as the fed-back output.

    Parameters
    ----------
    seed : int
    **settings
        Of :class:`pushforward.EchoStateRegressor`.
    """

    def __init__(self, seed: int, **settings: Any) -> None:
        self.settings, self.seed = settings, seed

    def fit(self, trajectories: Sequence[Array], inputs: Sequence[Array] | None, tick: Tick) -> None:
        """Learn."""
        self.x_scale, self.u_scale = Scale(trajectories), Scale(inputs)
        self.driven = inputs is not None
        x = [self.x_scale.apply(a) for a in trajectories]
        settings = {**self.settings, "feedback": True, "feedback_scaling": self.settings["input_scaling"]} if self.driven else self.settings
        self.model = pf.EchoStateRegressor(**settings, random_state=self.seed)
        driving = x if inputs is None else [self.u_scale.apply(u) for u in inputs]
        self.model.fit([np.ascontiguousarray(a[:-1]) for a in driving], [np.ascontiguousarray(a[1:]) for a in x])
        tick(1.0)

    def forecast(self, past: Array, n_steps: int, inputs: Array | None) -> Array:
        """Warm up on the past, then close the loop."""
        z = self.x_scale.apply(past)
        u = None if inputs is None else self.u_scale.apply(inputs)
        return self.x_scale.undo(apart(lambda k: self._simulate(z[k], n_steps, None if u is None else u[k]), len(past), (n_steps, past.shape[2])))

    def _simulate(self, z: Array, n_steps: int, u: Array | None) -> Array:
        if u is None:
            return np.asarray(self.model.simulate(n_steps, warmup=z))
        n = z.shape[1] - 1
        targets, before, after = z[:, 1:], u[:, :n], u[:, n : n + n_steps]
        one = len(z) == 1  # a batch of one is given as one series
        args = [np.ascontiguousarray(a[0] if one else a) for a in (before, targets, after)]
        found = np.asarray(self.model.simulate(n_steps, warmup=args[0], warmup_targets=args[1], inputs=args[2]))
        return found[None] if one else found


class Unchanged:
    """The last state goes on for ever."""

    def fit(self, trajectories: Sequence[Array], inputs: Sequence[Array] | None, tick: Tick) -> None:
        """Learn nothing."""

    def forecast(self, past: Array, n_steps: int, inputs: Array | None) -> Array:
        """Repeat the last state."""
        return np.repeat(past[:, -1:], n_steps, axis=1)
