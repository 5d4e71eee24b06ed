"""Units with fixed poles: their states, and the gradient of the poles."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import one_of
from .._network import as_parts, core_network, from_parts
from .._series import DTYPES, Array, numbers
from ..cells import ACTIVATIONS
from ..fixed_poles._poles import check_stable
from ..optim import SGD

__all__ = ["fixed_pole_states", "pole_gradient"]


def fixed_pole_states(
    poles: ArrayLike,
    W_in: ArrayLike,
    inputs: ArrayLike,
    state: ArrayLike | None = None,
    activation: str = "identity",
    bias: ArrayLike | None = None,
    out: Array | None = None,
    allow_unstable: bool = False,
) -> Array:
    """States of units that hear themselves alone, each with its pole.

    Parameters
    ----------
    poles : (n_units,) ndarray of float32, float64, complex64 or complex128
        In discrete time. Their dtype is the precision of the computation; lists become float64, or complex128.
    W_in : (n_units, n_inputs) ndarray
    inputs : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) ndarray
    state : (n_units,) or (n_series, n_units) ndarray, optional
        Before the first step; zero unless given.
    activation : {"identity", "relu", "tanh", "sigmoid", "elu"}
        Of complex numbers it acts on the real and on the imaginary part.
    bias : (n_units,) ndarray, optional
    out : ndarray, optional
        Where to write the states: C-contiguous, of their shape and dtype.
    allow_unstable : bool
        Take poles on or outside the unit circle.

    Returns
    -------
    states : (n_steps, n_units) or (n_series, n_steps, n_units) ndarray

    Raises
    ------
    ValueError
        When a pole lies on or outside the unit circle.
    DivergenceError
        When a state stops being finite.

    Notes
    -----
    s[t] = σ(β ∘ s[t−1] + W_in x[t] + b); n_units (1 + n_inputs) multiply-adds a step. With σ the identity the impulse response of unit k is
    W_in[k] β_kᵗ (arXiv 2602.21454).

    Examples
    --------
    >>> import pushforward as pf
    >>> pf.kernels.fixed_pole_states([0.5, -0.5], [[1.0], [1.0]], [[1.0], [0.0], [0.0]])
    array([[ 1.  ,  1.  ],
           [ 0.5 , -0.5 ],
           [ 0.25,  0.25]])
    """
    beta, W, b, dtype = _layer(poles, W_in, activation, bias, allow_unstable)
    X = numbers("inputs", inputs, dtype)
    if X.ndim not in (2, 3):
        raise ValueError(f"inputs must be (n_steps, n_inputs) or (n_series, n_steps, n_inputs), got shape {X.shape}")
    if X.shape[-1] != W.shape[1]:
        raise ValueError(f"inputs must have {W.shape[1]} columns like W_in, got {X.shape[-1]}")
    batch = X if X.ndim == 3 else X[None]
    if 0 in batch.shape:
        raise ValueError(f"inputs must have at least one step of one series, got shape {X.shape}")
    network = core_network([_description(beta, W, b, activation)], W.shape[1], 0, len(batch), False, 0, dtype)
    if state is not None:
        s = numbers("state", state, dtype)
        expected = (*X.shape[:-2], len(beta))
        if s.shape != expected:
            raise ValueError(f"state must have shape {expected}, got {s.shape}")
        network.set_states(as_parts(s.reshape(len(batch), len(beta)), dtype))
    shape = (*X.shape[:-1], len(beta))
    if out is None:
        out = np.empty(shape, dtype)
    elif not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous or not out.flags.writeable:
        found = f"{getattr(out, 'dtype', type(out).__name__)} of shape {np.shape(out)}"
        raise ValueError(f"out must be a writable C-contiguous {dtype} array of shape {shape}, got {found}")
    network.run(as_parts(batch, dtype), None, as_parts(out.reshape(len(batch), batch.shape[1], len(beta)), dtype))
    return out


def pole_gradient(
    poles: ArrayLike,
    W_in: ArrayLike,
    readout: tuple[Array, Array],
    inputs: ArrayLike,
    targets: ArrayLike,
    activation: str = "identity",
    include_inputs: bool = False,
) -> tuple[float, dict[str, Array]]:
    """Gradient of Σ_t ½‖e[t]‖² with respect to poles and input weights, from the zero state: exact, over the whole series.

    Parameters
    ----------
    poles : (n_units,) ndarray of float32, float64, complex64 or complex128
        Anywhere in the plane.
    W_in : (n_units, n_inputs) ndarray
    readout : (W_out, b_out)
        (n_outputs, n_features) and (n_outputs,) ndarrays: e = targets − (W_out f + b_out), f the states, then the inputs with ``include_inputs``.
    inputs : (n_steps, n_inputs) ndarray
    targets : (n_steps, n_outputs) ndarray
    activation : str
        As for :func:`fixed_pole_states`; complex poles: the identity, for a split activation has no complex derivative.
    include_inputs : bool

    Returns
    -------
    loss : float
    gradient : dict
        ``poles`` (n_units,) and ``W_in`` (n_units, n_inputs). Complex: ∂/∂re + i ∂/∂im, against which to go.

    Raises
    ------
    DivergenceError
        When a state stops being finite.

    Notes
    -----
    J ← σ'(s) (s[t−1] + β J) is ∂s/∂β, one number a unit, and the gradient −Σ_t Σ_o e_o conj(W_out[o] J) (Williams and Zipser 1989, of a diagonal
    recurrence).

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> impulse, target = np.eye(3, 1), np.array([[1.0], [0.5], [0.25]])
    >>> loss, gradient = pf.kernels.pole_gradient([0.5], [[1.0]], (np.ones((1, 1)), np.zeros(1)), impulse, target)
    >>> loss, gradient["poles"]
    (0.0, array([0.]))
    """
    beta, W, b, dtype = _layer(poles, W_in, activation, None, True)
    X, Y = numbers("inputs", inputs, dtype), numbers("targets", targets, dtype)
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y) or len(X) == 0:
        raise ValueError(f"inputs and targets must be (n_steps, n_inputs) and (n_steps, n_outputs), got shapes {X.shape} and {Y.shape}")
    if not isinstance(readout, tuple) or len(readout) != 2:
        raise TypeError(f"readout must be the pair (W_out, b_out), got {type(readout).__name__}")
    W_out, b_out = numbers("W_out", readout[0], dtype), numbers("b_out", readout[1], dtype)
    settings = {"n_inputs": W.shape[1], "n_outputs": Y.shape[1], "n_parts": 2 if dtype.kind == "c" else 1}
    settings |= {"include_inputs": bool(include_inputs), "learn_input_weights": True}
    kind = _core.PoleLearnerF32 if dtype.itemsize // settings["n_parts"] == 4 else _core.PoleLearnerF64
    learner = kind(_description(beta, W, b, activation), settings, SGD().config())
    loss, gradient = learner.gather(as_parts(W_out, dtype), as_parts(b_out, dtype), as_parts(X, dtype), as_parts(Y, dtype))
    whole = from_parts(gradient, dtype)
    return loss, {"poles": whole[0].copy(), "W_in": np.ascontiguousarray(whole[1:].T)}


def _layer(
    poles: ArrayLike, W_in: ArrayLike, activation: str, bias: ArrayLike | None, allow_unstable: bool
) -> tuple[Array, Array, Array, np.dtype[Any]]:
    one_of("activation", activation, ACTIVATIONS)
    beta: NDArray[Any] = np.asarray(poles)
    if not isinstance(poles, np.ndarray):
        beta = beta.astype("complex128" if beta.dtype.kind == "c" else "float64")
    if beta.ndim != 1 or beta.size == 0:
        raise ValueError(f"poles must be (n_units,), got shape {beta.shape}")
    one_of("poles: their dtype", beta.dtype.name, DTYPES)
    if not np.isfinite(beta).all():
        raise ValueError(f"poles must be finite, got {beta[~np.isfinite(beta)][0]}")
    check_stable(beta, allow_unstable)
    dtype = beta.dtype
    W = numbers("W_in", W_in, dtype)
    if W.ndim != 2 or len(W) != len(beta):
        raise ValueError(f"W_in must have shape ({len(beta)}, n_inputs), got {W.shape}")
    b = np.zeros(len(beta), dtype) if bias is None else numbers("bias", bias, dtype)
    return np.ascontiguousarray(beta), W, b, dtype


def _description(beta: Array, W: Array, b: Array, activation: str) -> dict[str, Any]:
    arrays = {name: as_parts(a, a.dtype) for name, a in (("poles", beta), ("W_in", W), ("bias", b))}
    return {"kind": "fixed_poles", "n_units": len(beta), "activation": activation, **arrays}
