"""Lyapunov exponents of models: in closed form where units are diagonal or linear, else from Jacobians made in another way."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.diagnostics import echo_state_index, lyapunov
from pushforward.diagnostics._driven import CellOrbit, PoleOrbit, ReservoirOrbit
from pushforward.diagnostics._lift_tangents import lift_tangents
from pushforward.reference.cells import dynamics_jacobian, step


def by_jacobians(jacobians, k):
    """Exponents a step of a product of Jacobians, by QR after every step, from the first on."""
    V, logs = np.linalg.qr(np.random.default_rng(1).normal(size=(len(jacobians[0]), k)))[0], []
    for D in jacobians:
        V, R = np.linalg.qr(D @ V)
        logs.append(np.log(np.abs(np.diag(R))))
    return np.mean(logs[len(logs) // 10 :], axis=0)


def same_steps(orbit, jacobians, tolerance):
    """Tangent vectors go as these Jacobians take them, for 20 steps; exponents alone would not show what layers say to those above."""
    assert (orbit.n_orbits, orbit.n_state) == (1, len(jacobians[0]))
    for D in jacobians[:20]:
        V = np.random.default_rng(2).normal(size=(len(D), 2))
        np.testing.assert_allclose(orbit.advance(V[None], 1)[0], D @ V, atol=tolerance * np.abs(D @ V).max())


# -- cells -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [*pf.cells.CELLS, "stack"])
def test_a_cell_has_the_exponents_of_its_jacobians(rng, cell, dtype):
    """The product backwards against that of the twin's D_t, forwards."""
    chosen = pf.cells.stack(["elman", "gru"], n_inputs=2, n_units=3) if cell == "stack" else cell
    X = rng.normal(size=(600, 2)).astype(dtype)
    settings = {"dt": 0.1} if cell == "neural_ode" else {}
    settings |= {} if cell == "stack" else {"n_units": 4}
    model = pf.RecurrentRegressor(cell=chosen, dtype=dtype.name, **settings).partial_fit(X, X[:, :1])
    theta, own = model.theta_.astype(float), model.cell_
    s, jacobians = np.zeros(own.n_state), []
    for x in X.astype(float):
        jacobians.append(dynamics_jacobian(own, theta, s, x))
        s = step(own, theta, s, x)
    n_steps = 200
    same_steps(CellOrbit(model, model._inputs(X), n_steps), [D.T for D in jacobians[:n_steps][::-1]], 1e-3 if dtype == np.float32 else 1e-10)
    k = min(3, own.n_state)
    found = lyapunov(model, X, n_exponents=k)
    expected = by_jacobians(jacobians, k)
    np.testing.assert_allclose(found.exponents, expected, atol=0.03 * max(1, np.abs(expected).max()))
    assert (found.driven, found.n_state, found.unit) == (True, own.n_state, "step")


def test_a_linear_cell_has_the_eigenvalues_of_its_weights(rng):
    X = rng.normal(size=(2000, 1))
    model = pf.RecurrentRegressor(n_units=5, cell="linear", dtype="float64").partial_fit(X[:50], X[:50])
    expected = np.sort(np.log(np.abs(np.linalg.eigvals(model.cell_.unpack(model.theta_)["W_rec"]))))[::-1]
    found = lyapunov(model, X, dt=0.5)
    np.testing.assert_allclose(found.exponents, expected / 0.5, atol=0.02)
    assert found.exponents.sum() == pytest.approx(expected.sum() / 0.5, rel=1e-10)


def test_tokens_and_noise(rng):
    tokens = rng.integers(3, size=300)
    model = pf.RecurrentClassifier(n_units=4, dtype="float64").partial_fit(tokens, np.roll(tokens, 1))
    assert lyapunov(model, tokens).verdict == "contracting"
    X = rng.normal(size=(300, 1))
    noisy, quiet = (pf.cells.NeuralODE(1, 3, dt=0.1, noise=noise) for noise in (5.0, 0.0))
    found = []
    for cell in (noisy, quiet):
        model = pf.RecurrentRegressor(cell=cell, dtype="float64", optimizer=pf.SGD(learning_rate=0.0)).partial_fit(X, X)
        found.append(lyapunov(model, X).exponents)
    np.testing.assert_array_equal(*found)  # noise is left out


# -- reservoirs, poles, diagonal networks --------------------------------------------------------------------------------------


