"""How far gradients of diagonal networks reach: constants are suprema, bounds hold, and are met where they can be."""

import math

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.diagnostics import memory_cutoff, smoothness_constants
from pushforward.reference.diagonal_network import smooth

ACTIVATIONS = ["tanh", "sigmoid", "softplus", "gelu"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_constants_are_suprema(activation):
    a = np.linspace(-30, 30, 600_001)
    value, slope = smooth(activation, a)
    constants = smoothness_constants(activation)
    assert np.abs(slope).max() == pytest.approx(constants.sigma_1, rel=1e-8)
    assert np.abs(np.gradient(slope, a)).max() == pytest.approx(constants.sigma_2, rel=1e-6)
    if "sigma_0" in constants.known:
        assert np.abs(value).max() == pytest.approx(constants.sigma_0, rel=1e-8)


def test_constants_in_closed_form():
    expected = {"tanh": (1, 1, 4 / (3 * math.sqrt(3))), "sigmoid": (1, 0.25, 1 / (6 * math.sqrt(3)))}
    for activation, (sigma_0, sigma_1, sigma_2) in expected.items():
        found = smoothness_constants(activation)
        assert (found.sigma_0, found.sigma_1) == (sigma_0, sigma_1)
        assert found.sigma_2 == pytest.approx(sigma_2, rel=1e-14)
    assert smoothness_constants("gelu").sigma_1 == pytest.approx(1.1289, abs=1e-4)
    assert smoothness_constants("relu").sigma_1 == 1


@pytest.mark.parametrize(("activation", "name"), [("softplus", "sigma_0"), ("gelu", "sigma_0"), ("relu", "sigma_0"), ("relu", "sigma_2")])
def test_a_constant_that_does_not_exist_is_refused(activation, name):
    with pytest.raises(ValueError, match=f"activation must have {name}, and {activation} has none"):
        getattr(smoothness_constants(activation), name)


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9, 1.0, 1.1, 1.5])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_p_is_the_geometric_sum(factor, activation):
    cutoff = 1 / smoothness_constants(activation).sigma_1
    found = memory_cutoff(factor * cutoff, activation, n_steps=32, n_units=4)
    t = np.arange(1, 33)
    np.testing.assert_allclose(found.p, t if factor == 1 else (factor**t - 1) / (factor - 1), rtol=1e-12)
    assert found.cutoff == cutoff
    assert found.bounded is (factor < 1)
    assert found.factor == pytest.approx(factor)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("factor", [0.0, 0.6, 0.95, 1.0, 1.3])
def test_bounds_hold(rng, activation, factor):
    alpha = factor / smoothness_constants(activation).sigma_1
    for X in (None, 3 * rng.normal(size=(2, 50, 3)), 0.1 * rng.normal(size=(50, 1)), np.zeros((50, 2))):
        found = memory_cutoff(alpha, activation, 50, n_units=100, seed=1, X=X)
        assert found.holds
        assert (found.measured_w <= found.bound_w * (1 + 1e-9)).all()
        assert (found.measured_u <= found.bound_u * (1 + 1e-9)).all()
        assert found.input_norm == pytest.approx(1 if X is None else np.linalg.norm(X, axis=-1).max())
        assert found.state_bound_measured is (activation in {"softplus", "gelu"})
        if not found.state_bound_measured:
            constants = smoothness_constants(activation)
            np.testing.assert_allclose(found.bound_w, constants.sigma_0 * constants.sigma_1 * found.p, rtol=1e-12)


def test_what_is_measured_are_derivatives(rng):
    """The largest over neurons and series, by central differences of single neurons."""
    from pushforward.diagonal_rnn._start import symmetric_start

    X, n_units, h = rng.normal(size=(2, 7, 3)), 8, 1e-5
    found = memory_cutoff(0.8, "gelu", n_units=n_units, seed=4, X=X)
    w, U, _ = symmetric_start(n_units, 3, 0.8, np.random.default_rng(4), np.dtype("float64"))

    def states(w, U):
        H, kept = np.zeros((2, n_units)), []
        for t in range(7):
            H = smooth("gelu", w * H + X[:, t] @ U.T)[0]
            kept.append(H)
        return np.array(kept)

    by_w = np.abs(states(w + h, U) - states(w - h, U)) / (2 * h)
    by_u = np.linalg.norm([states(w, U + h * e) - states(w, U - h * e) for e in np.eye(3)], axis=0) / (2 * h)
    np.testing.assert_allclose(found.measured_w, by_w.max(axis=(1, 2)), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.measured_u, by_u.max(axis=(1, 2)), rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.8, 1.5])
