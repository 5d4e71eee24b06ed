"""FORCE: what the network hears is its own output, and its read-out is recursive least squares on its states."""

import pickle

import numpy as np
import pytest
from helpers import refused, same
from scipy import sparse

import pushforward as pf
from pushforward.errors import DivergenceError
from pushforward.readout import FORCE
from pushforward.reference import force

N, N_STEPS = 20, 60
KINDS = ["float32", "float64", "complex64", "complex128"]
every_kind = pytest.mark.parametrize("kind", KINDS)


def tight(kind):
    return 1e-3 if kind in ("float32", "complex64") else 1e-9


def problem(kind, n_inputs=0, n_outputs=2):
    rng = np.random.default_rng(0)

    def draw(*shape):
        parts = rng.normal(size=shape), rng.normal(size=shape)
        return (parts[0] + 1j * parts[1] if kind.startswith("c") else parts[0]).astype(kind)

    arguments = {"W_rec": draw(N, N) / 9, "W_feedback": draw(N, n_outputs), "bias": draw(N) / 4}
    if n_inputs:
        arguments["W_in"] = draw(N, n_inputs)
    t = np.arange(N_STEPS)[:, None]
    Y = (np.sin(t / 5 + np.arange(n_outputs)) * (1 + (0.5j if kind.startswith("c") else 0))).astype(kind)
    return arguments, draw(N_STEPS, n_inputs) if n_inputs else None, Y


def near(actual, expected, relative):
    assert np.linalg.norm(actual - expected) <= relative * np.linalg.norm(expected)


def everything(model):
    state = dict(model.__getstate__())
    facts, arrays = state.pop("_file", ({}, {}))
    return {"facts": facts, "arrays": arrays, "given": sorted(state)}


@every_kind
@pytest.mark.parametrize(
    "settings", [{}, {"noise": 0.1, "leak_rate": 0.3}, {"intercept": True, "forgetting": 0.99, "activation": "sigmoid"}], ids=repr
)
@pytest.mark.parametrize("n_inputs", [0, 2])
def test_twin(kind, settings, n_inputs, isa):
    arguments, X, Y = problem(kind, n_inputs)
    model = FORCE(**arguments, dtype=kind, ridge=1.0, random_state=5, **settings)
    outputs = model.run(X, Y)
    wide = {name: a.astype(np.result_type(a.dtype, np.float64)) for name, a in arguments.items()}
    inputs = None if X is None else X.astype(np.result_type(X.dtype, np.float64))
    expected = force(**wide, targets=Y.astype(np.result_type(kind, np.float64)), inputs=inputs, ridge=1.0, seed=5, **settings)
    near(outputs, expected[0], tight(kind))
    near(model.W_out_, expected[1], tight(kind))
    near(model.b_out_, expected[2], tight(kind))
    near(model.state_, expected[3], tight(kind))
    assert model.W_out_.dtype == model.state_.dtype == outputs.dtype == np.dtype(kind)


@every_kind
def test_to_the_bit_however_the_steps_come(kind):
    arguments, X, Y = problem(kind, 2)
    whole, halves, steps = (FORCE(**arguments, noise=0.1, dtype=kind) for _ in range(3))
    outputs = whole.run(X, Y)
    first = halves.run(X[:25], Y[:25])
    halves = pickle.loads(pickle.dumps(halves))
    np.testing.assert_array_equal(np.concatenate([first, halves.run(X[25:], Y[25:])]), outputs)
    np.testing.assert_array_equal([steps.step(x, y) for x, y in zip(X, Y, strict=True)], outputs)
    same(everything(steps), everything(whole))


@every_kind
def test_simulate_goes_on_by_itself_and_changes_nothing(kind):
    arguments, X, Y = problem(kind, 2)
    model = FORCE(**arguments, noise=0.1, dtype=kind)
    last = model.run(X, Y)[-1]
    before = everything(model)
    free = model.simulate(15, X[:15])
    same(everything(model), before)
    s, W_out, b_out = model.state_, model.W_out_, model.b_out_
    for t in range(15):
        a = arguments["W_rec"] @ s + arguments["W_in"] @ X[t] + arguments["bias"] + arguments["W_feedback"] @ last
        s = np.tanh(a.real) + 1j * np.tanh(a.imag) if kind.startswith("c") else np.tanh(a)
        last = W_out @ s + b_out
        near(free[t], last, 1e-2 if tight(kind) > 1e-6 else 1e-9)


