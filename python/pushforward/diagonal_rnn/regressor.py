"""Real targets."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin

from .._series import Array
from ._linear import linear_output
from ._model import DiagonalModel

__all__ = ["DiagonalRNN"]


class DiagonalRNN(RegressorMixin, DiagonalModel):
    """Wide recurrent network of units that hear themselves alone, with a fixed read-out of ±1, trained by full-batch gradient descent.

    A series is (n_steps, n_inputs), several of one length (n_series, n_steps, n_inputs) or a list; targets likewise, one output. Every series
    begins from the zero state.

    Parameters
    ----------
    n_units : int
        m, even: the start makes pairs.
    activation : {"tanh", "sigmoid", "softplus", "gelu"}
        σ. All are smooth; gelu is x Φ(x) itself, not an approximation of it.
    alpha : float
        |w_i| at the start: how long the network remembers. From 1 / sup|σ'| on (1 for tanh, 4 for sigmoid) the bounds of gradients grow
        exponentially with the number of steps.
    projection : (float, float), optional
        (ρ_w, ρ_u): after every step each unit goes back into the ball around its start, |w_i − w_i(0)| ≤ ρ_w/√m, ‖u_i − u_i(0)‖ ≤ ρ_u/√m
        (max-norm). Plain descent unless given.
    learning_rate : float
        η. What it may be does not depend on the width.
    n_iterations : int
        Steps of descent of one call of :meth:`fit` or :meth:`partial_fit`, each over all data.
    average : bool
        Predict with the mean of the weights at which gradients were taken (the start included), not with the last.
    dtype : {"float64", "float32"}
        Precision of everything; data of another precision are refused.
    random_state : int, optional
        Seed of the start; another one each time unless given.
    n_threads : int, optional
        The global default (:func:`pushforward.set_num_threads`) unless given. Results do not depend on it.

    Attributes
    ----------
    w_ : (n_units,) ndarray
    U_ : (n_units, n_inputs) ndarray
        The weights that predict. Copies, as all arrays here.
    w_last_, U_last_ : ndarray
        The weights of the last iteration: the same unless ``average``.
    w_start_, U_start_, c_ : ndarray
        The start, and the signs of the read-out (n_units,).
    loss_curve_ : (n_iter_,) ndarray of float64
        Risk of every iterate, before its step.
    n_iter_ : int
        Iterations so far.
    n_inputs_ : int

    Notes
    -----
    H_t^i = σ(w_i H_{t−1}^i + ⟨u_i, X_t⟩), H_0 = 0, F_t = (1/√m) Σ_i c_i H_t^i; w and u are trained, c is not (S. Cayci, A. Eryilmaz,
    arXiv 2402.12241). Symmetric start: for i < m/2 w_i = ±α, u_i ~ N(0, I), c_i = ±1; unit i + m/2 copies w_i and u_i and takes −c_i, so that
    every output is zero. Descent θ ← P(θ − η ∇risk) on risk = mean over series and steps of (F_t − y_t)²: this scale, and 1/√m in the radii,
    are our choice.

    :meth:`fit` starts afresh; :meth:`partial_fit` goes on from where the weights stand. Ctrl-C leaves the model as the last whole iteration made
    it: it predicts, can be saved, and goes on.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.random.default_rng(0).normal(size=(32, 10, 2))
    >>> y = np.tanh(X[:, :, 0])
    >>> y[:, 1:] += 0.5 * X[:, :-1, 1]  # what came in one step ago
    >>> model = pf.DiagonalRNN(256, projection=(4.0, 4.0), learning_rate=0.3, n_iterations=60, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.8)
    True
    """

    def __init__(
        self, n_units: int = 256, activation: str = "tanh", alpha: float = 0.5, projection: tuple[float, float] | None = None,
        learning_rate: float = 0.1, n_iterations: int = 100, average: bool = False, dtype: str = "float64", random_state: int | None = None,
        n_threads: int | None = None,
    ) -> None:  # fmt: skip
        self.n_units, self.activation, self.alpha, self.projection, self.learning_rate = n_units, activation, alpha, projection, learning_rate
        self.n_iterations, self.average, self.dtype, self.random_state, self.n_threads = n_iterations, average, dtype, random_state, n_threads

    def fit(self, X: ArrayLike | list[Array], y: Any) -> Self:
        """Start afresh and make ``n_iterations`` steps of descent.

        Parameters
        ----------
        X : (n_steps, n_inputs) ndarray of the model's dtype, (n_series, n_steps, n_inputs), or list of series of one length
        y : (n_steps,) or (n_steps, 1) ndarray, or a batch or a list of them as X is

        Raises
        ------
        ValueError, TypeError
            What does not fit is named; the model is as it was.
        DivergenceError
            With the iteration in which the risk or a weight stopped being finite; the model stands at the last iterate before.
        """
        with self._unchanged_by_mistakes():
            self._forget()
            inputs, targets, flat = self._pairs(X, y)
            self._build(inputs.shape[2], flat)
        self._descend(inputs, targets)
        return self

    def partial_fit(self, X: ArrayLike | list[Array], y: Any) -> Self:
        """Make ``n_iterations`` more steps from where the weights stand, on these data. Parameters and errors as for :meth:`fit`."""
        with self._unchanged_by_mistakes():
            inputs, targets, flat = self._pairs(X, y)
            if not self._is_built():
                self._build(inputs.shape[2], flat)
            self._check_running()
        self._descend(inputs, targets)
        return self

    def predict(self, X: ArrayLike | list[Array]) -> Any:
        """Outputs F of every step, each series from the zero state.

        Parameters
        ----------
        X : as for :meth:`fit`

        Returns
        -------
        y : ndarray as the targets were: (n_steps,) or (n_steps, 1), or a batch or a list of them as X is
        """
        self._check_built()
        data, inputs = self._inputs(X)
        return self._like(data, self._forward(inputs))

    def linear_predict(self, X: ArrayLike | list[Array]) -> Any:
        """Outputs of the network made linear at its start, ⟨∇F_t(θ_0), θ − θ_0⟩, with the weights θ that predict.

        In time as many operations as some predictions, in memory O(n_units): no Jacobian is kept. How far it is from :meth:`predict` falls with
        the width: :func:`pushforward.diagnostics.linearisation_error`.

        Parameters
        ----------
        X : as for :meth:`fit`

        Returns
        -------
        y : as of :meth:`predict`
        """
        self._check_built()
        data, inputs = self._inputs(X)
        w, U = self._weights()
        w_start, U_start, c = self._start
        return self._like(data, linear_output(inputs, w_start, U_start, c, w - w_start, U - U_start, self.activation))

    def score(self, X: ArrayLike | list[Array], y: Any, sample_weight: None = None) -> float:
        """R² of :meth:`predict`, 1 − Σ(y − ŷ)² / Σ(y − ȳ)², over all steps of all series."""
        self._check_built()
        inputs, truth, _ = self._pairs(X, y)
        truth = truth.astype(np.float64)
        error, spread = float(np.sum((truth - self._forward(inputs)) ** 2)), float(np.sum((truth - truth.mean()) ** 2))
        return 1 - error / spread if spread > 0 else float(error == 0)

    # -- what was learnt -----------------------------------------------------------------------------------------------------

    @property
    def w_(self) -> Array:
        """Recurrent weights that predict (n_units,). A copy."""
        self._check_built()
        return self._weights()[0].copy()

    @property
    def U_(self) -> Array:
        """Input weights that predict (n_units, n_inputs). A copy."""
        self._check_built()
        return self._weights()[1].copy()

    @property
    def w_last_(self) -> Array:
        """Recurrent weights of the last iteration (n_units,). A copy."""
        self._check_built()
        return self._iterate.w.copy()

    @property
    def U_last_(self) -> Array:
        """Input weights of the last iteration (n_units, n_inputs). A copy."""
        self._check_built()
        return self._iterate.U.copy()

    @property
    def w_start_(self) -> Array:
        """Recurrent weights of the start (n_units,). A copy."""
        self._check_built()
        return self._start[0].copy()

    @property
    def U_start_(self) -> Array:
        """Input weights of the start (n_units, n_inputs). A copy."""
        self._check_built()
        return self._start[1].copy()

    @property
    def c_(self) -> Array:
        """Signs of the read-out (n_units,). A copy."""
        self._check_built()
        return self._start[2].copy()

    @property
    def loss_curve_(self) -> NDArray[np.float64]:
        """Risk of every iterate before its step (n_iter_,). A copy."""
        self._check_built()
        return np.array(self._risks[: self._iterate.n_iter])

    @property
    def n_iter_(self) -> int:
        """Iterations so far."""
        self._check_built()
        return self._iterate.n_iter
