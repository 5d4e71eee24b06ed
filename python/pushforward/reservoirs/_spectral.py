"""The spectral radius, from eigenvalues."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, eigs

from .._checks import within
from ._operators import BlockDiagonal, Operator

DENSE = 1200  # units up to which all eigenvalues are computed


def spectral_radius(W: Any) -> float:
    """Return the largest absolute eigenvalue.

    Parameters
    ----------
    W : (n_units, n_units) ndarray, SciPy sparse array, or operator of this module
        Real or complex.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When W is not square or not finite.

    Notes
    -----
    All eigenvalues up to 1,200 units and of whole matrices; ARPACK's largest ones, to round-off, of larger sparse matrices, and all of them again
    should it not converge. Of those only units on a cycle count, for the others have eigenvalue zero. A power iteration would be cheaper and is off
    by per cents: the largest eigenvalues of a random matrix lie close together.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> round(pf.reservoirs.spectral_radius(np.array([[0.0, 1.0], [-0.25, 0.0]])), 12)
    0.5
    """
    if isinstance(W, Operator):
        return W.spectral_radius()
    matrix = sparse.csr_array(W) if sparse.issparse(W) else np.asarray(W)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.shape[0]:
        raise ValueError(f"W must be square, (n_units, n_units), got shape {matrix.shape}")
    values: NDArray[Any] = np.asarray(matrix.data) if sparse.issparse(matrix) else np.asarray(matrix)
    if values.dtype.kind not in "iufc":
        raise TypeError(f"W must hold numbers, got {values.dtype}")
    if not np.isfinite(values).all():
        raise ValueError("W must be finite")
    if not values.size or not values.any():
        return 0.0
    exact = np.complex128 if values.dtype.kind == "c" else np.float64
    if sparse.issparse(matrix):
        wide: Any = matrix.astype(exact)
        if matrix.shape[0] > DENSE:
            wide = _on_cycles(wide)
        if wide.shape[0] == 0:
            return 0.0
        if wide.shape[0] > DENSE:
            try:
                start = np.random.default_rng(0).normal(size=wide.shape[0]).astype(exact)
                found = eigs(wide, k=8, ncv=64, which="LM", v0=start, tol=1e-13, maxiter=2000, return_eigenvectors=False)
                return float(np.abs(found).max())
            except (ArpackError, ArpackNoConvergence):
                pass
        return float(np.abs(np.linalg.eigvals(wide.toarray())).max())
    return float(np.abs(np.linalg.eigvals(np.asarray(matrix, dtype=exact))).max())


def _on_cycles(matrix: Any) -> Any:
    """The units that hear themselves, directly or through others: all eigenvalues but zeros, which rounding would move by ε^{1/n}."""
    matrix.eliminate_zeros()  # a stored zero is no connection
    pattern = sparse.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)
    _, component = connected_components(pattern, connection="strong")
    kept = np.flatnonzero((np.bincount(component)[component] > 1) | (matrix.diagonal() != 0))
    if len(kept) == matrix.shape[0]:
        return matrix
    within = matrix[kept][:, kept].tocoo()
    same = component[kept][within.coords[0]] == component[kept][within.coords[1]]
    return sparse.csr_array((within.data[same], (within.coords[0][same], within.coords[1][same])), shape=within.shape)


def checked_radius(radius: float) -> float:
    """Return a spectral radius; refuse what is none."""
    if not within(radius, 0):
        raise ValueError(f"spectral_radius must be a finite number of at least 0, got {radius!r}")
    return float(radius)


def scaled_to(W: Any, radius: float) -> Any:
    """Return W times the number that makes its spectral radius ``radius``.

    Parameters
    ----------
    W : (n_units, n_units) ndarray, SciPy sparse array, or operator of this module
    radius : float, at least 0

    Returns
    -------
    W : of the same kind and dtype

    Raises
    ------
    ValueError
        When all eigenvalues of W are zero: no number scales them.

    Examples
    --------
    >>> import pushforward as pf
    >>> pf.reservoirs.scaled_to(pf.reservoirs.Ring(5, 0.5), 0.9)
    Ring(5, 0.9)
    """
    radius = checked_radius(radius)
    now = spectral_radius(W)
    weights = W.blocks if isinstance(W, BlockDiagonal) else 0.0 if isinstance(W, Operator) else W
    if not now or now <= 1e-12 * np.abs(weights).max():
        raise ValueError("spectral_radius of W is zero (all its eigenvalues are): no factor gives it another; a delay line needs feedback for one")
    if isinstance(W, Operator):
        return W.scaled(radius / now)
    factor = W.dtype.type(radius / now) if W.dtype.kind in "fc" else radius / now
    return W * factor


