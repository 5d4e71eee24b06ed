"""Several series at once: each has its own state and influence, gradients are averaged, and no number of threads changes a bit."""

import numpy as np
import pytest
from helpers import close, everything, same, same_learning, series, starting_weights

import pushforward as pf

WAYS = [
    {},
    {"carry_every": 1},
    {"carry_every": 7, "update_every": 3},
    {"carry_every": 5, "latency": "bounded"},
    {"gradient": "tbptt", "update_every": 2, "truncation": 9},
]
each_way = pytest.mark.parametrize("way", WAYS, ids=str)


def regressor(**settings):
    return pf.RecurrentRegressor(**{"n_units": 6, "dtype": "float64", "optimizer": pf.Adam(learning_rate=0.01)} | settings)


def influences(model):
    return [] if model.gradient == "tbptt" else model.influence_


@each_way
def test_a_batch_of_one_is_a_single_series(way, rng, dtype):
    X, y = series(rng, 40, dtype)
    same_learning(regressor(dtype=str(dtype), **way).partial_fit(X[None], y[None]), regressor(dtype=str(dtype), **way).partial_fit(X, y))


@each_way
def test_equal_series_learn_as_one(way, rng):
    X, y = series(rng, 40)
    one, three = regressor(**way).partial_fit(X, y), regressor(**way).partial_fit(np.stack([X] * 3), np.stack([y] * 3))
    close(three.theta_, one.theta_, 1e-10)
    close(three.loss_, one.loss_, 1e-10)
    for state in three.state_:
        close(state, one.state_, 1e-10)
    for J in influences(three):
        close(J, one.influence_, 1e-10)


@each_way
def test_one_update_after_each_average(way, rng):
    """Every update of a batch is the optimiser's step along the mean of what its series would have found alone."""
    X, y = series(rng, 24, n_series=3)
    rate, K = 0.05, way.get("update_every", 1)
    model = regressor(**way | {"optimizer": pf.SGD(learning_rate=rate)})
    theta, (W_out, b_out) = starting_weights(model, X, y)
    cell, carries = pf.cells.Elman(2, 6), [(None, None)] * 3
    for t in range(0, 24, K):
        model.partial_fit(X[:, t : t + K], y[:, t : t + K])
        if way.get("gradient") == "tbptt":
            continue
        total, after = [0.0, 0.0, 0.0], []
        for i, (state, influence) in enumerate(carries):
            block = X[i, t : t + K], y[i, t : t + K]
            _, g, *carry = pf.kernels.block_gradient(cell, theta, (W_out, b_out), *block, state=state, influence=influence)
            total = [a + g[name] for a, name in zip(total, ("theta", "W_out", "b_out"), strict=True)]
            after.append(carry)
        carries = after
        theta, W_out, b_out = (w - rate * a / (3 * K) for w, a in zip((theta, W_out, b_out), total, strict=True))
        close(model.theta_, theta, 1e-10)
        close(model.W_out_, W_out, 1e-10)
    assert model.n_updates_ == 24 // K
    for i, (state, influence) in enumerate(carries):
        if influence is not None:
            close(model.state_[i], state, 1e-10)
            close(model.influence_[i], influence, 1e-9)


@each_way
def test_each_influence_is_its_own(way, rng):
    X, y = series(rng, 30, n_series=3)
    model = regressor(**way | {"optimizer": pf.SGD(learning_rate=0.0)}).partial_fit(X, y)
    for i in range(3):
        states, J = pf.reference.forward_sensitivity(model.cell_, model.theta_, X[i])
        close(model.state_[i], states[-1], 1e-10)
        if model.gradient == "rtrl":
            close(model.influence_[i], J, 1e-10)
    other = X.copy()
    other[1] += 1.0
    changed = regressor(**way | {"optimizer": pf.SGD(learning_rate=0.0)}).partial_fit(other, y)
    for i in (0, 2):
        np.testing.assert_array_equal(changed.state_[i], model.state_[i])
        if model.gradient == "rtrl":
            np.testing.assert_array_equal(changed.influence_[i], model.influence_[i])
    assert np.any(changed.state_[1] != model.state_[1])