def test_saved_and_loaded_to_the_bit(tmp_path):
    arguments, _, Y = problem("float64", n_outputs=1)
    arguments["W_rec"] = sparse.csr_array(np.where(np.abs(arguments["W_rec"]) > 0.2, arguments["W_rec"], 0))
    model = FORCE(**arguments, noise=0.1)
    model.run(None, Y[:30, 0])
    model.save(tmp_path / "m.safetensors")
    other = pf.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(other.simulate(9), model.simulate(9))
    np.testing.assert_array_equal(other.run(None, Y[30:, 0]), model.run(None, Y[30:, 0]))
    assert model.step(None, 0.5).shape == other.step(None, np.float64(0.5)).shape == model.simulate(3)[0].shape == ()
    same(everything(other), everything(model))


def test_reset_state_keeps_what_was_learnt():
    arguments, _, Y = problem("float64")
    model = FORCE(**arguments)
    model.run(None, Y)
    W = model.W_out_
    assert not model.reset_state().state_.any()
    np.testing.assert_array_equal(model.W_out_, W)
    s = np.tanh(arguments["bias"])
    near(model.step(None, Y[0]), W @ s, 1e-9)


@pytest.mark.slow
def test_learns_a_pattern_that_it_then_makes_by_itself():
    rng = np.random.default_rng(1)
    W_rec, W_feedback = 1.3 * rng.normal(size=(300, 300)) / 300**0.5, rng.uniform(-1, 1, (300, 1))
    y = np.sin(np.arange(9000) / 10) + np.sin(np.arange(9000) / 5) / 2
    model = FORCE(W_rec, W_feedback, bias=rng.normal(size=300) / 10, leak_rate=0.3)
    outputs = model.run(None, y[:6000])
    assert np.abs(outputs[20:1000] - y[20:1000]).max() < 0.2  # close from the first steps on
    free = model.simulate(1500)
    assert np.sqrt(np.mean((free - y[6000:7500]) ** 2)) < 0.1


def test_divergence_names_the_step_and_leaves_the_state():
    arguments, _, Y = problem("float64")
    model = FORCE(**{**arguments, "W_rec": 2e3 * arguments["W_rec"]}, activation="identity")
    with pytest.raises(DivergenceError, match="at step") as caught:
        model.run(None, np.tile(Y, (20, 1)))
    assert caught.value.step > 1
    assert np.isfinite(model.W_out_).all()
    assert not model.state_.any()


@pytest.mark.parametrize("built", [False, True])
def test_bad_input_changes_nothing(built):
    arguments, X, Y = problem("float64", 2)
    model = FORCE(**arguments)
    if built:
        model.run(X, Y)
    before = everything(model)
    bad = Y.copy()
    bad[4, 1] = np.nan
    refused("targets must be finite, got nan at series 0, step 4, column 1", model.run, X, bad)
    refused("X must be given", model.run, None, Y)
    refused("X must have shape", model.run, X[:-1], Y)
    refused("Y must be", model.run, X, Y[:, 0])
    refused("Y must be real", model.run, X, Y * 1j)
    refused("x must be float64", model.step, X[0].astype("float32"), Y[0])
    if built:
        refused("n_steps", model.simulate, 0, X)
        refused("X must be given", model.simulate, 10)
    same(everything(model), before)


@pytest.mark.parametrize(("change", "message"), [
    ({"W_rec": np.ones((3, 3))}, r"W_rec must be \(20, 20\)"), ({"W_rec": np.full((N, N), np.nan)}, "W_rec must be finite"),
    ({"W_feedback": np.ones(N)}, "W_feedback must be"), ({"bias": np.ones(3)}, r"bias must have shape \(20,\)"), ({"leak_rate": 0.0}, "leak_rate"),
    ({"leak_rate": np.ones(3)}, "leak_rate"), ({"activation": "sine"}, "activation"), ({"noise": -1.0}, "noise"), ({"ridge": 0.0}, "ridge"),
    ({"forgetting": 2.0}, "forgetting"), ({"dtype": "int8"}, "dtype"), ({"random_state": -1}, "random_state"), ({"intercept": None}, "intercept"),
    ({"W_in": np.ones((3, 1))}, "W_in must have shape"), ({"W_rec": np.ones((N, N), "float32")}, "W_rec must be float64"),
], ids=repr)  # fmt: skip
def test_settings_are_checked(change, message):
    arguments, _, Y = problem("float64")
    model = FORCE(**{**arguments, **change})
    refused(message, model.run, None, Y)
    assert not model._is_built()
