"""Identifiability of poles: the lemma, the theorem, the rounding, and the poles found again."""

import numpy as np
import pytest
from helpers import refused

from pushforward.diagnostics import pole_hessian, pole_identifiability


def samples(poles, gains, n_steps):
    return (np.asarray(gains) * np.asarray(poles)[None, :] ** np.arange(n_steps)[:, None]).sum(axis=1)


def drawn(rng, n_poles, kind):
    """Poles at least 0.2 apart, and gains."""
    while True:
        poles = rng.uniform(0.4, 1.05, n_poles) * (np.exp(1j * rng.uniform(0, 6.28, n_poles)) if kind == "complex" else rng.choice([-1, 1], n_poles))
        if n_poles == 1 or pole_identifiability(poles, n_poles).smallest_gap > 0.2:
            gains = rng.uniform(0.5, 2, n_poles) + (1j * rng.normal(size=n_poles) if kind == "complex" else 0)
            return poles, gains


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("n_poles", [1, 2, 3, 5])
def test_distinct_poles_are_independent_from_as_many_samples_on(rng, n_poles, kind):
    """Lemma 3.1: the rank is min(N, K), and N ≥ K is what independence takes."""
    poles, gains = drawn(rng, min(n_poles, 3) if kind == "real" else n_poles, kind)
    for n_steps in range(1, 3 * len(poles)):
        found = pole_identifiability(poles, n_steps, gains)
        assert found.rank == min(n_steps, len(poles))
        assert found.independent is (n_steps >= len(poles))
        assert np.isfinite(found.condition_number) == found.independent
        assert found.identifiable is (n_steps >= 2 * len(poles))
        assert np.isfinite(found.jacobian_condition) == found.identifiable  # 2K unknowns, and not one sample fewer


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("n_poles", [1, 2, 3])
@pytest.mark.parametrize("spare", [0, 1, 30])
def test_twice_as_many_samples_give_the_poles_back(rng, n_poles, kind, spare):
    """Theorem 3.2, carried out: in the order of the caller, gains too, and the samples with them."""
    poles, gains = drawn(rng, n_poles, kind)
    n_steps = 2 * n_poles + spare
    found = pole_identifiability(poles, n_steps, gains)
    np.testing.assert_allclose(found.recovered_poles, poles, atol=1e-9)
    np.testing.assert_allclose(found.recovered_gains, gains, atol=1e-8)
    assert found.recovery_error == np.abs(found.recovered_poles - poles).max()
    np.testing.assert_allclose(samples(found.recovered_poles, found.recovered_gains, n_steps), samples(poles, gains, n_steps), atol=1e-10)
    turned = pole_identifiability(poles[::-1], n_steps, gains[::-1])
    np.testing.assert_allclose(turned.recovered_poles, poles[::-1], atol=1e-9)


def test_one_sample_fewer_leaves_other_systems(rng):
    """Why 2K − 1 samples are too few: another pair of poles, with gains of its own, gives the same three."""
    h = samples([0.75, 0.8], [1.0, 1.0], 3)
    # any x is a pole of some system: choose h[3] so that the Hankel determinant of poles x, y vanishes
    x = 0.5
    y = (h[2] - x * h[1]) / (h[1] - x * h[0])
    gains = np.linalg.solve([[1, 1], [x, y]], h[:2])
    np.testing.assert_allclose(samples([x, y], gains, 3), h, rtol=1e-12)
    assert not pole_identifiability([0.75, 0.8], 3).identifiable
    assert pole_identifiability([0.75, 0.8], 3).recovered_poles is None


@pytest.mark.parametrize("n_steps", [7, 40])
def test_condition_numbers_are_those_of_the_hessians(rng, n_steps):
    """Hessians are twice the Gram matrices: their condition numbers are squares."""
    poles, gains = drawn(rng, 3, "complex")
    found = pole_identifiability(poles, n_steps, gains)
    hessians = {v: pole_hessian(poles, gains, n_steps, v) for v in ("gains", "both")}
    assert found.condition_number**2 == pytest.approx(hessians["gains"].condition_number, rel=1e-8)
    assert found.jacobian_condition**2 == pytest.approx(hessians["both"].condition_number, rel=1e-6)
    cover = 2 * np.linalg.inv(hessians["both"].matrix)  # (JᴴJ)⁻¹
    np.testing.assert_allclose(found.pole_deviation, np.sqrt(np.diag(cover).real[:3]), rtol=1e-6)


