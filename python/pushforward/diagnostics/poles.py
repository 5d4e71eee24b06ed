"""How hard it is to find poles by their gradient: the Hessian of the impulse response's squared error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import one_of, positive_int
from ..plot._common import figure_class, plain
from ._pole_checks import Array, distinct_poles, gains_of, listed
from ._result import Diagnosis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PoleHessian", "pole_hessian"]

MOST_SAMPLES = 20_000  # written out to stand for infinitely many
EPS = float(np.finfo(np.float64).eps)
N_CONTOUR = 161  # points a side of the drawn surface


@dataclass(frozen=True)
class PoleHessian(Diagnosis):
    """A Hessian at the true parameters.

    Attributes
    ----------
    matrix : (n, n) ndarray
        Symmetric, or Hermitian for complex poles. n = n_poles, or twice as many with poles and gains (poles first).
    eigenvalues : (n,) ndarray of float64
        Ascending.
    condition_number : float
        Largest eigenvalue over smallest; infinite where the smallest is lost in rounding.
    poles, gains : (n_poles,) ndarray
    n_steps : int or None
        Samples; ``None`` for infinitely many.
    variables : {"poles", "gains", "both"}
        What is free.
    """

    matrix: Array
    eigenvalues: NDArray[np.float64]
    condition_number: float
    poles: Array
    gains: Array
    n_steps: int | None
    variables: str

    @property
    def steps_per_digit(self) -> float:
        """Steps of gradient descent, at its best constant rate, for a tenth of the error: ln 10 / ln((κ + 1) / (κ − 1))."""
        kappa = self.condition_number
        if not math.isfinite(kappa):
            return float("inf")
        return math.log(10) / (2 * math.atanh(1 / kappa)) if kappa > 1 else 0.0

    def __str__(self) -> str:
        return f"eigenvalues {self.eigenvalues[0]:.6g} … {self.eigenvalues[-1]:.6g}, condition number {self.condition_number:.8g}"

    def summary(self) -> str:
        """Poles, what is free, the eigenvalues, and what they mean for gradient descent."""
        samples = "infinitely many samples" if self.n_steps is None else f"{self.n_steps} samples"
        free = {"poles": "the poles are free", "gains": "the gains are free and the poles fixed", "both": "poles and gains are free"}
        cost = f"about {self.steps_per_digit:.3g} steps at the best constant rate to make the error ten times smaller"
        if not math.isfinite(self.condition_number):
            cost = "no hope: the flattest direction is flat to within rounding"
        return (
            f"Squared error of the impulse response of poles {listed(self.poles)} with gains {listed(self.gains)} over {samples}, where "
            f"{free[self.variables]}: at the truth the Hessian has {self}. Close to the truth that is, for gradient descent, {cost}."
        )

    def plot(self) -> Figure:
        """Eigenvalues; and the squared error around the truth when two real poles alone are free, else the flattest direction."""
        figure = figure_class()(figsize=(9.2, 4.2), dpi=120, layout="constrained")
        left, right = figure.subplots(1, 2)
        plain(left)
        left.plot(np.arange(1, len(self.eigenvalues) + 1), np.abs(self.eigenvalues), "o", color="C0")
        if self.eigenvalues.any():
            left.set_yscale("log")
        left.set_xticks(np.arange(1, len(self.eigenvalues) + 1))
        left.set(xlabel="eigenvalue, ascending", ylabel="size")
        left.set_title(f"condition number {self.condition_number:.6g}", loc="left", fontsize="medium")
        if self.variables == "poles" and len(self.poles) == 2 and self.matrix.dtype.kind == "f":
            self._draw_surface(right)
        else:
            self._draw_flattest(right)
        return figure

    def _draw_surface(self, axes: Axes) -> None:
        """Contours of f(x, y), half a decade apart: valleys around (c, d) and, with equal gains, (d, c)."""
        c, d = self.poles.real.tolist()
        half = 1.5 * abs(c - d) + 0.02
        low, high = min(c, d) - half, max(c, d) + half
        if self.n_steps is None:
            low, high = max(low, -0.995), min(high, 0.995)
        at = np.linspace(low, high, N_CONTOUR)
        x, y = np.meshgrid(at, at)
        depth = np.log10(np.maximum(_squared_error(self.poles, self.gains, x, y, self.n_steps), 1e-12))
        top = max(np.ceil(depth.max()), np.floor(depth.min()) + 0.5)  # with one sample all poles fit
        drawn = axes.contourf(x, y, depth, levels=np.arange(np.floor(max(depth.min(), depth.max() - 7)), top + 0.5, 0.5),
                              cmap="viridis", extend="min")  # fmt: skip
        axes.figure.colorbar(drawn, ax=axes, label="log₁₀ f(x, y)")
        axes.plot(c, d, "o", color="C2", markeredgecolor="white")
        if self.gains[0] == self.gains[1]:
            axes.plot(d, c, "o", color="C4", markeredgecolor="white")
        axes.set(xlabel="x", ylabel="y", aspect="equal")
        axes.set_title("squared error of poles x, y", loc="left", fontsize="medium")

    def _draw_flattest(self, axes: Axes) -> None:
        plain(axes)
        direction = np.abs(np.linalg.eigh(self.matrix)[1][:, 0])
        n = len(self.poles)
        marks = {"poles": ["β"], "gains": ["b"], "both": ["β", "b"]}[self.variables]
        axes.bar(np.arange(len(direction)), direction, color="C0")
        axes.set_xticks(np.arange(len(direction)), [f"{mark}{k + 1}" for mark in marks for k in range(n)], fontsize="small" if n < 16 else "xx-small")
        axes.set(ylabel="share (size of the entry)")
        axes.set_title("flattest direction", loc="left", fontsize="medium")


def pole_hessian(poles: ArrayLike, gains: ArrayLike | None = None, n_steps: int | None = None, variables: str | None = None) -> PoleHessian:
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
    gains one). Eigenvalues are twice the squared singular values of the derivatives, written out until what is left of them is below rounding: a
    condition number κ is right to about √κ ε of itself (to κ ε for poles so close to the circle that this takes more than 20,000 samples).

    Examples
    --------
    >>> import pushforward as pf
    >>> H = pf.diagnostics.pole_hessian([0.75, 0.8])
    >>> print(H)
    eigenvalues 1.16013 … 106.459, condition number 91.765098
    """
    beta = distinct_poles(poles)
    b = gains_of(gains, beta)
    if n_steps is None and np.any(np.abs(beta) >= 1):
        largest = np.abs(beta).max()
        raise ValueError(f"poles must lie inside the unit circle for infinitely many samples (or give n_steps), got |pole| = {largest:.6g}")
    chosen = variables or ("poles" if gains is None else "both")
    one_of("variables", chosen, ("poles", "gains", "both"))
    if chosen != "gains" and np.any(b == 0):
        raise ValueError("gains must not be zero where poles are free: a pole without a gain is not seen")
    if n_steps is not None:
        positive_int("n_steps", n_steps, "a positive int or None")
    written = n_steps or min(_fading(beta), MOST_SAMPLES)
    slopes, powers = derivatives(beta, b, written)
    if n_steps is None:
        pp, pg, gg = _infinite(beta, b)
    else:
        pp, pg, gg = slopes.conj().T @ slopes, slopes.conj().T @ powers, powers.conj().T @ powers
    matrix = 2 * {"poles": pp, "gains": gg, "both": np.block([[pp, pg], [pg.conj().T, gg]])}[chosen]
    if n_steps is None and written == MOST_SAMPLES:
        eigenvalues, rounding = np.linalg.eigvalsh(matrix), len(matrix) * EPS
    else:
        J = {"poles": slopes, "gains": powers, "both": np.hstack([slopes, powers])}[chosen]
        values = np.zeros(len(matrix))  # fewer samples than columns: the rest is exactly flat
        values[: min(J.shape)] = np.linalg.svd(J, compute_uv=False)
        eigenvalues, rounding = 2 * values[::-1] ** 2, (max(J.shape) * EPS) ** 2
    smallest, largest = float(eigenvalues[0]), float(eigenvalues[-1])
    return PoleHessian(matrix, eigenvalues, float("inf") if smallest <= rounding * largest else largest / smallest, beta, b, n_steps, chosen)


