"""Second derivatives carried forward: the twin, differences of the influence, the Hessian of a loss, linear cells in closed form, refusals."""

import itertools

import numpy as np
import pytest
from helpers import CELLS, N_INPUTS, N_UNITS, close, problem, refused

from pushforward import kernels, reference
from pushforward.cells import GRU, Elman, Leaky, Linear
from pushforward.errors import DivergenceError
from pushforward.kernels import SecondInfluence, forward_hessian

LONG = 70  # steps: more than two of the kernel's blocks
FEW = np.isin(np.arange(256).reshape(16, 16) % 21, (0, 8)) & (np.arange(16) != 5)[:, None]  # up to 2 connections a unit
SPARSE = [
    Elman(N_INPUTS, 16, "sigmoid", connectivity=FEW),
    Linear(2, 12, dt=0.2, connectivity=0.1),
    Elman(N_INPUTS, 7, "tanh", connectivity=0.4),
    Linear(N_INPUTS, 7, dt=0.2, weight_bound=0.7, connectivity=0.3),
]
ALL = {f"{cell.name} {i}": cell for i, cell in enumerate([*CELLS, *SPARSE])}
each_cell = pytest.mark.parametrize("cell", ALL.values(), ids=list(ALL))


def start_of(cell, rng, dtype="float64", n_steps=LONG, tokens=False):
    """θ, inputs, state."""
    theta, _, inputs, _ = problem(cell, rng, dtype, n_steps=n_steps)
    state = rng.normal(size=cell.n_state).astype(dtype)
    return theta, rng.integers(cell.n_inputs, size=n_steps) if tokens else inputs, state


@each_cell
@pytest.mark.parametrize("tokens", [False, True], ids=["dense", "tokens"])
def test_it_equals_the_twin(cell, tokens, rng, dtype, isa):
    theta, inputs, state = start_of(cell, rng, dtype, tokens=tokens)
    for n_steps in (1, 2, LONG):
        actual = forward_hessian(cell, theta, inputs[:n_steps], state)
        expected = reference.forward_hessian(cell, theta, inputs[:n_steps], state)
        for mine, twin in zip((*actual[:2], actual[2].toarray()), expected, strict=True):
            assert mine.dtype == dtype
            assert mine.shape == twin.shape
            if np.any(twin):
                close(mine, twin, 1e-12 if dtype == np.float64 else 1e-4)
            else:  # the first step of a linear cell without a bound: no weight meets another
                assert not np.any(mine)


@each_cell
def test_it_is_the_difference_of_influences(cell, rng):
    """S v = (J(θ + ε v) − J(θ − ε v)) / 2 ε for every parameter alone and for one direction of all."""
    theta, inputs, state = start_of(cell, rng, n_steps=12)
    states, influence, second = forward_hessian(cell, theta, inputs, state)
    expected = kernels.forward_sensitivity(cell, theta, inputs, state=state)
    np.testing.assert_allclose(states, expected[0], rtol=0, atol=1e-13)
    close(influence, expected[1], 1e-12)
    step = 1e-6
    for v in [*np.eye(cell.n_params), rng.normal(size=cell.n_params)]:
        above, below = (kernels.forward_sensitivity(cell, theta + e * v, inputs, state=state)[1] for e in (step, -step))
        scale = np.linalg.norm(second.apply(np.ones(cell.n_params))) + np.linalg.norm(influence)
        assert np.linalg.norm(second.apply(v) - (above - below) / (2 * step)) <= 1e-7 * scale


def test_with_the_influence_it_makes_the_hessian_of_a_loss(rng):
    """L = ½ ‖W_out s_T + b_out − y‖²: the gradient's own differences."""
    cell = Elman(N_INPUTS, N_UNITS, "sigmoid", weight_bound=2.0)
    theta, readout, inputs, targets = problem(cell, rng, n_steps=9)
    last = np.arange(9) == 8
    states, J, S = forward_hessian(cell, theta, inputs)
    hessian = S.contract(readout[0].T @ (readout[0] @ states[-1] + readout[1] - targets[-1])) + (readout[0] @ J).T @ (readout[0] @ J)

    def gradient(at):
        return kernels.block_gradient(cell, at, readout, inputs, targets, mask=last)[1]["theta"]

    differences = [(gradient(theta + 1e-6 * e) - gradient(theta - 1e-6 * e)) / 2e-6 for e in np.eye(cell.n_params)]
    close(hessian, differences, 1e-7)


