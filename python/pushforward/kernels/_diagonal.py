"""Wide networks of units that hear themselves alone: what they say, and the gradient of their weights."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._checks import one_of, positive_int
from .._series import Array, numbers

__all__ = ["diagonal_forward", "diagonal_gradient"]

ACTIVATIONS = ("tanh", "sigmoid", "softplus", "gelu")


def diagonal_forward(X: ArrayLike, w: ArrayLike, U: ArrayLike, c: ArrayLike, activation: str = "tanh") -> Array:
    """Outputs of a diagonal network with a fixed read-out, from the zero state.

    Parameters
    ----------
    X : (n_series, n_steps, n_inputs) or (n_steps, n_inputs) ndarray of float32 or float64
        Its dtype is the precision of the computation; lists become float64.
    w : (n_units,) ndarray
        What each unit makes of its own last state.
    U : (n_units, n_inputs) ndarray
    c : (n_units,) ndarray
        The read-out, ±1 in the paper's network.
    activation : {"tanh", "sigmoid", "softplus", "gelu"}
        gelu is a Φ(a) with the normal distribution itself.

    Returns
    -------
    F : (n_series, n_steps) or (n_steps,) ndarray

    Raises
    ------
    TypeError
        When an argument has another dtype than X.
    ValueError
        When shapes do not fit, there are no steps, numbers are not finite or the activation is unknown.
    DivergenceError
        When an output is not finite.

    Notes
    -----
    H_t^i = σ(w_i H_{t−1}^i + ⟨u_i, X_t⟩), H_0 = 0, F_t = (1/√m) Σ_i c_i H_t^i, m = n_units (Cayci and Eryilmaz 2024, arXiv 2402.12241). Units i
    and i + m/2 are added up first: where the second half of an even number of units repeats the first with the opposite ±1, outputs are exactly 0.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> pf.kernels.diagonal_forward(np.ones((2, 1)), np.zeros(4), np.ones((4, 1)), np.ones(4), "sigmoid")
    array([1.46211716, 1.46211716])
    """
    inputs, lead = _inputs(X)
    one_of("activation", activation, ACTIVATIONS)
    F: Array = _core.diagonal_forward(inputs, *_weights(w, U, c, inputs.dtype), activation)
    return F.reshape(lead)


def diagonal_gradient(
    X: ArrayLike, Y: ArrayLike, w: ArrayLike, U: ArrayLike, c: ArrayLike, activation: str = "tanh", n_threads: int | None = None
) -> tuple[float, dict[str, Array]]:
    """½ Σ (F − Y)² over all steps of all series, and its exact gradient with respect to w and U.

    Parameters
    ----------
    X : (n_series, n_steps, n_inputs) or (n_steps, n_inputs) ndarray of float32 or float64
        Its dtype is the precision of the computation; lists become float64.
    Y : (n_series, n_steps) or (n_steps,) ndarray
        Targets.
    w : (n_units,) ndarray
    U : (n_units, n_inputs) ndarray
    c : (n_units,) ndarray
    activation : {"tanh", "sigmoid", "softplus", "gelu"}
    n_threads : int, optional
        ``pushforward.get_num_threads()`` unless given. Results do not depend on it.

    Returns
    -------
    loss : float
    gradient : dict
        ``w`` (n_units,) and ``U`` (n_units, n_inputs).

    Raises
    ------
    TypeError
        When an argument has another dtype than X.
    ValueError
        When shapes do not fit, there are no steps, numbers are not finite or the activation is unknown.
    DivergenceError
        When the loss or the gradient is not finite.

    Notes
    -----
    The network is that of :func:`diagonal_forward`. With r_t = (F_t − Y_t)/√m,

        δ_t = σ'_t (r_t + w δ_{t+1}),   ∂loss/∂w = c Σ_t δ_t H_{t−1},   ∂loss/∂u = c Σ_t δ_t X_t.

    Series go by in blocks of at most 64 steps. Within a block δ runs back; what the block's losses owe to the steps before it comes from
    ∂H/∂(w, u), carried from block to block by the same sweep: exact for every length, with memory for one block.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> loss, gradient = pf.kernels.diagonal_gradient(np.ones((1, 1)), np.zeros(1), np.zeros(4), np.zeros((4, 1)), np.ones(4), "sigmoid")
    >>> loss, gradient["U"].ravel()
    (0.5, array([0.125, 0.125, 0.125, 0.125]))
    """
    inputs, lead = _inputs(X)
    targets = numbers("Y", Y, inputs.dtype)
    if targets.shape != lead:
        raise ValueError(f"Y must have shape {lead}, a target for each step of X, got {targets.shape}")
    one_of("activation", activation, ACTIVATIONS)
    if n_threads is not None:
        positive_int("n_threads", n_threads, "a positive int or None")
    threads = _core.default_threads() if n_threads is None else int(n_threads)
    targets = targets.reshape(inputs.shape[:2])
    loss, g_w, g_U = _core.diagonal_gradient(inputs, targets, *_weights(w, U, c, inputs.dtype), activation, threads)
    return loss, {"w": g_w, "U": g_U}


def _weights(w: ArrayLike, U: ArrayLike, c: ArrayLike, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    return numbers("w", w, dtype), numbers("U", U, dtype), numbers("c", c, dtype)


def _inputs(X: ArrayLike) -> tuple[Array, tuple[int, ...]]:
    """X as a batch, and the shape of what it gives a number a step."""
    given = X if isinstance(X, np.ndarray) else numbers("X", X, np.dtype(np.float64))
    if given.dtype not in (np.float32, np.float64):
        raise TypeError(f"X must be of dtype float32 or float64, got {given.dtype}")
    if given.ndim not in (2, 3) or 0 in given.shape:
        raise ValueError(f"X must be (n_series, n_steps, n_inputs) or (n_steps, n_inputs), none of them 0, got shape {given.shape}")
    batch = np.ascontiguousarray(given)
    return batch if given.ndim == 3 else batch[None], given.shape[:-1]
