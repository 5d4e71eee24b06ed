"""States of units whose recurrent weights are never trained."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from .._checks import one_of, within
from .._checks import seed as checked_seed
from .._network import as_parts, core_network, echo_state_layer, real_of
from .._series import DTYPES, numbers
from ..cells import ACTIVATIONS
from ..reservoirs import Operator

Array = NDArray[Any]  # real or complex


def reservoir_states(
    W_rec: Any,
    W_in: ArrayLike,
    bias: ArrayLike | None,
    inputs: ArrayLike,
    state: ArrayLike | None = None,
    leak_rate: ArrayLike = 1.0,
    activation: str = "tanh",
    W_feedback: ArrayLike | None = None,
    feedback: ArrayLike | None = None,
    noise: float = 0.0,
    seed: int | None = None,
    W_skip: Any = None,
    out: Array | None = None,
) -> Array:
    """Run a reservoir over one series, or over several side by side.

    Parameters
    ----------
    W_rec : (n_units, n_units) ndarray, SciPy sparse array, or operator of :mod:`pushforward.reservoirs`
        W_rec[i, j] is what unit i hears of unit j. An operator never becomes a matrix.
    W_in : (n_units, n_inputs) array-like
    bias : (n_units,) array-like or None
    inputs : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) ndarray of float32, float64, complex64 or complex128
        Its dtype is the precision of the computation; arrays of another one are refused, lists are converted.
    state : (n_units,) or (n_series, n_units) array-like, optional
        Before the first step; zero unless given. The last row of what is returned goes on where this call ended.
    leak_rate : float or (n_units,) array-like, in (0, 1]
        1: no leak.
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
        Of complex units it acts on the real and on the imaginary part separately: bounded, and not holomorphic.
    W_feedback : (n_units, n_outputs) array-like, optional
    feedback : (n_steps, n_outputs) or (n_series, n_steps, n_outputs) array-like, optional
        What is fed back *into* each step: usually the output of the step before.
    noise : float
        Standard deviation of normal numbers added to what each unit hears; of complex units, of both parts together.
    seed : int, optional
        Of the noise, needed with it. The numbers are a function of seed, series, step and unit alone.
    W_skip : as W_rec, optional
        O of edge-of-stability units (ES²N), orthogonal, in the place of the identity that a leak keeps of the last state.
    out : C-contiguous ndarray, optional
        Where to write the states, of their shape and dtype: for blocks that are used and forgotten.

    Returns
    -------
    states : (n_steps, n_units) or (n_series, n_steps, n_units) ndarray

    Raises
    ------
    TypeError
        When an argument has another dtype than the inputs; complex numbers among real ones.
    ValueError
        When a shape does not fit, a number is not finite (with its step), or a leak rate lies outside (0, 1].
    DivergenceError
        When a state stops being finite, with the step.

    Notes
    -----
    With a the leak rates and O the identity unless ``W_skip`` is given (Jaeger 2001; Jaeger et al. 2007; Ceni and Gallicchio 2024),

        s[t] = (1 − a) ∘ (O s[t−1]) + a ∘ σ(W_rec s[t−1] + W_in x[t] + bias + W_feedback y[t] + noise ξ[t]).

    Series of a batch run sixteen at a time through one pass over W_rec, on all threads; alone they differ in the last bits, for another order of the
    sums.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> W = pf.reservoirs.random(50, connectivity=0.1, spectral_radius=0.9, random_state=0)
    >>> X = np.sin(np.arange(100) / 5)[:, None]
    >>> states = pf.kernels.reservoir_states(W, np.ones((50, 1)), None, X)
    >>> first = pf.kernels.reservoir_states(W, np.ones((50, 1)), None, X[:60])
    >>> rest = pf.kernels.reservoir_states(W, np.ones((50, 1)), None, X[60:], state=first[-1])
    >>> bool(np.all(np.concatenate([first, rest]) == states))
    True
    """
    X = inputs if isinstance(inputs, np.ndarray) else np.asarray(inputs, dtype=_dtype_of_lists(inputs))
    if X.dtype.name not in DTYPES:
        raise TypeError(f"inputs must be of dtype {', '.join(DTYPES)}, got {X.dtype}")
    dtype = X.dtype
    if X.ndim not in (2, 3) or 0 in X.shape:
        raise ValueError(f"inputs must be (n_steps, n_inputs) or (n_series, n_steps, n_inputs), none of them 0, got shape {X.shape}")
    batched, lead = X.ndim == 3, X.shape[:-1]
    drive = X if batched else X[None]
    n_series, n_steps, n_inputs = drive.shape
    W_in = _array("W_in", W_in, dtype, (None, n_inputs))
    n = len(W_in)
    recurrence = recurrent("W_rec", W_rec, n, dtype)
    skip = None if W_skip is None else recurrent("W_skip", W_skip, n, dtype)
    if bias is not None:
        bias = _array("bias", bias, dtype, (n,))
    one_of("activation", activation, ACTIVATIONS)
    leak = _leak_rates(leak_rate, n, dtype)
    if not within(noise, 0):
        raise ValueError(f"noise must be a finite standard deviation of at least 0, got {noise!r}")
    if seed is None and noise > 0:
        raise ValueError("seed must be given with noise: an int, for the same numbers every time")
    if seed is not None:
        checked_seed("seed", seed)
    heard = None
    if (W_feedback is None) != (feedback is None):
        raise ValueError("W_feedback and feedback must be given together, got one of them")
    n_outputs = 0
    if W_feedback is not None:
        W_feedback = _array("W_feedback", W_feedback, dtype, (n, None))
        n_outputs = W_feedback.shape[1]
        heard = _array("feedback", feedback, dtype, (*lead, n_outputs)).reshape(n_series, n_steps, n_outputs)
    layer = echo_state_layer(recurrence, W_in, bias, dtype, leak, activation, W_feedback, float(noise), skip)
    network = core_network([layer], n_inputs, n_outputs, n_series, False, seed or 0, dtype)
    if state is not None:
        start = _array("state", state, dtype, (n_series, n) if batched else (n,))
        network.set_states(as_parts(start.reshape(n_series, n), dtype))
    states = np.empty((*lead, n), dtype) if out is None else _written(out, (*lead, n), dtype)
    network.run(as_parts(drive, dtype), None if heard is None else as_parts(heard, dtype), as_parts(states.reshape(n_series, n_steps, n), dtype))
    return states


def _dtype_of_lists(values: ArrayLike) -> "np.dtype[Any]":
    found = np.asarray(values)
    return np.dtype(np.complex128 if found.dtype.kind == "c" else np.float64) if found.dtype.kind in "iufc" else found.dtype


def _array(name: str, values: Any, dtype: "np.dtype[Any]", shape: tuple[int | None, ...]) -> Array:
    array = numbers(name, values, dtype)
    if array.ndim != len(shape) or any(k not in (None, came) for k, came in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("any" if k is None else str(k) for k in shape)
        raise ValueError(f"{name} must have shape ({wanted}{',' if len(shape) == 1 else ''}), got {array.shape}")
    if not np.isfinite(array).all():
        place = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[place]} at {place}")
    return array


def recurrent(name: str, W: Any, n: int, dtype: "np.dtype[Any]") -> Any:
    """W_rec as the layers take it: of the dtype of the inputs, or an operator."""
    if not isinstance(W, Operator) and not sparse.issparse(W):
        return _array(name, W, dtype, (n, n))
    if W.shape != (n, n):
        raise ValueError(f"{name} must have shape ({n}, {n}), got {W.shape}")
    if W.dtype.kind == "c" and dtype.kind != "c":
        raise TypeError(f"{name} must be real like the inputs ({dtype}), got complex numbers")
    if isinstance(W, Operator):
        return W
    if W.dtype != dtype:
        raise TypeError(f"{name} must be {dtype} like the inputs, got {W.dtype}; convert it with astype({dtype.name!r})")
    if not np.isfinite(W.data).all():
        raise ValueError(f"{name} must be finite")
    return W


def _leak_rates(leak_rate: ArrayLike, n: int, dtype: "np.dtype[Any]") -> Array:
    leak = np.asarray(leak_rate)
    if leak.dtype.kind not in "iuf" or leak.shape not in ((), (n,)):
        raise ValueError(f"leak_rate must be a number or ({n},), one a unit, got {leak.dtype} of shape {leak.shape}")
    if not np.all((leak > 0) & (leak <= 1)):
        raise ValueError(f"leak_rate must lie in (0, 1], got {leak[~((leak > 0) & (leak <= 1))].flat[0] if leak.ndim else leak}")
    return leak.astype(real_of(dtype))


def _written(out: Any, shape: tuple[int, ...], dtype: "np.dtype[Any]") -> Array:
    if not isinstance(out, np.ndarray) or out.dtype != dtype or out.shape != shape or not out.flags.c_contiguous or not out.flags.writeable:
        found = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(f"out must be a C-contiguous, writeable array of {dtype} and shape {shape}, got {found}")
    return out
