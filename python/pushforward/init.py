"""Starting weights. Everything is drawn in float64 from a generator that is handed in; nothing here keeps a generator of its own."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "generator", "input_weights", "own_weights", "positive_definite", "recurrent_weights", "ring", "stable_wishart", "symmetric",
    "symmetric_readout", "unbounded",
]  # fmt: skip

SPECTRAL_RADIUS = 0.9
"""Of an orthogonal and of a rescaled start (exactly) and of a scaled normal one (for many units): memory of about ten steps, and no explosion."""

SCHEMES = ("orthogonal", "glorot", "identity", "scaled_normal", "scaled_spectral_radius")
OWN_SCHEMES = ("uniform", "orthogonal", "identity", "scaled_spectral_radius")


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """Return the generator itself, or a new one from a non-negative int."""
    if isinstance(seed, np.random.Generator):
        return seed
    is_int = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
    if not is_int or seed < 0:
        raise (ValueError if is_int else TypeError)(f"seed must be a non-negative int or a numpy.random.Generator, got {seed!r}")
    return np.random.default_rng(int(seed))


def recurrent_weights(scheme: str, n_units: int, rng: np.random.Generator, mask: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Draw the matrix of a recurrence s ← W s.

    Parameters
    ----------
    scheme : {"orthogonal", "glorot", "identity", "scaled_normal", "scaled_spectral_radius"}
        ``orthogonal``: 0.9 Q, Q uniform over the orthogonal matrices (every eigenvalue has modulus 0.9).
        ``glorot``: uniform in ±√(6 / (n_units + n_units)).
        ``identity``: I, the start Le, Jaitly and Hinton (2015) give to ReLU units.
        ``scaled_normal``: N(0, 0.9² / n_units), spectral radius near 0.9 for many units.
        ``scaled_spectral_radius``: normal entries, scaled so that the largest |eigenvalue| is 0.9 (from all eigenvalues, O(n_units³)).
    n_units : int
    rng : numpy.random.Generator
    mask : (n_units, n_units) ndarray of bool, optional
        The connections that exist; ``scaled_spectral_radius`` alone looks at it.

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
    if scheme == "scaled_spectral_radius":
        W = rng.normal(size=shape) * (1.0 if mask is None else mask)
        return W * (SPECTRAL_RADIUS / (float(np.max(np.abs(np.linalg.eigvals(W)))) or 1.0))
    raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, got {scheme!r}")


def own_weights(scheme: str, n_units: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw what every unit has of itself in a recurrence s ← w ∘ s.

    Parameters
    ----------
    scheme : {"uniform", "orthogonal", "identity", "scaled_spectral_radius"}
        ``uniform`` in ±0.9; the others are the diagonal matrices of their kind: ±0.9, 1, and normal numbers of which the largest has modulus 0.9.
    n_units : int
    rng : numpy.random.Generator

    Returns
    -------
    w : (n_units,) ndarray of float64

    Examples
    --------
    >>> own_weights("orthogonal", 4, np.random.default_rng(1))
    array([-0.9,  0.9,  0.9,  0.9])
    """
    if scheme == "uniform":
        return rng.uniform(-SPECTRAL_RADIUS, SPECTRAL_RADIUS, size=n_units)
    if scheme == "orthogonal":
        return SPECTRAL_RADIUS * _signs(n_units, rng)
    if scheme == "identity":
        return np.ones(n_units)
    if scheme == "scaled_spectral_radius":
        w = rng.normal(size=n_units)
        return w * (SPECTRAL_RADIUS / float(np.max(np.abs(w))))
    raise ValueError(f"scheme must be one of {', '.join(OWN_SCHEMES)}, got {scheme!r}")


