"""Starting weights. Everything is drawn in float64 from a generator that is handed in; nothing here keeps a generator of its own."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["generator", "input_weights", "recurrent_weights", "stable_wishart", "unbounded"]

SPECTRAL_RADIUS = 0.9
"""Of an orthogonal start (exactly) and of a scaled normal one (for many units): memory of about ten steps, and no explosion."""

SCHEMES = ("orthogonal", "glorot", "identity", "scaled_normal")


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """Return the generator itself, or a new one from a non-negative int."""
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed must be a non-negative int or a numpy.random.Generator, got {seed!r}")
    if seed < 0:
        raise ValueError(f"seed must be a non-negative int or a numpy.random.Generator, got {seed!r}")
    return np.random.default_rng(int(seed))


def recurrent_weights(scheme: str, n_units: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the matrix of a recurrence s ← W s.

    Parameters
    ----------
    scheme : {"orthogonal", "glorot", "identity", "scaled_normal"}
        ``orthogonal``: 0.9 Q, Q uniform over the orthogonal matrices (every eigenvalue has modulus 0.9).
        ``glorot``: uniform in ±√(6 / (n_units + n_units)).
        ``identity``: I, the start Le, Jaitly and Hinton (2015) give to ReLU units.
        ``scaled_normal``: N(0, 0.9² / n_units), spectral radius near 0.9 for many units.
    n_units : int
    rng : numpy.random.Generator

    Returns
    -------
    W : (n_units, n_units) ndarray of float64

    Examples
    --------
    >>> W = recurrent_weights("orthogonal", 5, np.random.default_rng(0))
    >>> np.abs(np.linalg.eigvals(W)).round(12)
    array([0.9, 0.9, 0.9, 0.9, 0.9])
    """
    shape = (n_units, n_units)
    if scheme == "orthogonal":
        Q, R = np.linalg.qr(rng.normal(size=shape))
        return SPECTRAL_RADIUS * Q * np.sign(np.diag(R))  # the signs make Q uniform (Haar)
    if scheme == "glorot":
        width = math.sqrt(3.0 / n_units)
        return rng.uniform(-width, width, size=shape)
    if scheme == "identity":
        return np.eye(n_units)
    if scheme == "scaled_normal":
        return rng.normal(scale=SPECTRAL_RADIUS / math.sqrt(n_units), size=shape)
    raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, got {scheme!r}")


def stable_wishart(n_units: int, dt: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw A, symmetric and negative definite, for h ← h + dt A h.

    Notes
    -----
    A = −G Gᵀ / (2 n_units), G (n_units, 2 n_units) standard normal: minus a Wishart matrix, the "stable sign" of arXiv 2501.08040,
    section 7.1 (its degrees of freedom are not stated; 2 n_units keeps the slowest mode away from zero). Eigenvalues lie near
    [−2.9, −0.09]. Where dt is so long that the step would overshoot, A is shrunk until dt |λ| ≤ 1 for every eigenvalue λ.

    Examples
    --------
    >>> A = stable_wishart(6, 0.1, np.random.default_rng(0))
    >>> bool(np.all(np.linalg.eigvalsh(np.eye(6) + 0.1 * A) < 1.0))
    True
    """
    G = rng.normal(size=(n_units, 2 * n_units))
    A = -G @ G.T / (2 * n_units)
    fastest = float(np.max(np.abs(np.linalg.eigvalsh(A))))
    return A / max(1.0, dt * fastest)


def input_weights(n_units: int, n_inputs: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw W_in (n_units, n_inputs), uniform in ±1/√n_inputs: inputs of unit size move a unit by about one half, however many they are."""
    width = 1.0 / math.sqrt(n_inputs)
    return rng.uniform(-width, width, size=(n_units, n_inputs))


def unbounded(W: NDArray[np.float64], bound: float) -> NDArray[np.float64]:
    """Return θ with bound · tanh(θ / bound) = W, after W has been shrunk as a whole to entries of at most 0.9 · bound."""
    largest = max(float(np.max(np.abs(W))), 0.9 * bound)
    return bound * np.arctanh(0.9 * W / largest)
