"""Lyapunov exponents: those of linear maps and diagonal cells in closed form, of flows by what their divergence must be, of Lorenz as published."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.diagnostics import lyapunov

LITERATURE = 0.9056  # largest exponent of Lorenz-63, as published by many


def drawn(result):
    """The result's figure, laid out and drawn: errors show up here."""
    figure = result.plot()
    figure.canvas.draw()
    return figure


# -- maps --------------------------------------------------------------------------------------------------------------------


def with_eigenvalues(rng, values):
    """A matrix that has these eigenvalues, pairs of complex ones as real blocks, and is not normal."""
    blocks = [np.array([[v.real, -v.imag], [v.imag, v.real]]) if np.iscomplex(v) else np.array([[np.real(v)]]) for v in values]
    n = sum(map(len, blocks))
    D, at = np.zeros((n, n)), 0
    for block in blocks:
        D[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    V = np.eye(n) + 0.3 * rng.normal(size=(n, n))
    return V @ D @ np.linalg.inv(V)


@pytest.mark.parametrize("values", [(0.9, -0.5, 0.1), (1.2, 0.8 + 0.3j, 0.4), (0.5 + 0.5j, 0.3), (1.5, 1.1)])
def test_exponents_of_a_linear_map_are_logarithms_of_its_eigenvalues(rng, values):
    A = with_eigenvalues(rng, values)
    found = lyapunov((lambda x: A @ x / np.linalg.norm(A @ x), lambda x: A), rng.normal(size=len(A)), n_steps=2000, dt=0.1)
    expected = np.sort(np.log(np.abs(np.linalg.eigvals(A))))[::-1] / 0.1
    np.testing.assert_allclose(found.exponents, expected, atol=2e-3 / 0.1)
    assert found.exponents.sum() == pytest.approx(np.log(abs(np.linalg.det(A))) / 0.1, rel=1e-10)
    assert found.verdict == ("chaotic" if np.abs(values).max() > 1 else "contracting")
    assert found.unit == "s"


def test_a_rotation_is_neutral_and_a_nilpotent_map_dies():
    turn = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    found = lyapunov((lambda x: turn @ x, lambda x: turn), [1.0, 0.0])
    np.testing.assert_allclose(found.exponents, 0.0, atol=1e-12)
    assert (found.verdict, found.kaplan_yorke_dimension) == ("neutral", 2.0)
    shift = np.array([[0.0, 1.0], [0.0, 0.0]])
    dead = lyapunov((lambda x: shift @ x, lambda x: shift), [1.0, 1.0], n_steps=50)
    assert np.all(dead.exponents == -np.inf)
    assert dead.verdict == "contracting"
    assert "less than a step" in dead.summary()
    drawn(dead)


def test_the_logistic_map_at_four_has_log_two():
    """Conjugate to the doubling of an angle: log 2, exactly."""
    starts = np.random.default_rng(0).uniform(0.1, 0.9, size=(20, 1))
    found = lyapunov((lambda x: 4 * x * (1 - x), lambda x: np.array([[4 - 8 * x[0]]])), starts, n_steps=5000)
    assert abs(found.exponents[0] - np.log(2)) < 4 * found.standard_error[0] < 0.02
    assert (found.verdict, found.kaplan_yorke_dimension, found.n_orbits) == ("chaotic", 1.0, 20)


def test_henon_shrinks_areas_by_b():
    """det D = −b everywhere; an object with the two methods serves as well."""

    class Henon:
        def step(self, x):
            return np.array([1 - 1.4 * x[0] ** 2 + x[1], 0.3 * x[0]])

        def jacobian(self, x):
            return np.array([[-2.8 * x[0], 1.0], [0.3, 0.0]])

    found = lyapunov(Henon(), [[0.1, 0.1], [0.0, 0.2]], n_steps=3000)
    assert found.exponents.sum() == pytest.approx(np.log(0.3), abs=1e-12)
    assert found.kaplan_yorke_dimension == pytest.approx(1 + found.exponents[0] / abs(found.exponents[1]))
    assert found.verdict == "chaotic"


def test_the_standard_error_is_that_of_independent_factors(rng):
    """x ← a_t x with independent log a_t: the mean of n of them, with a deviation of σ/√n."""
    inside = iter(rng.normal(0.1, 0.5, size=20_000))
    found = lyapunov((lambda x: x, lambda x: np.exp([[next(inside)]])), [1.0], n_steps=10_000)
    assert 0.5 < found.standard_error[0] / (0.5 / np.sqrt(10_000)) < 1.6
    assert abs(found.exponents[0] - 0.1) < 4 * found.standard_error[0]
    assert found.running.shape == (100, 1)
    assert found.time[-1] == 10_000


# -- flows -------------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_lorenz():
    found = lyapunov(pf.datasets.lorenz63)
    assert found.exponents[0] == pytest.approx(LITERATURE, abs=0.01)
    assert found.standard_error[0] < 0.003
    assert found.exponents[1] == pytest.approx(0.0, abs=0.005)  # along the flow
    assert found.exponents.sum() == pytest.approx(-(10 + 1 + 8 / 3), abs=2e-4)  # the divergence, everywhere
    assert found.kaplan_yorke_dimension == pytest.approx(2.06, abs=0.01)
    assert (found.verdict, found.unit, found.driven) == ("chaotic", "s", False)
    assert "Kaplan-Yorke dimension 2.06" in str(found)


def test_below_the_hopf_bifurcation_lorenz_ends_in_fixed_points():
    """ρ = 10: exponents are the real parts of the eigenvalues at √(β (ρ − 1))."""
    beta, rho = 8 / 3, 10.0
    c = np.sqrt(beta * (rho - 1))
    Df = np.array([[-10, 10, 0], [1, -1, -c], [c, c, -beta]])
    found = lyapunov("lorenz63", rho=rho, n_steps=4000, transient=4000, n_starts=8)
    np.testing.assert_allclose(found.exponents, np.sort(np.linalg.eigvals(Df).real)[::-1], atol=0.02)
    assert (found.verdict, found.kaplan_yorke_dimension) == ("contracting", 0.0)
    assert "fixed point" in found.summary()


@pytest.mark.parametrize("mu", [0.3, 1.0, 3.0])
def test_van_der_pol_has_a_zero_exponent_and_the_mean_divergence(mu):
    orbit = pf.datasets.van_der_pol(40_000, dt=0.01, mu=mu, transient=5000)
    found = lyapunov("van_der_pol", n_steps=5000, transient=4000, n_starts=4, mu=mu)
    assert found.exponents[0] == pytest.approx(0.0, abs=found.resolution)
    assert found.exponents.sum() == pytest.approx(np.mean(mu * (1 - orbit[:, 0] ** 2)), abs=0.02 * (1 + mu))
    assert (found.verdict, found.kaplan_yorke_dimension) == ("neutral", 1.0)


def test_the_harmonic_oscillator_is_neutral_to_the_integrator():
    found = lyapunov("van_der_pol", n_steps=4000, mu=0.0, n_starts=2)
    np.testing.assert_allclose(found.exponents, 0.0, atol=1e-6)


@pytest.mark.slow
def test_rossler_has_the_mean_divergence():
    orbit = pf.datasets.rossler(60_000, dt=0.05, n_substeps=2)
    found = lyapunov("rossler", n_steps=6000, n_starts=64)
    assert found.exponents.sum() == pytest.approx(np.mean(0.2 + orbit[:, 0] - 5.7), abs=0.03)
    assert found.exponents[1] == pytest.approx(0.0, abs=0.01)
    assert found.verdict == "chaotic"


@pytest.mark.slow
def test_mackey_glass_is_chaotic_at_17_and_not_at_12():
    chaotic, cycle = (lyapunov("mackey_glass", n_steps=8000, n_starts=8, tau=tau) for tau in (17.0, 12.0))
    assert (chaotic.verdict, cycle.verdict) == ("chaotic", "neutral")
    assert np.abs(chaotic.exponents[1]) < 1e-3  # along the flow
    assert len(chaotic.exponents) == 4


def test_mackey_glass_at_a_fixed_point_has_the_rates_of_its_linear_equation():
    """τ = 2: x* = 1, δ' = −0.4 δ(t − τ) − 0.1 δ; the roots of λ = −0.4 exp(−λ τ) − 0.1 come from Lambert's function."""
    from scipy.special import lambertw

    tau = 2.0
    roots = np.array([lambertw(-0.4 * tau * np.exp(0.1 * tau), k) / tau - 0.1 for k in (0, -1, 1, -2)])
    assert np.allclose(roots, -0.4 * np.exp(-roots * tau) - 0.1)
    found = lyapunov("mackey_glass", n_steps=6000, transient=6000, n_starts=2, dt=0.05, tau=tau)
    np.testing.assert_allclose(found.exponents, np.sort(roots.real)[::-1], atol=0.005)
    assert found.verdict == "contracting"


def test_an_orbit_that_is_lost_is_named():
    with pytest.raises(pf.DivergenceError, match="integrator takes steps of 1"):
        lyapunov("lorenz63", dt=1.0)
    with pytest.raises(pf.DivergenceError, match="stopped being finite"):
        lyapunov((lambda x: x**2, lambda x: np.diag(2 * x)), [3.0])


def test_growth_without_bound_is_not_chaos():
    grows = lyapunov((lambda x: 1.1 * x, lambda x: np.diag([1.1, 1.1])), [1.0, 1.0], n_steps=1000)
    assert grows.exponents[0] == pytest.approx(np.log(1.1))
    assert (grows.verdict, grows.kaplan_yorke_dimension) == ("unbounded", None)
    assert "NOT chaos" in grows.summary()
    model = pf.KoopmanRegressor(pf.koopman.Identity()).fit(1.01 ** np.arange(300.0)[:, None])
    assert lyapunov(model, np.ones((4, 1))).verdict == "unbounded"
    logistic = lyapunov((lambda x: 4 * x * (1 - x), lambda x: np.diag(4 - 8 * x)), [1e-9], n_steps=2000)  # leaves a fixed point, for an attractor
    assert logistic.verdict == "chaotic"


def test_an_exponent_of_exactly_zero_is_said():
    found = lyapunov((lambda x: x, lambda x: np.eye(2)), [1.0, 1.0], n_steps=100)
    assert "not to be told from zero" in found.summary()


# -- figures and mistakes ----------------------------------------------------------------------------------------------------


def test_the_figure_shows_the_estimates(rng):
    found = lyapunov((lambda x: 0.5 * x, lambda x: np.diag([0.5, 0.25])), [1.0, 1.0], n_steps=300)
    axes = drawn(found).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), found.running[:, 0])
    assert axes.get_title(loc="left") == "contracting"
    drawn(lyapunov((lambda x: x, lambda x: np.eye(1)), [1.0], n_steps=1, transient=0))


