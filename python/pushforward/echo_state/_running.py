"""How series go through an echo state model that has learnt: driven, taught, and closed."""

from dataclasses import replace
from typing import Any, Self

import numpy as np

from .._checks import one_of, series_index
from .._series import Array, Series, series, targets
from ._model import EchoStateModel
from ._reservoir import Stand


class RunningModel(EchoStateModel):
    """An echo state model with what runs it."""

    def _outputs(self, X: Series, stand: Stand) -> tuple[list[Array], Stand]:
        """Outputs (n_steps, n_outputs) of every series, and where they leave it."""
        W, b = self._weights
        if not self.feedback:
            out = [np.empty((length, self.n_outputs_), self.dtype) for length in X.lengths]
            drive = self._reservoir.drive(X.arrays, stand)
            for piece in drive:
                for j, i in enumerate(piece.series):
                    out[i][piece.first : piece.first + piece.counts[j]] = piece.features[j, : piece.counts[j]] @ W.T + b
            return out, replace(drive.stand, outputs=np.stack([y[-1] for y in out]))
        if len(set(X.lengths)) == 1:
            whole, moved = self._reservoir.close(X.lengths[0], stand, W, b, _known(stand), np.stack(X.arrays))
            return list(whole), moved
        runs = [
            self._reservoir.close(len(x), stand.one(i), W, b, _known(stand.one(i)), x[None])  # one by one: they differ in length
            for i, x in enumerate(X.arrays)
        ]
        return [outputs[0] for outputs, _ in runs], Stand.of([moved for _, moved in runs])

    def _from(self, X: Series, state: str) -> Stand:
        """Where a run over X begins."""
        one_of("state", state, ("start", "current"))
        self._check_built()
        return self._reservoir.start(len(X.arrays)) if state == "start" else self._start_or_stand(X)

    def states(self, X: Any, state: str = "start") -> Any:
        """Return the states of the reservoir under X; the model does not change.

        Parameters
        ----------
        X : as for :meth:`fit`
        state : {"start", "current"}

        Returns
        -------
        states : (n_steps, n_state) ndarray, or a batch or a list of them as X is
            Layer after layer. With feedback the model hears its own outputs.
        """
        self._check_built()
        found = self._series(X)
        stand = self._from(found, state)
        heard = None
        if self.feedback:
            outputs, _ = self._outputs(found, stand)
            heard = [np.concatenate([y[None], rows[:-1]]) for y, rows in zip(_known(stand), outputs, strict=True)]
        n_state = self._reservoir.n_state
        out = [np.empty((length, n_state), self.dtype) for length in found.lengths]
        for piece in self._reservoir.drive(found.arrays, stand, heard):
            for j, i in enumerate(piece.series):
                out[i][piece.first : piece.first + piece.counts[j]] = piece.features[j, : piece.counts[j], :n_state]
        return found.like(out)

    def reset_state(self, series: list[int] | None = None) -> Self:
        """End the series (all, or those listed): zero state and a new washout; what was learnt stays.

        Parameters
        ----------
        series : list of int, optional
            Without it any number of series may follow.
        """
        self._check_built()
        stand = self._settle()
        if series is None:
            self._stand = None
            return self
        if stand is None:
            raise ValueError("series: there is none under way")
        if not isinstance(series, (list, tuple, range, np.ndarray)):
            raise TypeError(f"series must be a list of ints, got {series!r}")
        places = [series_index(i, stand.n_series) for i in series]
        states, seen, inputs = stand.states.copy(), stand.seen.copy(), stand.inputs.copy()
        states[places], seen[places], inputs[places] = 0, 0, 0
        outputs = None
        if self.feedback:
            outputs = _known(stand).copy()
            outputs[places] = 0
        self._stand = Stand(states, stand.ticks, seen, inputs, outputs)
        return self

    def _taught(self, X: Series, Y: Series, stand: Stand) -> Stand:
        """Where series that hear Y stand in the end."""
        assert stand.outputs is not None
        heard = [np.concatenate([y[None], rows[:-1]]) for y, rows in zip(stand.outputs, Y.arrays, strict=True)]
        return replace(self._reservoir.drive(X.arrays, stand, heard).finish(), outputs=np.stack([rows[-1] for rows in Y.arrays]))

    def _output_at(self, stand: Stand, W: Array, b: Array) -> Array:
        """Outputs (n_series, n_outputs) of the step at which the series stand."""
        if stand.outputs is not None:
            return stand.outputs
        features = np.concatenate([stand.states, stand.inputs], axis=1) if self.include_inputs else stand.states
        return np.ascontiguousarray(features @ W.T + b)

    def _warm(self, warmup: Any, warmup_targets: Any) -> tuple[Stand, str]:
        if warmup is None:
            if warmup_targets is not None:
                raise ValueError("warmup_targets must not be given without warmup")
            if self._stand is None:
                raise ValueError("warmup must be given: no series is under way since reset_state()")
            return self._stand, self._form_
        data = self._series(warmup, "warmup")
        start = self._reservoir.start(len(data.arrays))
        if warmup_targets is None:
            return self._outputs(data, start)[1], data.form
        if not self.feedback:
            raise ValueError("warmup_targets must not be given without feedback=True: nothing would hear them")
        taught, _ = targets("warmup_targets", warmup_targets, data, np.dtype(self.dtype))
        if taught.arrays[0].shape[1] != self.n_outputs_:
            raise ValueError(f"warmup_targets must have {self.n_outputs_} columns (n_outputs), got {taught.arrays[0].shape[1]}")
        return self._taught(data, taught, start), data.form

    def _inputs_of(self, inputs: Any, n_steps: int, n_series: int) -> Array:
        if inputs is None:
            raise ValueError("inputs must be given with feedback=True: outputs are fed back beside them")
        given = series("inputs", inputs, np.dtype(self.dtype))
        if len(given.arrays) != n_series or set(given.lengths) != {n_steps} or given.arrays[0].shape[1] != self.n_inputs_:
            shape = (n_series, n_steps, self.n_inputs_) if n_series > 1 else (n_steps, self.n_inputs_)
            raise ValueError(f"inputs must have shape {shape}, got {np.shape(inputs)}")
        return np.stack(given.arrays)


def _known(stand: Stand) -> Array:
    assert stand.outputs is not None  # with feedback a stand always knows what comes back
    return stand.outputs
