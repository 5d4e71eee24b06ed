"""Fixed poles that decide between classes, and what both estimators refuse."""

import pickle

import numpy as np
import pytest
from helpers import at, refused

import pushforward as pf

QPSK = np.array([1 + 1j, 1 - 1j, -1 + 1j, -1 - 1j])


def link(rng, n_steps, noise=0.1):
    """Symbols through two taps and noise."""
    symbols = rng.choice(QPSK, size=n_steps)
    received = symbols + 0.5j * np.append(0, symbols[:-1])
    return (received + noise * (rng.normal(size=n_steps) + 1j * rng.normal(size=n_steps)))[:, None], symbols


@pytest.mark.parametrize("readout", ["rls", "ridge"])
def test_complex_symbols_are_decided_by_the_nearest_point(rng, readout):
    X, symbols = link(rng, 3000)
    model = pf.FixedPoleClassifier(n_units=16, readout=readout, dtype="complex128", washout=10).fit(X[:1500], symbols[:1500])
    outputs = X[1500:]
    assert model.score(outputs, symbols[1500:]) > 0.999
    assert model.W_out_.shape == (1, 17)  # one complex output, not one a class
    distances = model.decision_function(outputs)
    np.testing.assert_array_equal(model.predict(outputs), model.classes_[distances.argmax(axis=1)])
    assert np.mean(model.predict(outputs, state="current")[1:] == symbols[1501:]) > 0.999


def test_symbols_one_after_the_other(rng):
    X, symbols = link(rng, 1000)
    model = pf.FixedPoleClassifier(n_units=16, dtype="complex128", classes=QPSK)
    said = [model.learn_one(x, symbol) for x, symbol in zip(X, symbols, strict=True)]
    assert np.mean(np.array(said[200:]) == symbols[200:]) > 0.99
    whole = pf.FixedPoleClassifier(n_units=16, dtype="complex128", classes=QPSK).fit(X, symbols)
    np.testing.assert_array_equal(model.W_out_, whole.W_out_)


@pytest.mark.parametrize("form", ["batch", "list"])
@pytest.mark.parametrize("labels", [["low", "high"], [3, 7]])
def test_a_class_a_series(rng, form, labels, dtype):
    n_series, lengths = 60, np.full(60, 40) if form == "batch" else rng.integers(30, 60, size=60)
    truth = rng.integers(2, size=n_series)
    X = [np.sin((0.2 + 0.4 * c) * np.arange(n) + rng.uniform(0, 6))[:, None] ** [[1, 2]] for c, n in zip(truth, lengths, strict=True)]
    delayed = [np.hstack([x, np.vstack([np.zeros((3, 2)), x[:-3]]) * x]).astype(dtype) for x in X]
    X, y = np.stack(delayed) if form == "batch" else delayed, np.array(labels)[truth]
    model = pf.FixedPoleClassifier(n_units=20, readout="ridge", washout=5, dtype=dtype.name).fit(X[:40], y[:40])
    assert model.predict(X[40:]).shape == (20,)
    assert model.score(X[40:], y[40:]) > 0.95
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.predict(X[40:]), model.predict(X[40:]))


def test_a_class_a_step_in_several_series(rng):
    X = rng.normal(size=(4, 80, 1))
    y = np.where(np.roll(X[..., 0], 1, axis=1) > 0, "up", "down")
    model = pf.FixedPoleClassifier(n_units=8, washout=2, readout="ridge").fit(X, y)
    assert model.predict(X).shape == (4, 80)
    assert model.score(X, y) > 0.8
    assert model.predict(list(X))[1].tolist() == model.predict(X)[1].tolist()


def test_a_classifier_comes_back_from_its_file(rng, tmp_path):
    X, symbols = link(rng, 300)
    model = pf.FixedPoleClassifier(n_units=6, dtype="complex128", classes=QPSK).fit(X, symbols)
    model.save(tmp_path / "model.safetensors")
    twin = pf.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(twin.classes_, model.classes_)
    for x, symbol in zip(X[:20], symbols[:20], strict=True):
        assert twin.learn_one(x, symbol) == model.learn_one(x, symbol)
    np.testing.assert_array_equal(twin.W_out_, model.W_out_)


