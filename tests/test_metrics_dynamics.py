"""Figures of merit of forecasts, orbits and links: known answers, extremes, and what each refuses."""

import math

import numpy as np
import pytest
from scipy.special import erfc

from pushforward import datasets, metrics

# -- signals -----------------------------------------------------------------------------------------------------------------


def test_nmse_is_the_share_of_the_energy_in_decibels(rng):
    y = rng.normal(size=(400, 2)) + 1j * rng.normal(size=(400, 2))
    error = rng.normal(size=(400, 2)) + 1j * rng.normal(size=(400, 2))
    error *= np.linalg.norm(y) / np.linalg.norm(error)
    for share in (1.0, 0.1, 1e-3):
        assert metrics.nmse_db(y, y + share * error) == pytest.approx(20 * math.log10(share))
        assert metrics.nmse_db(1j * y, 1j * y + 1j * share * error) == pytest.approx(20 * math.log10(share))
    assert metrics.nmse_db(y, y) == -math.inf
    assert metrics.nmse_db(y, np.zeros_like(y)) == pytest.approx(0.0)


def test_nrmse_of_complex_numbers_counts_both_parts(rng):
    y, e = (rng.normal(size=300) + 1j * rng.normal(size=300) for _ in range(2))
    expected = np.sqrt(np.mean(np.abs(e) ** 2) / np.mean(np.abs(y - y.mean()) ** 2))
    assert metrics.nrmse(y, y + e) == pytest.approx(expected)
    assert metrics.nrmse(y, y + 1j * e) == pytest.approx(expected)


def test_symbol_errors_of_qpsk_in_noise_are_those_of_theory(rng):
    points = datasets.constellation("qpsk")
    sent = points[rng.integers(4, size=200_000)]
    deviation = 0.5  # of each part
    heard = sent + deviation * (rng.normal(size=sent.shape) + 1j * rng.normal(size=sent.shape))
    wrong = 0.5 * erfc(np.sqrt(0.5) / deviation / np.sqrt(2))  # of one part
    expected = 1 - (1 - wrong) ** 2
    assert metrics.symbol_error_rate(sent, heard) == pytest.approx(expected, abs=4 * np.sqrt(expected / len(sent)))
    assert metrics.symbol_error_rate(sent.reshape(-1, 8), heard.reshape(-1, 8), points) == metrics.symbol_error_rate(sent, heard)
    assert metrics.symbol_error_rate(sent, sent) == 0.0
    assert metrics.symbol_error_rate(sent, -sent) == 1.0


# -- forecasts ---------------------------------------------------------------------------------------------------------------


def test_a_forecast_is_valid_until_the_first_error_past_the_threshold():
    true = np.tile([1.0, -1.0], 50)  # deviation 1
    for k in (0, 1, 37, 99):
        forecast = true + 0.39
        forecast[k] = true[k] + 0.41
        assert metrics.valid_prediction_time(true, forecast, dt=0.5) == k * 0.5
    assert metrics.valid_prediction_time(true, true + 0.39, dt=0.5, lyapunov_exponent=2.0) == 100.0
    assert metrics.valid_prediction_time(true, true + 0.39, threshold=0.3) == 0.0
    assert metrics.valid_prediction_time(true, true + 0.6, reference=2 * true) == 100.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e300])
def test_a_forecast_that_blows_up_has_failed_there(bad):
    true = np.stack([np.sin(np.arange(80.0)), np.cos(np.arange(80.0))], axis=1)
    forecast = true.copy()
    forecast[11, 1] = bad
    assert metrics.valid_prediction_time(true, forecast) == 11.0


def test_two_orbits_of_lorenz_part_after_the_time_that_the_exponent_says():
    """Lorenz-63: an error of 10⁻⁸ grows by e a Lyapunov time, so it takes about ln(10⁷) = 16 of them to show."""
    first = datasets.lorenz63(4000, dt=0.01)
    start = first[0]
    orbit = datasets.lorenz63(4000, dt=0.01, initial=start, transient=0)
    other = datasets.lorenz63(4000, dt=0.01, initial=start + 1e-8, transient=0)
    time = metrics.valid_prediction_time(orbit, other, 0.01, lyapunov_exponent=0.9056)
    assert 14 < time < 26


# -- where an orbit lives ----------------------------------------------------------------------------------------------------


