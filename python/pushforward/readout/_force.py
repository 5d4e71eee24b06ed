"""FORCE: a network that hears its own output, which recursive least squares keeps close to the target from the first steps on."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._checks import is_int, one_of
from .._network import as_parts, from_parts
from .._series import DTYPES, Array, numbers
from ..errors import DivergenceError
from ._feedback import FeedbackNetwork


class FORCE(FeedbackNetwork):
    """First-order reduced and controlled error: recursive least squares with the output fed back in the loop.

    Parameters
    ----------
    W_rec : (n_units, n_units) ndarray, SciPy sparse matrix, or operator of :mod:`pushforward.reservoirs`
        Typically of a spectral radius of 1.2 to 1.5: chaotic by itself.
    W_feedback : (n_units, n_outputs) ndarray
    W_in : (n_units, n_inputs) ndarray, optional
        Without it there are no inputs.
    bias : (n_units,) ndarray, optional
    leak_rate : float or (n_units,) ndarray, in (0, 1]
    activation : {"tanh", "identity", "relu", "sigmoid", "elu"}
        Of complex numbers it acts on the real and on the imaginary part.
    forgetting, ridge : float
        As in :class:`RLS`. Here ridge sets the rate of learning at the start: the smaller, the faster.
    intercept : bool
    noise : float
        Standard deviation of what is added to the argument of the activation while it learns.
    dtype : {"float64", "float32", "complex64", "complex128"}
    random_state : int
        Of the noise.

    Attributes
    ----------
    W_out_ : (n_outputs, n_units) ndarray
    b_out_ : (n_outputs,) ndarray
    P_ : (n, n) ndarray
    state_ : (n_units,) ndarray

    Notes
    -----
    s[t] = (1 − a) ∘ s[t−1] + a ∘ σ(W_rec s[t−1] + W_in x[t] + bias + W_feedback y[t−1] + noise ξ[t]), y[t] = W_out s[t] + b_out, and then a step
    of :class:`RLS` towards the target. What is fed back is y[t], made before the update (Sussillo and Abbott 2009). The network starts at zero at
    the first step and goes on until :meth:`reset_state`. At zero, without inputs, bias and noise, it would stay there: nothing would be learnt.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> W_rec, W_feedback = 1.2 * rng.normal(size=(200, 200)) / 200**0.5, rng.uniform(-1, 1, (200, 1))
    >>> y = np.sin(np.arange(3000) / 10)
    >>> model = FORCE(W_rec, W_feedback, bias=rng.normal(size=200) / 10, leak_rate=0.3)
    >>> outputs = model.run(None, y)
    >>> free = model.simulate(300)  # the loop is closed, nothing is learnt
    >>> bool(np.abs(free - np.sin(np.arange(3000, 3300) / 10)).max() < 0.15)
    True
    """

    def __init__(
        self, W_rec: Any, W_feedback: ArrayLike, W_in: ArrayLike | None = None, bias: ArrayLike | None = None, *, leak_rate: float | ArrayLike = 1.0,
        activation: str = "tanh", forgetting: float = 1.0, ridge: float = 1.0, intercept: bool = False, noise: float = 0.0,
        dtype: str = "float64", random_state: int = 0,
    ) -> None:  # fmt: skip
        self.W_rec, self.W_feedback, self.W_in, self.bias, self.leak_rate, self.activation = W_rec, W_feedback, W_in, bias, leak_rate, activation
        self.forgetting, self.ridge, self.intercept, self.noise = forgetting, ridge, intercept, noise
        self.dtype, self.random_state = dtype, random_state

    def _inputs(self, X: ArrayLike | None, n_steps: int) -> Array:
        if X is None and self.n_features_in_ == 0:
            return np.zeros((n_steps, 0), self._type_)
        if X is None or self.n_features_in_ == 0:
            raise ValueError(f"X must be {'given' if X is None else 'None'}: W_in takes {self.n_features_in_} inputs")
        rows = numbers("X", X, self._type_)
        if rows.shape != (n_steps, self.n_features_in_):
            raise ValueError(f"X must have shape {(n_steps, self.n_features_in_)}, got {rows.shape}")
        return rows

    # -- learning and running ------------------------------------------------------------------------------------------------

    def run(self, X: ArrayLike | None, Y: ArrayLike) -> Array:
        """Run the network with its output fed back, learning at every step.

        Parameters
        ----------
        X : (n_steps, n_inputs) ndarray; None without W_in
        Y : (n_steps, n_outputs) or (n_steps,) ndarray

        Returns
        -------
        outputs : ndarray like Y
            Each made before its own update.

        Raises
        ------
        DivergenceError
            With the step. The steps before it have been learnt; the state is that before the call.
        """
        with self._unchanged_by_mistakes():
            if not self._is_built():
                self._build()
            self._check_unchanged()
            targets = numbers("Y", Y, self._type_)
            flat = targets.ndim == 1
            targets = targets[:, None] if flat else targets
            if targets.ndim != 2 or len(targets) == 0 or targets.shape[1] != self.n_outputs_:
                raise ValueError(f"Y must be (n_steps, {self.n_outputs_}) with at least one step, got shape {np.shape(Y)}")
            rows = self._inputs(X, len(targets))
            arrays = (as_parts(a[None], self._type_) for a in (rows, targets))
            diverged = None
            try:
                outputs = from_parts(self._network.learn(self._readout, *arrays, "outputs", as_parts(self._last_, self._type_)), self._type_)[0]
                self._last_, self._flat_ = outputs[-1].copy(), flat
            except DivergenceError as error:  # no mistake: what was learnt before it stays
                diverged = error
        if diverged is not None:
            raise diverged
        out: Array = outputs[:, 0] if flat else outputs
        return out

    def step(self, x: ArrayLike | None, y: ArrayLike) -> Array:
        """Take one event: :meth:`run` of one step.

        Parameters
        ----------
        x : (n_inputs,) ndarray; None without W_in
        y : (n_outputs,) ndarray, or a number

        Returns
        -------
        output : (n_outputs,) ndarray, or () as y is
        """
        one_of("dtype", self.dtype, DTYPES)
        dtype = np.dtype(self.dtype)
        X = None if x is None else numbers("x", x, dtype)[None]
        target = numbers("y", np.asarray(y).tolist() if np.isscalar(y) else y, dtype).reshape(np.shape(y))
        outputs: Array = self.run(X, target[None])[0]
        return outputs

    def simulate(self, n_steps: int, X: ArrayLike | None = None) -> Array:
        """Run the closed loop on from where the network stands, without noise. The model does not change.

        Parameters
        ----------
        n_steps : int
        X : (n_steps, n_inputs) ndarray; None without W_in

        Returns
        -------
        outputs : (n_steps, n_outputs) ndarray, or (n_steps,) if the targets were so
        """
        self._check_built()
        if not (is_int(n_steps) and n_steps >= 1):
            raise ValueError(f"n_steps must be a positive int, got {n_steps!r}")
        network = self._fresh_network(self._layer_ | {"noise": 0.0})
        network.set_states(self._network.states())
        W, b = self._readout.weights()
        last, rows = as_parts(self._last_[None], self._type_), as_parts(self._inputs(X, n_steps)[None], self._type_)
        outputs: Array = from_parts(network.simulate(W, b, last, rows, int(n_steps)), self._type_)[0]
        return outputs[:, 0] if self._flat_ else outputs

    def reset_state(self) -> Self:
        """Set the state and the last output to zero; what was learnt stays."""
        self._check_built()
        self._network.set_states(np.zeros_like(self._network.states()))
        self._last_ = np.zeros_like(self._last_)
        return self
