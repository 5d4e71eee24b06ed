"""What the echo state estimators share: a reservoir drawn when the first data show its sizes, a read-out, and where the series stand."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from .._checks import one_of, seed
from .._estimator import Estimator
from .._series import DTYPES, Array, Series, per_series, series
from ..errors import DivergenceError
from ._file import from_file, to_file
from ._layers import as_arguments, check_settings, draw_layers
from ._live import Live
from ._plasticity import adapted, check_plasticity
from ._readouts import Readout, make_readout
from ._reservoir import Piece, Reservoir, Stand


class EchoStateModel(Estimator, ABC):
    """From the first data to the saved file. See the estimators."""

    _evolving: ClassVar[tuple[str, ...]] = ("_reservoir", "_readout", "_stand", "_live")

    _may_change: ClassVar[tuple[str, ...]] = ("washout",)

    # set by the subclasses' constructors (scikit-learn: as given, checked when used)
    n_units: Any
    washout: Any
    feedback: bool
    include_inputs: bool
    intrinsic_plasticity: str | None
    dtype: str
    random_state: int

    _reservoir: Reservoir
    _readout: Readout
    _stand: Stand | None = None  # None: series may begin, as many as there are
    _live: Live | None = None  # one series that goes on event by event: it knows better than _stand
    _form_: str

    # -- building ------------------------------------------------------------------------------------------------------------

    def _series(self, X: Any, name: str = "X") -> Series:
        one_of("dtype", self.dtype, DTYPES)
        found = series(name, X, np.dtype(self.dtype))
        if self._is_built():
            self._settle()
            self._check_unchanged()
            if found.arrays[0].shape[1] != self.n_inputs_:
                raise ValueError(f"{name} must have {self.n_inputs_} columns (n_inputs), got {found.arrays[0].shape[1]}")
        return found

    def _build(self, X: Series, Y: Series | None, n_outputs: int) -> None:
        """Draw the reservoir for these data. Y: the targets, which may scale the feedback."""
        check_settings(self)
        if self.intrinsic_plasticity is not None:
            check_plasticity(self)
        seed("random_state", self.random_state)
        dtype, n_inputs = np.dtype(self.dtype), X.arrays[0].shape[1]
        layers, chosen = draw_layers(self, X, Y, n_outputs)
        n_feedback = n_outputs if self.feedback else 0
        reservoir = Reservoir(layers, n_inputs, n_feedback, self.include_inputs, dtype, self.random_state)
        if self.intrinsic_plasticity is not None:
            reservoir = adapted(self, reservoir, X)
        self._reservoir = reservoir
        self._readout = make_readout(self, dtype, reservoir.n_features, n_outputs)
        self.n_inputs_, self.n_outputs_, self.n_features_in_ = n_inputs, n_outputs, n_inputs
        self._chosen_ = list(chosen)
        for name, value in chosen.items():
            setattr(self, f"{name}_", value)
        self._remember_settings()

    def _settle(self) -> Stand | None:
        """Where the series stand, whoever moved them last."""
        if self._live is not None:
            self._stand = self._live.stand()
            self._live = None
        return self._stand

    def _start_or_stand(self, X: Series) -> Stand:
        stand = self._settle()
        if stand is None:
            return self._reservoir.start(len(X.arrays))
        if len(X.arrays) != stand.n_series:
            raise ValueError(
                f"X must have {stand.n_series} series like the data before it, got {len(X.arrays)}; reset_state() ends those, fit() starts afresh"
            )
        return stand

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return dict(super().__getstate__())

    # -- learning ------------------------------------------------------------------------------------------------------------

    def _check_washout(self, X: Series) -> list[int]:
        """The washout of every series; each leaves something to learn."""
        washout = per_series("washout", self.washout, len(X.arrays))
        for i, (steps, length) in enumerate(zip(washout, X.lengths, strict=True)):
            if steps >= length:
                raise ValueError(f"washout must be shorter than every series, got {steps} for series {i} of {length} steps")
        return washout

    def _learn_steps(self, X: Series, Y: Series) -> None:
        """Go on learning: every step of X has its row in Y."""
        stand, washout = self._start_or_stand(X), per_series("washout", self.washout, len(X.arrays))
        heard = None
        if self.feedback:
            assert stand.outputs is not None  # drawn with feedback, a stand always knows
            heard = [np.concatenate([y[None], rows[:-1]]) for y, rows in zip(stand.outputs, Y.arrays, strict=True)]
        skip = np.maximum(np.array(washout) - stand.seen, 0)
        readout = self._readout
        if readout.is_online:
            moved = self._learn_online(X, Y, stand, skip)
        else:
            drive = self._reservoir.drive(X.arrays, stand, heard, noisy=True)
            for piece in drive:
                rows, targets = _rows(piece, Y.arrays, skip)
                if piece.first == 0 and piece.features.shape[1] < max(X.lengths):
                    readout = readout.copy()  # a later piece may fail: then nothing was learnt
                if len(rows):
                    readout.learn(rows, targets)
            self._readout, moved = readout, drive.stand
        if self.feedback:
            moved = replace(moved, outputs=np.stack([rows[-1] for rows in Y.arrays]))
        self._stand = moved

    def _learn_online(self, X: Series, Y: Series, stand: Stand, skip: Any) -> Stand:
        """One series after the other, in one loop of reservoir and read-out."""
        each, readout = [], self._readout.copy()  # a later step may fail: then nothing was learnt
        for i, (x, y) in enumerate(zip(X.arrays, Y.arrays, strict=True)):
            live = Live(self._reservoir, readout, stand.one(i), int(skip[i]))
            try:
                live.run(x, y)
            except DivergenceError as error:
                raise DivergenceError(error.reason, error.step, i) from None
            each.append(live.stand())
        self._readout = readout
        return Stand.of(each)

    @property
    def _weights(self) -> tuple[Array, Array]:
        """W_out (n_outputs, n_features) and b_out (n_outputs,)."""
        self._check_built()
        return self._readout.weights()

    def _reservoir_layers(self) -> list[dict[str, Any]]:
        """The arguments of kernels.reservoir_states for every layer, without noise."""
        self._check_built()
        return [as_arguments(layer) for layer in self._reservoir.layers]

    def _to_file(self) -> tuple[dict[str, Any], dict[str, Array]]:
        self._check_built()
        self._check_unchanged()
        return to_file(self)

    def _from_file(self, facts: dict[str, Any], arrays: dict[str, Array]) -> None:
        from_file(self, facts, arrays)

    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """What else the file of this estimator must hold."""

    @abstractmethod
    def _take_facts(self, facts: dict[str, Any]) -> None:
        """The counterpart of _facts."""


def _rows(piece: Piece, Y: list[Array], skip: Any) -> tuple[Array, Array]:
    """Features of the steps behind the washout, and their targets."""
    low = np.clip(skip[piece.series] - piece.first, 0, piece.counts)
    features, targets = [], []
    for j, i in enumerate(piece.series):
        features.append(piece.features[j, low[j] : piece.counts[j]])
        targets.append(Y[i][piece.first + low[j] : piece.first + piece.counts[j]])
    return (features[0], targets[0]) if len(features) == 1 else (np.concatenate(features), np.concatenate(targets))
