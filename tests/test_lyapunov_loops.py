"""Lyapunov exponents of models that hear their own outputs: Jacobians against differences of simulate(), and systems whose exponents are known."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.diagnostics import lyapunov
from pushforward.diagnostics._output_loop import delay_loop_of, echo_loop_of
from pushforward.echo_state._reservoir import Stand


def wave(n_steps, dtype="float64", shift=0.0):
    """Two columns that a small model can go on with."""
    t = 0.3 * np.arange(n_steps) + shift
    x = np.stack([np.cos(t), np.sin(1.7 * t)], axis=1)
    return (x * np.exp(0.4j) + 0.1j if np.dtype(dtype).kind == "c" else x).astype(dtype)


def in_parts(z):
    return np.concatenate([z.real, z.imag], axis=1) if np.iscomplexobj(z) else z


def differences(after, e, V, h, at=0):
    """D V (n_state, k) by central differences of rows of states, from step ``at`` on."""
    ahead = after(np.concatenate([e + h * V.T, e - h * V.T]), at)
    return (ahead[: V.shape[1]] - ahead[V.shape[1] :]).T / (2 * h)


# -- echo state models ---------------------------------------------------------------------------------------------------------

OPTIONS = [
    {},
    {"include_inputs": False, "leak_rate": 0.4, "intercept": False},
    {"leak_rate": np.linspace(0.2, 1.0, 7), "activation": "sigmoid", "topology": "ring", "readout": "rls"},
    {"n_units": [6, 4, 3], "activation": ["tanh", "elu", "identity"], "leak_rate": [0.5, 0.8, 1.0], "noise": 0.01},
    {"n_units": [6, 4], "proximity": 0.3, "include_inputs": False},
    {"activation": "relu", "connectivity": 1.0},
    {"intrinsic_plasticity": "gaussian", "n_units": [5, 4]},
    {"feedback": True},
    {"feedback": True, "n_units": [6, 4], "include_inputs": False, "leak_rate": 0.6},
    {"dtype": "complex128", "leak_rate": 0.7},
    {"dtype": "complex128", "feedback": True, "n_units": [4, 3], "proximity": 0.5},
    {"dtype": "float32"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: ", ".join(o) or "default")
def test_tangents_are_those_of_differences_of_the_loop_itself(rng, options):
    """Three steps of simulate() from states beside that of the orbit, for six times three steps."""
    model = pf.EchoStateRegressor(**{"n_units": 7, "ridge": 1e-2, "washout": 10} | options)
    X, kind = wave(401, model.dtype), np.dtype(model.dtype)
    model.fit(X[:-1], X[1:])
    u = wave(60, model.dtype, 5.0) if model.feedback else None
    orbit = echo_loop_of(model, u, 1, 30, 30)
    n, (W, _), parts = orbit.n_units, model._weights, 2 if kind.kind == "c" else 1
    assert orbit.n_state == parts * (n + 2 * (model.include_inputs and not model.feedback))
    shift = orbit.y[:, 0] - W[:, :n] @ orbit.s[:, 0]  # what the states at the start say of outputs, with feedback

    def after(rows, at):
        E = (rows[:, : rows.shape[1] // 2] + 1j * rows[:, rows.shape[1] // 2 :] if parts == 2 else rows).astype(kind)
        s, count = np.ascontiguousarray(E[:, :n]), len(E)
        y = s @ W[:, :n].T + shift if model.feedback else np.ascontiguousarray(E[:, n:]) if model.include_inputs else None
        zeros = np.zeros(count, np.int64)
        model._stand = Stand(s, zeros, zeros, np.zeros((count, 2), kind), None if y is None else y.astype(kind))
        heard = None if u is None else np.ascontiguousarray(np.broadcast_to(u[at : at + 3], (count, 3, 2)))
        model.simulate(3, inputs=heard, advance=True)
        ahead = [model._stand.states, model._stand.outputs] if E.shape[1] > n else [model._stand.states]
        return in_parts(np.concatenate(ahead, axis=1)).astype(np.float64)

    h, close = (1e-3, 2e-3) if kind == np.float32 else (1e-6, 1e-6)
    for at in range(0, 18, 3):
        e = in_parts(np.concatenate([orbit.s, orbit.y])[: orbit.n_numbers].T)
        V = rng.normal(size=(orbit.n_state, 3))
        expected, reached = differences(after, e, V, h, at), after(e, at)
        found = orbit.advance(V[None], 3)[0]
        np.testing.assert_allclose(found, expected, atol=close * np.abs(expected).max())
        assert np.abs(expected).max() > 1e-3
        e = in_parts(np.concatenate([orbit.s, orbit.y])[: orbit.n_numbers].T)
        np.testing.assert_allclose(e, reached, atol=1e-5 if kind == np.float32 else 1e-12)
        if u is not None:
            shift = orbit.y[:, 0] - W[:, :n] @ orbit.s[:, 0]


def test_a_linear_loop_has_the_eigenvalues_of_its_matrix():
    """s' = W s + W_in y, y' = W_s s' + W_x y: neutral, as is the wave that it was fitted to."""
    X = wave(400)
    model = pf.EchoStateRegressor(n_units=5, activation="identity", bias_scaling=0.0, washout=50).fit(X[:-1], X[1:])
    (layer,), (W_out, _) = model._reservoir_layers(), model._weights
    W, W_in, W_s, W_x = layer["W_rec"], layer["W_in"], W_out[:, :5], W_out[:, 5:]
    W = W.toarray() if hasattr(W, "toarray") else W
    D = np.block([[W, W_in], [W_s @ W, W_s @ W_in + W_x]])
    values = np.abs(np.linalg.eigvals(D))
    found = lyapunov(model, n_exponents=4, n_starts=2, n_steps=1000, transient=100)
    np.testing.assert_allclose(found.exponents, np.sort(np.log(values))[::-1][:4], atol=2e-3)
    assert (found.verdict, found.n_state, found.driven) == ("neutral", 7, False)


