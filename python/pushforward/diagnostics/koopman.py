"""What the eigenvalues of a fitted Koopman operator say: growth, decay, rhythm, and which of them are worth a look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._checks import positive_number
from ..koopman import OnlineEDMD
from ..koopman._operators import Operators
from ._result import Diagnosis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["KoopmanSpectrum", "koopman_spectrum"]

ROUNDING = {8: 1e-5, 16: 1e-9}  # of the modulus, by the bytes of an eigenvalue: what lies nearer to the circle is on it
ENOUGH = 3  # snapshots a feature, below which a fit follows its own data
SURE = 0.1  # residual above which an eigenvalue is called spurious


@dataclass(frozen=True)
class KoopmanSpectrum(Diagnosis):
    """Eigenvalues of a Koopman operator, per step, descending in modulus.

    Attributes
    ----------
    eigenvalues : (n_features,) complex ndarray
    modulus : (n_features,) ndarray of float64
    residuals : (n_features,) ndarray of float64, or None
        ‖φ(h[t+1]) − λ φ(h[t])‖ / ‖φ(h[t])‖ over the snapshots of the fit; None where the model keeps no factors of them.
    n_outside : int
        Eigenvalues outside the unit circle, by more than rounding errors.
    n_growing : int or None
        Those of them whose distance from the circle is larger than their residual: growth that the data show. None without residuals.
    n_reliable : int or None
        Eigenvalues with a residual of at most 0.1. None without residuals.
    e_folding : (n_features,) ndarray of float64
        Time in which a mode grows or decays by a factor e, in ``unit``; infinite on the circle.
    period : (n_features,) ndarray of float64
        Time of a turn, in ``unit``; infinite for positive real eigenvalues.
    unit : {"steps", "s"}
    stable : bool
        No eigenvalue lies outside the circle.
    n_snapshots : int or None
        That residuals come from; None without residuals.
    """

    eigenvalues: NDArray[np.complexfloating[Any, Any]]
    modulus: NDArray[np.float64]
    residuals: NDArray[np.float64] | None
    n_outside: int
    n_growing: int | None
    n_reliable: int | None
    e_folding: NDArray[np.float64]
    period: NDArray[np.float64]
    unit: str
    stable: bool
    n_snapshots: int | None

    def summary(self) -> str:
        """Say in one paragraph what was found, with the numbers."""
        n, largest = len(self.modulus), self.modulus[0]
        if self.stable:
            said = f"None of the {n} eigenvalues lies outside the unit circle (largest modulus {largest:.6g}): no mode grows exponentially"
        else:
            said = f"{self.n_outside} of {n} eigenvalues lie outside the unit circle (largest modulus {largest:.6g}, e-fold in {self._time(0)})"
            said += ": iterating the operator grows without bound"
            if self.n_growing is not None:
                by = f"{self.n_growing} of them by" if self.n_growing else "none of them by"
                said += f", {by} more than the residual, which is growth that the data show"
                said += "" if self.n_growing else ' (the others may be moved: stabilize="project")'
        decaying = np.flatnonzero((self.modulus < 1 - _rounding(self.eigenvalues)) & (self.modulus > 0) & self._reliable())
        if len(decaying):
            said += f". The slowest decay takes {self._time(decaying[0])} to e-fold"
        turning = np.flatnonzero(np.isfinite(self.period) & self._reliable() & (self.modulus > 0.5))
        if len(turning):
            slow = turning[np.argmax(self.period[turning])]
            said += f"; periods (modulus above 0.5) reach from {self._of(self.period[turning].min())} to {self._of(self.period[slow])}"
        if self.residuals is None:
            return said + ". Residuals are not known for this model: nothing says which eigenvalues are spurious."
        said += f". {self.n_reliable} eigenvalues have a residual of at most {SURE:g}; the others describe the dictionary more than the data."
        if self.n_snapshots is not None and self.n_snapshots < ENOUGH * n:
            said += f" Only {self.n_snapshots} snapshots for {n} features: residuals are smaller than they would be on new data."
        return said

    def plot(self) -> Figure:
        """Draw the eigenvalues with the unit circle, coloured by residual where there is one."""
        from ..plot import spectrum

        return spectrum(self.eigenvalues, residuals=self.residuals, title="stable" if self.stable else f"{self.n_outside} growing modes")

    def _reliable(self) -> NDArray[np.bool_]:
        return np.ones(len(self.modulus), bool) if self.residuals is None else self.residuals <= SURE

    def _time(self, j: int) -> str:
        return self._of(self.e_folding[j])

    def _of(self, time: float) -> str:
        return f"{time:.4g} {self.unit}"


def koopman_spectrum(model: Any, dt: float | None = None) -> KoopmanSpectrum:
    """Read growth, decay and periods off the operator of a fitted Koopman model.

    Parameters
    ----------
    model : fitted SampledRNN, KoopmanRegressor or OnlineEDMD
        With ``target="observables"``: a model of the next state alone has no operator.
    dt : float, optional
        Time of a step [s]; times are in steps without it.

    Returns
    -------
    KoopmanSpectrum

    Raises
    ------
    TypeError, ValueError
        What does not fit is named.

    Notes
    -----
    A mode goes as λ^t: it e-folds in 1 / |log |λ|| steps and turns in 2π / |arg λ|. λ with residual r is exact for some operator at a distance of r
    from the data's (residual dynamic mode decomposition; Colbrook and Townsend 2024): a modulus above 1 + r is growth in the data and not a fault
    of the dictionary, one within is not to be told from 1. Residuals are those of the snapshots of the fit: with few of them, they are too
    small. Where the model is stabilised, eigenvalues are those after it.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> turn = 2 * np.pi * np.arange(200) / 20
    >>> X = 0.99 ** np.arange(200)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)  # a damped rotation
    >>> model = pf.KoopmanRegressor(pf.koopman.Identity(), include_constant=False).fit(X)
    >>> found = pf.diagnostics.koopman_spectrum(model, dt=0.1)
    >>> found.stable, found.period.round(6), found.e_folding.round(3)
    (True, array([2., 2.]), array([9.95, 9.95]))
    """
    if not isinstance(model, (Operators, OnlineEDMD)):
        raise TypeError(f"model must be a fitted SampledRNN, KoopmanRegressor or OnlineEDMD, got {type(model).__name__}")
    if dt is not None:
        positive_number("dt", dt)
    if model.koopman_matrix_ is None:
        raise ValueError('model must have been fitted with target="observables": one of the next state alone has no operator')
    values = np.asarray(model.eigenvalues_)
    if not np.isfinite(values).all():
        raise ValueError("model must have finite eigenvalues")
    residuals = _residuals(model)
    modulus, angle, step = np.abs(values).astype(np.float64), np.abs(np.angle(values)).astype(np.float64), 1.0 if dt is None else float(dt)
    near = _rounding(values)
    outside = modulus > 1 + near
    with np.errstate(divide="ignore"):
        rate = np.where(np.abs(modulus - 1) > near, np.abs(np.log(modulus)), 0.0)
        e_folding, period = step / rate, 2 * np.pi * step / np.where(modulus > 0, angle, 0.0)
    n_growing = n_reliable = None
    if residuals is not None:
        n_growing, n_reliable = int(np.sum(outside & (modulus - 1 > residuals))), int(np.sum(residuals <= SURE))
    unit = "steps" if dt is None else "s"
    n_snapshots = None if residuals is None else int(model.n_snapshots_)
    counts = int(outside.sum()), n_growing, n_reliable
    return KoopmanSpectrum(values, modulus, residuals, *counts, e_folding, period, unit, not outside.any(), n_snapshots)


def _residuals(model: Any) -> NDArray[np.float64] | None:
    try:
        return np.asarray(model.eigenpair_residuals_, dtype=np.float64)
    except AttributeError:  # of a model that learns online, or that was solved by normal equations
        return None


def _rounding(eigenvalues: NDArray[Any]) -> float:
    return ROUNDING[max(8, np.result_type(eigenvalues, np.complex64).itemsize)]
