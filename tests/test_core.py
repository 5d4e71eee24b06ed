"""The raw extension: every function at every instruction set against wider arithmetic, its probes and switches, its own refusals."""

import itertools
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import pushforward as pf
from pushforward import _core

ACTIVATIONS = ["identity", "relu", "tanh", "sigmoid", "elu"]
SIZES = [1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100]


def arguments(dtype):
    """Numbers of every size, close to every change of regime, of both signs."""
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    spread = np.exp(rng.uniform(np.log(1e-12), np.log(120.0 if dtype == np.float32 else 800.0), size=20_000))
    special = [0.0, 1.0, 0.5, np.log(2) / 2, np.log(2), 20.0, info.tiny, info.smallest_subnormal, info.eps, info.max, np.inf]
    positive = np.concatenate([spread, np.linspace(0, 10, 4001), np.array(special)]).astype(dtype)
    return np.concatenate([positive, -positive])


def ulps(actual, exact):
    """Distance in units in the last place of the exact value, rounded to the type."""
    return np.abs(actual.astype(np.longdouble) - exact) / np.spacing(np.abs(exact.astype(actual.dtype))).astype(np.longdouble)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_within_two_ulp(activation, isa, dtype):
    a = arguments(dtype.type)
    wide = a.astype(np.longdouble)
    with np.errstate(over="ignore", under="ignore"):
        exact = {
            "identity": wide,
            "relu": np.maximum(wide, 0),
            "tanh": np.tanh(wide),
            "sigmoid": np.where(wide < 0, np.exp(np.minimum(wide, 0)) / (1 + np.exp(np.minimum(wide, 0))), 1 / (1 + np.exp(-np.maximum(wide, 0)))),
            "elu": np.where(wide > 0, wide, np.expm1(np.minimum(wide, 0))),
        }[activation]
        s, slope = _core.activate(activation, a)
        assert s.dtype == slope.dtype == dtype
        size = np.abs(exact)
        normal = (size >= np.finfo(dtype).tiny) & np.isfinite(size)
        assert ulps(s[normal], exact[normal]).max() <= 2
        assert np.all(np.abs(s[size < np.finfo(dtype).tiny]) <= np.finfo(dtype).tiny)
        np.testing.assert_array_equal(s[np.isinf(size)], exact[np.isinf(size)].astype(dtype))
        expected = {"identity": np.ones_like(s), "relu": s > 0, "tanh": 1 - s * s, "sigmoid": s * (1 - s), "elu": np.where(s > 0, 1, 1 + s)}
    np.testing.assert_allclose(slope, expected[activation], rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


def test_activations_where_there_is_only_one_answer(isa, dtype):
    inf, nan = np.inf, np.nan
    for activation, given, answer in [
        ("tanh", [0.0, -0.0, inf, -inf, nan], [0.0, -0.0, 1, -1, nan]),
        ("sigmoid", [0.0, inf, -inf, nan], [0.5, 1, 0, nan]),
        ("relu", [-0.0, -3, inf, -inf, nan], [0, 0, inf, 0, nan]),
        ("elu", [0.0, inf, -inf, nan], [0, inf, -1, nan]),
        ("identity", [0.0, inf, -inf, nan], [0, inf, -inf, nan]),
    ]:
        for repeat in (1, 5, 40):  # in a tail, in a register, in many
            s, _ = _core.activate(activation, np.repeat(np.array(given, dtype), repeat))
            np.testing.assert_array_equal(s, np.repeat(np.array(answer, dtype), repeat), err_msg=activation)
            if activation == "tanh":
                np.testing.assert_array_equal(np.signbit(s[~np.isnan(s)]), np.signbit(np.repeat(np.array(answer[:4]), repeat)))


def test_exp_within_two_ulp(isa, dtype):
    x = arguments(dtype.type)
    with np.errstate(over="ignore", under="ignore"):
        exact = np.exp(x.astype(np.longdouble))
        y = _core.exp(x)
        normal = (exact >= np.finfo(dtype).tiny) & (exact <= np.finfo(dtype).max)
        assert ulps(y[normal], exact[normal]).max() <= 2
        assert np.all(np.isinf(y[exact > 1.01 * np.finfo(dtype).max.astype(np.longdouble)]))
        assert np.all(y[exact < np.finfo(dtype).tiny] <= np.finfo(dtype).tiny)
    np.testing.assert_array_equal(_core.exp(np.array([0, np.inf, -np.inf, np.nan], dtype)), np.array([1, np.inf, 0, np.nan], dtype))


def test_matmul(isa, dtype, rng):
    for m, n, k in [*itertools.product([1, 5, 16, 33], repeat=3), (100, 3, 70), (2, 130, 9)]:
        A, B = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
        C = _core.matmul(A, B)
        assert C.dtype == dtype
        bound = (k + 4) * np.finfo(dtype).eps * (np.abs(A).astype("float64") @ np.abs(B))
        assert np.all(np.abs(C - A.astype(np.longdouble) @ B) <= bound)


def test_results_do_not_depend_on_where_an_array_ends(isa, dtype, rng):
    a = rng.normal(size=130).astype(dtype)
    whole = _core.activate("tanh", a)[0]
    for n in SIZES:
        np.testing.assert_array_equal(_core.activate("tanh", a[:n].copy())[0], whole[:n])


def test_instruction_sets():
    usable, before = _core.usable_isas(), _core.isa()
    assert len(usable) == len(set(usable)) >= 1
    assert before in usable
    try:
        for level in usable:
            _core.set_isa(level)
            assert _core.isa() == level
        with pytest.raises(ValueError, match=rf"isa must be one of {re.escape(', '.join(usable))} on this processor, got 'avx10'"):
            _core.set_isa("avx10")
        assert _core.isa() == usable[-1]
    finally:
        _core.set_isa(before)


@pytest.mark.slow
def test_the_environment_can_lower_the_instruction_set():
    def started(level):
        program = [sys.executable, "-c", "from pushforward import _core; print(_core.isa())"]
        return subprocess.run(program, env=os.environ | {"PUSHFORWARD_ISA": level}, capture_output=True, text=True, check=False)

    assert started("").stdout.strip() == _core.usable_isas()[0]
    for level in _core.usable_isas():
        assert started(level).stdout.strip() == level
    failed = started("x87")
    assert failed.returncode != 0
    assert "isa must be one of" in failed.stderr
    assert "'x87'" in failed.stderr


def test_fma_probe_counts_operations(isa):
    for single in (True, False):
        few, many = _core.fma_probe(10, single), _core.fma_probe(1000, single)
        assert np.isfinite(few)
        assert np.isfinite(many)


def test_build_info_and_processors():
    info = _core.build_info()
    assert info["cxx_standard"] >= 202002
    assert re.match(r"(gcc|clang) \d+", info["compiler"])
    assert info["sanitizer"] in ("", "address", "thread")
    assert 1 <= _core.available_cpus() <= (os.cpu_count() or 1)
    before = _core.default_threads()
    try:
        _core.set_default_threads(3)
        assert _core.default_threads() == 3
        for wrong in (0, -1):
            with pytest.raises(ValueError, match=f"n_threads must be at least 1, got {wrong}"):
                _core.set_default_threads(wrong)
        assert _core.default_threads() == 3
    finally:
        _core.set_default_threads(before)


def test_arrays_are_never_converted():
    with pytest.raises(TypeError, match="incompatible function arguments"):
        _core.activate("tanh", np.zeros(4, int))
    with pytest.raises(TypeError, match="incompatible function arguments"):
        _core.exp(np.zeros((8, 8))[:, ::2])
    with pytest.raises(TypeError, match="incompatible function arguments"):
        _core.matmul(np.zeros((2, 2)), np.zeros((2, 2), "float32"))
    with pytest.raises(ValueError, match="A and B must be matrices"):
        _core.matmul(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="activation must be one of identity, relu, tanh, sigmoid, elu, got 'gelu'"):
        _core.activate("gelu", np.zeros(3))


OPTIMIZER = {
    "kind": "sgd", "learning_rate": 0.1, "beta1": 0.0, "beta2": 0.0, "epsilon": 0.0, "weight_decay": 0.0, "clip_norm": 0.0, "schedule": "constant",
    "schedule_a": 0.0, "schedule_b": 0.0,
}  # fmt: skip
CELL = {"name": "elman", "n_inputs": 2, "n_units": 3, "activation": "tanh"}
CARRY = {"gradient": "rtrl", "carry_every": 2, "truncation": 0, "bounded_latency": False}
LEARNER = {
    "n_outputs": 1, "update_every": 1, "n_threads": 1, "loss": "squared_error", "weight_bound": 0.0, "readout_bound": 0.0, "optimizer": OPTIMIZER,
}  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "carry", "learner", "n_series", "message"),
    [
        ({"name": "elma"}, {}, {}, 1, "cell must be one of elman, linear, .*, stack, got 'elma'"),
        ({"n_units": 0}, {}, {}, 1, "n_units must be positive .*, got 0"),
        ({"n_inputs": -1}, {}, {}, 1, "n_inputs must be positive .*, got -1"),
        ({"n_inputs": 2**62}, {}, {}, 1, "n_inputs must be positive and at most 2\\^28, got 4611686018427387904"),
        ({"sources": [1, 1, 0, 2, 0, -1]}, {}, {}, 1, "sources must name each unit once a row, got 1 twice"),
        ({"sources": [-1, 1, 0, 2, 0, -1]}, {}, {}, 1, "sources must have the connections of a unit before its -1"),
        ({"sources": [3, -1, 0, 2, 0, -1]}, {}, {}, 1, "sources must lie in -1 … n_units - 1, got 3"),
        ({"name": "linear", "dt": -1.0}, {}, {}, 1, "dt must not be negative"),
        ({"name": "leaky", "leak_rate": 1.5}, {}, {}, 1, r"leak_rate must lie in \(0, 1\]"),
        ({"activation": "gelu"}, {}, {}, 1, "activation must be one of"),
        ({}, {"gradient": "bptt"}, {}, 1, "gradient must be one of rtrl, tbptt, .*, got 'bptt'"),
        ({}, {"gradient": "tbptt", "truncation": 1}, {"update_every": 2}, 1, r"truncation must be at least update_every \(2\), got 1"),
        ({}, {}, {"n_outputs": 0}, 1, "n_outputs must be positive, got 0"),
        ({}, {}, {"update_every": 0}, 1, "update_every must be positive, got 0"),
        ({}, {}, {"n_threads": 0}, 1, "n_threads must be positive, got 0"),
        ({}, {}, {"loss": "huber"}, 1, "loss must be one of squared_error, cross_entropy, got 'huber'"),
        ({}, {}, {"optimizer": OPTIMIZER | {"kind": "lion"}}, 1, "optimizer kind must be one of .*, got 'lion'"),
        ({}, {}, {"optimizer": OPTIMIZER | {"schedule": "cosine"}}, 1, "schedule must be one of .*, got 'cosine'"),
        ({}, {}, {"optimizer": {}}, 1, "settings: 'kind' is missing"),
        ({}, {}, {}, 0, "n_series must be positive, got 0"),
    ],
)
def test_a_learner_refuses_settings(cell, carry, learner, n_series, message):
    for kind in (_core.LearnerF32, _core.LearnerF64):
        with pytest.raises(ValueError, match=message):
            kind(CELL | cell, CARRY | carry, LEARNER | learner, n_series)