def test_a_reservoir_that_learnt_lorenz_is_as_chaotic_as_lorenz():
    """0.9056 per second (literature); 16 pieces of 55 s have a standard error of some 0.007, and the model its own errors: 0.03."""
    X = pf.datasets.lorenz63(2501, dt=0.05)
    model = pf.EchoStateRegressor(n_units=200).fit(X[:-1], X[1:])
    before = model.state_
    found = lyapunov(model, n_exponents=2, dt=0.05, n_steps=1100, transient=200)
    assert found.exponents[0] == pytest.approx(0.9056, abs=0.03)
    assert found.exponents[1] == pytest.approx(0.0, abs=0.015)  # along the flow
    assert (found.verdict, found.driven, found.n_orbits, found.n_state) == ("chaotic", False, 16, 203)
    assert found.standard_error[0] < 0.012
    assert lyapunov(model, X[:300], n_exponents=1).verdict == "contracting"  # driven, it forgets: another question
    np.testing.assert_array_equal(model.state_, before)


def test_starts_are_where_the_series_stand_and_where_they_go():
    X = np.stack([wave(300), wave(300, shift=2.0)])
    model = pf.EchoStateRegressor(n_units=12, ridge=1e-6).fit(X[:, :-1], X[:, 1:])
    goes_on = model.simulate(201)
    np.testing.assert_allclose(echo_loop_of(model, None, 6, 100, 0).y.T, goes_on[:, ::100].transpose(1, 0, 2).reshape(6, 2), rtol=1e-12)
    np.testing.assert_allclose(echo_loop_of(model, None, 1, 100, 0).y.T, goes_on[:1, 0], rtol=1e-12)
    assert lyapunov(model, n_exponents=1, n_steps=50, transient=10).n_orbits == 16
    assert lyapunov(model.reset_state().partial_fit(X[0, :-1], X[0, 1:]), n_exponents=1, n_steps=50, n_starts=3).n_orbits == 3


def test_inputs_drive_a_loop_with_feedback(rng):
    """y ← s + …, s ← 0.5 s + w y of one linear unit: what comes back counts, which the driven run leaves out."""
    U, target = rng.normal(size=(700, 1)), rng.normal(size=(700, 1))
    model = pf.EchoStateRegressor(n_units=1, activation="identity", topology=[[0.5]], feedback=True, feedback_scaling=0.4).fit(U, target)
    back = float(model._reservoir_layers()[0]["W_feedback"][0, 0] * model.W_out_[0, 0])
    found = lyapunov(model, inputs=U, n_steps=400, transient=100)
    assert found.exponents[0] == pytest.approx(np.log(abs(0.5 + back)), abs=1e-9)
    assert lyapunov(model, U).exponents[0] == pytest.approx(np.log(0.5), abs=1e-9)
    assert abs(back) > 1e-3
    assert found.driven
    refused("inputs must be given with feedback=True", lyapunov, model)
    refused("row for each of transient .* = 2500 steps", lyapunov, model, inputs=U)
    refused("one series of 1 columns", lyapunov, model, inputs=np.ones((2500, 2)))
    refused("one series of 1 columns .* got list of ", lyapunov, model, inputs=[U, U[:300]])
    refused("inputs belong to", lyapunov, model, U, inputs=U)
    assert lyapunov(model, inputs=U, n_steps=np.int16(400), transient=np.int8(100)).exponents == pytest.approx(found.exponents, abs=1e-12)


