"""Many small least-squares problems at once."""

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import number
from .._series import Array, numbers

__all__ = ["batched_lstsq"]


@overload
def batched_lstsq(A: ArrayLike, Y: ArrayLike, ridge: ArrayLike = 0.0, rcond: float | None = None, return_rank: Literal[False] = False) -> Array: ...


@overload
def batched_lstsq(
    A: ArrayLike, Y: ArrayLike, ridge: ArrayLike = 0.0, rcond: float | None = None, *, return_rank: Literal[True]
) -> tuple[Array, NDArray[np.int64]]: ...


def batched_lstsq(
    A: ArrayLike, Y: ArrayLike, ridge: ArrayLike = 0.0, rcond: float | None = None, return_rank: bool = False
) -> Array | tuple[Array, NDArray[np.int64]]:
    """Solve many small least-squares problems, of one shape each: ensembles, sliding windows, cross-validation over ridges.

    Parameters
    ----------
    A : (B, m, k) ndarray of float32 or float64
        The matrices. Its dtype is the precision of the computation; arrays of another one are refused, lists become float64. Views in which each
        matrix is one piece of memory are not copied: windows of a trajectory, one matrix for all problems
        (:func:`numpy.lib.stride_tricks.sliding_window_view`, :func:`numpy.broadcast_to`).
    Y : (B, m, p) or (B, m) array-like
    ridge : float, (B,) array-like, or (n_ridges, 1) or (n_ridges, B) array-like
        Penalty of the sum of squares of x: one for all problems, or one each. Several rows of them give as many solutions, for little more than the
        price of one where m is large; ``ridges[:, None]`` tries the same ones on every problem.
    rcond : float, optional
        Singular values of at most ``rcond`` times the largest of their matrix count as zero; of what is left the shortest solution is returned.
        max(m, k) times the rounding unit unless given, and then only where ``ridge`` is not above the rounding errors by itself.
    return_rank : bool

    Returns
    -------
    x : (B, k, p) ndarray, or (B, k) if Y is (B, m); with several ridges an axis (n_ridges,) in front
        ``A[i] @ x[i] ≈ Y[i]``.
    rank : (B,) ndarray of int64, with ``return_rank``
        Singular values above ``rcond`` times the largest.

    Raises
    ------
    TypeError
        When an argument has another dtype than A.
    ValueError
        When a shape does not fit, a ridge or rcond is negative, or a number is not finite: the problem and its row are named.

    Notes
    -----
    x = argmin ‖A x − Y‖² + ridge ‖x‖². Householder reflections, in every lane of a register another problem, turn [A | Y] into a triangle R and
    a right-hand side; a bound of the condition number of R tells the problems of full rank, which are solved by substitution. The others go through
    one-sided Jacobi rotations of the rows of R: x = Σ v_i σ_i (u_iᵀ Y) / (σ_i² + ridge) over the singular values that count. A ridge adds the rows
    √ridge I to R. As accurate as :func:`numpy.linalg.lstsq` in the precision of A: the errors grow with the condition number of A, not with
    its square as for normal equations. A solution is the same to the last bit whatever stands beside it, and for every number of threads.

    Examples
    --------
    A line through each of three windows of a curve:

    >>> import numpy as np, pushforward as pf
    >>> t = np.arange(5.0)
    >>> A = np.broadcast_to(np.stack([np.ones(3), np.arange(3.0)], axis=1), (3, 3, 2))
    >>> Y = np.lib.stride_tricks.sliding_window_view(t**2, 3)
    >>> pf.kernels.batched_lstsq(A, Y).round(3)
    array([[-0.333,  2.   ],
           [ 0.667,  4.   ],
           [ 3.667,  6.   ]])
    """
    matrices = A if isinstance(A, np.ndarray) else np.asarray(A, np.float64)
    if matrices.dtype.name not in ("float32", "float64"):
        raise TypeError(f"A must be of dtype float32 or float64, got {matrices.dtype}")
    if matrices.ndim != 3 or 0 in matrices.shape:
        raise ValueError(f"A must be (B, m, k), none of them 0, got shape {matrices.shape}")
    targets = Y if isinstance(Y, np.ndarray) and Y.dtype == matrices.dtype else numbers("Y", Y, matrices.dtype)
    flat = targets.ndim == 2
    targets = targets[..., None] if flat else targets
    if targets.ndim != 3 or targets.shape[:2] != matrices.shape[:2] or targets.shape[2] == 0:
        B, m, _ = matrices.shape
        raise ValueError(f"Y must be ({B}, {m}) or ({B}, {m}, p) like A, p at least 1, got shape {targets.shape[: 3 - flat]}")
    penalties = _ridges(ridge, len(matrices), matrices.dtype)
    least, always = _least(rcond, matrices)
    x, rank = _core.batched_lstsq(_pieces(matrices), _pieces(targets), np.atleast_2d(penalties), least, always, bool(return_rank))
    x = x if penalties.ndim == 2 else x[0]
    x = x[..., 0] if flat else x
    return (x, rank) if return_rank else x


def _ridges(ridge: ArrayLike, n_problems: int, dtype: "np.dtype[Any]") -> Array:
    """One ridge for each problem, (B,) or (n_ridges, B)."""
    given = np.asarray(ridge)
    if given.dtype.kind not in "iuf":
        raise TypeError(f"ridge must be real numbers, got {given.dtype}")
    shape = (*given.shape[:-1], n_problems)
    if given.ndim > 2 or 0 in given.shape or (given.ndim and given.shape[-1] not in ((1, n_problems) if given.ndim == 2 else (n_problems,))):
        hint = "; several for every problem: ridge[:, None]" if given.ndim == 1 else ""
        raise ValueError(f"ridge must be a number, ({n_problems},), (n_ridges, 1) or (n_ridges, {n_problems}), got shape {given.shape}{hint}")
    with np.errstate(over="ignore"):
        values = given.astype(dtype)
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"ridge must be finite and not negative, got {given[~(np.isfinite(values) & (values >= 0))].flat[0]}")
    return np.ascontiguousarray(np.broadcast_to(values, shape))


def _least(rcond: float | None, A: Array) -> tuple[float, bool]:
    """The relative size of singular values that count as zero, and whether a ridge changes nothing about it."""
    if rcond is None:
        return max(A.shape[1:]) * float(np.finfo(A.dtype).eps), False
    return number("rcond", rcond, "a number of at least 0 and less than 1, or None", 0, 1, "[)"), True


def _pieces(a: Array) -> Array:
    """The same array, each problem of which is one piece of memory."""
    item = a.itemsize
    whole = (a.shape[2] == 1 or a.strides[2] == item) and (a.shape[1] == 1 or a.strides[1] == item * a.shape[2])
    return a if whole and a.strides[0] % item == 0 and a.flags.aligned else np.ascontiguousarray(a)
