"""What training does to the poles of a recurrent network: their sizes, the conditioning of W_rec, and where the gradient stands still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import positive_int
from .._classes import array_of
from ..plot._common import figure_class, plain
from ._plateaus import Plateau, plateaus_of
from ._result import Diagnosis
from ._trend import Trend, trend_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PoleDrift", "Trend", "pole_drift"]


@dataclass(frozen=True)
class PoleDrift(Diagnosis):
    """Poles over training.

    Attributes
    ----------
    poles : (n_snapshots, n_units) ndarray of complex128
        Eigenvalues of every snapshot of W_rec, or the poles given.
    density : (n_snapshots, n_bins) ndarray of float64
        Spectral density of |λ|: share of the poles in a bin over the bin's width; each row integrates to 1.
    edges : (n_bins + 1,) ndarray of float64
        Of the bins of |λ|, from 0.
    radius : (n_snapshots,) ndarray of float64
        Largest |λ|.
    outside : (n_snapshots,) ndarray of float64
        Share of the poles with |λ| > 1.
    condition : (n_snapshots,) ndarray of float64
        κ(W_rec), largest singular value over smallest; of poles the largest |λ| over the smallest. Infinite for a singular matrix.
    gradient_norms, smoothed_norms : (n_norms,) ndarray of float64, or None
        As given; and their geometric mean over a sliding window.
    plateaus : tuple of Plateau
        Where the smoothed norm stands still, longest first.
    radius_trend, condition_trend : Trend
    crossing : int or None
        The snapshot from which on |λ|max stays above 1 to the end, when some snapshot before had it at 1 or below. ``None`` else.
    """

    poles: NDArray[np.complex128]
    density: NDArray[np.float64]
    edges: NDArray[np.float64]
    radius: NDArray[np.float64]
    outside: NDArray[np.float64]
    condition: NDArray[np.float64]
    gradient_norms: NDArray[np.float64] | None
    smoothed_norms: NDArray[np.float64] | None
    plateaus: tuple[Plateau, ...]
    radius_trend: Trend
    condition_trend: Trend
    crossing: int | None

    @property
    def drifts_out(self) -> bool:
        """Whether |λ|max started at 1 or below and was above 1 at the end of training."""
        return bool(self.radius[0] <= 1 < self.radius[-1])

    @property
    def plateau_share(self) -> float:
        """Share of the gradient norms that lie in plateaus; 0 without norms."""
        return 0.0 if self.gradient_norms is None else sum(p.stop - p.start for p in self.plateaus) / len(self.gradient_norms)

    def summary(self) -> str:
        """The three signs: |λ| past 1, growing κ, plateaus; each with its numbers."""
        n, radius, kappa = len(self.radius), self.radius_trend, self.condition_trend
        where = {True: "drifts out of the unit circle", False: "ends outside the unit circle, where it began" if self.radius[-1] > 1 else
                 "ends inside the unit circle"}[self.drifts_out]  # fmt: skip
        text = (
            f"Over {n} snapshots of {self.poles.shape[1]} poles the largest |λ| goes from {self.radius[0]:.4g} to {self.radius[-1]:.4g} "
            f"(trend: {radius.direction}) and {where}"
        )
        top = int(self.radius.argmax())
        if self.radius[top] > 1.02 * max(self.radius[0], self.radius[-1]):
            text += f", having been as large as {self.radius[top]:.4g} in snapshot {top}"
        text += f", for good from snapshot {self.crossing} on" if self.crossing is not None else ""
        text += f"; {100 * self.outside[-1]:.3g} % of the poles are outside at last, {100 * self.outside[0]:.3g} % at first. "
        text += f"κ(W_rec) goes from {self.condition[0]:.4g} to {self.condition[-1]:.4g} (trend: {kappa.direction}, "
        text += f"medians of the first and last quarter {kappa.first:.4g} and {kappa.last:.4g}). "
        if self.gradient_norms is None or self.smoothed_norms is None:
            return text + "No gradient norms were given: nothing is said of plateaus."
        norms = self.smoothed_norms
        text += f"The gradient norm goes from {norms[0]:.3g} to {norms[-1]:.3g}"
        if not self.plateaus:
            return text + " and has no plateau."
        longest = self.plateaus[0]
        more = f", and {len(self.plateaus) - 1} more" if len(self.plateaus) > 1 else ""
        return text + (
            f" and stands still over {100 * self.plateau_share:.3g} % of the way: longest at {longest.level:.3g} from {longest.start} to "
            f"{longest.stop} of {len(norms)}{more}."
        )

    def plot(self) -> Figure:
        """Spectral density of |λ|, κ(W_rec) and |λ|max, and, if given, the gradient norm with its plateaus."""
        n = 2 if self.gradient_norms is None else 3
        figure = figure_class()(figsize=(4.6 * n, 4.0), dpi=120, layout="constrained")
        first, second, *rest = figure.subplots(1, n)
        steps = np.arange(len(self.radius) + 1) - 0.5
        shades = first.pcolormesh(steps, self.edges, self.density.T, cmap="magma", vmax=np.quantile(self.density[self.density > 0], 0.98))
        figure.colorbar(shades, ax=first, label="density of |λ|", extend="max")
        first.axhline(1.0, color="white", linestyle="--", linewidth=1.0)
        first.set(xlabel="snapshot", ylabel="|λ|")
        plain(second)
        finite = np.where(np.isfinite(self.condition), self.condition, np.nan)
        second.semilogy(finite, color="C0")
        second.set_xlabel("snapshot")
        second.set_ylabel("κ(W_rec)", color="C0")
        other = second.twinx()
        other.plot(self.radius, color="C1")
        other.axhline(1.0, color="C1", linestyle="--", linewidth=0.8)
        other.set_ylabel("largest |λ|", color="C1")
        other.spines[["top"]].set_visible(False)
        if rest and self.gradient_norms is not None and self.smoothed_norms is not None:
            (third,) = rest
            plain(third)
            third.semilogy(np.maximum(self.gradient_norms, np.finfo(np.float64).tiny), color="0.7", linewidth=0.8)
            third.semilogy(self.smoothed_norms, color="C0")
            for p in self.plateaus:
                third.axvspan(p.start - 0.5, p.stop - 0.5, color="C3", alpha=0.15, linewidth=0)
            third.set(xlabel="gradient", ylabel="gradient norm (shaded: plateaus)")
        return figure


def pole_drift(
    history: ArrayLike | Sequence[ArrayLike], gradient_norms: ArrayLike | None = None, *, n_bins: int = 40, smoothing: int | None = None,
    plateau_change: float = 0.1, plateau_share: float = 0.2,
) -> PoleDrift:  # fmt: skip
    """Follow the poles of a recurrent network through its training.

    Parameters
    ----------
    history : (n_snapshots, n_units, n_units) array-like of W_rec, or (n_snapshots, n_units) array-like of poles
        At least two snapshots, in the order of training. Of a recurrent estimator W_rec is ``model.cell_.unpack(model.theta_)["W_rec"]``, of one
        with fixed or learnt poles ``model.poles_``. Where weights are bounded the dynamics see the bounded ones: give those. One square matrix alone
        is read as the poles of n_units snapshots.
    gradient_norms : (n_norms,) array-like, optional
        Over the same training, as often as they were taken.
    n_bins : int
        Of the spectral density.
    smoothing : int, optional
        Norms in the sliding window of a geometric mean, odd; a twentieth of them unless given. At the ends the window is as wide as there is room
        on both sides.
    plateau_change : float
        A plateau is a stretch in which the logarithm of the smoothed norm, highest less lowest, changes by less than this.
    plateau_share : float
        A plateau holds at least this share of the norms, and at least three of them.

    Returns
    -------
    PoleDrift

    Raises
    ------
    ValueError
        When shapes do not fit or a number is not finite, with the snapshot.

    Notes
    -----
    Morgan, Khan, Liu and Zheng (2026, arXiv 2602.21454), Figures 2 and 3, report of networks whose poles are trained: plateaus of the gradient
    norm, a growing κ(W_rec), |λ| drifting past 1. What counts as a plateau or a trend is not defined there; the definitions here are ours.
    Plateaus are the longest stretch, then the longest of what is left on either side of it, and so on. A gradient that has converged to a level of
    noise stands still too: look at the loss before calling that a failure.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.random.default_rng(0).normal(size=(400, 1)).astype("float32")
    >>> model, history = pf.RecurrentRegressor(n_units=6), []
    >>> for _ in range(8):
    ...     _ = model.partial_fit(X, X[:, 0])
    ...     history.append(model.cell_.unpack(model.theta_)["W_rec"])
    >>> drift = pf.diagnostics.pole_drift(history)
    >>> drift.poles.shape, drift.crossing
    ((8, 6), None)
    """
    poles, condition = _poles(history)
    positive_int("n_bins", n_bins)
    sizes = np.abs(poles)
    radius = sizes.max(axis=1)
    edges = np.linspace(0.0, 1.02 * max(1.0, float(radius.max())), n_bins + 1)
    density = np.array([np.histogram(row, edges, density=True)[0] for row in sizes])
    norms, smoothed, plateaus = plateaus_of(gradient_norms, smoothing, plateau_change, plateau_share)
    inside = np.flatnonzero(radius <= 1)
    crossing = int(inside[-1]) + 1 if len(inside) and inside[-1] + 1 < len(radius) else None
    return PoleDrift(
        poles,
        density,
        edges,
        radius,
        np.mean(sizes > 1, axis=1),
        condition,
        norms,
        smoothed,
        plateaus,
        trend_of(radius),
        trend_of(condition),
        crossing,
    )


def _poles(history: Any) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Poles and condition number of every snapshot."""
    if not isinstance(history, Iterable) or isinstance(history, (str, bytes, Mapping)) or (isinstance(history, np.ndarray) and not history.ndim):
        raise TypeError(f"history must be a sequence of snapshots of W_rec or of poles, got {type(history).__name__}")
    snapshots = [array_of("history", snapshot) for snapshot in history]
    if len(snapshots) < 2:
        raise ValueError(f"history must hold at least two snapshots, got {len(snapshots)}")
    shape = snapshots[0].shape
    if len(shape) not in (1, 2) or not shape[0] or (len(shape) == 2 and shape[0] != shape[1]):
        raise ValueError(f"history must hold square matrices (n_units, n_units) or poles (n_units,), got shape {shape}")
    for k, snapshot in enumerate(snapshots):
        if snapshot.shape != shape or snapshot.dtype.kind not in "iufc":
            raise ValueError(f"history must hold numbers of one shape {shape}, got {snapshot.dtype} of shape {snapshot.shape} in snapshot {k}")
        if not np.isfinite(snapshot).all():
            raise ValueError(f"history must be finite, got {snapshot[~np.isfinite(snapshot)][0]} in snapshot {k}")
    stack = np.array(snapshots).astype(np.complex128 if any(s.dtype.kind == "c" for s in snapshots) else np.float64)
    sizes = np.linalg.svd(stack, compute_uv=False) if stack.ndim == 3 else -np.sort(-np.abs(stack), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        condition = np.where(sizes[:, -1] > 0, sizes[:, 0] / sizes[:, -1], np.inf)
    poles = np.linalg.eigvals(stack) if stack.ndim == 3 else stack
    return np.asarray(poles, dtype=np.complex128), condition
