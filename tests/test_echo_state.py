"""EchoStateRegressor: what it computes is its equations, driven, taught and closed, in every type."""

import numpy as np
import pytest
from echo import features, model, ridge, step, task, zeros
from helpers import close

import pushforward as pf

KINDS = {
    "plain": {},
    "leaky": {"leak_rate": 0.3},
    "leaky by unit": {"leak_rate": np.linspace(0.1, 1, 30)},
    "edge of stability": {"proximity": 0.2},
    "relu": {"activation": "relu", "spectral_radius": 0.5},
    "sigmoid": {"activation": "sigmoid"},
    "linear": {"activation": "identity", "leak_rate": 0.5},
    "states only": {"include_inputs": False},
    "through the origin": {"intercept": False},
    "scaled by column": {"input_scaling": np.array([0.1, 2.0])},
    "deep": {"n_units": [20, 10], "leak_rate": [1.0, 0.5]},
}
TOPOLOGIES = ["random", "ring", "delay_line", "cycle_with_jumps", "orthogonal", "block_diagonal"]
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


@each_kind
def test_it_computes_its_equations(kind, rng):
    X, y = task(rng)
    esn = model(**kind).fit(X, y)
    F, _ = features(esn, X)
    W, b = ridge(F[20:], y[20:], 1e-6, esn.intercept)
    close(esn.states(X), F[:, : esn._reservoir.n_state], 1e-12)
    close(esn.predict(X), F @ esn.W_out_.T + esn.b_out_, 1e-12)
    close(F @ esn.W_out_.T + esn.b_out_, F @ W.T + b, 1e-8)
    if not esn.intercept:
        np.testing.assert_array_equal(esn.b_out_, 0)


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("numbers", ["float64", "complex128"])
def test_every_topology(topology, numbers, rng):
    X, y = task(rng, dtype=numbers)
    esn = model(topology=topology, dtype=numbers, connectivity=None, ridge=1e-3).fit(X, y)
    F, _ = features(esn, X)
    close(esn.predict(X), F @ esn.W_out_.T + esn.b_out_, 1e-12)
    assert esn.score(X, y) > 0.5


def test_a_recurrence_that_is_given(rng):
    X, y = task(rng)
    W = 0.1 * rng.normal(size=(30, 30))
    esn = model(topology=W, spectral_radius=5.0).fit(X, y)  # its own radius stays
    np.testing.assert_array_equal(esn._reservoir.layers[0]["W_rec"], W)
    close(esn.states(X), features(esn, X)[0][:, :30], 1e-12)


