"""Influences that are not the exact one, dense and plain: SnAp-n, UORO, KF-RTRL. The random signs are given."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import Cell
from ..cells._checks import FloatArray
from ..cells._layout import Rows
from ._series import as_inputs, as_theta, floats
from .cells import dynamics_jacobian, immediate_jacobian, step


def snap_mask(cell: Cell, n: int) -> NDArray[np.bool_]:
    """Return where SnAp-n keeps the influence, (n_state, n_params): the states that a parameter reaches within n steps.

    Notes
    -----
    The pattern of (I + |D|)^(n−1) |∂s/∂θ|, of a net with random positive weights in a random positive state.

    Examples
    --------
    >>> from pushforward.cells import Elman
    >>> snap_mask(Elman(1, 2, "relu"), 1).astype(int)
    array([[1, 1, 1, 1, 0, 0, 0, 0],
           [0, 0, 0, 0, 1, 1, 1, 1]])
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    rng = np.random.default_rng(0)
    theta, state, x = (rng.uniform(0.5, 1.0, size) for size in (cell.n_params, cell.n_state, cell.n_inputs))
    theta /= cell.n_state + cell.n_inputs + 1  # no unit saturates
    D = dynamics_jacobian(cell, theta, state, x) != 0
    mask: NDArray[np.bool_] = immediate_jacobian(cell, theta, state, x) != 0
    for _ in range(n - 1):
        mask = mask | (D @ mask)
    return mask


