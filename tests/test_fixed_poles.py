"""Fixed poles: the kernel against its twin, the linear systems such a network contains, and the estimators around it."""

import copy
import inspect
import pickle
import warnings

import numpy as np
import pytest
from helpers import at, close, refused
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

import pushforward as pf
from pushforward import reference

ACTIVATIONS = ("identity", "relu", "tanh", "sigmoid", "elu")
DTYPES = ("float32", "float64", "complex64", "complex128")


def draw(rng, shape, dtype):
    values = rng.normal(size=shape) + (1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else 0)
    return values.astype(dtype)


def problem(rng, n_units, n_inputs, dtype, n_steps=70, n_series=2):
    """Poles inside the circle, W_in, bias, inputs, state."""
    beta = draw(rng, n_units, dtype)
    beta *= (0.95 * rng.random(n_units) / np.abs(beta)).astype(beta.real.dtype)
    shapes = (n_units, n_inputs), (n_units,), (n_series, n_steps, n_inputs), (n_series, n_units)
    return beta, *(draw(rng, shape, dtype) for shape in shapes)


def impulse_response(poles, gains, x):
    """The output of a linear system, pole by pole in float64."""
    s, y = np.zeros(len(poles), complex), []
    for value in x:
        s = np.asarray(poles) * s + value
        y.append(np.dot(gains, s))
    return np.array(y)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_states_are_those_of_the_twin(rng, dtype, activation, isa):
    for n_units, n_inputs in ((1, 1), (3, 2), (8, 3), (17, 1), (33, 2), (40, 5), (67, 1)):
        beta, W, bias, X, state = problem(rng, n_units, n_inputs, dtype)
        expected = reference.fixed_pole_states(beta, W, X, state, activation, bias)
        found = pf.kernels.fixed_pole_states(beta, W, X, state, activation, bias)
        assert found.dtype == np.dtype(dtype)
        close(found, expected, 1e-12 if np.dtype(dtype).name in ("float64", "complex128") else 1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_series_in_pieces_is_the_series_to_the_bit(rng, dtype, isa):
    beta, W, bias, X, _ = problem(rng, 37, 2, dtype, n_steps=300)
    whole = pf.kernels.fixed_pole_states(beta, W, X, bias=bias)
    for length in (1, 7, 64, 131):
        state, pieces = None, []
        for first in range(0, 300, length):
            pieces.append(pf.kernels.fixed_pole_states(beta, W, X[:, first : first + length], state, bias=bias))
            state = pieces[-1][:, -1]
        np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)


def test_series_have_nothing_to_do_with_each_other(rng):
    beta, W, _, X, state = problem(rng, 1500, 1, "complex128", n_steps=40)
    out = np.full((2, 40, 1500), np.nan + 0j)
    assert pf.kernels.fixed_pole_states(beta, W, X, state, out=out) is out
    for i in range(2):
        np.testing.assert_array_equal(pf.kernels.fixed_pole_states(beta, W, X[i], state[i]), out[i])


def test_poles_on_the_circle_are_refused_unless_asked_for():
    X, W = np.ones((40, 1)), np.ones((1, 1))
    refused(r"poles must lie inside the unit circle.*allow_unstable", pf.kernels.fixed_pole_states, [1.0], W, X)
    np.testing.assert_allclose(pf.kernels.fixed_pole_states([1.0], W, X, allow_unstable=True)[:, 0], np.arange(1, 41))
    with pytest.raises(pf.DivergenceError, match="step 1") as stop:
        pf.kernels.fixed_pole_states([1e200], W, 1e150 * X, allow_unstable=True)
    assert stop.value.step == 1


def test_the_kernel_names_what_is_wrong(rng):
    beta, W, _, X, _ = problem(rng, 3, 2, "float64")
    f = pf.kernels.fixed_pole_states
    refused("W_in must have shape", f, beta, W[:2], X)
    refused("inputs must have 2 columns", f, beta, W, X[..., :1])
    refused("inputs must be finite", f, beta, W, at(X, (1, 3, 0), np.nan))
    refused("state must have shape", f, beta, W, X, np.zeros(3))
    refused("inputs must be real like the model", f, beta, W, X + 0j)
    refused("activation must be one of", f, beta, W, X, activation="sin")
    refused("out must be", f, beta, W, X, out=np.zeros(3))
    refused("poles must be finite", f, [np.nan], W[:1], X)