@each_way
def test_a_series_can_be_reset_on_its_own(way, rng):
    X, y = series(rng, 30, n_series=4)
    model = regressor(**way).partial_fit(X[:, :17], y[:, :17])
    states, J, theta = model.state_, influences(model), model.theta_
    model.reset_state(series=[1, 3])
    np.testing.assert_array_equal(model.theta_, theta)
    for i in (0, 2):
        np.testing.assert_array_equal(model.state_[i], states[i])
        if model.gradient == "rtrl":
            np.testing.assert_array_equal(model.influence_[i], J[i])
    for i in (1, 3):
        assert not np.any(model.state_[i])
        if model.gradient == "rtrl":
            assert not np.any(model.influence_[i])
    model.reset_state()
    assert not np.any(model.state_)
    assert not np.any(influences(model))
    frozen = regressor(**way | {"optimizer": pf.SGD(learning_rate=0.0)}).partial_fit(X[:, :17], y[:, :17]).reset_state(series=[2])
    frozen.partial_fit(X[:, 17:], y[:, 17:])
    begun = pf.reference.forward_sensitivity(frozen.cell_, frozen.theta_, X[2, 17:])
    close(frozen.state_[2], begun[0][-1], 1e-10)
    if frozen.gradient == "rtrl":
        close(frozen.influence_[2], begun[1], 1e-10)


def test_a_reset_after_every_chunk_makes_chunks_independent(rng):
    X, y = series(rng, 20)
    model = regressor(optimizer=pf.SGD(learning_rate=0.1), update_every=10)
    theta, readout = starting_weights(model, X, y)
    model.partial_fit(X[:10], y[:10]).reset_state().partial_fit(X[10:], y[10:])
    for cut in (slice(10), slice(10, None)):
        g = pf.reference.full_bptt(model.cell_, theta, readout, X[cut], y[cut])[1]
        theta, readout = theta - 0.01 * g["theta"], (readout[0] - 0.01 * g["W_out"], readout[1] - 0.01 * g["b_out"])
    close(model.theta_, theta, 1e-12)


def test_feedback_to_a_batch_is_partial_fit(rng):
    X, y = series(rng, 30, n_series=3, n_outputs=2)
    whole, stepped = (regressor(update_every=4).partial_fit(X[:, :1], y[:, :1]) for _ in range(2))
    whole.partial_fit(X[:, 1:], y[:, 1:])
    for t in range(1, 30):
        stepped.feedback(stepped.step(X[:, t]) - y[:, t])
    same(everything(stepped)["_learner"], everything(whole)["_learner"])


def test_a_batch_of_tokens_and_classes(rng):
    tokens, y = rng.integers(5, size=(3, 40)), rng.integers(4, size=(3, 40))
    settings = {"n_units": 6, "dtype": "float64", "classes": 4, "n_inputs": 5, "update_every": 3}
    model = pf.RecurrentClassifier(**settings).partial_fit(tokens, y)
    dense = pf.RecurrentClassifier(**settings).partial_fit(np.eye(5)[tokens], y)
    close(model.theta_, dense.theta_, 1e-10)
    close(model.influence_, dense.influence_, 1e-10)
    assert model.predict(tokens).shape == (3, 40)
    assert model.step(np.array([0, 4, 2])).shape == (3, 4)


@pytest.mark.parametrize("n_threads", [2, 4])
@pytest.mark.parametrize("n_series", [None, 5])
@each_way
def test_the_number_of_threads_does_not_change_a_bit(way, n_series, n_threads, rng):
    X, y = series(rng, 70, "float32", n_series=n_series)
    n_units = 64 if n_series is None else 20  # a single series above the threshold at which its work is shared
    one, several = (regressor(n_units=n_units, dtype="float32", n_threads=n, **way).partial_fit(X, y) for n in (1, n_threads))
    same_learning(several, one)
    np.testing.assert_array_equal(several.predict(X), one.predict(X))


def test_the_number_of_threads_does_not_change_a_bit_with_bounds_and_tokens(rng):
    tokens, y = rng.integers(20, size=(2, 60)), rng.integers(3, size=(2, 60))
    for data in ((tokens, y), (tokens[0], y[0])):
        models = [
            pf.RecurrentClassifier(
                n_units=64, classes=3, n_inputs=20, weight_bound=0.5, readout_bound=1.0, update_every=2, carry_every=9, n_threads=n
            )
            for n in (1, 2, 4)
        ]
        one, *several = (model.partial_fit(*data) for model in models)
        for model in several:
            same_learning(model, one)


def test_the_score_of_a_batch_is_r2_over_all_its_steps(rng):
    X, y = series(rng, 30, n_series=3, n_outputs=2)
    model = regressor().partial_fit(X, y)
    predicted = model.predict(X)
    expected = 1 - ((y - predicted) ** 2).sum((0, 1)) / ((y - y.mean((0, 1))) ** 2).sum((0, 1))
    np.testing.assert_allclose(model.score(X, y), expected.mean(), rtol=1e-10)
    with pytest.raises(ValueError, match="y must have as many series and steps as X"):
        model.score(X, y[:, 1:])
