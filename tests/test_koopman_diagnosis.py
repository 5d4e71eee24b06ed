"""What a Koopman spectrum says: known growth, decay and periods come out, and nothing is claimed where nothing is known."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.diagnostics import koopman_spectrum

PLAIN = {"include_constant": False}


def spiral(growth, period, n_steps=200):
    """h[t] of a rotation that grows by a factor a step."""
    turn = 2 * np.pi * np.arange(n_steps) / period
    return growth ** np.arange(n_steps)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def drawn(result):
    figure = result.plot()
    figure.canvas.draw()
    return figure


@pytest.mark.parametrize("dt", [None, 0.05])
@pytest.mark.parametrize("growth", [0.9, 1.02])
def test_a_spiral_is_read_as_what_it_is(growth, dt):
    found = koopman_spectrum(pf.KoopmanRegressor(pf.koopman.Identity(), **PLAIN).fit(spiral(growth, 25)), dt=dt)
    step = 1.0 if dt is None else dt
    np.testing.assert_allclose(found.modulus, growth, rtol=1e-9)
    np.testing.assert_allclose(found.period, 25 * step, rtol=1e-9)
    np.testing.assert_allclose(found.e_folding, step / abs(np.log(growth)), rtol=1e-7)
    assert found.stable is (growth < 1)
    assert found.n_outside == (0 if growth < 1 else 2)
    assert found.n_growing == found.n_outside
    assert found.n_reliable == 2
    assert ("None of the 2 eigenvalues" in found.summary()) is found.stable
    assert f" {'steps' if dt is None else 's'}" in str(found)
    assert drawn(found).axes[0].get_title(loc="left") == ("stable" if found.stable else "2 growing modes")


def test_on_the_circle_nothing_grows_or_decays():
    found = koopman_spectrum(pf.KoopmanRegressor(pf.koopman.Identity()).fit(spiral(1.0, 20)))
    assert found.stable
    assert np.all(found.e_folding == np.inf)
    assert np.sum(np.isfinite(found.period)) == 2  # the constant does not turn


def test_growth_within_the_residual_is_not_claimed(rng):
    """A dictionary too rich for noisy data of a circle puts eigenvalues outside; their residuals say that this is no growth."""
    true = koopman_spectrum(pf.KoopmanRegressor(pf.koopman.Identity(), **PLAIN).fit(spiral(1.02, 20)))
    model = pf.KoopmanRegressor(pf.koopman.Monomials(5), rcond=1e-12).fit(spiral(1.0, 20, 25) + 0.1 * rng.normal(size=(25, 2)))
    noisy = koopman_spectrum(model)
    for result in (true, noisy):
        expected = np.sum((result.modulus > 1 + 1e-9) & (result.modulus - 1 > result.residuals))
        assert result.n_growing == expected
        assert result.n_reliable == np.sum(result.residuals <= 0.1)
    assert (true.n_growing, noisy.n_growing) == (2, 0)
    assert noisy.n_outside > 0
    assert "none of them by more than the residual" in noisy.summary()
    assert "Only 24 snapshots for 21 features" in noisy.summary()
    assert "Only" not in true.summary()
    np.testing.assert_array_equal(noisy.residuals, model.eigenpair_residuals_)
    np.testing.assert_array_equal(noisy.eigenvalues, model.eigenvalues_)


def test_a_model_of_lorenz_knows_its_constant(rng):
    model = pf.SampledRNN(n_units=60, random_state=0).fit(pf.datasets.lorenz63(3000, dt=0.02))
    found = koopman_spectrum(model, dt=0.02)
    assert found.modulus[0] == pytest.approx(1.0, abs=1e-6)
    assert len(found.modulus) == model.n_features_
    assert "describe the dictionary more than the data" in found.summary()
    drawn(found)


def test_a_ramp_is_not_said_to_stay_bounded():
    """x + 1 has the eigenvalue 1 twice and one eigenvector: nothing grows exponentially, and yet the orbit leaves."""
    found = koopman_spectrum(pf.KoopmanRegressor(pf.koopman.Identity()).fit(np.arange(100.0)[:, None]))
    assert found.stable
    assert "no mode grows exponentially" in found.summary()
    assert "bounded" not in found.summary()


def test_residuals_that_are_not_there_are_not_made_up(rng):
    X = spiral(0.9, 25)
    online = koopman_spectrum(pf.koopman.OnlineEDMD(pf.koopman.Identity(), n_state=2).fit(X))
    gram = koopman_spectrum(pf.KoopmanRegressor(pf.koopman.Identity(), solver="gram").fit(X))
    for found in (online, gram):
        assert (found.residuals, found.n_growing, found.n_reliable) == (None, None, None)
        assert "Residuals are not known" in found.summary()
        drawn(found)
    np.testing.assert_allclose(online.modulus[-2:], 0.9, rtol=1e-3)


def test_mistakes_are_named(rng):
    X = spiral(0.9, 25)
    refused("model must be a fitted SampledRNN", koopman_spectrum, X)
    refused('with target="observables"', koopman_spectrum, pf.SampledRNN(n_units=5, target="state").fit(X))
    refused('with target="observables"', koopman_spectrum, pf.koopman.OnlineEDMD(pf.koopman.Identity(), n_state=2, target="state").fit(X))
    refused("dt must be a positive", koopman_spectrum, pf.SampledRNN(n_units=5).fit(X), -1.0)
    refused("no data yet|not fitted", koopman_spectrum, pf.SampledRNN(n_units=5))


def test_in_float32_an_eigenvalue_on_the_circle_is_not_outside_for_its_rounding():
    turning = np.hstack([spiral(1.0, period) for period in np.random.default_rng(5).uniform(3, 40, 6)]).astype("float32")
    found = koopman_spectrum(pf.KoopmanRegressor(pf.koopman.Identity(), dtype="float32", **PLAIN).fit(turning))
    assert found.modulus.max() > 1 + 1e-9  # or this shows nothing
    assert found.stable
