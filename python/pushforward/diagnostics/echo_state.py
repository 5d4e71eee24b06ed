"""Does a reservoir forget where it started, under the input that it will hear?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import positive_int
from .._checks import seed as checked_seed
from .._series import numbers
from ..plot._common import figure_class, plain
from ._rates import FEWEST, line, step_factor
from ._result import Diagnosis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]  # real or complex


@dataclass(frozen=True)
class EchoStateIndex(Diagnosis):
    """How trajectories from different starts approach each other under one input.

    Attributes
    ----------
    distance : (n_steps,) ndarray of float64
        Largest distance of any trajectory from the first, max norm over all units, after every step.
    rate : float
        Factor by which the distance changes a step, fitted to its logarithm; below 1 the past fades. 0 when the trajectories met at once.
    last : float
        Distance after the last step, as a share of that before the first.
    fading_memory : bool
        Whether the trajectories have met, or are closer than at the start and still approach each other steadily over the last half of the run.
    """

    distance: NDArray[np.float64]
    rate: float
    last: float
    fading_memory: bool

    def __str__(self) -> str:
        said = "fading memory" if self.fading_memory else "NO fading memory: where it starts keeps on mattering"
        return f"{said} (distance changes by {self.rate:.4g} a step, {self.last:.2g} of the first is left after {len(self.distance)} steps)"

    def summary(self) -> str:
        """Say in one paragraph what was found, with the numbers."""
        n, last = len(self.distance), self.last
        left = "Runs from different starts have met" if self.rate == 0 or last == 0 else f"Of the distance between runs {last:.2g} is left"
        pace = f"it changes by a factor of {self.rate:.4g} a step"
        if 0 < self.rate < 1:
            pace += f", e-fold in {-1 / np.log(self.rate):.3g} steps"
        if self.fading_memory:
            verdict = "The reservoir forgets where it started, under this input and from the starts tried: its states are a function of the input"
        else:
            verdict = (
                "The reservoir does NOT forget where it started under this input: no read-out of it can be trusted after another start. "
                "A smaller spectral radius, a stronger input or a larger leak rate help"
            )
        return f"{left} after {n} steps; {pace}. {verdict}."

    def plot(self) -> Figure:
        """Draw the largest distance between runs after every step, and the fitted rate."""
        figure = figure_class()(figsize=(6.4, 4.0), dpi=120, layout="constrained")
        axes, steps = figure.add_subplot(), np.arange(1, len(self.distance) + 1)
        apart = self.distance > 0
        axes.plot(steps[apart], self.distance[apart], color="C0", linewidth=1.6, marker="o" if apart.sum() == 1 else None, label="measured")
        if self.rate > 0 and apart.any():
            known = np.log(self.distance[apart])
            middle = int(np.flatnonzero(apart)[np.abs(known - (known.max() + known.min()) / 2).argmin()])  # well above rounding errors
            with np.errstate(over="ignore", under="ignore"):
                fitted = self.distance[middle] * self.rate ** (steps - 1.0 - middle)
            shown = (fitted >= 0.1 * self.distance[apart].min()) & (fitted <= 10 * self.distance.max())
            axes.plot(steps[shown], fitted[shown], color="0.25", linestyle="--", linewidth=1.1, label=f"{self.rate:.4g} a step")
        axes.set(xlabel="step", ylabel="largest distance between two runs")
        if apart.any():
            axes.set_yscale("log")
            axes.legend(frameon=False)
        axes.set_title("fading memory" if self.fading_memory else "no fading memory", loc="left", fontsize="medium")
        plain(axes)
        return figure


def echo_state_index(model: Any, X: ArrayLike, n_starts: int = 4, seed: int = 0) -> EchoStateIndex:
    """Run a reservoir from several starts under the same input, and measure how they approach each other.

    Parameters
    ----------
    model : fitted estimator with a reservoir, or dict, or list of dict
        Or the arguments of :func:`pushforward.kernels.reservoir_states` by name (``W_rec``, ``W_in``, ``bias``, …), one dict a layer.
    X : (n_steps, n_inputs) array-like
        The input that counts: a reservoir may forget under one and not under another.
    n_starts : int
        Trajectories, at least 2: one from zero, the others from uniform states in ±1.
    seed : int
        Of the starts.

    Returns
    -------
    EchoStateIndex

    Raises
    ------
    DivergenceError
        When a trajectory stops being finite, with the step.

    Notes
    -----
    The echo state property (Jaeger 2001) asks that all starts lead to the same trajectory. A spectral radius below 1 is neither sufficient nor
    necessary for it. Only trajectories show it, and only for the starts and the input tried: this can refute it, and make it plausible. Noise and
    what is fed back are left out.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> W = pf.reservoirs.random(50, spectral_radius=0.8, random_state=0)
    >>> X = np.random.default_rng(0).normal(size=(300, 1))
    >>> print(pf.diagnostics.echo_state_index({"W_rec": W, "W_in": np.ones((50, 1)), "bias": None}, X).fading_memory)
    True
    """
    from ..kernels import reservoir_states  # kernels import the estimators' settings: not at the top

    positive_int("n_starts", n_starts, "an int of at least 2", least=2)
    checked_seed("seed", seed)
    layers = _layers(model)
    dtype = np.asarray(layers[0]["W_in"]).dtype
    drive, width = numbers("X", X, dtype), np.shape(layers[0]["W_in"])[1]
    if drive.ndim != 2 or not len(drive) or drive.shape[1] != width:
        raise ValueError(f"X must be one series (n_steps, {width}), got shape {drive.shape}")
    if not np.isfinite(drive).all():
        raise ValueError(f"X must be finite, got {drive[~np.isfinite(drive)][0]}")
    if len(drive) < FEWEST:
        raise ValueError(f"X must have at least {FEWEST} steps to tell a rate, got {len(drive)}")
    heard = np.broadcast_to(drive, (n_starts, *drive.shape))
    rng, first, distance = np.random.default_rng(seed), 0.0, np.zeros(len(drive))
    for layer in layers:
        n = len(layer["W_in"])
        starts = rng.uniform(-1, 1, size=(n_starts, n))
        if dtype.kind == "c":
            starts = starts + 1j * rng.uniform(-1, 1, size=(n_starts, n))
        starts[0] = 0
        starts = starts.astype(dtype)
        states = reservoir_states(**layer, inputs=np.ascontiguousarray(heard), state=starts)
        first = max(first, float(np.abs(starts[1:] - starts[0]).max()))
        distance = np.maximum(distance, np.abs(states[1:] - states[0]).max(axis=(0, 2)))
        heard = states
    return _judged(distance, first, float(np.finfo(dtype).eps))


def _judged(distance: NDArray[np.float64], first: float, eps: float) -> EchoStateIndex:
    """Rate and verdict. Below some rounding errors trajectories have met; only what is above counts for the rate."""
    met = 100 * eps * max(1.0, first)
    apart = np.concatenate([[first], distance])
    n = int(np.argmax(apart <= met)) if np.any(apart <= met) else len(apart)
    if n < 3:
        rate = 0.0 if n < len(apart) else float((apart[-1] / apart[0]) ** (1 / (len(apart) - 1)))
    else:
        skipped = n // 4 if n >= 8 else 0  # what a saturated start does says little
        rate = step_factor(np.arange(skipped, n), apart[skipped:n])
    last = float(apart[-1] / first)
    falls = last < 1 and _falls(np.maximum(apart[len(apart) // 2 :], met))
    return EchoStateIndex(distance, rate, last, bool(apart[-1] <= met or falls))


def _falls(apart: NDArray[np.float64]) -> bool:
    """Whether the line through log(apart) falls by more than 1 %, and by more than three standard deviations of what lies beside it."""
    return len(apart) >= 3 and line(np.arange(len(apart)), np.log(apart)).falls(len(apart) - 1)


def _layers(model: Any) -> list[dict[str, Any]]:
    """The arguments of reservoir_states of every layer, without noise and feedback."""
    found = model._reservoir_layers() if hasattr(model, "_reservoir_layers") else [model] if isinstance(model, dict) else model
    if not isinstance(found, (list, tuple)) or not found or not all(isinstance(layer, dict) and {"W_rec", "W_in"} <= layer.keys() for layer in found):
        raise TypeError("model must be a fitted estimator with a reservoir, or a dict with W_rec, W_in, … (or a list of them)")
    layers = []
    for layer in found:
        kept = {name: layer[name] for name in ("W_rec", "W_in", "bias", "leak_rate", "activation", "W_skip") if layer.get(name) is not None}
        layers.append(_absorbed({"bias": None, **kept}, layer.get("gain"), layer.get("shift")))
    return layers


def _absorbed(layer: dict[str, Any], gain: Array | None, shift: Array | None) -> dict[str, Any]:
    """Gain and shift of intrinsic plasticity as part of the weights: g ∘ (W s + W_in x + bias) + shift."""
    if gain is None and shift is None:
        return layer
    W = layer["W_rec"].toarray() if hasattr(layer["W_rec"], "toarray") else layer["W_rec"]
    W_in = layer["W_in"]
    g = np.ones(len(W_in), W_in.dtype) if gain is None else np.asarray(gain, W_in.dtype)
    bias = g * (0 if layer["bias"] is None else layer["bias"]) + (0 if shift is None else shift)
    return {**layer, "W_rec": (g[:, None] * W).astype(W_in.dtype), "W_in": g[:, None] * W_in, "bias": bias.astype(W_in.dtype)}
