"""Second derivatives of the state carried forward in NumPy, for coupling runs that start from any S_0.

Elman's and the linear cell, s' = keep s + gain σ(a),  a_k = Σ_j φ(W_kj) s_j + Σ_j φ(U_kj) x_j + φ(b_k):

    D_p a_k  = Σ_l φ(W_kl) J_lp + [p in row k] φ'(θ_p) u_p                  u = [s; x; 1], u_p the one that weight p multiplies
    D_pq a_k = Σ_l φ(W_kl) S_lpq + [p = W_kj] φ'(θ_p) J_jq + [q = W_kj] φ'(θ_q) J_jp + [p = q in row k] φ''(θ_p) u_p
    J'_kp    = keep J_kp + gain σ'(a_k) D_p a_k
    S'_kpq   = keep S_kpq + gain ( σ''(a_k) D_p a_k D_q a_k + σ'(a_k) D_pq a_k )

s (n_state,), J (n_state, n_params), S (n_state, n_params, n_params); arXiv 2501.08040, section 2.4.
"""

import numpy as np
from numpy.typing import NDArray

from ..cells import Cell, Elman, Linear
from ..reference.cells import activation, activation_slope, bounded, bounded_slope
from ..reference.second import activation_curvature, bounded_curvature

Floats = NDArray[np.float64]
LARGEST = 300_000  # numbers in S: a step stays in the milliseconds


def carries_second(cell: Cell, largest: int | None = LARGEST) -> bool:
    """Whether the cell has this recursion, and no more than so many numbers in S."""
    return isinstance(cell, (Elman, Linear)) and (largest is None or cell.n_state * cell.n_params**2 <= largest)


class SecondDerivatives:
    """The step (s, J, S) ↦ (s', J', S') at fixed weights."""

    def __init__(self, cell: Elman | Linear, theta: Floats) -> None:
        self.sigma = cell.activation if isinstance(cell, Elman) else "identity"
        step = cell.dt if isinstance(cell, Linear) else None
        self.keep, self.gain = (0.0, 1.0) if step is None else (1.0, step)
        self.slope = bounded_slope(theta, cell.bound)
        self.bend = bounded_curvature(theta, cell.bound)
        self.weights = cell.unpack(bounded(theta, cell.bound))
        at = cell.positions()
        self.row = np.empty(cell.n_params, np.int64)  # k of p
        self.heard = np.empty(cell.n_params, np.int64)  # where u_p stands in u
        first = 0
        for name in ("W_rec", "W_in", "bias"):
            where = at[name].reshape(cell.n_units, -1)
            k, j = np.nonzero(where >= 0)
            self.row[where[k, j]], self.heard[where[k, j]] = k, first + j
            first += where.shape[1]
        self.recurrent = np.sort(at["W_rec"][at["W_rec"] >= 0])  # the p that multiply a state

    def __call__(self, s: Floats, J: Floats, S: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
        """One step."""
        W, p = self.weights["W_rec"], np.arange(len(self.row))
        u = np.concatenate([s, x, [1.0]])[self.heard]
        a = W @ s + self.weights["W_in"] @ x + self.weights["bias"]
        first = W @ J
        first[self.row, p] += self.slope * u
        second = np.tensordot(W, S, 1)
        mixed = np.zeros_like(S)
        q = self.recurrent
        mixed[self.row[q], q] = self.slope[q, None] * J[self.heard[q]]
        second += mixed + mixed.transpose(0, 2, 1)
        second[self.row, p, p] += self.bend * u
        out, slope = activation(self.sigma, a).astype(np.float64), activation_slope(self.sigma, a)
        J_next = self.keep * J + self.gain * slope[:, None] * first
        bent = activation_curvature(self.sigma, a)[:, None, None] * first[:, :, None] * first[:, None, :]
        S_next = self.keep * S + self.gain * (bent + slope[:, None, None] * second)
        return self.keep * s + self.gain * out, J_next, S_next
