"""Does online training come to a stationary point, and is it one of those cases in which that is proved?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from .. import _arrays
from .._checks import number, positive_int
from ..optim import SGD
from ..plot._common import figure_class, plain
from ..recurrent import RecurrentClassifier
from ..recurrent._streaming import StreamingModel
from ._heldout import SETTLING, gradients, pieces
from ._result import Diagnosis
from ._theorem import departures
from .schedule import RobbinsMonro, robbins_monro

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RTRLConvergence", "rtrl_convergence"]


@dataclass(frozen=True)
class RTRLConvergence(Diagnosis):
    """What became of the gradient of the stationary loss, checked along training.

    Attributes
    ----------
    steps : (n_checks,) ndarray of int
        Steps learnt before each check, 0 first.
    rate : (n_checks,) ndarray
        Learning rate of the next update.
    loss : (n_checks,) ndarray
        Mean loss a step on the held-out stretch.
    gradient_norm : (n_checks,) ndarray
        ‖∇L‖ of that mean, by all that is trained; exact, in float64, from a settled state.
    noise : (n_checks,) ndarray
        Root mean square of ‖G − ∇L‖ over single online gradients G along the held-out stretch, weights fixed, each what one update would follow.
    schedule : RobbinsMonro
        The verdict on the learning rates.
    departures : tuple of str
        What else is not as in the theorem: the optimiser, the gradient, the cell, …
    """

    steps: NDArray[np.int64]
    rate: NDArray[np.float64]
    loss: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    noise: NDArray[np.float64]
    schedule: RobbinsMonro
    departures: tuple[str, ...]

    @property
    def fluctuation(self) -> NDArray[np.float64]:
        """rate · noise: how far a single update strays from steepest descent, (2.28)."""
        return self.rate * self.noise

    @property
    def robbins_monro(self) -> bool:
        """Whether the learning rates meet the conditions."""
        return self.schedule.holds

    @property
    def reason(self) -> str:
        """Which conditions on the rates break, and why."""
        return self.schedule.reason

    @property
    def within_theorem(self) -> bool:
        """Whether the rates meet the conditions and nothing else departs from what the theorem is about."""
        return self.robbins_monro and not self.departures

    def summary(self) -> str:
        """Say in one paragraph what became of gradient and fluctuation, and whether the theorem speaks of this training."""
        first, last = self.gradient_norm[0], self.gradient_norm[-1]
        said = (
            f"Over {self.steps[-1]} steps the gradient of the held-out loss went from {first:.4g} to {last:.4g} in norm, the loss from "
            f"{self.loss[0]:.4g} to {self.loss[-1]:.4g}, and the fluctuation of a single update (rate times noise) from {self.fluctuation[0]:.4g} to "
            f"{self.fluctuation[-1]:.4g}; steepest descent moves by {self.rate[-1] * last:.4g} there. {self.schedule.summary()} "
        )
        if self.within_theorem:
            return said + "Nothing else departs from the theorem as far as can be seen from here: in the limit the gradient goes to zero."
        if not self.departures:
            return said + "So the theorem does not say that the gradient goes to zero."
        return said + f"Outside of the theorem, which then says nothing here: {'; '.join(self.departures)}."

    def plot(self) -> Figure:
        """Draw loss, gradient and fluctuation over the steps."""
        figure = figure_class()(figsize=(10.5, 3.8), dpi=120, layout="constrained")
        loss, norms = figure.subplots(1, 2)
        loss.plot(self.steps, self.loss, "o-", color="C0", markersize=3)
        loss.set_ylabel("held-out loss a step")
        norms.semilogy(self.steps, _positive(self.gradient_norm), "o-", color="C1", markersize=3, label="gradient of the held-out loss")
        norms.semilogy(self.steps, _positive(self.rate * self.gradient_norm), ":", color="C1", label="rate × gradient: steepest descent")
        norms.semilogy(self.steps, _positive(self.fluctuation), "s--", color="C2", markersize=3, label="rate × noise: fluctuation")
        norms.set_ylabel("norm")
        norms.legend(fontsize=8)
        for axes in (loss, norms):
            axes.set_xlabel("steps learnt")
            plain(axes)
        figure.suptitle("Robbins-Monro: " + ("met" if self.robbins_monro else "not met"))
        return figure


def rtrl_convergence(model: Any, X: ArrayLike, y: ArrayLike, held_out: float = 0.2, n_checks: int = 8) -> RTRLConvergence:
    """Train a copy of a recurrent estimator and follow the gradient of the loss on a stretch it never sees.

    Parameters
    ----------
    model : RecurrentRegressor or RecurrentClassifier
        Its settings only: a fresh copy is trained, ``n_epochs`` passes from the starting weights. The model stays as it was.
    X, y
        As for its ``fit``.
    held_out : float in (0, 1)
        Share of the steps, the last ones of every series, on which is measured; the first ones are learnt.
    n_checks : int
        How often is measured, at least 2: before training, after it, and evenly in between.

    Returns
    -------
    RTRLConvergence

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was expected and what came; what ``fit`` would raise.
    DivergenceError
        When training diverges.

    Notes
    -----
    arXiv 2501.08040, Theorem 6.1: for rates that meet Assumption 2.14 the gradient of the stationary loss goes to zero along exact online training,
    θ ← θ − α_t ∇L + α_t (∇L − G_t), (2.28): the second term, the fluctuation, dies out. The theorem speaks of one sigmoid layer with bounded weights
    that contracts, of plain gradient descent with an update every step, of the squared error of one output read without a bias, and of a stationary
    stream. Every stream and run is finite, so no run shows a limit; it shows whether gradient and fluctuation fall. The stationary loss is
    replaced by the mean over the held-out stretch; its own sampling error does not vanish, and a small gradient there is never quite zero.
    That stretch is read after up to 200 steps before it without a loss, so that state and influence have settled. G are those of the model's
    own algorithm (in float64), over at most 500 updates' worth of steps; what weights that moved leave behind in the influence is not part of them.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(1000, 1))
    >>> y = np.concatenate([[0.0], X[:-1, 0]])
    >>> model = pf.RecurrentRegressor(n_units=4, dtype="float64", optimizer=pf.SGD(0.1, schedule=pf.InverseTime(decay=0.01)))
    >>> found = pf.diagnostics.rtrl_convergence(model, X, y, n_checks=3)
    >>> found.steps.tolist(), found.robbins_monro, bool(found.loss[-1] < found.loss[0])
    ([0, 400, 800], True, True)
    """
    if not isinstance(model, StreamingModel):
        raise TypeError(f"model must be a RecurrentRegressor or RecurrentClassifier, got {type(model).__name__}")
    positive_int("n_checks", n_checks, "an int of at least 2", least=2)
    number("held_out", held_out, "a number in (0, 1)", 0, 1, "()")
    twin, inputs, targets, batched = _copy(model, X, y)
    axis = int(batched)
    if targets.ndim < 1 + axis or targets.shape[axis] != inputs.shape[axis]:
        raise ValueError(f"y must have as many series and steps as X {inputs.shape[: 1 + axis]}, got shape {targets.shape}")
    n_steps = inputs.shape[axis]
    n_learnt = n_steps - max(1, round(held_out * n_steps))
    if n_learnt < n_checks - 1:
        raise ValueError(f"X must have at least n_checks − 1 = {n_checks - 1} steps before the held-out ones, got {n_learnt}")

    begin = clone(twin).set_params(optimizer=SGD(learning_rate=0.0))
    _learn(begin, inputs, targets, batched, 0, 1, targets)
    K = begin._settings_.update_every  # windows of a learner begin at its multiples
    settling = min(n_learnt // K, max(1, SETTLING // K)) * K
    stretch = [pieces(a, batched, n_learnt - settling, n_steps) for a in (inputs, targets)]
    stream = begin._stream_for_kernels(*stretch, None)
    rows, weights, updates = [], begin._core().parameters(), 0
    ends = np.linspace(0, n_learnt * twin.n_epochs, n_checks).round().astype(np.int64)
    done = 0
    for end in ends:
        while done < end:
            if done % n_learnt == 0 and done > 0:
                twin.reset_state()
            stop = min(int(end) - done, n_learnt - done % n_learnt)
            _learn(twin, inputs, targets, batched, done % n_learnt, done % n_learnt + stop, targets)
            done += stop
            weights, updates = twin._core().parameters(), twin.n_updates_
        rows.append((updates, *gradients(begin._settings_, weights, stream, settling)))
    made, loss, norm, noise = np.array(rows).T
    settings = twin._settings_
    rate = np.array([settings.optimizer.rate(int(t)) for t in made])
    return RTRLConvergence(ends, rate, loss, norm, noise, robbins_monro(settings.optimizer), departures(settings, twin.n_epochs))


def _copy(model: StreamingModel, X: ArrayLike, y: ArrayLike) -> tuple[StreamingModel, NDArray[Any], NDArray[Any], bool]:
    """An unfitted model of the same settings that knows its inputs' width, and the data as arrays."""
    twin: StreamingModel = clone(model)
    positive_int("n_epochs", twin.n_epochs)
    data = _arrays.inputs(X, np.dtype(twin.dtype))
    twin._check_not_empty(data)
    if data.tokens is not None and twin.n_inputs is None:
        twin.set_params(n_inputs=int(data.tokens.max()) + 1)
    array = data.tokens if data.dense is None else data.dense
    assert array is not None
    targets = np.asarray(y, dtype=None if isinstance(twin, RecurrentClassifier) or isinstance(y, np.ndarray) else twin.dtype)
    return twin, array if data.batched else array[0], targets, data.batched


def _learn(model: StreamingModel, X: NDArray[Any], y: NDArray[Any], batched: bool, start: int, stop: int, every: NDArray[Any]) -> None:
    """Go on with these steps; a classifier is told of all classes at the first."""
    own: dict[str, Any] = {}
    if isinstance(model, RecurrentClassifier) and model.classes is None:
        own = {"classes": np.unique(every)}
    model.partial_fit(pieces(X, batched, start, stop), pieces(y, batched, start, stop), **own)


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a logarithmic axis can show."""
    return np.where(values > 0, values, np.nan)
