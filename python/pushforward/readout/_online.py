"""Read-outs that learn from one event after the other: recursive least squares, and the gradient rules that it outruns."""

from typing import Self

import numpy as np

from .._checks import number, positive_number
from .._network import as_parts, from_parts
from .._series import Array
from ._base import OnlineReadout, forgetting_and_ridge


class RLS(OnlineReadout):
    """Recursive least squares with forgetting: the least-squares solution, brought up to date with every event.

    Parameters
    ----------
    forgetting : float in (0, 1]
        λ: an event t steps ago counts λ^t. 1: all count alike.
    ridge : float, > 0, optional
        P begins as I / ridge; 1e-6 unless given, 1e-2 in single precision. With ``forgetting=1`` the weights equal ridge regression with the same
        ``ridge`` on all events so far.
    intercept : bool
        The constant 1 is one more feature inside P: it is regularised like the others.
    dtype : {"float64", "float32", "complex64", "complex128"}

    Attributes
    ----------
    W_out_ : (n_outputs, n_features) ndarray
    b_out_ : (n_outputs,) ndarray
    P_ : (n, n) ndarray
        n = n_features, and 1 for the constant, which is last.
    n_features_in_, n_outputs_ : int
        Fixed by the first data.

    Notes
    -----
    u = P x, g = 1 / (λ + xᴴ u), W ← W + (y − W x) (g u)ᴴ, P ← (P − g u uᴴ) / λ (Haykin, *Adaptive Filter Theory*, ch. 10). After T events W is the
    minimum of Σ_t λ^(T−t) |y[t] − W x[t]|² + λ^T ridge ‖W‖². A step is one pass over half of P. The other half is not kept, so that P is
    Hermitian whatever is rounded.

    P is a small difference of large numbers when ridge is small: an error of about eps / ridge against the 1 / (n_steps · power) that P comes to,
    so that single precision wants a ridge of 1e-3 of the power of the features or more. And where forgetting meets features that do not move, P
    grows by 1/λ a step in the directions not heard (wind-up). Both end in a :class:`~pushforward.errors.DivergenceError` with the step, before
    anything wrong is learnt: then xᴴ P x < 0, or an entry of P's diagonal is not positive, or a number is not finite. :meth:`reset_covariance`
    goes on from there.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> model = RLS(ridge=0.1, intercept=False)
    >>> predictions = model.run(X, X @ [1.0, -2.0, 3.0])  # each made before its own update
    >>> bool(np.allclose(model.W_out_[0], np.linalg.solve(X.T @ X + 0.1 * np.eye(3), X.T @ X @ [1.0, -2.0, 3.0]), rtol=1e-10))
    True
    """

    _kind = "rls"

    def __init__(self, *, forgetting: float = 1.0, ridge: float | None = None, intercept: bool = True, dtype: str = "float64") -> None:
        self.forgetting, self.ridge, self.intercept, self.dtype = forgetting, ridge, intercept, dtype

    def _settings(self) -> dict[str, float]:
        return forgetting_and_ridge(self.forgetting, self._first_ridge, self._dtype())

    @property
    def _first_ridge(self) -> float:
        if self.ridge is not None:
            return self.ridge
        return 1e-2 if np.finfo(self._dtype()).bits == 32 else 1e-6

    @property
    def P_(self) -> Array:
        """(Σ λ^(T−t) x xᴴ + λ^T ridge I)⁻¹ (n, n), the constant last. A copy."""
        self._check_built()
        return from_parts(self._readout.covariance(), self._type_)

    def reset_covariance(self) -> Self:
        """Keep the weights and begin P afresh at I / ridge: what comes counts against the weights, as if they had been found from nothing."""
        self._check_built()
        self._readout.set_covariance(as_parts(np.eye(len(self.P_)) / self._first_ridge, self._type_))
        return self

    def merge(self, other: "RLS") -> Self:
        """Take in all that another one has learnt, as if this one had seen both streams.

        Parameters
        ----------
        other : RLS
            With the same settings, ``forgetting=1``, and as many features and outputs. It does not change.

        Returns
        -------
        self

        Notes
        -----
        Information adds up: P⁻¹ = P₁⁻¹ + P₂⁻¹ − ridge I, W P⁻¹ = W₁ P₁⁻¹ + W₂ P₂⁻¹. Computed in double precision. It costs three factorisations
        of P and is as accurate as P is well conditioned.
        """
        if not isinstance(other, RLS):
            raise TypeError(f"other must be an RLS, got {type(other).__name__}")
        mine, theirs = self.get_params(), other.get_params()
        if mine != theirs:
            raise ValueError(f"other must have the same settings {mine}, got {theirs}")
        if self.forgetting != 1:
            raise ValueError(f"forgetting must be 1 to merge: streams side by side have no common order to forget in, got {self.forgetting!r}")
        if not other._is_built():
            return self
        if not self._is_built():
            self._from_file(*other._to_file())
            return self
        self._check_unchanged()
        other._check_unchanged()
        sizes, others = (self.n_features_in_, self.n_outputs_), (other.n_features_in_, other.n_outputs_)
        if sizes != others:
            raise ValueError(f"other must have {sizes[0]} features and {sizes[1]} outputs, got {others[0]} and {others[1]}")
        information, weighted = zip(*(model._information() for model in (self, other)), strict=True)
        total = sum(information) - self._first_ridge * np.eye(len(information[0]))
        P = np.linalg.inv(total)
        W = (sum(weighted) @ P).astype(self._type_)
        if not (np.isfinite(P).all() and np.isfinite(W).all()):
            raise ValueError("other cannot be merged: the sum of the information is singular; a larger ridge cures it")
        self._readout.set_covariance(as_parts(((P + P.conj().T) / 2).astype(self._type_), self._type_))
        n = self.n_features_in_
        b = W[:, n] if self.intercept else np.zeros(len(W), self._type_)
        self._readout.set_weights(as_parts(W[:, :n], self._type_), as_parts(b, self._type_))
        return self

    def _information(self) -> tuple[Array, Array]:
        """P⁻¹ and W P⁻¹, in double precision."""
        wide = np.result_type(self._type_, np.float64)
        W = np.hstack([self.W_out_, self.b_out_[:, None]] if self.intercept else [self.W_out_])
        R = np.linalg.inv(self.P_.astype(wide))
        return R, W.astype(wide) @ R


