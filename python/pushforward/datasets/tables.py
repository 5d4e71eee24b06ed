"""Tables on disk (CSV, npz) as arrays of numbers."""

from __future__ import annotations

import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward.datasets._csv import Column, read_csv

MISSING_POLICIES = ("refuse", "drop", "previous")


@dataclass(frozen=True)
class Table:
    """A table of numbers.

    Attributes
    ----------
    X : (n_rows, n_columns) ndarray of float64
    columns : tuple of str
        Names of the columns of ``X``.
    y : ndarray or None
        The target by itself, (n_rows,) or (n_rows, n_outputs): float64, or str when it is text. ``None`` when no target was asked for
        and the file (npz) has no ``y``.
    target : str or None
    dropped : tuple of str
        Columns left out because they are not numbers.
    """

    X: NDArray[np.float64]
    columns: tuple[str, ...]
    y: NDArray[Any] | None = None
    target: str | None = None
    dropped: tuple[str, ...] = ()


def load_table(path: str | Path, target: str | None = None, *, text_columns: str = "drop", missing: str = "refuse") -> Table:
    """Read a CSV or npz file.

    Parameters
    ----------
    path : path
        ``.npz``, or else CSV, packed with gzip if the name ends in ``.gz``. The delimiter (comma, semicolon or tab) is found by
        looking; the first row is a header if nothing in it is a number, else columns are called ``column_1``, ``column_2``, …
        npz: ``X`` is the array of that name (or ``x``), else the only numeric array, or with a target all
        other numeric arrays with as many rows, side by side.
    target : str, optional
        Column (CSV) or array (npz, default ``y``) to return as ``y`` and to leave out of ``X``.
    text_columns : {"drop", "refuse"}
        What to do with columns that are not numbers: leave them out with a warning, or refuse the file. A target may be text.
    missing : {"refuse", "drop", "previous"}
        What to do with rows that have missing (or infinite) values: refuse the file naming their lines, leave them out, or fill in the
        column's previous value (rows before its first value are left out).

    Returns
    -------
    Table

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "tide.csv"
    >>> _ = path.write_text("wind;level\\n1.5;0.2\\n2.5;0.3\\n")
    >>> table = load_table(path, target="level")
    >>> table.columns, table.X.tolist(), table.y.tolist()
    (('wind',), [[1.5], [2.5]], [0.2, 0.3])
    """
    path = Path(path)
    if missing not in MISSING_POLICIES:
        raise ValueError(f"missing: expected one of {MISSING_POLICIES}, got {missing!r}")
    if text_columns not in ("drop", "refuse"):
        raise ValueError(f"text_columns: expected 'drop' or 'refuse', got {text_columns!r}")
    if not path.is_file():
        raise FileNotFoundError(f"path: no file {path}")
    table, lines = _from_npz(path, target) if path.suffix == ".npz" else _from_csv(path, target, text_columns)
    return _without_missing(table, lines, missing, path)


def _from_csv(path: Path, target: str | None, text_columns: str) -> tuple[Table, NDArray[np.int64]]:
    try:
        columns, lines = read_csv(path, target)
    except (UnicodeDecodeError, EOFError, OSError) as error:
        raise ValueError(f"path: {path} cannot be read as CSV: {error}") from error
    if target is not None and target not in [c.name for c in columns]:
        raise ValueError(f"target: no column {target!r} in {path}; its columns are {', '.join(c.name for c in columns)}")
    features = [c for c in columns if c.name != target]
    text = [c for c in features if c.text_at is not None]
    if text:
        where = "; ".join(f"{c.name} (line {c.text_at[0]}: {c.text_at[1]!r})" for c in text if c.text_at)
        if text_columns == "refuse" or len(text) == len(columns):
            raise ValueError(f"path: {path} has columns that are not numbers: {where}")
        warnings.warn(f"{path}: left out, not numbers: {where}", UserWarning, stacklevel=3)
    numeric = [c for c in features if c.text_at is None]
    X = np.column_stack([c.numbers for c in numeric]) if numeric else np.empty((len(lines), 0))
    y = next((_target(c) for c in columns if c.name == target), None)
    return Table(X, tuple(c.name for c in numeric), y, target, tuple(c.name for c in text)), lines


