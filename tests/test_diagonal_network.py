"""Wide diagonal networks: outputs and gradients against what they are defined by, for every activation, length and instruction set."""

import math

import numpy as np
import pytest
from helpers import at, close, refused

import pushforward as pf
from pushforward import reference
from pushforward.reference.diagonal_network import SMOOTH_ACTIVATIONS, smooth

SHAPES = [(3, 7, 2, 9), (2, 64, 8, 256), (2, 65, 3, 130), (1, 300, 1, 1), (17, 1, 9, 64), (2, 130, 25, 40), (1, 37, 2, 9000)]
"""n_series, n_steps, n_inputs, n_units: blocks of 64, 29 and 16 steps and what is left of them; tiles and halves that are not full."""


def network(rng, n_inputs, n_units, dtype="float64", alpha=0.5):
    w, c = alpha * rng.choice([-1.0, 1.0], n_units), rng.choice([-1.0, 1.0], n_units)
    return w.astype(dtype), rng.normal(size=(n_units, n_inputs)).astype(dtype), c.astype(dtype)


def data(rng, n_series, n_steps, n_inputs, dtype="float64"):
    return rng.normal(size=(n_series, n_steps, n_inputs)).astype(dtype), rng.normal(size=(n_series, n_steps)).astype(dtype)


