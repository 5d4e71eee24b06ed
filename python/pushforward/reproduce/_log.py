"""A file of finished runs that survives any stop: one run, one line of JSON, on disk before the next begins."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

try:
    import fcntl
except ModuleNotFoundError:  # not a POSIX system: nobody watches for a second process there
    fcntl = None  # type: ignore[assignment]

FORMAT = 1  # of a line; counted up when what a run does or records changes


class RunLog:
    """The finished runs in a file, found again by their settings.

    A line is ``{"format", "settings", "result"}``. A line cut short by a stop in the middle of writing is cut off when the file is next opened.

    Parameters
    ----------
    path : Path
        Made if it is not there; locked against a second process until :meth:`close`.

    Attributes
    ----------
    notes : list of str
        What was found wrong in the file and left out.

    Raises
    ------
    BlockingIOError
        When another process has the file open.
    """

    def __init__(self, path: Path) -> None:
        self.notes: list[str] = []
        self._results: dict[str, dict[str, Any]] = {}
        self._path = path
        self._stream = path.open("a+b")
        try:
            if fcntl is not None:
                fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._results)

    def close(self) -> None:
        """Close the file; the lock goes with it."""
        self._stream.close()

    def result(self, settings: dict[str, Any]) -> dict[str, Any] | None:
        """Return what the run with these settings gave, or ``None`` if it has not finished yet."""
        return self._results.get(_key(settings))

    def append(self, settings: dict[str, Any], result: dict[str, Any]) -> None:
        """Add a finished run; it is on disk when this returns."""
        line = json.dumps({"format": FORMAT, "settings": settings, "result": result}, ensure_ascii=False, allow_nan=False)
        self._stream.write(line.encode("utf-8") + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._results[_key(settings)] = result

    def _read(self) -> None:
        self._stream.seek(0)
        content = self._stream.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._stream.truncate(whole)
            self.notes.append(f"{self._path}: the last line was cut short and is dropped")
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                run = json.loads(line)
                settings, result, of_today = run["settings"], run["result"], run["format"] == FORMAT
                key = _key(settings)
                curve = result["curve"]
            except (ValueError, KeyError, TypeError):
                self.notes.append(f"{self._path}: line {number} is not a run and is left out")
                continue
            if of_today and curve is not None:
                self._results.setdefault(key, result)
            else:
                self.notes.append(f"{self._path}: line {number} is a run of another version and is left out")


def _key(settings: dict[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)
