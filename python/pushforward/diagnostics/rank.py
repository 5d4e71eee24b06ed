"""How many directions do the states of a model use?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import non_negative_int, true_or_false
from ..plot._common import figure_class, plain
from ._result import Diagnosis
from ._states import is_model, states_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EffectiveRank", "effective_rank"]


@dataclass(frozen=True)
class EffectiveRank(Diagnosis):
    """How many directions states use, by three counts.

    Attributes
    ----------
    effective_rank : float
        exp of the entropy of the singular values as shares of their sum.
    participation_ratio : float
        (Σ λ)² / Σ λ² of the eigenvalues λ of the covariance.
    numerical_rank : int
        Singular values above rounding errors.
    singular_values : (min(n_steps, n_units),) ndarray of float64
        Descending, of the matrix of states (without their mean, unless they were not centred).
    n_steps, n_units : int
    """

    effective_rank: float
    participation_ratio: float
    numerical_rank: int
    singular_values: NDArray[np.float64]
    n_steps: int
    n_units: int

    def summary(self) -> str:
        """Say in one paragraph what was found, with the numbers."""
        shares = np.cumsum(self.singular_values**2) / np.sum(self.singular_values**2)
        most = int(np.searchsorted(shares, 0.99)) + 1
        share = self.effective_rank / min(self.n_units, self.n_steps)
        said = (
            f"Over {self.n_steps} steps the {self.n_units} units use {self.effective_rank:.4g} directions by the entropy of the singular values "
            f"({share:.0%} of what there could be), {self.participation_ratio:.4g} by the participation ratio; {most} hold 99 % of the variance. "
        )
        if self.numerical_rank < min(self.n_units, self.n_steps):
            return said + f"The numerical rank is {self.numerical_rank}: other directions are combinations of these, and a read-out needs a ridge."
        return said + f"The numerical rank is full, {self.numerical_rank}."

    def plot(self) -> Figure:
        """Draw the singular values, with the counts."""
        figure = figure_class()(figsize=(6.4, 4.0), dpi=120, layout="constrained")
        axes, known = figure.add_subplot(), self.singular_values > 0
        number = np.arange(1, len(self.singular_values) + 1)
        axes.plot(number[known], self.singular_values[known], color="C0", linewidth=1.4, marker="o", markersize=3)
        counts = {"effective rank": self.effective_rank, "participation ratio": self.participation_ratio, "numerical rank": self.numerical_rank}
        for k, (name, count) in enumerate(counts.items()):
            axes.axvline(count, color=f"C{k + 1}", linewidth=1.1, linestyle=("--", ":", "-.")[k], label=f"{name} {count:.4g}")
        axes.set(xlabel="number", ylabel="singular value of the states", yscale="log")
        axes.legend(frameon=False)
        plain(axes)
        return figure


def effective_rank(model_or_states: Any, X: ArrayLike | None = None, *, washout: int = 0, center: bool = True) -> EffectiveRank:
    """Count the directions that states use: of a fitted model under an input, or as they are given.

    Parameters
    ----------
    model_or_states : fitted estimator, or (n_steps, n_units) array-like
        A recurrent, echo state, fixed-pole or Koopman model (of the last the lifted states ψ), arguments of
        :func:`pushforward.kernels.reservoir_states` by name, or states themselves.
    X : (n_steps, n_inputs) array-like, or several series as the model takes them
        What drives the model (its states, of a Koopman model). Given exactly with a model. Every series begins at the zero state.
    washout : int
        Steps dropped at the start of every series.
    center : bool
        Take the mean off first, so that constant units count for nothing.

    Returns
    -------
    EffectiveRank

    Raises
    ------
    ValueError, TypeError
        What does not fit is named: states that are not finite, or do not vary.

    Notes
    -----
    With singular values σ of the states and p = σ / Σ σ the effective rank is exp(−Σ p log p) (Roy and Vetterli 2007), and with λ = σ² the
    participation ratio is (Σ λ)² / Σ λ². Both are k for k equal singular values and lie between 1 and the rank; the second looks at variances, so
    that it is the smaller one. The numerical rank counts σ > max(n_steps, n_units) ε σ_1, ε of the precision of the states.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> rng = np.random.default_rng(0)
    >>> states = np.linalg.qr(rng.normal(size=(100, 3)))[0] @ np.linalg.qr(rng.normal(size=(8, 3)))[0].T  # three directions, all alike
    >>> found = pf.diagnostics.effective_rank(states, center=False)
    >>> round(found.effective_rank, 9), round(found.participation_ratio, 9), found.numerical_rank
    (3.0, 3.0, 3)
    """
    non_negative_int("washout", washout)
    true_or_false("center", center)
    if is_model(model_or_states):
        if X is None:
            raise ValueError("X must be given: it drives the model")
        each, name = states_of(model_or_states, X), "X"
    else:
        if X is not None:
            raise ValueError("X must be None with states; a model that X drives must be a fitted estimator or a dict of a reservoir's arguments")
        each, name = [_matrix(model_or_states)], "model_or_states"
    if min(map(len, each)) <= washout:
        raise ValueError(f"{name} must have more than washout = {washout} steps, got {min(map(len, each))}")
    S = np.concatenate([a[washout:] for a in each])
    eps = float(np.finfo(S.dtype).eps)
    if len(S) < 2:
        raise ValueError(f"{name} must give at least two steps, got {len(S)}")
    if not np.isfinite(S).all():
        raise ValueError(f"{name} must give finite states, got {S[~np.isfinite(S)][0]}")
    S = S.astype(np.complex128 if S.dtype.kind == "c" else np.float64)
    size = float(np.abs(S).max())
    S = S / size if size > 0 else S
    if center:
        S = S - S.mean(axis=0)
    sigma = np.linalg.svd(S, compute_uv=False)
    if not sigma[0] > max(S.shape) * eps:
        raise ValueError(f"{name} must give states that vary, got {'constant ones' if center else 'zeros'}")
    p = sigma / sigma.sum()
    entropy = -float(np.sum(p * np.log(np.where(p > 0, p, 1.0))))
    ratio = float(np.sum(sigma**2) ** 2 / np.sum(sigma**4))
    n_used = int(np.sum(sigma > max(S.shape) * eps * sigma[0]))
    return EffectiveRank(float(np.exp(entropy)), ratio, n_used, np.asarray(size * sigma, np.float64), *S.shape)


def _matrix(states: Any) -> NDArray[Any]:
    try:
        array = np.asarray(states)
    except ValueError as error:  # ragged
        raise ValueError(f"model_or_states must be a fitted model or numbers (n_steps, n_units), got {type(states).__name__}: {error}") from None
    if array.dtype.kind in "iub":
        array = array.astype(np.float64)
    if array.dtype.kind not in "fc" or array.ndim != 2 or not array.size:
        raise ValueError(f"model_or_states must be a fitted model or numbers (n_steps, n_units), got {array.dtype} of shape {array.shape}")
    return array
