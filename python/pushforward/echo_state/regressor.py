"""Real and complex targets."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from .._checks import positive_int
from .._series import Array, Series, numbers, targets
from ._events import EventModel
from ._parameters import PARAMETERS, RESETS

__all__ = ["EchoStateRegressor"]


class EchoStateRegressor(RegressorMixin, EventModel):
    __doc__ = f"""Echo state network with a linear read-out for real or complex targets.

    A series is (n_steps, n_inputs), several of one length (n_series, n_steps, n_inputs), several of any length a list; targets likewise.
{PARAMETERS}

    Attributes
    ----------
    W_out_, b_out_ : ndarray
        Read-out (n_outputs, n_features) and (n_outputs,). Copies.
    state_ : ndarray
        Where the series stand: (n_state,), or (n_series, n_state) of several. A copy.
    input_scaling_, feedback_scaling_ : what was used, where it was chosen from the data
    n_inputs_, n_outputs_ : int

    Notes
    -----
    s[t] = (1 − a) s[t−1] + a σ(W_rec s[t−1] + W_in x[t] + bias + W_feedback y[t−1]) (Jaeger, 2001; leak rates a: Jaeger et al., 2007);
    y[t] = W_out [s¹[t] | … | s^L[t] | x[t]] + b_out. ES²N: Ceni and Gallicchio (2024). Intrinsic plasticity: Triesch (2005), Schrauwen et al. (2008).
    States are made and learnt a few thousand steps at a time: they are never held whole.
{RESETS}

    Examples
    --------
    A forecast: learn the next value, then close the loop.

    >>> import numpy as np, pushforward as pf
    >>> x = pf.datasets.lorenz63(2200, dt=0.02)
    >>> model = pf.EchoStateRegressor(n_units=200).fit(x[:1999], x[1:2000])
    >>> forecast = model.simulate(100, warmup=x[:2000])  # what follows x[:2000]
    >>> bool(np.abs(forecast - x[2000:2100]).max() < 0.5)
    True
    """

    def __init__(
        self, n_units: Any = 500, *, spectral_radius: Any = 0.9, input_scaling: Any = None, bias_scaling: Any = 0.5, leak_rate: Any = 1.0,
        connectivity: Any = None, topology: Any = "random", activation: Any = "tanh", proximity: Any = None, washout: Any = 100,
        feedback: bool = False, feedback_scaling: float | None = None, noise: Any = 0.0, readout: Any = "ridge", ridge: float | None = None,
        solver: str = "qr", forgetting: float = 1.0, learning_rate: float | None = None, include_inputs: bool = True, intercept: bool = True,
        intrinsic_plasticity: str | None = None, plasticity_rate: float = 1e-3, plasticity_mean: float | None = None,
        plasticity_deviation: float = 0.3, plasticity_epochs: int = 1, dtype: str = "float64", random_state: int = 0,
    ) -> None:  # fmt: skip
        self.n_units, self.spectral_radius, self.input_scaling, self.bias_scaling = n_units, spectral_radius, input_scaling, bias_scaling
        self.leak_rate, self.connectivity, self.topology, self.activation = leak_rate, connectivity, topology, activation
        self.proximity, self.washout, self.feedback, self.feedback_scaling = proximity, washout, feedback, feedback_scaling
        self.noise, self.readout, self.ridge, self.solver, self.forgetting = noise, readout, ridge, solver, forgetting
        self.learning_rate, self.include_inputs, self.intercept = learning_rate, include_inputs, intercept
        self.intrinsic_plasticity, self.plasticity_rate, self.plasticity_mean = intrinsic_plasticity, plasticity_rate, plasticity_mean
        self.plasticity_deviation, self.plasticity_epochs = plasticity_deviation, plasticity_epochs
        self.dtype, self.random_state = dtype, random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Start afresh and learn these series, each from the zero state.

        Parameters
        ----------
        X : (n_steps, n_inputs) ndarray of the model's dtype, (n_series, n_steps, n_inputs), or list of series of any length
        y : (n_steps,) or (n_steps, n_outputs) ndarray, or a batch or a list of them as X is

        Raises
        ------
        ValueError, TypeError
            What does not fit is named; the model is as it was.
        DivergenceError
            When the reservoir leaves the finite numbers, with the step.
        """
        with self._unchanged_by_mistakes():
            self._forget()
            data, Y, flat = self._both(X, y)
            self._check_washout(data)
            self._learn(data, Y, flat)
            self._readout.weights()  # solved now: what is singular leaves the model as it was
        return self

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Go on learning the series that stand, or, if there are none, begin new ones.

        The read-out is solved when it is next needed. Parameters as for :meth:`fit`; as many series as before, until :meth:`reset_state`.
        """
        with self._unchanged_by_mistakes():
            self._learn(*self._both(X, y))
        return self

    def _both(self, X: Any, y: Any) -> tuple[Series, Series, bool]:
        data = self._series(X)
        Y, flat = targets("y", y, data, np.dtype(self.dtype))
        n_outputs = Y.arrays[0].shape[1]
        if self._is_built() and n_outputs != self.n_outputs_:
            raise ValueError(f"y must have {self.n_outputs_} columns (n_outputs), got {n_outputs}")
        return data, Y, flat

    def _learn(self, X: Series, Y: Series, flat: bool) -> None:
        if not self._is_built():
            self._build(X, Y, Y.arrays[0].shape[1])
        self._learn_steps(X, Y)
        self._form_, self._flat_ = X.form, flat

    def predict(self, X: Any, state: str = "start", advance: bool = False) -> Any:
        """Outputs for driven series.

        Parameters
        ----------
        X : as for :meth:`fit`
        state : {"start", "current"}
            From the zero state, or from where the series stand (right after ``fit``: at its end).
        advance : bool
            The series stand at the end of X afterwards. Otherwise nothing changes.

        Returns
        -------
        y : ndarray as the targets were: (n_steps,) or (n_steps, n_outputs), or a batch or a list of them as X is
            The first steps from the zero state, about ``washout`` of them, are not to be relied on.
        """
        self._check_built()
        data = self._series(X)
        outputs, moved = self._outputs(data, self._from(data, state))
        if advance:
            self._stand, self._form_ = moved, data.form
        return data.like([self._shown(y) for y in outputs])

    def simulate(
        self, n_steps: int, warmup: Any = None, inputs: Any = None, *, warmup_targets: Any = None, advance: bool = False
    ) -> Any:
        """Run in a closed loop: the n_steps that follow ``warmup``.

        Without ``feedback`` outputs take the place of inputs, so the model must have learnt the next input: ``fit(x[:-1], x[1:])``. What comes back
        is the series that continues the warm-up, its very next value first: compare ``simulate(n, warmup=x[:T])`` with ``x[T:T + n]``.
        With ``feedback=True`` inputs are given and the outputs go back through W_feedback: compare with the targets of these inputs.

        Parameters
        ----------
        n_steps : int
        warmup : as X, optional
            Driven series before, from the zero state. Without it the series go on where they stand.
        inputs : (n_steps, n_inputs) ndarray or a batch of them, with ``feedback``
        warmup_targets : as y, optional
            With ``feedback``: fed back while warming up (teacher forcing); unless given the model's own outputs are.
        advance : bool
            The series stand at the end afterwards: ``simulate(10, advance=True)`` twice is ``simulate(20)``. Otherwise nothing changes.

        Returns
        -------
        y : (n_steps,) or (n_steps, n_outputs) ndarray as the targets were, with (n_series, …) in front for several series
        """
        positive_int("n_steps", n_steps)
        self._check_built()
        self._settle()
        stand, form = self._warm(warmup, warmup_targets)
        W, b = self._weights
        if self.feedback:
            driven = self._inputs_of(inputs, n_steps, stand.n_series)
            assert stand.outputs is not None  # with feedback a stand always knows
            result, moved = self._reservoir.close(n_steps, stand, W, b, stand.outputs, driven)
        else:
            if inputs is not None:
                raise ValueError("inputs must not be given without feedback: outputs take their place; predict(X, state='current') runs driven")
            if self.n_inputs_ != self.n_outputs_:
                raise ValueError(f"simulate() needs as many outputs as inputs, got {self.n_outputs_} outputs for {self.n_inputs_} inputs")
            last = self._output_at(stand, W, b)
            after, moved = self._reservoir.close(n_steps, stand, W, b, last)
            result = np.concatenate([last[:, None], after[:, :-1]], axis=1)
        if advance:
            self._stand, self._form_ = moved, form
        shown = self._shown(result)
        return shown[0] if form == "one" else shown

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of :meth:`predict` from the zero state, over the steps behind the washout of all series, averaged over outputs.

        Parameters
        ----------
        X, y
            As for :meth:`fit`.
        sample_weight : (n_steps,) ndarray, or a batch or a list of them as X is, optional
        """
        self._check_built()
        data, Y, _ = self._both(X, y)
        washout = self._check_washout(data)
        outputs, _ = self._outputs(data, self._reservoir.start(len(data.arrays)))
        truth, found = (np.concatenate([a[w:] for a, w in zip(arrays, washout, strict=True)]) for arrays in (Y.arrays, outputs))
        weights = None
        if sample_weight is not None:
            each = [np.asarray(a, dtype=float) for a in ([sample_weight] if data.form == "one" else sample_weight)]
            weights = np.concatenate([a[w:] for a, w in zip(each, washout, strict=True)])
        if np.iscomplexobj(truth):  # |·|² is the sum over both parts; the mean that R² compares with is that of the complex numbers
            mean = np.average(truth, axis=0, weights=weights)
            truth, found = (np.concatenate([(a - mean).real, (a - mean).imag]) for a in (truth, found))
            weights = None if weights is None else np.tile(weights, 2)
        return float(r2_score(truth, found, sample_weight=weights))

    def _shown(self, outputs: Array) -> Array:
        return outputs[..., 0] if self._flat_ else outputs

    def _target_of_one(self, y: Any) -> tuple[Array, bool]:
        row = numbers("y", y, np.dtype(self.dtype))
        if row.ndim > 1 or row.size == 0:
            raise ValueError(f"y must be a number or (n_outputs,), got shape {row.shape}")
        return row.reshape(-1), np.ndim(y) == 0

    def _shown_one(self, output: Array) -> Any:
        return output[0].item() if self._flat_ else output

    def _facts(self) -> dict[str, Any]:
        return {"flat": self._flat_}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        self._flat_ = bool(facts["flat"])