def test_many_samples_of_two_close_poles_are_the_256_of_fixed_poles():
    """papers.md: gains alone, poles 0.75 and 0.8: 256.44."""
    assert pole_identifiability([0.75, 0.8], 400).condition_number ** 2 == pytest.approx(256.440, abs=5e-3)


def test_noise_moves_poles_by_what_is_said(rng):
    """The Cramér-Rao bound is what first-order least squares reaches: 4,000 draws of small noise, a Gauss-Newton step from the truth."""
    poles, n_steps, sigma = np.array([0.6, -0.8]), 12, 1e-6
    n = np.arange(n_steps)[:, None]
    J = np.hstack([n * poles ** np.maximum(n - 1, 0), poles**n])
    errors = np.linalg.lstsq(J, sigma * rng.normal(size=(n_steps, 4000)), rcond=None)[0][:2]
    np.testing.assert_allclose(errors.std(axis=1) / sigma, pole_identifiability(poles, n_steps).pole_deviation, rtol=0.05)


def test_near_equal_poles_are_independent_in_theory_and_lost_in_rounding():
    errors = []
    for gap in (1e-1, 1e-2, 1e-3, 1e-4):
        found = pole_identifiability([0.7, 0.7 + gap], 30)
        errors.append(found.recovery_error)
        assert found.rank == 2
        assert found.smallest_gap == pytest.approx(gap)
        assert found.recovery_error < 1e-13 / gap**2
    assert errors[0] < errors[-1] > 1e-13
    lost = pole_identifiability([0.7, 0.7 + 1e-9], 30)
    assert lost.independent
    assert lost.identifiable
    assert lost.recovered_poles is lost.recovered_gains is lost.recovery_error is None
    assert lost.jacobian_condition == np.inf
    assert "as if they came of fewer poles" in lost.summary()
    assert pole_identifiability([0.7, 0.7 + 1e-16 * 2], 30).rank == 1


def test_a_summary_says_theory_and_numbers():
    text = pole_identifiability([0.75, 0.8], 4).summary()
    for part in ("N ≥ K = 2", "enough to identify", "N ≥ 2K = 4", "0.75, 0.8", "0.05 apart"):
        assert part in text
    assert "not enough" in pole_identifiability([0.75, 0.8], 3).summary()
    assert "linearly dependent (N < K = 2)" in str(pole_identifiability([0.75, 0.8], 1))


@pytest.mark.parametrize("arguments", [([0.75, 0.8], 4), ([0.75, 0.8], 3), ([1.5], 2), ([0.9j, -0.9j, 0.5], 60)])
def test_it_draws_itself(arguments):
    pytest.importorskip("matplotlib")
    left, right = pole_identifiability(*arguments).plot().axes
    assert [t.get_text() for t in left.get_legend().get_texts()][1:] == (["recovered"] if arguments[1] >= 2 * len(arguments[0]) else [])
    assert right.get_ylabel() == "condition number"


def test_many_samples_do_not_make_a_square_of_them():
    found = pole_identifiability([0.75, 0.8, 0.99], 20_000)  # a square Hankel matrix would take 0.8 GB and minutes
    assert found.recovery_error < 1e-11


def test_bad_input_is_named():
    refused("poles must be distinct", pole_identifiability, [0.5, 0.5], 4)
    refused("poles must be finite", pole_identifiability, [0.5, np.inf], 4)
    refused("poles must be numbers of shape", pole_identifiability, [], 4)
    refused("gains must have the shape of poles", pole_identifiability, [0.5, 0.6], 4, [1.0])
    refused("gains must not be zero", pole_identifiability, [0.5, 0.6], 4, [1.0, 0.0])
    refused("n_steps must be a positive int", pole_identifiability, [0.5], 0)
    refused("n_steps must be a positive int", pole_identifiability, [0.5], 4.0)
    refused("n_steps must be so small that powers of the poles stay finite", pole_identifiability, [2.0], 2000)
