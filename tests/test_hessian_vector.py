"""Hessian-vector products: the kernel (dual numbers through the reverse sweep) against the twin (dual numbers through the influence), differences
of the gradient, closed forms and the second influence; symmetry and linearity."""

import numpy as np
import pytest
from helpers import close, flat, problem

import pushforward as pf
from pushforward.cells import ELSTM, GRU, LRU, LSTM, Diagonal, Elman, Leaky, Linear, NeuralODE, Stack
from pushforward.cells._registry import CELLS
from pushforward.kernels import _hessian_vector, hessian_vector_product

ALL = [
    *(Elman(2, 3, activation) for activation in ("tanh", "sigmoid", "elu", "relu", "identity")),
    Elman(2, 3, weight_bound=0.7),
    Elman(2, 5, connectivity=0.5),
    Elman(2, 5, connectivity=0.5, weight_bound=0.7),
    Linear(2, 3),
    Linear(2, 3, dt=0.3, weight_bound=0.7),
    Leaky(2, 3, leak_rate=0.4),
    Leaky(2, 3, learn_leak=True),
    GRU(2, 3),
    GRU(2, 3, reset="before"),
    LSTM(2, 3),
    LSTM(2, 4, connectivity=0.5),
    Diagonal(2, 3),
    LRU(2, 3),
    ELSTM(2, 3),
    NeuralODE(2, 3, dt=0.2),
    NeuralODE(2, 3, dt=0.2, decay="dense", noise=0.1),
    NeuralODE(2, 3, dt=0.2, decay="gram"),
    NeuralODE(2, 4, dt=0.2, connectivity=0.5),
    Stack((LRU(2, 3), GRU(6, 2, reset="before"), Elman(2, 2))),
]
NAMES = [f"{cell.name}{number}" for number, cell in enumerate(ALL)]
EACH = pytest.mark.parametrize("cell", ALL, ids=NAMES)


def direction(cell, rng, dtype="float64"):
    theta, readout, *_ = problem(cell, rng, dtype)
    return {"theta": theta, "W_out": readout[0], "b_out": readout[1]}


def moved(theta, readout, v, step):
    return theta + step * v["theta"], (readout[0] + step * v["W_out"], readout[1] + step * v["b_out"])


def differences(cell, theta, readout, X, Y, v, **settings):
    """d/dε of the reference gradient, central and extrapolated once (Richardson): error ∝ step⁴."""

    def gradient(step):
        return flat(pf.reference.block_gradient(cell, *moved(theta, readout, v, step), X, Y, **settings)[1])

    near, far = ((gradient(h) - gradient(-h)) / (2 * h) for h in (1e-3, 2e-3))
    return (4 * near - far) / 3


def test_no_cell_is_left_out():
    assert {cell.name for cell in ALL} == {*CELLS, "stack"}


@EACH
def test_kernel_and_twin_agree(cell, rng, dtype):
    theta, readout, X, Y = problem(cell, rng, dtype, n_steps=9)
    v, state = direction(cell, rng, dtype), (0.1 * rng.normal(size=cell.n_state)).astype(dtype)
    loss, gradient, product = hessian_vector_product(cell, theta, readout, X, Y, v, state=state)
    expected = pf.reference.hessian_vector_product(cell, theta, readout, X, Y, v, state=state)
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    assert loss == pytest.approx(expected[0], rel=tolerance)
    close(flat(gradient), flat(expected[1]), tolerance)
    close(flat(product), flat(expected[2]), tolerance)
    for part in (*gradient.values(), *product.values()):
        assert part.dtype == dtype


@EACH
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_differences_of_the_gradient(cell, loss, rng):
    theta, readout, X, Y = problem(cell, rng, loss=loss, n_steps=10)
    if getattr(cell, "activation", "") == "relu":  # away from its kinks
        theta, X = np.abs(theta) / 4, np.abs(X)
    v, mask, settings = direction(cell, rng), rng.random(10) < 0.6, {"loss": loss, "readout_bound": 1.5}
    product = hessian_vector_product(cell, theta, readout, X, Y, v, mask=mask, **settings)[2]
    close(flat(product), differences(cell, theta, readout, X, Y, v, mask=mask, **settings), 1e-8)


@EACH
def test_the_hessian_is_symmetric_and_linear(cell, rng):
    theta, readout, X, Y = problem(cell, rng, n_steps=12)
    u, v = direction(cell, rng), direction(cell, rng)

    def H(w):
        return flat(hessian_vector_product(cell, theta, readout, X, Y, w, readout_bound=2.0)[2])

    H_u, H_v = H(u), H(v)
    scale = np.linalg.norm(H_u) * np.linalg.norm(flat(v))
    assert abs(flat(v) @ H_u - flat(u) @ H_v) <= 1e-12 * scale
    close(H({name: 2 * u[name] - 3 * v[name] for name in u}), 2 * H_u - 3 * H_v, 1e-12)


def test_missing_parts_are_zero(rng):
    cell = LSTM(2, 3)
    theta, readout, X, Y = problem(cell, rng)
    v = direction(cell, rng)
    whole = hessian_vector_product(cell, theta, readout, X, Y, v)[2]
    parts = [hessian_vector_product(cell, theta, readout, X, Y, {name: v[name]})[2] for name in v]
    close(sum(flat(part) for part in parts), flat(whole), 1e-12)
    assert not np.any(flat(hessian_vector_product(cell, theta, readout, X, Y, {})[2]))


