"""Data of the reservoir tasks: a link that is what it says, and measured series with their usual splits."""

import numpy as np
import pytest

from pushforward import datasets
from pushforward.datasets import amplify, constellation, ofdm_link

# -- the link ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("modulation", "n_points"), [("qpsk", 4), ("16qam", 16)])
def test_a_constellation_has_power_one_and_mean_zero(modulation, n_points):
    points = constellation(modulation)
    assert len(set(points.round(9).tolist())) == n_points
    assert np.mean(np.abs(points) ** 2) == pytest.approx(1.0)
    assert abs(points.mean()) < 1e-12
    apart = np.abs(points[:, None] - points)[~np.eye(n_points, dtype=bool)]
    assert apart.min() == pytest.approx(np.sqrt(2.0) if n_points == 4 else 2 / np.sqrt(10))


@pytest.mark.parametrize("amplifier", ["rapp", "saleh"])
def test_an_amplifier_has_gain_one_below_and_saturates_above(amplifier):
    small = 1e-4 * np.exp(1j * np.linspace(0, 6, 20))
    np.testing.assert_allclose(amplify(small, amplifier, 6.0), small, rtol=1e-6)
    size = np.abs(amplify(np.linspace(0.01, 30.0, 3000), amplifier, 6.0))
    saturation = 10 ** (6.0 / 20)
    if amplifier == "rapp":
        assert (np.diff(size) > 0).all()
        assert size[-1] == pytest.approx(saturation, rel=1e-3)
    else:  # Saleh's falls again beyond its peak at |x| = saturation, where it has half the linear output
        assert np.linspace(0.01, 30.0, 3000)[size.argmax()] == pytest.approx(saturation, abs=0.01)
        assert size.max() == pytest.approx(saturation / 2, rel=1e-3)


@pytest.mark.parametrize("amplifier", ["rapp", "saleh"])
def test_more_back_off_is_less_distortion(amplifier):
    x = ofdm_link(2, 2).sent
    errors = [np.linalg.norm(amplify(x, amplifier, db) - x) for db in (0.0, 6.0, 12.0, 30.0)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.02 * np.linalg.norm(x)


def test_without_noise_and_amplifier_the_channel_is_one_factor_a_subcarrier():
    link = ofdm_link(3, 5, "16qam", snr_db=300.0, amplifier="none", n_taps=5, seed=3)
    heard = link.demodulate(link.received)
    np.testing.assert_allclose(heard / np.fft.fft(link.taps, 64), link.symbols, atol=1e-10)
    np.testing.assert_allclose(np.sum(np.abs(link.taps) ** 2), 1.0)
    assert np.mean(np.abs(link.sent) ** 2) == pytest.approx(1.0, rel=0.1)


def test_the_noise_is_what_snr_says_and_the_same_at_every_snr():
    quiet, low, high = (ofdm_link(5, 20, snr_db=db, seed=1) for db in (300.0, 10.0, 30.0))
    noise_low, noise_high = low.received - quiet.received, high.received - quiet.received
    power = np.mean(np.abs(quiet.received) ** 2)
    assert 10 * np.log10(power / np.mean(np.abs(noise_low) ** 2)) == pytest.approx(10.0, abs=0.3)
    np.testing.assert_allclose(noise_high * 10.0, noise_low, rtol=1e-6)
    np.testing.assert_array_equal(low.symbols, high.symbols)
    np.testing.assert_array_equal(low.taps, high.taps)


def test_a_link_is_causal_seeded_and_counts_its_pilots():
    a, b, other = ofdm_link(2, 3, seed=0), ofdm_link(2, 3, seed=0), ofdm_link(2, 3, seed=1)
    np.testing.assert_array_equal(a.received, b.received)
    assert not np.array_equal(a.symbols, other.symbols)
    assert a.n_pilot_samples == 160
    clean = ofdm_link(2, 3, snr_db=300.0, seed=0)
    np.testing.assert_allclose(clean.received[0], clean.taps[0] * amplify(clean.sent[:1])[0], atol=1e-9)
    assert a.received.dtype == np.complex128


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_pilots": 0}, "n_pilots"),
        ({"n_payload": 0}, "n_payload"),
        ({"modulation": "8psk"}, "modulation"),
        ({"amplifier": "tube"}, "amplifier"),
        ({"n_taps": 20}, "cyclic_prefix"),
        ({"cyclic_prefix": 65}, "cyclic_prefix"),
        ({"snr_db": np.nan}, "snr_db"),
        ({"back_off_db": np.inf}, "back_off_db"),
    ],
)
def test_a_link_that_cannot_be_is_refused(arguments, name):
    with pytest.raises(ValueError, match=name):
        ofdm_link(**{"n_pilots": 2, "n_payload": 2, **arguments})
    with pytest.raises(ValueError, match="samples"):
        ofdm_link(2, 2).demodulate(np.zeros(81))


