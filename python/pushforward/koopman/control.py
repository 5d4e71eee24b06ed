"""Feedback by quadratic costs on a lifted model: Riccati's (LQR), and predictive with bounds (MPC)."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import positive_int
from ._predictive import PredictiveController
from ._riccati import ControlReport, feedback
from ._steady import Lift, Problem, bounds, lifted_state, problem

__all__ = ["ControlReport", "LinearQuadraticController", "PredictiveController", "lqr", "mpc"]

Array = NDArray[Any]
KEPT = 1e-6  # spread of the directions that are kept, relative to the largest
STEPS = 50  # of the fallbacks


class LinearQuadraticController:
    """u = u* − G (ψ(x) − ψ*); made by :func:`lqr`.

    Attributes
    ----------
    gain : (n_inputs, n_features) ndarray
        G.
    target : (n_state,) ndarray
    psi_target : (n_features,) ndarray
        ψ*, its features.
    u_target : (n_inputs,) ndarray
        u*, the input that holds it.
    report : ControlReport
        How the gain was found, and what was dropped.
    """

    def __init__(self, task: Problem, gain: Array, report: ControlReport) -> None:
        self.gain, self.report = gain @ task.at.T, report
        self.target, self.psi_target, self.u_target = task.target, task.psi_target, task.u_target
        self._lift, self._dtype = task.lift, task.dtype

    def __call__(self, x: ArrayLike) -> Array:
        """Input for a state.

        Parameters
        ----------
        x : (n_state,) array-like
            Or what else the lift takes: of a model with delays its last states (n_delays + 1, n_state), oldest first.

        Returns
        -------
        u : (n_inputs,) ndarray

        Raises
        ------
        ValueError
            When x does not fit or is not finite.
        """
        psi = lifted_state(self._lift, np.asarray(x, self._dtype), self.gain.shape[1], "x")
        return np.asarray(self.u_target - self.gain @ (psi - self.psi_target), self._dtype)


def lqr(
    K: ArrayLike, B: ArrayLike, C: ArrayLike, Q: ArrayLike, R: ArrayLike, target: ArrayLike | None = None, *, lift: Lift,
    psi_target: ArrayLike | None = None, factor: ArrayLike | None = None, rcond: float = KEPT, horizon: int = STEPS, steady_tolerance: float = 0.05,
    constant_column: int | None = None,
) -> LinearQuadraticController:  # fmt: skip
    """Linear-quadratic regulator of a lifted model.

    Parameters
    ----------
    K : (n_features, n_features) array-like
    B : (n_features, n_inputs) array-like
    C : (n_state, n_features) array-like
    Q : float, (n_state,) or (n_state, n_state) array-like
        Cost of the distance from the target; a matrix is positive semidefinite.
    R : float, (n_inputs,) or (n_inputs, n_inputs) array-like
        Cost of the distance from the input that holds the target; positive definite.
    target : (n_state,) array-like, optional
        The origin unless given.
    lift : callable
        State -> (n_features,) features. Its attribute ``constant_column``, if it has one, stands for the argument.
    psi_target : (n_features,) array-like, optional
        Features of the target, where they are not ``lift(target)``.
    factor : (n_rows, n_features) array-like, optional
        Any matrix with the Gram matrix of the features over the snapshots: the triangle of the fit, or the features themselves. It gives the
        directions in which the problem is well conditioned; sampled features need it, polynomials of low degree can do without.
    rcond : float
        Directions of a spread of at most this fraction of the largest are dropped.
    horizon : int
        Steps of the two fallbacks.
    steady_tolerance : float
        How far a state that is held may drift in a step, relative to √(m² + e²): m what it moves in a step without input over the snapshots (root
        mean square), e the effect of an input of one on it. Without a factor, or a constant in it, relative to the drift of the target without input
        plus the effect of an input of one on all states.
    constant_column : int, optional
        The feature that is one. Not given, with a factor, one that the model keeps and that has the same value in all rows; otherwise none.

    Returns
    -------
    controller : LinearQuadraticController
        controller(x) -> u

    Raises
    ------
    ValueError
        When an argument does not fit, or no input holds the target: the error names it and the smallest residual.
    ControlError
        When no method finds a gain.

    Notes
    -----
    Minimises the sum over time of (h − h*)ᵀ Q (h − h*) + (u − u*)ᵀ R (u − u*) for the model ψ[t+1] = K ψ[t] + B u[t], h = C ψ. Its state is
    ψ − ψ*, a difference of features: the constant, which no input moves, is no part of it. The first that works of

    1. "riccati": the discrete algebraic Riccati equation in the principal directions of the features; accepted when it holds and the model is
       stable under the gain.
    2. "balanced riccati": the same in the directions that inputs reach and the cost sees within ``horizon`` steps (balanced truncation by the
       singular values of the Hankel matrix). What is dropped cannot be moved, or does not matter, or is not stabilised.
    3. "finite horizon": the first gain of Riccati's recursion over ``horizon`` steps, which always exists. It does not promise stability.

    ``controller.report`` names it. All is optimal for the lifted model, not for the system: start with a larger R where the model is poor.
    The equation: T. Pappas, A. Laub, N. Sandell, IEEE Transactions on Automatic Control 25, 631 (1980).

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> from pushforward.koopman.control import lqr
    >>> K, B = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[0.0], [0.1]])  # a mass that is pushed; position and velocity are the features
    >>> controller = lqr(K, B, np.eye(2), Q=1.0, R=0.1, target=[1.0, 0.0], lift=lambda x: x)
    >>> x = np.zeros(2)
    >>> for _ in range(200):
    ...     x = K @ x + B @ controller(x)
    >>> bool(np.abs(x - [1.0, 0.0]).max() < 1e-6), controller.report.method
    (True, 'riccati')
    """
    positive_int("horizon", horizon)
    task = problem(K, B, C, Q, R, target, lift, psi_target, factor, rcond, steady_tolerance, constant_column)
    at, gain, _, report = feedback(task.at, task.Q, task.R, horizon, rcond)
    return LinearQuadraticController(replace(task, at=at), gain, ControlReport(**report, steady_residual=task.steady_residual))


def mpc(
    K: ArrayLike, B: ArrayLike, C: ArrayLike, Q: ArrayLike, R: ArrayLike, horizon: int, u_min: ArrayLike | None = None,
    u_max: ArrayLike | None = None, x_min: ArrayLike | None = None, x_max: ArrayLike | None = None, target: ArrayLike | None = None, *, lift: Lift,
    psi_target: ArrayLike | None = None, factor: ArrayLike | None = None, rcond: float = KEPT, steady_tolerance: float = 0.05,
    constant_column: int | None = None, soft_weight: float | None = 1e4, tolerance: float = 1e-6, max_iter: int = 10000,
) -> PredictiveController:  # fmt: skip
    """Predictive controller of a lifted model: at every call the best inputs over a horizon within bounds, of which the first is returned.

    Parameters
    ----------
    K, B, C, Q, R, target, lift, psi_target, factor, rcond, steady_tolerance, constant_column
        As for :func:`lqr`. The input that holds the target is sought within the bounds.
    horizon : int
        Steps.
    u_min, u_max : float or (n_inputs,) array-like, optional
        Bounds that every input respects.
    x_min, x_max : float or (n_state,) array-like, optional
        Bounds of the predicted states 1 … horizon. The target must lie within.
    soft_weight : float, optional
        The bounds of the states are kept wherever that is possible. Where it is not, leaving them is charged this much per squared unit, relative
        to the largest entry of Q, and ``controller.plan`` says so (``softened``, ``excess``). None: bounds that cannot be kept are an error.
    tolerance : float
        Of the solver, absolute and relative.
    max_iter : int
        Of the solver.

    Returns
    -------
    controller : PredictiveController
        controller(x) -> u

    Raises
    ------
    ImportError
        When OSQP is not installed (extra ``[control]``).
    ValueError
        As for :func:`lqr`; also for bounds that cross, and a target outside those of the states.
    ControlError
        When no method finds a gain. At a call, when the bounds cannot be kept (status "infeasible"; only with ``soft_weight=None``) or the solver
        stops early ("not converged"), with bounds that are soft too.

    Notes
    -----
        minimise  Σ_{k=1}^{N-1} yₖᵀ Q yₖ + Σ_{k=0}^{N-1} vₖᵀ R vₖ + ξ_Nᵀ P ξ_N      y = h − h*, v = u − u*

    ξ are the directions that ``controller.report`` keeps, those of :func:`lqr` with its ``horizon`` of 50, and P solves Riccati's equation in them:
    where no bound matters the input is that of :func:`lqr` for any horizon. Where only "finite horizon" works P is Cᵀ Q C, and the input that of
    :func:`lqr` with this horizon. The prediction leaves out the drift K ψ* + B u* − ψ*, as :func:`lqr` does. What is solved for is the difference
    from that feedback. The lifted state is eliminated, so that the problem has n_inputs variables a step whatever the number of features (M. Korda,
    I. Mezić, Automatica 93, 149, 2018). It is set up once, and once more without hard bounds of the states; a call changes vectors only, and starts
    from the last solution (it is set up anew only after the solver stopped early). Solver: B. Stellato et al., Mathematical Programming Computation
    12, 637 (2020).

    Examples
    --------
    >>> import numpy as np
    >>> from pushforward.koopman.control import mpc
    >>> K, B = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[0.0], [0.1]])
    >>> controller = mpc(K, B, np.eye(2), 1.0, 0.1, 20, u_min=-1, u_max=1, x_max=[np.inf, 0.5], target=[1.0, 0.0], lift=lambda x: x)
    >>> x, fastest, strongest = np.zeros(2), 0.0, 0.0
    >>> for _ in range(200):
    ...     u = controller(x)
    ...     x = K @ x + B @ u
    ...     fastest, strongest = max(fastest, x[1]), max(strongest, abs(u[0]))
    >>> bool(np.abs(x - [1.0, 0.0]).max() < 1e-3), round(float(fastest), 3), round(float(strongest), 3)
    (True, 0.5, 1.0)
    """
    positive_int("horizon", horizon)
    positive_int("max_iter", max_iter)
    n_state, n_inputs = np.shape(C)[0] if np.ndim(C) == 2 else 1, np.shape(B)[1] if np.ndim(B) == 2 else 1  # else refused below
    for name, value in (("soft_weight", 1.0 if soft_weight is None else soft_weight), ("tolerance", tolerance)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be a positive finite number, got {value!r}")
    u_bounds, x_bounds = bounds(("u_min", "u_max"), u_min, u_max, n_inputs), bounds(("x_min", "x_max"), x_min, x_max, n_state)
    task = problem(K, B, C, Q, R, target, lift, psi_target, factor, rcond, steady_tolerance, constant_column, u_bounds)
    if not ((x_bounds[0] <= task.target) & (task.target <= x_bounds[1])).all():
        raise ValueError(f"target must lie between x_min and x_max, {x_bounds[0].tolist()} and {x_bounds[1].tolist()}, got {task.target.tolist()}")
    at, gain, P, report = feedback(task.at, task.Q, task.R, STEPS, rcond)
    made = ControlReport(**report, steady_residual=task.steady_residual)
    return PredictiveController(replace(task, at=at), gain, P, made, horizon, u_bounds, x_bounds, soft_weight, tolerance, max_iter)