def test_mistakes_are_named(rng):
    step, jacobian, X = (lambda x: 0.5 * x), (lambda x: 0.5 * np.eye(len(x))), rng.normal(size=(40, 1))
    reservoir = {"W_rec": 0.5 * np.eye(3), "W_in": np.ones((3, 1)), "bias": None}
    refused("one of lorenz63, rossler, van_der_pol, mackey_glass", lyapunov, "lorentz")
    refused("a pair of functions", lyapunov, 3, X)
    refused("a pair of functions", lyapunov, (step,), [1.0])
    refused("X must be given", lyapunov, (step, jacobian))
    refused("X must be None", lyapunov, "lorenz63", X)
    refused("X must be finite numbers", lyapunov, (step, jacobian), [np.nan])
    refused("step and jacobian must give", lyapunov, (step, lambda x: np.eye(5)), [1.0])
    refused("parameters belong to", lyapunov, (step, jacobian), [1.0], rho=3.0)
    refused("parameters of 'lorenz63' must be among sigma, rho, beta", lyapunov, "lorenz63", mu=3.0)
    refused("rho must be a finite number", lyapunov, "lorenz63", rho=np.inf)
    refused("tau must be positive", lyapunov, "mackey_glass", tau=-1.0)
    refused("n_exponents must be at most n_state = 3", lyapunov, "lorenz63", n_exponents=4)
    refused("dt must be a positive", lyapunov, "lorenz63", dt=0.0)
    refused("n_steps must be a positive int", lyapunov, "lorenz63", n_steps=0)
    refused("transient must be a non-negative int", lyapunov, "lorenz63", transient=-1)
    refused("seed must be", lyapunov, "lorenz63", seed=-1)
    refused("inputs belong to", lyapunov, reservoir, X, inputs=X)
    refused("n_starts must be None", lyapunov, reservoir, X, n_starts=3)
    refused(r"X must be one series \(n_steps, 1\)", lyapunov, reservoir, X[None])
    refused(r"X must be one series \(n_steps, 1\)", lyapunov, reservoir, np.ones((9, 2)))
    refused("X must be finite", lyapunov, reservoir, np.full((9, 1), np.nan))
    refused("X must have more than transient", lyapunov, reservoir, X, n_steps=41)
    refused("X must have more than transient", lyapunov, reservoir, X, transient=40)
    refused("X must have at least 8 steps after the transient of 33 to tell a rate, got 7", lyapunov, reservoir, X, transient=33)