@pytest.mark.parametrize("numbers", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("feedback", [False, True])
def test_a_type_stays_what_it_is(numbers, feedback, rng):
    X, y = task(rng, dtype=numbers)
    esn = model(dtype=numbers, feedback=feedback, ridge=1e-2).fit(X, y)
    for a in (esn.predict(X), esn.states(X), esn.state_, esn.W_out_, esn.b_out_, esn.predict_one(X[0])):
        assert a.dtype == numbers
    for layer in esn._reservoir.layers:
        assert {np.dtype(layer[name].dtype) for name in ("W_rec", "W_in", "bias")} == {np.dtype(numbers)}
        assert layer["leak_rate"].dtype == np.zeros(1, numbers).real.dtype
    simulated = esn.simulate(5, warmup=X, inputs=X[:5]) if feedback else esn.simulate(5, warmup=X)
    assert simulated.dtype == numbers
    assert esn.partial_fit(X, y).W_out_.dtype == numbers


def test_single_precision_is_double_precision_rounded(rng):
    X, y = task(rng)
    double, single = model(ridge=1.0).fit(X, y), model(ridge=1.0, dtype="float32").fit(X.astype("float32"), y.astype("float32"))
    close(single.predict(X.astype("float32")), double.predict(X), 1e-4)


def test_complex_states_of_real_data_are_the_real_ones(rng):
    """Split activations: a real reservoir driven by complex numbers with no imaginary part."""
    X, _ = task(rng)
    W, W_in = 0.1 * rng.normal(size=(30, 30)), 0.5
    esn = model(dtype="complex128", topology=W.astype(complex), input_scaling=W_in, bias_scaling=0.0).fit(X.astype(complex), X[:, :1].astype(complex))
    layer = esn._reservoir.layers[0]
    s = np.zeros(30, complex)
    for x in X[:50]:
        u = W @ s + layer["W_in"] @ x
        s = np.tanh(u.real) + 1j * np.tanh(u.imag)
    close(esn.states(X.astype(complex))[49], s, 1e-12)


@pytest.mark.parametrize("n_units", [30, [20, 10]])
def test_the_closed_loop_is_its_equations(n_units, rng):
    X = np.cumsum(rng.normal(size=(400, 2)), axis=0)
    X = (np.sin(0.1 * X) + 0.05 * rng.normal(size=X.shape)).copy()
    esn = model(n_units=n_units, ridge=1.0, spectral_radius=0.5).fit(X[:-1], X[1:])
    F, states = features(esn, X)
    y = esn.W_out_ @ F[-1] + esn.b_out_
    expected = []
    for _ in range(300):
        expected.append(y)
        states = step(esn._reservoir.layers, states, y)
        y = esn.W_out_ @ np.concatenate([*states, expected[-1]]) + esn.b_out_
    close(esn.simulate(300, warmup=X), expected, 1e-11)
    np.testing.assert_array_equal(esn.simulate(1, warmup=X)[0], esn.predict(X)[-1])  # the first is what predict said comes next


def test_feedback_is_taught_by_targets_and_lives_on_outputs(rng):
    X, y = task(rng)
    esn = model(feedback=True, ridge=1e-2, feedback_scaling=0.3).fit(X, y)
    taught = np.concatenate([np.zeros((1, 2)), y[:-1]])
    F, _ = features(esn, X, taught)
    W, b = ridge(F[20:], y[20:], 1e-2)
    close(F @ esn.W_out_.T + esn.b_out_, F @ W.T + b, 1e-8)
    states, heard, expected = zeros(esn), np.zeros(2), []
    for x in X:
        states = step(esn._reservoir.layers, states, x, heard)
        heard = esn.W_out_ @ np.concatenate([*states, x]) + esn.b_out_
        expected.append(heard)
    close(esn.predict(X), expected, 1e-11)
    own = np.concatenate([np.zeros((1, 2)), expected[:-1]])
    close(esn.states(X), features(esn, X, own)[0][:, :30], 1e-11)
    rest = esn.simulate(100, warmup=X[:200], inputs=X[200:])
    close(np.concatenate([esn.predict(X[:200]), rest]), expected, 1e-11)
    _, states = features(esn, X[:200], taught[:200])  # warming up on the targets instead
    states = step(esn._reservoir.layers, states, X[200], y[199])
    first = esn.W_out_ @ np.concatenate([*states, X[200]]) + esn.b_out_
    close(esn.simulate(1, warmup=X[:200], warmup_targets=y[:200], inputs=X[200:201])[0], first, 1e-12)


def test_a_refit_is_a_new_model(rng):
    X, y = task(rng)
    other_X, other_y = task(rng, n_inputs=3)
    esn = model().fit(other_X, other_y).fit(X, y)
    fresh = model().fit(X, y)
    np.testing.assert_array_equal(esn.W_out_, fresh.W_out_)
    np.testing.assert_array_equal(esn.state_, fresh.state_)
    np.testing.assert_array_equal(esn.predict(X), fresh.predict(X))
    np.testing.assert_array_equal(esn.input_scaling_, fresh.input_scaling_)


def test_the_seed_says_everything(rng):
    X, y = task(rng)
    for settings in ({}, {"topology": "orthogonal"}, {"noise": 0.1}, {"dtype": "complex128"}, {"proximity": 0.3}):
        a, b = ((X.astype(settings["dtype"]), y.astype(settings["dtype"])) if "dtype" in settings else (X, y)), None
        first, again, other = (model(random_state=seed, **settings).fit(*a).predict(a[0]) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert b is None
        assert np.linalg.norm(first - other) > 1e-6 * np.linalg.norm(first)


def test_noise_is_for_learning_only(rng):
    X, y = task(rng)
    quiet, noisy = model().fit(X, y), model(noise=0.5).fit(X, y)
    np.testing.assert_array_equal(quiet.states(X), noisy.states(X))
    assert np.linalg.norm(noisy.W_out_) < 0.9 * np.linalg.norm(quiet.W_out_)  # it penalises large weights
    np.testing.assert_array_equal(noisy.predict(X), noisy.predict(X))


def test_targets_without_an_axis_of_outputs(rng):
    X, y = task(rng)
    flat, column = model().fit(X, y[:, 0]), model().fit(X, y[:, :1])
    assert flat.predict(X).shape == (300,)
    assert column.predict(X).shape == (300, 1)
    assert isinstance(flat.predict_one(X[0]), float)
    np.testing.assert_array_equal(flat.predict(X), column.predict(X)[:, 0])


def test_score_is_r2_behind_the_washout(rng):
    from sklearn.metrics import r2_score

    X, y = task(rng)
    esn = model().fit(X, y)
    assert esn.score(X, y) == pytest.approx(r2_score(y[20:], esn.predict(X)[20:]))
    weights = rng.uniform(size=300)
    assert esn.score(X, y, weights) == pytest.approx(r2_score(y[20:], esn.predict(X)[20:], sample_weight=weights[20:]))
    Z, z = task(rng, dtype="complex128")
    esn = model(dtype="complex128").fit(Z, z)
    error, spread = (np.sum(np.abs(a) ** 2, axis=0) for a in (esn.predict(Z)[20:] - z[20:], z[20:] - z[20:].mean(axis=0)))
    assert esn.score(Z, z) == pytest.approx(np.mean(1 - error / spread))


@pytest.mark.slow
def test_lorenz_with_the_defaults():
    """A bad default costs nine of ten Lyapunov times."""
    z = pf.datasets.lorenz63(8000, dt=0.02)
    esn = pf.EchoStateRegressor().fit(z[:4999], z[1:5000])
    times = []
    for start in range(5000, 7000, 400):
        error = np.linalg.norm(esn.simulate(900, warmup=z[start - 300 : start]) - z[start : start + 900], axis=1)
        wrong = np.flatnonzero(error > 0.4 * np.sqrt(z.var(axis=0).sum()))
        times.append(0.906 * 0.02 * (wrong[0] if len(wrong) else 900))
    assert np.median(times) > 7
    assert min(times) > 4


@pytest.mark.slow
def test_mackey_glass_in_a_closed_loop():
    x = pf.datasets.mackey_glass(5000)[:, None]
    esn = pf.EchoStateRegressor(leak_rate=0.3).fit(x[:2999], x[1:3000])
    starts = range(3000, 4600, 300)
    forecasts = esn.simulate(400, warmup=np.stack([x[start - 500 : start] for start in starts]))
    errors = [pf.metrics.nrmse(x[start : start + 400], f, reference=x) for start, f in zip(starts, forecasts, strict=True)]
    assert np.median(errors) < 0.09