def test_the_divergence_is_that_of_the_counts():
    true, generated = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0, 99.0, math.nan])
    found = metrics.state_space_divergence(true, generated, n_bins=2)
    assert found == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5), abs=1e-4)  # outside and NaN are left out
    p, q = (np.array(counts) + 1e-5 for counts in ([3, 1], [2, 2]))
    p, q = p / p.sum(), q / q.sum()
    assert found == pytest.approx(float(np.sum(p * np.log(p / q))), rel=1e-12)


def test_another_orbit_lives_where_the_first_does_and_a_shifted_one_does_not():
    true = datasets.lorenz63(8000, dt=0.02)
    other = datasets.lorenz63(8000, dt=0.02, initial=(-5.0, 3.0, 20.0))
    floor = metrics.state_space_divergence(true, other)
    fewer = metrics.state_space_divergence(true, other[:2000])
    shifted = metrics.state_space_divergence(true, other + np.array([0.0, 0.0, 15.0]))
    nowhere = metrics.state_space_divergence(true, np.full((100, 3), 1e6))
    assert metrics.state_space_divergence(true, true) == 0.0
    assert 0 < floor < fewer < nowhere
    assert shifted > 3 * floor
    assert metrics.state_space_divergence(true, 1000 * true[::-1] / 1000) == pytest.approx(0.0, abs=1e-9)  # order does not count


def test_the_divergence_sees_every_axis(rng):
    true = rng.normal(size=(20_000, 2))
    turned = np.stack([true[:, 0], 0.8 * true[:, 0] + 0.6 * true[:, 1]], axis=1)  # same marginals
    assert metrics.state_space_divergence(true[:, 0], turned[:, 0]) < 1e-9
    assert metrics.state_space_divergence(true, turned) > 0.3


@pytest.mark.parametrize(
    ("call", "error", "name"),
    [
        (lambda: metrics.nmse_db([0.0, 0.0], [1.0, 1.0]), ValueError, "y_true"),
        (lambda: metrics.nmse_db([1.0], [1.0, 2.0]), ValueError, "y_pred"),
        (lambda: metrics.symbol_error_rate([1, -1], [1, 1, 1]), ValueError, "y_pred"),
        (lambda: metrics.symbol_error_rate([1, -1], [1, np.nan]), ValueError, "y_pred"),
        (lambda: metrics.symbol_error_rate([1, 0.5], [1, 1], points=[1, -1]), ValueError, "y_true"),
        (lambda: metrics.symbol_error_rate([], []), ValueError, "y_true"),
        (lambda: metrics.symbol_error_rate([1, 1], [1, 1]), ValueError, "points"),
        (lambda: metrics.valid_prediction_time([1.0, 2.0], [1.0, 2.0], dt=0), ValueError, "dt"),
        (lambda: metrics.valid_prediction_time([1.0, 2.0], [1.0, 2.0], threshold=-1), ValueError, "threshold"),
        (lambda: metrics.valid_prediction_time([1.0, 2.0], [1.0, 2.0], lyapunov_exponent=0), ValueError, "lyapunov_exponent"),
        (lambda: metrics.valid_prediction_time([1.0, 1.0], [1.0, 2.0]), ValueError, "y_true"),
        (lambda: metrics.valid_prediction_time([1.0, np.nan], [1.0, 2.0]), ValueError, "y_true"),
        (lambda: metrics.valid_prediction_time([1.0, 2.0], [[1.0, 2.0]]), ValueError, "y_pred"),
        (lambda: metrics.state_space_divergence([1.0, 1.0], [1.0]), ValueError, "y_true"),
        (lambda: metrics.state_space_divergence([1.0, 2.0], [[1.0, 2.0]]), ValueError, "y_generated"),
        (lambda: metrics.state_space_divergence([1.0, 2.0], [1.0], n_bins=0), ValueError, "n_bins"),
        (lambda: metrics.state_space_divergence(np.eye(9), np.eye(9)), ValueError, "n_bins"),
        (lambda: metrics.state_space_divergence([1.0, 2.0], [1j]), TypeError, "real"),
        (lambda: metrics.state_space_divergence([1.0, 2.0], [1.0], smoothing=0.0), ValueError, "smoothing"),
    ],
)
def test_what_makes_no_sense_is_named(call, error, name):
    with pytest.raises(error, match=name):
        call()