def symmetric(
    n_units: int, n_inputs: int, rng: np.random.Generator, alpha: float = SPECTRAL_RADIUS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw two equal halves of units that hear themselves only.

    Parameters
    ----------
    n_units : int, even
    n_inputs : int
    rng : numpy.random.Generator
    alpha : float
        |w_i|. The states stay bounded whatever the length of the series when it is below 1 / max σ' (1 for tanh).

    Returns
    -------
    w : (n_units,) ndarray
        ±alpha.
    W_in : (n_units, n_inputs) ndarray
        Standard normal.

    Raises
    ------
    ValueError
        When n_units is odd.

    Notes
    -----
    Unit i + n_units / 2 copies unit i. With the read-out of :func:`symmetric_readout` the net's output is zero whatever its input: the start of
    arXiv 2402.12241.

    Examples
    --------
    >>> w, W_in = symmetric(4, 3, np.random.default_rng(0))
    >>> bool(np.all(w[:2] == w[2:])), bool(np.all(W_in[:2] == W_in[2:]))
    (True, True)
    """
    half = _half(n_units)
    return np.tile(alpha * _signs(half, rng), 2), np.tile(rng.normal(size=(half, n_inputs)), (2, 1))


def symmetric_readout(n_outputs: int, n_units: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the read-out of a symmetric start: W_out (n_outputs, n_units), ±1/√n_units, of opposite sign for the two halves.

    Examples
    --------
    >>> W_out = symmetric_readout(2, 4, np.random.default_rng(0))
    >>> np.abs(W_out).tolist(), W_out.sum(axis=1).tolist()
    ([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]], [0.0, 0.0])
    """
    half = _half(n_units)
    signs = np.stack([_signs(half, rng) for _ in range(n_outputs)])
    return np.hstack([signs, -signs]) / math.sqrt(n_units)


def _half(n_units: int) -> int:
    if n_units % 2:
        raise ValueError(f"scheme 'symmetric' needs n_units to be even, got {n_units}")
    return n_units // 2


def _signs(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.choice([-1.0, 1.0], size=n)


def ring(
    n_units: int, r_min: float, r_max: float, max_phase: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw complex poles λ = exp(−exp(ν) + iθ), uniform by area in a ring or a sector of it.

    Parameters
    ----------
    n_units : int
    r_min, r_max : float
        |λ|² is uniform between their squares; 0 ≤ r_min < r_max < 1.
    max_phase : float
        θ is uniform in [0, max_phase).
    rng : numpy.random.Generator

    Returns
    -------
    nu, phase : (n_units,) ndarray

    Notes
    -----
    ν = log(−log |λ|); Orvieto and others, arXiv 2303.06349, lemma 3.2.

    Examples
    --------
    >>> nu, phase = ring(1000, 0.5, 0.9, 1.0, np.random.default_rng(0))
    >>> r = np.exp(-np.exp(nu))
    >>> bool(0.5 < r.min() and r.max() < 0.9), bool(abs(np.mean(r**2) - 0.53) < 0.01)
    (True, True)
    """
    squared = rng.uniform(max(r_min, 1e-6) ** 2, r_max**2, size=n_units)  # λ = 0 has no ν
    return np.log(-0.5 * np.log(squared)), rng.uniform(0.0, max_phase, size=n_units)


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


def positive_definite(n_units: int, dt: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw A, symmetric and positive definite, for h ← h − dt A h.

    Notes
    -----
    A = I + 0.1 G Gᵀ / n_units, G (n_units, n_units) standard normal: eigenvalues lie near [1, 1.4]. Where dt is so long that the step would
    overshoot, A is shrunk until dt λ ≤ 1 for every eigenvalue λ.

    Examples
    --------
    >>> A = positive_definite(6, 2.0, np.random.default_rng(0))
    >>> bool(np.linalg.eigvalsh(A).min() > 0), float(np.linalg.eigvalsh(A).max().round(12))
    (True, 0.5)
    """
    G = rng.normal(size=(n_units, n_units))
    A = np.eye(n_units) + 0.1 * G @ G.T / n_units
    return A / max(1.0, dt * float(np.max(np.linalg.eigvalsh(A))))


def input_weights(n_units: int, n_inputs: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw W_in (n_units, n_inputs), uniform in ±1/√n_inputs: inputs of unit size move a unit by about one half, however many they are."""
    width = 1.0 / math.sqrt(n_inputs)
    return rng.uniform(-width, width, size=(n_units, n_inputs))


def unbounded(W: NDArray[np.float64], bound: float) -> NDArray[np.float64]:
    """Return θ with bound · tanh(θ / bound) = W, after W has been shrunk as a whole to entries of at most 0.9 · bound."""
    largest = max(float(np.max(np.abs(W))), 0.9 * bound)
    return bound * np.arctanh(0.9 * W / largest)
