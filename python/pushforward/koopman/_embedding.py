"""A state and those before it, as one vector; compressed by principal components if wished."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._checks import non_negative_int, positive_int
from ..linalg import StreamingQR

__all__ = ["Embedding", "check_delays"]

Array = NDArray[Any]
CHUNK_NUMBERS = 1 << 20  # of delayed states at a time


@dataclass(frozen=True)
class Embedding:
    """e[t] = [h[t] | h[t−1] | … | h[t−d]], z[t] = P (e[t] − e_mean) or e[t].

    Attributes
    ----------
    n_state, n_delays : int
    P : (n_components, n_state (n_delays + 1)) ndarray or None
    mean : (n_state (n_delays + 1),) ndarray or None
    """

    n_state: int
    n_delays: int = 0
    P: Array | None = None
    mean: Array | None = None

    @property
    def width(self) -> int:
        """Numbers in e."""
        return self.n_state * (self.n_delays + 1)

    @property
    def n_z(self) -> int:
        """Numbers in z."""
        return self.width if self.P is None else len(self.P)

    def compressed(self, trajectories: Sequence[Array], n_components: int) -> Self:
        """Return this embedding with the principal components of trajectories (n_steps, n_state): an SVD of what is left of e without its mean."""
        if n_components > self.width:
            raise ValueError(f"delay_compression must be at most {self.width}, the width of the delayed states, got {n_components}")
        # The triangle of [1 | e] holds the triangle of e − e_mean. A rough mean is taken off first: nothing cancels then.
        n_steps = sum(map(len, trajectories))
        rough = np.tile(np.asarray(sum(H.sum(axis=0) for H in trajectories) / n_steps, trajectories[0].dtype), self.n_delays + 1)
        factor = StreamingQR(self.width + 1, dtype=rough.dtype.name)
        for H in trajectories:
            for _, piece in self.pieces(H):
                E = self._delayed(piece) - rough
                factor.update(np.ones((len(E), 1), E.dtype), E)
        if factor.n_rows <= n_components:
            raise ValueError(f"delay_compression must be less than the number of snapshots ({factor.n_rows}), got {n_components}")
        R = np.asarray(factor.R)
        P = np.linalg.svd(R[1:, 1:])[2][:n_components]
        largest = np.abs(P).argmax(axis=1)
        P = P * np.sign(P[np.arange(len(P)), largest])[:, None]  # so that the sign is that of the data, not of the algorithm
        return type(self)(self.n_state, self.n_delays, np.ascontiguousarray(P), rough + R[0, 1:] / R[0, 0])

    def __call__(self, H: Array) -> Array:
        """Return z (n_steps − n_delays, n_z) of the steps (n_steps, n_state) that have a past."""
        if self.P is None:
            return self._delayed(H)
        return np.concatenate([(self._delayed(piece) - self.mean) @ self.P.T for _, piece in self.pieces(H)])

    def of_history(self, history: Array) -> Array:
        """Return z (n_series, n_z) of the last of (n_series, n_delays + 1, n_state), oldest first."""
        e = history[:, ::-1].reshape(len(history), -1)
        return np.ascontiguousarray(e) if self.P is None else (e - self.mean) @ self.P.T

    def at(self, H: Array, steps: Array) -> Array:
        """Return z of some steps, each at least n_delays."""
        return self.of_history(H[steps[:, None] + np.arange(-self.n_delays, 1)])

    def pieces(self, H: Array, overlap: int = 0, width: int = 0) -> list[tuple[int, Array]]:
        """Cut a trajectory into (first row, rows), few enough that ``width`` numbers each, and their delayed states, fit into memory.

        Every row with a past stands in one piece with it, of the last ``overlap`` of a piece each is the first of the next one too.
        """
        d, length = self.n_delays, max(256, CHUNK_NUMBERS // max(self.width, width))
        return [(first, H[first : first + length + overlap + d]) for first in range(0, max(1, len(H) - d - overlap), length)]

    def _delayed(self, H: Array) -> Array:
        if not self.n_delays:
            return H
        n = len(H) - self.n_delays
        return np.concatenate([H[self.n_delays - k : self.n_delays - k + n] for k in range(self.n_delays + 1)], axis=1)


def check_delays(n_delays: object, compression: object) -> None:
    """Refuse settings of an embedding that mean nothing."""
    non_negative_int("n_delays", n_delays)
    if compression is not None:
        positive_int("delay_compression", compression, "a positive int or None")