def _fading(beta: Array) -> int:
    """Samples until the powers of the slowest pole inside the circle are below e⁻⁴⁵: nothing to the rounding of what came before."""
    slowest = float(np.abs(beta).max())
    return 2 if slowest == 0 else int(min(2 - 45 / math.log(slowest), 1e9))


def derivatives(beta: Array, b: Array, n_steps: int) -> tuple[Array, Array]:
    """∂h[n]/∂β_k = b_k n β_k^{n−1} and ∂h[n]/∂b_k = β_kⁿ, (n_steps, n_poles) each; refuse powers that overflow."""
    n = np.arange(n_steps)[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        powers, slopes = beta[None, :] ** n, b * n * beta[None, :] ** np.maximum(n - 1, 0)
        squares = np.abs(slopes) ** 2 + np.abs(powers) ** 2
    if not np.isfinite(squares).all():
        largest = np.abs(beta).max()
        raise ValueError(f"n_steps must be so small that powers of the poles stay finite numbers, got {n_steps} with |pole| = {largest:.6g}")
    return slopes, powers


def _infinite(beta: Array, b: Array) -> tuple[Array, Array, Array]:
    """Gram matrices of the derivatives by poles and by gains, over infinitely many samples."""
    z = np.outer(beta.conj(), beta)
    pp = np.outer(b.conj(), b) * (1 + z) / (1 - z) ** 3
    pg = b.conj()[:, None] * beta[None, :] / (1 - z) ** 2
    return pp, pg, 1 / (1 - z)


def _squared_error(poles: Array, gains: Array, x: Array, y: Array, n_steps: int | None) -> Array:
    """Σ_n (h[n] − g₁ xⁿ − g₂ yⁿ)² in closed form, of real poles: Σ_ab w_a w_b Σ_n (z_a z_b)ⁿ with the geometric sums of n_steps terms."""
    z, w = [poles[0], poles[1], x, y], [gains[0], gains[1], -gains[0], -gains[1]]
    total = np.zeros_like(x)
    for za, wa in zip(z, w, strict=True):
        for zb, wb in zip(z, w, strict=True):
            q = za * zb
            if n_steps is None:
                total += wa * wb / (1 - q)
            else:
                near = np.abs(1 - q) < 1e-9
                total += wa * wb * np.where(near, n_steps, (1 - q**n_steps) / np.where(near, 1.0, 1 - q))
    return total