@pytest.mark.parametrize("dt", [None, 0.1])
def test_a_power_of_one_weight(dt, dtype, tol):
    """s_T = a^T s_0, or (1 + a dt)^T s_0: T (T − 1) a^{T−2}, times dt² for Euler's step."""
    cell, n_steps, a = Linear(1, 1, dt=dt), 45, 0.9
    factor, gain = (a, 1.0) if dt is None else (1 + a * dt, dt)
    _, J, S = forward_hessian(cell, np.array([a, 1.0, 0.0], dtype), np.zeros((n_steps, 1), dtype), np.array([2.0], dtype))
    close(J[0, 0], 2 * gain * n_steps * factor ** (n_steps - 1), tol)
    close(S.toarray()[0, 0, 0], 2 * gain**2 * n_steps * (n_steps - 1) * factor ** (n_steps - 2), tol)


def test_a_bounded_weight_brings_the_curvature_of_its_bound():
    """a = c tanh(w / c): d²a^T/dw² = T (T − 1) a^{T−2} a'² + T a^{T−1} a''."""
    c, w, n_steps = 1.5, 0.8, 40
    t = np.tanh(w / c)
    a, slope, bend = c * t, 1 - t * t, -2 * t * (1 - t * t) / c
    _, _, S = forward_hessian(Linear(1, 1, weight_bound=c), np.array([w, 0.3, 0.0]), np.zeros((n_steps, 1)), np.ones(1))
    expected = n_steps * (n_steps - 1) * a ** (n_steps - 2) * slope**2 + n_steps * a ** (n_steps - 1) * bend
    np.testing.assert_allclose(S.toarray()[0, 0, 0], expected, rtol=1e-12)


def test_words_of_matrix_powers(rng):
    """s_T = A^T s_0 + Σ A^k B x: d²/dA_ij dA_lm is the sum of all A^a E_ij A^b E_lm A^c s_0 and the same exchanged; d²/dA dB likewise."""
    n, n_steps = 3, 6
    cell = Linear(2, n)
    A, B, x, s0 = rng.normal(size=(n, n)), rng.normal(size=(n, 2)), rng.normal(size=2), rng.normal(size=n)
    theta = cell.pack({"W_rec": A, "W_in": B, "bias": np.zeros(n)})
    _, _, S = forward_hessian(cell, theta, np.tile(x, (n_steps, 1)), s0)
    full, at = S.toarray(), cell.positions()
    powers = [np.linalg.matrix_power(A, k) for k in range(n_steps)]
    unit = np.eye(n * n).reshape(n, n, n, n)
    for (i, j), (k, m) in itertools.product(np.ndindex(n, n), np.ndindex(n, n)):
        expected = np.zeros(n)
        for first, second in ((unit[i, j], unit[k, m]), (unit[k, m], unit[i, j])):
            for a, b in itertools.product(range(n_steps), repeat=2):
                for n_factors in range(a + b + 2, n_steps + 1):  # all of them: s_0; fewer: an input
                    tail = s0 if n_factors == n_steps else B @ x
                    expected += powers[a] @ first @ powers[b] @ second @ powers[n_factors - a - b - 2] @ tail
        np.testing.assert_allclose(full[:, at["W_rec"][i, j], at["W_rec"][k, m]], expected, rtol=1e-10, atol=1e-10)
    inputs = np.concatenate([at["W_in"].ravel(), at["bias"]])
    assert not np.any(full[:, inputs[:, None], inputs])  # s is linear in these


@pytest.mark.parametrize(("activation", "curvature"), [("elu", 1.0), ("relu", 0.0), ("identity", 0.0), ("tanh", 0.0), ("sigmoid", 0.0)])
def test_curvature_at_zero(activation, curvature):
    """ELU's jumps there: the limit from below; a ReLU has none anywhere."""
    _, _, S = forward_hessian(Elman(1, 1, activation), np.array([0.5, 1.0, 0.0]), np.zeros((1, 1)))
    assert S.toarray()[0, 2, 2] == curvature


