"""Extended dynamic mode decomposition with all features in memory, by singular values."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


class Operators(NamedTuple):
    """h[t+1] ≈ A ψ[t] + A_u u[t], ψ[t+1] ≈ K ψ[t] + B u[t], h ≈ C ψ; how the least squares went."""

    A: Array
    A_u: Array | None
    K: Array | None
    B: Array | None
    C: Array | None
    singular_values: Array
    rank: int
    residuals: Array


def least_squares(A: ArrayLike, Y: ArrayLike, rcond: float = 1e-10, ridge: float = 0.0) -> tuple[Array, Array, int]:
    """min ‖A x − Y‖² + ridge ‖x‖² by the singular value decomposition of A: x, singular values, how many were used."""
    U, s, Vt = np.linalg.svd(np.asarray(A), full_matrices=False)
    rank = int((s > rcond * s[0]).sum())
    x = Vt[:rank].T @ ((1 / (s[:rank] + ridge / s[:rank]))[:, None] * (U[:, :rank].T @ np.asarray(Y)))
    return x, s, rank


def edmd(
    X: ArrayLike,
    X_next: ArrayLike | None,
    features: Callable[[Array], Array],
    target: str = "observables",
    inputs: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    rcond: float = 1e-10,
    ridge: float = 0.0,
) -> Operators:
    """Operators of lifted states; :func:`pushforward.kernels.edmd` documents the arguments."""
    now, after = (np.asarray(X)[:-1], np.asarray(X)[1:]) if X_next is None else (np.asarray(X), np.asarray(X_next))
    n = len(now)
    scale = np.ones((n, 1)) if sample_weight is None else np.sqrt(np.asarray(sample_weight)[:n, None])
    psi, U = features(now), None if inputs is None else np.asarray(inputs)[:n]
    rows = scale * (psi if U is None else np.hstack([psi, U]))
    D = psi.shape[1]

    def fit(targets: Array, of: Array = rows) -> tuple[Array, Array, int, Array]:
        x, s, rank = least_squares(of, scale * targets, rcond, ridge)
        return x.T, s, rank, np.linalg.norm(of @ x - scale * targets, axis=0)

    state, s, rank, left = fit(after)
    A, A_u = state[:, :D], None if U is None else state[:, D:]
    if target == "state":
        return Operators(A, A_u, None, None, None, s, rank, left)
    operator, _, _, left = fit(features(after))
    K, B = operator[:, :D], None if U is None else operator[:, D:]
    C = fit(now, scale * psi)[0]
    one, state_columns = getattr(features, "constant_column", None), getattr(features, "state_columns", None)
    if one is not None:  # the constant stays what it is
        K[one], K[one, one] = 0, 1
        if B is not None:
            B[one] = 0
    if state_columns is not None:
        C = np.eye(D)[state_columns]
    return Operators(A, A_u, K, B, C, s, rank, left)