def test_a_small_impulse_meets_the_bound(alpha):
    """Where tanh is linear, ∂H_t/∂u = w^{t−1} X_1 on the largest neuron: the rate is alpha on either side of the cut-off."""
    X = np.zeros((30, 2))
    X[0] = 1e-9, 0
    found = memory_cutoff(alpha, "tanh", X=X)
    np.testing.assert_allclose(found.measured_u, 1e-9 * alpha ** np.arange(30), rtol=1e-5)
    assert found.growth_u == pytest.approx(alpha, rel=1e-6)


def test_a_constant_input_fills_the_bound_of_unbounded_activations():
    """softplus with large positive states has slope one: both the rate and the size are those of the bound."""
    found = memory_cutoff(1.3, "softplus", X=np.full((60, 1), 40.0), n_units=64, seed=0)
    assert found.growth_u == pytest.approx(1.3, rel=1e-3)
    assert found.measured_u[-1] == pytest.approx(found.bound_u[-1], rel=1e-6)
    assert not found.bounded


def test_saturation_is_said_and_not_hidden(rng):
    """Above the cut-off the bound explodes, and tanh, driven by numbers of size one, does not."""
    found = memory_cutoff(1.5, "tanh", X=rng.normal(size=(3, 80, 3)))
    assert found.growth_bound == pytest.approx(1.5, rel=1e-3)
    assert found.growth_u < 1.1
    assert "grows much more slowly than its bound" in found.summary()
    assert "above the cut-off alpha = 1" in str(found)
    below = memory_cutoff(0.5, "tanh", n_steps=40).summary()
    assert "below the cut-off alpha = 1" in below
    assert "slowly" not in below
    assert "has no σ0" in memory_cutoff(0.5, "softplus", n_steps=40).summary()
    assert "at the cut-off alpha = 4" in memory_cutoff(4, "sigmoid", n_steps=40).summary()


def test_it_is_a_function_of_its_seed():
    one, same, other = (memory_cutoff(0.7, n_steps=10, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.measured_u, same.measured_u)
    assert (one.measured_u != other.measured_u).any()


def test_a_bound_beyond_the_range_is_infinite(rng):
    found = memory_cutoff(3.0, "tanh", X=rng.normal(size=(1000, 1)), n_units=4)
    assert np.isinf(found.p[-1])
    assert found.holds
    assert found.growth_bound == 3.0
    assert "much more slowly than its bound" in found.summary()
    with pytest.raises(pf.DivergenceError, match="stopped being finite"):
        memory_cutoff(3.0, "softplus", X=np.ones((1000, 1)), n_units=40)


def test_the_figure_shows_bounds_and_what_was_found(tmp_path):
    pytest.importorskip("matplotlib")
    for found in (memory_cutoff(1.5, "softplus", 20), memory_cutoff(0.5, "tanh", 1), memory_cutoff(0.5, X=np.zeros((5, 1)))):
        figure = found.plot()
        assert [axes.get_ylabel() for axes in figure.axes] == ["|∂H/∂w|", "‖∂H/∂u‖"]
        figure.savefig(tmp_path / "figure.png")
        found.summary()


def test_what_does_not_fit_is_named():
    refused("alpha must be a finite number of at least 0, got -1", memory_cutoff, -1)
    refused("alpha must be a finite number of at least 0, got '1'", memory_cutoff, "1")
    refused("activation must be one of tanh, sigmoid, softplus, gelu, got 'relu'", memory_cutoff, 0.5, "relu")
    refused("activation must be one of .*, got 'elu'", smoothness_constants, "elu")
    refused("n_steps must be a positive int", memory_cutoff, 0.5, "tanh", 0)
    refused("n_units must be a positive even int: every unit of a symmetric start has a twin, got 7", memory_cutoff, 0.5, "tanh", 5, 7)
    refused("seed must be a non-negative int", memory_cutoff, 0.5, seed=-1)
    refused("X must be .* and not empty, got shape .0, 2.", memory_cutoff, 0.5, X=np.ones((0, 2)))
    refused("X must be .* and not empty, got shape .3,.", memory_cutoff, 0.5, X=np.ones(3))
    refused("X must be finite, got nan", memory_cutoff, 0.5, X=np.full((3, 2), np.nan))
    refused("X must be an array of real numbers, got list", memory_cutoff, 0.5, X=[[1.0], [1.0, 2.0]])
    refused("X must be real numbers", memory_cutoff, 0.5, X=np.ones((3, 2)) * 1j)
    refused("X must have at least n_steps = 4 steps, got 3", memory_cutoff, 0.5, n_steps=4, X=np.ones((3, 2)))
