"""The same least squares in what else is installed: NumPy and six packages of its field, none of which is needed to run the rest.

They are handed the features of a whole trajectory, and what reads the state off features; lifting is no part of their time.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import linalg

from .koopman_cases import RCOND, Array, Next, by_matrix, by_operator

Fit = Callable[[Array, Array, Array], Next]
"""From features (n + 1, n_features), states (n + 1, n_state) and C (n_state, n_features), h ≈ C ψ."""
CHUNK = 8  # rows for each column
RELATIVE_RIDGE = 1e-12  # of a Gram matrix that Cholesky would refuse


def lstsq(psi: Array, h: Array, C: Array) -> Next:
    """By an SVD of all features."""
    return by_matrix(np.linalg.lstsq(psi[:-1], h[1:], rcond=_cut(psi))[0].T)


def qr_in_chunks(psi: Array, h: Array, C: Array) -> Next:
    """[R | Y] ← R of the QR of [R | Y] above the next rows; then an SVD of R."""
    n = psi.shape[1]
    R = np.empty((0, n + h.shape[1]), psi.dtype)
    for now in _chunks(psi):
        rows = np.hstack([psi[now], h[now.start + 1 : now.stop + 1]])
        R = np.asarray(np.linalg.qr(np.vstack([R, rows]), mode="r"))
    return by_matrix(np.linalg.lstsq(R[:n, :n], R[:n, n:], rcond=_cut(psi))[0].T)


def operator_by_qr_in_chunks(psi: Array, h: Array, C: Array) -> Next:
    """R, Qᵀ Ψ' ← those of the next rows below; then an SVD of R."""
    n = psi.shape[1]
    R, Y = np.empty((0, n), psi.dtype), np.empty((0, n), psi.dtype)
    for now in _chunks(psi):
        Q, R = np.linalg.qr(np.vstack([R, psi[now]]))
        Y = Q.T @ np.vstack([Y, psi[now.start + 1 : now.stop + 1]])
    return by_operator(np.linalg.lstsq(R, Y, rcond=_cut(psi))[0].T, C)


def normal_equations(psi: Array, h: Array, C: Array) -> Next:
    """(Ψᵀ Ψ + ridge) Kᵀ = Ψᵀ Ψ' by Cholesky."""
    G = psi[:-1].T @ psi[:-1]
    ridge = max(RELATIVE_RIDGE, 10 * float(np.finfo(G.dtype).eps) if G.dtype == np.float32 else 0) * np.trace(G)
    return by_operator(linalg.cho_solve(linalg.cho_factor(G + ridge * np.eye(len(G), dtype=G.dtype)), psi[:-1].T @ psi[1:]).T, C)


def swimnetworks(psi: Array, h: Array, C: Array) -> Next:
    """Its linear layer: an SVD of all features with a column of ones."""
    layer = importlib.import_module("swimnetworks").Linear(regularization_scale=RCOND).fit(psi[:-1], h[1:])
    return lambda psi: psi @ layer.weights + layer.biases


def pykoopman(psi: Array, h: Array, C: Array) -> Next:
    """Its regressor of lifted snapshots."""
    model = importlib.import_module("pykoopman.regression").EDMD().fit(psi[:-1], psi[1:])
    return lambda psi: np.real(model.predict(psi)) @ C.T


def pydmd(psi: Array, h: Array, C: Array) -> Next:
    """Its plain DMD without truncation, of features as snapshots: U Ã Uᵀ, more accurate than by its modes."""
    model = importlib.import_module("pydmd").DMD(svd_rank=-1).fit(psi.T)
    U, small = model._svd_modes, model.operator.as_numpy_array
    return lambda psi: ((psi @ U) @ small.T) @ (C @ U).T


def deeptime(psi: Array, h: Array, C: Array) -> Next:
    """Its EDMD with the features as they come."""
    model = importlib.import_module("deeptime.decomposition").EDMD(basis=_as_they_come).fit((psi[:-1], psi[1:])).fetch_model()
    return by_operator(np.real(model.operator).T, C)


def pykoop(psi: Array, h: Array, C: Array) -> Next:
    """Its EDMD without a penalty."""
    return by_operator(importlib.import_module("pykoop").Edmd().fit(psi[:-1], psi[1:]).coef_.T, C)


def kooplearn(psi: Array, h: Array, C: Array, **settings: Any) -> Next:
    """Its ridge regression, with the factors of its predict formed once."""
    model = importlib.import_module("kooplearn.linear_model").Ridge(**settings).fit(psi, h)
    V = np.linalg.multi_dot([model.U_.T, psi[:-1].T, h[1:]]) / (len(psi) - 1)
    return lambda psi: (psi @ model.U_) @ V


@dataclass(frozen=True)
class Peer:
    """Another way to the same.

    Parameters
    ----------
    name : str
    fit : callable
    package : str
    goal : float or None
        How many times faster the fit of the next state is to be; None: where ours is the whole operator too, at least as fast.
    """

    name: str
    fit: Fit
    package: str = "numpy"
    goal: float | None = None

    def __call__(self, psi: Array, h: Array, C: Array) -> Next:
        """Fit; what it has to say about its own code it may say elsewhere."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.fit(psi, h, C)


SVD_GRADE = (
    Peer("NumPy, QR in chunks, next state", qr_in_chunks, goal=2.0),
    Peer("NumPy, QR in chunks, operator", operator_by_qr_in_chunks),
    Peer("NumPy, lstsq, next state", lstsq, goal=1.0),
    Peer("swimnetworks, Linear, next state", swimnetworks, "swimnetworks", goal=1.0),
    Peer("PyKoopman, EDMD", pykoopman, "pykoopman", goal=10.0),
    Peer("PyDMD, DMD", pydmd, "pydmd", goal=10.0),
)
GRAM_GRADE = (
    Peer("NumPy, normal equations", normal_equations),
    Peer("deeptime, EDMD", deeptime, "deeptime"),
    Peer("pykoop, Edmd", pykoop, "pykoop"),
    Peer("kooplearn, Ridge", kooplearn, "kooplearn"),
    Peer("kooplearn, Ridge, full rank, alpha 1e-12", partial(kooplearn, reduced_rank=False, alpha=1e-12), "kooplearn"),
)


def present(peers: tuple[Peer, ...], dtype: str) -> Iterator[Peer]:
    """Those that can be imported; in float32 NumPy alone: the others compute in float64 whatever they are given."""
    for peer in peers:
        if peer.package == "numpy" or (dtype == "float64" and package(peer.package) is not None):
            yield peer


def package(name: str) -> Any:
    """Import it, or None."""
    if importlib.util.find_spec(name) is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except Exception:  # an installation that its own dependencies have outrun may fail with anything
        return None


def _as_they_come(psi: Array) -> Array:
    return psi


def _cut(psi: Array) -> float:
    return max(RCOND, float(np.finfo(psi.dtype).eps))


def _chunks(psi: Array) -> Iterator[slice]:
    """Of all rows but the last."""
    n, size = len(psi) - 1, CHUNK * psi.shape[1]
    return (slice(first, min(n, first + size)) for first in range(0, n, size))
