"""From settings to the weights of every layer: checked, and drawn from the seed."""

from typing import Any

import numpy as np
from scipy import sparse

from .. import reservoirs
from .._checks import fraction, non_negative, one_of, positive_int, true_or_false
from .._network import n_parts, real_of
from .._series import Array, Series
from ..cells import ACTIVATIONS
from ..reservoirs._suggest import input_scaling

PER_LAYER = (
    "spectral_radius", "input_scaling", "bias_scaling", "leak_rate", "connectivity", "topology", "activation", "proximity", "noise",
)  # fmt: skip
TOPOLOGIES = ("random", "ring", "delay_line", "cycle_with_jumps", "orthogonal", "block_diagonal")
HEARD = 10  # units that each unit hears, unless connectivity says otherwise


def check_settings(model: Any) -> None:
    """Refuse what does not depend on the data."""
    for entry in units_of(model):
        positive_int("n_units", entry, "a positive int, or a list of them")
    for layer in range(len(units_of(model))):
        s = settings_of(model, layer)
        n = units_of(model)[layer]
        non_negative("spectral_radius", s["spectral_radius"])
        non_negative("bias_scaling", s["bias_scaling"])
        non_negative("noise", s["noise"])
        if s["input_scaling"] is not None and np.ndim(s["input_scaling"]) == 0:
            non_negative("input_scaling", s["input_scaling"])
        if s["connectivity"] is not None:
            fraction("connectivity", s["connectivity"])
        leak = np.asarray(s["leak_rate"])
        if leak.dtype.kind not in "iuf" or leak.shape not in ((), (n,)):
            raise ValueError(f"leak_rate must be a number or ({n},), one a unit, got {s['leak_rate']!r}")
        if not np.all((leak > 0) & (leak <= 1)):
            raise ValueError(f"leak_rate must lie in (0, 1], got {s['leak_rate']!r}")
        if s["proximity"] is not None:
            fraction("proximity", s["proximity"])
            if not np.all(leak == 1):
                raise ValueError("leak_rate must be left at 1 with proximity, which takes its place")
        one_of("activation", s["activation"], ACTIVATIONS)
        if isinstance(s["topology"], str):
            one_of("topology", s["topology"], TOPOLOGIES)
    if model.feedback_scaling is not None:
        non_negative("feedback_scaling", model.feedback_scaling)
    for name in ("feedback", "include_inputs", "intercept"):
        true_or_false(name, getattr(model, name))


def units_of(model: Any) -> list[Any]:
    """n_units of every layer."""
    n_units = model.n_units
    if not isinstance(n_units, (list, tuple)):
        return [n_units]
    if not n_units:
        raise ValueError("n_units must name at least one layer, got an empty list")
    return list(n_units)


def settings_of(model: Any, layer: int) -> dict[str, Any]:
    """The settings of one layer: its entry of those given as lists."""
    deep, n_layers = isinstance(model.n_units, (list, tuple)), len(units_of(model))
    found = {}
    for name in PER_LAYER:
        value = getattr(model, name)
        if deep and isinstance(value, (list, tuple)):
            if len(value) != n_layers:
                raise ValueError(f"{name} must have an entry for each of the {n_layers} layers, got {len(value)}")
            value = value[layer]
        found[name] = value
    return found


