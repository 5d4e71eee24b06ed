"""Targets that are numbers, real or complex."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from .. import _series
from .._network import as_parts
from .._series import Array, Series
from ..optim import Optimizer
from ._model import FixedPoleModel
from ._parameters import PARAMETERS

__all__ = ["FixedPoleRegressor"]


class FixedPoleRegressor(RegressorMixin, FixedPoleModel):
    __doc__ = f"""Network with fixed poles and a linear read-out, for real or complex targets.
{PARAMETERS}

    Attributes
    ----------
    poles_, W_in_, bias_, W_out_, b_out_, state_ : ndarray
        Copies of what there is.
    n_units_, n_inputs_, n_outputs_ : int

    Notes
    -----
    With the identity the network is a linear system whose poles are given, and its gains are linear least squares: the error surface, which is not
    convex in the poles (arXiv 2602.21454), is not descended at all. :meth:`fit` starts afresh, every series at the zero state; :meth:`partial_fit`
    of one series goes on where the stream stands, until :meth:`reset_state`; :meth:`learn_one` is the same for one event.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> x = np.random.default_rng(0).normal(size=(500, 1))
    >>> y = np.zeros(500)
    >>> for t in range(1, 500):
    ...     y[t] = 0.8 * y[t - 1] + x[t - 1, 0]
    >>> model = pf.FixedPoleRegressor(poles=[0.8, 0.3], ridge=1e-10).fit(x, y)  # knows the pole: the gains are linear least squares
    >>> bool(np.abs(model.predict(x) - y).max() < 1e-6)
    True
    """

    def __init__(
        self, poles: str | ArrayLike = "ring", n_units: int = 32, *, radius: Any = 0.9, input_scaling: float = 1.0, bias_scaling: float = 0.0,
        activation: str = "identity", readout: str = "rls", forgetting: float = 1.0, ridge: float | None = None, include_inputs: bool = True,
        washout: int = 0, allow_unstable: bool = False, learn_poles: bool = False, learn_input_weights: bool = False,
        optimizer: Optimizer | None = None, dtype: str = "float64", random_state: int = 0,
    ) -> None:  # fmt: skip
        self.poles, self.n_units, self.radius, self.input_scaling, self.bias_scaling = poles, n_units, radius, input_scaling, bias_scaling
        self.activation, self.readout, self.forgetting, self.ridge = activation, readout, forgetting, ridge
        self.include_inputs, self.washout, self.allow_unstable = include_inputs, washout, allow_unstable
        self.learn_poles, self.learn_input_weights, self.optimizer = learn_poles, learn_input_weights, optimizer
        self.dtype, self.random_state = dtype, random_state

    def _targets(self, y: Any, X: Series) -> list[Array]:
        found, flat = _series.targets("y", y, X, self._dtype())
        if self._is_built() and found.arrays[0].shape[1] != self.n_outputs_:
            raise ValueError(f"y must have {self.n_outputs_} columns (n_outputs), got {found.arrays[0].shape[1]}")
        self._flat_ = flat
        return found.arrays

    def _facts(self) -> dict[str, Any]:
        return {"flat": self._flat_}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        self._flat_ = bool(facts["flat"])

    def predict(self, X: ArrayLike | list[Array], state: str = "start") -> Any:
        """Outputs for a sequence; the model does not change.

        Parameters
        ----------
        X : as for :meth:`fit`
        state : {"start", "current"}
            From the zero state, or from where the stream stands.

        Returns
        -------
        y : ndarray, (n_steps,) or (n_steps, n_outputs) as the targets were, with (n_series, …) in front for a batch; a list for a list
        """
        data, outputs = self._outputs(X, state)
        return data.like([y[:, 0] if self._flat_ else y for y in outputs])

    def score(self, X: ArrayLike | list[Array], y: Any, sample_weight: None = None) -> float:
        """R² of :meth:`predict` from the zero state, 1 − Σ|y − ŷ|² / Σ|y − ȳ|², over the steps after the washout, averaged over outputs."""
        data, outputs = self._outputs(X, "start")
        truth = _series.targets("y", y, data, self._type_)[0].arrays
        self._check_washout(data)
        Y, Y_hat = (np.concatenate([a[self.washout :] for a in arrays]) for arrays in (truth, outputs))
        if Y.shape != Y_hat.shape:
            raise ValueError(f"y must have {self.n_outputs_} columns (n_outputs), got {Y.shape[1]}")
        error, spread = np.sum(np.abs(Y - Y_hat) ** 2, axis=0), np.sum(np.abs(Y - Y.mean(axis=0)) ** 2, axis=0)
        each = np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1), np.where(error > 0, 0.0, 1.0))
        return float(each.mean())

    def learn_one(self, x: Any, y: Any) -> Any:
        """Learn one event of the stream; return what the model said before it was told: the real-time path.

        Parameters
        ----------
        x : (n_inputs,) ndarray
        y : number or (n_outputs,) ndarray

        Returns
        -------
        prediction : number or (n_outputs,) ndarray, as the targets are; of the washout too, from which nothing is learnt
        """
        if not self._is_built():
            with self._unchanged_by_mistakes():
                target = _series.numbers("y", y, self._dtype())
                self._build(_series.numbers("x", x, self._dtype()).size, target.size)
                self._flat_ = np.ndim(y) == 0
                return self._one(x, y)
        return self._one(x, y)

    def _one(self, x: Any, y: Any) -> Any:
        flat = self._flat_ and np.ndim(y) == 0
        target = as_parts(_series.numbers("y", [y], self._type_), self._type_) if flat else self._event("y", y, self.n_outputs_)
        prediction = self._learn_event(x, target)
        return prediction[0].item() if self._flat_ else prediction

    def predict_one(self, x: ArrayLike, advance: bool = False) -> Any:
        """Output for the next event; the state moves on only with ``advance=True`` (without learning)."""
        output = self._next_output(x, advance)
        return output[0].item() if self._flat_ else output
