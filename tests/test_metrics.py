"""Metrics: what each is by definition, its extremes, and what it refuses. The figure: a real PNG with labelled axes."""

import io
import math

import numpy as np
import pytest

from pushforward import metrics


def test_nrmse_is_zero_when_right_and_one_for_the_mean():
    y = np.random.default_rng(0).normal(size=(200, 3)) * [1.0, 10.0, 100.0]
    assert metrics.nrmse(y, y) == 0.0
    assert metrics.nrmse(y, np.broadcast_to(y.mean(axis=0), y.shape)) == pytest.approx(1.0)


def test_nrmse_does_not_depend_on_the_unit():
    rng = np.random.default_rng(1)
    y, error = rng.normal(size=500), rng.normal(size=500)
    assert metrics.nrmse(y, y + 0.3 * error) == pytest.approx(metrics.nrmse(1e3 * y + 7, 1e3 * (y + 0.3 * error) + 7))
    assert metrics.nrmse(y, y + 0.3 * error, reference=2 * y) == pytest.approx(0.5 * metrics.nrmse(y, y + 0.3 * error))


def test_nothing_known_costs_the_logarithm_of_the_alphabet():
    y = np.tile(np.arange(8), 50)
    assert metrics.bits_per_character(metrics.cross_entropy(y, np.full((400, 8), 0.125))) == pytest.approx(3.0)
    assert metrics.bits_per_character(metrics.class_frequency_entropy(y)) == pytest.approx(3.0)


def test_class_frequencies_are_the_best_constant_prediction():
    rng = np.random.default_rng(2)
    y = rng.choice(3, size=1000, p=[0.7, 0.2, 0.1])
    best = metrics.class_frequency_entropy(y)
    for p in rng.dirichlet([2, 2, 2], size=20):
        assert metrics.cross_entropy(y, np.tile(p, (1000, 1))) >= best


def test_class_frequencies_of_the_training_part_score_a_class_never_seen():
    value = metrics.class_frequency_entropy([2], reference=[0, 0, 1], n_classes=3)
    assert value == pytest.approx(-math.log(1 / 6))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_a_wrong_certainty_is_finite(dtype):
    value = metrics.cross_entropy([1], np.array([[1.0, 0.0]], dtype))
    assert math.isfinite(value)
    assert value > 80


def test_accuracy_counts():
    assert metrics.accuracy(["up", "down", "up"], ["up", "up", "up"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("call", "error", "names"),
    [
        (lambda: metrics.nrmse([1.0, 2.0], [1.0]), ValueError, "y_pred"),
        (lambda: metrics.nrmse([1.0, 1.0], [1.0, 2.0]), ValueError, "y_true"),
        (lambda: metrics.nrmse([1.0, np.nan], [1.0, 2.0]), ValueError, "y_true"),
        (lambda: metrics.nrmse([], []), ValueError, "y_true"),
        (lambda: metrics.accuracy([], []), ValueError, "y_true"),
        (lambda: metrics.accuracy([1], [[1]]), ValueError, "y_pred"),
        (lambda: metrics.cross_entropy([0], [[0.4, 0.4]]), ValueError, "probabilities"),
        (lambda: metrics.cross_entropy([2], [[0.5, 0.5]]), ValueError, "y_true"),
        (lambda: metrics.cross_entropy([0, 1], [[0.5, 0.5]]), ValueError, "y_true"),
        (lambda: metrics.cross_entropy([0.0], [[0.5, 0.5]]), TypeError, "y_true"),
        (lambda: metrics.class_frequency_entropy([]), TypeError, "y"),
        (lambda: metrics.class_frequency_entropy([0, -1]), ValueError, "y"),
        (lambda: metrics.class_frequency_entropy([0], reference=[3], n_classes=2), ValueError, "reference"),
        (lambda: metrics.bits_per_character(float("nan")), ValueError, "nats"),
        (lambda: metrics.bits_per_character(-1.0), ValueError, "nats"),
    ],
)
def test_a_mistake_is_named(call, error, names):
    with pytest.raises(error, match=names):
        call()


def test_loss_curve_is_a_labelled_png_without_global_state():
    pytest.importorskip("matplotlib")
    from pushforward.plot import loss_curve

    history = 2.0 + np.random.default_rng(3).normal(size=200)
    figure = loss_curve(history, events=1000 * np.arange(1, 201), baselines={"mean": 2.0}, ylabel="loss [nats]", title="a stream")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "events learnt"
    assert axes.get_ylabel() == "loss [nats]"
    running = axes.lines[1].get_ydata()
    np.testing.assert_allclose([running[0], running[4], running[-1]], [history[0], history[:5].mean(), history[-10:].mean()])
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    assert stream.getvalue().startswith(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError, match="history"):
        loss_curve([])
    with pytest.raises(ValueError, match="events"):
        loss_curve([1.0, 2.0], events=[1])
    with pytest.raises(ValueError, match="window"):
        loss_curve([1.0, 2.0], window=0)
