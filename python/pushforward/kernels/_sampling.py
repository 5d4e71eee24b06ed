"""Hidden layers that are sampled, not trained: their weights from pairs of data points, and their features."""

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._checks import one_of, positive_int
from .._checks import seed as checked_seed
from .._series import Array, numbers
from ..cells import ACTIVATIONS
from ._pairs import choose_pairs

__all__ = ["sample_weights", "sampled_features"]

SCHEMES = ("pairs", "random")

# (s1, s2): at the first point of its pair a neuron is at −s2, at the second at s1 − s2. tanh is then −1/2 and 1/2, the logistic function 1/4 and 3/4.
SCALES = {
    "tanh": (np.log(3.0), np.log(3.0) / 2),
    "sigmoid": (2 * np.log(3.0), np.log(3.0)),
    "relu": (1.0, 0.0),
    "elu": (1.0, 0.0),
    "identity": (1.0, 0.0),
}


def sample_weights(
    X: ArrayLike,
    y: ArrayLike | None,
    n_units: int,
    activation: str = "tanh",
    scheme: str = "pairs",
    n_candidates: int | str | None = None,
    unique: bool = True,
    seed: int | np.random.Generator | None = None,
) -> tuple[Array, Array]:
    """Sample the weights of a hidden layer from the data it is for.

    Parameters
    ----------
    X : (n, n_inputs) ndarray of float32 or float64
        What the layer will be given. Its dtype is that of the weights; lists become float64. Only rows that are drawn are looked at.
    y : (n,) or (n, n_targets) ndarray, optional
        What the features are to explain: neurons are put where it is steep. None: every pair is as likely as the next.
    n_units : int
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
    scheme : {"pairs", "random"}
        "random": normal weights and uniform biases, for which the data do not matter.
    n_candidates : int or "all", optional
        Of how many candidate pairs the neurons are chosen; ten a neuron unless given. "all", as published: as many as there are rows, and where these
        are fewer than the neurons, a multiple of it that is not.
    unique : bool
        No pair twice, in whatever order: with tanh the two orders give one neuron and its negative. False: drawn with replacement, as published.
    seed : int or numpy.random.Generator, optional

    Returns
    -------
    W : (n_units, n_inputs) ndarray
    b : (n_units,) ndarray

    Raises
    ------
    ValueError
        When all candidate pairs are identical points (constant data), or fewer than ``n_units`` different pairs are found and ``unique`` is
        set; when a row that was drawn is not finite.

    Notes
    -----
    A neuron is a pair of data points (Bolager et al. 2023, arXiv 2306.16830; of recurrent networks arXiv 2410.23467):

        w = s1 (x2 − x1) / ‖x2 − x1‖² ,   b = −⟨w, x1⟩ − s2 ,   drawn with probability ∝ max |y2 − y1| / ‖x2 − x1‖

    s2 = ln(3)/2, s1 = 2 s2 for tanh; twice both for the logistic function, which is the same neuron; s1 = 1, s2 = 0 for the others. The published
    sampler is ``n_candidates="all", unique=False``, neuron by neuron for the same seed of ``numpy.random.default_rng``, but that pairs of equal
    points, of which it makes neurons without weights, are left out. Neurons without replacement are the ``n_units`` smallest of e / p, e exponential
    with mean 1 (Efraimidis and Spirakis 2006). Where y is the same at all candidates, these are equally likely.

    Random: w ~ N(0, 1), b ~ U(−π, π).

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> W, b = pf.kernels.sample_weights(X, np.tanh(5 * X), 3, seed=0)
    >>> W.shape, b.shape
    ((3, 1), (3,))
    >>> features = pf.kernels.sampled_features(X, W, b)
    >>> features.shape
    (50, 3)
    """
    X = _matrix("X", X)
    positive_int("n_units", n_units)
    one_of("activation", activation, ACTIVATIONS)
    one_of("scheme", scheme, SCHEMES)
    rng = _generator(seed)
    if scheme == "random":
        W = rng.normal(size=(n_units, X.shape[1]))
        return W.astype(X.dtype), rng.uniform(-np.pi, np.pi, size=n_units).astype(X.dtype)
    x1, direction, distance = choose_pairs(X, None if y is None else _targets(y, X), n_units, n_candidates, unique, rng)
    s1, s2 = SCALES[activation]
    W = s1 * (direction / distance[:, None]) / distance[:, None]
    b = -np.sum(x1 * W, axis=1) - s2
    return np.ascontiguousarray(W, X.dtype), b.astype(X.dtype)


def sampled_features(X: ArrayLike, W: ArrayLike, b: ArrayLike, activation: str = "tanh", out: Array | None = None) -> Array:
    """Features of a sampled layer.

    Parameters
    ----------
    X : (n, n_inputs) ndarray of float32 or float64
        Its dtype is the precision of the computation; lists become float64.
    W : (n_units, n_inputs) ndarray
    b : (n_units,) ndarray
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
    out : (n, n_units) ndarray, optional
        Where to write them: columns side by side, rows at any distance, as in some columns of a wider array.

    Returns
    -------
    features : (n, n_units) ndarray

    Raises
    ------
    ValueError
        When X, W or b is not finite, with the row or unit, or shapes do not fit.

    Notes
    -----
    σ(X Wᵀ + b). A row of features is the same to the last bit whatever rows stand beside it, and whatever the number of threads.

    Examples
    --------
    >>> import pushforward as pf
    >>> pf.kernels.sampled_features([[0.0], [2.0]], [[1.0], [-1.0]], [0.0, 1.0], "relu")
    array([[0., 1.],
           [2., 0.]])
    """
    X = _matrix("X", X)
    W, b = numbers("W", W, X.dtype), numbers("b", b, X.dtype)
    for name, weights in (("W", W), ("b", b)):
        if not np.isfinite(weights).all():
            raise ValueError(f"{name} must be finite, got {weights[~np.isfinite(weights)][0]} for unit {np.argwhere(~np.isfinite(weights))[0, 0]}")
    one_of("activation", activation, ACTIVATIONS)
    if out is None:
        out = np.empty((len(X), len(W)), X.dtype)
    elif not isinstance(out, np.ndarray) or out.dtype != X.dtype or not out.flags.writeable:
        found = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(f"out must be a writeable array of {X.dtype}, got {found}")
    _core.lift(X.copy() if np.may_share_memory(X, out) else X, W, b, activation, out)
    return out


def _matrix(name: str, values: ArrayLike) -> Array:
    array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=np.float64)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}; convert it with astype('float64')")
    if array.ndim != 2 or array.shape[1] == 0:
        hint = "; one input: reshape(-1, 1)" if array.ndim == 1 else ""
        raise ValueError(f"{name} must be (n, n_inputs), got shape {array.shape}{hint}")
    return np.ascontiguousarray(array)


def _targets(y: ArrayLike, X: Array) -> Array:
    Y = np.asarray(y)
    if Y.dtype.kind not in "iufb":
        raise TypeError(f"y must be real numbers, got {Y.dtype}")
    if Y.ndim not in (1, 2) or len(Y) != len(X) or Y.size == 0:
        raise ValueError(f"y must be ({len(X)},) or ({len(X)}, n_targets), a row for each of X, got shape {Y.shape}")
    return Y.reshape(len(X), -1)


def _generator(seed: int | np.random.Generator | None) -> np.random.Generator:
    if isinstance(seed, np.random.Generator):
        return seed
    if seed is not None:
        checked_seed("seed", seed)
    return np.random.default_rng(seed)
