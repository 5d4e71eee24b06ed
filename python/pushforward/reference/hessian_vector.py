"""The Hessian of a series' loss times a vector: real-time recurrent learning in dual numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import Cell
from ..cells._checks import FloatArray
from ._dual import dual, tangent, value
from ._series import Readout, as_series, features, floats, to_state
from .cells import bounded, bounded_slope, twin_of
from .losses import readout_gradient

PARTS = ("theta", "W_out", "b_out")


def hessian_vector_product(
    cell: Cell,
    theta: FloatArray,
    readout: Readout,
    inputs: NDArray[Any],
    targets: NDArray[Any],
    v: Mapping[str, FloatArray],
    loss: str = "squared_error",
    state: FloatArray | None = None,
    mask: NDArray[np.bool_] | None = None,
    readout_bound: float | None = None,
    n_threads: int | None = None,
) -> tuple[float, dict[str, FloatArray], dict[str, FloatArray]]:
    """Hessian of the **sum** of a series' losses times a vector.

    Parameters
    ----------
    cell, theta, readout, inputs, targets, loss, state, mask, readout_bound, n_threads
        As in :func:`block_gradient`.
    v : mapping
        The direction: any of ``theta`` (n_params,), ``W_out`` (n_outputs, n_features), ``b_out`` (n_outputs,); the others are zero.

    Returns
    -------
    loss : float
    gradient : dict
        ``theta (n_params,)``, ``W_out (n_outputs, n_features)``, ``b_out (n_outputs,)``.
    product : dict
        H v, laid out like the gradient.

    Notes
    -----
    Forward over forward: the recursion of :func:`block_gradient`, J_t = D_t J_{t−1} + ∂s_t/∂θ, with every number p + ε v carrying its derivative
    along v (``_dual``). The tangent of J is the second influence contracted with v, that of the gradient is H v. No adjoint is used.

    Examples
    --------
    L = ½ (w x)², one step: L'' = x².

    >>> from pushforward.cells import Linear
    >>> cell, theta, readout = Linear(1, 1), np.array([0.5, 1.0, 0.0]), (np.ones((1, 1)), np.zeros(1))
    >>> v = {"theta": np.array([0.0, 1.0, 0.0])}
    >>> hessian_vector_product(cell, theta, readout, np.full((1, 1), 3.0), np.zeros((1, 1)), v)[2]["theta"]
    array([0., 9., 3.])
    """
    series = as_series(cell, theta, readout, inputs, targets, loss=loss, state=state, mask=mask, readout_bound=readout_bound)
    dtype, point = series.theta.dtype, {"theta": series.theta, "W_out": series.W_out, "b_out": series.b_out}
    if unknown := set(v) - set(PARTS):
        raise ValueError(f"v must have keys among {', '.join(PARTS)}, got {', '.join(map(repr, unknown))}")
    along = {name: floats(f"v[{name!r}]", v.get(name, np.zeros_like(part)), part.shape, dtype) for name, part in point.items()}
    parameters, W_out, b_out = (dual(point[name], along[name]) for name in PARTS)
    twin, at, phi = twin_of(cell), cell.positions(), bounded(parameters, cell.bound)
    weights = {name: dual(np.where(places >= 0, phi[places], 0.0)) for name, places in at.items()}
    slope = bounded_slope(parameters, cell.bound)

    s, J = dual(series.state), dual(np.zeros((cell.n_state, cell.n_params)))
    total, gradient = 0.0, {name: np.zeros(part.shape, object) for name, part in point.items()}
    for t, (x, target, has_loss) in enumerate(zip(series.inputs, series.targets, series.mask, strict=True)):
        D, by_weight, _ = twin.jacobians(cell, weights, s, x, t)
        I = np.zeros((cell.n_state, cell.n_params), object)
        for name, places in at.items():
            I[:, places[places >= 0]] = by_weight[name][:, places >= 0]
        J = D @ J + I * slope
        s = dual(twin.step(cell, weights, s, x, t))
        if has_loss:
            part = readout_gradient(W_out, b_out, features(cell, s), target, loss, readout_bound)
            total += part.loss
            gradient["theta"] = gradient["theta"] + to_state(cell, part.state) @ J
            gradient["W_out"] = gradient["W_out"] + part.W_out
            gradient["b_out"] = gradient["b_out"] + part.b_out
    return total, {name: value(g, dtype) for name, g in gradient.items()}, {name: tangent(g, dtype) for name, g in gradient.items()}
