"""EchoStateRegressor over time: chunks, several series, single events, what resets what, and memory."""

import tracemalloc

import numpy as np
import pytest
from echo import features, model, ridge, task
from helpers import close, refused

import pushforward as pf

RLS = {"readout": "rls", "ridge": 1e-2}
ONLINE = [RLS, RLS | {"forgetting": 0.99}, {"readout": "nlms"}, {"readout": "lms", "learning_rate": 0.01}]
each_online = pytest.mark.parametrize("online", ONLINE, ids=lambda s: "-".join(map(str, s.values())))


def stand(esn):
    s = esn._settle()
    return [s.states, s.ticks, s.seen, s.inputs]


@pytest.mark.parametrize("kind", [{}, {"leak_rate": 0.2}, {"feedback": True}, {"noise": 0.1}, {"n_units": [20, 10]}, {"proximity": 0.3}])
@pytest.mark.parametrize("n_series", [None, 2, 5])
def test_chunks_are_the_whole(kind, n_series, rng):
    X, y = task(rng, n_series=n_series)
    whole, parts = model(**kind).fit(X, y), model(**kind | {"input_scaling": 1.0, "feedback_scaling": 1.0})
    whole = model(**parts.get_params()).fit(X, y)
    for first, last in [(0, 7), (7, 8), (8, 120), (120, 300)]:  # the washout ends within the third
        parts.partial_fit(X[..., first:last, :], y[..., first:last, :])
    close(parts.W_out_, whole.W_out_, 1e-7)
    close(parts.predict(X), whole.predict(X), 1e-9)
    for a, b in zip(stand(parts), stand(whole), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_a_list_is_its_series_one_by_one(rng):
    """No state leaks from one series into the next, whatever their lengths and order."""
    X, y = task(rng, n_series=7)
    lengths = [300, 21, 50, 300, 110, 299, 180]
    Xs, ys = [x[:n] for x, n in zip(X, lengths, strict=True)], [t[:n] for t, n in zip(y, lengths, strict=True)]
    esn = model(input_scaling=0.5).fit(Xs, ys)
    rows = [features(esn, x)[0] for x in Xs]
    W, b = ridge(np.concatenate([f[20:] for f in rows]), np.concatenate([t[20:] for t in ys]), 1e-6)
    for x, f, found, states in zip(Xs, rows, esn.predict(Xs), esn.states(Xs), strict=True):
        close(states, f[:, :30], 1e-12)
        close(found, f @ W.T + b, 1e-7)
        close(found, esn.predict(x), 1e-11)
    close(esn.state_, [f[-1, :30] for f in rows], 1e-12)


def test_many_series_of_many_lengths(rng):
    lengths = rng.integers(1, 40, size=70)
    Xs = [rng.normal(size=(n, 2)) for n in lengths]
    esn = model(washout=0).fit(Xs, Xs)
    for x, states in zip(Xs, esn.states(Xs), strict=True):
        close(states, features(esn, x)[0][:, :30], 1e-12)
    close(esn.state_, [esn.states(x)[-1] for x in Xs], 1e-12)


def test_a_washout_a_series(rng):
    X, y = task(rng, n_series=3)
    esn = model(washout=[0, 100, 250]).fit(X, y)
    rows = [features(esn, x)[0] for x in X]
    W, b = ridge(np.concatenate([f[w:] for f, w in zip(rows, esn.washout, strict=True)]), np.concatenate([y[0], y[1, 100:], y[2, 250:]]), 1e-6)
    close(esn.predict(X[0]), rows[0] @ W.T + b, 1e-8)


def test_predictions_change_nothing(rng):
    X, y = task(rng, n_series=2)
    for settings in ({}, {"readout": "rls", "ridge": 1e-2}, {"feedback": True}):
        esn = model(**settings).fit(X, y)
        before, weights = stand(esn), esn.W_out_
        esn.predict(X), esn.predict(X, state="current"), esn.states(X), esn.score(X, y)
        inputs = {"inputs": X[:, :7]} if settings.get("feedback") else {}
        esn.simulate(7, **inputs), esn.simulate(7, warmup=X, **inputs)
        for a, b in zip(stand(esn), before, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(esn.W_out_, weights)


@pytest.mark.parametrize("feedback", [False, True])
def test_a_run_goes_on_where_it_stopped(feedback, rng):
    """run(20) is run(10) and run(10), driven and closed; right after fit too."""
    X, y = task(rng)
    esn = model(feedback=feedback, ridge=0.1, spectral_radius=0.5).fit(X[:200], y[:200])
    if not feedback:  # with feedback fit has heard targets, which predict does not
        close(esn.predict(X[200:], state="current"), esn.predict(X)[200:], 1e-11)
    first = esn.predict(X[:200], advance=True)
    np.testing.assert_array_equal(np.concatenate([first, esn.predict(X[200:], state="current")]).shape, (300, 2))
    close(np.concatenate([first, esn.predict(X[200:], state="current")]), esn.predict(X), 1e-11)
    given = [{"inputs": X[a:b]} if feedback else {} for a, b in ((200, 220), (200, 210), (210, 220))]
    whole = esn.simulate(20, **given[0])
    np.testing.assert_array_equal(whole, esn.simulate(20, warmup=X[:200], **given[0]))
    parts = [esn.simulate(10, **given[1], advance=True), esn.simulate(10, **given[2], advance=True)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    one_by_one = [model(**esn.get_params()).fit(X[:200], y[:200]).predict(X[:200], advance=True)]
    assert len(one_by_one[0]) == 200


def test_events_are_the_series(rng):
    X, y = task(rng)
    esn = model().fit(X[:200], y[:200])
    esn.predict(X[:200], advance=True)
    np.testing.assert_allclose(esn.predict_one(X[200]), esn.predict(X)[200], rtol=1e-9)
    found = [esn.predict_one(x, advance=True) for x in X[200:]]
    close(found, esn.predict(X)[200:], 1e-10)


def test_reset_state(rng):
    X, y = task(rng, n_series=2)
    esn = model(input_scaling=0.5).fit(X, y)
    weights = esn.W_out_
    three = np.repeat(X[:1], 3, 0), np.repeat(y[:1], 3, 0)
    refused(r"X must have 2 series like the data before it, got 3; reset_state\(\) ends those", esn.partial_fit, *three)
    refused("X must have 2 series", esn.predict, X[0], state="current")
    esn.reset_state(series=[1])
    assert np.all(esn.state_[1] == 0)
    assert np.any(esn.state_[0] != 0)
    esn.reset_state()
    np.testing.assert_array_equal(esn.W_out_, weights)
    assert np.all(esn.state_ == 0)
    refused("warmup must be given: no series is under way", esn.simulate, 3)
    esn.partial_fit(X[0], y[0])  # one series now, with a washout of its own
    both = model(**esn.get_params()).fit([X[0], X[1], X[0]], [y[0], y[1], y[0]])
    close(esn.W_out_, both.W_out_, 1e-6)


@each_online
def test_events_chunks_and_fit_learn_the_same(online, rng):
    X, y = task(rng, dtype="float64")
    settings = online | {"input_scaling": 0.5}
    whole, events, parts = model(**settings).fit(X, y), model(**settings), model(**settings)
    predictions = np.array([events.learn_one(a, b) for a, b in zip(X, y, strict=True)])
    parts.partial_fit(X[:13], y[:13]).partial_fit(X[13:200], y[13:200]).partial_fit(X[200:], y[200:])
    close(events.W_out_, whole.W_out_, 1e-9)
    close(parts.W_out_, whole.W_out_, 1e-9)
    close(events.state_, whole.state_, 1e-12)
    np.testing.assert_array_equal(predictions[:21], 0)  # nothing is known before the first event behind the washout
    assert np.linalg.norm(predictions[-50:] - y[-50:]) < 0.9 * np.linalg.norm(y[-50:])
    x = X[5].copy()
    events.learn_one(x, y[5])
    x[:] = 1e9  # the model keeps nothing of the caller's
    assert np.all(np.abs(events._settle().inputs) < 100)


@pytest.mark.parametrize("numbers", ["float64", "complex128"])
@pytest.mark.parametrize("feedback", [False, True])
def test_recursive_least_squares_is_ridge(numbers, feedback, rng):
    X, y = task(rng, dtype=numbers)
    settings = {"dtype": numbers, "feedback": feedback, "ridge": 1e-2, "washout": 20, "intercept": False}
    close(model(readout="rls", **settings).fit(X, y).W_out_, model(**settings).fit(X, y).W_out_, 1e-8)


def test_a_readout_of_ones_own(rng):
    X, y = task(rng)
    for own, settings in (
        (pf.kernels.RLS(ridge=1e-2, forgetting=0.99), {"readout": "rls", "ridge": 1e-2, "forgetting": 0.99}),
        (pf.kernels.Ridge(ridge=1e-3, solver="gram"), {"ridge": 1e-3, "solver": "gram"}),
    ):
        np.testing.assert_array_equal(model(readout=own).fit(X, y).W_out_, model(**settings).fit(X, y).W_out_)
        assert not [name for name in vars(own) if name.endswith("_")]  # its settings are taken, itself is not touched
    refused("readout must be one of ridge, rls, nlms, lms, or a Ridge", model(readout=np.mean).fit, X, y)
    refused("readout must have dtype='float64' like the model", model(readout=pf.kernels.RLS(dtype="float32")).fit, X, y)
    refused("readout must have one ridge value", model(readout=pf.kernels.Ridge(ridge=[1.0, 2.0])).fit, X, y)


def test_several_series_online(rng):
    X, y = task(rng, n_series=3)
    settings = {"ridge": 1e-2, "intercept": False}
    close(model(readout="rls", **settings).fit(list(X), list(y)).W_out_, model(**settings).fit(X, y).W_out_, 1e-8)


def test_a_long_series_is_never_held_whole(rng):
    X, y = task(rng, n_steps=60_000)
    esn = model(n_units=100, include_inputs=False).fit(X[:500], y[:500])
    tracemalloc.start()
    esn.fit(X, y)
    _, fitted = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    esn.predict(X)
    _, predicted = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fitted < 0.5 * 60_000 * 100 * 8
    assert predicted < 0.5 * 60_000 * 100 * 8
