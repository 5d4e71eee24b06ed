"""Running sampled networks and Koopman models: one step, many steps, compiled and not, spectra, control."""

import numpy as np
import pytest
from helpers import close, refused
from test_sampled_rnn import orbit

import pushforward as pf
from pushforward.koopman import Identity, Monomials, RandomFourier

SETTINGS = [
    {},
    {"n_delays": 2},
    {"n_delays": 3, "delay_compression": 2},
    {"include_state": False, "n_delays": 1, "delay_compression": 2},
    {"include_constant": False, "activation": "relu"},
    {"input_layer": 7},
]


def fitted(settings, rng, dtype="float64", driven=True):
    X, U = orbit(rng, 400, dtype, n_inputs=2 * driven)
    model = pf.SampledRNN(n_units=9, random_state=0, dtype=dtype, **settings)
    return model.fit(X, U if driven else None), X, U if driven else None


def past(X, t, d):
    """The state at t as a start, with its delays."""
    return X[t - d : t + 1] if d else X[t]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("driven", [False, True], ids=["free", "driven"])
def test_the_compiled_loop_is_the_plain_one(settings, driven, rng, dtype, tol):
    model, X, U = fitted(settings, rng, dtype.name, driven)
    d, starts = model.n_delays, np.array([5, 60, 200])
    history = X[starts[:, None] + np.arange(-d, 1)]
    inputs = None if U is None else U[starts[:, None] + np.arange(30)]
    plain = model._roll_out_plainly(history, inputs, 30)
    batch = model.simulate(history if d else history[:, 0], 30, inputs)
    close(batch, plain, tol)
    one = model.simulate(past(X, 60, d), 30, None if inputs is None else inputs[1])
    assert one.shape == (30, 2)
    close(one, plain[1], tol)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_simulating_is_predicting_again_and_again(settings, rng):
    model, X, U = fitted(settings, rng)
    d, H = model.n_delays, list(X[8 - model.n_delays : 9])
    for t in range(8, 20):
        H.append(model.predict(np.array(H[-d - 1 :]), U[t - d : t + 1])[-1])
    close(model.simulate(past(X, 8, d), 12, U[8:20]), np.array(H[d + 1 :]), 1e-12)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_forecasts_are_simulations_from_every_row(settings, rng, monkeypatch):
    monkeypatch.setattr("pushforward.koopman._running.MOST_STATES", 70)  # a few rows at a time
    model, X, U = fitted(settings, rng)
    d = model.n_delays
    every = model.forecast(X[:30], 4, U[:33], all_steps=True)
    assert every.shape == (30, 4, 2)
    assert np.isnan(every[:d]).all()
    for t in range(d, 30):
        close(every[t], model.simulate(past(X, t, d), 4, U[t : t + 4]), 1e-12)
    np.testing.assert_array_equal(model.forecast(X[:30], 4, U[:33]), every[:, -1])
    np.testing.assert_array_equal(model.forecast([X[:30], X[:12]], 4, [U[:33], U[:15]])[1], every[:12, -1])
    close(model.forecast(X[:30], 1, U[:30])[d:], model.predict(X[:30], U[:30])[d:], 1e-12)
    refused("inputs must have n_steps", model.forecast, X[:30], 4, U[:32])


def test_rows_without_a_past_have_no_prediction(rng):
    model, X, U = fitted({"n_delays": 2}, rng)
    found = model.predict(X, U)
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2:]).all()
    assert np.isnan(model.predict(X[:1], U[:1])).all()
    close(found[5], model.predict(X[3:6], U[3:6])[2], 1e-13)
    np.testing.assert_array_equal(model.predict(np.stack([X[:9], X[9:18]]), np.stack([U[:9], U[9:18]]))[1], model.predict([X[9:18]], [U[9:18]])[0])


def test_delays_are_newest_first_and_components_those_of_an_svd(rng):
    X, _ = orbit(rng, 200)
    E = np.hstack([X[2:], X[1:-1], X[:-2]])
    delayed = pf.SampledRNN(n_units=3, n_delays=2, random_state=0).fit(X)
    np.testing.assert_array_equal(delayed.lift(X)[2:, :6], E)
    model = pf.SampledRNN(n_units=3, n_delays=2, delay_compression=4, random_state=0).fit(1e4 + X)
    Z, values = model.lift(1e4 + X)[2:, :4], np.linalg.svd(E - E.mean(axis=0), compute_uv=False)
    close(np.linalg.svd(Z, compute_uv=False), values[:4], 1e-10)
    close(Z @ np.linalg.lstsq(Z, E - E.mean(axis=0), rcond=None)[0], _best(E - E.mean(axis=0), 4), 1e-9)


