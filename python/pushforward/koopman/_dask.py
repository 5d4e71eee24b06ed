"""Trajectories that lie on other machines: pieces are folded where they are, and what is left of them merges in a tree."""

import copy
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["first_piece", "fold_dask", "is_dask"]

Array = NDArray[Any]
Accumulator = TypeVar("Accumulator")
Fold = Callable[[Array, Array | None], Accumulator]  # one trajectory and its inputs, folded into an accumulator of its own


def is_dask(data: Any) -> bool:
    """Tell a Dask array, or a list with Dask arrays or delayed arrays in it. Does not import Dask."""
    dask = sys.modules.get("dask.base")
    if dask is None:
        return False
    some = list(data) if isinstance(data, (list, tuple)) else [data]
    return any(dask.is_dask_collection(one) for one in some)


def fold_dask(data: Any, fold: Fold[Accumulator], inputs: Any = None, n_delays: int = 0) -> Accumulator:
    """Fold trajectories on the workers of the present Dask client, or in threads without one.

    Parameters
    ----------
    data : Dask array (n_steps, n_state), or list of delayed arrays or Dask arrays of that shape
        An array is one trajectory, whatever its chunks; in a list each is one of its own.
    fold : callable
        (trajectory, inputs or None) -> accumulator with ``merge(other)``. Called on the workers, so that it must be picklable, and more than
        once for a piece whose worker was lost.
    inputs : like ``data``, optional
        As many rows; chunks need not agree.
    n_delays : int
        How many states before the present one a snapshot is made of.

    Returns
    -------
    accumulator
        Of all pieces. Pieces and the tree are given by the data: who did what, and in which order, does not matter.

    Raises
    ------
    ValueError, TypeError
        What ``fold`` says, with the trajectory, and of a piece the row at which it begins.

    Notes
    -----
    A pair of snapshots takes the rows t − n_delays … t + 1. A piece is a chunk and the n_delays + 1 rows that follow it, from as many chunks as
    that takes: every pair is in one piece, and pieces of different trajectories never meet.
    """
    dask = _dask()
    delayed = dask.delayed
    function = delayed(fold, pure=False)
    leaves = [delayed(_leaf)(function, piece, part, where) for piece, part, where in _pieces(data, inputs, n_delays + 1)]
    while len(leaves) > 1:
        leaves = [delayed(_merged)(*pair) if len(pair) == 2 else pair[0] for pair in (leaves[i : i + 2] for i in range(0, len(leaves), 2))]
    whole: Accumulator = dask.compute(leaves[0])[0]
    return whole


def first_piece(data: Any, inputs: Any = None, n_delays: int = 0) -> tuple[Array, Array | None]:
    """Compute the first piece and its inputs: what dictionaries are drawn from."""
    piece, part, _ = _pieces(data, inputs, n_delays + 1)[0]
    found: tuple[Array, Array | None] = _dask().compute(piece, part)
    return found


def _leaf(fold: Fold[Accumulator], piece: Array, inputs: Array | None, where: str) -> Accumulator:
    try:
        return fold(np.asarray(piece), None if inputs is None else np.asarray(inputs))
    except (ValueError, TypeError) as error:
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{where}: {error}") from None


def _merged(one: Any, other: Any) -> Any:
    return copy.deepcopy(one).merge(other)  # results of tasks may be used again, when another task is repeated


def _pieces(data: Any, inputs: Any, overlap: int) -> list[tuple[Any, Any, str]]:
    """(piece, inputs of it or None, where it is from), pieces of one trajectory sharing ``overlap`` rows."""
    whole = not isinstance(data, (list, tuple))
    trajectories: Sequence[Any] = [data] if whole else data
    parts: Sequence[Any] = [None] * len(trajectories) if inputs is None else [inputs] if whole else inputs
    if inputs is not None and not whole and (not isinstance(inputs, (list, tuple)) or len(parts) != len(trajectories)):
        raise ValueError(f"inputs must be a list of {len(trajectories)}, one for each trajectory")
    pieces: list[tuple[Any, Any, str]] = []
    for i, (X, U) in enumerate(zip(trajectories, parts, strict=True)):
        name = f"trajectory {i}"
        if not hasattr(type(X), "chunks"):  # delayed, of which nothing is known (and which has every attribute), or an array that is here
            pieces.append((X, U, name))
            continue
        _check_array("trajectories", name, X)
        if U is not None and not hasattr(U, "shape"):
            raise TypeError(f"inputs must be arrays like the trajectories, got {type(U).__name__} for {name}")
        if U is not None and (len(U.shape) != 2 or U.shape[0] != X.shape[0]):
            raise ValueError(f"inputs must have shape ({X.shape[0]}, n_inputs) for {name}, got {U.shape}")
        if X.shape[0] <= overlap:
            raise ValueError(f"trajectories must have at least {overlap + 1} steps, got {X.shape[0]} in {name}")
        starts = np.concatenate([[0], np.cumsum(X.chunks[0])])
        for first, after in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            rows = slice(first, min(after + overlap, X.shape[0]))
            if rows.stop - first > overlap:
                pieces.append((X[rows], None if U is None else U[rows], f"{name}, counted from row {first}"))
    if not pieces:
        raise ValueError("trajectories must not be an empty list")
    return pieces


def _dask() -> Any:
    try:
        return importlib.import_module("dask")
    except ImportError as error:
        raise ImportError("this needs Dask, which is not installed: pip install 'pushforward[dask]'") from error


def _check_array(name: str, which: str, X: Any) -> None:
    if len(X.shape) != 2:
        raise ValueError(f"{name} must have shape (n_steps, n_state), got {X.shape} in {which}")
    if any(not n >= 0 for n in X.chunks[0]):  # NaN: not known before it is computed
        raise ValueError(f"{name} must have chunks of known length, which {which} has not: call compute_chunk_sizes() on it")