# -- delayed inputs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"n_delays": 1, "order": 1}, {"n_delays": 3, "stride": 2, "order": (2, 3), "predict_increment": True}, {"dtype": "complex128", "order": 3}],
)
def test_tangents_of_delays_are_those_of_differences(rng, options):
    model = pf.nvar.NVARRegressor(ridge=1e-2, **options)
    X = wave(300, model.dtype)
    model.fit(X[:-1], X[1:])
    orbit = delay_loop_of(model, X, 1)
    shape, h = orbit.x.shape[1:], 1e-6

    def after(rows, at=0):
        E = rows[:, : rows.shape[1] // 2] + 1j * rows[:, rows.shape[1] // 2 :] if orbit.complex else rows
        windows = np.ascontiguousarray(E).reshape(-1, *shape)
        whole = np.concatenate([windows, model.simulate(3, warmup=windows)], axis=1)
        return in_parts(whole[:, 3:].reshape(len(E), -1))

    for _ in range(4):
        e, V = in_parts(orbit.x.reshape(1, -1)), rng.normal(size=(orbit.n_state, 3))
        expected, reached = differences(after, e, V, h), after(e)
        np.testing.assert_allclose(orbit.advance(V[None], 3)[0], expected, atol=1e-6 * np.abs(expected).max())
        np.testing.assert_allclose(in_parts(orbit.x.reshape(1, -1)), reached, atol=1e-12)


def test_henon_learnt_from_its_first_number_shrinks_areas_by_b():
    """x[t+1] = 1 − 1.4 x[t]² + 0.3 x[t−1] is such a model: the determinant is −0.3 everywhere, the largest exponent 0.419."""
    x = np.zeros((1001, 1))
    for t in range(2, len(x)):
        x[t] = 1 - 1.4 * x[t - 1] ** 2 + 0.3 * x[t - 2]
    model = pf.nvar.NVARRegressor(n_delays=2, ridge=1e-12).fit(x[:-1], x[1:])
    found = lyapunov(model, x, n_steps=1000, n_starts=16, transient=50)
    assert found.exponents.sum() == pytest.approx(np.log(0.3), abs=1e-6)
    assert found.exponents[0] == pytest.approx(0.419, abs=0.01)
    assert (found.verdict, found.n_state, found.n_orbits) == ("chaotic", 2, 16)
    assert lyapunov(model, n_steps=50, transient=10).n_orbits == 1  # where the stream stands


# -- mistakes ------------------------------------------------------------------------------------------------------------------


def test_mistakes_are_named():
    X, esn, nvar = wave(300), pf.EchoStateRegressor(n_units=5), pf.nvar.NVARRegressor(n_delays=3)
    refused("seen no data yet", lyapunov, esn)
    refused("seen no data yet", lyapunov, nvar)
    refused("as many outputs as inputs to run on its own, got 1 outputs for 2 inputs; X would drive", lyapunov, esn.fit(X, X[:, 0]))
    refused("as many outputs as inputs to run on its own, got 1 outputs for 2 inputs", lyapunov, nvar.fit(X, X[:, 0]), X)
    esn.fit(X[:-1], X[1:])
    nvar.fit(X[:-1], X[1:])
    refused("inputs must not be given without feedback", lyapunov, esn, inputs=X)
    refused("n_exponents must be at most n_state = 7", lyapunov, esn, n_exponents=8)
    refused("series under way", lyapunov, esn.reset_state())
    refused("the stream of the model must have at least .* = 3 steps, got 0", lyapunov, nvar.reset_state())
    refused("X must have at least .* = 3 steps, got 2", lyapunov, nvar, X[:2])
    refused("X must have 2 columns", lyapunov, nvar, X[:, :1])
    refused("inputs belong to", lyapunov, nvar, X, inputs=X)
    refused("X must be given", lyapunov, pf.EchoStateClassifier(n_units=5).fit(X, np.arange(300) % 2))
    refused("X must be given", lyapunov, {"W_rec": np.eye(2), "W_in": np.ones((2, 1)), "bias": None})
    esn.fit(X[:-1], X[1:]).set_params(leak_rate=0.5)
    refused("leak_rate was 1.0 when the model was built", lyapunov, esn)


def test_a_loop_that_runs_away_is_named():
    grows = 2.0 ** np.arange(30.0)[:, None]
    model = pf.EchoStateRegressor(n_units=3, activation="identity", washout=2, ridge=1e-6, bias_scaling=0.0).fit(grows[:-1], grows[1:])
    with pytest.raises(pf.DivergenceError, match="run on its own"):
        lyapunov(model)
    with pytest.raises(pf.DivergenceError, match="run on its own"):
        lyapunov(model, n_starts=1)
    assert lyapunov(model, n_starts=1, n_steps=200, transient=50).verdict == "unbounded"
    x = np.linspace(1.0, 3.0, 60)[:, None]
    with pytest.raises(pf.DivergenceError, match="run on its own"):
        lyapunov(pf.nvar.NVARRegressor(n_delays=1).fit(x, x**2 + 1), x)