def _best(E, rank):
    U, s, Vt = np.linalg.svd(E, full_matrices=False)
    return (U[:, :rank] * s[:rank]) @ Vt[:rank]


def quadratic(n_steps=60):
    """A map that is linear in x, y, x²: eigenvalues 0.9, 0.5, 0.81 and 1."""
    h = [np.array([1.0, 0.5])]
    for _ in range(n_steps):
        h.append(np.array([0.9 * h[-1][0], 0.5 * h[-1][1] + 0.2 * h[-1][0] ** 2]))
    return np.array(h)


def test_eigenfunctions_grow_by_their_eigenvalues():
    X = quadratic()
    model = pf.KoopmanRegressor(pf.koopman.Custom(lambda Z: Z[:, :1] ** 2), rcond=1e-13).fit(X)
    close(np.sort(model.eigenvalues_.real), [0.5, 0.81, 0.9, 1.0], 1e-9)
    assert np.abs(model.eigenvalues_.imag).max() < 1e-9
    phi = model.eigenfunctions(X)
    close(phi[1:], phi[:-1] * model.eigenvalues_, 1e-8)
    close((phi @ model.modes_.T).real, X, 1e-9)
    assert (model.eigenpair_residuals_ < 1e-8).all()
    assert (model.pseudospectrum(model.eigenvalues_) < 1e-7).all()
    assert model.pseudospectrum([[0.7, 0.7 + 1j]])[0, 1] > 0.1
    close(model.continuous_eigenvalues(0.1), np.log(model.eigenvalues_) / 0.1, 1e-12)
    close(model.simulate_linear(X[0], 60), X[1:], 1e-8)
    close(model.simulate(X[0], 60), X[1:], 1e-8)