def test_a_linear_reservoir_has_the_eigenvalues_of_its_weights(rng):
    W = rng.normal(size=(6, 6)) / 3
    leak = 0.4
    layer = {"W_rec": W, "W_in": np.ones((6, 1)), "bias": None, "activation": "identity", "leak_rate": leak}
    expected = np.sort(np.log(np.abs(np.linalg.eigvals((1 - leak) * np.eye(6) + leak * W))))[::-1]
    found = lyapunov(layer, rng.normal(size=(3000, 1)))
    np.testing.assert_allclose(found.exponents, expected, atol=0.01)
    assert found.exponents.sum() == pytest.approx(expected.sum(), rel=1e-9)


@pytest.mark.parametrize("kind", ["float32", "float64", "complex128"])
def test_a_deep_leaky_reservoir_has_the_exponents_of_differences(rng, kind):
    """Jacobians of two layers, one of them ES²N-like with a skip, by central differences in real numbers."""
    parts = 2 if kind == "complex128" else 1
    X = rng.normal(size=(300, 2)).astype(kind)
    W = [pf.reservoirs.random(n, spectral_radius=0.9, random_state=n, dtype=kind, connectivity=0.5) for n in (4, 3)]
    skip = pf.reservoirs.orthogonal(4, spectral_radius=1.0, dtype=kind, random_state=1)
    ins = [rng.normal(size=shape).astype(kind) for shape in ((4, 2), (3, 4))]
    layers = [
        {"W_rec": W[0], "W_in": ins[0], "bias": 0.1 * np.ones(4, kind), "leak_rate": 0.6, "W_skip": skip},
        {"W_rec": W[1], "W_in": ins[1], "bias": None, "leak_rate": 0.3, "activation": "sigmoid"},
    ]
    wide = np.complex128 if parts == 2 else np.float64
    as_wide = [{key: (v.astype(wide) if hasattr(v, "astype") else v) for key, v in layer.items()} for layer in layers]

    def both(s, x):
        z = s[:7] + 1j * s[7:] if parts == 2 else s
        first = pf.reference.reservoir_states(**as_wide[0], inputs=x[None], state=z[:4])[0]
        second = pf.reference.reservoir_states(**as_wide[1], inputs=first[None], state=z[4:])[0]
        z = np.concatenate([first, second])
        return np.concatenate([z.real, z.imag]) if parts == 2 else z

    s, jacobians, h = np.zeros(7 * parts), [], 1e-6
    for x in X.astype(wide):
        jacobians.append(np.array([(both(s + e, x) - both(s - e, x)) / (2 * h) for e in h * np.eye(7 * parts)]).T)
        s = both(s, x)
    same_steps(ReservoirOrbit(layers, X), jacobians, 1e-4 if kind == "float32" else 1e-7)
    found = lyapunov(layers, X, n_exponents=4, transient=30)
    np.testing.assert_allclose(found.exponents, by_jacobians(jacobians, 4), atol=0.02)
    assert found.n_state == 7 * parts


def test_the_largest_exponent_is_the_rate_at_which_trajectories_meet(rng):
    X = rng.normal(size=(600, 1))
    good, bad = (pf.EchoStateRegressor(n_units=80, spectral_radius=r, input_scaling=0.05, random_state=0).fit(X, X[:, 0]) for r in (0.8, 3.0))
    assert lyapunov(good, X).exponents[0] == pytest.approx(np.log(echo_state_index(good, X).rate), abs=0.02)
    assert lyapunov(good, X).verdict == "contracting"
    found = lyapunov(bad, X)
    assert found.verdict == "chaotic"
    assert not echo_state_index(bad, X).fading_memory
    assert "NO fading memory" in found.summary()


@pytest.mark.parametrize("kind", ["float64", "complex128"])
def test_poles_are_their_own_exponents(rng, kind):
    X = rng.normal(size=(4000, 1)).astype(kind)
    poles = np.array([0.9 * np.exp(0.7j), 0.9 * np.exp(-0.7j), 0.6, -0.3])
    model = pf.FixedPoleRegressor(poles=poles, dtype=kind).fit(X[:50], X[:50, 0])
    expected = np.log(np.abs(poles if kind == "float64" else np.repeat(poles, 2)))
    np.testing.assert_allclose(lyapunov(model, X).exponents, np.sort(expected)[::-1], atol=2e-3)


