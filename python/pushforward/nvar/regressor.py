"""Next-generation reservoir computing: delayed inputs, their monomials, and ridge regression."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from .. import _series
from .._checks import one_of, positive_int
from .._series import Array
from ..errors import DivergenceError
from ._model import NVARModel

__all__ = ["NVARRegressor"]


class NVARRegressor(RegressorMixin, NVARModel):
    """Nonlinear vector autoregression with a linear read-out for real or complex targets.

    A series is (n_steps, n_inputs), several of one length (n_series, n_steps, n_inputs), several of any length a list; targets likewise.

    Parameters
    ----------
    n_delays : int
        k: how many values of every input are seen, the present one included.
    stride : int
        s: steps between them.
    order : int or sequence of int
        Degree of the monomials beside the linear part; of several degrees if there are several, none for 1.
    intercept : bool
        The read-out has a constant, which is not penalised.
    ridge : float
        Penalty of the weights.
    solver : {"qr", "gram"}
        As in :class:`pushforward.kernels.Ridge`.
    predict_increment : bool
        Learn y[t] − x[t] and add x[t] afterwards: for one step ahead of a series of small steps. Needs as many outputs as inputs.
    dtype : {"float64", "float32", "complex128", "complex64"}
        Precision of everything; data of another precision are refused.

    Attributes
    ----------
    W_out_, b_out_ : ndarray
        Read-out (n_outputs, n_features) and (n_outputs,). Copies.
    n_features_, n_inputs_, n_outputs_ : int

    Notes
    -----
    Features z_t = [x_t | x_{t−s} | … | x_{t−(k−1)s}], then all distinct products of ``order`` entries of z_t (D. J. Gauthier, E. Bollt, A. Griffith,
    W. A. S. Barbosa, Nature Communications 12, 5564, 2021; there the constant is penalised too). The first (k − 1) s steps of a series have no
    features: nothing is learnt from them, and predictions there are NaN. No delay reaches from one series into another.
    Delays of a smooth series repeat each other, and the closed loop may run away although single steps are predicted well, the more so the cleaner
    the data: the paper's series holds integration errors of 1e-3, which steady it. A larger ridge, a longer stride or some noise on X do too.

    :meth:`fit` starts afresh; :meth:`partial_fit` of one series goes on with the stream, delays included, until :meth:`reset_state`;
    of several series each begins anew.

    Examples
    --------
    >>> import numpy as np
    >>> from pushforward.nvar import NVARRegressor
    >>> x = np.empty((300, 1))
    >>> x[0] = 0.3
    >>> for t in range(1, 300):
    ...     x[t] = 3.9 * x[t - 1] * (1 - x[t - 1])
    >>> model = NVARRegressor(n_delays=1, ridge=1e-12).fit(x[:199], x[1:200])  # the logistic map is a polynomial
    >>> bool(np.abs(model.simulate(10, warmup=x[:200]) - x[200:210]).max() < 1e-6)
    True
    """

    def __init__(
        self, n_delays: int = 2, stride: int = 1, order: int | Sequence[int] = 2, *, intercept: bool = True, ridge: float = 1e-6, solver: str = "qr",
        predict_increment: bool = False, dtype: str = "float64",
    ) -> None:  # fmt: skip
        self.n_delays, self.stride, self.order, self.intercept, self.ridge, self.solver = n_delays, stride, order, intercept, ridge, solver
        self.predict_increment, self.dtype = predict_increment, dtype

    # -- running -------------------------------------------------------------------------------------------------------------

    def predict(self, X: ArrayLike | list[Array], state: str = "start") -> Any:
        """Outputs for driven series; the model does not change.

        Parameters
        ----------
        X : as for :meth:`fit`
        state : {"start", "current"}
            A series of its own, or one that goes on where the stream stands.

        Returns
        -------
        y : ndarray as the targets were: (n_steps,) or (n_steps, n_outputs), or a batch or a list of them as X is
            NaN where the delays reach before the start of the series.
        """
        self._check_built()
        one_of("state", state, ("start", "current"))
        data = self._data(X)
        if state == "current" and data.form != "one":
            raise ValueError(f"X must be one series (n_steps, n_inputs) to go on from the current state, got {len(data.arrays)} series")
        outputs = []
        for x in data.arrays:
            past = self._delays.tail(self._past, self._delays.span) if state == "current" else self._past[:0]
            Y, whole = np.full((len(x), self.n_outputs_), np.nan, self._type()), np.concatenate([past, x])
            for first, features in self._delays.pieces(whole):
                at = first - len(past)
                Y[at : at + len(features)] = self._output(features, x[at : at + len(features)])
            outputs.append(Y[:, 0] if self._flat_ else Y)
        return data.like(outputs)

    def _output(self, features: Array, x: Array) -> Array:
        W, b, _ = self._readout._solve(self._readout.ridge)
        Y: Array = features @ W.T + b
        return Y + x if self.predict_increment else Y

    def simulate(self, n_steps: int, warmup: Any = None) -> Array:
        """Run in a closed loop, outputs taking the place of inputs: the n_steps that follow ``warmup``; the model does not change.

        Parameters
        ----------
        n_steps : int
        warmup : as X, optional
            At least (n_delays − 1) stride + 1 steps. Without it the stream goes on where it stands.

        Returns
        -------
        y : (n_steps, n_outputs) ndarray, with (n_series, …) in front for several series; without the axis of the outputs if the targets had none
            Compare ``simulate(n, warmup=x[:T])`` with ``x[T:T + n]``.

        Raises
        ------
        DivergenceError
            When the output stops being finite, with the step.
        """
        positive_int("n_steps", n_steps)
        self._check_built()
        if self.n_inputs_ != self.n_outputs_:
            raise ValueError(f"simulate() needs as many outputs as inputs, got {self.n_outputs_} outputs for {self.n_inputs_} inputs")
        data = None if warmup is None else self._data(warmup, "warmup")
        starts = [self._past] if data is None else data.arrays
        n_seen = self._delays.span + 1
        if min(map(len, starts)) < n_seen:
            raise ValueError(f"warmup must have at least (n_delays − 1) stride + 1 = {n_seen} steps, got {min(map(len, starts))}")
        x = np.empty((len(starts), n_seen + n_steps, self.n_inputs_), self._type())
        x[:, :n_seen] = np.stack([start[len(start) - n_seen :] for start in starts])
        for t in range(n_steps):
            window = x[:, t : t + n_seen]
            with np.errstate(over="ignore", invalid="ignore"):
                x[:, t + n_seen] = self._output(self._delays.features(window)[:, 0], window[:, -1])
            if not np.isfinite(x[:, t + n_seen]).all():
                raise DivergenceError("the output stopped being finite", t, int(np.argwhere(~np.isfinite(x[:, t + n_seen]))[0, 0]))
        y = x[:, n_seen:, 0] if self._flat_ else x[:, n_seen:]
        return y[0] if data is None or data.form == "one" else y

    def score(self, X: ArrayLike | list[Array], y: Any, sample_weight: None = None) -> float:
        """R² of :meth:`predict`, 1 − Σ|y − ŷ|² / Σ|y − ȳ|², over the steps that have features, averaged over outputs."""
        self._check_built()
        data = self._data(X)
        truth = np.concatenate([a[self._delays.span :] for a in _series.targets("y", y, data, self._type())[0].arrays])
        outputs = self.predict(X)
        found = [np.reshape(a, (-1, self.n_outputs_))[self._delays.span :] for a in ([outputs] if data.form == "one" else outputs)]
        error, spread = np.sum(np.abs(truth - np.concatenate(found)) ** 2, axis=0), np.sum(np.abs(truth - truth.mean(axis=0)) ** 2, axis=0)
        return float(np.mean(np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1), np.where(error > 0, 0.0, 1.0))))
