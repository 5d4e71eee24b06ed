"""Saving and loading: one safetensors file, arrays and JSON settings, no code ever executed on load.

The file appears whole or not at all: it is written beside its place, flushed to the disk, and renamed.

An estimator gives what it holds as ``_to_file() -> (facts, arrays)``, facts being JSON and arrays real or complex, and takes it back, made from
its settings alone, by ``_from_file(facts, arrays)``. A fact that is missing or of another kind raises KeyError or AttributeError there, and is
reported as a damaged header; an array that is missing is reported by its name.
"""

import importlib
import inspect
import json
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy import sparse

from ._version import __version__
from .cells import Cell, make_cell
from .optim import Optimizer, optimizer_from_dict

__all__ = ["load", "save"]

FORMAT = "pushforward"
FORMAT_VERSION = 3  # 2: series count their steps (tick), cells and connections among the settings; 3: arrays among the settings, complex numbers
READ = ("2", "3")
ESTIMATORS = {  # name: module
    "DiagonalRNN": "diagonal_rnn",
    "EchoStateClassifier": "echo_state",
    "EchoStateRegressor": "echo_state",
    "FORCE": "readout",
    "FixedPoleClassifier": "fixed_poles",
    "FixedPoleRegressor": "fixed_poles",
    "KernelEDMD": "koopman",
    "KoopmanRegressor": "koopman",
    "LMS": "readout",
    "NLMS": "readout",
    "NVARRegressor": "nvar",
    "OnlineEDMD": "koopman",
    "RLS": "readout",
    "RecurrentClassifier": "recurrent",
    "RecurrentRegressor": "recurrent",
    "Ridge": "readout",
    "SampledRNN": "koopman",
}
VALUES = {  # module: classes that may stand among the settings, rebuilt from their settings
    "koopman": ("Identity", "Monomials", "RadialBasis", "RandomFourier", "Sampled"),
    "readout": ("LMS", "NLMS", "RLS", "Ridge"),
    "reservoirs": ("BlockDiagonal", "CycleWithJumps", "DelayLine", "Ring"),
}


