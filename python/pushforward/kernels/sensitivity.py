"""States with their influence, and the gradient of a block of steps: exact online training as bare functions."""

import numpy as np
from numpy.typing import ArrayLike

from .. import _arrays
from .._arrays import FloatArray
from .._checks import one_of, positive_int, positive_number, renamed
from .._learner import Core, LearnerSettings
from ..cells import Cell
from ..optim import SGD

__all__ = ["block_gradient", "forward_sensitivity"]


def forward_sensitivity(
    cell: Cell, theta: FloatArray, inputs: ArrayLike, state: FloatArray | None = None, influence: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Run a cell over a sequence and carry ds/dθ along, exactly.

    Parameters
    ----------
    cell : Cell
    theta : (n_params,) ndarray of float32 or float64
        Its dtype is the precision of the computation.
    inputs : (n_steps, n_inputs) ndarray, or (n_steps,) ndarray of int
        Integers are tokens: the index of the one input that is 1.
    state : (n_state,) ndarray, optional
        s_0; zero unless given.
    influence : (n_state, n_params) ndarray, optional
        ds_0/dθ; zero unless given.

    Returns
    -------
    states : (n_steps, n_state) ndarray
    influence : (n_state, n_params) ndarray
        ds_T/dθ, the total derivative at the last step.

    Raises
    ------
    DivergenceError
        When a state stops being finite.

    Notes
    -----
    J_t = D_t J_{t−1} + ∂s_t/∂θ (real-time recurrent learning; Williams and Zipser 1989), moved a block of steps at a time:
    the same numbers up to round-off.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> cell = pf.cells.Elman(n_inputs=2, n_units=3)
    >>> states, influence = pf.kernels.forward_sensitivity(cell, cell.init(seed=0), np.ones((5, 2)))
    >>> states.shape, influence.shape
    ((5, 3), (3, 18))
    """
    _check_cell(cell)
    settings = LearnerSettings(cell, n_outputs=1, loss="squared_error", dtype=_dtype_of(theta), optimizer=SGD(), update_every=_steps_of(inputs))
    core = _prepare(settings, theta, None, state, influence)
    X = _one_series(inputs, settings.dtype)
    with renamed(X="inputs"):
        _, states = core.gather(X.dense, X.tokens, None, None, None)
    return states[0], core.influence(0)


def block_gradient(
    cell: Cell,
    theta: FloatArray,
    readout: tuple[FloatArray, FloatArray],
    inputs: ArrayLike,
    targets: ArrayLike,
    loss: str = "squared_error",
    state: FloatArray | None = None,
    influence: FloatArray | None = None,
    carry: str = "exact",
    mask: ArrayLike | None = None,
    readout_bound: float | None = None,
    carry_every: int | None = None,
    n_threads: int | None = None,
) -> tuple[float, dict[str, FloatArray], FloatArray, FloatArray | None]:
    """Gradient of the **sum** of the losses of a block of steps, the past before it included through ``influence``.

    Parameters
    ----------
    cell : Cell
    theta : (n_params,) ndarray of float32 or float64
        Its dtype is the precision of the computation.
    readout : (W_out, b_out)
        (n_outputs, n_features) and (n_outputs,) ndarrays: output = W_out s + b_out, s what the cell shows of its state.
    inputs : (n_steps, n_inputs) ndarray, or (n_steps,) ndarray of int tokens
    targets : (n_steps, n_outputs) ndarray, or (n_steps,) ndarray of int classes for cross-entropy
    loss : {"squared_error", "cross_entropy"}
        ½‖y − ŷ‖² or softmax cross-entropy in nats, a step.
    state : (n_state,) ndarray, optional
    influence : (n_state, n_params) ndarray, optional
        State and ds/dθ before the block; zero unless given. Of a cell whose units hear themselves only, zero between units.
    carry : {"exact", "none"}
        "none" is approximate: the state before the block is taken as given (truncated back-propagation), ``influence`` is not used.
    mask : (n_steps,) ndarray of bool, optional
        False where a step has no loss.
    readout_bound : float, optional
        c: the read-out's weights enter as c tanh(w / c).
    carry_every : int, optional
        Steps by which the influence is moved at a time; does not change the numbers.
    n_threads : int, optional

    Returns
    -------
    loss : float
    gradient : dict
        ``theta`` (n_params,), ``W_out`` (n_outputs, n_features), ``b_out`` (n_outputs,).
    state : (n_state,) ndarray
    influence : (n_state, n_params) ndarray, or None without a carry

    Raises
    ------
    DivergenceError
        When a state, loss or gradient stops being finite.

    Notes
    -----
    Σ_t dL_t/ds_t · ds_t/dθ: a reverse sweep over the stored steps and, for what lies before them, λᵀ J.
    Feeding state and influence of one block into the next gives the gradient of the whole sequence: nothing is truncated.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> cell = pf.cells.Elman(n_inputs=2, n_units=3)
    >>> readout = np.ones((1, 3)), np.zeros(1)
    >>> X, Y = np.ones((6, 2)), np.zeros((6, 1))
    >>> whole = pf.kernels.block_gradient(cell, cell.init(seed=0), readout, X, Y)[1]["theta"]
    >>> _, first, state, J = pf.kernels.block_gradient(cell, cell.init(seed=0), readout, X[:4], Y[:4])
    >>> _, rest, *_ = pf.kernels.block_gradient(cell, cell.init(seed=0), readout, X[4:], Y[4:], state=state, influence=J)
    >>> bool(np.allclose(first["theta"] + rest["theta"], whole))
    True
    """
    _check_cell(cell)
    one_of("carry", carry, ("exact", "none"))
    _check_readout(readout, readout_bound, n_threads)
    if carry_every is not None:
        positive_int("carry_every", carry_every, "a positive int or None")
    dtype = _dtype_of(theta)
    n_steps = _steps_of(inputs)
    settings = LearnerSettings(
        cell,
        n_outputs=_arrays.real("b_out", readout[1], dtype).size,
        loss=loss,
        dtype=dtype,
        optimizer=SGD(),
        gradient="rtrl" if carry == "exact" else "tbptt",
        truncation=None if carry == "exact" else n_steps,
        update_every=n_steps,
        carry_every=carry_every,
        readout_bound=readout_bound,
        n_threads=n_threads,
    )
    core = _prepare(settings, theta, readout, state, influence if carry == "exact" else None)
    X = _one_series(inputs, dtype)
    known = None if mask is None else _arrays.mask(mask, batched=False, shape=(1, n_steps))
    Y = labels = None
    if loss == "cross_entropy":
        labels = _arrays.class_numbers(targets, "targets")
    else:
        Y = _arrays.targets(targets, dtype, batched=False, name="targets")[0]
    with renamed(X="inputs", y="targets"):
        total, states = core.gather(X.dense, X.tokens, Y, labels, known)
    names = ("theta", "W_out", "b_out")
    return total, dict(zip(names, core.gradient(0), strict=True)), states[0, -1].copy(), core.influence(0) if carry == "exact" else None


def _check_readout(readout: object, readout_bound: object, n_threads: object) -> None:
    if not isinstance(readout, tuple) or len(readout) != 2:
        raise TypeError(f"readout must be the pair (W_out, b_out), got {type(readout).__name__}")
    if readout_bound is not None:
        positive_number("readout_bound", readout_bound)
    if n_threads is not None:
        positive_int("n_threads", n_threads, "a positive int or None")


def _dtype_of(theta: FloatArray) -> "np.dtype[np.float32] | np.dtype[np.float64]":
    if not isinstance(theta, np.ndarray) or theta.dtype not in (np.float32, np.float64):
        raise TypeError(f"theta must be an ndarray of float32 or float64, got {getattr(theta, 'dtype', type(theta).__name__)}")
    return theta.dtype


def _steps_of(inputs: ArrayLike) -> int:
    return max(1, len(np.atleast_1d(np.asarray(inputs))))


def _one_series(inputs: ArrayLike, dtype: "np.dtype[np.float32] | np.dtype[np.float64]") -> _arrays.Inputs:
    X = _arrays.inputs(inputs, dtype, name="inputs")
    if X.batched:
        raise ValueError(f"inputs must be one series, (n_steps, n_inputs) or (n_steps,) tokens, got shape {np.shape(inputs)}")
    return X


def _prepare(
    settings: LearnerSettings,
    theta: FloatArray,
    readout: tuple[FloatArray, FloatArray] | None,
    state: FloatArray | None,
    influence: FloatArray | None,
) -> Core:
    cell, dtype = settings.cell, settings.dtype
    core = settings.build()
    W_out, b_out = readout if readout is not None else (np.zeros((1, cell.n_features), dtype), np.zeros(1, dtype))
    core.set_parameters(np.ascontiguousarray(theta), _arrays.real("W_out", W_out, dtype), _arrays.real("b_out", b_out, dtype))
    if state is not None:
        start = _arrays.real("state", state, dtype)
        if start.shape != (cell.n_state,):
            raise ValueError(f"state must have shape ({cell.n_state},), got {start.shape}")
        core.set_states(start[None])
    if influence is not None:
        core.set_influence(0, _arrays.real("influence", influence, dtype))
    return core


def _check_cell(cell: Cell) -> None:
    if not isinstance(cell, Cell):
        raise TypeError(f"cell must be a cell such as pushforward.cells.Elman(n_inputs=2, n_units=3), got {cell!r}")
