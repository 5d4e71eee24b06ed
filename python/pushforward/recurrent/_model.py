"""What the recurrent estimators share: one learner, built when the first data show its sizes, and what can be read from it."""

import contextlib
import copy
import dataclasses
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from .. import io
from .._arrays import FloatArray, Inputs
from .._checks import renamed
from .._learner import Core, LearnerSettings, initial_readout
from ..cells import Cell
from ..optim import Optimizer
from ._settings import settings_of


class RecurrentModel(BaseEstimator, ABC):
    """State, influence, optimiser and weights, from the first data to the saved file."""

    # set by the subclasses' constructors (scikit-learn: as given, checked when used)
    n_units: int
    cell: str | Cell
    activation: str | None
    dt: float | None
    leak_rate: float | None
    weight_bound: float | None
    readout_bound: float | None
    connectivity: ArrayLike | None
    gradient: str
    truncation: int | None
    error_feedback: str | None
    update_every: int
    carry_every: int | str
    latency: str
    optimizer: Optimizer | None
    init: str | None
    n_inputs: int | None
    n_epochs: int
    dtype: str
    n_threads: int | None
    random_state: int

    _learner: Core | None = None
    _tokens_: bool  # what the first data were: integers are tokens from then on, or never

    # -- building ------------------------------------------------------------------------------------------------------------

    def _build(self, n_inputs: int, n_outputs: int, n_series: int, loss: str) -> None:
        settings = settings_of(self, n_inputs, n_outputs, n_series, loss)
        rng = np.random.default_rng(self.random_state)
        with renamed(scheme="init"):
            theta = settings.cell.init(rng, settings.dtype, self.init)
        own = settings.cell.initial_readout(n_outputs, self.init, rng)
        readout = initial_readout(n_outputs, settings.cell.n_features, rng, settings.dtype, own)
        self._build_from(settings).set_parameters(theta, *readout)

    def _build_from(self, settings: LearnerSettings) -> Core:
        learner = settings.build()
        if settings.carry_every is None:  # chosen now, once: a saved model keeps its H
            settings = dataclasses.replace(settings, carry_every=learner.carry_every)
        elif settings.carry_every != learner.carry_every:
            known = f"{learner.carry_every} or 'auto' for gradient={settings.gradient!r} of this cell"
            raise ValueError(f"carry_every must be {known}, got {settings.carry_every}")
        given = {name: copy.deepcopy(a) if isinstance(a, (list, np.ndarray)) else a for name, a in self.get_params(deep=False).items()}
        self._settings_, self._learner, self._given_ = settings, learner, given
        self.n_inputs_, self.n_outputs_, self.n_series_ = settings.cell.n_inputs, settings.n_outputs, settings.n_series
        self.n_features_in_ = self.n_inputs_
        self.loss_ = float("nan")
        self.loss_history_: list[float] = []
        return learner

    def _core(self) -> Core:
        if self._learner is None:
            raise NotFittedError(f"this {type(self).__name__} has seen no data yet: call partial_fit, fit or learn_one first")
        return self._learner

    def _check_unchanged(self) -> None:
        """The constructor's arguments are those the model was built from (but for those that may change on the way)."""
        for name, before in self._given_.items():
            now = getattr(self, name)
            if now is not before and name not in ("n_epochs", "n_threads") and not _equal(now, before):
                raise ValueError(f"{name} was {before!r} when the model was built and is now {now!r}; fit() starts afresh with it")

    @contextlib.contextmanager
    def _unchanged_by_mistakes(self) -> Iterator[None]:
        """Bad input leaves the model as it was, even half-way through a first call."""
        before = self._fitted()
        try:
            yield
        except (ValueError, TypeError, MemoryError, OverflowError):
            self._forget()
            self.__dict__.update(before)
            raise

    def _fitted(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name.endswith("_") or name == "_learner"}

    def _forget(self) -> None:
        for name in self._fitted():
            delattr(self, name)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if self._learner is not None:
            state["_learner"] = self._learner.export_state()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays = state.pop("_learner", None)
        super().__setstate__(state)
        if arrays is not None:
            self._learner = self._settings_.build()
            self._learner.import_state(arrays)

    def _to_file(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        arrays = self._core().export_state()
        self._check_unchanged()
        settings = self._settings_
        facts = {
            "n_inputs": self.n_inputs_, "n_outputs": self.n_outputs_, "n_series": self.n_series_, "loss": settings.loss,
            "carry_every": settings.carry_every, "tokens": self._tokens_, "loss_history": self.loss_history_, **self._facts(),
        }  # fmt: skip
        return facts, arrays

    def _prepare(self, facts: dict[str, Any]) -> None:
        """Build what a file speaks of; its arrays come next."""
        settings = settings_of(self, facts["n_inputs"], facts["n_outputs"], facts["n_series"], facts["loss"])
        self._build_from(dataclasses.replace(settings, carry_every=facts["carry_every"]))
        self._tokens_ = bool(facts["tokens"])
        self.loss_history_ = list(facts["loss_history"])
        self.loss_ = self.loss_history_[-1] if self.loss_history_ else float("nan")
        self._take_facts(facts)

    @abstractmethod
    def _targets_for_kernel(self, X: Inputs, y: ArrayLike) -> tuple[FloatArray | None, NDArray[np.int64] | None]:
        """(Y, labels), one of them, as a batch."""

    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """What else the file of this estimator must hold."""

    @abstractmethod
    def _take_facts(self, facts: dict[str, Any]) -> None:
        """The counterpart of _facts."""

    @property
    def cell_(self) -> Cell:
        """The cell, with its sizes."""
        self._core()
        return self._settings_.cell

    @property
    def theta_(self) -> FloatArray:
        """The cell's weights (n_params,); ``cell_.unpack(theta_)`` names them. A copy."""
        return self._core().parameters()[0]

    @property
    def W_out_(self) -> FloatArray:
        """Read-out weights (n_outputs, n_features). A copy."""
        return self._core().parameters()[1]

    @property
    def b_out_(self) -> FloatArray:
        """Read-out bias (n_outputs,). A copy."""
        return self._core().parameters()[2]

    @property
    def state_(self) -> FloatArray:
        """Current state (n_state,), or (n_series, n_state). A copy."""
        states = self._core().states()
        return states[0] if self.n_series_ == 1 else states

    @property
    def influence_(self) -> FloatArray:
        """Current ds/dθ (n_state, n_params), or what stands in for it, or one per series. A copy, which takes three times its memory."""
        arrays = self._core().export_state()
        twin = self._settings_.build()
        twin.import_state(arrays)
        twin.close()  # a step without its feedback counts as one without a loss
        try:
            J = np.stack([twin.influence(i) for i in range(self.n_series_)])
        except ValueError:
            raise AttributeError(f"influence_: gradient={self._settings_.gradient!r} keeps none") from None
        return J[0] if self.n_series_ == 1 else J

    @property
    def carry_every_(self) -> int:
        """H in use: steps by which the influence is moved at a time (of tbptt the truncation)."""
        return self._core().carry_every

    @property
    def n_steps_(self) -> int:
        """Steps taken in so far."""
        return self._core().n_steps

    @property
    def n_updates_(self) -> int:
        """Optimiser updates made so far."""
        return self._core().n_updates

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file, influence and optimiser state included: :func:`pushforward.load` goes on bit for bit.

        The file appears whole or not at all.
        """
        io.save(self, path)

    def to_torch(self, batch_first: bool = True) -> tuple[Any, Any]:
        """Return ``(module, linear)`` of PyTorch with this model's weights: ``linear(module(X)[0])`` is what :meth:`predict` gives, as logits.

        For the cells that PyTorch has: "elman" with tanh or relu (nn.RNN), "gru" (nn.GRU), "lstm" (nn.LSTM), and stacks of one of them, all layers
        of one width; any other is a ValueError. Needs PyTorch, ``pip install 'pushforward[torch]'``. Weights are written as they are used, after any
        bound and with zeros where there is no connection: PyTorch knows neither and would train them freely. The state is not part of it.
        """
        from .._torch import to_torch

        return to_torch(self, batch_first)


def _equal(a: Any, b: Any) -> bool:
    """Two arguments of a constructor: names, numbers, values such as cells and optimisers, arrays, or lists of any of these."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)