def test_classes_are_checked(rng):
    X, symbols = link(rng, 50)
    f = pf.FixedPoleClassifier
    refused("y must be real like the model", f().fit, X.real, symbols)
    refused("at least 2 classes", f().fit, X.real, np.zeros(50, int))
    refused("y must be classes", f().fit, X.real, rng.normal(size=50))
    refused("y must hold a class for every step", f().fit, X.real, np.zeros(49, int))
    refused(r"known classes.*got 2 at series 0, step 3", f(classes=[0, 1]).fit, X.real, at(np.zeros(50, int), 3, 2))
    refused("classes must be given", f().learn_one, X[0].real, 1)


BAD = [
    ({"poles": "square"}, "poles must be one of ring, disc, real, log_spaced"),
    ({"poles": [1.0]}, "poles must lie inside the unit circle"),
    ({"poles": "ring", "radius": 1.0}, "poles must lie inside the unit circle"),
    ({"poles": [0.5j]}, "conjugate pairs, got 0.5j without -0.5j"),
    ({"poles": [-0.5j]}, "conjugate pairs, got"),
    ({"poles": [[0.5]]}, r"array \(n_units,\)"),
    ({"radius": (0.9, 0.1)}, "radius must have 0 ≤ low ≤ high"),
    ({"radius": "big"}, "radius must be a number"),
    ({"poles": "log_spaced", "radius": 1.5}, "radius must have 0 < low < high < 1"),
    ({"n_units": 0}, "n_units must be a positive int"),
    ({"activation": "sin"}, "activation must be one of"),
    ({"readout": "lasso"}, "readout must be one of rls, ridge"),
    ({"forgetting": 0.0}, r"forgetting must be in \(0, 1\]"),
    ({"forgetting": 1.1}, r"forgetting must be in \(0, 1\]"),
    ({"forgetting": 0.9, "readout": "ridge"}, "forgetting must be 1 for readout='ridge'"),
    ({"ridge": 0.0}, "ridge must be positive"),
    ({"ridge": -1.0, "readout": "ridge"}, "ridge must be a non-negative"),
    ({"washout": 20}, "washout must be shorter than every series, got 20 for 20 steps"),
    ({"washout": -1}, "washout must be a non-negative int"),
    ({"input_scaling": -1.0}, "input_scaling must be a non-negative"),
    ({"dtype": "float16"}, "dtype must be one of"),
    ({"random_state": -1}, "random_state must be a non-negative int"),
]


@pytest.mark.parametrize(("settings", "message"), BAD, ids=[str(s) for s, _ in BAD])
def test_bad_settings_are_named_and_leave_no_trace(rng, settings, message):
    X = rng.normal(size=(20, 2))
    model = pf.FixedPoleRegressor(**settings)
    before = dict(vars(model))
    refused(message, model.fit, X, X)
    assert vars(model) == before


def test_bad_data_leave_the_model_as_it_was(rng):
    X = rng.normal(size=(30, 2))
    model = pf.FixedPoleRegressor(n_units=5, washout=2).fit(X, X[:, 0])
    before = model.W_out_, model.state_
    refused("X must be finite.*step 4, column 1", model.partial_fit, at(X, (4, 1), np.nan), X[:, 0])
    refused("y must be finite", model.partial_fit, X, at(X[:, 0], 3, np.inf))
    refused("X must have 2 columns", model.partial_fit, X[:, :1], X[:, 0])
    refused("y must have 1 columns", model.partial_fit, X, X)
    refused("y must have as many series and steps", model.partial_fit, X, X[:5, 0])
    refused("X must be real like the model.*complex128", model.partial_fit, X + 0j, X[:, 0])
    refused("X must be float64 like the model, got float32", model.fit, X.astype("float32"), X[:, 0])
    refused(r"x must have shape \(2,\)", model.learn_one, X[0, :1], 1.0)
    refused("x must be finite", model.learn_one, np.array([np.nan, 0.0]), 1.0)
    refused("y must be finite", model.learn_one, X[0], np.nan)
    refused("state must be one of", model.predict, X, "now")
    np.testing.assert_array_equal(model.W_out_, before[0])
    np.testing.assert_array_equal(model.state_, before[1])
    refused("n_units was 5 when the model was built", model.set_params(n_units=6).partial_fit, X, X[:, 0])
    refused("readout='rls'", pf.FixedPoleRegressor(readout="ridge").fit(X, X).learn_one, X[0], X[0])