class LMS(OnlineReadout):
    """Least mean squares: stochastic gradient descent on the squared error of one event at a time.

    Parameters
    ----------
    learning_rate : float, > 0
        μ. Stable in the mean for μ below 2 over the largest eigenvalue of E[x xᴴ].
    intercept : bool
        The constant 1 is one more feature.
    dtype : {"float64", "float32", "complex64", "complex128"}

    Attributes
    ----------
    W_out_ : (n_outputs, n_features) ndarray
    b_out_ : (n_outputs,) ndarray
    n_features_in_, n_outputs_ : int

    Notes
    -----
    W ← W + μ (y − W x) xᴴ (Widrow and Hoff 1960).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> model = LMS(learning_rate=0.05)
    >>> _ = model.run(X, X @ [1.0, -2.0] + 0.5)
    >>> np.round(model.W_out_, 6), np.round(model.b_out_, 6)
    (array([[ 1., -2.]]), array([0.5]))
    """

    _kind = "lms"

    def __init__(self, *, learning_rate: float = 0.01, intercept: bool = True, dtype: str = "float64") -> None:
        self.learning_rate, self.intercept, self.dtype = learning_rate, intercept, dtype

    def _settings(self) -> dict[str, float]:
        largest = float(np.finfo(self._dtype()).max)
        return {"learning_rate": number("learning_rate", self.learning_rate, "a positive finite number", 0, largest, "(]")}


class NLMS(OnlineReadout):
    """Least mean squares, normalised by the power of the features: the rate needs no knowledge of their scale.

    Parameters
    ----------
    learning_rate : float in (0, 2)
        μ. 1 makes the prediction of the event just learnt exact (but for epsilon); less averages over noise.
    epsilon : float, > 0
        Keeps features of no power from being divided by.
    intercept : bool
        The constant 1 is one more feature, and counts in the power.
    dtype : {"float64", "float32", "complex64", "complex128"}

    Attributes
    ----------
    W_out_ : (n_outputs, n_features) ndarray
    b_out_ : (n_outputs,) ndarray
    n_features_in_, n_outputs_ : int

    Notes
    -----
    W ← W + μ (y − W x) xᴴ / (ε + ‖x‖²) (Nagumo and Noda 1967).

    Examples
    --------
    >>> import numpy as np
    >>> X = 1000 * np.random.default_rng(0).normal(size=(2000, 2))
    >>> model = NLMS(learning_rate=0.5, intercept=False)
    >>> _ = model.run(X, X @ [1.0, -2.0])
    >>> np.round(model.W_out_, 6)
    array([[ 1., -2.]])
    """

    _kind = "nlms"

    def __init__(self, *, learning_rate: float = 0.5, epsilon: float = 1e-8, intercept: bool = True, dtype: str = "float64") -> None:
        self.learning_rate, self.epsilon, self.intercept, self.dtype = learning_rate, epsilon, intercept, dtype

    def _settings(self) -> dict[str, float]:
        return {
            "learning_rate": number("learning_rate", self.learning_rate, "a number in (0, 2)", 0, 2, "()"),
            "epsilon": positive_number("epsilon", self.epsilon, "a positive finite number"),
        }
