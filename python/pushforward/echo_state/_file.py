"""An echo state model as facts and arrays, and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import io
from .._series import Array
from ._readouts import make_readout
from ._reservoir import Reservoir, Stand

STAND = ("states", "ticks", "seen", "inputs", "outputs")


def to_file(model: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what :func:`pushforward.save` writes."""
    arrays: dict[str, NDArray[Any]] = {}
    stand = model._settle()
    reservoir = model._reservoir
    layers = [{name: io.encode(value, f"layer{i}.{name}", arrays) for name, value in layer.items()} for i, layer in enumerate(reservoir.layers)]
    if stand is not None:
        arrays |= {f"stand.{name}": value for name in STAND if (value := getattr(stand, name)) is not None}
    arrays |= {f"readout.{name}": value for name, value in model._readout.export_state().items()}
    chosen = {name: io.encode(getattr(model, f"{name}_"), f"chosen.{name}", arrays) for name in model._chosen_}
    facts = {
        "n_inputs": model.n_inputs_, "n_outputs": model.n_outputs_, "layers": layers, "chosen": chosen, "form": getattr(model, "_form_", "one"),
        "under_way": stand is not None, **model._facts(),
    }  # fmt: skip
    return facts, arrays


def from_file(model: Any, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Make a model that knows its settings what the file says it was."""
    n_inputs, n_outputs, dtype = int(facts["n_inputs"]), int(facts["n_outputs"]), np.dtype(model.dtype)
    layers = [{name: io.decode(value, arrays) for name, value in layer.items()} for layer in facts["layers"]]
    reservoir = Reservoir(layers, n_inputs, n_outputs if model.feedback else 0, model.include_inputs, dtype, model.random_state)
    readout = make_readout(model, dtype, reservoir.n_features, n_outputs)
    readout.import_state({name.removeprefix("readout."): a for name, a in arrays.items() if name.startswith("readout.")})
    model._reservoir, model._readout = reservoir, readout
    model._stand = _stand(reservoir, n_outputs, arrays) if facts["under_way"] else None
    model.n_inputs_ = model.n_features_in_ = n_inputs
    model.n_outputs_, model._form_, model._chosen_ = n_outputs, str(facts["form"]), list(facts["chosen"])
    for name, value in facts["chosen"].items():
        setattr(model, f"{name}_", io.decode(value, arrays))
    model._take_facts(facts)
    model._remember_settings()


def _stand(reservoir: Reservoir, n_outputs: int, arrays: dict[str, NDArray[Any]]) -> Stand:
    n_series = len(arrays["stand.ticks"])
    like = reservoir.start(n_series)
    found: dict[str, Any] = {name: arrays[f"stand.{name}"] for name in STAND[:4]} | {"outputs": arrays.get("stand.outputs")}
    for name, value in found.items():
        expected: Array | None = getattr(like, name)
        if name == "outputs" and value is None and expected is None:
            continue
        if name == "outputs" and expected is None:  # those of a closed loop
            expected = np.zeros((n_series, n_outputs), reservoir.dtype)
        if value is None or expected is None or value.dtype != expected.dtype or value.shape != expected.shape:
            raise ValueError(f"path: 'stand.{name}' does not fit the reservoir")
        if not np.isfinite(value).all():
            raise ValueError(f"path: 'stand.{name}' must be finite")
    return Stand(found["states"], found["ticks"], found["seen"], found["inputs"], found["outputs"])