@pytest.mark.parametrize("readout", ["rls", "ridge"])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_a_linear_system_whose_poles_are_among_the_networks_is_identified(rng, readout, dtype):
    """Poles fixed, the gains are linear least squares (arXiv 2602.21454)."""
    poles, gains = [0.8 + 0.3j, 0.8 - 0.3j, -0.5, 0.2], [1 - 2j, 1 + 2j, 3.0, -1.0]
    x = draw(rng, 600, dtype)
    y = impulse_response(poles, gains, x)
    y = y if dtype == "complex128" else y.real
    extra = [0.3 + 0.6j, 0.3 - 0.6j, 0.9]
    model = pf.FixedPoleRegressor(poles=[*poles, *extra], readout=readout, ridge=1e-12, dtype=dtype).fit(x[:400, None], y[:400])
    assert np.abs(model.predict(x[:, None]) - y).max() < 1e-8 * np.abs(y).max()
    wrong = pf.FixedPoleRegressor(poles=extra, readout=readout, ridge=1e-12, dtype=dtype).fit(x[:400, None], y[:400])
    assert np.abs(wrong.predict(x[:, None]) - y).max() > 1e-2 * np.abs(y).max()


@pytest.mark.parametrize("activation", ["identity", "tanh"])
@pytest.mark.parametrize("n_units", [6, 7])
def test_conjugate_pairs_of_a_real_network_are_blocks(rng, n_units, activation):
    X = rng.normal(size=(50, 2))
    model = pf.FixedPoleRegressor(n_units=n_units, activation=activation, bias_scaling=0.3, readout="ridge").fit(X, X)
    beta, A = model.poles_, np.zeros((n_units, n_units))
    np.testing.assert_allclose(np.sort_complex(beta), np.sort_complex(beta.conj()))
    np.testing.assert_allclose(np.abs(beta), 0.9)
    for k in range(0, n_units - 1, 2):
        a, b = beta[k].real, beta[k].imag
        A[k : k + 2, k : k + 2] = [[a, -b], [b, a]]
    if n_units % 2:
        A[-1, -1] = beta[-1].real
    np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(A)), np.sort_complex(beta), atol=1e-12)
    s, f = np.zeros(n_units), (np.tanh if activation == "tanh" else lambda a: a)
    for x, found in zip(X, model.states(X), strict=True):
        s = f(A @ s + model.W_in_ @ x + model.bias_)
        np.testing.assert_allclose(found, s, rtol=1e-12, atol=1e-12)


