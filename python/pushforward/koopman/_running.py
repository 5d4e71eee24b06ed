"""Running a Koopman model: what comes next, on its own, and how good that is."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import r2_score

from .. import _core, _series
from .._checks import positive_int
from ..errors import DivergenceError
from ._by_row import ByRow
from ._model import weights_like

__all__ = ["Running"]

Array = NDArray[Any]
MOST_STATES = 1 << 22  # numbers of simulated states at a time, of a forecast


class Running(ByRow):
    """``predict`` and the like change nothing."""

    # -- one step ------------------------------------------------------------------------------------------------------------

    def predict(self, X: Any, inputs: Any = None) -> Any:
        """Return the next state of each row.

        Parameters
        ----------
        X : (n_steps, n_state) ndarray of the model's dtype, (n_series, n_steps, n_state), or list of trajectories
            Without delays rows need not follow each other.
        inputs : as X, (n_steps, n_inputs) each
            inputs[t] acts on the way from X[t] to what is returned in row t. Given if it was given to fit.

        Returns
        -------
        as X
            Row t is the state after X[t]; NaN in the first n_delays rows of each trajectory, whose past is not known.
        """
        self._check_built()
        A, A_u = self._next_state()
        return self._by_row(X, lambda Z, g: self._next(Z, g, A, A_u), self.n_features_in_, inputs=inputs, driven=True)

    def _next(self, Z: Array, g: Array | None, A: Array, A_u: Array | None) -> Array:
        H = self._drawn.features.lift(Z) @ A.T
        return H if g is None or A_u is None else np.asarray(H + g @ A_u.T)

    def score(self, X: Any, inputs: Any = None, sample_weight: Any = None) -> float:
        """R² of the next state, averaged over the components of the state, over all steps that have a past and a successor.

        Parameters
        ----------
        X, inputs, sample_weight : as for :meth:`fit`
        """
        self._check_built()
        data, driving = self._data(X, inputs, "X")
        parts = [slice(None, -1)] * len(data.arrays)
        weights = None if sample_weight is None else np.concatenate([w[self.n_delays : -1] for w in weights_like(sample_weight, data)])
        found = self.predict([H[p] for H, p in zip(data.arrays, parts, strict=True)], None if driving is None else [u[:-1] for u in driving])
        expected = np.concatenate([H[self.n_delays + 1 :] for H in data.arrays])
        return float(r2_score(expected, np.concatenate([H[self.n_delays :] for H in found]), sample_weight=weights))

    # -- on its own ----------------------------------------------------------------------------------------------------------

    def simulate(self, x0: ArrayLike, n_steps: int, inputs: ArrayLike | None = None) -> Array:
        """Run on its own: h[t+1] = A ψ[t] + A_u g(u[t]), the state lifted anew at every step.

        Parameters
        ----------
        x0 : (n_state,) or (n_series, n_state) ndarray of the model's dtype
            With delays (n_delays + 1, n_state) or (n_series, n_delays + 1, n_state): the last states, oldest first.
        n_steps : int
        inputs : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) ndarray, optional
            inputs[0] acts on the way to the first state that is returned.

        Returns
        -------
        states : (n_steps, n_state) or (n_series, n_steps, n_state) ndarray
            Those after x0.

        Raises
        ------
        DivergenceError
            When a state stops being finite, with its step and series.
        """
        history, U, single = self._start(x0, n_steps, inputs)
        states = self._roll_out(history, U, n_steps)
        return states[0] if single else states

    def simulate_linear(self, x0: ArrayLike, n_steps: int, inputs: ArrayLike | None = None) -> Array:
        """Iterate the operator without lifting anew: h[t] = C ψ[t], ψ[t+1] = K ψ[t] + B g(u[t]). It leaves a chaotic orbit at once.

        Parameters, results and errors are those of :meth:`simulate`.
        """
        history, U, single = self._start(x0, n_steps, inputs)
        result, features, layer = self._standard(), self._drawn.features, self._drawn.inputs
        K, C, B = self._solution["K"], self.projection_, result.B
        assert C is not None  # like K
        C = features.times(C)
        psi = features(self._drawn.embedding.of_history(history))
        states = np.empty((len(history), n_steps, self.n_features_in_), self._type())
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(n_steps):
                psi = psi @ K.T
                if U is not None and layer is not None and B is not None:
                    psi += (layer(np.ascontiguousarray(U[:, t])) / layer.scale) @ B.T
                states[:, t] = psi @ C.T
                _check(states[:, t], t)
        return states[0] if single else states

    def forecast(self, X: Any, horizon: int, inputs: Any = None, all_steps: bool = False) -> Any:
        """Forecast from every row, lifting anew at every step.

        Parameters
        ----------
        X : as for :meth:`predict`
        horizon : int
            Steps ahead.
        inputs : as X, optional
            (n_steps + horizon − 1, n_inputs) for each trajectory: the last row needs those to come.
        all_steps : bool
            Return all steps on the way too.

        Returns
        -------
        as X, or with ``all_steps`` (n_steps, horizon, n_state) for each trajectory
            Row t is the forecast for time t + horizon, to be compared with ``X[t + horizon]``; NaN in the first n_delays rows.

        Raises
        ------
        DivergenceError
            When a forecast stops being finite; its series is the row it starts from.
        """
        positive_int("horizon", horizon)
        self._check_built()
        self._check_unchanged()
        data, driving = self._states("X", X), self._driving(inputs, X, horizon)
        d, outputs = self.n_delays, []
        n_state, n_inputs, steps = self.n_features_in_, max(1, self.n_inputs_), np.arange(horizon)
        length = max(1, MOST_STATES // (horizon * max(n_state, n_inputs)))
        for i, H in enumerate(data.arrays):
            out = np.full((len(H), horizon if all_steps else 1, n_state), np.nan, self._type())
            for first in range(d, len(H), length):
                rows = np.arange(first, min(first + length, len(H)))
                U = None if driving is None else driving[i][rows[:, None] + steps]
                try:
                    states = self._roll_out(H[rows[:, None] + np.arange(-d, 1)], U, horizon)
                except DivergenceError as error:
                    raise DivergenceError(error.reason, error.step, first + error.series) from None
                out[rows] = states if all_steps else states[:, -1:]
            outputs.append(out if all_steps else out[:, 0])
        return data.like(outputs)

    def _driving(self, inputs: Any, X: Any, horizon: int) -> list[Array] | None:
        if (inputs is None) != (self.n_inputs_ == 0):
            raise ValueError(f"inputs must be given exactly when the model has inputs, it has {self.n_inputs_}")
        if inputs is None:
            return None
        driving, lengths = _series.series("inputs", inputs, self._type()), self._states("X", X).lengths
        wanted = [n + horizon - 1 for n in lengths]
        if driving.lengths != wanted or driving.arrays[0].shape[1] != self.n_inputs_:
            given = f"{driving.lengths[:5]} with {driving.arrays[0].shape[1]}"
            raise ValueError(f"inputs must have n_steps + horizon − 1 rows, {wanted[:5]}, with {self.n_inputs_} columns, got {given}")
        return driving.arrays

    def _roll_out(self, history: Array, U: Array | None, n_steps: int) -> Array:
        """(n_series, n_steps, n_state) after a history (n_series, n_delays + 1, n_state), compiled if the dictionary is sampled."""
        (A, A_u), layer, embedding = self._next_state(), self._drawn.inputs, self._drawn.embedding
        compiled = self._drawn.features.lift.compiled
        if compiled is None or (layer is not None and layer.W is not None and layer.activation != compiled["activation"]):
            return self._roll_out_plainly(history, U, n_steps)
        model = compiled | {"A": A, "A_u": A_u, "W_u": None if layer is None else layer.W, "b_u": None if layer is None else layer.b}
        model |= {"n_delays": embedding.n_delays, "P": embedding.P, "e_mean": embedding.mean}
        core = (_core.RolloutF32 if self._type() == np.float32 else _core.RolloutF64)(model)
        found: Array = core.simulate(np.ascontiguousarray(history), U, int(n_steps))
        return found

    def _roll_out_plainly(self, history: Array, U: Array | None, n_steps: int) -> Array:
        (A, A_u), layer = self._next_state(), self._drawn.inputs
        window = history.copy()
        states = np.empty((len(history), n_steps, self.n_features_in_), self._type())
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(n_steps):
                g = None if U is None or layer is None else layer(np.ascontiguousarray(U[:, t]))
                states[:, t] = self._next(self._drawn.embedding.of_history(window), g, A, A_u)
                _check(states[:, t], t)
                window = np.concatenate([window[:, 1:], states[:, t : t + 1]], axis=1)
        return states

    def _start(self, x0: ArrayLike, n_steps: int, inputs: ArrayLike | None) -> tuple[Array, Array | None, bool]:
        """History (n_series, n_delays + 1, n_state), inputs (n_series, n_steps, n_inputs), whether the start came without the axis of series."""
        self._check_built()
        self._check_unchanged()
        positive_int("n_steps", n_steps)
        start, d, n = _series.numbers("x0", x0, self._type()), self.n_delays, self.n_features_in_
        single = start.ndim == (2 if d else 1)
        history = start[None] if single else start
        history = history[:, None] if not d and history.ndim == 2 else history
        if history.ndim != 3 or history.shape[1:] != (d + 1, n) or not len(history):
            one = f"({d + 1}, {n}), the last states, oldest first," if d else f"({n},)"
            raise ValueError(f"x0 must be {one} or (n_series, {f'{d + 1}, ' if d else ''}{n}), got shape {start.shape}")
        if not np.isfinite(start).all():
            raise ValueError(f"x0 must be finite, got {start[~np.isfinite(start)][0]}")
        if (inputs is None) != (self.n_inputs_ == 0):
            raise ValueError(f"inputs must be given exactly when the model has inputs, it has {self.n_inputs_}")
        if inputs is None:
            return history, None, single
        U = _series.numbers("inputs", inputs, self._type())
        expected = (n_steps, self.n_inputs_) if single else (len(history), n_steps, self.n_inputs_)
        if U.shape != expected:
            raise ValueError(f"inputs must have shape {expected}, got {U.shape}")
        if not np.isfinite(U).all():
            raise ValueError(f"inputs must be finite, got {U[~np.isfinite(U)][0]}")
        return history, U if not single else U[None], single

    def _lift_state(self, x: Array) -> Array:
        """ψ (n_features,) of a state (n_state,), or of the last states (n_delays + 1, n_state), oldest first."""
        self._check_built()
        self._check_unchanged()
        state, d, n = _series.numbers("x", x, self._type()), self.n_delays, self.n_features_in_
        expected = (d + 1, n) if d else (n,)
        if state.shape != expected:
            raise ValueError(f"x must have shape {expected}{', the last states, oldest first' if d else ''}, got {state.shape}")
        if not np.isfinite(state).all():
            raise ValueError(f"x must be finite, got {state[~np.isfinite(state)][0]}")
        psi: Array = self._drawn.features.lift(self._drawn.embedding.of_history(state.reshape(1, d + 1, n)))[0]
        return psi

    def _constant_column(self) -> int | None:
        """Where the constant stands in the features."""
        column: int | None = self._drawn.features.constant_column
        return column


def _check(states: Array, step: int) -> None:
    bad = np.flatnonzero(~np.isfinite(states).all(axis=1))
    if len(bad):
        raise DivergenceError("the state stopped being finite", step, int(bad[0]))
