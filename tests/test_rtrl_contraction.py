"""rtrl_contraction: known rates are recovered, the bounds hold at every step, and a net that does not forget is said not to."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.cells import CELLS, Elman, Linear, make_cell, stack
from pushforward.diagnostics import rtrl_contraction
from pushforward.diagnostics._second import SecondDerivatives

X = np.random.default_rng(0).uniform(-1, 1, size=(300, 2))


def linear(rho, rng, n_units=4, dt=None):
    """A linear cell of a known rate: one eigenvalue ±rho, the others well inside, in axes that are not orthogonal."""
    cell = Linear(2, n_units, dt=dt)
    V = np.eye(n_units) + 0.3 * rng.normal(size=(n_units, n_units))
    eigenvalues = rho * np.concatenate([[1.0], rng.uniform(-0.7, 0.7, size=n_units - 1)])
    W = V @ np.diag(eigenvalues) @ np.linalg.inv(V)
    weights = cell.unpack(cell.init(rng)) | {"W_rec": W if dt is None else (W - np.eye(n_units)) / dt}
    return cell, cell.pack(weights)


def scaled(cell, factor, seed=0):
    """Starting weights with W_rec times a factor."""
    weights = cell.unpack(cell.init(seed))
    return cell, cell.pack(weights | {"W_rec": factor * weights["W_rec"]})


@pytest.mark.parametrize("rho", [0.5, 0.8, 0.95, 0.99, -0.9])
@pytest.mark.parametrize("dt", [None, 0.1])
def test_the_rate_of_a_linear_model(rho, dt, rng):
    found = rtrl_contraction(linear(rho, rng, dt=dt), X, n_starts=3)
    assert found.contracts
    assert set(found.rate) == {"state", "influence", "second", "flow"}
    for rate in found.rate.values():
        assert rate == pytest.approx(abs(rho), rel=0.01)


def test_the_influence_hears_of_the_state_at_every_step(rng):
    """d_t of J goes as t ρᵗ: a plain line through its logarithm would be wrong by more than a percent."""
    found = rtrl_contraction(linear(0.8, rng), X)
    first, last = found.window["influence"]
    plain = np.exp(np.polyfit(np.arange(first, last), np.log(found.distance["influence"][first:last]), 1)[0])
    assert plain > 0.8 * 1.005
    assert abs(found.rate["influence"] - 0.8) < 0.1 * abs(plain - 0.8)


@pytest.mark.parametrize("cell", [
    Elman(2, 4, "tanh", weight_bound=0.7), Elman(2, 4, "sigmoid"), Elman(2, 5, "elu", connectivity=0.5), Linear(2, 4, dt=0.3, weight_bound=0.6),
], ids=str)  # fmt: skip
def test_second_derivatives_are_the_differences_of_the_first(cell, rng):
    theta, s = 0.5 * rng.normal(size=cell.n_params), rng.normal(size=cell.n_state)

    def influence(weights):
        return pf.kernels.forward_sensitivity(cell, weights, X[:6], state=s)[1]

    carry = SecondDerivatives(cell, theta)
    now = s, np.zeros((cell.n_state, cell.n_params)), np.zeros((cell.n_state, cell.n_params, cell.n_params))
    for x in X[:6]:
        now = carry(*now, x)
    h = 1e-5 * np.eye(cell.n_params)
    differences = np.stack([(influence(theta + e) - influence(theta - e)) / 2e-5 for e in h], axis=-1)
    np.testing.assert_allclose(now[1], influence(theta), rtol=0, atol=1e-13)
    np.testing.assert_allclose(now[2], differences, rtol=0, atol=1e-8)
    np.testing.assert_allclose(now[2], now[2].transpose(0, 2, 1), rtol=0, atol=1e-14)


@pytest.mark.parametrize("cell", [
    Elman(2, 7, "sigmoid", weight_bound=0.5), Elman(2, 3, "sigmoid", weight_bound=1.3), Elman(2, 5, "tanh", weight_bound=0.15),
    Elman(2, 8, "sigmoid", weight_bound=0.9, connectivity=0.5),
], ids=str)  # fmt: skip
def test_a_bounded_sigmoid_net_contracts_whatever_its_weights(cell, rng):
    slope = 0.25 if cell.activation == "sigmoid" else 1.0
    heard = cell.n_units if cell.connectivity is None else 4
    for theta in (cell.init(rng), 3 * rng.normal(size=cell.n_params), np.full(cell.n_params, 10.0)):
        for drive in (X, 5 * X):
            found = rtrl_contraction((cell, theta), drive[:120], n_starts=3, second=False)
            assert found.constant == pytest.approx(heard * cell.weight_bound * slope)
            assert found.guaranteed
            assert found.contracts
            assert np.all(found.influence_norm <= found.influence_bound)
            assert np.all(found.influence_norm <= found.data_bound * (1 + 1e-12))
            ratio = found.distance["state"][1:] / np.maximum(found.distance["state"][:-1], 1e-300)
            assert np.all(ratio[found.distance["state"][1:] > 1e-13] <= found.constant * (1 + 1e-3))
            assert max(found.rate["state"], found.rate["flow"]) <= found.constant * (1 + 1e-3)


def test_the_bound_in_advance_is_reached():
    """One unit, at the steepest point of the sigmoid, with weights at their bound: |J| comes to its bound, so it could not be smaller."""
    cell = Elman(1, 1, "sigmoid", weight_bound=0.8)
    weights = {"W_rec": np.array([[50.0]]), "W_in": np.zeros((1, 1)), "bias": np.array([-0.8 * np.arctanh(0.5)])}
    found = rtrl_contraction((cell, cell.pack(weights)), np.ones((400, 1)))  # h = σ(0.8 h − 0.4) = 1/2
    assert found.influence_bound[-1] == pytest.approx(1 / (4 - 0.8))
    assert found.influence_norm[-1] == pytest.approx(0.25 / (1 - 0.2))  # of W_in; that of the bias shrinks by φ' = 3/4
    assert found.rate["state"] == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("name", [*CELLS, "stack"])
def test_every_cell_has_the_data_dependent_counterpart(name):
    settings = {"dt": 0.1, "noise": 0.2} if name == "neural_ode" else {}
    cell = stack(["lstm", "elman"], 2, 4) if name == "stack" else make_cell(name, 2, 5, **settings)
    found = rtrl_contraction((cell, cell.init(seed=0)), X)
    assert found.constant is None
    assert not found.guaranteed
    assert found.contracts
    assert (found.distance["second"] is not None) == (name in ("elman", "linear"))
    assert np.all(found.influence_norm <= found.data_bound * (1 + 1e-12))
    np.testing.assert_array_equal(found.influence_bound, found.data_bound)
    assert np.all(found.log_flow <= found.log_product + 1e-9)
    np.testing.assert_allclose(found.log_product, np.cumsum(np.log(found.jacobian_norms)))
    assert found.rate["influence"] == pytest.approx(found.rate["state"], rel=0.15)
    assert found.rate["flow"] == pytest.approx(found.rate["state"], rel=0.3)  # over other steps


def test_what_does_not_forget_is_said_not_to(rng):
    growing = rtrl_contraction(linear(1.05, rng), X)
    assert not growing.contracts
    assert growing.rate["state"] == pytest.approx(1.05, rel=0.01)
    assert "Does NOT contract" in growing.summary()
    turning = rtrl_contraction(scaled(Linear(2, 4), 1 / 0.9), X)  # orthogonal: distances stay
    assert not turning.contracts
    assert turning.rate["flow"] == pytest.approx(1.0, abs=1e-9)
    chaotic = rtrl_contraction(scaled(Elman(2, 24), 4.0), X)
    assert not chaotic.contracts
    assert chaotic.rate["flow"] > 1.05
    assert chaotic.distance["state"][-1] > 0.1
    two = Elman(1, 1)  # h = tanh(3 h): two attractors, each of which forgets by itself
    apart = rtrl_contraction((two, np.array([3.0, 0.0, 0.01])), np.zeros((100, 1)), n_starts=8)
    assert apart.rate["flow"] < 1
    assert not apart.contracts


def test_numbers_that_leave_the_range_stop_the_run(rng):
    found = rtrl_contraction(linear(1e3, rng), X)
    assert found.stopped is not None
    assert 90 < found.stopped < 110
    assert len(found.jacobian_norms) == len(found.distance["state"]) == found.stopped
    assert not found.contracts
    assert f"step {found.stopped}" in found.summary()
    found.plot()
    dead = rtrl_contraction(scaled(Linear(2, 4), 0.0), X)
    assert dead.contracts
    assert dead.rate["state"] == dead.rate["flow"] == 0.0
    dead.plot()


def test_a_fitted_model_stays_as_it_was(dtype):
    data = X.astype(dtype)
    model = pf.RecurrentRegressor(n_units=5, dtype=dtype.name).partial_fit(data, data[:, 0])
    before = model.__getstate__()["_learner"]
    found = rtrl_contraction(model, data, n_steps=50)
    after = model.__getstate__()["_learner"]
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])
    assert found.jacobian_norms.shape == (50,)
    assert found.jacobian_norms.dtype == np.float64
    same = rtrl_contraction((model.cell_, model.theta_.astype("float64")), data[:50].astype("float64"))
    for key in ("state", "influence", "second"):
        np.testing.assert_array_equal(found.distance[key], same.distance[key])
    assert not np.array_equal(found.distance["state"], rtrl_contraction(model, data, seed=1, n_steps=50).distance["state"])


def test_tokens_are_one_hot_rows():
    cell, tokens = Elman(3, 4), np.arange(60) % 3
    theta = cell.init(seed=0)
    found, same = rtrl_contraction((cell, theta), tokens), rtrl_contraction((cell, theta), np.eye(3)[tokens])
    np.testing.assert_array_equal(found.distance["influence"], same.distance["influence"])


def test_figures_and_words():
    pytest.importorskip("matplotlib")
    found = rtrl_contraction((cell := Elman(2, 4, "sigmoid", weight_bound=0.5), cell.init(seed=0)), X[:60])
    figure = found.plot()
    assert len(figure.axes) == 3
    assert [len(axes.lines) for axes in figure.axes] == [3, 3, 4]
    assert "0.5, below 1: guaranteed" in str(found)
    wide = rtrl_contraction((cell := Elman(2, 4, "sigmoid", weight_bound=2.0), cell.init(seed=0)), X[:60])
    assert "nothing is guaranteed in advance" in wide.summary()
    one = rtrl_contraction((cell, cell.init(seed=0)), X[:1])
    assert np.isnan(one.rate["state"])
    assert not one.contracts
    assert one.summary().startswith("Too few steps to say")
    assert "nan" not in one.summary()
    few = rtrl_contraction((net := Elman(2, 6), net.init(seed=0)), X[:5])
    assert max(few.rate["state"], few.rate["influence"]) < 1  # closer than at the start, which five steps cannot tell from a trend
    assert not few.contracts
    one.plot()


def test_mistakes():
    cell = Elman(2, 4)
    pair = cell, cell.init(seed=0)
    refused("model must be a fitted RecurrentRegressor", rtrl_contraction, pf.cells, X)
    refused("no data yet", rtrl_contraction, pf.RecurrentRegressor(), X)
    refused(r"theta must have shape \(28,\)", rtrl_contraction, (cell, np.zeros(3)), X)
    refused("theta must be finite", rtrl_contraction, (cell, np.full(28, np.nan)), X)
    refused("X must be finite", rtrl_contraction, pair, np.full((5, 2), np.inf))
    refused("X must be one series", rtrl_contraction, pair, X[None])
    refused("X must have 2 columns", rtrl_contraction, pair, X[:, :1])
    refused("X must have at least one step", rtrl_contraction, pair, X[:0])
    refused(r"X must be tokens in 0 … 1, got 0 … 3", rtrl_contraction, pair, [0, 3])
    refused("n_starts must be an int of at least 2, got 1", rtrl_contraction, pair, X, n_starts=1)
    refused("n_steps must be a positive int, got 0", rtrl_contraction, pair, X, n_steps=0)
    refused("seed must be a non-negative int", rtrl_contraction, pair, X, seed=-1)
    refused("second must be True, False or None", rtrl_contraction, pair, X, second=1)
    refused("second=True needs an elman or linear cell, got gru", rtrl_contraction, ((gru := pf.cells.GRU(2, 3)), gru.init(0)), X, second=True)
