"""What an approximate gradient costs, of any recurrent estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..plot._common import figure_class, plain
from ..recurrent import GradientBias as Table
from ..recurrent._streaming import StreamingModel
from ._result import Diagnosis

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class GradientBias(Table, Diagnosis):
    """The table of :class:`pushforward.GradientBias` (``print`` shows it), which also says itself in words and draws itself.

    Attributes
    ----------
    gradient : str
    n_seeds : int
    table : tuple of BiasRow
        The whole gradient first, then all weights of the cell, then part by part.
    relative_error, cosine : float
        Of the whole gradient.
    """

    def summary(self) -> str:
        """Say in one paragraph how far the gradient is from the exact one, and where most."""
        whole, parts = self.table[0], self.table[2:]
        said = (
            f"The gradient {self.gradient!r} differs from the exact one by {whole.relative_error:.3g} of its norm {whole.norm:.3g} "
            f"(cosine {whole.cosine:.5f})"
        )
        if self.n_seeds > 1:
            said += f" in the mean over {self.n_seeds} seeds; the mean of the {self.n_seeds} differs by {whole.relative_error_of_mean:.3g}"
        if whole.relative_error < 1e-5:
            return said + ": exact but for rounding errors."
        worst = max(parts, key=lambda row: row.relative_error)
        against = [row.part for row in parts if row.cosine < 0]
        said += f". Furthest off is {worst.part}, by {worst.relative_error:.3g} (cosine {worst.cosine:.5f}); "
        return said + (f"against the exact direction: {', '.join(against)}." if against else "no part points against the exact direction.")

    def plot(self) -> Figure:
        """Draw the relative error and the cosine, part by part."""
        figure = figure_class()(figsize=(8.0, 3.6), dpi=120, layout="constrained")
        error, cosine = figure.subplots(1, 2, sharey=True)
        names, at = [row.part for row in self.table], np.arange(len(self.table))
        errors = np.array([row.relative_error for row in self.table])
        error.barh(at, np.where(np.isfinite(errors), errors, 0.0), color="C0")  # infinite where the exact part is zero
        for k in np.flatnonzero(~np.isfinite(errors)):
            error.text(0.0, k, " infinite: the exact part is zero" if np.isinf(errors[k]) else " not a number", va="center", fontsize="small")
        cosine.barh(at, [row.cosine for row in self.table], color="C1")
        error.set_yticks(at, names)
        error.invert_yaxis()
        error.set_xlabel("relative error")
        cosine.set_xlabel("cosine with the exact gradient")
        cosine.set_xlim(min(0.0, *(row.cosine for row in self.table)), 1.02)
        figure.suptitle(f"gradient={self.gradient!r}")
        for axes in (error, cosine):
            plain(axes)
        return figure


def gradient_bias(model: Any, X: ArrayLike, y: ArrayLike, mask: ArrayLike | None = None, n_seeds: int = 1) -> GradientBias:
    """Compare the gradient that a recurrent estimator follows with the exact one, at its present weights; the model is not changed.

    Parameters
    ----------
    model : fitted RecurrentRegressor or RecurrentClassifier
    X, y, mask
        As for its ``partial_fit``; any number of series, each from the zero state.
    n_seeds : int
        For "uoro" and "kf", which are right in the mean only: draws to take, and to average.

    Returns
    -------
    GradientBias

    Raises
    ------
    TypeError
        When the model follows no such gradient.
    ValueError
        When data do not fit the model, or ``n_seeds`` the gradient.

    Notes
    -----
    That of the estimators' own method: the gradient of the sum of the losses, weights fixed, asked for every ``update_every`` steps as training
    would; the exact one by real-time recurrent learning in float64.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> model = pf.RecurrentRegressor(n_units=5, dtype="float64", gradient="snap1").partial_fit(X, X[:, 0])
    >>> bias = pf.diagnostics.gradient_bias(model, X, X[:, 1])
    >>> bias.summary().startswith("The gradient 'snap1' differs from the exact one by 0.")
    True
    """
    if not isinstance(model, StreamingModel):
        raise TypeError(f"model must be a fitted RecurrentRegressor or RecurrentClassifier, got {type(model).__name__}")
    found = model.gradient_bias(X, y, mask, n_seeds)
    return GradientBias(found.gradient, found.n_seeds, found.table)
