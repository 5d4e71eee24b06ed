"""Diagnostics: Hessians of poles are those of finite differences and of the paper, contraction is that of systems known in closed form."""

from fractions import Fraction

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.diagnostics import echo_state_index, pole_hessian
from pushforward.diagnostics.poles import _squared_error
from pushforward.reservoirs import Ring

PAIR = (0.75, 0.8)


def impulse_response(z, n_steps):
    """h[n] of poles and gains, one after the other in z."""
    poles, gains = np.split(z, 2)
    return (gains * poles ** np.arange(n_steps)[:, None]).sum(axis=1)


def differences(f, x, h=1e-4):
    """The Hessian of f by central differences."""
    step = h * np.eye(len(x))
    return np.array([[(f(x + i + j) - f(x + i - j) - f(x - i + j) + f(x - i - j)) / (4 * h * h) for j in step] for i in step])


@pytest.mark.parametrize(("poles", "expected"), [(PAIR, 91.765098), ((0.75, 0.76), 2412.5), ((0.5, 0.6), 63.957), ((0.9, 0.95), 29.270)])
def test_condition_numbers_of_the_paper(poles, expected):
    assert float(f"{pole_hessian(poles).condition_number:.{len(str(expected)) - 1}g}") == expected


def test_eigenvalues_of_the_paper():
    np.testing.assert_allclose(pole_hessian(PAIR).eigenvalues, [1.160130, 106.459438], atol=5e-7)
    assert pole_hessian(PAIR, gains=[1, 1]).condition_number == pytest.approx(4.478e7, rel=2e-4)
    assert pole_hessian(PAIR, variables="gains").condition_number == pytest.approx(256.44, abs=5e-3)
    assert "condition number 91.765098" in str(pole_hessian(PAIR))


def exact_inverse(matrix):
    """Of a matrix of fractions, by elimination."""
    n = len(matrix)
    rows = [[*row, *(Fraction(int(i == j)) for j in range(n))] for i, row in enumerate(matrix)]
    for i in range(n):
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for j in range(n):
            if j != i:
                rows[j] = [v - rows[j][i] * w for v, w in zip(rows[j], rows[i], strict=True)]
    return np.array([[float(v) for v in row[n:]] for row in rows])


@pytest.mark.parametrize("variables", ["poles", "gains", "both"])
@pytest.mark.parametrize("poles", [(3, 4, 75, 80), (3, 4, 75, 76), (1, 2, 50, 60), (9, 10, 90, 95)])
def test_closed_forms_hold_to_six_digits_in_exact_arithmetic(poles, variables):
    """The Gram matrices of papers.md in fractions; the smallest eigenvalue by the exact inverse, so that nothing is lost in rounding."""
    beta = [Fraction(p, 100) for p in poles[2:]]
    pp, pg, gg = ([[f(a, b) for b in beta] for a in beta] for f in (
        lambda a, b: (1 + a * b) / (1 - a * b) ** 3, lambda a, b: b / (1 - a * b) ** 2, lambda a, b: 1 / (1 - a * b),
    ))  # fmt: skip
    both = [[*pp[0], *pg[0]], [*pp[1], *pg[1]], [pg[0][0], pg[1][0], *gg[0]], [pg[0][1], pg[1][1], *gg[1]]]
    gram = {"poles": pp, "gains": gg, "both": both}[variables]
    largest = 2 * np.linalg.eigvalsh(np.array(gram, dtype=float))[-1]
    smallest = 2 / np.linalg.eigvalsh(exact_inverse(gram))[-1]
    found = pole_hessian([float(p) for p in beta], variables=variables)
    assert found.eigenvalues[-1] == pytest.approx(largest, rel=1e-12)
    assert found.condition_number == pytest.approx(largest / smallest, rel=1e-6)


def test_near_equal_poles_are_flat_within_rounding():
    assert pole_hessian([0.75, 0.750001]).condition_number == pytest.approx(2.48707919892e11, rel=1e-9)  # in 50 decimal digits
    found = pole_hessian([0.75, 0.75 + 1e-15])
    assert found.condition_number == found.steps_per_digit == np.inf
    assert "no hope" in found.summary()


def test_the_steps_of_descent_are_counted(rng):
    """Gradient descent on the quadratic at the best constant rate, from the worst start, takes what is said."""
    found = pole_hessian(PAIR)
    values, vectors = np.linalg.eigh(found.matrix)
    x = vectors.sum(axis=1)
    error, n = np.linalg.norm(x), 0
    while np.linalg.norm(x) > 1e-4 * error:
        x = x - 2 / (values[0] + values[-1]) * found.matrix @ x
        n += 1
    assert n == np.ceil(4 * found.steps_per_digit)
    assert pole_hessian([0.5]).steps_per_digit == 0
    assert f"about {found.steps_per_digit:.3g} steps" in found.summary()


