"""Extended dynamic mode decomposition: operators of lifted states by least squares over snapshots, in one pass."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._accumulator import EDMDAccumulator, Features
from ._operators import EDMDResult

__all__ = ["edmd"]


def edmd(
    X: ArrayLike,
    X_next: ArrayLike | None,
    features: Features,
    target: str = "observables",
    inputs: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    rcond: float = 1e-10,
    ridge: float = 0.0,
    solver: str = "auto",
    n_features: int | None = None,
) -> EDMDResult:
    """Operators of lifted states, from pairs of snapshots or from a trajectory.

    Parameters
    ----------
    X : (n_snapshots, n_state) ndarray of float64 or float32
        Lists become float64.
    X_next : (n_snapshots, n_state) ndarray or None
        One step after X, row by row. None: X is one trajectory, whose features are computed once.
    features : callable
        ψ: (n, n_state) ndarray -> (n, n_features) ndarray of the same dtype. For instance a dictionary of :mod:`pushforward.koopman`.
    target : {"observables", "state"}
        "observables": K, B and C too; "state": A alone, in less than half of the time.
    inputs : (n_snapshots, n_inputs) ndarray, optional
        inputs[t] acts between X[t] and what follows it.
    sample_weight : (n_snapshots,) array-like, optional
    rcond : float
        Singular values of at most ``rcond`` times the largest count as zero, like in :func:`numpy.linalg.lstsq`.
    ridge : float
    solver : {"auto", "qr", "gram", "svd"}
        "qr" (and "auto"): one pass, as accurate as "svd"; "gram": normal equations, less work and half of the digits; "svd": of all features,
        kept in memory.
    n_features : int, optional
        Where ``features`` does not say it; found by lifting one row otherwise.

    Returns
    -------
    result : EDMDResult

    Raises
    ------
    ValueError, TypeError
        What does not fit is named; of rows that are not finite the numbers. A rank-deficient dictionary is not an error: see ``result.rank``.

    Notes
    -----
    min Σ_t w_t ‖ψ[t+1] − K ψ[t] − B u[t]‖² (Williams, Kevrekidis, Rowley 2015), with ``target="state"`` h[t+1] in place of ψ[t+1]. The default solver
    is :class:`pushforward.linalg.StreamingLeastSquares`: 2 n_snapshots n_features² operations for the state, memory that does not grow.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.random.default_rng(0).normal(size=(200, 1))
    >>> result = pf.kernels.edmd(X, 0.5 * X, lambda x: np.concatenate([x, x**2], axis=1))
    >>> bool(np.allclose(result.K, [[0.5, 0.0], [0.0, 0.25]], atol=1e-12))
    True
    """
    rows: Any = X if isinstance(X, np.ndarray) and X.dtype == np.float32 else np.asarray(X, np.float64) if isinstance(X, list | tuple) else X
    if not isinstance(rows, np.ndarray) or rows.ndim != 2:
        raise ValueError(f"X must have two axes (n_snapshots, n_state), got {type(X).__name__} of shape {np.shape(X)}")
    if len(rows) < 1 or rows.shape[1] < 1:
        raise ValueError(f"X must have at least one row and one column, got shape {rows.shape}")
    if n_features is None and getattr(features, "n_features", None) is None:
        n_features = int(np.shape(features(rows[:1]))[-1])
    if inputs is not None and np.ndim(inputs) != 2:
        raise ValueError(f"inputs must have two axes (n_snapshots, n_inputs), got shape {np.shape(inputs)}")
    n_inputs = 0 if inputs is None else int(np.shape(inputs)[1])
    accumulator = EDMDAccumulator(features, rows.shape[1], target, n_inputs, n_features, rows.dtype.name, solver)
    return accumulator.update(rows, X_next, inputs, sample_weight).solve(rcond, ridge)