class Arrays(dict[str, NDArray[Any]]):
    """The arrays of a file; one that is missing is a ValueError with its name."""

    def __missing__(self, name: str) -> NDArray[Any]:
        raise ValueError(f"path: '{name}' is missing")


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to ``path``, atomically. Estimators call it as ``model.save(path)``.

    Parameters
    ----------
    model : estimator of this package that has seen data
    path : path of a file, by custom ``*.safetensors``
    """
    facts, arrays = model._to_file()
    arrays = dict(arrays)
    settings = {name: encode(value, f"settings.{name}", arrays) for name, value in model.get_params(deep=False).items()}
    pairs = sorted(name for name, a in arrays.items() if a.dtype.kind == "c")  # written as real numbers, a last axis of both parts
    arrays = {name: _real(a) for name, a in arrays.items()}
    header = {"format": FORMAT, "format_version": str(FORMAT_VERSION), "pushforward": __version__, "estimator": type(model).__name__}
    header |= {"settings": json.dumps(settings), "facts": json.dumps(facts), "complex": json.dumps(pairs)}
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must lie in a folder that is there, got {path}")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # what this user's files look like; save_file makes its own, closed to others
        save_file(arrays, temporary, metadata=header)
        temporary.chmod(mode)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model back; it goes on bit for bit where the saved one stood.

    Parameters
    ----------
    path : path of a file that :func:`save` wrote

    Returns
    -------
    model : the estimator, of the class that was saved

    Raises
    ------
    FileNotFoundError
    ValueError
        When the file is truncated, not ours, or of a version this package does not know.

    Examples
    --------
    >>> import numpy as np, pushforward as pf, tempfile, pathlib
    >>> X = np.ones((20, 1), "float32")
    >>> model = pf.RecurrentRegressor(n_units=4).partial_fit(X, X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(pathlib.Path(folder) / "m.safetensors")
    ...     twin = pf.load(pathlib.Path(folder) / "m.safetensors")
    >>> bool(np.all(twin.partial_fit(X, X).theta_ == model.partial_fit(X, X).theta_))
    True
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must be a model file, got {path}: there is none")
    try:
        with safe_open(path, framework="np") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ValueError(f"path must be a file written by pushforward, got {path}: a safetensors file of another kind")
            if header.get("format_version") not in READ:
                raise ValueError(f"path: {path} has format version {header.get('format_version')}, this pushforward reads {' and '.join(READ)}")
            name = header.get("estimator")
            if name not in ESTIMATORS:
                raise ValueError(f"path: {path} holds a {name}, which this pushforward does not know")
            arrays = Arrays((key, file.get_tensor(key)) for key in file.keys())  # noqa: SIM118  # not a dict
    except SafetensorError as error:
        raise ValueError(f"path must be a whole safetensors file, got {path}: {error}") from None
    estimator = getattr(importlib.import_module(f".{ESTIMATORS[name]}", __package__), name)
    try:
        for key in json.loads(header.get("complex", "[]")):
            arrays[key] = _complex(arrays[key])
        settings = {key: decode(value, arrays) for key, value in json.loads(header["settings"]).items()}
        for key in [key for key in arrays if key.startswith("settings.")]:
            del arrays[key]
        facts = json.loads(header["facts"])
        if not isinstance(facts, dict):
            raise KeyError("facts")
        model = estimator(**settings)
        if not hasattr(model, "_from_file"):
            model._prepare(facts)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"path: the header of {path} is damaged ({error!r})") from None
    if not hasattr(model, "_from_file"):  # a recurrent model: its learner checks every array by itself
        model._core().import_state(dict(arrays))
        return model
    try:
        model._from_file(facts, arrays)
    except (KeyError, AttributeError) as error:
        raise ValueError(f"path: the header of {path} is damaged ({error!r})") from None
    return model


def _real(a: NDArray[Any]) -> NDArray[Any]:
    a = np.asarray(a, order="C")
    return a.view(a.dtype.char.lower()).reshape(*a.shape, 2) if a.dtype.kind == "c" else a


def _complex(a: NDArray[Any]) -> NDArray[Any]:
    if a.dtype not in (np.float32, np.float64) or a.ndim == 0 or a.shape[-1] != 2:
        raise KeyError("complex")
    return a.view(a.dtype.char.upper())[..., 0]


def encode(value: Any, name: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """Return a setting as JSON; its arrays are put beside, under ``name``."""
    if isinstance(value, Optimizer):
        return {"optimizer": value.to_dict()}
    if isinstance(value, Cell):
        return {"cell": {"name": value.name, **value.settings()}}
    if isinstance(value, (list, tuple)):
        return [encode(entry, f"{name}.{i}", arrays) for i, entry in enumerate(value)]
    if isinstance(value, np.ndarray) and value.dtype == np.bool_ and value.ndim == 2:  # connections: as lists of those that are there
        return [np.flatnonzero(row).tolist() for row in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (complex, np.complexfloating)):
        return {"complex": [float(value.real), float(value.imag)]}
    if isinstance(value, np.generic):
        return encode(value.item(), name, arrays)
    if sparse.issparse(value):
        csr = sparse.csr_array(value)
        for part in ("data", "indices", "indptr"):
            arrays[f"{name}.{part}"] = getattr(csr, part)
        return {"csr": name, "shape": list(csr.shape)}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    module = type(value).__module__.removeprefix(f"{__package__}.").split(".")[0]
    if type(value).__name__ in VALUES.get(module, ()):
        held = {key: encode(getattr(value, key), f"{name}.{key}", arrays) for key in inspect.signature(type(value)).parameters}
        return {"value": type(value).__name__, "module": module, "settings": held}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{name.removeprefix('settings.')} cannot be saved: it is a {type(value).__name__}")


def decode(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """Undo :func:`encode`."""
    if isinstance(value, list):
        return [decode(entry, arrays) for entry in value]
    if not isinstance(value, dict):
        return value
    if "optimizer" in value:
        return optimizer_from_dict(value["optimizer"])
    if "complex" in value:
        return complex(*value["complex"])
    if "cell" in value:
        return make_cell(**value["cell"])
    if "complex" in value:
        return complex(*value["complex"])
    if "array" in value:
        return arrays[value["array"]]
    if "csr" in value:
        data, indices, indptr = (arrays[f"{value['csr']}.{part}"] for part in ("data", "indices", "indptr"))
        return sparse.csr_array((data, indices, indptr), shape=tuple(value["shape"]))
    if "value" in value and value["value"] in VALUES.get(value["module"], ()):
        made = getattr(importlib.import_module(f".{value['module']}", __package__), value["value"])
        return made(**{key: decode(entry, arrays) for key, entry in value["settings"].items()})
    return value