@pytest.mark.parametrize("n_steps", [None, 20])
def test_the_drawn_surface_is_the_squared_error(rng, n_steps):
    found, n = pole_hessian([0.5, -0.7], [1.5, 0.5], n_steps, "poles"), n_steps or 2000
    x, y = rng.uniform(-0.95, 0.95, size=(2, 6))
    truth = impulse_response(np.r_[0.5, -0.7, 1.5, 0.5], n)
    expected = [np.sum((truth - impulse_response(np.r_[a, b, 1.5, 0.5], n)) ** 2) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(_squared_error(found.poles, found.gains, x, y, n_steps), expected, rtol=1e-9)


@pytest.mark.parametrize("settings", [{}, {"n_steps": 30}, {"n_steps": 1}, {"gains": [1, 2]}, {"variables": "gains"}])
def test_hessians_draw_themselves(settings):
    pytest.importorskip("matplotlib")
    axes = pole_hessian(PAIR, **settings).plot().axes
    drawn = "squared error of poles x, y" if set(settings) <= {"n_steps"} else "flattest direction"
    assert axes[1].get_title(loc="left") == drawn
    assert axes[0].get_title(loc="left").startswith("condition number")


@pytest.mark.parametrize("n_poles", [1, 2, 3])
@pytest.mark.parametrize("n_steps", [6, 40])
def test_the_hessian_is_that_of_finite_differences(rng, n_poles, n_steps):
    z = np.concatenate([rng.uniform(-0.7, 0.7, n_poles), rng.normal(size=n_poles)])
    truth = impulse_response(z, n_steps)
    expected = differences(lambda at: np.sum((impulse_response(at, n_steps) - truth) ** 2), z)
    poles, gains = np.split(z, 2)
    parts = {"both": slice(None), "poles": slice(n_poles), "gains": slice(n_poles, None)}
    for variables, part in parts.items():
        found = pole_hessian(poles, gains, n_steps, variables)
        np.testing.assert_allclose(found.matrix, expected[part, part], atol=1e-4 * np.abs(expected).max())
        np.testing.assert_allclose(found.eigenvalues, np.linalg.eigvalsh(found.matrix))


def test_the_hessian_of_complex_poles_is_that_of_their_parts(rng):
    """f = δᴴ G δ: over (re, im) its Hessian is [[re, −im], [im, re]] of 2 G, with every eigenvalue twice."""
    z = np.concatenate([0.6 * np.exp(1j * rng.uniform(0, 6, 2)), rng.normal(size=2) + 1j * rng.normal(size=2)])
    truth = impulse_response(z, 30)
    parts = np.concatenate([z.real, z.imag])
    expected = differences(lambda at: np.sum(np.abs(impulse_response(at[:4] + 1j * at[4:], 30) - truth) ** 2), parts)
    found = pole_hessian(z[:2], z[2:], n_steps=30)
    M = found.matrix
    np.testing.assert_allclose(M, M.conj().T, atol=1e-14)
    np.testing.assert_allclose(np.block([[M.real, -M.imag], [M.imag, M.real]]), expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(np.repeat(found.eigenvalues, 2), np.linalg.eigvalsh(expected), atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_infinitely_many_samples_are_the_limit_of_many(rng, kind):
    poles = rng.uniform(-0.9, 0.9, 3) + (0.3j * rng.normal(size=3) if kind == "complex" else 0)
    gains = rng.normal(size=3) + (1j * rng.normal(size=3) if kind == "complex" else 0)
    np.testing.assert_allclose(pole_hessian(poles, gains).matrix, pole_hessian(poles, gains, n_steps=5000).matrix, rtol=1e-10)


def test_bad_poles_are_named():
    refused("poles must lie inside the unit circle", pole_hessian, [0.5, 1.0])
    assert pole_hessian([0.5, 1.0], n_steps=10).condition_number > 1
    refused("poles must be distinct", pole_hessian, [0.5, 0.5])
    refused("poles must be numbers of shape", pole_hessian, [[0.5]])
    refused("poles must be finite", pole_hessian, [np.nan])
    refused("gains must have the shape of poles", pole_hessian, [0.5, 0.6], [1.0])
    refused("gains must not be zero", pole_hessian, [0.5, 0.6], [1.0, 0.0])
    refused("variables must be one of", pole_hessian, [0.5], None, None, "zeros")
    refused("n_steps must be a positive int", pole_hessian, [0.5], None, 0)
    refused("n_steps must be so small that powers", pole_hessian, [3.0], None, 1000)


def ring(weight, activation="identity", n=20, **changed):
    return {"W_rec": Ring(n, weight), "W_in": np.ones((n, 1)), "bias": None, "activation": activation} | changed


@pytest.mark.parametrize("weight", [0.5, 0.9, 0.99, 1.0, 1.05])
@pytest.mark.parametrize("n_steps", [40, 400])
def test_the_distance_in_a_linear_ring_changes_by_its_weight(rng, weight, n_steps):
    """Distances are permuted and scaled, whatever the input; fading memory is a weight below one, however short the run."""
    found = echo_state_index(ring(weight), rng.normal(size=(n_steps, 1)))
    assert found.rate == pytest.approx(weight, rel=1e-3)
    assert found.fading_memory is (weight < 1)
    assert str(found).startswith("fading memory" if weight < 1 else "NO fading memory")
    if weight >= 0.99:
        assert found.last == pytest.approx(weight**n_steps, rel=1e-9)


def test_a_leak_slows_contraction_down(rng):
    """Of independent linear units s ← ((1 − a) + a w) s + …."""
    one = {"W_rec": 0.6 * np.eye(5), "W_in": np.ones((5, 1)), "bias": None, "activation": "identity", "leak_rate": 0.25}
    assert echo_state_index(one, rng.normal(size=(60, 1))).rate == pytest.approx(0.75 + 0.25 * 0.6, rel=1e-6)


def test_input_can_bring_fading_memory(rng):
    """A radius above one forgets under strong input, and not under none."""
    reservoir = {"W_rec": pf.reservoirs.random(100, spectral_radius=1.3, random_state=0), "W_in": rng.normal(size=(100, 1)), "bias": None}
    quiet, loud = (echo_state_index(reservoir, scale * rng.normal(size=(600, 1))) for scale in (1e-3, 5.0))
    assert not quiet.fading_memory
    assert quiet.last > 0.1
    assert loud.fading_memory
    assert loud.last < 1e-6


def test_distances_that_wander_are_not_taken_for_falling(rng):
    """Just above the edge distances fluctuate without end; whoever looks at their slope alone calls every fourth of these a fading memory."""
    said = []
    for seed in range(40):
        W, W_in = pf.reservoirs.random(100, spectral_radius=1.05, random_state=seed), 0.01 * rng.normal(size=(100, 1))
        said.append(echo_state_index({"W_rec": W, "W_in": W_in, "bias": None}, rng.normal(size=(400, 1)), seed=seed).fading_memory)
    assert sum(said) <= 2


def test_two_attractors_are_no_fading_memory(rng):
    """One unit, s ← tanh(2 s): starts of either sign end apart."""
    found = echo_state_index(ring(2.0, "tanh", n=1), np.zeros((200, 1)), n_starts=6)
    assert not found.fading_memory
    assert found.last > 0.5


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_estimators_are_taken_as_they_are(rng, dtype):
    X = rng.normal(size=(300, 2)).astype(dtype)
    settings = {"n_units": [30, 20], "dtype": dtype, "washout": 10, "random_state": 0}
    good, bad = (pf.EchoStateRegressor(spectral_radius=radius, input_scaling=0.05, **settings).fit(X, X[:, 0]) for radius in (0.8, 5.0))
    before = bad.predict(X)
    assert echo_state_index(good, X).fading_memory
    assert not echo_state_index(bad, X).fading_memory
    np.testing.assert_array_equal(bad.predict(X), before)  # only looked at


def test_what_is_no_reservoir_is_named(rng):
    X = rng.normal(size=(20, 1))
    refused("model must be a fitted estimator", echo_state_index, 3, X)
    refused("model must be a fitted estimator", echo_state_index, {"W_in": np.ones((3, 1))}, X)
    refused("X must be one series", echo_state_index, ring(0.5), X[None])
    refused(r"X must be one series \(n_steps, 1\), got shape \(20, 2\)", echo_state_index, ring(0.5), np.hstack([X, X]))
    refused("X must be float64 like the model, got float32", echo_state_index, ring(0.5), X.astype("float32"))
    refused("X must be finite, got nan", echo_state_index, ring(0.5), np.full((5, 1), np.nan))
    refused("X must have at least 8 steps to tell a rate, got 7", echo_state_index, ring(0.5), X[:7])
    refused("n_starts must be an int of at least 2", echo_state_index, ring(0.5), X, 1)
    refused("seed must be", echo_state_index, ring(0.5), X, 4, -1)
    with pytest.raises(pf.DivergenceError, match="step"):
        echo_state_index(ring(2.0), rng.normal(size=(2000, 1)))
    assert echo_state_index({"W_rec": [[0.5]], "W_in": [[1.0]]}, X).fading_memory  # lists will do


def test_the_echo_state_index_says_and_draws_itself(rng):
    X = rng.normal(size=(200, 1))
    forgets, keeps, met = (echo_state_index(ring(weight), X) for weight in (0.9, 1.02, 0.0))
    assert "changes by a factor of 0.9 a step, e-fold in 9.49 steps" in forgets.summary()
    assert "NOT forget" in keeps.summary()
    assert "have met" in met.summary()
    assert str(forgets).startswith("fading memory (distance")  # one line still
    for found in (forgets, keeps, met):
        figure = found.plot()
        figure.canvas.draw()
        assert figure.axes[0].get_title(loc="left") == ("fading memory" if found.fading_memory else "no fading memory")
    np.testing.assert_array_equal(forgets.plot().axes[0].lines[0].get_ydata(), forgets.distance)
    measured, fitted = (line.get_ydata() for line in forgets.plot().axes[0].lines)
    np.testing.assert_allclose(fitted, measured[: len(fitted)], rtol=1e-2)
