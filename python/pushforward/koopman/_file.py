"""What a file holds of a Koopman model: what was drawn, what least squares has seen, the operators if they have been asked for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..io import Arrays
from ..kernels import EDMDResult
from ._drawing import Drawn
from ._embedding import Embedding
from ._lift import InputLayer, Lift, StandardLift
from ._running import Running

__all__ = ["Saved"]

Array = NDArray[Any]
OPERATORS = ("A", "A_u", "K", "B", "C", "singular_values", "residuals")


class Saved(Running):
    """``save`` and :func:`pushforward.load`, to the bit; ``partial_fit`` goes on where it stood."""

    def _to_file(self) -> tuple[dict[str, Any], dict[str, Array]]:
        self._check_built()
        self._check_unchanged()
        embedding, features, inputs = self._drawn
        arrays = {f"dictionary.{name}": a for name, a in features.lift.dictionary.arrays().items()}
        arrays |= {f"seen.{name}": a for name, a in self._accumulator.export_state().items()}
        held = {"center": features.center, "scale": features.scale, "P": embedding.P, "e_mean": embedding.mean}
        if inputs is not None:
            held |= {"inputs.scale": inputs.scale, "inputs.W": inputs.W, "inputs.b": inputs.b}
        facts: dict[str, Any] = {"n_state": embedding.n_state, "n_inputs": self.n_inputs_, "solved": None}
        if "result" in self._solution:
            result = self._solution["result"]
            facts["solved"] = {"key": list(self._solution["key"]), "rank": int(result.rank)}
            held |= {f"solved.{name}": getattr(result, name) for name in OPERATORS}
        return facts, arrays | {name: a for name, a in held.items() if a is not None}

    def _from_file(self, facts: dict[str, Any], arrays: dict[str, Array]) -> None:
        self._check_settings()
        dtype, n_state = self._type(), int(facts["n_state"])
        _check_types(arrays, dtype)
        dictionary = self._unfitted().from_arrays(_part(arrays, "dictionary."))
        compressed = self.delay_compression is not None
        embedding = Embedding(n_state, self.n_delays, arrays["P"] if compressed else None, arrays["e_mean"] if compressed else None)
        lift = Lift(dictionary, bool(self.include_state), bool(self.include_constant))
        if lift.n_z != embedding.n_z:
            raise ValueError(f"path: 'dictionary' must be of {embedding.n_z} variables, got {lift.n_z}")
        features = StandardLift(lift, _of(arrays, "center", lift.n_features), _of(arrays, "scale", lift.n_features), 0 if compressed else n_state)
        layer, n_inputs, inputs = self._input_units(), int(facts["n_inputs"]), None
        if n_inputs and layer is None:
            inputs = InputLayer(n_inputs, _of(arrays, "inputs.scale", n_inputs))
        elif n_inputs and layer is not None:
            W, b = _of(arrays, "inputs.W", layer.n_units, n_inputs), _of(arrays, "inputs.b", layer.n_units)
            inputs = InputLayer(n_inputs, _of(arrays, "inputs.scale", layer.n_units), W, b, layer.activation)
        self._take(Drawn(embedding, features, inputs))
        accumulator = self._folder().empty()
        with _named("seen"):
            accumulator.import_state(_part(arrays, "seen."))
        self._accumulator = accumulator
        solved = facts["solved"]
        if solved is not None:
            D, n_g, whole = lift.n_features, 0 if inputs is None else len(inputs.scale), self.target == "observables"
            shapes = {"A": (n_state, D), "singular_values": (D + n_g,), "residuals": (D if whole else n_state,)}
            shapes |= {"K": (D, D), "C": (n_state, D)} if whole else {}
            shapes |= {"A_u": (n_state, n_g)} if n_g else {}
            shapes |= {"B": (D, n_g)} if n_g and whole else {}
            held = {name: _of(arrays, f"solved.{name}", *shapes[name]) if name in shapes else None for name in OPERATORS}
            rcond, ridge, stabilize = solved["key"]
            result = EDMDResult(**held, rank=int(solved["rank"]), n_snapshots=accumulator.n_snapshots)  # type: ignore[arg-type]
            self._solution = {"key": (float(rcond), float(ridge), stabilize), "result": result}


class _named:
    """Say the name in the file of what is damaged."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, (KeyError, ValueError, IndexError, TypeError)):
            raise ValueError(f"path: '{self.name}' is damaged: {error}") from None


def _part(arrays: dict[str, Array], prefix: str) -> Arrays:
    return Arrays((name.removeprefix(prefix), a) for name, a in arrays.items() if name.startswith(prefix))


def _of(arrays: dict[str, Array], name: str, *shape: int) -> Array:
    array = arrays[name]
    if array.shape != shape:
        raise ValueError(f"path: '{name}' must have shape {shape}, got {array.shape}")
    return array


def _check_types(arrays: dict[str, Array], dtype: np.dtype[Any]) -> None:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and array.dtype != dtype:
            raise ValueError(f"path: '{name}' must be {dtype} like the settings, got {array.dtype}")
