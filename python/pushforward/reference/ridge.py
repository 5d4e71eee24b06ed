"""Ridge regression as the augmented least-squares problem that it is."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def ridge_readout(
    X: ArrayLike,
    Y: ArrayLike,
    ridge: float = 0.0,
    sample_weight: ArrayLike | None = None,
    *,
    intercept: bool = True,
    penalise_intercept: bool = False,
) -> tuple[Array, Array]:
    """Minimise Σ_t w_t ‖y_t − W_out f_t − b_out‖² + ridge ‖W_out‖² over all rows at once.

    Parameters
    ----------
    X : (n_steps, n_features) ndarray, real or complex
    Y : (n_steps, n_outputs) ndarray
    ridge : float
    sample_weight : (n_steps,) ndarray, optional
    intercept, penalise_intercept : bool

    Returns
    -------
    W_out : (n_outputs, n_features) ndarray
    b_out : (n_outputs,) ndarray

    Notes
    -----
    [√w X  √w 1; √ridge I  0] [W_outᵀ; b_outᵀ] ≈ [√w Y; 0], by numpy.linalg.lstsq.
    """
    X, Y = np.asarray(X), np.asarray(Y)
    n_steps, n_features = X.shape
    root = np.sqrt(np.ones(n_steps) if sample_weight is None else np.asarray(sample_weight, float))[:, None]
    rows = np.concatenate([X, np.ones((n_steps, int(intercept)))], axis=1) * root
    penalty = np.sqrt(ridge) * np.eye(n_features + int(intercept))
    if intercept and not penalise_intercept:
        penalty = penalty[:n_features]
    A = np.concatenate([rows, penalty])
    B = np.concatenate([Y * root, np.zeros((len(penalty), Y.shape[1]))])
    solution = np.linalg.lstsq(A, B, rcond=None)[0]
    W, b = solution[:n_features].T, solution[n_features] if intercept else np.zeros(Y.shape[1])
    return W.astype(X.dtype), b.astype(X.dtype)
