"""Layers as one cell: s^l_t = cell_l(s^l, x^l), x^0 = x, x^l = what the layer below shows of s^{l−1}_t."""

import numpy as np

from ...cells import Stack
from ...cells._base import Cell
from ...cells._checks import FloatArray
from .. import cells as _twins  # of the layers; complete only once this package is loaded
from ._twin import Jacobians, Pullback, Weights


def parts_of(cell: Stack, w: Weights) -> list[Weights]:
    """Every layer's weights, by the names it knows."""
    parts: list[Weights] = [{} for _ in cell.layers]
    for name, array in w.items():
        layer, _, own = name.partition(".")
        parts[int(layer.removeprefix("layer"))][own] = array
    return parts


def named(parts: list[Weights]) -> Weights:
    """The inverse of parts_of."""
    return {f"layer{number}.{name}": array for number, weights in enumerate(parts) for name, array in weights.items()}


def states_of(cell: Stack) -> list[slice]:
    """Where every layer's state stands in the state."""
    ends = np.cumsum([layer.n_state for layer in cell.layers]).tolist()
    return [slice(end - layer.n_state, end) for layer, end in zip(cell.layers, ends, strict=True)]


def shown(layer: Cell) -> slice:
    """Where in a layer's state stands what it shows."""
    return slice(layer.first_feature, layer.first_feature + layer.n_features)


def inputs_and_states(cell: Stack, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> tuple[list[FloatArray], list[FloatArray]]:
    """x^l and s^l_t, layer by layer."""
    inputs, states = [], []
    for layer, own, part in zip(cell.layers, states_of(cell), parts_of(cell, w), strict=True):
        inputs.append(x)
        states.append(_twins.twin_of(layer).step(layer, part, s[own], x, tick))
        x = states[-1][shown(layer)]
    return inputs, states


def step(cell: Stack, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray:
    """s_t."""
    return np.concatenate(inputs_and_states(cell, w, s, x, tick)[1])


def jacobians(cell: Stack, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians:
    """∂s_t/∂s, ∂s_t/∂weights, ∂s_t/∂x: every layer's own, and through its input those of all layers below."""
    inputs, _ = inputs_and_states(cell, w, s, x, tick)
    D = np.zeros((cell.n_state, cell.n_state), s.dtype)
    by_x = np.zeros((cell.n_state, cell.n_inputs), s.dtype)
    parts = [{name: np.zeros((cell.n_state, *array.shape), s.dtype) for name, array in part.items()} for part in parts_of(cell, w)]
    below: slice | None = None  # the states that this layer takes in
    for number, (layer, own, part) in enumerate(zip(cell.layers, states_of(cell), parts_of(cell, w), strict=True)):
        D_own, I_own, B = _twins.twin_of(layer).jacobians(layer, part, s[own], inputs[number], tick)
        if below is None:
            by_x[own] = B
        else:
            D[own], by_x[own] = B @ D[below], B @ by_x[below]
            for lower in parts[:number]:
                for array in lower.values():
                    array[own] = np.tensordot(B, array[below], axes=1)
        D[own, own] += D_own
        for name, array in I_own.items():
            parts[number][name][own] = array
        below = slice(own.start + shown(layer).start, own.start + shown(layer).stop)
    return D, named(parts), by_x


def pullback(cell: Stack, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback:
    """From dL/ds_t back to dL/ds, dL/dweights, dL/dx: from the top layer down."""
    inputs, _ = inputs_and_states(cell, w, s, x, tick)
    before, parts, down = np.zeros_like(s), [], np.zeros(cell.n_features, s.dtype)
    for layer, own, part, x_own in reversed(list(zip(cell.layers, states_of(cell), parts_of(cell, w), inputs, strict=True))):
        arriving = adjoint[own].copy()
        arriving[shown(layer)] += down
        before[own], gradient, down = _twins.twin_of(layer).pullback(layer, part, s[own], x_own, tick, arriving)
        parts.append(gradient)
    return before, named(parts[::-1]), down
