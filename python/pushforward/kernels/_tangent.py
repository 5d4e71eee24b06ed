"""The tangent kernel of wide diagonal networks, of finite width and in the limit."""

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._checks import non_negative, one_of, positive_int
from .._checks import seed as checked_seed
from .._series import Array, numbers
from ..errors import DivergenceError

__all__ = ["NTKEstimate", "ntk_features", "ntk_gram"]

ACTIVATIONS = ("tanh", "sigmoid", "softplus", "gelu")
N_BATCHES = 32  # of neurons in a Monte Carlo estimate, at most: its standard error is then known to about an eighth of itself


@dataclass(frozen=True)
class NTKEstimate:
    """The tangent kernel of infinite width, as far as a sample of neurons knows it.

    Attributes
    ----------
    gram : (n_points, n_points_other) ndarray
        Mean over the neurons drawn.
    standard_error : (n_points, n_points_other) ndarray
        Of each entry of that mean, from the scatter of the means of up to 32 batches of neurons. Falls as 1/√n_samples. Entries of one estimate
        share their neurons: their errors are correlated.
    n_samples : int
        Neurons drawn.
    """

    gram: Array
    standard_error: Array
    n_samples: int


def ntk_features(X: ArrayLike, w: ArrayLike, U: ArrayLike, c: ArrayLike, activation: str = "tanh") -> Array:
    """Derivatives of a diagonal network's output at every step by the weights of every neuron.

    Parameters
    ----------
    X : (n_series, n_steps, n_inputs) or (n_steps, n_inputs) ndarray of float32 or float64
        Its dtype is the precision of the computation; lists become float64.
    w : (n_units,) ndarray
    U : (n_units, n_inputs) ndarray
    c : (n_units,) ndarray
        The read-out, ±1 in the papers' networks.
    activation : {"tanh", "sigmoid", "softplus", "gelu"}

    Returns
    -------
    features : (n_series, n_steps, n_units, n_inputs + 1) or (n_steps, n_units, n_inputs + 1) ndarray
        ∂F_t/∂w_i, then ∂F_t/∂u_i, along the last axis.

    Raises
    ------
    ValueError
        When shapes do not fit, a series has no steps, numbers are not finite or the activation is unknown.
    DivergenceError
        When a derivative stops being finite.

    Notes
    -----
    With H_t^i = σ(w_i H_{t−1}^i + ⟨u_i, X_t⟩), H_0 = 0 and F_t = (1/√m) Σ_i c_i H_t^i (Cayci and Eryilmaz 2024, arXiv 2402.12241):

        ∂H_t/∂w = σ'_t (H_{t−1} + w ∂H_{t−1}/∂w),   ∂H_t/∂u = σ'_t (X_t + w ∂H_{t−1}/∂u).

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> pf.kernels.ntk_features(np.ones((2, 1)), np.zeros(1), np.zeros((1, 1)), np.ones(1), "sigmoid")
    array([[[0.   , 0.25 ]],
    <BLANKLINE>
           [[0.125, 0.25 ]]])
    """
    one_of("activation", activation, ACTIVATIONS)
    points, batched = _points("X", X)
    found: Array = _core.ntk_features(points, *_weights(w, U, c, points.dtype), activation)
    _require_finite(found.reshape(*points.shape[:2], -1))
    return found if batched else found[0]


@overload
def ntk_gram(
    X: ArrayLike, X_other: ArrayLike | None, w: ArrayLike, U: ArrayLike, c: ArrayLike, activation: str = "tanh"
) -> Array: ...
@overload
def ntk_gram(X: ArrayLike, X_other: ArrayLike | None = None, *, w: ArrayLike, U: ArrayLike, c: ArrayLike, activation: str = "tanh") -> Array: ...
@overload
def ntk_gram(
    X: ArrayLike, X_other: ArrayLike | None = None, *, activation: str = "tanh", alpha: float, n_samples: int, seed: int | None = None
) -> NTKEstimate: ...


