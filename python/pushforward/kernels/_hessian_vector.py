"""The Hessian of a series' loss, as products with vectors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _arrays, _core
from .._arrays import FloatArray
from .._checks import one_of, quoted
from ..cells import Cell
from .sensitivity import _check_cell, _check_readout, _dtype_of, _one_series

__all__ = ["hessian_vector_product"]

PARTS = ("theta", "W_out", "b_out")
STRETCH = 0  # steps whose records are kept; 0: the kernel's own rule. The numbers are the same up to the order of sums


def hessian_vector_product(
    cell: Cell,
    theta: FloatArray,
    readout: tuple[FloatArray, FloatArray],
    inputs: ArrayLike,
    targets: ArrayLike,
    v: Mapping[str, FloatArray],
    loss: str = "squared_error",
    state: FloatArray | None = None,
    mask: ArrayLike | None = None,
    readout_bound: float | None = None,
    n_threads: int | None = None,
) -> tuple[float, dict[str, FloatArray], dict[str, FloatArray]]:
    """Hessian of the **sum** of a series' losses times a vector, exactly: no difference is taken, nothing is truncated.

    Parameters
    ----------
    cell : Cell
        Any cell, stacks included.
    theta : (n_params,) ndarray of float32 or float64
        Its dtype is the precision of the computation.
    readout : (W_out, b_out)
        (n_outputs, n_features) and (n_outputs,) ndarrays: output = W_out s + b_out, s what the cell shows of its state.
    inputs : (n_steps, n_inputs) ndarray, or (n_steps,) ndarray of int tokens
    targets : (n_steps, n_outputs) ndarray, or (n_steps,) ndarray of int classes for cross-entropy
    v : mapping
        ``theta`` (n_params,), ``W_out`` (n_outputs, n_features), ``b_out`` (n_outputs,), of theta's dtype; a part that is missing is zero.
    loss : {"squared_error", "cross_entropy"}
        ½‖y − ŷ‖² or softmax cross-entropy in nats, a step.
    state : (n_state,) ndarray, optional
        s_0, taken as given; zero unless given.
    mask : (n_steps,) ndarray of bool, optional
        False where a step has no loss.
    readout_bound : float, optional
        c: the read-out's weights enter as c tanh(w / c).
    n_threads : int, optional
        Share the products of a large cell; does not change the numbers.

    Returns
    -------
    loss : float
    gradient : dict
        ∇L by ``theta`` (n_params,), ``W_out`` (n_outputs, n_features), ``b_out`` (n_outputs,): that of :func:`block_gradient`.
    product : dict
        H v, laid out like the gradient. H holds the second derivatives by all three parts together, mixed ones included.

    Raises
    ------
    DivergenceError
        When a state, the loss, the gradient or the product stops being finite.

    Notes
    -----
    H v = d/dε ∇L(p + ε v) at ε = 0 (Pearlmutter 1994). The exact gradient is computed in dual numbers p + ε v, ε² = 0, which carry their
    derivative forward through every step of the sweep; the bounds φ of the weights enter with φ″. Cost: about four gradients. Memory:
    the records of as many steps as 64 MB hold (at least √n_steps) and one state for each such stretch, from which it is run again in the sweep.

    At the kink of a ReLU or ELU the second derivative is that of the side which the slope there belongs to.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> cell = pf.cells.Elman(n_inputs=2, n_units=3)
    >>> theta, readout = cell.init(seed=0), (np.ones((1, 3)), np.zeros(1))
    >>> X, Y, u, v = np.ones((6, 2)), np.zeros((6, 1)), np.arange(18.0), np.ones(18)
    >>> H_v = pf.kernels.hessian_vector_product(cell, theta, readout, X, Y, {"theta": v})[2]
    >>> H_u = pf.kernels.hessian_vector_product(cell, theta, readout, X, Y, {"theta": u})[2]
    >>> H_v["W_out"].shape, bool(np.isclose(u @ H_v["theta"], v @ H_u["theta"]))
    ((1, 3), True)
    """
    _check_cell(cell)
    one_of("loss", loss, ("squared_error", "cross_entropy"))
    _check_readout(readout, readout_bound, n_threads)
    dtype = _dtype_of(theta)
    point = [np.ascontiguousarray(theta), _arrays.real("W_out", readout[0], dtype), _arrays.real("b_out", readout[1], dtype)]
    X = _one_series(inputs, dtype)
    n_steps = X.shape[1]
    known = None if mask is None else _arrays.mask(mask, batched=False, shape=(1, n_steps))[0]
    Y = labels = None
    if loss == "cross_entropy":
        labels = _arrays.class_numbers(targets, "targets")[0]
    else:
        Y = _arrays.targets(targets, dtype, batched=False, name="targets")[0][0]
    start = np.zeros(cell.n_state, dtype) if state is None else _arrays.real("state", state, dtype)
    kernel: Any = _core.hessian_vector_f32 if dtype == np.float32 else _core.hessian_vector_f64
    total, gradient, product = kernel(
        cell.core_settings(),
        loss,
        cell.bound or 0.0,
        readout_bound or 0.0,
        n_threads or _core.default_threads(),
        STRETCH,
        point,
        _direction(v, point, dtype),
        None if X.dense is None else X.dense[0],
        None if X.tokens is None else X.tokens[0],
        Y,
        labels,
        known,
        start,
    )
    return total, dict(zip(PARTS, gradient, strict=True)), dict(zip(PARTS, product, strict=True))


def _direction(v: Mapping[str, FloatArray], like: list[FloatArray], dtype: "np.dtype[np.float32] | np.dtype[np.float64]") -> list[FloatArray]:
    if not isinstance(v, Mapping):
        raise TypeError(f"v must be a dict with any of {quoted(PARTS)}, got {type(v).__name__}")
    for name in v:
        if name not in PARTS:
            raise ValueError(f"v must have keys among {quoted(PARTS)}, got {name!r}")
    return [_arrays.real(f"v[{name!r}]", v[name], dtype) if name in v else np.zeros_like(part) for name, part in zip(PARTS, like, strict=True)]