# -- measured ----------------------------------------------------------------------------------------------------------------


def test_the_laser_is_cut_as_in_the_competition(data_dir):
    train, test = datasets.santafe_laser()
    assert train[:5].tolist() == [86, 141, 95, 41, 22]
    assert (len(train), len(test)) == (1000, 9093)
    assert train.dtype == np.float64
    assert 0 <= min(train.min(), test.min()) <= max(train.max(), test.max()) <= 255


def test_vowels_have_nine_speakers_and_their_own_lengths(data_dir):
    train, test = datasets.japanese_vowels()
    assert np.bincount(train.y).tolist() == [30] * 9
    assert np.bincount(test.y).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    for part in (train, test):
        assert len(part.X) == len(part.y)
        assert {x.shape[1] for x in part.X} == {12}
        assert 7 <= min(map(len, part.X)) < max(map(len, part.X)) <= 29
        assert all(np.abs(x[-1]).max() > 0 for x in part.X)  # no padding left


def test_silverbox_and_wiener_hammerstein_are_split_as_usual(data_dir):
    box = datasets.silverbox()
    assert len(box.train.u) == 65_062
    assert {name: len(part.y) for name, part in box.tests.items()} == {"multisine": 21_688, "arrow": 40_475}
    assert box.sample_rate == pytest.approx(610.35, abs=0.01)
    assert np.abs(box.tests["arrow"].u[-2000:]).max() > 3 * np.abs(box.tests["arrow"].u[:2000]).max()  # it grows
    circuit = datasets.wiener_hammerstein()
    assert (len(circuit.train.u), len(circuit.tests["test"].y)) == (100_000, 78_800)
    assert circuit.sample_rate == 51_200
    for record in (box.train, circuit.train):
        assert record.u.dtype == record.y.dtype == np.float64
        assert record.u.shape == record.y.shape


def test_the_amplifier_is_as_its_readme_says(data_dir):
    data = datasets.power_amplifier()
    assert [len(part.x) for part in (data.train, data.validation, data.test)] == [23_040, 7_680, 7_680]
    assert data.sample_rate == 800e6
    assert data.train.x.dtype == data.train.y.dtype == np.complex128
    gain = np.vdot(data.train.x, data.train.y) / np.vdot(data.train.x, data.train.x)
    left = np.linalg.norm(data.train.y - gain * data.train.x) / np.linalg.norm(data.train.y)
    assert left < 0.1  # aligned in time: one factor explains all but a few per cent


@pytest.mark.parametrize(
    "load", [datasets.santafe_laser, datasets.japanese_vowels, datasets.silverbox, datasets.wiener_hammerstein, datasets.power_amplifier]
)
def test_a_file_that_is_not_there_is_named_with_its_hash(load, tmp_path, monkeypatch):
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"\.npz is not in PUSHFORWARD_DATA .* \(sha256 [0-9a-f]{64}\)"):
        load()
