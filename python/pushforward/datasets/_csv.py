"""Read a CSV file into float columns: delimiter and header found by looking, text columns kept apart."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
DELIMITERS = ",;\t"
_BATCH = 65_536  # rows held as strings at a time


@dataclass
class Column:
    """One column: its numbers so far, or the first field that is none."""

    name: str
    parts: list[NDArray[np.float64]] = field(default_factory=list)
    labels: list[str] | None = None  # kept for the target only
    text_at: tuple[int, str] | None = None  # (line, field)

    @property
    def numbers(self) -> NDArray[np.float64]:
        return np.concatenate(self.parts) if self.parts else np.empty(0)

    def take(self, fields: list[str], lines: list[int]) -> None:
        if self.labels is not None:
            self.labels.extend(f.strip() for f in fields)
        if self.text_at is not None:
            return
        try:
            self.parts.append(np.array(list(map(float, fields))))
            return
        except ValueError:  # a missing value, or text: look field by field
            values = np.full(len(fields), np.nan)
        for k, text in enumerate(fields):
            try:
                values[k] = float(text)
            except ValueError:
                if text.strip().lower() not in MISSING:
                    self.text_at, self.parts = (lines[k], text), []
                    return
        self.parts.append(values)


def read_csv(path: Path, target: str | None) -> tuple[list[Column], NDArray[np.int64]]:
    """Return the columns and the line number of every row; the column called ``target`` also keeps its fields as text."""
    with _open(path) as stream:
        head = [line for line in islice(stream, 50) if line.strip()]
    if not head:
        raise ValueError(f"{path} is empty")
    delimiter = _sniff(head)
    names, has_header = _names(head, delimiter, path)
    columns = [Column(name, labels=[] if name == target else None) for name in names]
    lines: list[int] = []
    with _open(path) as stream:
        rows = _rows(stream, delimiter, len(names), path)
        if has_header:
            next(rows)
        while batch := list(islice(rows, _BATCH)):
            numbers = [line for line, _ in batch]
            lines += numbers
            for column, fields in zip(columns, zip(*(row for _, row in batch), strict=True), strict=True):
                column.take(list(fields), numbers)
    if not lines:
        raise ValueError(f"{path} has a header and no rows")
    return columns, np.array(lines)


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _rows(stream: TextIO, delimiter: str, n_columns: int, path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(stream, delimiter=delimiter)
    for row in reader:
        if not row or (len(row) == 1 and not row[0].strip()):
            continue
        if len(row) != n_columns:
            raise ValueError(f"{path}, line {reader.line_num}: expected {n_columns} fields, got {len(row)}")
        yield reader.line_num, row


def _sniff(head: list[str]) -> str:
    """Return the delimiter that cuts every one of the first lines into the same number (> 1) of fields, the most fields first."""
    best, most = ",", 1
    for delimiter in DELIMITERS:
        widths = {len(row) for row in csv.reader(head[:-1] or head, delimiter=delimiter) if row}
        if len(widths) == 1 and (width := widths.pop()) > most:
            best, most = delimiter, width
    return best


def _names(head: list[str], delimiter: str, path: Path) -> tuple[list[str], bool]:
    """Return the column names; a first row in which nothing is a number is a header."""
    first = [f.strip() for f in next(csv.reader(head, delimiter=delimiter))]
    has_header = any(f.lower() not in MISSING for f in first) and not any(_is_number(f) for f in first)
    if not has_header:
        return [f"column_{k}" for k in range(1, len(first) + 1)], False
    names = [f or f"column_{k}" for k, f in enumerate(first, 1)]
    if len(set(names)) != len(names):
        twice = sorted({n for n in names if names.count(n) > 1})
        raise ValueError(f"{path}: the header names {', '.join(twice)} more than once")
    return names, True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.lower() not in MISSING
