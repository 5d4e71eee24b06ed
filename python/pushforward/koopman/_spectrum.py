"""Eigenvalues of a Koopman matrix and what they are worth. Columns are lifted states: ψ' ≈ K ψ."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eig
from scipy.sparse.csgraph import connected_components

from ._matrices import real_square, root, square
from ._pseudospectrum import pseudospectrum
from ._stabilize import stabilize

__all__ = ["Spectrum", "continuous_eigenvalues", "decompose", "eigenpair_residuals", "pseudospectrum", "stabilize"]

Array = NDArray[Any]
EPS = float(np.finfo(np.float64).eps)


class Spectrum(NamedTuple):
    """K v_j = λ_j v_j, w_jᵀ K = λ_j w_jᵀ, w_iᵀ v_j = δ_ij.

    Attributes
    ----------
    eigenvalues : (n_features,) complex ndarray
    right, left : (n_features, n_features) complex ndarray
        Columns v_j, of unit length, and w_j.
    """

    eigenvalues: Array
    right: Array
    left: Array

    @property
    def condition(self) -> Array:
        """(n_features,) ‖w_j‖ ‖v_j‖: how much further than K itself an eigenvalue may move; 1 for a normal K."""
        return np.asarray(np.linalg.norm(self.left, axis=0) * np.linalg.norm(self.right, axis=0))


def decompose(K: ArrayLike) -> Spectrum:
    """Decompose K; eigenvalues descend in modulus.

    Parameters
    ----------
    K : (n_features, n_features) array-like

    Returns
    -------
    Spectrum
        Complex. Of a real K conjugate pairs stand together, the one above the real axis first, and their vectors are conjugate to the bit.

    Raises
    ------
    ValueError
        If K is not square and finite.

    Notes
    -----
    Left vectors come from the same Schur form as the right ones, not from an inverse of V: each is accurate whatever the condition of V. Vectors of
    eigenvalues that differ by less than √ε of the largest span their subspace in any way; there the left ones are combined anew for w_iᵀ v_j = δ_ij.
    Where no combination does that (K is defective to rounding errors, wᵀ v = 0) left vectors keep unit length. Computed in double precision,
    returned in that of K.

    Examples
    --------
    >>> spectrum = decompose([[0.0, -0.5], [0.5, 0.0]])
    >>> spectrum.eigenvalues
    array([0.+0.5j, 0.-0.5j])
    >>> np.abs(spectrum.left.T @ spectrum.right).round(12)
    array([[1., 0.],
           [0., 1.]])
    """
    A, kind = square("K", K)
    values, left, right = eig(A, left=True, right=True, check_finite=False)
    modulus, real = np.abs(values), not np.iscomplexobj(A)
    if real:
        below = np.flatnonzero(values.imag < 0)
        modulus[below] = modulus[below - 1]  # so that rounding cannot part them
    order = np.argsort(-modulus, kind="stable")
    values, left, right = values[order].astype(complex), left[:, order].conj().astype(complex), right[:, order].astype(complex)

    enough = len(A) * EPS
    near = np.abs(values[:, None] - values) <= np.sqrt(EPS) * modulus.max(initial=0.0)
    n_groups, group = connected_components(near, directed=False)
    lone = np.bincount(group, minlength=n_groups)[group] == 1
    product = (left * right).sum(axis=0)
    left[:, lone] /= np.where(np.abs(product) > enough, product, 1.0)[lone]
    for g in np.unique(group[~lone]):
        members = np.flatnonzero(group == g)
        gram = left[:, members].T @ right[:, members]
        if np.linalg.svd(gram, compute_uv=False)[-1] > enough:
            left[:, members] = np.linalg.solve(gram, left[:, members].T).T
    if real:  # combining them may have left rounding errors
        above, axis = np.flatnonzero(values.imag > 0), values.imag == 0
        left[:, above + 1] = left[:, above].conj()
        left[:, axis] = left[:, axis].real
    return Spectrum(*(part.astype(np.result_type(kind, np.complex64), copy=False) for part in (values, right, left)))


def eigenpair_residuals(R: ArrayLike, Q1: ArrayLike, S: ArrayLike, eigenvalues: ArrayLike, left: ArrayLike) -> Array:
    """How far candidate eigenfunctions ψ(x)ᵀ w are from being ones, on the snapshots of a fit.

    Parameters
    ----------
    R, Q1, S : (n_features, n_features) array-like
        Factors of the snapshots: Ψ = Q R, Q1 = Qᵀ Ψ', S = Ψ'ᵀ (I − Q Qᵀ) Ψ'.
    eigenvalues : (k,) array-like
    left : (n_features, k) array-like
        Columns w_j.

    Returns
    -------
    (k,) ndarray
        ‖Ψ' w − λ Ψ w‖ / ‖Ψ w‖, infinite where Ψ w is nothing but rounding errors.

    Notes
    -----
    ‖Ψ' w − λ Ψ w‖² = ‖(Q1 − λ R) w‖² + wᴴ S w: residual dynamic mode decomposition (Colbrook & Townsend 2024, ResDMD), which there takes the Gram
    matrices Ψᵀ Ψ, Ψᵀ Ψ' and Ψ'ᵀ Ψ', whose differences end at √ε. Here the first term is a difference of what was not squared, and the second
    has no difference in it: residuals are seen to ε. Only where features with residuals of size s cancel in Ψ' w is the end at √ε s, because S is
    a Gram matrix still.

    Examples
    --------
    >>> Psi = np.array([[1.0, 0.0], [0.5, 1.0], [0.25, -1.0]])
    >>> Psi_next = Psi * [0.5, 0.1] + [[0.0, 0.0], [0.0, 0.3], [0.0, 0.3]]
    >>> Q, R = np.linalg.qr(Psi)
    >>> rest = Psi_next - Q @ (Q.T @ Psi_next)
    >>> eigenpair_residuals(R, Q.T @ Psi_next, rest.T @ rest, [0.5], [[1.0], [0.0]]).round(15)
    array([0.])
    """
    (A, kind), (B, _), (G, _) = (real_square(name, part) for name, part in (("R", R), ("Q1", Q1), ("S", S)))
    values, W = np.asarray(eigenvalues), np.asarray(left)
    if W.shape != (len(A), *values.shape) or values.ndim != 1:
        raise ValueError(f"left must have shape ({len(A)}, {values.size}), a column for each eigenvalue, got {W.shape}")
    W = W / np.maximum(np.linalg.norm(W, axis=0), np.finfo(np.float64).tiny)
    function = A @ W
    length = np.linalg.norm(function, axis=0)
    known = length > len(A) * np.finfo(kind).eps * np.linalg.norm(np.abs(A) @ np.abs(W), axis=0)
    rest = np.hypot(np.linalg.norm(B @ W - values * function, axis=0), np.linalg.norm(root(G) @ W, axis=0))
    found = np.full(values.shape, np.inf)
    np.divide(rest, length, out=found, where=known)
    return found.astype(np.finfo(kind).dtype, copy=False)


def continuous_eigenvalues(eigenvalues: ArrayLike, dt: float) -> Array:
    """Rates log(λ) / dt in 1 / s: the real part is growth, the imaginary part angular frequency.

    Parameters
    ----------
    eigenvalues : array-like
        Per step.
    dt : float
        Seconds.

    Returns
    -------
    complex ndarray of the same shape
        The principal logarithm: frequencies beyond half a turn a step cannot be told from lower ones. −∞ where λ = 0.

    Examples
    --------
    >>> continuous_eigenvalues([1j, 0.5], dt=0.1).round(3)
    array([ 0.   +15.708j, -6.931 +0.j   ])
    """
    if not 0 < dt < np.inf:
        raise ValueError(f"dt must be a positive number of seconds, got {dt!r}")
    values = np.asarray(eigenvalues)
    values = values.astype(np.result_type(values.dtype, np.complex64), copy=False)
    with np.errstate(divide="ignore"):
        rates: Array = np.atleast_1d(np.log(values))
    rates.real /= dt
    rates.imag /= dt
    return rates.reshape(values.shape)
