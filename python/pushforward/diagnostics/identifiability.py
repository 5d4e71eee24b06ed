"""Which samples of an impulse response tell its poles: independence, conditioning, and the poles found again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from .._checks import positive_int
from ..plot._common import figure_class, plain
from ._pole_checks import Array, distinct_poles, gains_of, listed
from ._result import Diagnosis
from .poles import derivatives

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PoleIdentifiability", "pole_identifiability"]

N_CURVE = 60  # numbers of samples in the drawn curve
MOST_COLUMNS = 256  # of a Hankel matrix of few poles: beyond that many more cost and tell nothing


@dataclass(frozen=True)
class PoleIdentifiability(Diagnosis):
    """What N samples h[0] … h[N − 1] of h[n] = Σ_k b_k β_kⁿ tell about K poles.

    Attributes
    ----------
    poles, gains : (n_poles,) ndarray
    n_steps : int
        N.
    independent : bool
        Whether the sequences β_kⁿ are linearly independent: N ≥ K, as the poles are distinct (Lemma 3.1).
    identifiable : bool
        Whether N noise-free samples determine poles and gains up to their order: N ≥ 2K (Theorem 3.2).
    rank : int
        Of the (N, K) Vandermonde matrix as float64 sees it: singular values above max(N, K) ε of the largest.
    condition_number : float
        Of that matrix: by how much a relative error of samples can grow in the gains when the poles are known.
    jacobian_condition : float
        Of ∂h[n]/∂(poles, gains), (N, 2K): the same when nothing is known. Infinite where 2K is not reached, in number or within rounding.
    pole_deviation : (n_poles,) ndarray of float64
        Least standard deviation of any unbiased estimate of each pole, per standard deviation of white noise on the samples (Cramér-Rao).
    smallest_gap : float
        Least distance between two poles; infinite for one.
    recovered_poles, recovered_gains : (n_poles,) ndarray, or None
        Found from the samples alone by a matrix pencil, in the order of ``poles``; ``None`` below 2K samples, and where rounding hides that the
        samples come of K poles and not of fewer.
    recovery_error : float or None
        Largest |recovered − true pole|: what float64 can do with samples that have no noise but their rounding.
    """

    poles: Array
    gains: Array
    n_steps: int
    independent: bool
    identifiable: bool
    rank: int
    condition_number: float
    jacobian_condition: float
    pole_deviation: NDArray[np.float64]
    smallest_gap: float
    recovered_poles: Array | None
    recovered_gains: Array | None
    recovery_error: float | None

    def summary(self) -> str:
        """What the theorems say of this many samples, and what is left of that in float64 and under noise."""
        k, n = len(self.poles), self.n_steps
        sequences = f"Over {n} samples the sequences βⁿ of {k} pole{'s' if k > 1 else ''} ({listed(self.poles)}) are linearly"
        lemma = f"{sequences} independent (N ≥ K = {k})" if self.independent else f"{sequences} dependent (N < K = {k})"
        if self.independent and self.rank < k:
            lemma += f", but float64 sees a rank of {self.rank} only"
        theorem = f"that is {'enough' if self.identifiable else 'not enough'} to identify poles and gains up to order (N ≥ 2K = {2 * k})"
        text = f"{lemma}; {theorem}. The Vandermonde matrix has condition number {self.condition_number:.4g}"
        if not self.identifiable:
            return text + "."
        text += f", the derivative by poles and gains {self.jacobian_condition:.4g}: noise of standard deviation σ leaves at least one pole "
        text += f"uncertain by {self.pole_deviation.max():.3g} σ or more"
        gap = "" if k == 1 else f" (the closest two are {self.smallest_gap:.3g} apart)"
        if self.recovery_error is None:
            return f"{text}. In float64 the samples look as if they came of fewer poles{gap}: none were recovered."
        return f"{text}. A matrix pencil finds the poles again from samples without noise to {self.recovery_error:.2g}{gap}."

    def plot(self) -> Figure:
        """Poles and recovered poles in the unit circle; condition numbers against the number of samples."""
        figure = figure_class()(figsize=(9.2, 4.2), dpi=120, layout="constrained")
        left, right = figure.subplots(1, 2)
        turn = np.exp(2j * np.pi * np.linspace(0, 1, 361))
        left.plot(turn.real, turn.imag, color="0.35", linewidth=1.0)
        left.plot(self.poles.real, self.poles.imag, "o", color="C0", label="true")
        if self.recovered_poles is not None:
            left.plot(self.recovered_poles.real, self.recovered_poles.imag, "x", color="C1", markersize=9, label="recovered")
        left.set(xlabel="real part", ylabel="imaginary part", aspect="equal")
        left.legend(frameon=False, fontsize="small")
        k = len(self.poles)
        counts = np.unique(np.linspace(k, max(self.n_steps, k if np.any(np.abs(self.poles) > 1) else 3 * k), N_CURVE).astype(int))
        both = np.array([_conditions(self.poles, self.gains, n) for n in counts.tolist()])
        for values, name in zip(both.T, ("gains, poles known (Vandermonde)", "poles and gains"), strict=True):
            right.semilogy(counts, np.where(np.isfinite(values), values, np.nan), ".-", label=name)
        right.axvline(2 * k, color="0.35", linestyle="--", linewidth=1.0)
        right.axvline(self.n_steps, color="C2", linestyle=":", linewidth=1.2)
        right.text(2 * k, 0.98, " 2K", transform=right.get_xaxis_transform(), va="top", fontsize="small", color="0.35")
        right.set(xlabel="samples N", ylabel="condition number")
        right.legend(frameon=False, fontsize="small")
        for axes in (left, right):
            plain(axes)
        return figure


def pole_identifiability(poles: ArrayLike, n_steps: int, gains: ArrayLike | None = None) -> PoleIdentifiability:
    """Whether, and how well, samples of an impulse response determine its poles.

    Parameters
    ----------
    poles : (n_poles,) array-like
        Distinct; inside, on or outside the unit circle.
    n_steps : int
        Samples h[0] … h[n_steps − 1].
    gains : (n_poles,) array-like, optional
        None of them zero; ones unless given.

    Returns
    -------
    PoleIdentifiability

    Raises
    ------
    ValueError
        When poles coincide, a gain is zero, shapes do not fit, or powers of the poles overflow.

    Notes
    -----
    Distinct poles give independent sequences for N ≥ K (Lemma 3.1): the first K rows are a Vandermonde matrix of determinant Π_{j<k} (β_k − β_j).
    N ≥ 2K samples identify poles and gains up to order (Theorem 3.2; Morgan, Khan, Liu and Zheng 2026, arXiv 2602.21454): were there two systems
    with the same samples, their up to 2K distinct poles would be linearly dependent. The matrix pencil (Hua and Sarkar 1990) takes the
    Hankel matrices Y₀[i, j] = h[i + j], Y₁[i, j] = h[i + j + 1], of rank K: the poles are the eigenvalues of Y₀⁺ Y₁ on the K leading singular
    directions. Theory is about exact numbers; close poles lose about twice as many digits as their gap is small (see ``pole_deviation``).

    Examples
    --------
    >>> import pushforward as pf
    >>> found = pf.diagnostics.pole_identifiability([0.75, 0.8], n_steps=4)
    >>> found.identifiable, found.recovery_error < 1e-10
    (True, True)
    >>> pf.diagnostics.pole_identifiability([0.75, 0.8], n_steps=3).identifiable
    False
    """
    beta = distinct_poles(poles)
    b = gains_of(gains, beta)
    if np.any(b == 0):
        raise ValueError("gains must not be zero: a pole without a gain is not seen")
    positive_int("n_steps", n_steps)
    k = len(beta)
    slopes, powers = derivatives(beta, b, n_steps)
    values = np.linalg.svd(powers, compute_uv=False)
    rank = int(np.count_nonzero(values > max(powers.shape) * np.finfo(np.float64).eps * values[0]))
    vandermonde, jacobian = _conditions(beta, b, n_steps)
    identifiable = n_steps >= 2 * k
    recovered = _pencil((powers * b).sum(axis=1), k) if identifiable else None
    found = None if recovered is None else _as_given(recovered[linear_sum_assignment(np.abs(beta[:, None] - recovered[None, :]))[1]], beta)
    return PoleIdentifiability(
        beta, b, n_steps, n_steps >= k, identifiable, rank, vandermonde, jacobian, _deviation(slopes, powers), _smallest_gap(beta), found,
        None if found is None else np.linalg.lstsq(found[None, :] ** np.arange(n_steps)[:, None], (powers * b).sum(axis=1), rcond=None)[0],
        None if found is None else float(np.abs(found - beta).max()),
    )  # fmt: skip


def _conditions(beta: Array, b: Array, n_steps: int) -> tuple[float, float]:
    """Condition numbers of the Vandermonde matrix and of the derivative by poles and gains; infinite where rank is missing."""
    slopes, powers = derivatives(beta, b, n_steps)
    return _condition(powers), _condition(np.hstack([slopes, powers]))


def _condition(matrix: Array) -> float:
    values = np.linalg.svd(matrix, compute_uv=False)
    if matrix.shape[0] < matrix.shape[1] or values[-1] <= max(matrix.shape) * np.finfo(np.float64).eps * values[0]:
        return float("inf")
    return float(values[0] / values[-1])


def _deviation(slopes: Array, powers: Array) -> NDArray[np.float64]:
    """√ of the diagonal of (JᴴJ)⁻¹ that belongs to the poles, from the triangular factor of J; infinite where J has not full rank."""
    J, k = np.hstack([slopes, powers]), slopes.shape[1]
    if not math.isfinite(_condition(J)):
        return np.full(k, np.inf)
    inverse = np.linalg.inv(np.linalg.qr(J, mode="r"))
    return np.asarray(np.linalg.norm(inverse, axis=1)[:k])


def _pencil(h: Array, k: int) -> NDArray[np.complex128] | None:
    """K poles of the samples h (N,), N ≥ 2K; ``None`` when their Hankel matrix has a lower rank within rounding."""
    width = min(max(min(len(h) // 2, MOST_COLUMNS), k), len(h) - k)  # columns of the Hankel matrices: at least K of them, and K rows
    hankel = np.lib.stride_tricks.sliding_window_view(h, width + 1)
    u, s, vh = np.linalg.svd(hankel[:, :-1], full_matrices=False)
    if s[k - 1] <= max(hankel.shape) * np.finfo(np.float64).eps * s[0]:
        return None
    # Y₁ on the leading directions of Y₀: diag(s)⁻¹ uᴴ Y₁ v has the poles for eigenvalues
    reduced = (u[:, :k].conj().T @ hankel[:, 1:] @ vh[:k].conj().T) / s[:k, None]
    return np.asarray(np.linalg.eigvals(reduced), dtype=np.complex128)


def _as_given(recovered: NDArray[np.complex128], beta: Array) -> Array:
    """Real where the true poles are real and no imaginary part came up."""
    if beta.dtype.kind == "f" and not recovered.imag.any():
        return np.ascontiguousarray(recovered.real)
    return recovered


def _smallest_gap(beta: Array) -> float:
    gaps = np.abs(beta[:, None] - beta[None, :])[~np.eye(len(beta), dtype=bool)]
    return float(gaps.min()) if gaps.size else float("inf")
