"""Drift of poles: spectra, condition numbers and plateaus of histories that were made up to have them."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.diagnostics import pole_drift
from pushforward.diagnostics._plateaus import longest_level, smoothed


def rotated(rng, eigenvalues, singular=None):
    """A real symmetric matrix of these eigenvalues."""
    Q = np.linalg.qr(rng.normal(size=(len(eigenvalues),) * 2))[0]
    return (Q * eigenvalues) @ Q.T


def test_spectra_and_condition_numbers_of_matrices_made_to_have_them(rng, dtype):
    sizes = [np.linspace(0.5, top, 6) * rng.choice([-1, 1], 6) for top in np.linspace(0.8, 1.2, 9)]
    found = pole_drift([rotated(rng, s).astype(dtype) for s in sizes])
    near = {"rtol": 2e-5} if dtype == np.float32 else {"rtol": 1e-12}
    np.testing.assert_allclose(np.sort(np.abs(found.poles), axis=1), np.sort(np.abs(sizes), axis=1), **near)
    np.testing.assert_allclose(found.radius, np.linspace(0.8, 1.2, 9), **near)
    np.testing.assert_allclose(found.condition, np.linspace(0.8, 1.2, 9) / 0.5, **near)
    np.testing.assert_allclose(found.outside, np.mean(np.abs(sizes) > 1.0 + 1e-5, axis=1), atol=1 / 6 if dtype == np.float32 else 0)
    assert found.drifts_out
    assert found.crossing in (4, 5)  # the fifth lies on the circle, to within rounding
    assert found.radius_trend.direction == found.condition_trend.direction == "grows"
    assert found.radius_trend.rank_correlation == pytest.approx(1.0)
    np.testing.assert_allclose([found.radius_trend.first, found.radius_trend.last], [0.825, 1.175], **near)
    turned = pole_drift([rotated(rng, s).astype(dtype) for s in sizes[::-1]])
    assert turned.radius_trend.direction == "falls"
    assert turned.crossing is None
    assert not turned.drifts_out


def test_singular_values_and_not_eigenvalues_make_the_condition_number():
    """[[1, 9], [0, 1]] has two poles at 1 and is far from well-conditioned."""
    found = pole_drift([np.eye(2), [[1.0, 9.0], [0.0, 1.0]], np.zeros((2, 2))])
    np.testing.assert_allclose(found.condition, [1.0, (83 + np.sqrt(83**2 - 4)) / 2, np.inf])
    np.testing.assert_allclose(found.radius, [1, 1, 0], atol=1e-7)


def test_poles_are_taken_as_they_are(rng):
    poles = np.array([[0.5, 0.9j], [0.5, -1.1], [0.5, 1.1j]])
    found = pole_drift(poles)
    np.testing.assert_array_equal(found.poles, poles)
    np.testing.assert_allclose(found.condition, [1.8, 2.2, 2.2])
    np.testing.assert_allclose(found.outside, [0.0, 0.5, 0.5])
    assert found.crossing == 1
    same = pole_drift([np.diag(row) for row in poles])
    np.testing.assert_allclose(same.condition, found.condition)
    np.testing.assert_allclose(same.radius, found.radius)
    np.testing.assert_allclose(same.density, found.density)


def test_the_density_integrates_to_one_and_stands_where_the_poles_are(rng):
    found = pole_drift(np.array([[0.25, 0.26, 0.74, 0.75], [0.25, 0.26, 0.27, 1.6]]), n_bins=17)
    np.testing.assert_allclose((found.density * np.diff(found.edges)).sum(axis=1), 1.0)
    middles = 0.5 * (found.edges[1:] + found.edges[:-1])
    assert found.density[0, np.abs(middles - 0.5) < 0.1].max() == 0
    assert found.density[1, middles > 1].sum() * np.diff(found.edges)[0] == pytest.approx(0.25)
    assert found.edges[0] == 0
    assert found.edges[-1] > 1.6


def norms(*parts):
    """Falls by e ** −x over n norms for (n, x), one after the other."""
    slopes = np.concatenate([np.full(n, x / n) for n, x in parts])
    return np.exp(-np.cumsum(slopes))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_plateaus_are_where_they_were_put(rng, noise):
    g = norms((300, 5), (500, 0.0), (200, 4), (400, 0.02), (100, 3)) * np.exp(noise * rng.normal(size=1500))
    found = pole_drift(np.array([[0.5], [0.6]]), g)
    assert len(found.plateaus) == 2
    for plateau, (start, stop) in zip(found.plateaus, [(300, 800), (1000, 1400)], strict=True):
        assert abs(plateau.start - start) < 40
        assert abs(plateau.stop - stop) < 40
    assert found.plateaus[0].level == pytest.approx(np.exp(-5), rel=0.05)
    assert found.plateau_share == pytest.approx(900 / 1500, abs=0.06)
    a, b = found.plateaus[0].start, found.plateaus[0].stop
    inside = np.log(found.smoothed_norms[a:b])
    assert np.ptp(inside) < 0.1  # what the definition says
    assert max(np.ptp(np.log(found.smoothed_norms[a - 1 : b])), np.ptp(np.log(found.smoothed_norms[a : b + 1]))) >= 0.1  # and it is no longer
    assert not pole_drift(np.array([[0.5], [0.6]]), g, plateau_share=0.5).plateaus


def test_a_steady_fall_is_no_plateau_and_a_standstill_is_one():
    history = np.array([[0.5], [0.6]])
    assert pole_drift(history, norms((500, 8))).plateaus == ()
    (all_of_it,) = pole_drift(history, np.full(50, 2.0)).plateaus
    assert (all_of_it.start, all_of_it.stop) == (0, 50)
    assert all_of_it.level == pytest.approx(2.0)
    assert pole_drift(history, np.zeros(20)).plateau_share == 1.0
    assert pole_drift(history).plateau_share == 0.0


def test_the_longest_stretch_is_that_of_trying_all(rng):
    for _ in range(200):
        heights = rng.integers(0, 6, size=rng.integers(1, 12)) * 0.5
        stretches = [(i, j) for i in range(len(heights)) for j in range(i + 1, len(heights) + 1) if np.ptp(heights[i:j]) < 1.0]
        longest = max(j - i for i, j in stretches)
        assert longest_level(heights, 1.0) == min((i, j) for i, j in stretches if j - i == longest)


def test_smoothing_is_the_mean_of_a_centred_window(rng):
    values = rng.normal(size=9)
    expected = [values[max(0, t - h) : t + h + 1].mean() for t in range(9) for h in [min(2, t, 8 - t)]]
    np.testing.assert_allclose(smoothed(values, 5), expected)
    np.testing.assert_allclose(smoothed(values, 1), values)


def test_the_three_signs_are_said(rng):
    growing = [rotated(rng, np.linspace(0.5 - 0.01 * k, 0.9 + 0.02 * k, 8)) for k in range(20)]
    text = pole_drift(growing, norms((50, 3), (100, 0))).summary()
    for part in ("from 0.9 to 1.28", "drifts out", "from snapshot 5 on", "trend: grows", "stands still over 6", "of 150"):
        assert part in text, text
    assert "nothing is said of plateaus" in str(pole_drift(growing))
    assert "has no plateau" in str(pole_drift(growing, norms((50, 8))))
    assert "ends inside" in str(pole_drift([0.5 * W for W in growing]))
    there_and_back = np.array([[0.9], [0.95], [1.3], [0.8]])
    assert "goes from 0.9 to 0.8 (trend: neither) and ends inside the unit circle, having been as large as 1.3 in snapshot 2;" in str(
        pole_drift(there_and_back)
    )
    assert "ends outside the unit circle, where it began, for good from snapshot 2 on" in str(pole_drift(np.array([[1.2], [0.8], [1.2]])))
    assert pole_drift([np.eye(3)] * 5).radius_trend.direction == "neither"


def test_the_weights_of_a_network_are_a_history(rng):
    X = rng.normal(size=(60, 2))
    model, history = pf.RecurrentRegressor(n_units=5, dtype="float64", optimizer=pf.SGD(learning_rate=0.1)), []
    for _ in range(3):
        model.partial_fit(X, X[:, 0])
        history.append(model.cell_.unpack(model.theta_)["W_rec"])
    found = pole_drift(history)
    W = history[-1]
    assert found.radius[-1] == pytest.approx(np.abs(np.linalg.eigvals(W)).max())
    assert found.condition[-1] == pytest.approx(np.linalg.cond(W))
    assert not np.array_equal(history[0], history[1])


@pytest.mark.parametrize("given", [None, norms((10, 2), (20, 0))])
def test_it_draws_itself(rng, given):
    pytest.importorskip("matplotlib")
    axes = pole_drift(rng.normal(size=(12, 4, 4)), given).plot().axes
    labels = [a.get_ylabel() for a in axes]
    assert {"|λ|", "κ(W_rec)", "largest |λ|"} <= set(labels)
    assert ("gradient norm (shaded: plateaus)" in labels) is (given is not None)


def test_bad_input_is_named(rng):
    good = rng.normal(size=(3, 4, 4))
    refused("history must hold at least two snapshots", pole_drift, good[:1])
    refused("history must hold square matrices", pole_drift, good[:, :3])
    refused("history must hold square matrices", pole_drift, [1.0, 2.0])
    refused(r"history must hold numbers of one shape .* snapshot 1", pole_drift, [np.eye(3), np.eye(2)])
    refused(r"history must be finite, got nan in snapshot 2", pole_drift, [*good[:2], np.where(np.eye(4) > 0, np.nan, good[2])])
    for what in (None, 3.0, {"W_rec": good}, np.float64(1.0), np.array(1.0)):
        with pytest.raises(TypeError, match="history must be a sequence of snapshots"):
            pole_drift(what)
    refused("history must be an array or lists of one length", pole_drift, [[[1, 2], [3]]] * 2)
    refused("gradient_norms must be at least two real numbers", pole_drift, good, [1.0])
    for what in (["a", "b"], [1 + 1j, 2]):  # a cast would drop the imaginary part
        refused("gradient_norms must be at least two real numbers", pole_drift, good, what)
    refused("gradient_norms must be an array or lists of one length", pole_drift, good, [1, [2, 3]])
    refused("gradient_norms must be finite and not negative, got -1.0 at 1", pole_drift, good, [1.0, -1.0])
    refused("smoothing must be a positive odd int", pole_drift, good, [1.0, 2.0], smoothing=4)
    refused("n_bins must be a positive int", pole_drift, good, n_bins=0)
    refused("plateau_change must be a positive", pole_drift, good, plateau_change=0.0)
    refused("plateau_share must lie in", pole_drift, good, plateau_share=0.0)
    refused("plateau_change must be a positive", pole_drift, good, plateau_change=None)
    refused("plateau_share must lie in", pole_drift, good, plateau_share="all")
