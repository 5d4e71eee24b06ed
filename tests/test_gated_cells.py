"""GRU (both forms), LSTM and leaky cells: twins against central differences, kernels against full BPTT part by part, learning step by step."""

import dataclasses
import itertools

import numpy as np
import pytest
from cell_checks import gradient_is_full_bptt, same_parts, twin_differentiates
from helpers import N_OUTPUTS, close, flat, problem, refused

import pushforward as pf
from pushforward import kernels, reference
from pushforward._learner import LearnerSettings
from pushforward.cells import GRU, LSTM, Elman, Leaky

N_INPUTS, N_UNITS, N_STEPS = 3, 6, 25
RING = (*(tuple(sorted({i, (i + 1) % N_UNITS, (i + 4) % N_UNITS})) for i in range(N_UNITS - 1)), ())  # the last unit hears nobody
SIZES = (N_INPUTS, N_UNITS)
PLAIN = [
    GRU(*SIZES), GRU(*SIZES, reset="before"), LSTM(*SIZES), Leaky(*SIZES, leak_rate=0.3), Leaky(*SIZES, "sigmoid", leak_rate=0.6, learn_leak=True)
]  # fmt: skip
CELLS = [
    *PLAIN,
    GRU(*SIZES, weight_bound=0.8), GRU(*SIZES, reset="before", weight_bound=0.8), LSTM(*SIZES, weight_bound=0.8),
    Leaky(*SIZES, leak_rate=0.4, learn_leak=True, weight_bound=0.8),
    GRU(*SIZES, connectivity=RING), GRU(*SIZES, reset="before", connectivity=0.5), LSTM(*SIZES, connectivity=RING),
    Leaky(*SIZES, learn_leak=True, connectivity=RING), LSTM(*SIZES, connectivity=RING, weight_bound=0.8),
]  # fmt: skip
BLOCKS = [1, 2, 5, N_UNITS, None]
each_cell = pytest.mark.parametrize("cell", CELLS, ids=repr)
each_plain = pytest.mark.parametrize("cell", PLAIN, ids=repr)
each_block = pytest.mark.parametrize("carry_every", BLOCKS)


def tight(dtype):
    return 1e-12 if dtype == np.float64 else 2e-4


# -- the twins -----------------------------------------------------------------------------------------------------------------


@each_cell
def test_the_twins_derivatives_are_those_of_its_step(cell, rng):
    theta, s, x, adjoint = problem(cell, rng)[0], *(rng.normal(size=n) for n in (cell.n_state, N_INPUTS, cell.n_state))
    twin_differentiates(cell, theta, s, x, adjoint)


@each_cell
def test_reverse_and_forward_mode_of_the_twin_agree(cell, rng, dtype):
    arguments = problem(cell, rng, dtype, n_steps=N_STEPS)
    forward, reverse = (f(cell, *arguments)[1] for f in (reference.block_gradient, reference.full_bptt))
    same_parts(cell, forward, reverse, tight(dtype))


# -- the kernels ---------------------------------------------------------------------------------------------------------------


@each_cell
def test_forward_sensitivity_is_its_twin(cell, rng, dtype, tol):
    theta, _, inputs, _ = problem(cell, rng, dtype, n_steps=N_STEPS)
    start = {"state": rng.normal(size=cell.n_state).astype(dtype), "influence": rng.normal(size=(cell.n_state, cell.n_params)).astype(dtype)}
    states, influence = kernels.forward_sensitivity(cell, theta, inputs, **start)
    expected = reference.forward_sensitivity(cell, theta, inputs, **start)
    close(states, expected[0], tol)
    close(influence, expected[1], tol)


@each_block
@pytest.mark.parametrize("tokens", [False, True])
@each_cell
def test_every_part_of_the_gradient_equals_full_bptt(cell, tokens, carry_every, rng, dtype):
    loss = "cross_entropy" if tokens else "squared_error"
    theta, readout, inputs, targets = problem(cell, rng, dtype, loss, N_STEPS)
    if tokens:
        inputs = np.concatenate([np.arange(N_INPUTS), rng.integers(N_INPUTS, size=N_STEPS - N_INPUTS)])
    settings = {"loss": loss, "state": rng.normal(size=cell.n_state).astype(dtype), "mask": rng.random(N_STEPS) < 0.8}
    gradient_is_full_bptt(cell, (theta, readout, inputs, targets), carry_every, tight(dtype), **settings)


