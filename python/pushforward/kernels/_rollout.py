"""The closed loop of a sampled network."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._checks import one_of, positive_int
from .._series import Array, numbers
from ..cells import ACTIVATIONS

__all__ = ["sampled_rollout"]


def sampled_rollout(
    start: ArrayLike,
    n_steps: int,
    W: ArrayLike,
    b: ArrayLike,
    A: ArrayLike,
    A_u: ArrayLike | None = None,
    inputs: ArrayLike | None = None,
    activation: str = "tanh",
    include_state: bool = True,
    include_constant: bool = True,
    W_u: ArrayLike | None = None,
    b_u: ArrayLike | None = None,
    P: ArrayLike | None = None,
    e_mean: ArrayLike | None = None,
) -> Array:
    """Run a sampled network on its own: the state is lifted anew at every step. From one start, or from several side by side.

    Parameters
    ----------
    start : (n_state,), (n_delays + 1, n_state) or (n_series, n_delays + 1, n_state) array-like
        The states before the first step, oldest first: as many as the network looks back. Without delays a state alone will do.
    n_steps : int
    W : (n_units, n_z) ndarray of float32 or float64
        Weights of the hidden layer. Its dtype is the precision of the computation; arrays of another one are refused, lists are converted.
    b : (n_units,) array-like
    A : (n_state, n_features) array-like
        The next state from the features ``[z | σ(W z + b) | 1]``, of which the first and the last stand there if they are included.
    A_u : (n_state, n_input_features) array-like, optional
        The next state from the features of the inputs.
    inputs : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) array-like, optional
        ``inputs[t]`` acts on the way to the state that is returned in row t. Given exactly when A_u is.
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
    include_state, include_constant : bool
    W_u : (n_input_features, n_inputs) array-like, optional
        Weights of the hidden layer of the inputs, with the same activation. Unless given, inputs are their own features.
    b_u : (n_input_features,) array-like, optional
    P : (n_z, n_state · (n_delays + 1)) array-like, optional
        What compresses the embedding.
    e_mean : (n_state · (n_delays + 1),) array-like, optional
        What is taken from the embedding before that; zero unless given.

    Returns
    -------
    states : (n_steps, n_state) or (n_series, n_steps, n_state) ndarray
        The states after those of ``start``.

    Raises
    ------
    TypeError
        When an argument has another dtype than W.
    ValueError
        When a shape does not fit, or a number is not finite.
    DivergenceError
        When a state stops being finite, with the first step at which one does and its series. Nothing is returned.

    Notes
    -----
    With d delays, newest first, and g(u) = u or σ(W_u u + b_u) (Bolager et al. 2024, arXiv 2410.23467; delays and their compression by principal
    components as there),

        e[t] = [h[t] | h[t−1] | … | h[t−d]],   z[t] = P (e[t] − e_mean)  or  e[t],   h[t+1] = A [z[t] | σ(W z[t] + b) | 1] + A_u g(u[t]).

    A series comes out the same to the last bit whatever stands beside it in a batch, and for every number of threads. A batch goes four series at a
    time through a pass over the weights, on all threads.

    Examples
    --------
    A rotation, which the state alone among the features can hold:

    >>> import numpy as np, pushforward as pf
    >>> W, b = np.ones((3, 2)), np.zeros(3)
    >>> A = np.array([[0.0, -1.0, 0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    >>> pf.kernels.sampled_rollout([1.0, 0.0], 3, W, b, A)
    array([[ 0.,  1.],
           [-1.,  0.],
           [ 0., -1.]])
    """
    weights = W if isinstance(W, np.ndarray) else np.asarray(W, np.float64)
    if weights.dtype.name not in ("float32", "float64"):
        raise TypeError(f"W must be of dtype float32 or float64, got {weights.dtype}")
    dtype = weights.dtype
    positive_int("n_steps", n_steps)
    one_of("activation", activation, ACTIVATIONS)
    history = numbers("start", start, dtype)
    if history.ndim not in (1, 2, 3) or 0 in history.shape:
        given = f"got shape {history.shape}"
        raise ValueError(f"start must be (n_state,), (n_delays + 1, n_state) or (n_series, n_delays + 1, n_state), none of them 0, {given}")
    batched = history.ndim == 3
    history = history.reshape((1,) * (3 - history.ndim) + history.shape)
    model: dict[str, Any] = {"W": numbers("W", weights, dtype), "b": numbers("b", b, dtype), "A": numbers("A", A, dtype), "activation": activation}
    model |= {"include_state": bool(include_state), "include_constant": bool(include_constant), "n_delays": history.shape[1] - 1}
    optional = {"A_u": A_u, "W_u": W_u, "b_u": b_u, "P": P, "e_mean": e_mean}
    model |= {name: None if value is None else numbers(name, value, dtype) for name, value in optional.items()}
    _check_state(model["A"], history)
    core = (_core.RolloutF32 if dtype == np.float32 else _core.RolloutF64)(model)
    states = core.simulate(history, None if inputs is None else _batch("inputs", inputs, dtype, batched), int(n_steps))
    return states if batched else states[0]


def _check_state(A: Array, history: Array) -> None:
    """Say it of the start, not of the matrices that would not fit it."""
    if A.ndim == 2 and len(A) != history.shape[-1]:
        raise ValueError(f"start must hold states of {len(A)} numbers like the rows of A, got {history.shape[-1]}")


def _batch(name: str, values: ArrayLike, dtype: "np.dtype[Any]", batched: bool) -> Array:
    array = numbers(name, values, dtype)
    if array.ndim != 2 + batched:
        wanted = "(n_series, n_steps, n_inputs)" if batched else "(n_steps, n_inputs)"
        raise ValueError(f"{name} must be {wanted} like start, got shape {array.shape}")
    return array if batched else array[None]
