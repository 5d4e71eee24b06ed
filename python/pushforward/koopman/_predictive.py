"""Predictive control: a quadratic problem over a horizon, set up once, of which a call changes vectors only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ..errors import ControlError
from ._quadratic import QuadraticProblem, osqp_module
from ._riccati import ControlReport
from ._steady import Problem, lifted_state

__all__ = ["Plan", "PredictiveController"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Plan:
    """What a call found.

    Attributes
    ----------
    inputs : (horizon, n_inputs) ndarray
        The first of them is applied.
    states : (horizon, n_state) ndarray
        What the lifted model predicts in the directions that the report keeps, from one step ahead. As if the target were held exactly: the drift
        K ψ* + B u* − ψ* of which ``report.steady_residual`` is the size is left out.
    softened : bool
        Whether the bounds of the states could not be kept: the solver has found that nothing keeps them.
    excess : float
        By how much a predicted state leaves them at most; where they can be kept, the solver's tolerance or nothing.
    n_iterations : int
    """

    inputs: Array
    states: Array
    softened: bool
    excess: float
    n_iterations: int


class PredictiveController:
    """The first of the best inputs within bounds; made by :func:`pushforward.koopman.control.mpc`.

    Attributes
    ----------
    plan : Plan or None
        Of the last call.
    target, psi_target, u_target, report
        As of :class:`~pushforward.koopman.control.LinearQuadraticController`; the report is that of the cost at the end of the horizon.
    """

    def __init__(
        self, task: Problem, gain: Array, P: Array | None, report: ControlReport, horizon: int, u_bounds: tuple[Array, Array],
        x_bounds: tuple[Array, Array], soft_weight: float | None, tolerance: float, max_iter: int,
    ) -> None:  # fmt: skip
        osqp_module()
        self.target, self.psi_target, self.u_target, self.report = task.target, task.psi_target, task.u_target, report
        self.horizon, self.plan = horizon, None
        self._lift, self._dtype, self._T, self._u_bounds, self._x_bounds = task.lift, task.dtype, task.at.T, u_bounds, x_bounds
        self._u_inside = _inside(u_bounds, task.dtype)
        self._eliminate(task, gain, P)
        self._build(None if soft_weight is None else soft_weight * float(task.Q.max()), tolerance, max_iter)

    plan: Plan | None
    _hard: QuadraticProblem
    _soft: QuadraticProblem | None
    _last: QuadraticProblem

    def __call__(self, x: ArrayLike) -> Array:
        """Input for a state.

        Parameters
        ----------
        x : (n_state,) array-like
            Or what else the lift takes, as for an :func:`~pushforward.koopman.control.lqr` controller.

        Returns
        -------
        u : (n_inputs,) ndarray

        Raises
        ------
        ValueError
            When x does not fit or is not finite.
        ControlError
            When bounds cannot be kept and are not soft, or the solver did not converge; ``plan`` is None then.
        """
        self.plan = None
        xi = self._T @ (lifted_state(self._lift, np.asarray(x, self._dtype), len(self.psi_target), "x") - self.psi_target)
        moved = self._rows @ xi  # what the rows are where w is zero
        w, softened = self._solve(self._linear @ xi, self._low - moved, self._high - moved)
        states = self.target + (self._F @ xi + self._G @ w).reshape(self.horizon, -1)
        inputs = self.u_target + (self._E @ xi + self._M @ w).reshape(self.horizon, -1)
        inputs = np.clip(inputs, *self._u_bounds)  # the solver keeps them within its tolerance
        excess = float(np.maximum(self._x_bounds[0] - states, states - self._x_bounds[1]).max())
        self.plan = Plan(inputs, states, softened, max(excess, 0.0), self._last.n_iterations)
        return np.asarray(np.clip(inputs[0].astype(self._dtype), *self._u_inside))

    def _solve(self, q: Array, low: Array, high: Array) -> tuple[Array, bool]:
        w, self._last = self._hard.solve(q, low, high), self._hard
        if self._hard.status == "solved":
            return w, False
        if self._soft is not None and self._hard.status == "infeasible":
            z, self._last = self._soft.solve(np.concatenate([q, np.zeros(len(self._bounded))]), low, high), self._soft
            if self._soft.status == "solved":
                return z[: len(q)], True
        if self._last.status == "infeasible":
            reason = f"no inputs within u_min and u_max keep the states between x_min and x_max over {self.horizon} steps"
            raise ControlError(f"{reason}; soft_weight makes these bounds soft", "infeasible")
        raise ControlError(f"{self._last.message}; a larger tolerance or max_iter may help", "not converged")

    def _eliminate(self, task: Problem, gain: Array, P: Array | None) -> None:
        """h − h* = F ξ₀ + G w and v = E ξ₀ + M w over the horizon, cost ½ wᵀ H w + (L ξ₀)ᵀ w, without the lifted states.

        w is what an input differs by from the feedback, vₖ = −gain ξₖ + wₖ. With its cost at the end the feedback is best where no bound matters:
        w = 0, and H has blocks R + Bᵀ P B. In v itself H is as badly conditioned as the model is unstable.
        """
        A, B, C, N = task.at.A - task.at.B @ gain, task.at.B, task.at.C, self.horizon
        n, n_state, r = B.shape[1], len(C), len(A)
        F, G, E, M = np.zeros((N, n_state, r)), np.zeros((N, n_state, N * n)), np.zeros((N, n, r)), np.zeros((N, n, N * n))
        free, moved = np.eye(r), np.zeros((r, N * n))  # ξₖ = free ξ₀ + moved w
        H, L = np.zeros((N * n, N * n)), np.zeros((N * n, r))
        for k in range(N):
            now = slice(k * n, (k + 1) * n)
            E[k], M[k] = -gain @ free, -gain @ moved
            M[k, :, now] += np.eye(n)
            free, moved = A @ free, A @ moved
            moved[:, now] += B
            F[k], G[k] = C @ free, C @ moved
            H += M[k].T @ task.R @ M[k]
            L += M[k].T @ task.R @ E[k]
            if k < N - 1 or P is None:
                H += G[k].T @ task.Q @ G[k]
                L += G[k].T @ task.Q @ F[k]
        if P is not None:
            H += moved.T @ P @ moved
            L += moved.T @ P @ free
        if not (np.isfinite(H).all() and np.isfinite(L).all()):
            raise ControlError(f"the lifted model is not finite after {N} steps: take a shorter horizon", "no gain")
        self._F, self._G, self._E, self._M = F.reshape(-1, r), G.reshape(N * n_state, -1), E.reshape(-1, r), M.reshape(N * n, -1)
        self._H, self._linear = H + H.T, 2 * L

    def _build(self, price: float | None, tolerance: float, max_iter: int) -> None:
        """Rows [M w | G w] within their bounds; soft: [M w | G w − s] with the cost price · s² of what a bounded state is off at a step."""
        N = self.horizon
        u_low, u_high = (np.tile(limit - self.u_target, N) for limit in self._u_bounds)
        x_low, x_high = (np.tile(limit - self.target, N) for limit in self._x_bounds)
        self._bounded = np.flatnonzero(np.isfinite(x_low) | np.isfinite(x_high))
        m = len(self._bounded)
        self._low, self._high = np.concatenate([u_low, x_low[self._bounded]]), np.concatenate([u_high, x_high[self._bounded]])
        self._rows = np.concatenate([self._E, self._F[self._bounded]])
        A = sparse.csc_array(np.concatenate([self._M, self._G[self._bounded]]))
        self._hard = self._last = QuadraticProblem(sparse.csc_array(self._H), A, tolerance, max_iter)
        self._soft = None
        if price is not None and m:
            P = sparse.block_diag([self._H, 2 * price * sparse.eye_array(m)])
            slack = sparse.vstack([sparse.csc_array((N * len(self.u_target), m)), -sparse.eye_array(m)])
            self._soft = QuadraticProblem(P, sparse.hstack([A, slack]), tolerance, max_iter)


def _inside(limits: tuple[Array, Array], dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Bounds in this dtype that do not round outwards."""
    low, high = (limit.astype(dtype) for limit in limits)
    up, down = np.nextafter(low, dtype.type(np.inf)), np.nextafter(high, dtype.type(-np.inf))
    return np.where(low < limits[0], up, low), np.where(high > limits[1], down, high)