@pytest.mark.parametrize(("kind", "poles"), [("float64", [0.8 + 0.3j, 0.8 - 0.3j, 0.5]), ("float64", [0.9, 0.5]), ("complex128", [0.8 + 0.3j, 0.5])])
def test_poles_with_an_activation_have_the_exponents_of_differences(rng, kind, poles):
    X = rng.normal(size=(400, 1)).astype(kind)
    model = pf.FixedPoleRegressor(poles=poles, activation="tanh", bias_scaling=0.5, dtype=kind).fit(X, X[:, 0])
    states, n, h = model.states(X), len(poles), 1e-6
    parts = 2 if kind == "complex128" else 1

    def after(s, x):
        z = s[:n] + 1j * s[n:] if parts == 2 else s
        model._network.set_states(np.ascontiguousarray(np.stack([z.real, z.imag], -1) if parts == 2 else z[:, None])[None])
        z = model.states(x[None], state="current")[0]
        return np.concatenate([z.real, z.imag]) if parts == 2 else z

    flat = np.concatenate([states.real, states.imag], axis=1) if parts == 2 else states
    before = np.concatenate([np.zeros((1, n * parts)), flat[:-1]])
    np.testing.assert_allclose(after(before[7], X[7]), flat[7], rtol=1e-12)
    jacobians = [np.array([(after(s + e, x) - after(s - e, x)) / (2 * h) for e in h * np.eye(n * parts)]).T for s, x in zip(before, X, strict=True)]
    same_steps(PoleOrbit(model, X), jacobians, 1e-7)
    k = n * parts
    np.testing.assert_allclose(lyapunov(model, X, transient=40).exponents, by_jacobians(jacobians, k), atol=0.01)


def test_units_of_a_diagonal_network_are_directions_of_their_own(rng):
    X = rng.normal(size=(200, 2))
    model = pf.DiagonalRNN(n_units=8, alpha=0.7, n_iterations=2, random_state=0).fit(X[None], X[None, :, 0])
    H, w, logs = np.zeros(8), model.w_, []
    for x in X:
        H = np.tanh(w * H + model.U_ @ x)
        logs.append(np.log(np.abs(w) * (1 - H**2)))
    np.testing.assert_allclose(lyapunov(model, X, transient=20).exponents, np.sort(np.mean(logs[20:], axis=0))[::-1], rtol=1e-12)


# -- models on their own -------------------------------------------------------------------------------------------------------

DICTIONARIES = [
    pf.koopman.Identity(), pf.koopman.Monomials(3), pf.koopman.Monomials(3, min_degree=0), pf.koopman.Monomials(4, min_degree=2),
    pf.koopman.Sampled(7), pf.koopman.Sampled(7, activation="sigmoid"), pf.koopman.RandomFourier(7),
    pf.koopman.Custom(lambda z: np.sin(z[:, :2] * z[:, 1:])),
    *(pf.koopman.RadialBasis(5, profile) for profile in ("gaussian", "multiquadric", "inverse_multiquadric", "thin_plate")),
]  # fmt: skip