def test_an_open_step_keeps_its_feedback(rng):
    """Reading the influence would end the block in which the step lies: its loss would be lost."""
    for gradient in ("rtrl", "snap1", "uoro"):
        learner = _core.LearnerF64(CELL, CARRY | {"gradient": gradient}, LEARNER, 1)
        learner.set_parameters(rng.normal(size=18), rng.normal(size=(1, 3)), np.zeros(1))
        before = learner.parameters()[0]
        learner.step(rng.normal(size=(1, 2)), None)
        for call in (lambda kept: kept.influence(0), lambda kept: kept.set_influence(0, np.zeros((3, 18)))):
            with pytest.raises(ValueError, match="influence: the last step still waits for its feedback"):
                call(learner)
        learner.feedback(np.ones((1, 1)))
        assert np.any(learner.parameters()[0] != before)
        learner.influence(0)


def test_a_learner_checks_its_arrays(rng):
    learner = _core.LearnerF64(CELL, CARRY, LEARNER, 2)
    X, Y = rng.normal(size=(2, 5, 2)), rng.normal(size=(2, 5, 1))
    tokens = np.zeros((2, 5), np.int64)
    learner.run(X, None, Y, None, None)
    before = learner.export_state()
    for wrong, message in [
        ((None, None, Y, None, None), "X: give dense inputs or tokens, one of them"),
        ((X, tokens, Y, None, None), "X: give dense inputs or tokens, one of them"),
        ((X[:1].copy(), None, Y, None, None), r"X must have shape \(2, 5, 2\), got \(1, 5, 2\)"),
        ((X, None, None, tokens, None), "y must be real numbers for squared_error"),
        ((X, None, Y[:, :2].copy(), None, None), r"y must have shape \(2, 5, 1\), got \(2, 2, 1\)"),
        ((X, None, Y, None, np.ones((2, 4), bool)), r"mask must have shape \(2, 5\), got \(2, 4\)"),
    ]:
        for function in (learner.run, learner.gather):
            with pytest.raises(ValueError, match=message):
                function(*wrong)
    for index in (-1, 2, 10**9):
        for call in (learner.gradient, learner.influence, learner.reset, lambda i: learner.set_influence(i, np.zeros((3, 18)))):
            with pytest.raises(ValueError, match=f"series must lie in 0 … 1, got {index}"):
                call(index)
    for name, value in learner.export_state().items():
        np.testing.assert_array_equal(value, before[name])
    assert (learner.n_series, learner.n_steps, learner.n_updates, learner.carry_every) == (2, 5, 5, 2)
    assert learner.learning_rate == 0.1
    assert not learner.awaits_feedback


