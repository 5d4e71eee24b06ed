"""How hard it is to find poles by their gradient: the Hessian of the impulse response's squared error."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import one_of, positive_int

Array = NDArray[Any]  # real or complex


@dataclass(frozen=True)
class PoleHessian:
    """A Hessian at the true parameters.

    Attributes
    ----------
    matrix : (n, n) ndarray
        Symmetric, or Hermitian for complex poles. n = n_poles, or twice as many with poles and gains.
    eigenvalues : (n,) ndarray of float64
        Ascending.
    condition_number : float
        Largest eigenvalue over smallest: gradient descent needs a number of steps in proportion.
    """

    matrix: Array
    eigenvalues: NDArray[np.float64]
    condition_number: float

    def __str__(self) -> str:
        return f"eigenvalues {self.eigenvalues[0]:.6g} … {self.eigenvalues[-1]:.6g}, condition number {self.condition_number:.8g}"


def pole_hessian(
    poles: ArrayLike, gains: ArrayLike | None = None, n_steps: int | None = None, variables: str | None = None
) -> PoleHessian:
    """Hessian of the squared error of an impulse response, at the truth.

    Parameters
    ----------
    poles : (n_poles,) array-like
        Distinct, inside the unit circle unless ``n_steps`` is given.
    gains : (n_poles,) array-like, optional
        Ones unless given.
    n_steps : int, optional
        Samples h[0] … h[n_steps − 1]; infinitely many unless given.
    variables : {"poles", "gains", "both"}, optional
        What is free. Unless given: the poles, and the gains too if these are given.

    Returns
    -------
    PoleHessian

    Raises
    ------
    ValueError
        When poles lie on or outside the unit circle with infinitely many samples, coincide, or shapes do not fit.

    Notes
    -----
    With h[n] = Σ_k b_k β_kⁿ and f = Σ_n |h[n] − ĥ[n]|², at the truth the residual vanishes and the Hessian is twice the Gram matrix of the
    derivatives ∂h[n]/∂β_k = b_k n β_k^{n−1} and ∂h[n]/∂b_k = β_kⁿ,

        Σ_n n² (a b)^{n−1} = (1 + ab) / (1 − ab)³,   Σ_n n a^{n−1} bⁿ = b / (1 − ab)²,   Σ_n (ab)ⁿ = 1 / (1 − ab),

    a conjugated when complex; then the matrix is 2 · ∂²f/∂z̄∂z, Hermitian (Morgan, Khan, Liu and Zheng 2026, arXiv 2602.21454, for two poles with
    gains one).

    Examples
    --------
    >>> import pushforward as pf
    >>> H = pf.diagnostics.pole_hessian([0.75, 0.8])
    >>> print(H)
    eigenvalues 1.16013 … 106.459, condition number 91.765098
    """
    beta = _numbers("poles", poles)
    b = np.ones_like(beta) if gains is None else _numbers("gains", gains)
    if b.shape != beta.shape:
        raise ValueError(f"gains must have the shape of poles, {beta.shape}, got {b.shape}")
    if len(np.unique(beta)) < len(beta):
        raise ValueError(f"poles must be distinct: equal ones cannot be told apart, got {beta}")
    if n_steps is None and np.any(np.abs(beta) >= 1):
        largest = np.abs(beta).max()
        raise ValueError(f"poles must lie inside the unit circle for infinitely many samples (or give n_steps), got |pole| = {largest:.6g}")
    chosen = variables or ("poles" if gains is None else "both")
    one_of("variables", chosen, ("poles", "gains", "both"))
    if chosen != "gains" and np.any(b == 0):
        raise ValueError("gains must not be zero where poles are free: a pole without a gain is not seen")
    if n_steps is None:
        pp, pg, gg = _infinite(beta, b)
    else:
        positive_int("n_steps", n_steps, "a positive int or None")
        n = np.arange(n_steps)[:, None]
        powers = beta[None, :] ** n
        slopes = b * n * beta[None, :] ** np.maximum(n - 1, 0)
        pp, pg, gg = slopes.conj().T @ slopes, slopes.conj().T @ powers, powers.conj().T @ powers
    matrix = 2 * {"poles": pp, "gains": gg, "both": np.block([[pp, pg], [pg.conj().T, gg]])}[chosen]
    eigenvalues = np.linalg.eigvalsh(matrix)
    smallest = eigenvalues[0]
    return PoleHessian(matrix, eigenvalues, float(eigenvalues[-1] / smallest) if smallest > 0 else float("inf"))


def _infinite(beta: Array, b: Array) -> tuple[Array, Array, Array]:
    """Gram matrices of the derivatives by poles and by gains, over infinitely many samples."""
    z = np.outer(beta.conj(), beta)
    pp = np.outer(b.conj(), b) * (1 + z) / (1 - z) ** 3
    pg = b.conj()[:, None] * beta[None, :] / (1 - z) ** 2
    return pp, pg, 1 / (1 - z)


def _numbers(name: str, values: ArrayLike) -> Array:
    array = np.asarray(values)
    if array.dtype.kind not in "iufc" or array.ndim != 1 or not array.size:
        raise ValueError(f"{name} must be numbers of shape (n_poles,), got {array.dtype} of shape {array.shape}")
    found: Array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite, got {found}")
    return found
