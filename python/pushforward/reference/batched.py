"""Many small least-squares problems, one after the other."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def batched_lstsq(
    A: ArrayLike, Y: ArrayLike, ridge: ArrayLike = 0.0, rcond: float | None = None, return_rank: bool = False
) -> Array | tuple[Array, Array]:
    """Solve by singular values; :func:`pushforward.kernels.batched_lstsq` documents the arguments."""
    problems, targets = np.asarray(A), np.asarray(Y)
    flat = targets.ndim == 2
    penalties = np.broadcast_to(np.asarray(ridge), np.broadcast_shapes(np.shape(ridge), (len(problems),)))
    each = [_solve(a, y[:, None] if flat else y, penalties[..., i].ravel(), rcond) for i, (a, y) in enumerate(zip(problems, targets, strict=True))]
    x = np.stack([solutions for solutions, _ in each], axis=1)  # (n_ridges, B, k, p)
    x = x.reshape(*penalties.shape[:-1], *x.shape[1:])
    return (x[..., 0] if flat else x, np.array([rank for _, rank in each])) if return_rank else x[..., 0] if flat else x


def _solve(A: Array, Y: Array, ridges: Array, rcond: float | None) -> tuple[Array, int]:
    """x (n_ridges, k, p) and the number of singular values above rcond times the largest."""
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    smallest = max(A.shape) * np.finfo(A.dtype).eps if rcond is None else rcond
    kept = s > smallest * s[0]
    found = []
    for ridge in ridges:
        whole = rcond is None and ridge > smallest**2 * (np.sum(s**2) + ridge)  # the ridge does what cutting is for
        used = np.ones_like(kept) if whole else kept
        found.append(Vt[used].T @ ((s[used] / (s[used] ** 2 + ridge))[:, None] * (U[:, used].T @ Y)))
    return np.stack(found), int(kept.sum())