def snap_influence(cell: Cell, theta: FloatArray, inputs: NDArray[Any], n: int, state: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Run a cell over a series, carrying the part of the influence that SnAp-n keeps.

    Parameters
    ----------
    cell, theta, inputs, state
        As in :func:`forward_sensitivity`.
    n : int
        Steps within which a parameter must reach a state.

    Returns
    -------
    states : (n_steps, n_state) ndarray
    influence : (n_state, n_params) ndarray
        J_T of J_t = mask ∘ (D_t J_{t-1} + ∂s_t/∂θ).

    Notes
    -----
    Menick et al. (2021), arXiv 2006.07232.

    Examples
    --------
    h ← a h + x from h = 1 without input: a reaches its only state at once, so that nothing is lost.

    >>> from pushforward.cells import Linear
    >>> snap_influence(Linear(1, 1), np.array([0.5, 1.0, 0.0]), np.zeros((3, 1)), 1, state=np.ones(1))[1][0, 0]
    np.float64(0.75)
    """
    theta, mask = as_theta(cell, theta), snap_mask(cell, n)
    J = np.zeros((cell.n_state, cell.n_params), theta.dtype)
    states = []
    for s, s_next, D, I in _steps(cell, theta, inputs, state):
        J = np.where(mask, D @ J + I, 0).astype(s.dtype)
        states.append(s_next)
    return np.array(states), J


def uoro_influence(
    cell: Cell, theta: FloatArray, inputs: NDArray[Any], signs: FloatArray, state: FloatArray | None = None, carry_every: int = 1
) -> tuple[FloatArray, FloatArray]:
    """Run a cell over a series, carrying a random matrix of rank one whose mean over the signs is the influence.

    Parameters
    ----------
    cell, theta, inputs, state
        As in :func:`forward_sensitivity`.
    signs : (n_steps, n_state) ndarray
        ν, ±1.
    carry_every : int
        ‖θ̃‖ is measured every so many steps. In between ‖θ̃‖² goes on by its mean over the signs, ‖θ̃‖² / ρ₀² + ‖νᵀ(∂s/∂θ)‖² / ρ₁².

    Returns
    -------
    states : (n_steps, n_state) ndarray
    influence : (n_state, n_params) ndarray
        s̃ ⊗ θ̃ after the last step.

    Notes
    -----
    Tallec and Ollivier (2017), arXiv 1702.05043: s̃ ← ρ₀ D s̃ + ρ₁ ν, θ̃ ← θ̃ / ρ₀ + νᵀ(∂s/∂θ) / ρ₁ with the ρ of least variance.

    Examples
    --------
    Of one unit the sign cancels: the estimate is exact.

    >>> from pushforward.cells import Linear
    >>> cell, theta, signs = Linear(1, 1), np.array([0.5, 1.0, 0.0]), np.array([[1.0], [-1.0]])
    >>> uoro_influence(cell, theta, np.ones((1, 1)), signs[:1])[1]
    array([[0., 1., 1.]])
    """
    theta = as_theta(cell, theta)
    epsilon = float(np.finfo(theta.dtype).eps) ** 2
    s_tilde, theta_tilde, states = np.zeros(cell.n_state, theta.dtype), np.zeros(cell.n_params, theta.dtype), []
    size = theta.dtype.type(0)  # ‖θ̃‖
    for (_, s_next, D, I), nu in zip(_steps(cell, theta, inputs, state), np.asarray(signs, theta.dtype), strict=True):
        moved, drawn = D @ s_tilde, nu @ I
        rho_0, rho_1 = _balance(size, moved, epsilon), _balance(drawn, nu, epsilon)
        s_tilde, theta_tilde = rho_0 * moved + rho_1 * nu, theta_tilde / rho_0 + drawn / rho_1
        states.append(s_next)
        size = np.hypot(size / rho_0, np.linalg.norm(drawn) / rho_1) if len(states) % carry_every else np.linalg.norm(theta_tilde)
    return np.array(states), np.outer(s_tilde, theta_tilde)


def kf_influence(
    cell: Cell, theta: FloatArray, inputs: NDArray[Any], signs: FloatArray, state: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Run a cell over a series, carrying of every group a random Kronecker product whose mean over the signs is the influence.

    Parameters
    ----------
    cell, theta, inputs, state
        As in :func:`forward_sensitivity`. All units of a group must share their presynaptic vector, which ends in the bias's 1.
    signs : (n_steps, n_groups, 2) ndarray
        c₁ and c₂, ±1.

    Returns
    -------
    states : (n_steps, n_state) ndarray
    influence : (n_state, n_params) ndarray
        A ⊗ u' after the last step, group after group.

    Notes
    -----
    Mujika, Meier and Steger (2018), arXiv 1805.10842: u' ← c₁ p₁ u' + c₂ p₂ u, A ← c₁ / p₁ D A + c₂ / p₂ M with the p of least variance.

    Examples
    --------
    The first step's product is exact.

    >>> from pushforward.cells import Linear
    >>> kf_influence(Linear(1, 2), np.ones(8), np.full((1, 1), 3.0), np.ones((1, 1, 2)))[1]
    array([[0., 0., 3., 1., 0., 0., 0., 0.],
           [0., 0., 0., 0., 0., 0., 3., 1.]])
    """
    theta = as_theta(cell, theta)
    epsilon = float(np.finfo(theta.dtype).eps) ** 2
    shapes = _shared_rows(cell)
    A = [np.zeros((cell.n_state, n_units), theta.dtype) for n_units, _ in shapes]
    u_prime = [np.zeros(width, theta.dtype) for _, width in shapes]
    states = []
    for (_, s_next, D, I), c in zip(_steps(cell, theta, inputs, state), np.asarray(signs, theta.dtype), strict=True):
        start = 0
        for g, (n_units, width) in enumerate(shapes):
            product = I[:, start : start + n_units * width].reshape(cell.n_state, n_units, width)  # M ⊗ u, and u ends in 1
            M = product[:, :, -1]
            u = np.einsum("ki,kij->j", M, product) / np.sum(M * M)
            moved = D @ A[g]
            p_1, p_2 = _balance(moved, u_prime[g], epsilon), _balance(M, u, epsilon)
            u_prime[g] = c[g, 0] * p_1 * u_prime[g] + c[g, 1] * p_2 * u
            A[g] = c[g, 0] / p_1 * moved + c[g, 1] / p_2 * M
            start += n_units * width
        states.append(s_next)
    J = [(a[:, :, None] * u).reshape(cell.n_state, -1) for a, u in zip(A, u_prime, strict=True)]
    return np.array(states), np.hstack(J)


def _steps(cell: Cell, theta: FloatArray, inputs: NDArray[Any], state: FloatArray | None) -> Any:
    """(s_{t-1}, s_t, D_t, ∂s_t/∂θ) for every step."""
    s = np.zeros(cell.n_state, theta.dtype) if state is None else floats("state", state, (cell.n_state,), theta.dtype)
    for t, x in enumerate(as_inputs(cell, inputs, theta.dtype)):
        s_next = step(cell, theta, s, x, t)
        yield s, s_next, dynamics_jacobian(cell, theta, s, x, t), immediate_jacobian(cell, theta, s, x, t)
        s = s_next


def _balance(above: Any, below: Any, epsilon: float) -> Any:
    """√((‖above‖ + ε) / (‖below‖ + ε))."""
    return np.sqrt((np.linalg.norm(above) + epsilon) / (np.linalg.norm(below) + epsilon))


def _shared_rows(cell: Cell) -> list[tuple[int, int]]:
    """(units, numbers in a row) of the groups of θ, all of which must be rows with a bias over a shared presynaptic vector."""
    shapes = []
    for group in cell._groups():
        if not isinstance(group, Rows) or group.sources is not None or group.parts[-1][1] is not None or cell.bound is not None:
            raise TypeError(f"cell must have groups of rows with a shared presynaptic vector and a bias, got {cell!r}")
        n_units = group.n_units * len(group.gates)
        shapes.append((n_units, group.n_params // n_units))
    return shapes
