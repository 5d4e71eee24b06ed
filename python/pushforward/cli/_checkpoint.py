"""A checkpoint that is whole at every instant.

``progress.json`` names one model file. A new checkpoint is written beside the old one, in this order, each step forced to disk before the
next: the model under a new name, then ``progress.json`` by a rename. Until that one rename the old pair is what a reader finds; from it on,
the new pair. Whatever ``progress.json`` does not name is left over from a stop in between, and is deleted next time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pushforward.cli._settings import InputError

FORMAT = 1


@dataclass
class Progress:
    """How far a run has come. ``position`` counts the events learnt in the current epoch."""

    settings: dict[str, Any]
    data_sha256: str
    epoch: int = 0
    position: int = 0
    events: int = 0
    seconds: float = 0.0
    history: list[tuple[int, float]] = field(default_factory=list)  # (events learnt so far, mean loss of the chunk)
    finished: bool = False


class CheckpointStore:
    """The folder ``checkpoint`` of a run."""

    def __init__(self, out: Path) -> None:
        self.folder = out / "checkpoint"
        self.index = self.folder / "progress.json"
        self._number = 0

    def exists(self) -> bool:
        """Tell whether there is a complete checkpoint."""
        return self.index.is_file()

    def write(self, model: Any, progress: Progress) -> Path:
        """Make a new checkpoint, then forget the old; return the model file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        path = self.folder / f"model-{self._number:06d}.safetensors"
        model.save(path)
        _sync(path)
        _sync(self.folder)
        text = json.dumps({"format": FORMAT, "model": path.name, "model_bytes": path.stat().st_size, **asdict(progress)})
        write_atomically(self.index, text)
        self._clean(path.name)
        return path

    def read(self) -> tuple[Path, Progress]:
        """Return the model file and the progress of the last complete checkpoint."""
        try:
            content = json.loads(self.index.read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise InputError(f"--resume: {self.index} is of another version of pushforward")
            path, size = self.folder / str(content.pop("model")), content.pop("model_bytes")
            content["history"] = [(int(events), float(loss)) for events, loss in content["history"]]
            progress = Progress(**content)
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"--resume: {self.index} is not a checkpoint of this program ({error})") from error
        if not path.is_file() or path.stat().st_size != size:
            raise InputError(f"--resume: {path} is missing or was changed")
        self._number = int(path.stem.removeprefix("model-"))
        self._clean(path.name)
        return path, progress

    def _clean(self, keep: str) -> None:
        for old in self.folder.iterdir():
            if old.name not in (keep, self.index.name) and ("model-" in old.name or old.name.startswith(self.index.name)):
                with contextlib.suppress(OSError):
                    old.unlink()


def write_atomically(path: Path, text: str) -> None:
    """Write a text file by a rename, on disk when this returns."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    _sync(path.parent)


def publish(source: Path, path: Path) -> None:
    """Put the content of ``source`` at ``path`` by a rename: a hard link where the file system has them, else a copy."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
        _sync(temporary)
    temporary.replace(path)
    temporary.unlink(missing_ok=True)  # renaming onto a link of the same file leaves both names
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Force a file or a folder to disk; a system that cannot open folders orders renames by itself."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
