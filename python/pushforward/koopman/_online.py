"""What a stream of states makes of the operators: the recursions behind :class:`pushforward.koopman.OnlineEDMD`."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _series
from .._checks import non_negative_int, one_of, positive_int, seed, true_or_false
from .._estimator import Estimator
from ..errors import DivergenceError
from ..io import Arrays
from ..readout import RLS
from ..readout._base import OnlineReadout
from ._lift import Lift
from ._spectrum import decompose
from ._windowed import WindowedLeastSquares
from .dictionaries import Custom, Dictionary

__all__ = ["OnlineOperators"]

Array = NDArray[Any]
TARGETS = ("observables", "state")
CHUNK_NUMBERS = 1 << 20  # of features and targets made at a time


class OnlineOperators(Estimator):
    """A linear read-out that learns online from [ψ(h[t]) | u[t]]; its targets are ψ(h[t+1]), and beside it h[t+1] | h[t] where h is not in ψ.

    With ``target="state"`` h[t+1] alone.
    """

    # set by the constructor (scikit-learn: as given, checked when used)
    dictionary: Dictionary | Callable[[Array], Array]
    n_state: int
    n_inputs: int
    target: str
    include_state: bool
    include_constant: bool
    forgetting: float
    window: int | None
    ridge: float | None
    dtype: str
    random_state: int | None

    _evolving: ClassVar[tuple[str, ...]] = ("_lift", "_learner")
    _lift: Lift
    _learner: OnlineReadout

    # -- building ------------------------------------------------------------------------------------------------------------

    def _type(self) -> np.dtype[Any]:
        one_of("dtype", self.dtype, ("float64", "float32"))
        return np.dtype(self.dtype)

    def _unfitted(self) -> Dictionary:
        if isinstance(self.dictionary, Dictionary):
            return self.dictionary
        if not callable(self.dictionary):
            raise TypeError(f"dictionary must be one of pushforward.koopman or a function, got {self.dictionary!r}")
        return Custom(self.dictionary)

    def _check_settings(self) -> None:
        self._type()
        one_of("target", self.target, TARGETS)
        positive_int("n_state", self.n_state)
        non_negative_int("n_inputs", self.n_inputs)
        for name, flag in (("include_state", self.include_state), ("include_constant", self.include_constant)):
            true_or_false(name, flag)
        if self.window is not None and self.forgetting != 1:
            raise ValueError(f"forgetting must be 1 with a window, whose events count alike, got {self.forgetting!r}")
        if self.random_state is not None:
            seed("random_state", self.random_state)

    def _check_ready(self) -> None:
        if self._is_built():
            self._check_unchanged()
        else:
            self._check_settings()

    def _build(self, H: Array) -> None:
        """Fit the dictionary, unless it is, to states that follow each other."""
        dictionary = self._unfitted()
        if not dictionary.__sklearn_is_fitted__():
            dictionary = dictionary.fit(H[:-1], H[1:], rng=np.random.default_rng(self.random_state))
        self._take(dictionary)

    def _take(self, dictionary: Dictionary) -> None:
        if dictionary.n_inputs != self.n_state:
            raise ValueError(f"dictionary must be of n_state = {self.n_state} variables, got one fitted to {dictionary.n_inputs}")
        lift = Lift(dictionary, bool(self.include_state), bool(self.include_constant))
        common: dict[str, Any] = {"intercept": False, "dtype": self._type().name}
        if self.window is None:
            learner: OnlineReadout = RLS(forgetting=self.forgetting, ridge=self.ridge, **common)
        else:
            learner = WindowedLeastSquares(self.window, ridge=1e-6 if self.ridge is None else self.ridge, **common)
        n, D = int(self.n_state), lift.n_features
        learner._build(D + int(self.n_inputs), n if self.target == "state" else D if lift.state_columns is not None else D + 2 * n, False)
        self._lift, self._learner, self.n_features_in_, self.n_features_, self.n_events_ = lift, learner, n, D, 0
        self._remember_settings()

    # -- learning ------------------------------------------------------------------------------------------------------------

    def _learn(self, trajectories: list[Array], inputs: list[Array] | None) -> list[Array]:
        """Learn trajectories of at least two steps; return what was predicted of the state after each step, before it was learnt."""
        if not self._is_built():
            with self._unchanged_by_mistakes():
                self._build(trajectories[0])
        return [self._learn_one(H, None if inputs is None else inputs[i]) for i, H in enumerate(trajectories)]

    def _learn_one(self, H: Array, U: Array | None) -> Array:
        length = max(1, CHUNK_NUMBERS // (self._learner.n_features_in_ + self._learner.n_outputs_))
        predictions = np.empty((len(H) - 1, self.n_features_in_), H.dtype)
        for first in range(0, len(H) - 1, length):
            part = slice(first, min(first + length, len(H) - 1))
            psi = self._lift(H[first : part.stop + 1])
            after = H[first + 1 : part.stop + 1]
            if self.target == "state":
                targets = after
            else:
                targets = psi[1:] if self._lift.state_columns is not None else np.concatenate([psi[1:], after, H[part]], axis=1)
            try:
                found = self._learner.run(psi[:-1] if U is None else np.concatenate([psi[:-1], U[part]], axis=1), targets)
            except DivergenceError as error:
                self.n_events_ += error.step
                raise DivergenceError(error.reason, first + error.step) from None
            self.n_events_ += len(found)
            predictions[part] = found[:, self._next_state()]
        return predictions

    def _next_state(self) -> slice:
        """Where the next state stands among the targets."""
        if self.target == "state":
            return slice(0, self.n_features_in_)
        inside, D = self._lift.state_columns, self.n_features_
        return slice(D, D + self.n_features_in_) if inside is None else inside

    # -- operators -----------------------------------------------------------------------------------------------------------

    def _weights(self) -> tuple[Array, Array]:
        """Of features and of inputs, a row a target; the constant stays what it is."""
        self._check_built()
        W, one = self._learner.W_out_, self._lift.constant_column
        if self.target == "observables" and one is not None:
            W[one] = 0
            W[one, one] = 1
        return W[:, : self.n_features_], W[:, self.n_features_ :]

    @property
    def koopman_matrix_(self) -> Array | None:
        """K (n_features, n_features): ψ[t+1] ≈ K ψ[t] + B u[t]; None with ``target="state"``. A copy, like the others."""
        weights = self._weights()[0]
        return None if self.target == "state" else weights[: self.n_features_].copy()

    @property
    def input_matrix_(self) -> Array | None:
        """B (n_features, n_inputs); None without inputs, and with ``target="state"``."""
        weights = self._weights()[1]
        return None if self.target == "state" or not self.n_inputs else weights[: self.n_features_].copy()

    @property
    def state_matrix_(self) -> Array:
        """A (n_state, n_features): h[t+1] ≈ A ψ[t] + A_u u[t]."""
        return self._weights()[0][self._next_state()].copy()

    @property
    def state_input_matrix_(self) -> Array | None:
        """A_u (n_state, n_inputs); None without inputs."""
        return self._weights()[1][self._next_state()].copy() if self.n_inputs else None

    @property
    def projection_(self) -> Array | None:
        """C (n_state, n_features): h ≈ C ψ, exactly where the state stands in ψ; None with ``target="state"``."""
        weights, inside = self._weights()[0], self._lift.state_columns
        if self.target == "state":
            return None
        if inside is not None:
            return np.eye(self.n_features_, dtype=weights.dtype)[inside]
        return weights[self.n_features_ + self.n_features_in_ :].copy()

    @property
    def eigenvalues_(self) -> Array | None:
        """Of the Koopman matrix, descending in modulus; None with ``target="state"``."""
        K = self.koopman_matrix_
        return None if K is None else decompose(K).eigenvalues

    def predict(self, X: ArrayLike, inputs: ArrayLike | None = None) -> Array:
        """Predict the next state without learning.

        Parameters
        ----------
        X : (n, n_state) or (n_state,) ndarray
        inputs : (n, n_inputs) or (n_inputs,) ndarray, optional
            As X; given exactly when there are inputs.

        Returns
        -------
        states : ndarray like X
        """
        self._check_built()
        self._check_unchanged()
        given = [("X", X, self.n_features_in_)] + ([("inputs", inputs, self.n_inputs)] if inputs is not None else [])
        if (inputs is None) != (self.n_inputs == 0):
            raise ValueError(f"inputs must be given exactly when there are some: n_inputs is {self.n_inputs}")
        single = np.ndim(X) == 1
        rows: list[Array] = []
        for name, values, width in given:
            array = _series.numbers(name, values, self._type())
            array = array[None] if single and array.ndim == 1 else array
            if array.ndim != 2 or array.shape[1] != width or (rows and len(array) != len(rows[0])):
                raise ValueError(f"{name} must be rows of {width} numbers, as many as X has, got shape {array.shape[single:]}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
            rows.append(array)
        A, A_u = (weights[self._next_state()] for weights in self._weights())
        states: Array = self._lift(rows[0]) @ A.T
        if inputs is not None:
            states += rows[1] @ A_u.T
        return states[0] if single else states

    # -- what a file holds ---------------------------------------------------------------------------------------------------

    def _to_file(self) -> tuple[dict[str, Any], dict[str, Array]]:
        self._check_built()
        self._check_unchanged()
        facts, arrays = self._learner._to_file()
        held = {f"dictionary.{name}": a for name, a in self._lift.dictionary.arrays().items()}
        return {"n_events": self.n_events_, "learner": facts}, held | {f"learner.{name}": a for name, a in arrays.items()}

    def _from_file(self, facts: dict[str, Any], arrays: dict[str, Array]) -> None:
        parts = {
            prefix: Arrays((name.removeprefix(prefix), a) for name, a in arrays.items() if name.startswith(prefix))
            for prefix in ("dictionary.", "learner.")
        }
        self._check_settings()
        self._take(self._unfitted().from_arrays(parts["dictionary."]))
        self._learner._from_file(facts["learner"], parts["learner."])
        self.n_events_ = int(facts["n_events"])