@pytest.mark.parametrize("dictionary", DICTIONARIES, ids=lambda d: repr(d)[:40])
def test_tangents_of_a_lift_are_those_of_differences(rng, dictionary):
    from pushforward.koopman._lift import Lift

    Z, V, h = rng.normal(size=(30, 3)), rng.normal(size=(30, 3, 2)), 1e-6
    lift = Lift(dictionary.fit(Z, rng=0), include_state=True, include_constant=True)
    expected = np.stack([(lift(Z + h * V[:, :, j]) - lift(Z - h * V[:, :, j])) / (2 * h) for j in range(2)], axis=2)
    np.testing.assert_allclose(lift_tangents(lift, Z, V), expected, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize(
    "settings", [{}, {"n_delays": 2}, {"n_delays": 3, "delay_compression": 4}, {"target": "state"}, {"n_delays": 1, "dtype": "float32"}]
)
def test_a_linear_system_learnt_has_its_own_exponents(rng, settings):
    """h[t+1] = R h[t] on a circle: neutral, and with delays what the companion matrix of the fit has."""
    t = 0.3 * np.arange(400)[:, None]
    X = np.concatenate([np.cos(t), np.sin(t)], axis=1).astype(settings.get("dtype", "float64"))
    model = pf.KoopmanRegressor(pf.koopman.Identity(), **settings).fit(X)
    found = lyapunov(model, X, n_steps=400, n_starts=4)
    assert found.verdict == "neutral"
    np.testing.assert_allclose(found.exponents[:2], 0.0, atol=1e-4)
    assert found.n_state == 2 * (1 + settings.get("n_delays", 0))


def test_a_loop_with_delays_has_the_exponents_of_differences():
    """600 steps: what rounding errors differ by at first has not grown to anything yet."""
    X = pf.datasets.lorenz63(4000, dt=0.05)
    model = pf.SampledRNN(n_units=150, n_delays=1, delay_compression=4, random_state=0).fit(X)
    history, jacobians, h = X[-2:].copy(), [], 1e-5
    for _ in range(600):
        e = history[::-1].ravel()
        rows = np.concatenate([e + h * np.eye(6), e - h * np.eye(6)]).reshape(12, 2, 3)[:, ::-1]
        ahead = model.simulate(np.ascontiguousarray(rows), 1)[:, 0]
        jacobians.append(np.block([[((ahead[:6] - ahead[6:]) / (2 * h)).T], [np.eye(3), np.zeros((3, 3))]]))
        history = np.concatenate([history[1:], model.simulate(history, 1)])
    found = lyapunov(model, X[-2:], n_exponents=2, transient=60, n_steps=540)
    assert found.n_orbits == 1
    np.testing.assert_allclose(found.exponents, by_jacobians(jacobians, 2), atol=2e-3)


@pytest.mark.slow
def test_a_model_of_lorenz_is_as_chaotic_as_lorenz():
    """0.9056 per second (literature); 64 orbits of 40 s have a standard error of some 0.007, and the model its own errors: 0.03."""
    X = pf.datasets.lorenz63(8000, dt=0.02)
    model = pf.SampledRNN(n_units=200, random_state=0).fit(X)
    found = lyapunov(model, X, dt=0.02)
    assert found.exponents[0] == pytest.approx(0.9056, abs=0.03)
    assert found.exponents[1] == pytest.approx(0.0, abs=0.02)
    assert found.exponents.sum() == pytest.approx(-(10 + 1 + 8 / 3), abs=0.3)
    assert found.verdict == "chaotic"
    assert found.standard_error[0] < 0.012


def test_inputs_move_states_and_not_directions(rng):
    U = rng.normal(size=(700, 1))
    X = np.zeros((700, 2))
    for t in range(699):
        X[t + 1] = [0.9 * X[t, 0] + 0.1 * X[t, 1], 0.5 * X[t, 1] + U[t, 0]]
    model = pf.KoopmanRegressor(pf.koopman.Identity()).fit(X, U)
    found = lyapunov(model, X, inputs=U, n_steps=500, transient=200)
    np.testing.assert_allclose(np.exp(found.exponents), [0.9, 0.5], atol=2e-3)
    assert found.driven
    refused("inputs must be given exactly", lyapunov, model, X)
    refused("inputs must have 1 columns", lyapunov, model, X, inputs=U[:600], n_steps=500, transient=200)
    refused("inputs must be one series", lyapunov, model, X, inputs=np.stack([U, U]), n_steps=500, transient=200)
    refused("X must be states of 2 numbers", lyapunov, model, X[:, :1], inputs=U)


def test_operators_learnt_online(rng):
    t = 0.3 * np.arange(300)[:, None]
    X = 0.99 ** np.arange(300)[:, None] * np.concatenate([np.cos(t), np.sin(t)], axis=1)
    model = pf.koopman.OnlineEDMD(pf.koopman.Identity(), n_state=2).fit(X)
    np.testing.assert_allclose(lyapunov(model, X).exponents, np.log(0.99), atol=1e-3)


def test_a_model_that_runs_away_is_named(rng):
    x = np.linspace(1.0, 3.0, 60)[:, None]
    model = pf.KoopmanRegressor(pf.koopman.Monomials(2)).fit(np.concatenate([x, x**2 + 1]).reshape(2, 60, 1).transpose(1, 0, 2))
    with pytest.raises(pf.DivergenceError, match="run on its own"):
        lyapunov(model, [[2.0]])


def test_what_is_no_model_is_named(rng):
    X = rng.normal(size=(30, 1))
    refused("model_or_system must be", lyapunov, pf.kernels.Ridge().fit(X, X), X)
    refused("model_or_system must be", lyapunov, object(), X)
    refused("X must be one series", lyapunov, pf.RecurrentRegressor(n_units=2, dtype="float64").partial_fit(X, X), X[None])
