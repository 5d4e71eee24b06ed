"""Where approximate eigenvalues of the Koopman operator lie: the smallest residual any candidate eigenfunction has, over a grid."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import blas, lapack, schur, svd

from ._matrices import real_square, root

__all__ = ["pseudospectrum"]

Array = NDArray[Any]
TOLERANCE = 1e-10  # of a squared singular value
MOST = 60  # steps of Lanczos; an SVD follows where they are not enough
SWITCH = 8  # reflections at a time


def pseudospectrum(R: ArrayLike, Q1: ArrayLike, S: ArrayLike, grid: ArrayLike, rcond: float = 1e-10) -> Array:
    """Smallest residual at each point of a grid.

    Parameters
    ----------
    R, Q1, S : (n_features, n_features) array-like
        Factors of the snapshots: Ψ = Q R, Q1 = Qᵀ Ψ', S = Ψ'ᵀ (I − Q Qᵀ) Ψ'.
    grid : complex array-like of any shape
    rcond : float
        Functions ψᵀ w with ‖Ψ w‖ of at most ``rcond`` times the largest singular value of Ψ (‖w‖ = 1) are left out.

    Returns
    -------
    ndarray of the shape of ``grid``
        min over w of ‖Ψ' w − z Ψ w‖ / ‖Ψ w‖. Where it is at most ε lies the ε-pseudospectrum.

    Raises
    ------
    ValueError
        If the factors do not fit each other, or anything is not finite.

    Notes
    -----
    Colbrook & Townsend 2024 (ResDMD), without squares: with R = U Σ Vᵀ cut at ``rcond``, M = Uᵀ Q1 V Σ⁻¹, and N a triangle of what U does not reach
    stacked on S^{1/2} V Σ⁻¹, it is σ_min of [M − z I; N]. M goes to complex Schur form once, N to a triangle in its coordinates; a point costs the QR
    of a triangle on a triangle and a few steps of Lanczos on the inverse. Of real factors conjugate points have one value, computed once. Rounding
    errors are ε ‖M‖, with Σ⁻¹ in M: at most of the size of ε / ``rcond``.

    Examples
    --------
    >>> K = np.diag([0.5, 0.9])
    >>> pseudospectrum(np.eye(2), K, np.zeros((2, 2)), [0.5, 1.0, 0.9j]).round(12)
    array([0.        , 0.1       , 1.02956301])
    """
    (A, kind), (B, _), (G, _) = (real_square(name, part) for name, part in (("R", R), ("Q1", Q1), ("S", S)))
    if not A.shape == B.shape == G.shape:
        raise ValueError(f"R, Q1 and S must have one shape, got {A.shape}, {B.shape} and {G.shape}")
    if not 0 <= rcond < 1:
        raise ValueError(f"rcond must lie in [0, 1), got {rcond!r}")
    points = np.asarray(grid)
    if points.dtype.kind not in "iufc":
        raise TypeError(f"grid must be complex numbers, got {points.dtype}")
    if not np.isfinite(points).all():
        raise ValueError(f"grid must be finite, got {points[~np.isfinite(points)][0]}")

    U, s, Vt = svd(A, check_finite=False)
    rank = int(np.count_nonzero(s > max(rcond, float(np.finfo(kind).eps)) * s[0]))
    if not rank:
        raise ValueError("R must not be zero: there are no snapshots in it")
    onto = U.T @ B @ (Vt[:rank].T / s[:rank])
    rest = np.vstack([onto[rank:], root(G) @ (Vt[:rank].T / s[:rank])])
    T, Z = schur(onto[:rank], output="complex", check_finite=False)
    smallest = _Smallest(T, np.asarray(np.linalg.qr(rest @ Z, mode="r")) if rest.any() else None)

    flat = points.astype(np.complex128).ravel()
    mirrored = flat.real + 1j * np.abs(flat.imag)
    unit = 4 * np.finfo(np.float64).eps * np.abs(flat).max(initial=np.finfo(np.float64).tiny)
    _, first, where = np.unique(np.round(mirrored / unit), return_index=True, return_inverse=True)
    values = np.array([smallest(z) for z in mirrored[first]])
    return values[where].reshape(points.shape).astype(np.finfo(kind).dtype, copy=False)


class _Smallest:
    """σ_min of [T − z I; N], both triangular, for one z after another."""

    def __init__(self, T: Array, N: Array | None) -> None:
        self.T, self.N = np.asfortranarray(T), None if N is None else np.asfortranarray(N)
        self.start: Array = np.ones(len(T), complex) / np.sqrt(len(T))
        noise = np.random.default_rng(0).normal(size=(2, len(T)))
        self.noise: Array = (noise[0] + 1j * noise[1]) / np.sqrt(8 * len(T))
        self.diagonal = np.diag_indices(len(T))

    def __call__(self, z: complex) -> float:
        A = self.T.copy(order="F")
        A[self.diagonal] -= z
        if self.N is not None:
            A = lapack.ztpqrt(len(A), min(SWITCH, len(A)), A, self.N, overwrite_a=1)[0]
        if not A[self.diagonal].all():
            return 0.0
        value = self._lanczos(A)
        return float(svd(np.triu(A), compute_uv=False, check_finite=False)[-1]) if value is None else value

    def _lanczos(self, A: Array) -> float | None:
        """1 / √θ of the largest eigenvalue θ of (Aᴴ A)⁻¹, from the vector of the point before and some noise; None if that does not converge."""
        n = len(A)
        basis = np.empty((min(MOST, n) + 1, n), complex)
        start = self.start + self.noise  # noise: that vector may be one of another singular value, exactly
        basis[0] = start / np.linalg.norm(start)
        alpha, beta = [], []
        for m in range(1, len(basis)):
            v = blas.ztrsv(A, blas.ztrsv(A, basis[m - 1], trans=2), overwrite_x=1)
            if not np.isfinite(v).all():
                return None
            alpha.append(float(np.vdot(basis[m - 1], v).real))
            for _ in range(2):
                v -= (basis[:m].conj() @ v) @ basis[:m]
            beta.append(float(np.linalg.norm(v)))
            if m % 2 and m < n and beta[-1] > 0:
                basis[m] = v / beta[-1]
                continue
            theta, vectors = np.linalg.eigh(np.diag(alpha) + np.diag(beta[:-1], 1) + np.diag(beta[:-1], -1))
            if beta[-1] * abs(vectors[-1, -1]) <= TOLERANCE * theta[-1]:
                found = vectors[:, -1] @ basis[:m]
                self.start = found / np.linalg.norm(found)
                return float(1 / np.sqrt(theta[-1]))
            if beta[-1] > 0:
                basis[m] = v / beta[-1]
        return None
