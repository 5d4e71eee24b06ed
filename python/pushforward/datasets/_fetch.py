"""Find a data file: the folder named by ``PUSHFORWARD_DATA``, then the cache, then a hash-checked download."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

from pushforward.datasets._registry import DOWNLOADS, SHA256, Download

VARIABLE = "PUSHFORWARD_DATA"


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(name: str) -> Path:
    """Return the path of a known data file, checked against its sha256.

    Looked for in this order: the folder named by ``PUSHFORWARD_DATA`` (under its own name, or unpacked without ``.gz``), the cache of
    earlier downloads, and last a public address if one is known. Nothing is ever written into ``PUSHFORWARD_DATA``.

    Parameters
    ----------
    name : str
        A file name such as ``"tinyshakespeare.txt.gz"``.

    Returns
    -------
    pathlib.Path
        The ``.gz`` file itself or an unpacked copy: read it with :func:`gzip.open` only if its name ends in ``.gz``.

    Raises
    ------
    FileNotFoundError
        Not in the folder, not in the cache, and not to be had from the network; the message says what to do.
    ValueError
        The name is unknown, or the file found is not the one expected (its sha256 differs).

    Notes
    -----
    The public addresses (Tiny Shakespeare: the char-rnn repository; LOBSTER: the provider's sample archives) are
    **unverified**; the hashes were computed from verified copies, so a wrong address can only fail, never deliver other data.
    The ``.npz`` files are conversions of the published ones and have no public address: they are found in the folder or not at all.

    Examples
    --------
    >>> fetch("moby_dick.txt")
    Traceback (most recent call last):
        ...
    ValueError: name: 'moby_dick.txt' is not a known data file
    """
    if name not in SHA256:
        raise ValueError(f"name: {name!r} is not a known data file")
    found = _in_folder(name)
    if found is None and name in DOWNLOADS:
        found = _in_cache(name, DOWNLOADS[name])
    if found is None:
        raise FileNotFoundError(f"{_where_looked(name)}, and no public address is known; put {name} there (sha256 {SHA256[name]})")
    return found


def _in_folder(name: str) -> Path | None:
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    expected = {name: SHA256[name]}
    if name in DOWNLOADS:
        expected[name.removesuffix(".gz")] = DOWNLOADS[name].sha256
    for candidate, sha256 in expected.items():
        path = Path(folder) / candidate
        if path.is_file():
            _check(path, sha256)
            return path
    return None


def _in_cache(name: str, source: Download) -> Path:
    pooch = _import_pooch(name)
    path = Path(pooch.os_cache("pushforward")) / name.removesuffix(".gz")
    if path.is_file():
        _check(path, source.sha256)
        return path
    archive = Path(source.address).name
    try:
        if source.member is None:
            pooch.retrieve(source.address, known_hash=f"sha256:{source.sha256}", fname=path.name, path=path.parent)
        else:  # the hash known is that of the member: the archive itself is not trusted
            downloaded = Path(pooch.retrieve(source.address, known_hash=None, fname=archive, path=path.parent))
            _unpack(downloaded, source.member, path, source.sha256)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise FileNotFoundError(
            f"{_where_looked(name)}, and {source.address} could not be read ({type(error).__name__}: {str(error)[:80]}); "
            f"download it by other means, put {path.name} (sha256 {source.sha256}) into a folder and set {VARIABLE} to it"
        ) from None
    return path


def _unpack(archive: Path, member: str, path: Path, sha256: str) -> None:
    """Write one member of a zip to ``path``, by a rename so that half a file is never seen; drop the archive."""
    try:
        with zipfile.ZipFile(archive) as opened:
            content = opened.read(member)
    finally:
        archive.unlink()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{member} in the downloaded {archive.name} is not the expected file: its sha256 is not {sha256}")
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
        stream.write(content)
    Path(stream.name).replace(path)


def _check(path: Path, sha256: str) -> None:
    found = sha256_of(path)
    if found != sha256:
        raise ValueError(f"{path} is not the expected file: sha256 {found}, expected {sha256}")


def _import_pooch(name: str):  # type: ignore[no-untyped-def]  # pooch is an optional, lazily imported module
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise FileNotFoundError(
            f"{_where_looked(name)}; to download it: pip install 'pushforward[cli]'; or put it there yourself (sha256 {SHA256[name]})"
        ) from error
    pooch.get_logger().setLevel("WARNING")
    return pooch


def _where_looked(name: str) -> str:
    folder = os.environ.get(VARIABLE)
    return f"{name} is not in {VARIABLE} ({folder})" if folder else f"{name}: {VARIABLE} is not set to a folder that holds it"
