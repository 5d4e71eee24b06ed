"""How far a network is from what it would be if it were linear in its weights, and how that falls with its width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import one_of, positive_int
from .._checks import seed as checked_seed
from ..diagonal_rnn import DiagonalRNN
from ..diagonal_rnn._start import radii
from ..plot._common import figure_class, plain
from ._displacement import Network
from ._rates import line
from ._result import Diagnosis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LinearisationError", "linearisation_error"]

WIDTHS = tuple(2**k for k in range(6, 14))
DISPLACEMENTS = {
    "worst": "At the worst place in the ball",
    "random": "At random places on the surface of the ball",
    "trained": "Where the model's own descent leads",
}


@dataclass(frozen=True)
class LinearisationError(Diagnosis):
    """|F(θ) − ⟨∇F(θ_0), θ − θ_0⟩| against the number of units, root mean square over series and steps.

    Attributes
    ----------
    n_units : (k,) ndarray of int
    error : (k,) ndarray of float64
        Mean over the draws.
    draws : (k, n_draws) ndarray of float64
        Of each start.
    slope, slope_error : float
        Of log(error) against log(n_units), by least squares, and its standard error.
    expected : float
        −1/2, the theorem's bound: the error falls at least as fast.
    displacement : {"worst", "random", "trained"}
        Where θ was.
    ball : (float, float) or None
        ρ_w and ρ_u; None if descent was not projected.
    own : (int, float, float) or None
        Of the model itself, if it is fitted: its width, its error, and the root mean square of its outputs.
    """

    n_units: NDArray[np.int64]
    error: NDArray[np.float64]
    draws: NDArray[np.float64]
    slope: float
    slope_error: float
    displacement: str
    ball: tuple[float, float] | None
    own: tuple[int, float, float] | None
    expected: float = -0.5

    @property
    def holds(self) -> bool:
        """Whether the error falls at least as fast as the theorem says, up to 0.1 in the slope."""
        return self.slope <= self.expected + 0.1

    def __str__(self) -> str:
        return f"linearisation error {self.error[0]:.3g} … {self.error[-1]:.3g}, slope {self.slope:.3f} ± {self.slope_error:.3f} (expected −0.5)"

    def summary(self) -> str:
        """Errors of the narrowest and the widest network, the slope, what the theorem says, and the model's own error."""
        where = DISPLACEMENTS[self.displacement]
        if self.ball is not None:
            where += f" (ρ_w = {self.ball[0]:g}, ρ_u = {self.ball[1]:g})"
        faster = self.slope < self.expected - 0.1
        slower = "slower than the theorem's bound, 1/√m: these widths are too small for it to show, or the start lies beyond the cut-off"
        verdict = "faster than the theorem's bound, 1/√m, asks for" if faster else "like the theorem's bound, 1/√m" if self.holds else slower
        said = (
            f"{where}, network and linearisation differ by {self.error[0]:.3g} with {self.n_units[0]} units and by {self.error[-1]:.3g} with "
            f"{self.n_units[-1]} (root mean square over series and steps, {self.draws.shape[1]} starts): a slope of {self.slope:.3f} ± "
            f"{self.slope_error:.3f}, {verdict}."
        )
        if self.own is not None:
            m, error, size = self.own
            said += f" The fitted model itself, {m} units wide, is {error:.3g} away from its linearisation; its outputs have size {size:.3g}."
        return said

    def plot(self) -> Figure:
        """Error against width: every start, the mean over them, and 1/√m."""
        figure = figure_class()(figsize=(5.8, 4.2), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        plain(axes)
        m = self.n_units.astype(np.float64)
        axes.loglog(np.repeat(m, self.draws.shape[1]), self.draws.ravel(), ".", color="0.7", label="each start")
        axes.loglog(m, self.error, "o-", color="C0", label=f"mean, slope {self.slope:.2f}")
        axes.loglog(m, self.error[0] * (m / m[0]) ** self.expected, "--", color="0.25", label="1/√m")
        if self.own is not None:
            axes.loglog(*self.own[:2], "*", color="C1", markersize=10, label="the fitted model")
        axes.set(xlabel="units", ylabel="|F − linearisation|")
        axes.set_title(DISPLACEMENTS[self.displacement], loc="left", fontsize="medium")
        axes.legend(frameon=False)
        return figure


def linearisation_error(
    model: DiagonalRNN, X: ArrayLike, y: Any = None, *, displacement: str = "worst", ball: tuple[float, float] | None = None,
    n_units: ArrayLike = WIDTHS, n_draws: int = 3, seed: int = 0,
) -> LinearisationError:  # fmt: skip
    """Measure |F(θ) − ⟨∇F(θ_0), θ − θ_0⟩| for networks with the model's settings and many widths.

    Parameters
    ----------
    model : DiagonalRNN
        Its activation and ``alpha`` count, for "trained" all settings but the width. If it is fitted, its own error is measured too.
    X : as for ``model.fit``
    y : as for ``model.fit``, optional
        Needed for "trained".
    displacement : {"worst", "random", "trained"}
        Where θ is. "worst": where in the ball the error is largest, by projected gradient ascent. "random": on the surface of the ball, every unit in
        a direction of its own. "trained": after the model's own descent.
    ball : (float, float), optional
        (ρ_w, ρ_u) of "worst" and "random": |w_i − w_i(0)| ≤ ρ_w/√m, ‖u_i − u_i(0)‖ ≤ ρ_u/√m. The model's ``projection`` unless given, (1, 1)
        without one.
    n_units : (k,) array-like of int
        Even widths, at least two, ascending.
    n_draws : int
        Starts of each width.
    seed : int
        Of the starts and displacements.

    Returns
    -------
    LinearisationError

    Raises
    ------
    ValueError, TypeError
        What does not fit is named.
    DivergenceError
        When the descent of "trained" diverges.

    Notes
    -----
    Cayci and Eryilmaz (arXiv 2402.12241) bound the error over the whole ball by a constant over √m. To second order it is
    (1/√m) Σ_i c_i ½ ⟨δ_i, ∇²H^i δ_i⟩ with ‖δ_i‖ = O(1/√m): a sum of m terms of order 1/m. If their signs agree it is of order 1/√m: "worst", where
    the bound is met. If not, as for "random", they add up like √m of them, and the error is of order 1/m. Descent from a symmetric start moves
    the two units of a pair in opposite directions, δ_{i+m/2} ≈ −δ_i with c_{i+m/2} = −c_i: their second-order terms cancel, and "trained" is of
    order 1/m too. The bound holds for all three; only "worst" shows that it is sharp. The derivation of these orders is ours.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.random.default_rng(0).normal(size=(4, 8, 1))
    >>> found = pf.diagnostics.linearisation_error(pf.DiagonalRNN(alpha=0.5), X, n_units=[64, 256, 1024])
    >>> bool(-0.65 < found.slope < -0.35)
    True
    """
    if not isinstance(model, DiagonalRNN):
        raise TypeError(f"model must be a DiagonalRNN, got a {type(model).__name__}")
    one_of("displacement", displacement, DISPLACEMENTS)
    positive_int("n_draws", n_draws)
    checked_seed("seed", seed)
    widths = _widths(n_units)
    model._check_settings()
    trained = displacement == "trained"
    if trained and y is None:
        raise ValueError("y must be given with displacement='trained', got None")
    if trained and ball is not None:
        raise ValueError(f"ball belongs to displacement 'worst' and 'random'; set the model's projection for 'trained', got ball={ball!r}")
    chosen = (1.0, 1.0) if trained else _ball(model, ball)
    inputs, targets = model._pairs(X, y)[:2] if trained else (model._inputs(X)[1], None)
    own = _own(model, X) if model._is_built() else None
    inputs = inputs.astype(np.float64)
    draws = np.empty((len(widths), n_draws))
    for i, m in enumerate(widths):
        for k in range(n_draws):
            network = Network(model, m, chosen, inputs, np.random.default_rng([seed, m, k]))
            if targets is not None:
                w, U = network.trained(model, targets.astype(np.float64))
            else:
                w, U = network.worst() if displacement == "worst" else network.random()
            draws[i, k] = np.sqrt(np.mean(network.error(w, U) ** 2))
    if not draws.any():
        raise ValueError("X must move the network: on this X it and its linearisation are the same at every width")
    error = draws.mean(axis=1)
    fit = line(np.log(widths), np.log(np.maximum(error, np.finfo(np.float64).tiny)))
    shown = model.projection if trained else chosen
    return LinearisationError(np.array(widths), error, draws, fit.slope, fit.slope_error, displacement, None if shown is None else tuple(shown), own)


def _widths(values: ArrayLike) -> list[int]:
    array = np.asarray(values)
    if array.ndim != 1 or len(array) < 2 or array.dtype.kind not in "iu":
        raise ValueError(f"n_units must be at least two ints, got {array.dtype} of shape {array.shape}")
    if (array < 2).any() or (array % 2).any() or (np.diff(array) <= 0).any():
        raise ValueError(f"n_units must be positive, even and ascending, got {array.tolist()}")
    return [int(m) for m in array]


def _ball(model: DiagonalRNN, ball: Any) -> tuple[float, float]:
    if ball is not None:
        try:
            radii(ball, 1)
        except (TypeError, ValueError) as error:
            raise type(error)(str(error).replace("projection", "ball", 1)) from None
    chosen = ball if ball is not None else model.projection or (1.0, 1.0)
    if not any(chosen):
        raise ValueError("ball must have a positive radius, or nothing is displaced, got (0, 0)")
    return float(chosen[0]), float(chosen[1])


def _own(model: DiagonalRNN, X: Any) -> tuple[int, float, float]:
    """Width, error and size of the outputs of the model as it stands."""
    outputs, linear = (np.asarray(F, np.float64) for F in (model.predict(X), model.linear_predict(X)))
    return model.n_units, float(np.sqrt(np.mean((outputs - linear) ** 2))), float(np.sqrt(np.mean(outputs**2)))
