"""Saving and loading: one safetensors file, arrays and JSON settings, no code ever executed on load.

The file appears whole or not at all: it is written beside its place, flushed to the disk, and renamed.
"""

import importlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ._version import __version__
from .cells import Cell, make_cell
from .optim import Optimizer, optimizer_from_dict

__all__ = ["load", "save"]

FORMAT = "pushforward"
FORMAT_VERSION = 2  # 2: series count their steps (tick), cells and connections among the settings
ESTIMATORS = {"RecurrentClassifier": "recurrent", "RecurrentRegressor": "recurrent"}  # name: module


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to ``path``, atomically. Estimators call it as ``model.save(path)``.

    Parameters
    ----------
    model : estimator of this package that has seen data
    path : path of a file, by custom ``*.safetensors``
    """
    settings = {name: _encode(value) for name, value in model.get_params(deep=False).items()}
    facts, arrays = model._to_file()
    header = {"format": FORMAT, "format_version": str(FORMAT_VERSION), "pushforward": __version__, "estimator": type(model).__name__}
    header |= {"settings": json.dumps(settings), "facts": json.dumps(facts)}
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
            if header.get("format_version") != str(FORMAT_VERSION):
                raise ValueError(f"path: {path} has format version {header.get('format_version')}, this pushforward reads {FORMAT_VERSION}")
            name = header.get("estimator")
            if name not in ESTIMATORS:
                raise ValueError(f"path: {path} holds a {name}, which this pushforward does not know")
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a dict
    except SafetensorError as error:
        raise ValueError(f"path must be a whole safetensors file, got {path}: {error}") from None
    estimator = getattr(importlib.import_module(f".{ESTIMATORS[name]}", __package__), name)
    try:
        model = estimator(**{key: _decode(value) for key, value in json.loads(header["settings"]).items()})
        model._prepare(json.loads(header["facts"]))
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"path: the header of {path} is damaged ({error!r})") from None
    model._core().import_state(arrays)
    return model


def _encode(value: Any) -> Any:
    if isinstance(value, Optimizer):
        return {"optimizer": value.to_dict()}
    if isinstance(value, Cell):
        return {"cell": {"name": value.name, **value.settings()}}
    if isinstance(value, (list, tuple)):
        return [_encode(entry) for entry in value]
    if isinstance(value, np.ndarray) and value.dtype == np.bool_ and value.ndim == 2:  # connections: as lists of those that are there
        return [np.flatnonzero(row).tolist() for row in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict) and "optimizer" in value:
        return optimizer_from_dict(value["optimizer"])
    return make_cell(**value["cell"]) if isinstance(value, dict) and "cell" in value else value