@each_plain
def test_every_instruction_set_computes_the_same(cell, isa, rng, dtype, tol):
    wide = dataclasses.replace(cell, n_units=70)  # above a stretch of units, and no multiple of a register
    arguments = problem(wide, rng, dtype, n_steps=8)
    expected = reference.full_bptt(wide, *arguments)
    for carry_every in (1, 4):
        close(flat(kernels.block_gradient(wide, *arguments, carry_every=carry_every)[1]), flat(expected[1]), tol)


@each_plain
def test_what_a_mask_removes_might_as_well_be_zero(cell, rng):
    sparse = dataclasses.replace(cell, connectivity=RING)
    theta, readout, inputs, targets = problem(sparse, rng, n_steps=N_STEPS)
    dense = kernels.block_gradient(cell, cell.pack(sparse.unpack(theta)), readout, inputs, targets)
    ours = kernels.block_gradient(sparse, theta, readout, inputs, targets)
    assert sparse.n_params < cell.n_params
    close(ours[2], dense[2], 1e-13)
    for name, at in sparse.positions().items():
        close(ours[1]["theta"][at[at >= 0]], cell.unpack(dense[1]["theta"])[name][at >= 0], 1e-12)


# -- learning, one update every few steps --------------------------------------------------------------------------------------


def learnt(cell, theta, readout, inputs, targets, **settings):
    """θ after every step, and the influence at the end."""
    core = LearnerSettings(cell, N_OUTPUTS, "squared_error", theta.dtype, **settings).build()
    core.set_parameters(theta, *readout)
    history = []
    for t in range(len(inputs)):
        core.run(inputs[None, t : t + 1], None, targets[None, t : t + 1], None, None)
        history.append(core.parameters()[0])
    return np.array(history), core


@pytest.mark.parametrize("way", [*({"carry_every": h} for h in (1, 2, 5)), {"carry_every": 4, "latency": "bounded"}, {"gradient": "tbptt"}], ids=str)
@pytest.mark.parametrize("update_every", [1, 3])
@each_cell
def test_learning_follows_the_reference(cell, update_every, way, rng, dtype, tol):
    arguments = problem(cell, rng, dtype, n_steps=N_STEPS)
    how = {"optimizer": pf.SGD(learning_rate=0.1), "update_every": update_every}
    truncation = {"gradient": "tbptt", "truncation": 4} if "gradient" in way else {}
    expected = reference.online_training(cell, *arguments, **how, **truncation)
    history, core = learnt(cell, *arguments, **how, **way | truncation)
    assert np.linalg.norm(expected["theta"] - arguments[0]) > 0.1  # it has learnt something
    for k, theirs in enumerate(expected["history"]):
        close(history[(k + 1) * update_every - 1], theirs, tol)
    for ours, name in zip(core.parameters(), ("theta", "W_out", "b_out"), strict=True):
        close(ours, expected[name], tol)
    if not truncation:
        close(core.influence(0), expected["influence"], tol)


# -- what the cells are --------------------------------------------------------------------------------------------------------


def test_a_leaky_cell_that_forgets_all_is_elmans(rng):
    elman, leaky = Elman(*SIZES, "sigmoid"), Leaky(*SIZES, "sigmoid", leak_rate=1)
    arguments = problem(elman, rng)
    same_parts(elman, *(kernels.block_gradient(cell, *arguments)[1] for cell in (leaky, elman)), 1e-13)


def test_a_learnt_leak_starts_at_its_rate(rng):
    given, learns = Leaky(*SIZES, leak_rate=0.2), Leaky(*SIZES, leak_rate=0.2, learn_leak=True)
    inputs = rng.normal(size=(N_STEPS, N_INPUTS))
    close(kernels.forward_sensitivity(learns, learns.init(0), inputs)[0], kernels.forward_sensitivity(given, given.init(0), inputs)[0], 1e-14)