def draw_layers(model: Any, X: Series, Y: Series | None, n_outputs: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The arguments of kernels.reservoir_states for every layer, and the settings that were chosen from the data."""
    dtype = np.dtype(model.dtype)
    layers: list[dict[str, Any]] = []
    chosen: dict[str, Any] = {}
    n_heard = X.arrays[0].shape[1]
    for i, n in enumerate(units_of(model)):
        s, rng = settings_of(model, i), np.random.default_rng([model.random_state, i])
        if s["input_scaling"] is not None:
            scaling = np.broadcast_to(np.asarray(s["input_scaling"], dtype=np.float64), (n_heard,)) if _fits(s["input_scaling"], n_heard) else None
            if scaling is None:
                raise ValueError(f"input_scaling must be a number or ({n_heard},), one an input, got shape {np.shape(s['input_scaling'])}")
        elif i == 0:
            scaling = input_scaling(X)
            chosen["input_scaling"] = scaling
        else:
            scaling = np.full(n_heard, 1 / np.sqrt(n_heard))
        W_rec = recurrent(s, n, rng, dtype)
        layer = {
            "W_rec": W_rec, "W_in": _uniform(rng, (n, n_heard), dtype) * scaling.astype(real_of(dtype)),
            "bias": _uniform(rng, (n,), dtype) * real_of(dtype).type(s["bias_scaling"]),
            "leak_rate": np.asarray(s["leak_rate"] if s["proximity"] is None else s["proximity"], dtype=real_of(dtype)),
            "activation": s["activation"], "noise": float(s["noise"]),
        }  # fmt: skip
        if s["proximity"] is not None:
            layer["W_skip"] = reservoirs.orthogonal(n, spectral_radius=1.0, dtype=dtype, random_state=rng)
        if i == 0 and model.feedback:
            strength = model.feedback_scaling
            if strength is None:
                assert Y is not None  # single events were asked to say it
                strength = chosen["feedback_scaling"] = input_scaling(Y)
            layer["W_feedback"] = _uniform(rng, (n, n_outputs), dtype) * np.asarray(strength, dtype=real_of(dtype))
        layers.append(layer)
        n_heard = n
    return layers, chosen


def recurrent(s: dict[str, Any], n: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
    """W_rec of one layer: drawn by its topology, or as it was given."""
    given, radius = s["topology"], float(s["spectral_radius"])
    if isinstance(given, str):
        if given == "random":
            connectivity = min(1.0, HEARD / n) if s["connectivity"] is None else float(s["connectivity"])
            return reservoirs.random(n, connectivity=connectivity, spectral_radius=radius, dtype=dtype, random_state=rng)
        return getattr(reservoirs, given)(n, spectral_radius=radius, dtype=dtype, random_state=rng)
    return _given(given, n, dtype)


def _given(W_rec: Any, n: int, dtype: np.dtype[Any]) -> Any:
    """W_rec as it was given: an operator, or an array in the model's type."""
    if not (isinstance(W_rec, (np.ndarray, list, tuple)) or sparse.issparse(W_rec)):
        if tuple(getattr(W_rec, "shape", ())) != (n, n):
            raise ValueError(f"topology must be a name, or an array or operator of shape ({n}, {n}), got {W_rec!r}")
        return W_rec
    array = sparse.csr_array(W_rec) if sparse.issparse(W_rec) else np.asarray(W_rec)
    if array.shape != (n, n):
        raise ValueError(f"topology must be ({n}, {n}), got {array.shape}")
    numbers: Array = np.asarray(array.data) if sparse.issparse(array) else array
    if numbers.dtype.kind not in "iufc" or (numbers.dtype.kind == "c" and dtype.kind != "c"):
        raise TypeError(f"topology must hold numbers of the kind of dtype={dtype.name!r}, got {numbers.dtype}")
    if not np.isfinite(numbers).all():
        raise ValueError("topology must be finite")
    converted: Any = array.astype(dtype)
    return converted


def as_arguments(layer: dict[str, Any]) -> dict[str, Any]:
    """The same layer for kernels.reservoir_states, which knows no gain and no shift: they are multiplied in."""
    arguments = {name: value for name, value in layer.items() if name not in ("gain", "shift", "noise")}
    if "gain" not in layer:
        return arguments
    gain, W_rec = layer["gain"], layer["W_rec"]
    W_rec = W_rec.toarray() if isinstance(W_rec, reservoirs.Operator) else W_rec
    scaled = sparse.csr_array(sparse.diags_array(gain) @ W_rec) if sparse.issparse(W_rec) else gain[:, None] * W_rec
    arguments["W_rec"] = scaled.astype(layer["W_in"].dtype)
    return arguments | {"W_in": gain[:, None] * layer["W_in"], "bias": gain * layer["bias"] + layer["shift"]}


def _fits(value: Any, n: int) -> bool:
    return np.shape(value) in ((), (n,))


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Uniform in ±1, complex numbers in either part."""
    drawn = rng.uniform(-1, 1, size=(*shape, n_parts(dtype)))
    numbers: Array = (drawn[..., 0] if dtype.kind == "f" else drawn[..., 0] + 1j * drawn[..., 1]).astype(dtype)
    return numbers
