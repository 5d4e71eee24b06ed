"""EchoStateClassifier: labels of series and of steps."""

import numpy as np
import pytest
from echo import features, ridge
from helpers import close, refused
from scipy.special import softmax

import pushforward as pf


def classifier(**settings):
    return pf.EchoStateClassifier(**{"n_units": 30, "connectivity": 0.3, "ridge": 1e-3} | settings)


def sounds(rng, n_series=60, names=("a", "b", "c")):
    """Noisy sine waves of unequal length; the class is their frequency."""
    y = rng.integers(len(names), size=n_series)
    X = [np.sin((0.2 + 0.2 * k) * np.arange(n) + rng.uniform(0, 6))[:, None] for k, n in zip(y, rng.integers(15, 40, size=n_series), strict=True)]
    return [x + 0.05 * rng.normal(size=x.shape) for x in X], np.array(names)[y]


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("washout", [0, 5])
def test_series_are_classified_by_their_pooled_features(pooling, washout, rng):
    X, y = sounds(rng)
    model = classifier(pooling=pooling, washout=washout).fit(X, y)
    rows = [features(model, x)[0][washout:] for x in X]
    pooled = np.array([f.mean(axis=0) if pooling == "mean" else f[-1] for f in rows])
    W, b = ridge(pooled, (y[:, None] == model.classes_).astype(float), 1e-3)
    close(model.decision_function(X), pooled @ W.T + b, 1e-9)
    np.testing.assert_array_equal(model.predict(X), model.classes_[(pooled @ W.T + b).argmax(axis=1)])
    np.testing.assert_allclose(model.predict_proba(X), softmax(pooled @ W.T + b, axis=1), atol=1e-9)


@pytest.mark.parametrize("names", [(0, 1, 2), (7, -3, 5), ("x", "yy", "zzz"), (False, True)])
@pytest.mark.parametrize("numbers", ["float32", "float64", "complex128"])
def test_any_labels_and_types(names, numbers, rng):
    X, y = sounds(rng, names=names)
    X = [x.astype(numbers) for x in X]
    model = classifier(dtype=numbers).fit(X[:40], y[:40])
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert model.predict(X).dtype == y.dtype
    assert model.score(X[40:], y[40:]) > 0.8
    assert model.predict_proba(X).dtype == np.zeros(1, numbers).real.dtype
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    assert model.predict(X[0]) == model.predict(X)[0]


def test_a_batch_is_a_list(rng):
    X, y = rng.normal(size=(20, 25, 2)), rng.integers(2, size=20)
    batch, listed = classifier().fit(X, y), classifier().fit(list(X), y)
    close(batch.W_out_, listed.W_out_, 1e-12)
    np.testing.assert_array_equal(batch.predict(X), listed.predict(list(X)))


def steps(rng, n_steps=400):
    X = rng.normal(size=(n_steps, 1))
    return X, np.where(np.roll(X[:, 0], 1) > 0, "up", "down")


def test_steps_are_classified_one_by_one(rng):
    X, y = steps(rng)
    model = classifier(washout=10).fit(X, y)
    F, _ = features(model, X)
    W, b = ridge(F[10:], (y[10:, None] == model.classes_).astype(float), 1e-3)
    close(model.decision_function(X), F @ W.T + b, 1e-9)
    assert model.predict(X).shape == (400,)
    assert model.score(X, y) == pytest.approx(np.mean(model.predict(X)[10:] == y[10:]))
    assert model.score(X, y) > 0.9
    chunks = classifier(washout=10, input_scaling=model.input_scaling_).partial_fit(X[:50], y[:50]).partial_fit(X[50:], y[50:])
    close(chunks.W_out_, model.W_out_, 1e-9)
    several = classifier().fit([X[:100], X[100:]], [y[:100], y[100:]])
    assert [len(a) for a in several.predict([X[:7], X[:9]])] == [7, 9]
    batch = classifier().fit(X.reshape(4, 100, 1), y.reshape(4, 100))
    assert batch.predict_proba(X.reshape(4, 100, 1)).shape == (4, 100, 2)


def test_steps_are_learnt_event_by_event(rng):
    X, y = steps(rng)
    settings = {"readout": "rls", "ridge": 1e-2, "input_scaling": 0.5, "classes": ["up", "down"]}
    whole, events = classifier(**settings).fit(X, y), classifier(**settings)
    guesses = [events.learn_one(a, b) for a, b in zip(X, y, strict=True)]
    close(events.W_out_, whole.W_out_, 1e-9)
    assert np.mean(np.array(guesses[200:]) == y[200:]) > 0.9
    assert events.predict_one(X[0]) in ("up", "down")


def test_series_come_in_portions(rng):
    X, y = sounds(rng)
    scaling = classifier().fit(X, y).input_scaling_
    whole, parts = classifier(input_scaling=scaling).fit(X, y), classifier(input_scaling=scaling, classes=["a", "b", "c"])
    for i in range(0, 60, 13):
        parts.partial_fit(X[i : i + 13], y[i : i + 13])
    close(parts.W_out_, whole.W_out_, 1e-9)
    online, closed = (classifier(readout=name, input_scaling=scaling, ridge=1e-2, intercept=False).fit(X, y) for name in ("rls", "ridge"))
    close(online.W_out_, closed.W_out_, 1e-9)


def test_labels_that_do_not_fit(rng):
    X, y = sounds(rng)
    refused("y must hold a label for each of the 60 series", classifier().fit, X, y[:50])
    refused("y must be classes", classifier().fit, X, np.linspace(0, 1, 60))
    refused("y must show at least 2 classes, got", classifier().fit, X, np.full(60, "a"))
    refused(r"y must hold known classes \(a, b\), got c at series", classifier(classes=["a", "b"]).fit, X, y)
    refused("y must hold a label for every step", classifier().fit, X, [np.zeros(3, int)] * 60)
    refused("washout must be shorter than every series, got 20 for series", classifier(washout=20).fit, X, y)
    refused("pooling must be one of mean, last, got 'max'", classifier(pooling="max").fit, X, y)
    model = classifier().fit(X, y)
    before = model.W_out_
    refused("y must hold a label for every series like before", model.partial_fit, [X[0]], [np.full(len(X[0]), "a")])
    refused("y must hold known classes", model.partial_fit, X[:2], ["a", "q"])
    refused("learn_one\\(\\) needs labels of steps", model.learn_one, X[0][0], "a")
    refused("classes must be given", classifier(readout="rls", input_scaling=1.0).learn_one, X[0][0], "a")
    np.testing.assert_array_equal(model.W_out_, before)


def test_japanese_vowels_style(rng):
    """Short series of several columns, shorter than any habitual washout: none is dropped."""
    X = [rng.normal(size=(n, 12)) + 0.5 * np.sin(np.arange(12) + k) for k, n in enumerate(rng.integers(7, 30, size=90))]
    y = np.arange(90) % 9
    X = [x + np.cos(k % 9 + np.arange(12)) for k, x in enumerate(X)]
    assert classifier(n_units=50).fit(X, y).score(X, y) > 0.9
