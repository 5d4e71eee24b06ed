"""A Koopman matrix without growing eigenvalues."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, eig, lapack, matrix_balance, schur

from ._matrices import square

__all__ = ["stabilize"]

Array = NDArray[Any]
EPS = float(np.finfo(np.float64).eps)
LARGE = EPS ** (-1 / 3)  # a condition whose square still leaves digits


def stabilize(K: ArrayLike, radius: float = 1.0) -> tuple[Array, int]:
    """Move eigenvalues from outside a circle onto it, radially.

    Parameters
    ----------
    K : (n_features, n_features) array-like
    radius : float

    Returns
    -------
    stable : (n_features, n_features) ndarray
        Real where K is; K itself, to the bit, where there is nothing to move. Rows of the identity, such as that of the constant, stay to the bit
        where ``radius`` is at least 1: balancing isolates them.
    n_moved : int
        Eigenvalues, both of a pair counted.

    Raises
    ------
    ValueError
        If K is not square and finite, or ``radius`` not a positive number.

    Notes
    -----
    From the ordered (real) Schur form of the balanced matrix, K = [Z1 Z2] [T1 T12; 0 T2] [Z1 Z2]ᴴ, T1 the part outside, and X of T1 X − X T2 = −T12,

        K' = K + Z1 (T1' − T1) (Z1ᴴ − X Z2ᴴ):

    the eigenvectors of what stays are those of K. So are the others: T1' = V diag(radius λ / |λ|) V⁻¹. Where the condition of V is beyond ε^(−1/3)
    (T1 is defective or nearly so) T1' = D T1 D instead, D = diag(√(radius / |λ|)) block by block: the nested invariant subspaces of the Schur form
    stay, and no entry grows. Where X is that large (an eigenvalue outside all but shares its vector with one inside) K' = Z [T1' T12; 0 T2] Zᴴ, of
    which the same is true. Eigenvalues outside by rounding errors (n_features ε) stay where they are; moved ones lie on the circle to rounding
    errors times their condition. Powers of K' are bounded only if no eigenvalue on a circle of radius 1 is defective, and may grow long before they
    fall where K is far from normal.

    Examples
    --------
    >>> stabilize([[2.0, 1.0], [0.0, 0.5]])
    (array([[1. , 0.333...],
           [0. , 0.5   ]]), 1)
    """
    if not 0 < radius < np.inf:
        raise ValueError(f"radius must be a positive finite number, got {radius!r}")
    A, kind = square("K", K)
    limit = radius * (1 + len(A) * EPS)
    balanced, (scales, _) = matrix_balance(A, permute=False, separate=True)
    try:
        T, Z, n_moved = schur(balanced / limit, output="real", sort="ouc", check_finite=False)
        T, outside = T * limit, slice(0, n_moved)
    except LinAlgError:  # too close to the circle to be told apart
        T, Z = schur(balanced, output="real", check_finite=False)
        outside, n_moved = slice(0, len(A)), int(np.count_nonzero(_block_moduli(T) > limit))
    if not n_moved:
        return np.array(K, dtype=kind), 0
    Zh, rest = Z.conj().T, slice(outside.stop, len(A))
    T1, T12, T2 = T[outside, outside], T[outside, rest], T[rest, rest]
    moved = _moved(T1, radius)
    trsyl = lapack.ztrsyl if np.iscomplexobj(T) else lapack.dtrsyl
    X, scale, failed = trsyl(T1, T2, -T12, isgn=-1) if T12.size else (T12, 1.0, 0)
    if failed or not np.abs(X).max(initial=0.0) <= LARGE * scale:
        X = np.zeros_like(X)
    change = Z[:, outside] @ (moved - T1) @ (Zh[outside] - (X / scale) @ Zh[rest])
    stable = A + scales[:, None] * change / scales
    return stable.astype(kind, copy=False), int(n_moved)


def _moved(T: Array, radius: float) -> Array:
    """Triangular (or real Schur) T with its eigenvalues outside the circle on it."""
    values, V = eig(T, check_finite=False)
    if np.linalg.cond(V) <= LARGE:
        factor = np.minimum(1.0, radius / np.maximum(np.abs(values), np.finfo(np.float64).tiny))
        onto = np.linalg.solve(V.T, (V * (factor * values)).T).T
        return onto if np.iscomplexobj(T) else np.asarray(onto.real)
    scale = np.sqrt(radius / np.maximum(_block_moduli(T), radius))
    return np.asarray(scale[:, None] * T * scale)


def _block_moduli(T: Array) -> Array:
    """|λ| along the diagonal of a Schur form, twice for a block of two."""
    moduli: Array = np.abs(np.diagonal(T)).astype(np.float64)
    for i in np.flatnonzero(np.diagonal(T, -1)):
        moduli[i : i + 2] = np.hypot(moduli[i], np.sqrt(abs(T[i, i + 1])) * np.sqrt(abs(T[i + 1, i])))
    return moduli
