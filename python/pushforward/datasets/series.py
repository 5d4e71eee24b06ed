"""A table as a stream to learn: what is known at each event, and what is to be predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward.datasets.tables import Table, load_table


@dataclass(frozen=True)
class Series:
    """Inputs and targets in time order.

    Attributes
    ----------
    X : (n_events, n_inputs) ndarray of float64
    y : (n_events,) or (n_events, n_outputs) ndarray
        float64 for regression, int64 class numbers for classification.
    columns : tuple of str
        Names of the columns of ``X``.
    target : str
    classes : tuple of str or None
        ``classes[k]`` is the label that became class k.
    current : ndarray like ``y``, or None
        The target's own value at the time of prediction, when ``y`` is its next value: the forecast of a persistence baseline.
    dropped : tuple of str
        Columns left out because they are not numbers.
    """

    X: NDArray[np.float64]
    y: NDArray[Any]
    columns: tuple[str, ...]
    target: str
    classes: tuple[str, ...] | None = None
    current: NDArray[np.float64] | None = None
    dropped: tuple[str, ...] = ()


def load_series(path: str | Path, task: str, target: str | None = None, *, missing: str = "refuse") -> Series:
    """Read a CSV or npz file as a stream.

    Parameters
    ----------
    path : path
        See :func:`load_table`.
    task : {"regression", "classification"}
    target : str, optional
        Column or array to predict.
    missing : {"refuse", "drop", "previous"}
        See :func:`load_table`.

    Returns
    -------
    Series

    Notes
    -----
    ==============  =============================================================================================
    regression      CSV, or npz without ``y``: from all columns of row t, the target itself included, predict the
                    target (or every column, if none is named) of row t + 1. npz with a target: row t from row t.
    classification  from the other columns of row t, the label in row t. Labels are numbered in sorted order.
    ==============  =============================================================================================

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "tide.csv"
    >>> _ = path.write_text("wind,level\\n1,10\\n2,20\\n3,30\\n")
    >>> series = load_series(path, "regression", "level")
    >>> series.X.tolist(), series.y.tolist()
    ([[1.0, 10.0], [2.0, 20.0]], [20.0, 30.0])
    """
    if task == "classification":
        return _labelled(load_table(path, target, missing=missing), Path(path))
    if task != "regression":
        raise ValueError(f"task: expected 'regression' or 'classification', got {task!r}")
    if Path(path).suffix == ".npz":
        table = load_table(path, target, missing=missing)
        if table.y is not None:
            if table.y.dtype.kind == "U":
                raise ValueError(f"target: {table.target!r} is text; expected numbers for regression")
            _check_length(len(table.X), 2, path)
            y = table.y[:, 0] if table.y.ndim == 2 and table.y.shape[1] == 1 else table.y
            return Series(table.X, y, table.columns, str(table.target), dropped=table.dropped)
    else:
        table = load_table(path, missing=missing)
    return _next_value(table, target, path)


def _next_value(table: Table, target: str | None, path: str | Path) -> Series:
    if target in table.dropped:
        raise ValueError(f"target: {target!r} is not a column of numbers; expected numbers for regression")
    if target is not None and target not in table.columns:
        raise ValueError(f"target: no column {target!r} in {path}; its columns are {', '.join((*table.columns, *table.dropped))}")
    _check_length(len(table.X), 3, path)
    one = target or (table.columns[0] if len(table.columns) == 1 else None)
    values = table.X if one is None else table.X[:, table.columns.index(one)]
    name = one or "all columns"
    return Series(table.X[:-1], values[1:], table.columns, f"next {name}", current=values[:-1], dropped=table.dropped)


def _labelled(table: Table, path: Path) -> Series:
    if table.y is None:
        raise ValueError(f"target: classification needs the column of the labels; the columns of {path} are {', '.join(table.columns)}")
    if table.X.shape[1] == 0:
        raise ValueError(f"path: {path} has no column of numbers beside the target {table.target!r}")
    if table.y.ndim != 1:
        raise ValueError(f"target: expected one label a row, got shape {table.y.shape}")
    _check_length(len(table.X), 2, path)
    if table.y.dtype.kind == "f" and len(np.unique(table.y)) > 1000:
        raise ValueError(f"target: {table.target!r} has {len(np.unique(table.y))} distinct values; expected at most 1000 classes")
    labels, y = np.unique(table.y, return_inverse=True)
    if len(labels) < 2:
        raise ValueError(f"target: expected at least two classes in {table.target!r}, got {len(labels)}")
    return Series(
        table.X,
        y.astype(np.int64),
        table.columns,
        str(table.target),
        classes=tuple(str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in labels.tolist()),
        dropped=table.dropped,
    )


def _check_length(n_rows: int, least: int, path: str | Path) -> None:
    if n_rows < least:
        raise ValueError(f"path: expected at least {least} rows in {path}, got {n_rows}")
