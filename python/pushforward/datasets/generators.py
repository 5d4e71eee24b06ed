"""Generated series with a known teacher: what a recurrent network of the right size can learn to zero error."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0.0),
    "sigmoid": lambda a: 1.0 / (1.0 + np.exp(-a)),
    "identity": lambda a: a,
}


class TeacherSeries(NamedTuple):
    """A series and the weights that made it.

    Attributes
    ----------
    X : (n_steps, n_inputs) ndarray of float64
    y : (n_steps, n_outputs) ndarray of float64
    weights : dict of str to ndarray
        ``W_rec`` (n_units, n_units), ``W_in`` (n_units, n_inputs), ``bias`` (n_units,), ``W_out`` (n_outputs, n_units).
    """

    X: Array
    y: Array
    weights: dict[str, Array]


def elman_teacher(
    n_steps: int,
    n_inputs: int = 2,
    n_units: int = 8,
    n_outputs: int = 1,
    seed: int = 0,
    *,
    activation: str = "tanh",
    spectral_radius: float = 0.9,
    noise: float = 0.0,
) -> TeacherSeries:
    """Teacher-student data of an Elman network (arXiv 2501.08040, section 7.2; sizes are ours).

    Parameters
    ----------
    n_steps, n_inputs, n_units, n_outputs : int
    seed : int
    activation : {"tanh", "relu", "sigmoid", "identity"}
    spectral_radius : float
        Largest absolute eigenvalue of ``W_rec`` after scaling.
    noise : float
        Standard deviation of the Gaussian noise added to ``y``.

    Returns
    -------
    TeacherSeries

    Notes
    -----
    s_t = σ(W_rec s_{t−1} + W_in x_t + bias), y_t = W_out s_t, s_0 = 0, inputs i.i.d. N(0, 1), W_in ~ N(0, 1/n_inputs),
    W_out ~ N(0, 1/n_units), bias ~ N(0, 0.01).

    Examples
    --------
    >>> X, y, weights = elman_teacher(100, n_inputs=3, n_units=5, n_outputs=2, seed=1)
    >>> X.shape, y.shape, weights["W_rec"].shape
    ((100, 3), (100, 2), (5, 5))
    """
    _check_sizes(n_steps=n_steps, n_inputs=n_inputs, n_units=n_units, n_outputs=n_outputs)
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {sorted(ACTIVATIONS)}, got {activation!r}")
    rng = np.random.default_rng(seed)
    W_rec = rng.normal(size=(n_units, n_units))
    W_rec *= spectral_radius / np.abs(np.linalg.eigvals(W_rec)).max()
    W_in = rng.normal(size=(n_units, n_inputs)) / np.sqrt(n_inputs)
    bias = 0.1 * rng.normal(size=n_units)
    W_out = rng.normal(size=(n_outputs, n_units)) / np.sqrt(n_units)
    X = rng.normal(size=(n_steps, n_inputs))
    drive, states, state = X @ W_in.T + bias, np.empty((n_steps, n_units)), np.zeros(n_units)
    sigma: Any = ACTIVATIONS[activation]
    for t in range(n_steps):
        state = states[t] = sigma(W_rec @ state + drive[t])
    y = states @ W_out.T + noise * rng.normal(size=(n_steps, n_outputs))
    return TeacherSeries(X, y, {"W_rec": W_rec, "W_in": W_in, "bias": bias, "W_out": W_out})


def linear_teacher(
    n_steps: int,
    n_inputs: int = 2,
    n_units: int = 8,
    n_outputs: int = 1,
    seed: int = 0,
    *,
    dt: float = 0.1,
    input_scaling: float = 1.0,
    noise: float = 0.0,
) -> TeacherSeries:
    """Teacher-student data of a linear recurrent network (arXiv 2501.08040, section 7.1; sizes and dt are ours).

    Parameters
    ----------
    n_steps, n_inputs, n_units, n_outputs : int
    seed : int
    dt : float
        Step of the forward Euler recursion [s].
    input_scaling : float
        Standard deviation of the i.i.d. Gaussian inputs.
    noise : float
        Standard deviation of the Gaussian noise added to ``y``.

    Returns
    -------
    TeacherSeries
        ``weights["W_rec"]`` is A, ``weights["W_in"]`` is B; ``bias`` is zero.

    Notes
    -----
    s ← s + dt (A s + B x), y = W_out s. A = −G Gᵀ / (2 n_units) with G (n_units, 2 n_units) standard Gaussian: a Wishart matrix
    with the stable sign, eigenvalues near [−2.9, −0.09]. A step for which 1 + dt λ leaves the unit disc is refused.

    Examples
    --------
    >>> X, y, weights = linear_teacher(100, n_units=4, seed=1)
    >>> bool(np.linalg.eigvalsh(weights["W_rec"]).max() < 0)
    True
    """
    _check_sizes(n_steps=n_steps, n_inputs=n_inputs, n_units=n_units, n_outputs=n_outputs)
    rng = np.random.default_rng(seed)
    G = rng.normal(size=(n_units, 2 * n_units))
    A = -(G @ G.T) / (2 * n_units)
    if not 0.0 < dt < 2.0 / -np.linalg.eigvalsh(A)[0]:
        raise ValueError(f"dt: expected a step in (0, {2.0 / -np.linalg.eigvalsh(A)[0]:.3g}) for a stable recursion, got {dt}")
    B = rng.normal(size=(n_units, n_inputs)) / np.sqrt(n_inputs)
    W_out = rng.normal(size=(n_outputs, n_units)) / np.sqrt(n_units)
    X = input_scaling * rng.normal(size=(n_steps, n_inputs))
    step, drive = np.eye(n_units) + dt * A, dt * (X @ B.T)
    states, state = np.empty((n_steps, n_units)), np.zeros(n_units)
    for t in range(n_steps):
        state = states[t] = step @ state + drive[t]
    y = states @ W_out.T + noise * rng.normal(size=(n_steps, n_outputs))
    return TeacherSeries(X, y, {"W_rec": A, "W_in": B, "bias": np.zeros(n_units), "W_out": W_out})


def narma10(n_steps: int, seed: int = 0) -> tuple[Array, Array]:
    """NARMA-10, a benchmark of memory and non-linearity (Atiya and Parlos 2000).

    Parameters
    ----------
    n_steps : int
    seed : int

    Returns
    -------
    X : (n_steps, 1) ndarray of float64
        Inputs u_t, uniform in [0, 0.5].
    y : (n_steps,) ndarray of float64
        ``y[t]`` depends on ``X[t - 9 .. t]`` and on y's own past.

    Notes
    -----
    y_{t+1} = 0.3 y_t + 0.05 y_t Σ_{i=0..9} y_{t−i} + 1.5 u_{t−9} u_t + 0.1; ``y[t]`` returned here is y_{t+1}. The recursion rarely
    escapes to infinity; it is then drawn again with the next stream of the same seed, so a result is always finite.

    Examples
    --------
    >>> X, y = narma10(1000, seed=0)
    >>> X.shape, y.shape, bool(np.isfinite(y).all())
    ((1000, 1), (1000,), True)
    """
    _check_sizes(n_steps=n_steps)
    for attempt in range(100):
        u = np.random.default_rng([seed, attempt]).uniform(0.0, 0.5, n_steps + 9)
        y = [0.0] * 10
        for t in range(9, n_steps + 9):
            y.append(0.3 * y[-1] + 0.05 * y[-1] * sum(y[-10:]) + 1.5 * float(u[t - 9]) * float(u[t]) + 0.1)
            if abs(y[-1]) > 10.0:
                break
        else:
            return u[9:, None].copy(), np.array(y[10:])
    raise RuntimeError(f"narma10: no bounded series of {n_steps} steps in 100 draws of seed {seed}")


def _check_sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name}: expected a positive integer, got {value}")
