"""Oscillators obey their equations and what is known of them; weather files are read as they are."""

import hashlib

import numpy as np
import pytest

from pushforward import datasets
from pushforward.datasets import _fetch, rossler, van_der_pol


def crossings(x, dt):
    """Times at which x rises through zero, interpolated linearly."""
    k = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    return dt * (k + x[k] / (x[k] - x[k + 1]))


def simpson(values, dt):
    """Integral over an even number of intervals."""
    return dt / 3 * (values[0] + values[-1] + 4 * values[1:-1:2].sum() + 2 * values[2:-1:2].sum())


# -- oscillators -------------------------------------------------------------------------------------------------------------


def test_van_der_pol_has_the_period_and_the_amplitude_of_its_limit_cycle():
    x = van_der_pol(20_000, dt=0.005, n_substeps=1, transient=10_000)
    times = crossings(x[:, 0], 0.005)
    assert (times[-1] - times[0]) / (len(times) - 1) == pytest.approx(6.6632868593, rel=1e-6)
    assert x[:, 0].max() == pytest.approx(2.0086198608, rel=1e-5)


def test_without_damping_it_is_the_harmonic_oscillator_and_a_held_force_moves_its_centre():
    t = 0.1 * np.arange(300)
    np.testing.assert_allclose(van_der_pol(300, initial=(1.0, 0.0), mu=0.0)[:, 0], np.cos(t), atol=1e-5)
    np.testing.assert_allclose(van_der_pol(300, initial=(1.5, 0.0), mu=0.0, inputs=np.full(300, 0.5))[:, 0], 0.5 + np.cos(t), atol=1e-5)
    u = np.zeros(300)
    u[9] = 1.0  # acts between samples 9 and 10: 1 − cos(dt) further by then, and sin(dt) faster
    moved = van_der_pol(300, initial=(0.0, 0.0), mu=0.0, inputs=u)
    assert not moved[:10].any()
    np.testing.assert_allclose(moved[10], [1 - np.cos(0.1), np.sin(0.1)], rtol=1e-7)
    np.testing.assert_array_equal(van_der_pol(10, inputs=np.eye(10)[9]), van_der_pol(10))  # the last one is not used


def test_energy_changes_by_the_work_that_is_done():
    """E = ½|x|². Van der Pol: dE/dt = μ (1 − x₁²) x₂² + u x₂. Rössler: dE/dt = −x z + a y² + b z + (x − c) z²."""
    dt, n = 0.002, 5001
    x = van_der_pol(n, dt=dt, initial=(0.5, 1.0), mu=1.7, inputs=np.full(n, 0.3), n_substeps=1)
    work = 1.7 * (1 - x[:, 0] ** 2) * x[:, 1] ** 2 + 0.3 * x[:, 1]
    assert simpson(work, dt) == pytest.approx(0.5 * (x[-1] @ x[-1] - x[0] @ x[0]), rel=1e-8)
    s = rossler(n, dt=dt, n_substeps=1)
    x, y, z = s.T
    work = -x * z + 0.2 * y**2 + 0.2 * z + (x - 5.7) * z**2
    assert simpson(work, dt) == pytest.approx(0.5 * (s[-1] @ s[-1] - s[0] @ s[0]), rel=1e-7)


def test_rossler_stays_at_its_fixed_point_and_otherwise_on_its_attractor():
    a, b, c = 0.2, 0.2, 5.7
    y = (-c + np.sqrt(c**2 - 4 * a * b)) / (2 * a)
    np.testing.assert_allclose(rossler(50, initial=(-a * y, y, -y), transient=0), np.tile([-a * y, y, -y], (50, 1)), atol=1e-10)
    x = rossler(20_000)
    assert np.abs(x).max() < 30
    times = crossings(x[:, 1], 0.1)
    assert (times[-1] - times[0]) / (len(times) - 1) == pytest.approx(5.86, abs=0.05)  # one turn


@pytest.mark.parametrize("make", [lambda n, **k: van_der_pol(n, mu=2.0, **k), lambda n, **k: rossler(n, transient=0, **k)])
def test_halving_the_step_divides_the_error_by_sixteen(make):
    ends = [make(21, dt=0.2, n_substeps=n)[-1] for n in (4, 8, 256)]
    coarse, fine = (np.abs(end - ends[2]).max() for end in ends[:2])
    assert 12 < coarse / fine < 20