def test_what_a_learner_is_given_it_gives_back(rng):
    learner = _core.LearnerF64(CELL, CARRY, LEARNER, 2)
    parameters = rng.normal(size=18), rng.normal(size=(1, 3)), rng.normal(size=1)
    learner.set_parameters(*parameters)
    for a, b in zip(learner.parameters(), parameters, strict=True):
        np.testing.assert_array_equal(a, b)
    states, J = rng.normal(size=(2, 3)), rng.normal(size=(3, 18))
    learner.set_states(states)
    learner.set_influence(1, J)
    np.testing.assert_array_equal(learner.states(), states)
    np.testing.assert_array_equal(learner.influence(1), J)
    assert not np.any(learner.influence(0))
    outputs, last = learner.predict(None, np.zeros((2, 4), np.int64), states)
    assert (outputs.shape, last.shape) == ((2, 4, 1), (2, 3))
    twin = _core.LearnerF64(CELL, CARRY, LEARNER, 2)
    twin.import_state(learner.export_state())
    np.testing.assert_array_equal(twin.influence(1), J)
    np.testing.assert_array_equal(twin.parameters()[0], parameters[0])


def test_running_leaves_the_floating_point_unit_alone(dtype, rng):
    learner = (_core.LearnerF32 if dtype == np.float32 else _core.LearnerF64)(CELL, CARRY, LEARNER, 1)
    small = np.array([np.finfo(dtype).smallest_subnormal])
    learner.run(rng.normal(size=(1, 50, 2)).astype(dtype), None, np.zeros((1, 50, 1), dtype), None, None)
    assert (small * np.ones(1, dtype))[0] > 0  # denormal numbers are not flushed in the rest of the process