def test_it_does_not_depend_on_the_number_of_threads(rng, dtype):
    cell = Elman(2, 12)
    theta, inputs, state = start_of(cell, rng, dtype)
    one, *others = (forward_hessian(cell, theta, inputs, state, n_threads=n) for n in (1, 2, 5))
    for other in others:
        for a, b in zip((*one[:2], one[2].packed), (*other[:2], other[2].packed), strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_packed_tensor(rng, dtype):
    half = rng.normal(size=(2, 10)).astype(dtype)
    S = SecondInfluence(half)
    full = S.toarray()
    assert (S.n_state, S.n_params, full.shape, full.dtype) == (2, 4, (2, 4, 4), dtype)
    np.testing.assert_array_equal(full, full.transpose(0, 2, 1))
    np.testing.assert_array_equal(full[:, *np.tril_indices(4)], half)
    weights, v = rng.normal(size=2).astype(dtype), rng.normal(size=4).astype(dtype)
    contracted = S.contract(weights)
    np.testing.assert_array_equal(contracted, contracted.T)
    tol = 1e-5 if dtype == np.float32 else 1e-14
    close(contracted, np.einsum("k,kpq->pq", weights, full), tol)
    close(S.apply(v), full @ v, tol)
    with pytest.raises(ValueError, match="read-only"):
        S.packed[0, 0] = 1.0
    half[0, 0] = 7.0  # the caller's own array stays the caller's
    refused(r"weights must have shape \(2,\)", S.contract, v)
    refused(r"v must have shape \(4,\)", S.apply, weights)
    refused("weights must be", S.contract, weights.astype("float64" if dtype == np.float32 else "float32"))
    refused(r"packed must have shape \(n_state, n_params", SecondInfluence, half[:, :9])
    refused(r"packed must have shape \(n_state, n_params", SecondInfluence, half[0])
    refused("packed must be an ndarray of float", SecondInfluence, [[1.0]])


def test_what_is_not_finite_is_named():
    """A state at its step; derivatives alone may leave the range as well: zeros that nobody drives."""
    cell, unstable = Linear(1, 1), np.array([10.0, 1.0, 0.0], "float32")
    with pytest.raises(DivergenceError, match="the state stopped being finite") as caught:
        forward_hessian(cell, unstable, np.ones((60, 1), "float32"))
    assert caught.value.step == 39
    with pytest.raises(DivergenceError, match="the derivatives of the state were not finite"):
        forward_hessian(cell, unstable, np.zeros((60, 1), "float32"))
    forward_hessian(cell, unstable, np.zeros((30, 1), "float32"))


def test_what_is_too_large_is_refused(monkeypatch):
    """By number of parameters, whatever the memory; and by memory."""
    large = Elman(2, 44)
    refused(r"at most 2,000 parameters, got 2,068: .* 44 states .* take 753,049,792 bytes; hessian_vector_product",
            forward_hessian, large, large.init(0), np.ones((3, 2)))  # fmt: skip
    cell = Elman(1, 3)
    monkeypatch.setattr("pushforward.kernels._second._available_memory", lambda: 2_000)
    with pytest.raises(MemoryError, match="take 2,880 bytes, and 2,000 are available; hessian_vector_product"):
        forward_hessian(cell, cell.init(0), np.ones((3, 1)))
    monkeypatch.setattr("pushforward.kernels._second._available_memory", lambda: None)
    forward_hessian(cell, cell.init(0), np.ones((3, 1)))


def test_mistakes_are_named():
    cell, X = Elman(2, 3), np.ones((4, 2))
    theta = cell.init(0)
    for other in (GRU(2, 3), Leaky(2, 3)):
        refused("cell must be an Elman or Linear cell, got .*; hessian_vector_product", forward_hessian, other, other.init(0), X)
    refused("cell must be a cell such as", forward_hessian, "elman", theta, X)
    refused("theta must be an ndarray of float32 or float64", forward_hessian, cell, list(theta), X)
    refused(r"theta must have shape \(18,\), got \(17,\)", forward_hessian, cell, theta[:-1], X)
    refused("theta must be finite", forward_hessian, cell, theta * np.nan, X)
    refused("inputs must have at least one step", forward_hessian, cell, theta, X[:0])
    refused("inputs must have at least one step", forward_hessian, cell, theta, np.zeros(0, int))
    refused("inputs must be one series", forward_hessian, cell, theta, X[None])
    refused(r"inputs must have shape \(4, 2\), got \(4, 1\)", forward_hessian, cell, theta, X[:, :1])
    refused("inputs must be finite", forward_hessian, cell, theta, X * np.inf)
    refused("inputs must be float64", forward_hessian, cell, theta, X.astype("float32"))
    refused(r"inputs must lie in 0 … 1 \(n_inputs = 2\), got 2", forward_hessian, cell, theta, np.array([0, 2]))
    refused(r"state must have shape \(3,\), got \(2,\)", forward_hessian, cell, theta, X, np.zeros(2))
    refused("state must be finite", forward_hessian, cell, theta, X, np.full(3, np.nan))
    refused("n_threads must be a positive int or None", forward_hessian, cell, theta, X, n_threads=0)