@pytest.mark.parametrize(("make", "n_state"), [(van_der_pol, 2), (rossler, 3)])
def test_many_starts_are_the_same_as_one_after_another(make, n_state, rng):
    starts = rng.uniform(-1.0, 1.0, (4, n_state))
    together = make(30, initial=starts)
    assert together.shape == (4, 30, n_state)
    np.testing.assert_allclose(together, [make(30, initial=start) for start in starts], rtol=1e-12, atol=1e-14)
    forces = rng.normal(size=(4, 30))
    if make is van_der_pol:
        each = [make(30, initial=start, inputs=force) for start, force in zip(starts, forces, strict=True)]
        np.testing.assert_allclose(make(30, initial=starts, inputs=forces), each, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("make", "arguments", "name"),
    [
        (van_der_pol, {"n_steps": 0}, "n_steps"),
        (rossler, {"n_steps": 5, "dt": 0.0}, "dt"),
        (rossler, {"n_steps": 5, "transient": -1}, "transient"),
        (van_der_pol, {"n_steps": 5, "n_substeps": 0}, "n_substeps"),
        (van_der_pol, {"n_steps": 5, "initial": (1.0, 2.0, 3.0)}, "initial"),
        (rossler, {"n_steps": 5, "initial": (1.0, np.nan, 3.0)}, "initial"),
        (van_der_pol, {"n_steps": 5, "inputs": np.ones(4)}, r"inputs: .*\(5,\)"),
        (van_der_pol, {"n_steps": 5, "initial": np.ones((3, 2)), "inputs": np.ones(5)}, r"inputs: .*\(3, 5\)"),
    ],
)
def test_an_oscillator_that_cannot_be_is_refused(make, arguments, name):
    with pytest.raises(ValueError, match=name):
        make(**arguments)


# -- weather -----------------------------------------------------------------------------------------------------------------


def test_australian_temperatures_are_whole_and_follow_the_sun(data_dir):
    data = datasets.australian_temperature()
    assert data.X.shape == (265_824, 5)
    assert data.columns == ("Sydney", "Melbourne", "Brisbane", "Adelaide", "Hobart")
    assert data.X.dtype == np.float64
    assert np.isfinite(data.X).all()
    assert (str(data.times[0]), str(data.times[-1])) == ("2000-01-01T00:00:00", "2015-02-28T23:30:00")
    assert set(np.diff(data.times).astype(int)) == {1800}
    assert data.step == 1800
    melbourne = data.column("Melbourne")[: 365 * 48].reshape(365, 48)
    assert 26 <= melbourne.mean(axis=0).argmax() <= 34  # warmest in the afternoon
    assert melbourne[:31].mean() > melbourne[181:212].mean() + 5  # January is summer


def test_the_part_of_jena_is_standardised(data_dir):
    data = datasets.jena_2020_part()
    assert data.X.shape == (36_887, 21)
    np.testing.assert_allclose([data.X.mean(axis=0), data.X.std(axis=0)], [np.zeros(21), np.ones(21)], atol=2e-3)
    assert data.step == 600
    days = data.column("T_degC")[: 256 * 144].reshape(256, 144).mean(axis=0)
    assert 80 <= days.argmax() <= 100  # warmest at 13:20 … 16:40, so the clock begins at midnight
    with pytest.raises(ValueError, match="name: "):
        data.column("wind")


JENA = b"""Date Time,"p (mbar)","T (degC)","wv (m/s)"
01.01.2009 00:10:00,996.52,-8.02,1.03
01.01.2009 00:20:00,996.57,-8.41,-9999.00
01.01.2009 00:10:00,996.52,-8.02,1.03
31.12.2008 23:50:00,996.00,-8.00,0.50
"""


def test_jena_is_sorted_without_doubles_and_knows_what_failed(tmp_path, monkeypatch):
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    (tmp_path / "jena_climate_2009_2016.csv").write_bytes(JENA)
    with pytest.raises(ValueError, match="sha256"):
        datasets.jena_climate()
    monkeypatch.setitem(_fetch.SHA256, "jena_climate_2009_2016.csv", hashlib.sha256(JENA).hexdigest())
    data = datasets.jena_climate()
    assert data.columns == ("p (mbar)", "T (degC)", "wv (m/s)")
    assert data.times.astype(str).tolist() == ["2008-12-31T23:50:00", "2009-01-01T00:10:00", "2009-01-01T00:20:00"]
    np.testing.assert_array_equal(data.X, [[996.0, -8.0, 0.5], [996.52, -8.02, 1.03], [996.57, -8.41, np.nan]])
    np.testing.assert_array_equal(data.column("T"), [-8.0, -8.02, -8.41])


@pytest.mark.parametrize("load", [datasets.australian_temperature, datasets.jena_climate, datasets.jena_2020_part])
def test_weather_that_is_not_there_is_named_with_its_hash(load, tmp_path, monkeypatch):
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"is not in PUSHFORWARD_DATA .* \(sha256 [0-9a-f]{64}\)"):
        load()