def ntk_gram(
    X: ArrayLike, X_other: ArrayLike | None = None, w: ArrayLike | None = None, U: ArrayLike | None = None, c: ArrayLike | None = None,
    activation: str = "tanh", alpha: float | None = None, n_samples: int | None = None, seed: int | None = None,
) -> Array | NTKEstimate:  # fmt: skip
    """Tangent kernel of a diagonal network: of one of finite width, or in the limit of infinite width by Monte Carlo.

    Parameters
    ----------
    X : (n_series, n_steps, n_inputs) or (n_steps, n_inputs) ndarray of float32 or float64
        Its dtype is the precision of the computation; lists become float64.
    X_other : (n_series, n_steps, n_inputs) or (n_steps, n_inputs) ndarray, optional
        X unless given. Numbers of series and steps may differ from those of X.
    w, U, c : (n_units,), (n_units, n_inputs) and (n_units,) ndarrays, optional
        The network of finite width.
    activation : {"tanh", "sigmoid", "softplus", "gelu"}
    alpha : float, optional
        Non-negative. Instead of w, U and c: neurons are drawn, w = ±alpha with equal chances, u ~ N(0, I), as the symmetric start of
        :class:`pushforward.DiagonalRNN` draws them.
    n_samples : int, optional
        Neurons drawn, at least 2.
    seed : int, optional
        Of the draws; 0 unless given.

    Returns
    -------
    gram : (n_points, n_points_other) ndarray
        Inner products of :func:`ntk_features`; point j n_steps + t is step t of series j. With ``alpha`` and ``n_samples`` an
        :class:`NTKEstimate` with the mean and its standard error.

    Raises
    ------
    ValueError
        When shapes do not fit, a series has no steps, numbers are not finite, the activation is unknown, ``alpha`` is negative, or what is given
        is neither w, U and c nor alpha and n_samples.
    DivergenceError
        When an entry stops being finite.

    Notes
    -----
    K[(j, s), (k, t)] = ⟨∇F_s(X_j), ∇F_t(X_k)⟩ = (1/m) Σ_i c_i² ⟨∇H_s^i(X_j), ∇H_t^i(X_k)⟩. For m → ∞ the mean over neurons is an expectation over
    one (Cayci and Eryilmaz 2024, arXiv 2402.12241; Jacot, Gabriel and Hongler 2018), which is estimated from ``n_samples`` independent ones. The
    features exist for a panel of about 512 rows at a time: memory is that of the result and of 512 numbers a point (two more arrays of the result's
    size, in float64, for the limit). The result does not depend on the number of threads.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.ones((2, 1))
    >>> pf.kernels.ntk_gram(X, w=np.zeros(1), U=np.zeros((1, 1)), c=np.ones(1), activation="sigmoid")
    array([[0.0625  , 0.0625  ],
           [0.0625  , 0.078125]])
    >>> limit = pf.kernels.ntk_gram(X, alpha=0.5, n_samples=4096)
    >>> bool((limit.standard_error < 0.03 * limit.gram).all())
    True
    """
    one_of("activation", activation, ACTIVATIONS)
    points, _ = _points("X", X)
    others = None if X_other is None else _points("X_other", X_other, points.dtype)[0]
    given = [name for name, value in (("w", w), ("U", U), ("c", c)) if value is not None]
    drawn = [name for name, value in (("alpha", alpha), ("n_samples", n_samples), ("seed", seed)) if value is not None]
    if w is not None and U is not None and c is not None and not drawn:
        return _gram(points, others, *_weights(w, U, c, points.dtype), activation)
    if given or alpha is None or n_samples is None:
        raise ValueError(f"give either w, U and c or alpha and n_samples (and seed), got {', '.join(given + drawn) or 'none of them'}")
    if others is not None and others.shape[2] != points.shape[2]:
        raise ValueError(f"X_other must have {points.shape[2]} inputs like X, got shape {others.shape}")
    return _limit(points, others, activation, non_negative("alpha", alpha), _at_least_two(n_samples), 0 if seed is None else seed)


def _limit(X: Array, X_other: Array | None, activation: str, alpha: float, n_samples: int, seed: int) -> NTKEstimate:
    """Mean over batches of neurons, weighted by their sizes; the scatter of the batches around it is the variance of one neuron."""
    checked_seed("seed", seed)
    if alpha > (most := float(np.finfo(X.dtype).max)):
        raise ValueError(f"alpha must be at most {most:g} where X is {X.dtype}, got {alpha!r}")
    rng, n_batches = np.random.default_rng(seed), min(n_samples, N_BATCHES)
    mean: Any = 0.0
    squares: Any = 0.0
    seen = 0
    for b in range(n_batches):
        size = n_samples // n_batches + (b < n_samples % n_batches)
        w = (alpha * (rng.integers(2, size=size) * 2 - 1)).astype(X.dtype)
        U = rng.normal(size=(size, X.shape[2])).astype(X.dtype)
        seen += size
        away = _gram(X, X_other, w, U, np.ones(size, X.dtype), activation).astype(np.float64)
        away -= mean
        mean = mean + (size / seen) * away  # Welford 1962, with weights
        away *= away
        away *= size * (1 - size / seen)
        squares = squares + away
    error = np.sqrt(squares / (n_batches - 1) / n_samples)
    return NTKEstimate(mean.astype(X.dtype), error.astype(X.dtype), n_samples)


def _gram(X: Array, X_other: Array | None, w: Array, U: Array, c: Array, activation: str) -> Array:
    found: Array = _core.ntk_gram(X, X_other, w, U, c, activation)
    _require_finite(found.reshape(*X.shape[:2], -1))
    return found


def _points(name: str, X: ArrayLike, dtype: np.dtype[Any] | None = None) -> tuple[Array, bool]:
    """X as a batch, and whether it came as one; values and lengths are checked by the kernel."""
    if dtype is None:
        dtype = X.dtype if isinstance(X, np.ndarray) else np.dtype(np.float64)
        if dtype not in (np.float32, np.float64):
            raise TypeError(f"{name} must be float32 or float64, got {dtype}")
    array = numbers(name, X, dtype)
    if array.ndim not in (2, 3):
        raise ValueError(f"{name} must be (n_steps, n_inputs) or (n_series, n_steps, n_inputs), got shape {array.shape}")
    if 0 in array.shape:
        raise ValueError(f"{name} must have at least one series, one step and one input, got shape {array.shape}")
    return (array, True) if array.ndim == 3 else (array[None], False)


def _weights(w: ArrayLike, U: ArrayLike, c: ArrayLike, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    return numbers("w", w, dtype), numbers("U", U, dtype), numbers("c", c, dtype)


def _require_finite(found: Array) -> None:
    """found (n_series, n_steps, …)"""
    if not np.isfinite(found).all():
        series, step = np.argwhere(~np.isfinite(found).all(axis=-1))[0]
        raise DivergenceError("a derivative stopped being finite", int(step), int(series))


def _at_least_two(n_samples: int) -> int:
    positive_int("n_samples", n_samples, "an int of at least 2 (one neuron says nothing about the error)", least=2)
    return int(n_samples)
