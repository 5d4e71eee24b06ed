"""Linear feedback by Riccati's equation, in coordinates in which it can be solved; what was done is reported."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, LinAlgWarning, solve, solve_discrete_are, svd

from ..errors import ControlError
from ._matrices import root

__all__ = ["ControlReport", "Coordinates", "coordinates", "feedback"]

Array = NDArray[Any]
BALANCED = 1e-3  # smaller Hankel singular values are rounding errors where features are nearly combinations of each other
STABLE = 1 - 1e-8  # an eigenvalue nearer to the unit circle is not told from one on it: Riccati's equation is solved to half the digits there
ACCURATE = 1e-6  # what Riccati's equation may be missed by, relative to its solution


@dataclass(frozen=True)
class ControlReport:
    """How a feedback came about.

    Attributes
    ----------
    method : {"riccati", "balanced riccati", "finite horizon"}
        The first of them that worked.
    n_features : int
        Width of the lifted state.
    n_kept : int
        Directions of it that the feedback sees.
    dropped : tuple of str
        What happened to the others.
    refused : tuple of str
        Why the methods tried before did not work.
    spectral_radius : float
        Of the lifted model under the feedback, in the directions kept. At least 1 only with "finite horizon".
    steady_residual : float
        How far the model drifts from the target in a step when the input is ``u_target``: the largest over the states, each in the units of
        ``steady_tolerance`` (see :func:`~pushforward.koopman.control.lqr`).
    """

    method: str
    n_features: int
    n_kept: int
    dropped: tuple[str, ...]
    refused: tuple[str, ...]
    spectral_radius: float
    steady_residual: float

    def __str__(self) -> str:
        parts = [f"{self.method}, {self.n_kept} of {self.n_features} directions, spectral radius {self.spectral_radius:.4g}"]
        parts += [f"dropped: {text}" for text in self.dropped] + [f"refused: {text}" for text in self.refused]
        return "; ".join(parts)


@dataclass(frozen=True)
class Coordinates:
    """ξ = T (ψ − ψ*), ψ − ψ* ≈ S ξ, and the model in them: ξ[t+1] = A ξ[t] + B v[t], h − h* = C ξ."""

    T: Array  # (r, D)
    A: Array  # (r, r)
    B: Array  # (r, n_inputs)
    C: Array  # (n_state, r)
    motion: Array | None  # (n_state,) root mean square of a step of each state
    dropped: tuple[str, ...]


def coordinates(K: Array, B: Array, C: Array, factor: Array | None, rcond: float, constant_column: int | None) -> Coordinates:
    """Choose directions in which the lifted model is well conditioned.

    Differences ψ − ψ* have no constant part: that of ``constant_column``, or what keeps its value by the model and over all rows of the factor (a
    row of the identity alone is no constant: a conserved state has one). Of the rest the principal directions over the snapshots, each in units of
    its spread there:

        F = U diag(s) Vᵀ (F the factor less what the constant explains),   ξ = diag(s₁/s) Vᵀ (ψ − ψ*) ,   s > rcond s₁

    In these the operator is a compression of the conditional expectation and its norm about one. In the features themselves, which are nearly
    combinations of each other, its entries reach 1e7, and no Riccati solver gets through.
    """
    D = len(K)
    if constant_column is not None:
        constant = np.arange(D) == constant_column
    elif factor is not None and len(factor) > 1:
        constant = (np.eye(D) == K).all(axis=1) & (B == 0).all(axis=1) & (factor == factor[0]).all(axis=0) & (factor[0] != 0)
    else:
        constant = np.zeros(D, bool)
    keep = ~constant
    dropped: tuple[str, ...] = (f"{int(constant.sum())} constant",) if constant.any() else ()
    if not keep.any():
        raise ValueError("K must have features that are not constant")
    if factor is None:
        T = np.eye(D)[keep]
        return Coordinates(T, K[np.ix_(keep, keep)], B[keep], C[:, keep], None, dropped)
    F, motion = factor[:, keep], None
    if constant.any():
        ones = factor[:, constant]
        Q = svd(ones, full_matrices=False)[0]
        F = F - Q @ (Q.T @ F)
        motion = np.linalg.norm(factor @ (C @ (K - np.eye(D))).T, axis=0) / np.linalg.norm(ones[:, 0])
    _, s, Vt = svd(F, full_matrices=False)
    if not s[0] > 0:
        raise ValueError("factor must have features that vary, got none")
    r = int((s > rcond * s[0]).sum())
    if r < keep.sum():
        dropped += (f"{int(keep.sum()) - r} directions of spread below {rcond:g} of the largest",)
    T, S = np.zeros((r, D)), np.zeros((D, r))
    T[:, keep], S[keep] = Vt[:r] / (s[:r] / s[0])[:, None], Vt[:r].T * (s[:r] / s[0])
    return Coordinates(T, T @ K @ S, T @ B, C @ S, motion, dropped)


def feedback(at: Coordinates, Q: Array, R: Array, horizon: int, rcond: float) -> tuple[Coordinates, Array, Array | None, dict[str, Any]]:
    """Coordinates ξ, the gain G of v = −G ξ, the solution P of Riccati's equation (None without one), and what there is to report."""
    A, B, C = at.A, at.B, at.C
    refused: list[str] = []

    def found(kept: Coordinates, method: str, radius: float) -> dict[str, Any]:
        report = {"method": method, "n_features": at.T.shape[1], "n_kept": len(kept.A), "dropped": kept.dropped}
        return {**report, "refused": tuple(refused), "spectral_radius": radius}

    try:
        G, P, radius = _riccati(A, B, _weight(Q, C), R)
        return at, G, P, found(at, "riccati", radius)
    except _Refused as error:
        refused.append(f"riccati: {error}")
    try:
        T, S = _balanced(A, B, root(Q) @ C, horizon, max(rcond, BALANCED))
        dropped = (*at.dropped, f"{len(A) - len(T)} directions that inputs do not reach or the cost does not see within {horizon} steps")
        reduced = replace(at, T=T @ at.T, A=T @ A @ S, B=T @ B, C=C @ S, dropped=dropped)
        G, P, radius = _riccati(reduced.A, reduced.B, _weight(Q, reduced.C), R)
        return reduced, G, P, found(reduced, "balanced riccati", radius)
    except _Refused as error:
        refused.append(f"balanced riccati: {error}")
    try:
        G = _recursion(A, B, _weight(Q, C), R, horizon)
        radius = _radius(A - B @ G)
    except _Refused as error:
        raise ControlError(f"no feedback was found; {'; '.join(refused)}; finite horizon of {horizon} steps: {error}", "no gain") from None
    return at, G, None, found(at, "finite horizon", radius)


