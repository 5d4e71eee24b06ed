"""Text as integer tokens: one token a character."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward.datasets._fetch import fetch


@dataclass(frozen=True)
class TextSeries:
    """A text as tokens.

    Attributes
    ----------
    tokens : (n_characters,) ndarray of int64
        ``alphabet[tokens[t]]`` is character t.
    alphabet : list of str
        The distinct characters in code-point order.
    """

    tokens: NDArray[np.int64]
    alphabet: list[str]

    @property
    def X(self) -> NDArray[np.int64]:
        """Every character but the last: (n_characters − 1,)."""
        return self.tokens[:-1]

    @property
    def y(self) -> NDArray[np.int64]:
        """The character that follows: (n_characters − 1,)."""
        return self.tokens[1:]


def encode_text(text: str) -> tuple[NDArray[np.int64], list[str]]:
    """Turn a text into tokens.

    Parameters
    ----------
    text : str

    Returns
    -------
    tokens : (n_characters,) ndarray of int64
    alphabet : list of str
        The distinct characters in code-point order.

    Examples
    --------
    >>> tokens, alphabet = encode_text("banana")
    >>> alphabet
    ['a', 'b', 'n']
    >>> tokens.tolist()
    [1, 0, 2, 0, 2, 0]
    """
    code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    alphabet, tokens = np.unique(code_points, return_inverse=True)
    return tokens.astype(np.int64), [chr(c) for c in alphabet]


def decode_text(tokens: Sequence[int] | NDArray[Any], alphabet: Sequence[str]) -> str:
    """Turn tokens back into a text, the inverse of :func:`encode_text`.

    Examples
    --------
    >>> decode_text([1, 0, 2], ["a", "b", "n"])
    'ban'
    """
    return "".join(alphabet[int(token)] for token in tokens)


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file, packed (``.gz``) or not; a byte that is not UTF-8 is a ``ValueError`` naming the place."""
    path = Path(path)
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: byte {error.start} is 0x{content[error.start]:02x}") from error


def tiny_shakespeare(n_characters: int | None = None) -> TextSeries:
    """Tiny Shakespeare: 1,115,394 characters, 65 distinct ones.

    Parameters
    ----------
    n_characters : int, optional
        Keep the first so many; the alphabet is that of the whole text, so sizes do not depend on it.

    Returns
    -------
    TextSeries

    Notes
    -----
    Text by W. Shakespeare in the public domain, put together in the char-rnn repository (A. Karpathy). See :func:`fetch` for
    where the file is looked for.
    """
    if n_characters is not None and n_characters < 1:
        raise ValueError(f"n_characters: expected a positive integer or None, got {n_characters}")
    tokens, alphabet = encode_text(read_text(fetch("tinyshakespeare.txt.gz")))
    return TextSeries(tokens[:n_characters], alphabet)
