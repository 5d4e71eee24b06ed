"""Koopman operators of systems that drift: learnt from one event after the other, with forgetting or over a sliding window."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _series
from ._online import OnlineOperators
from .dictionaries import Dictionary

__all__ = ["OnlineEDMD"]

Array = NDArray[Any]


class OnlineEDMD(OnlineOperators):
    """Extended dynamic mode decomposition of a stream: the operators are those of all data so far at any time, or of those that still count.

    Parameters
    ----------
    dictionary : Dictionary or callable
        Of :mod:`pushforward.koopman`, or a function (n, n_state) -> (n, n_features) (:class:`pushforward.koopman.Custom`). A fitted one is taken
        as it is (:func:`sklearn.base.clone` forgets that it was fitted); another one is fitted to the first data.
    n_state : int
        Width of the state.
    n_inputs : int
        Width of the inputs, 0 for none.
    target : {"observables", "state"}
        What is predicted: all features of the next state (the whole operator), or the next state only.
    include_state, include_constant : bool
        Put the state and the constant 1 beside the features of the dictionary, unless they stand in it.
    forgetting : float in (0, 1]
        λ: an event t steps ago counts λ^t. 1: all count alike.
    window : int, optional
        Learn from the last ``window`` events, which count alike; ``forgetting`` is 1 then.
    ridge : float, > 0, optional
        Penalty of the sum of squares of the operators' entries; with ``forgetting`` below 1 it is forgotten too. 1e-6 unless given, and in single
        precision without a window 1e-2.
    dtype : {"float64", "float32"}
    random_state : int, optional
        Seeds what a dictionary draws when it is fitted.

    Attributes
    ----------
    koopman_matrix_ : (n_features, n_features) ndarray or None
        ψ[t+1] ≈ K ψ[t] + B u[t]; None with ``target="state"``, like ``input_matrix_``, ``projection_`` and ``eigenvalues_``.
    input_matrix_ : (n_features, n_inputs) ndarray or None
    projection_ : (n_state, n_features) ndarray or None
        h ≈ C ψ, exactly where the state stands in ψ.
    state_matrix_ : (n_state, n_features) ndarray
        h[t+1] ≈ A ψ[t] + A_u u[t].
    state_input_matrix_ : (n_state, n_inputs) ndarray or None
    eigenvalues_ : (n_features,) complex ndarray or None
        Descending in modulus.
    n_events_ : int
        Learnt so far.

    Notes
    -----
    Forgetting: recursive least squares with one P for all targets (:class:`pushforward.kernels.RLS`); with ``forgetting=1`` the operators equal
    :func:`pushforward.kernels.edmd` with the same ridge. H. Zhang, C. Rowley, E. Deem, L. Cattafesta, SIAM J. Appl. Dyn. Syst. 18, 1586 (2019).

    Window: the triangle R of its features, Rᵀ R = Ψᵀ Ψ + ridge I, takes the event that comes and gives back the one that leaves, by orthogonal
    rotations. A second triangle takes events only; when it has seen a whole window it replaces the first, so that errors never gather over more than
    one window. Where the event that leaves carries a direction nearly alone, R is made again from the events. A window should hold some times as many
    events as there are features and inputs. The operators are those of :func:`pushforward.kernels.edmd` on the window. O(n_features²) operations an
    event with ``target="state"`` either way, and as many more for each of ten targets or so.

    Examples
    --------
    A rotation that becomes a faster one:

    >>> import numpy as np, pushforward as pf
    >>> model = pf.koopman.OnlineEDMD(pf.koopman.Identity(), n_state=2, include_constant=False, window=20)
    >>> x = np.array([1.0, 0.0])
    >>> for angle in [0.1] * 100 + [0.3] * 20:
    ...     x_next = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ x
    ...     prediction = model.update(x, x_next)
    ...     x = x_next
    >>> np.angle(model.eigenvalues_).round(4)
    array([ 0.3, -0.3])
    """

    def __init__(
        self, dictionary: Dictionary | Callable[[Array], Array], n_state: int, n_inputs: int = 0, *, target: str = "observables",
        include_state: bool = True, include_constant: bool = True, forgetting: float = 1.0, window: int | None = None, ridge: float | None = None,
        dtype: str = "float64", random_state: int | None = None,
    ) -> None:  # fmt: skip
        self.dictionary, self.n_state, self.n_inputs, self.target = dictionary, n_state, n_inputs, target
        self.include_state, self.include_constant, self.forgetting, self.window = include_state, include_constant, forgetting, window
        self.ridge, self.dtype, self.random_state = ridge, dtype, random_state

    # -- learning ------------------------------------------------------------------------------------------------------------

    def update(self, x: ArrayLike, x_next: ArrayLike, u: ArrayLike | None = None) -> Array:
        """Predict one event, then learn it.

        Parameters
        ----------
        x, x_next : (n_state,) ndarrays
        u : (n_inputs,) ndarray, optional
            Acts between the two; given exactly when there are inputs.

        Returns
        -------
        prediction : (n_state,) ndarray
            Of ``x_next``, before it was learnt.

        Raises
        ------
        DivergenceError
            When P of recursive least squares loses its positive definiteness, or a number is too large. Nothing is learnt from this event.
        """
        self._check_ready()
        dtype = self._type()
        states = [_series.numbers(name, value, dtype) for name, value in (("x", x), ("x_next", x_next))]
        for name, state in zip(("x", "x_next"), states, strict=True):
            if state.shape != (self.n_state,) or not np.isfinite(state).all():
                raise ValueError(f"{name} must be {self.n_state} finite numbers (n_state), got {state if state.ndim == 1 else state.shape}")
        given = None if u is None else _series.numbers("u", u, dtype)
        fits = not self.n_inputs if given is None else self.n_inputs > 0 and given.shape == (self.n_inputs,) and bool(np.isfinite(given).all())
        if not fits:
            wanted = f"{self.n_inputs} finite numbers (n_inputs)" if self.n_inputs else "None: n_inputs is 0"
            raise ValueError(f"u must be {wanted}, got {given}")
        prediction: Array = self._learn([np.stack(states)], None if given is None else [np.stack([given, given])])[0][0]
        return prediction

    def run(self, X: ArrayLike, inputs: ArrayLike | None = None) -> Array:
        """Predict and learn one event after the other: :meth:`update` in one loop.

        Parameters
        ----------
        X : (n_steps, n_state) ndarray
            States that follow each other, two or more. A stream may come in pieces, the next beginning with the last row of the one before.
        inputs : (n_steps, n_inputs) ndarray, optional
            inputs[t] acts between X[t] and X[t + 1]; the last row is not used.

        Returns
        -------
        predictions : (n_steps − 1, n_state) ndarray
            Of X[1:], each made before its own update.

        Raises
        ------
        DivergenceError
            With the step. The events before it have been learnt, that one has not.
        """
        data, driving = self._data(X, inputs)
        if data.form != "one":
            raise ValueError(f"X must be one trajectory (n_steps, n_state), got a {data.form} of {len(data.arrays)}")
        return self._learn(data.arrays, driving)[0]

    def partial_fit(self, X: Any, inputs: Any = None) -> Self:
        """Learn what comes next; X and inputs as for :meth:`run`, a batch (n_series, n_steps, n_state), or lists of trajectories."""
        data, driving = self._data(X, inputs)
        self._learn(data.arrays, driving)
        return self

    def fit(self, X: Any, inputs: Any = None) -> Self:
        """Start afresh and learn; see :meth:`partial_fit`."""
        with self._unchanged_by_mistakes():
            self._forget()
            self.partial_fit(X, inputs)
        return self

    def _data(self, X: Any, inputs: Any) -> tuple[_series.Series, list[Array] | None]:
        self._check_ready()
        data = _series.series("X", X, self._type())
        if data.arrays[0].shape[1] != self.n_state:
            raise ValueError(f"X must have {self.n_state} columns (n_state), got {data.arrays[0].shape[1]}")
        if min(data.lengths) < 2:
            raise ValueError(f"X must have at least two steps, got {min(data.lengths)}")
        if (inputs is None) != (self.n_inputs == 0):
            raise ValueError(f"inputs must be given exactly when there are some: n_inputs is {self.n_inputs}")
        if inputs is None:
            return data, None
        driving = _series.series("inputs", inputs, self._type())
        if driving.lengths != data.lengths or driving.arrays[0].shape[1] != self.n_inputs:
            wanted = f"{len(data.arrays)} of {data.lengths[:5]} steps and {self.n_inputs} columns"
            raise ValueError(f"inputs must be as long as X, {wanted}, got {len(driving.arrays)} of {driving.lengths[:5]} steps")
        return data, driving.arrays