def symmetric(rng, n_inputs, n_units, dtype):
    w, U, c = network(rng, n_inputs, n_units // 2, dtype)
    return np.tile(w, 2), np.tile(U, (2, 1)), np.concatenate([c, -c])


def differences(X, Y, weights, activation, name, place, width=1e-5):
    """∂loss of one weight by differences of fourth order."""
    def loss(step):
        w, U, c = weights
        moved = {"w": w, "U": U}
        moved[name] = at(moved[name], place, moved[name][place] + step * width)
        return pf.kernels.diagonal_gradient(X, Y, moved["w"], moved["U"], c, activation)[0]

    return (8 * (loss(1) - loss(-1)) - (loss(2) - loss(-2))) / (12 * width)


@pytest.mark.parametrize("activation", SMOOTH_ACTIVATIONS)
def test_the_reference_says_what_the_equation_says(rng, activation):
    (X, _), (w, U, c) = data(rng, 2, 5, 3), network(rng, 3, 4)
    F = reference.diagonal_forward(X, w, U, c, activation)
    for j in range(2):
        H = [0.0] * 4
        for t in range(5):
            H = [float(smooth(activation, np.float64(w[i] * H[i] + U[i] @ X[j, t]))[0]) for i in range(4)]
            assert F[j, t] == pytest.approx(sum(c[i] * H[i] for i in range(4)) / 2, abs=1e-14)


@pytest.mark.parametrize("activation", SMOOTH_ACTIVATIONS)
@pytest.mark.parametrize("n_steps", [6, 70])
def test_gradients_are_those_of_central_differences(rng, activation, n_steps):
    (X, Y), weights = data(rng, 2, n_steps, 2), network(rng, 2, 6)
    for function in (pf.kernels.diagonal_gradient, reference.diagonal_gradient):
        _, gradient = function(X, Y, *weights, activation)
        for name, place in (("w", (0,)), ("w", (5,)), ("U", (1, 0)), ("U", (4, 1))):
            expected = differences(X, Y, weights, activation, name, place)
            assert gradient[name][place] == pytest.approx(expected, rel=1e-9, abs=1e-9 * np.linalg.norm(gradient[name]))


@pytest.mark.parametrize("activation", SMOOTH_ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_kernel_is_the_reference(rng, dtype, isa, activation, shape):
    n_series, n_steps, n_inputs, n_units = shape
    (X, Y), weights = data(rng, n_series, n_steps, n_inputs, dtype), network(rng, n_inputs, n_units, dtype)
    wide = [a.astype(np.float64) for a in (X, Y, *weights)]
    tolerance = 2e-6 if dtype == np.float32 else 1e-13
    close(pf.kernels.diagonal_forward(X, *weights, activation), reference.diagonal_forward(wide[0], *wide[2:], activation), tolerance)
    loss, gradient = pf.kernels.diagonal_gradient(X, Y, *weights, activation)
    expected_loss, expected = reference.diagonal_gradient(*wide, activation)
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    assert gradient["w"].dtype == gradient["U"].dtype == dtype
    close(gradient["U"], expected["U"], tolerance)
    if n_steps > 1:
        close(gradient["w"], expected["w"], tolerance)
    else:
        assert not gradient["w"].any()  # H_0 = 0


@pytest.mark.parametrize("activation", SMOOTH_ACTIVATIONS)
def test_functions_and_slopes_to_the_last_places(dtype, isa, activation):
    """One unit with w = 0 gives σ(x); many with u = a, x = 1 give σ'(a)."""
    a = np.concatenate([np.linspace(-12, 12, 2400), [-300, -50, 0, 1e-20, -1e-6, 50, 300]]).astype(dtype)
    one, zero, eps = np.ones(1, dtype), np.zeros(1, dtype), np.finfo(dtype).eps
    value = pf.kernels.diagonal_forward(a[:, None, None], zero, one[:, None], one, activation)[:, 0]
    expected, slope = smooth(activation, a.astype(np.float64))
    units = 4 + 2 * np.where(a < 0, a.astype(np.float64) ** 2, 0) * (activation == "gelu")  # the rounding of a² in exp(−a²/2)
    assert np.all(np.abs(value - expected) <= units * eps * np.abs(expected) + np.finfo(dtype).tiny)
    loss, gradient = pf.kernels.diagonal_gradient(
        np.ones((1, 1), dtype), np.full(1, 1e4, dtype), np.zeros_like(a), a[:, None], np.ones_like(a), activation
    )
    found = gradient["U"][:, 0].astype(np.float64) * math.sqrt(len(a)) / -math.sqrt(2 * loss)
    assert np.max(np.abs(found - slope)) <= 8 * eps


@pytest.mark.parametrize("activation", SMOOTH_ACTIVATIONS)
@pytest.mark.parametrize("n_units", [2, 34, 300])
def test_a_symmetric_start_says_exactly_nothing(rng, dtype, isa, activation, n_units):
    X, _ = data(rng, 2, 70, 3, dtype)
    assert not pf.kernels.diagonal_forward(X, *symmetric(rng, 3, n_units, dtype), activation).any()


def test_partners_of_a_symmetric_start_have_opposite_gradients(rng, dtype):
    (X, Y), weights = data(rng, 2, 20, 3, dtype), symmetric(rng, 3, 50, dtype)
    _, gradient = pf.kernels.diagonal_gradient(X, Y, *weights)
    for g in gradient.values():
        np.testing.assert_array_equal(g[:25], -g[25:])


def test_outputs_do_not_know_the_future(rng, dtype):
    (X, _), weights = data(rng, 2, 80, 3, dtype), network(rng, 3, 20, dtype)
    other = X.copy()
    other[:, 66:] = 1
    F, G = (pf.kernels.diagonal_forward(series, *weights) for series in (X, other))
    np.testing.assert_array_equal(F[:, :66], G[:, :66])
    assert np.all(F[:, 66:] != G[:, 66:])


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_results_do_not_depend_on_the_threads(rng, dtype, activation):
    (X, Y), weights = data(rng, 19, 70, 3, dtype), network(rng, 3, 40, dtype)
    loss, gradient = pf.kernels.diagonal_gradient(X, Y, *weights, activation, n_threads=1)
    F = pf.kernels.diagonal_forward(X, *weights, activation)
    for n_threads in (2, 3, 16):
        again, same = pf.kernels.diagonal_gradient(X, Y, *weights, activation, n_threads=n_threads)
        assert again == loss
        for name, g in gradient.items():
            np.testing.assert_array_equal(same[name], g)
    before = pf.get_num_threads()
    try:
        pf.set_num_threads(3)
        np.testing.assert_array_equal(pf.kernels.diagonal_forward(X, *weights, activation), F)
    finally:
        pf.set_num_threads(before)


def test_the_gradient_of_many_series_is_the_sum_of_theirs(rng):
    """More of them than one round takes."""
    (X, Y), weights = data(rng, 521, 512, 1), network(rng, 1, 256)
    loss, gradient = pf.kernels.diagonal_gradient(X, Y, *weights)
    parts = [pf.kernels.diagonal_gradient(X[part], Y[part], *weights) for part in (slice(None, 300), slice(300, None))]
    assert loss == pytest.approx(sum(part for part, _ in parts), rel=1e-12)
    for name, g in gradient.items():
        close(g, sum(part[name] for _, part in parts), 1e-12)


def test_one_series_is_a_batch_of_one(rng):
    (X, Y), weights = data(rng, 1, 9, 2), network(rng, 2, 5)
    np.testing.assert_array_equal(pf.kernels.diagonal_forward(X[0], *weights), pf.kernels.diagonal_forward(X, *weights)[0])
    for function in (pf.kernels.diagonal_gradient, reference.diagonal_gradient):
        (loss, gradient), (again, same) = function(X, Y, *weights), function(X[0], Y[0], *weights)
        assert loss == again
        np.testing.assert_array_equal(gradient["U"], same["U"])
    assert pf.kernels.diagonal_forward(X[0].tolist(), *weights).dtype == np.float64


def test_divergence_is_told_with_its_place(dtype):
    """H_t = softplus(3 H_{t−1} + x): threefold a step until it is no number any more, or held at zero by the input."""
    X, Y, one = np.full((40, 700, 1), -1e3, dtype), np.zeros((40, 700), dtype), np.ones(1, dtype)
    X[33:] = 1
    with np.errstate(over="ignore"):
        F = reference.diagonal_forward(X[33], 3 * one, one[:, None], one, "softplus").astype(np.float64)
        steps = [int(np.argmin(np.isfinite(a))) for a in (F, F**2)]
    calls = (pf.kernels.diagonal_forward, X), (pf.kernels.diagonal_gradient, X, Y)
    for (function, *series), step in zip(calls, steps, strict=True):
        with pytest.raises(pf.errors.DivergenceError) as caught:
            function(*series, 3 * one, one[:, None], one, "softplus")
        assert (caught.value.series, caught.value.step) == (33, step)


def test_mistakes_are_named(rng):
    (X, Y), (w, U, c) = data(rng, 2, 4, 3), network(rng, 3, 5)
    good = {"X": X, "Y": Y, "w": w, "U": U, "c": c}
    for name, array in good.items():
        refused(f"^{name} must be finite, got nan", pf.kernels.diagonal_gradient, **good | {name: at(array, (0,) * array.ndim, np.nan)})
        if name in "YUc":
            refused(f"^{name} must have shape .*got", pf.kernels.diagonal_gradient, **good | {name: array[..., :-1]})
        if name != "X":
            refused(f"^{name} must be float64 like the model, got float32", pf.kernels.diagonal_gradient, **good | {name: array.astype("float32")})
    refused("^X must be finite, got inf at series 1, step 2, column 0", pf.kernels.diagonal_forward, at(X, (1, 2, 0), np.inf), w, U, c)
    refused(r"^X must be .*none of them 0, got shape \(2, 0, 3\)", pf.kernels.diagonal_forward, X[:, :0], w, U, c)
    refused("^X must be of dtype float32 or float64, got int64", pf.kernels.diagonal_forward, X.astype(int), w, U, c)
    refused("^w must be .*at least one unit", pf.kernels.diagonal_forward, X, w[:0], U[:0], c[:0])
    refused("^activation must be one of tanh, sigmoid, softplus, gelu, got 'relu'", pf.kernels.diagonal_forward, X, w, U, c, "relu")
    refused("^activation must be one of tanh, sigmoid, softplus, gelu, got None", pf.kernels.diagonal_forward, X, w, U, c, None)
    refused("^n_threads must be a positive int or None", pf.kernels.diagonal_gradient, **good, n_threads=0)
