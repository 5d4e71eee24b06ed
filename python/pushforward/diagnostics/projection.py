"""What the projection onto a ball saves: iterations and width that descent needs to reach a given risk, with it and without."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import positive_int
from .._checks import seed as checked_seed
from ..diagonal_rnn import DiagonalRNN
from ._descents import Descents, teacher
from ._projection_result import GainRow, ProjectionGain
from ._rates import line
from ._smoothness import smoothness_constants
from .linearisation import _widths

__all__ = ["GainRow", "ProjectionGain", "projection_gain"]


def projection_gain(
    model: DiagonalRNN | None = None, X: ArrayLike | None = None, y: Any = None, *, alpha: Sequence[float] | None = None,
    epsilon: Sequence[float] = (0.3, 0.1, 0.03, 0.01), n_units: ArrayLike = (16, 32, 64, 128, 256),
    learning_rates: Sequence[float] = (0.3, 1.0, 3.0), n_iterations: int = 200, n_draws: int = 2, seed: int = 0,
) -> ProjectionGain:  # fmt: skip
    """Count the iterations, and find the width, that plain and projected descent need to reach a risk, below and above the cut-off.

    Parameters
    ----------
    model : DiagonalRNN, optional
        Its activation and projection count, (1, 1) without one.
    X, y : as for ``model.fit``, optional
        Unless given: 16 series of 16 steps with two normal inputs each, and a teacher of the class of the paper for every alpha.
    alpha : sequence of float, optional
        0.5 and 1.5 times the cut-off unless given.
    epsilon : sequence of float
        Risks to reach, as shares of the risk at the start (where every output is zero).
    n_units : (n_widths,) array-like of int
        Even widths, ascending, at least two.
    learning_rates : sequence of float
        Each method is judged by the best of these.
    n_iterations : int
        Allowed to every run.
    n_draws : int
        Starts of each width.
    seed : int
        Of data, teachers and starts.

    Returns
    -------
    ProjectionGain

    Raises
    ------
    ValueError, TypeError
        What does not fit is named.

    Notes
    -----
    Cayci and Eryilmaz (arXiv 2402.12241) prove that projected descent needs a factor O(1/ε) less in iterations and in width than what they
    prove for plain descent. Both are upper bounds: the methods themselves may differ less, and below the cut-off they are the same method as
    long as no unit reaches the surface of its ball.
    The teacher is f_t(X) = E[⟨v(w, u), ∇H_t⟩] over the start's law, with v_w = ρ_w sin(2 u_1) and v_u = ρ_u 1[w > 0] e_1 (E: a mean over 4,096
    units): a function that the paper's networks learn, with transport no longer than the radii. It, the data and all sizes are our choice.

    Examples
    --------
    >>> import pushforward as pf
    >>> found = pf.diagnostics.projection_gain(alpha=[0.5], epsilon=[0.3], n_units=[16, 64], learning_rates=[1.0], n_iterations=20, n_draws=1)
    >>> found.rows[0].iterations == (2.0, 2.0)  # the same: no unit is near the surface so early
    True
    """
    given = DiagonalRNN(projection=(1.0, 1.0)) if model is None else model
    if not isinstance(given, DiagonalRNN):
        raise TypeError(f"model must be a DiagonalRNN or None, got a {type(given).__name__}")
    given._check_settings()
    if (X is None) != (y is None):
        raise ValueError("X and y must be given together, or neither")
    widths, rates = _widths(n_units), _numbers("learning_rates", learning_rates)
    shares = np.sort(np.array(_numbers("epsilon", epsilon)))[::-1]
    if shares[0] >= 1:
        raise ValueError(f"epsilon must be below 1, the share of the start itself, got {shares[0]}")
    for name, count in (("n_iterations", n_iterations), ("n_draws", n_draws)):
        positive_int(name, count)
    checked_seed("seed", seed)
    cutoff = 1 / smoothness_constants(given.activation).sigma_1
    starts = [0.5 * cutoff, 1.5 * cutoff] if alpha is None else _numbers("alpha", alpha)
    ball = given.projection if given.projection is not None else (1.0, 1.0)
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(16, 16, 2)) if X is None else given._inputs(X)[1].astype(np.float64)
    iterations = np.full((len(starts), 2, len(widths), len(shares)), np.inf)
    touched, diverged = np.zeros(len(starts)), np.zeros((len(starts), 2))
    for k, own in enumerate(starts):
        y_own = teacher(inputs, own, ball, given.activation, np.random.default_rng([seed, k])) if y is None else given._pairs(X, y)[1]
        if not y_own.any():
            raise ValueError("y must not be zero everywhere: that is what the start says, at no risk")
        descents = Descents(given, own, inputs, y_own.astype(np.float64), shares, n_iterations, n_draws, seed)
        for j, projection in enumerate((None, ball)):
            failed = []
            for i, m in enumerate(widths):
                counts, lost, surface = descents.run(m, projection, rates)
                iterations[k, j, i] = counts
                failed.append(lost)
            diverged[k, j] = np.mean(failed)
            touched[k] = surface
    exponents = np.array([_exponent(shares, iterations[k, :, -1]) for k in range(len(starts))])
    return ProjectionGain(np.array(starts), cutoff, shares, np.array(widths), iterations, touched, diverged, n_iterations, exponents)


def _exponent(epsilon: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """Of the gain against 1/ε, where both methods got there."""
    both = np.isfinite(counts).all(axis=0) & (counts > 0).all(axis=0)
    if len(np.unique(epsilon[both])) < 2:
        return float("nan")
    return line(-np.log(epsilon[both]), np.log(counts[0, both] / counts[1, both])).slope


def _numbers(name: str, values: Any) -> list[float]:
    array = np.asarray(values)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iuf" or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"{name} must be positive finite numbers, got {values!r}")
    return [float(v) for v in array]
