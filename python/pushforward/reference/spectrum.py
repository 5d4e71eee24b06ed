"""Residuals of eigenpairs and pseudospectra straight from the snapshots: no factors, every row in memory."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def eigenpair_residuals(Psi: ArrayLike, Psi_next: ArrayLike, eigenvalues: ArrayLike, left: ArrayLike) -> Array:
    """Residuals ‖Ψ' w − λ Ψ w‖ / ‖Ψ w‖ of candidate eigenfunctions ψ(x)ᵀ w.

    Parameters
    ----------
    Psi, Psi_next : (n_snapshots, n_features) ndarray
        Rows are lifted states, and those a step later.
    eigenvalues : (k,) ndarray
    left : (n_features, k) ndarray
        Columns w_j.

    Returns
    -------
    (k,) ndarray
    """
    now, after = np.asarray(Psi) @ left, np.asarray(Psi_next) @ left
    return np.asarray(np.linalg.norm(after - np.asarray(eigenvalues) * now, axis=0) / np.linalg.norm(now, axis=0))


def pseudospectrum(Psi: ArrayLike, Psi_next: ArrayLike, grid: ArrayLike, rcond: float = 1e-10) -> Array:
    """Smallest ‖Ψ' w − z Ψ w‖ / ‖Ψ w‖ at each point of a grid.

    Parameters
    ----------
    Psi, Psi_next : (n_snapshots, n_features) ndarray
    grid : complex array-like
    rcond : float
        Relative to the largest singular value of Ψ; w in the directions below it are left out.

    Returns
    -------
    ndarray of the shape of ``grid``

    Notes
    -----
    Ψ = U Σ Vᵀ cut at ``rcond``, w = V Σ⁻¹ y: σ_min of Ψ' V Σ⁻¹ − z U by an SVD a point (Colbrook & Townsend 2024).
    """
    U, s, Vt = np.linalg.svd(np.asarray(Psi), full_matrices=False)
    rank = int(np.count_nonzero(s > rcond * s[0]))
    after = np.asarray(Psi_next) @ (Vt[:rank].T / s[:rank])
    points = np.asarray(grid)
    values = [np.linalg.svd(after - z * U[:, :rank], compute_uv=False)[-1] for z in points.ravel()]
    return np.array(values).reshape(points.shape)