def test_pole_sets(rng):
    def poles(name, dtype="complex128", **settings):
        X = np.zeros((5, 1), dtype)
        return pf.FixedPoleRegressor(poles=name, n_units=200, dtype=dtype, readout="ridge", **settings).fit(X, X).poles_

    ring, disc = poles("ring", radius=0.7), poles("disc", radius=0.7)
    np.testing.assert_allclose(np.abs(ring), 0.7)
    np.testing.assert_allclose(np.diff(np.sort(np.angle(ring))), 2 * np.pi / 200, rtol=1e-9)
    np.testing.assert_allclose(np.sort(np.angle(poles("ring", "float64"))), np.sort(np.angle(ring)), rtol=1e-9)
    assert np.abs(disc).max() < 0.7
    assert 0.35 < np.mean(np.abs(disc) < 0.7 / np.sqrt(2)) < 0.65  # half of them in half of the area
    assert np.abs(poles("disc", radius=(0.5, 0.6))).min() >= 0.5
    real, spaced = poles("real", "float64"), poles("log_spaced", "float64", radius=(0.5, 0.99))
    assert -0.9 < real.min() < -0.5 < 0.5 < real.max() < 0.9
    ratios = np.log(spaced[:-1]) / np.log(spaced[1:])
    np.testing.assert_allclose([spaced.max(), spaced.min(), ratios.min()], [0.99, 0.5, ratios.max()])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_stream_in_pieces_or_events_is_the_stream(rng, dtype):
    X = draw(rng, (120, 2), dtype)
    y = X[:, 0] - X[:, 1]
    settings = {"n_units": 9, "dtype": dtype, "washout": 13, "ridge": 0.1, "forgetting": 0.99}
    whole = pf.FixedPoleRegressor(**settings).fit(X, y)
    parts, events = pf.FixedPoleRegressor(**settings), pf.FixedPoleRegressor(**settings)
    for first in (0, 5, 30, 31, 77):
        last = {0: 5, 5: 30, 30: 31, 31: 77, 77: 120}[first]
        parts.partial_fit(X[first:last], y[first:last])
    said = [events.learn_one(x, target) for x, target in zip(X, y, strict=True)]
    for other in (parts, events):
        np.testing.assert_array_equal(other.W_out_, whole.W_out_)
        np.testing.assert_array_equal(other.state_, whole.state_)
    assert whole.W_out_.dtype == whole.predict(X).dtype == whole.state_.dtype == np.dtype(dtype)
    assert np.abs(np.array(said[-20:]) - y[-20:]).max() < 0.2 * np.abs(y).max()
    assert np.abs(said[-1] - whole.predict(X)[-1]) < 0.05
    assert whole.predict_one(X[0]) == pytest.approx(whole.predict(X[:1], state="current")[0], rel=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_readout_is_ridge_regression_on_states_and_inputs(rng, dtype):
    X, Y = draw(rng, (200, 3), dtype), draw(rng, (200, 2), dtype)
    online, closed = (pf.FixedPoleRegressor(n_units=6, readout=name, ridge=0.5, washout=4, dtype=dtype).fit(X, Y) for name in ("rls", "ridge"))
    features = np.hstack([closed.states(X), X, np.ones((200, 1))])[4:]
    for model, penalties in ((online, np.full(10, 0.5)), (closed, np.append(np.full(9, 0.5), 0.0))):  # of rls the intercept pays too
        W = np.linalg.solve(features.conj().T @ features + np.diag(penalties), features.conj().T @ Y[4:]).T
        close(model.W_out_, W[:, :-1], 1e-10)
        np.testing.assert_allclose(model.b_out_, W[:, -1], rtol=1e-9)
        np.testing.assert_allclose(model.predict(X)[4:], features @ W.T, atol=1e-10)


def test_every_series_starts_at_zero(rng):
    X, Y = rng.normal(size=(3, 60, 2)), rng.normal(size=(3, 60, 1))
    model = pf.FixedPoleRegressor(n_units=6, readout="ridge", washout=5).fit(X, Y)
    listed = pf.FixedPoleRegressor(n_units=6, readout="ridge", washout=5).fit(list(X), list(Y))
    np.testing.assert_allclose(model.W_out_, listed.W_out_, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X)[1], model.predict(X[1]))
    np.testing.assert_array_equal(listed.predict(list(X))[2], model.predict(X[2]))
    np.testing.assert_array_equal(model.states(X)[2][-1], model.state_)
    again = model.fit(X[:1], Y[:1]).W_out_  # afresh
    np.testing.assert_array_equal(again, pf.FixedPoleRegressor(n_units=6, readout="ridge", washout=5).fit(X[:1], Y[:1]).W_out_)


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("way", ["pickle", "copy", "file"])
@pytest.mark.parametrize(("readout", "learn_poles"), [("rls", False), ("rls", True), ("ridge", False)])
def test_a_model_goes_on_where_it_stood(rng, tmp_path, dtype, way, readout, learn_poles):
    X = draw(rng, (80, 1), dtype)
    y = np.roll(X[:, 0], 1)
    poles = "ring" if dtype == "complex64" else "real"
    settings = {"readout": readout, "learn_poles": learn_poles, "optimizer": pf.Adam(1e-3), "washout": 10}
    model = pf.FixedPoleRegressor(poles=poles, n_units=8, dtype=dtype, **settings).partial_fit(X[:40], y[:40])
    if way == "file":
        model.save(tmp_path / "model.safetensors")
        twin = pf.load(tmp_path / "model.safetensors")
    else:
        twin = pickle.loads(pickle.dumps(model)) if way == "pickle" else copy.deepcopy(model)
    for one in (model, twin):
        one.partial_fit(X[40:], y[40:])
    for name in ("W_out_", "b_out_", "state_", "poles_", "W_in_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(twin, name))
    np.testing.assert_array_equal(model.predict(X), twin.predict(X))
    assert clone(model).get_params() == model.get_params()


def test_a_grid_search_over_time(rng):
    x = rng.normal(size=(300, 1))
    y = impulse_response([0.8], [1.0], x[:, 0]).real
    grid = {"poles": ["log_spaced", "ring"], "radius": [0.3, 0.8], "readout": ["ridge", "rls"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = GridSearchCV(pf.FixedPoleRegressor(n_units=4, ridge=1e-8, washout=20), grid, cv=TimeSeriesSplit(3)).fit(x, y)
    assert search.best_params_["radius"] == 0.8
    assert search.best_params_["poles"] == "log_spaced"
    assert search.best_score_ > 0.98


@pytest.mark.parametrize("name", ["fixed_pole_states", "pole_gradient"])
def test_a_kernel_and_its_twin_have_one_signature(name):
    ours, twin = (inspect.signature(getattr(module, name)).parameters.values() for module in (pf.kernels, reference))
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in twin]