@EACH
def test_gradient_and_loss_are_those_of_block_gradient(cell, rng, dtype):
    theta, readout, X, Y = problem(cell, rng, dtype)
    mask = rng.random(len(X)) < 0.7
    loss, gradient, _ = hessian_vector_product(cell, theta, readout, X, Y, {}, mask=mask, readout_bound=2.0)
    expected = pf.kernels.block_gradient(cell, theta, readout, X, Y, mask=mask, readout_bound=2.0)
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    assert loss == pytest.approx(expected[0], rel=tolerance)
    close(flat(gradient), flat(expected[1]), tolerance)


def test_powers_of_a_number():
    """s_t = a^t s_0, L = ½ Σ (s_t − y_t)²: L'' = Σ (t a^{t−1} s_0)² + (a^t s_0 − y_t) t (t − 1) a^{t−2} s_0."""
    cell, a, s_0, t = Linear(1, 1), 0.9, 1.3, np.arange(1.0, 31.0)
    Y = np.sin(t)[:, None]
    v = {"theta": np.array([1.0, 0.0, 0.0])}
    readout = np.ones((1, 1)), np.zeros(1)
    product = hessian_vector_product(cell, np.array([a, 0.0, 0.0]), readout, np.zeros((30, 1)), Y, v, state=np.array([s_0]))[2]
    expected = np.sum((t * a ** (t - 1) * s_0) ** 2 + (a**t * s_0 - Y[:, 0]) * t * (t - 1) * a ** (t - 2) * s_0)
    assert product["theta"][0] == pytest.approx(expected, rel=1e-13)


def test_where_the_outputs_are_linear_the_hessian_is_gauss_newtons(rng):
    """A linear cell's outputs are linear in W_in and b, and any cell's in the read-out: H = Σ_t (∂ŷ_t)ᵀ ∂ŷ_t there."""
    cell = Linear(2, 3)
    theta, (W_out, b_out), X, Y = problem(cell, rng, n_steps=7)
    at = cell.positions()
    free = np.concatenate([at["W_in"].ravel(), at["bias"].ravel()])
    slopes = np.concatenate([W_out @ pf.kernels.forward_sensitivity(cell, theta, X[: t + 1])[1][:, free] for t in range(7)])
    v = np.zeros(cell.n_params)
    v[free] = rng.normal(size=free.size)
    product = hessian_vector_product(cell, theta, (W_out, b_out), X, Y, {"theta": v})[2]
    close(product["theta"][free], slopes.T @ (slopes @ v[free]), 1e-12)
    states = pf.kernels.forward_sensitivity(cell, theta, X)[0]
    product = hessian_vector_product(cell, theta, (W_out, b_out), X, Y, {"W_out": np.ones((2, 3)), "b_out": np.ones(2)})[2]
    ones = states.sum(axis=1) + 1
    close(product["W_out"], np.outer(np.ones(2), ones @ states), 1e-12)
    close(product["b_out"], ones.sum() * np.ones(2), 1e-12)


@pytest.mark.parametrize("cell", [Elman(2, 3), Elman(2, 3, "sigmoid", weight_bound=0.7), Linear(2, 3, dt=0.4)], ids=repr)
def test_second_influence_gives_the_same(cell, rng):
    """A loss at the last step only: H_θθ = Jᵀ W_outᵀ W_out J + Σ_k (W_outᵀ δ)_k S[k]."""
    theta, (W_out, b_out), X, Y = problem(cell, rng, n_steps=11)
    states, J, S = pf.kernels.forward_hessian(cell, theta, X)
    delta = W_out @ states[-1] + b_out - Y[-1]
    H = J.T @ W_out.T @ W_out @ J + S.contract(W_out.T @ delta)
    v = rng.normal(size=cell.n_params)
    last = np.arange(len(X)) == len(X) - 1
    product = hessian_vector_product(cell, theta, (W_out, b_out), X, Y, {"theta": v}, mask=last)[2]
    close(product["theta"], H @ v, 1e-12)


@pytest.mark.parametrize("stretch", [1, 3, 7, 40, 41])
@pytest.mark.parametrize("cell", [ALL[5], ALL[13], ALL[-1]], ids=repr)
def test_stretches_change_nothing(cell, stretch, rng, monkeypatch):
    theta, readout, X, Y = problem(cell, rng, n_steps=40)
    v, mask = direction(cell, rng), np.arange(40) < 25  # the last stretches have no loss
    for known in (None, mask):
        whole = hessian_vector_product(cell, theta, readout, X, Y, v, mask=known)
        with monkeypatch.context() as patch:
            patch.setattr(_hessian_vector, "STRETCH", stretch)
            again = hessian_vector_product(cell, theta, readout, X, Y, v, mask=known)
        assert again[0] == whole[0]
        close(flat(again[1]), flat(whole[1]), 1e-13)
        close(flat(again[2]), flat(whole[2]), 1e-13)


def test_a_series_longer_than_the_records_kept(rng):
    """The kernel's own rule cuts this one; where a long series repeats itself without memory, H v is that of a period times their number."""
    cell, period, n = Elman(1, 2), 50, 12_000
    theta, readout, X, Y = problem(cell, rng, n_steps=period)
    theta[cell.positions()["W_rec"].ravel()] = 0.0
    v = direction(cell, rng) | {"theta": np.where(np.isin(np.arange(cell.n_params), cell.positions()["W_rec"]), 0.0, 1.0)}
    once = hessian_vector_product(cell, theta, readout, X, Y, v)[2]
    often = hessian_vector_product(cell, theta, readout, np.tile(X, (n, 1)), np.tile(Y, (n, 1)), v)[2]
    others = np.isin(np.arange(cell.n_params), cell.positions()["W_rec"], invert=True)
    close(often["theta"][others], n * once["theta"][others], 1e-10)
    close(often["W_out"], n * once["W_out"], 1e-10)