def _target(column: Column) -> NDArray[Any]:
    return column.numbers if column.text_at is None else np.array(column.labels)


def _from_npz(path: Path, target: str | None) -> tuple[Table, NDArray[np.int64]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"path: {path} cannot be read as npz: {error}") from error
    shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items()) or "none"
    if target is not None and target not in arrays:
        raise ValueError(f"target: no array {target!r} in {path}; its arrays are {shapes}")
    target = target or ("y" if "y" in arrays else None)
    y = None if target is None else arrays[target]
    numeric = {name: a for name, a in arrays.items() if name != target and a.dtype.kind in "fiub" and a.ndim in (1, 2) and a.size}
    chosen = next((name for name in ("X", "x") if name in numeric), None)
    if chosen is not None:
        numeric = {chosen: numeric[chosen]}
    elif target is None and len(numeric) > 1:
        raise ValueError(f"target: {path} has neither X nor y: name the array to predict; its arrays are {shapes}")
    n_rows = len(y) if y is not None and y.ndim else max((len(a) for a in numeric.values()), default=0)
    numeric = {name: a for name, a in numeric.items() if len(a) == n_rows}
    if not numeric:
        rows = f" with the {n_rows} rows of {target}" if y is not None else ""
        raise ValueError(f"path: no array of numbers (n_rows,) or (n_rows, n_columns){rows} in {path}; its arrays are {shapes}")
    if y is not None and y.dtype.kind not in "fiubU":
        raise ValueError(f"target: expected numbers or text in {target!r}, got {y.dtype}")
    if y is not None and y.dtype.kind != "U":
        y = y.astype(np.float64)
    names = [n if a.ndim == 1 or a.shape[1] == 1 else f"{n}_{k}" for n, a in numeric.items() for k in range(1, 1 + (a[0].size))]
    X = np.column_stack([a.astype(np.float64) for a in numeric.values()])
    return Table(X, tuple(names), y, target), np.arange(n_rows)


def _without_missing(table: Table, lines: NDArray[np.int64], missing: str, path: Path) -> Table:
    X, y = table.X, table.y
    text = y is not None and y.dtype.kind == "U"
    columns = [*X.T] + ([] if y is None or text else [*y.reshape(len(y), -1).T])
    bad = np.zeros(len(lines), dtype=np.bool_)
    for column in columns:
        bad |= ~np.isfinite(column)
    if y is not None and text:
        bad |= np.array([not label for label in y.tolist()], dtype=np.bool_)
    if not bad.any():
        return table
    if missing == "refuse":
        raise ValueError(
            f"path: {path} has missing or infinite values in {bad.sum()} of {len(bad)} rows "
            f"({'row' if path.suffix == '.npz' else 'line'} {', '.join(map(str, lines[bad][:5]))}{', …' if bad.sum() > 5 else ''}); "
            "missing='drop' leaves them out, missing='previous' fills them in"
        )
    keep: NDArray[np.bool_] = np.logical_not(bad)
    if missing == "previous":
        if text:
            raise ValueError("missing: 'previous' fills numbers only, and the target is text; use 'drop'")
        X = _filled(X)
        y = None if y is None else _filled(y)
        whole = X if y is None else np.column_stack([X, y])
        keep = np.logical_not(np.isnan(whole).any(axis=1))
    return Table(X[keep], table.columns, None if y is None else y[keep], table.target, table.dropped)


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every value that is not finite replaced by the last finite one above it; nothing of the future is used."""
    finite = np.isfinite(values)
    rows = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    last = np.maximum.accumulate(np.where(finite, rows, -1), axis=0)
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last >= 0, filled, np.nan)