class _Refused(Exception):
    pass


def _riccati(A: Array, B: Array, Q: Array, R: Array) -> tuple[Array, Array, float]:
    """P = Q + Aᵀ P (A − B G), G = (R + Bᵀ P B)⁻¹ Bᵀ P A, where A − B G is stable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", LinAlgWarning)
            warnings.simplefilter("ignore", RuntimeWarning)  # overflow: found below
            P = solve_discrete_are(A, B, Q, R)
            G = solve(R + B.T @ P @ B, B.T @ P @ A, assume_a="pos")
            miss = np.linalg.norm(Q + A.T @ P @ (A - B @ G) - P)
    except (LinAlgError, LinAlgWarning, ValueError) as error:
        raise _Refused(str(error).strip().rstrip(".")) from None
    if not miss <= ACCURATE * np.linalg.norm(P):
        raise _Refused(f"the solution misses the equation by {miss / np.linalg.norm(P):.1e}")
    radius = _radius(A - B @ G)
    if radius >= STABLE:
        raise _Refused(f"the spectral radius under the feedback is {radius:.9g}")
    return G, P, radius


def _balanced(A: Array, B: Array, C: Array, horizon: int, rcond: float) -> tuple[Array, Array]:
    """T, S of the balanced directions over ``horizon`` steps: T S = 1; reached = [B A B …], seen = [Cᵀ AᵀCᵀ …], seenᵀ reached = U diag(s) Vᵀ."""
    reached, seen = [B], [C.T]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(horizon - 1):
            reached.append(A @ reached[-1])
            seen.append(A.T @ seen[-1])
        L, M = np.concatenate(reached, axis=1), np.concatenate(seen, axis=1)
        hankel = M.T @ L
    if not np.isfinite(hankel).all():
        raise _Refused("responses overflow")
    U, s, Vt = svd(hankel, full_matrices=False)
    if not s[0] > 0:
        raise _Refused("inputs do not reach anything that the cost sees")
    r = int((s > rcond * s[0]).sum())
    root = np.sqrt(s[:r])
    return (U[:, :r] / root).T @ M.T, L @ (Vt[:r].T / root)


def _recursion(A: Array, B: Array, Q: Array, R: Array, horizon: int) -> Array:
    """The first gain of ``horizon`` steps: Riccati's recursion from P = Q."""
    P = Q
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(horizon):
                G = solve(R + B.T @ P @ B, B.T @ P @ A, assume_a="pos")
                P = Q + A.T @ P @ (A - B @ G)
                P = (P + P.T) / 2
    except (LinAlgError, ValueError) as error:
        raise _Refused(str(error)) from None
    return np.asarray(G)


def _radius(A: Array) -> float:
    if not np.isfinite(A).all():
        raise _Refused("the gain is not finite")
    return float(np.abs(np.linalg.eigvals(A)).max())


def _weight(Q: Array, C: Array) -> Array:
    W = C.T @ Q @ C
    return np.asarray((W + W.T) / 2)
