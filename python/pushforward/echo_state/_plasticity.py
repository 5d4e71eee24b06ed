"""Intrinsic plasticity: gain and shift of every unit, fitted to the first data before anything is learnt from them."""

from typing import Any

import numpy as np

from .._checks import LARGEST, number, one_of, positive_int, positive_number
from .._network import as_parts
from .._series import Series
from ._layers import units_of
from ._reservoir import Reservoir

RULES = {"gaussian": ("tanh", 0.0), "exponential": ("sigmoid", 0.2)}  # the activation each is derived for; the mean unless given


def check_plasticity(model: Any) -> None:
    """Refuse settings that do not go with intrinsic plasticity."""
    rule = model.intrinsic_plasticity
    one_of("intrinsic_plasticity", rule, RULES)
    if np.dtype(model.dtype).kind == "c":
        raise ValueError(f"intrinsic_plasticity needs real units, got dtype={model.dtype!r}")
    if model.feedback:
        raise ValueError("intrinsic_plasticity needs feedback=False")
    names = model.activation if isinstance(model.activation, (list, tuple)) else [model.activation]
    if any(name != RULES[rule][0] for name in names):
        raise ValueError(f"intrinsic_plasticity={rule!r} is for activation={RULES[rule][0]!r}, got {model.activation!r}")
    for name in ("plasticity_rate", "plasticity_deviation"):
        positive_number(name, getattr(model, name), "a positive finite number")
    if rule == "exponential" and model.plasticity_mean is not None:
        positive_number("plasticity_mean", model.plasticity_mean)
    elif model.plasticity_mean is not None:
        number("plasticity_mean", model.plasticity_mean, "a finite number or None", -LARGEST)
    positive_int("plasticity_epochs", model.plasticity_epochs)


def adapted(model: Any, reservoir: Reservoir, X: Series) -> Reservoir:
    """Return the reservoir with gain and shift of every unit adapted to X, layer after layer."""
    rule = model.intrinsic_plasticity
    mean = RULES[rule][1] if model.plasticity_mean is None else float(model.plasticity_mean)
    layers: list[dict[str, Any]] = []
    for i, layer in enumerate(reservoir.layers):
        below = Reservoir(layers, reservoir.n_inputs, 0, False, reservoir.dtype, 0) if layers else None
        alone = Reservoir([{**layer, "noise": 0.0}], layer["W_in"].shape[1], 0, False, reservoir.dtype, 0)
        machine, start = alone.machine(1), alone.start(1)
        for _ in range(model.plasticity_epochs):
            for x in X.arrays:
                alone.place(machine, start.states, start.ticks)
                if below is None:
                    pieces = [x]
                else:
                    first = sum(units_of(model)[: i - 1])  # of what is below only the nearest layer is heard
                    pieces = (piece.features[0, :, first:] for piece in below.drive([x], below.start(1)))  # type: ignore[assignment]
                for heard in pieces:
                    args = (float(model.plasticity_rate), mean, float(model.plasticity_deviation))
                    gain, shift = machine.adapt(rule, *args, as_parts(np.ascontiguousarray(heard[None]), reservoir.dtype))
        layers.append({**layer, "gain": gain.copy(), "shift": shift.copy()})
    return Reservoir(layers, reservoir.n_inputs, 0, reservoir.include_inputs, reservoir.dtype, reservoir.seed)