@pytest.mark.parametrize("chunk", [1, 3, 4, 11, 12])
@pytest.mark.parametrize("bound", [0.0, 0.8])
def test_a_block_longer_than_its_chunk_gives_the_same_influence(chunk, bound, rng):
    cell = pf.cells.Elman(2, 5, weight_bound=bound or None)
    theta, X = np.asarray(cell.init(0), np.float64), rng.normal(size=(1, 29, 2))  # two blocks of 12, and five steps
    optimizer = pf.SGD(learning_rate=0.0).config()
    core = _core.LearnerF64(
        {"name": "elman", "n_inputs": 2, "n_units": 5, "activation": "tanh"},
        {"gradient": "rtrl", "carry_every": 12, "truncation": 0, "bounded_latency": False, "chunk": chunk},
        {"n_outputs": 1, "update_every": 1, "n_threads": 2, "loss": "squared_error", "weight_bound": bound, "readout_bound": 0.0}
        | {"optimizer": optimizer},
        1,
    )
    core.set_parameters(theta, np.ones((1, 5)), np.zeros(1))
    core.run(X, None, rng.normal(size=(1, 29, 1)), None, None)
    states, influence = pf.reference.forward_sensitivity(cell, theta, X[0])
    np.testing.assert_allclose(core.states()[0], states[-1], rtol=1e-12)
    np.testing.assert_allclose(core.influence(0), influence, rtol=1e-10, atol=1e-13)
