"""Effective ranks: those of data of known rank, inequalities that always hold, and states of every kind of model."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.diagnostics import effective_rank


def drawn(result):
    figure = result.plot()
    figure.canvas.draw()
    return figure


def with_singular_values(rng, sigma, n_steps=80, n_units=12, dtype="float64"):
    """Centred states with these singular values."""
    left = rng.normal(size=(n_steps, len(sigma)))
    left = np.linalg.qr(left - left.mean(axis=0))[0]
    return ((left * sigma) @ np.linalg.qr(rng.normal(size=(n_units, len(sigma))))[0].T).astype(dtype)


@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_k_equal_singular_values_are_k_directions(rng, dtype, k):
    found = effective_rank(with_singular_values(rng, 3.0 * np.ones(k), dtype=dtype))
    tol = 1e-4 if dtype == np.float32 else 1e-10
    assert found.effective_rank == pytest.approx(k, rel=10 * tol)
    assert found.participation_ratio == pytest.approx(k, rel=tol)
    assert found.numerical_rank == k
    np.testing.assert_allclose(found.singular_values[:k], 3.0, rtol=tol)
    assert (found.n_steps, found.n_units) == (80, 12)


def test_the_formulas(rng):
    sigma = np.array([5.0, 2.0, 0.5, 0.01])
    found = effective_rank(with_singular_values(rng, sigma))
    p = sigma / sigma.sum()
    assert found.effective_rank == pytest.approx(np.exp(-np.sum(p * np.log(p))), rel=1e-9)
    assert found.participation_ratio == pytest.approx(np.sum(sigma**2) ** 2 / np.sum(sigma**4), rel=1e-9)
    assert found.numerical_rank == 4
    assert "numerical rank is 4" in found.summary()
    assert "99 %" in str(found)


def test_order_units_and_a_shift_do_not_matter(rng):
    S = rng.normal(size=(60, 6)) * [5, 3, 2, 1, 0.1, 0.01]
    found, turn = effective_rank(S), np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert found.participation_ratio <= found.effective_rank <= found.numerical_rank == 6
    for other in (1e-150 * S, 1e150 * S, S @ turn, S[::-1], S + 7.0):
        again = effective_rank(other)
        assert again.effective_rank == pytest.approx(found.effective_rank, rel=1e-8)
        assert again.participation_ratio == pytest.approx(found.participation_ratio, rel=1e-8)
    assert effective_rank(S + 100.0, center=False).effective_rank < 1.5  # the mean alone
    assert effective_rank(np.hstack([S, S])).numerical_rank == 6
    assert effective_rank(S[:4]).numerical_rank == 3  # the mean takes one


def test_isotropic_noise_uses_everything(rng):
    found = effective_rank(rng.normal(size=(20_000, 10)))
    assert found.effective_rank == pytest.approx(10, rel=1e-3)
    assert found.participation_ratio == pytest.approx(10, rel=1e-2)
    assert "full" in found.summary()


def test_states_of_every_model(rng):
    X = rng.normal(size=(300, 2))
    recurrent = pf.RecurrentRegressor(n_units=6, dtype="float64", optimizer=pf.SGD(learning_rate=0.0)).partial_fit(X, X[:, 0])
    deep = pf.EchoStateRegressor(n_units=[20, 10], random_state=0).fit(X, X[:, 0])
    poles = pf.FixedPoleRegressor(n_units=7).fit(X, X[:, 0])
    sampled = pf.SampledRNN(n_units=9, n_delays=1, random_state=0).fit(X)
    online = pf.koopman.OnlineEDMD(pf.koopman.Monomials(2), n_state=2).fit(X)
    layers = deep._reservoir_layers()
    first = pf.kernels.reservoir_states(**layers[0], inputs=X)
    z = np.hstack([X[1:], X[:-1]])
    expected = {
        recurrent: pf.kernels.forward_sensitivity(recurrent.cell_, recurrent.theta_, X)[0],
        deep: np.concatenate([first, pf.kernels.reservoir_states(**layers[1], inputs=first)], axis=1),
        poles: poles.states(X),
        sampled: np.hstack([z, np.tanh(z @ sampled.W_.T + sampled.b_), np.ones((299, 1))]),
    }
    for model, states in expected.items():
        np.testing.assert_allclose(effective_rank(model, X).singular_values, effective_rank(states).singular_values, atol=1e-10)
    assert effective_rank(layers, X).effective_rank == effective_rank(deep, X).effective_rank
    assert effective_rank(online, X).n_units == 6
    assert effective_rank(sampled, X).n_steps == 299


def test_several_series_and_a_washout(rng):
    X = rng.normal(size=(3, 50, 2))
    models = [
        pf.RecurrentRegressor(n_units=4, dtype="float64").partial_fit(X, X),
        pf.EchoStateRegressor(n_units=8, random_state=0, washout=0).fit(X, X),
        pf.FixedPoleRegressor(n_units=4).fit(X, X),
    ]
    for model in models:
        found = effective_rank(model, X, washout=10)
        assert found.n_steps == 120
        single = effective_rank(model, X[0] if not isinstance(model, pf.RecurrentRegressor) else X[:1])
        assert single.n_steps == 50


def test_a_reservoir_of_larger_radius_uses_more_directions(rng):
    X = rng.normal(size=(500, 1))
    models = [pf.EchoStateRegressor(n_units=100, spectral_radius=radius, random_state=0).fit(X, X[:, 0]) for radius in (0.1, 0.9)]
    low, high = (effective_rank(model, X).effective_rank for model in models)
    assert high > 1.5 * low


def test_complex_states_and_figures(rng):
    S = rng.normal(size=(50, 4)) + 1j * rng.normal(size=(50, 4))
    found = effective_rank(S)
    assert found.effective_rank == pytest.approx(4, rel=0.1)
    axes = drawn(found).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), found.singular_values)
    drawn(effective_rank(np.outer(np.arange(9.0), np.ones(3))))


def test_mistakes_are_named(rng):
    S = rng.normal(size=(20, 3))
    model = pf.EchoStateRegressor(n_units=5, washout=0, random_state=0).fit(S, S[:, 0])
    refused("model_or_states must give finite states", effective_rank, np.where(np.arange(60).reshape(20, 3) == 7, np.nan, S))
    refused("model_or_states must give states that vary, got constant", effective_rank, np.full((20, 3), 0.1))
    refused("got zeros", effective_rank, np.zeros((20, 3)), center=False)
    refused("model_or_states must be a fitted model or numbers", effective_rank, S[0])
    refused("model_or_states must be a fitted model or numbers", effective_rank, "states")
    refused("model_or_states must be .*, got list", effective_rank, [[1.0, 2.0], [3.0]])
    refused("at least two steps", effective_rank, S[:1])
    refused("X must be given", effective_rank, model)
    refused("X must be None", effective_rank, S, S)
    refused("X must have 3 columns", effective_rank, model, S[:, :2])
    refused("X must have more than washout = 20", effective_rank, model, S, washout=20)
    refused("washout must be a non-negative int", effective_rank, S, washout=-1)
    refused("center must be True or False", effective_rank, S, center=1)
    refused("model_or_states must be states", effective_rank, pf.nvar.NVARRegressor().fit(S, S), S)