def test_residuals_are_what_a_step_leaves_over_the_data(rng):
    model, X, U = fitted({}, rng)
    phi, then = model.eigenfunctions(X)[:-1], model.eigenfunctions(X)[1:]
    psi, K, B = model.lift(X), model.koopman_matrix_, model.input_matrix_
    values, right = np.linalg.eig(K)
    effect = (U[:-1] @ B.T) @ np.linalg.inv(right).T  # of inputs, on the eigenfunctions in the order of numpy
    order = [int(np.argmin(np.abs(values - v))) for v in model.eigenvalues_]
    scale = [(psi @ np.linalg.inv(right).T[:, j])[3] / phi[3, i] for i, j in enumerate(order)]
    effect = effect[:, order] / scale
    expected = np.linalg.norm(then - effect - phi * model.eigenvalues_, axis=0) / np.linalg.norm(phi, axis=0)
    np.testing.assert_allclose(model.eigenpair_residuals_, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("input_layer", ["identity", 4])
def test_linear_simulation_iterates_the_operator(input_layer, rng):
    model, X, U = fitted({"n_delays": 1, "input_layer": input_layer, "include_state": False}, rng)
    psi, states = model.lift(X[3:5])[1], []
    layer = model._drawn.inputs
    for u in U[4:10]:
        psi = model.koopman_matrix_ @ psi + model.input_matrix_ @ layer(u[None])[0]
        states.append(model.projection_ @ psi)
    close(model.simulate_linear(X[3:5], 6, U[4:10]), np.array(states), 1e-9)
    batch = model.simulate_linear(np.stack([X[3:5], X[7:9]]), 6, np.stack([U[4:10], U[8:14]]))
    close(batch[0], np.array(states), 1e-9)


def test_projecting_moves_eigenvalues_inside_and_nothing_else():
    X = [np.array([0.01, 0.0])]
    for _ in range(60):  # a spiral that grows, and slows down
        X.append(1.12 / (1 + 0.1 * X[-1] @ X[-1]) * np.array([[0.9, -0.4], [0.4, 0.9]]) @ X[-1])
    X = np.array(X)
    free = pf.SampledRNN(n_units=8, random_state=0).fit(X)
    model = pf.SampledRNN(n_units=8, random_state=0, stabilize="project").fit(X)
    n_outside = int((np.abs(free.eigenvalues_) > 1 + 1e-9).sum())
    assert n_outside == model.n_stabilized_ > 0
    assert free.n_stabilized_ == 0
    assert np.abs(model.eigenvalues_).max() < 1 + 1e-6
    np.testing.assert_array_equal(model.predict(X[:9]), free.predict(X[:9]))
    assert np.abs(model.simulate_linear(X[0], 400)).max() < 1e3
    assert model.koopman_matrix_[-1].tolist() == [0.0] * 10 + [1.0]
    free.set_params(stabilize="project")
    np.testing.assert_array_equal(free.koopman_matrix_, model.koopman_matrix_)


def test_other_dictionaries_run_in_a_plain_loop(rng):
    X, U = orbit(rng, 300, n_inputs=2)
    for dictionary in (Identity(), Monomials(2), RandomFourier(n_units=8)):
        model = pf.KoopmanRegressor(dictionary, n_delays=1, input_layer=3, random_state=0).fit(X, U)
        found = model.simulate(np.stack([X[:2], X[4:6]]), 2, np.stack([U[1:3], U[5:7]]))
        first = model.predict(X[4:6], U[4:6])[1]
        close(found[1, 0], first, 1e-12)
        close(found[1, 1], model.predict(np.array([X[5], first]), U[5:7])[1], 1e-12)


def test_what_leaves_the_finite_numbers_is_said(monkeypatch):
    monkeypatch.setattr("pushforward.koopman._running.MOST_STATES", 200)  # two rows at a time
    X = (1.5 ** np.arange(12.0))[:, None]
    growing = pf.KoopmanRegressor(Identity(), include_constant=False).fit(X)
    with pytest.raises(pf.DivergenceError, match="series 1") as caught:
        growing.simulate([[0.0], [1e300]], 100)
    assert caught.value.step == int(np.ceil(np.log(1.797e308 / 1e300) / np.log(1.5))) - 1
    with pytest.raises(pf.DivergenceError, match="series 2"):
        growing.forecast([[0.0], [1.0], [1e300]], 100)
    with pytest.raises(pf.DivergenceError):
        growing.simulate_linear([1e300], 100)


def test_score_is_the_r2_of_one_step(rng):
    model, X, U = fitted({"n_delays": 1}, rng)
    found = model.predict(X, U)[1:-1]
    expected = 1 - ((X[2:] - found) ** 2).sum(axis=0) / ((X[2:] - X[2:].mean(axis=0)) ** 2).sum(axis=0)
    assert abs(model.score(X, U) - expected.mean()) < 1e-12
    weights = np.arange(400.0)
    weighted = model.score(X, U, weights)
    mean = np.average(X[2:], axis=0, weights=weights[1:-1])
    error, spread = (np.average((X[2:] - about) ** 2, axis=0, weights=weights[1:-1]) for about in (found, mean))
    assert abs(weighted - (1 - np.mean(error / spread))) < 1e-12


@pytest.mark.parametrize("settings", [{}, {"n_delays": 1, "delay_compression": 2}, {"include_constant": False}, {"solver": "gram"}], ids=str)
def test_the_factor_for_control_has_the_gram_matrix_of_the_features(settings, rng):
    X, U = orbit(rng, 300, n_inputs=1)
    model = pf.SampledRNN(n_units=5, random_state=0, **settings).fit(7 + X, U)
    factor, psi = model._feature_factor(), model.lift(7 + X)[model.n_delays : -1]
    if model.solver == "gram":
        assert factor is None
        with pytest.raises(AttributeError, match="solver must be"):
            _ = model.eigenpair_residuals_
    else:
        close(factor.T @ factor, psi.T @ psi, 1e-12)


def test_a_regulator_steers_the_system_to_its_target(rng):
    U, X = rng.normal(size=(400, 1)), np.zeros((400, 2))

    def step(x, u):
        return np.array([x[0] + 0.1 * x[1], x[1] - 0.1 * np.sin(x[0]) - 0.02 * x[1] + 0.1 * u[0]])

    for t in range(399):
        X[t + 1] = step(X[t], U[t])
    for settings in ({}, {"n_delays": 1}):
        model = pf.SampledRNN(n_units=30, random_state=0, **settings).fit(X, U)
        controller = model.lqr(Q=1.0, R=0.1, target=[0.5, 0.0])
        history = [np.zeros(2), np.zeros(2)]
        for _ in range(300):
            history.append(step(history[-1], controller(np.array(history[-2:]) if settings else history[-1])))
        assert np.abs(history[-1] - [0.5, 0.0]).max() < 0.02