def test_both_forms_of_the_gru_agree_where_nothing_is_reset(rng):
    after, before = GRU(*SIZES), GRU(*SIZES, reset="before")
    weights = after.unpack(after.init(0)) | {"bias_reset": np.full(N_UNITS, 50.0)}
    inputs = rng.normal(size=(N_STEPS, N_INPUTS))
    states = kernels.forward_sensitivity(after, after.pack(weights), inputs)[0]
    del weights["bias_rec_candidate"]
    close(kernels.forward_sensitivity(before, before.pack(weights), inputs)[0], states, 1e-14)


def test_an_open_lstm_adds_up_and_a_closed_one_keeps(rng):
    cell, big = LSTM(1, 1), np.array([60.0])
    weights = {name: np.zeros(at.shape) for name, at in cell.positions().items()} | {"bias_forget": big, "bias_cell": np.array([0.5])}
    for gate, added in (("input", np.tanh(0.5)), ("forget", 0.5 * np.tanh(0.5))):  # the input gate open, or at one half
        states = kernels.forward_sensitivity(cell, cell.pack(weights | {f"bias_{gate}": big}), np.zeros((5, 1)))[0]
        np.testing.assert_allclose(states[:, 1], added * np.arange(1, 6), rtol=1e-14)
        np.testing.assert_allclose(states[:, 0], 0.5 * np.tanh(states[:, 1]), rtol=1e-14)
    closed = cell.pack(weights | {"bias_input": -big})
    np.testing.assert_allclose(kernels.forward_sensitivity(cell, closed, np.ones((4, 1)), state=np.array([0.3, 0.8]))[0][:, 1], 0.8, rtol=1e-14)


@pytest.mark.parametrize("scheme", [None, "orthogonal", "identity", "glorot"])
@each_plain
def test_starting_weights(cell, scheme):
    cell = dataclasses.replace(cell, n_units=40, n_inputs=25)
    weights = cell.unpack(cell.init(0, scheme=scheme))
    matrices = [W for name, W in weights.items() if name.startswith("W_rec")]
    for W in matrices:
        if scheme in (None, "orthogonal"):
            np.testing.assert_allclose(W @ W.T, 0.81 * np.eye(40), atol=1e-13)
        if scheme == "identity":
            np.testing.assert_array_equal(W, np.eye(40))
    assert scheme == "identity" or all(np.any(a != b) for a, b in itertools.pairwise(matrices))
    for name, array in weights.items():
        if name.startswith("W_in"):
            assert 0.19 < np.abs(array).max() <= 0.2
        if name.startswith("bias"):
            np.testing.assert_array_equal(array, 1.0 if name == "bias_forget" else 0.0)
    if "leak_logit" in weights:
        np.testing.assert_allclose(1 / (1 + np.exp(-weights["leak_logit"])), cell.leak_rate)


def test_bad_settings_are_named():
    refused("reset must be one of after, before, got 'never'", GRU, 2, 3, reset="never")
    for kind in (GRU, LSTM, Leaky):
        refused("weight_bound must be a positive", kind, 2, 3, weight_bound=-1.0)
        refused(r"connectivity must be a fraction in \(0, 1\], a mask \(3, 3\)", kind, 2, 3, connectivity=np.ones((2, 3), bool))
    for value in (0, -0.1, 1.5, np.nan, "0.5", None, True):
        refused(r"leak_rate must be a number in \(0, 1\], got", Leaky, 2, 3, leak_rate=value)
    refused("learn_leak must be True or False, got 1", Leaky, 2, 3, learn_leak=1)
    refused("leak_rate must be below 1 where it is learnt", Leaky, 2, 3, leak_rate=1, learn_leak=True)
    refused("leak_rate must have a logit within ±0.9 weight_bound", Leaky, 2, 3, leak_rate=0.1, learn_leak=True, weight_bound=2.0)
    refused("activation must be one of", Leaky, 2, 3, activation="gelu")
    refused("settings of the cell 'lstm' must be among weight_bound, connectivity", pf.cells.make_cell, "lstm", 2, 3, reset="after")
