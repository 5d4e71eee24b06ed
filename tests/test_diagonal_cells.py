"""Cells whose units hear nobody but themselves, against finite differences, reverse mode and closed forms, whatever carry the kernels choose."""

import functools

import helpers
import numpy as np
import pytest
from cell_checks import gradient_is_full_bptt, gradient_of_chained_blocks, same_parts, twin_differentiates
from helpers import N_INPUTS, N_OUTPUTS, N_UNITS, close, flat, refused

from pushforward import kernels, reference
from pushforward._learner import LearnerSettings
from pushforward.cells import ACTIVATIONS, ELSTM, LRU, Diagonal, make_cell, stack
from pushforward.optim import SGD
from pushforward.reference.cells.diagonal import pre_activation

N_STEPS = 30
DIAGONAL = [Diagonal(N_INPUTS, N_UNITS, name) for name in ACTIVATIONS]
CELLS = [*DIAGONAL, ELSTM(N_INPUTS, N_UNITS), LRU(N_INPUTS, N_UNITS)]
CELLS += [Diagonal(N_INPUTS, N_UNITS, weight_bound=0.6), ELSTM(N_INPUTS, N_UNITS, weight_bound=0.6)]
each_cell = pytest.mark.parametrize("cell", CELLS, ids=repr)
each_block = pytest.mark.parametrize("carry_every", [1, 2, 5, None])


problem = functools.partial(helpers.problem, n_steps=N_STEPS)


def exact(dtype, single=1e-4):
    """Round-off of a few dozen steps."""
    return single if dtype == np.float32 else 1e-12


@each_cell
def test_the_twins_derivatives_are_those_of_its_step(cell, rng):
    theta, state, x = rng.normal(size=cell.n_params), rng.normal(size=cell.n_state), rng.normal(size=cell.n_inputs)
    if getattr(cell, "activation", None) in ("relu", "elu"):  # not differentiated across their kinks
        assert np.abs(pre_activation(cell.unpack(theta), state, x)).min() > 1e-3
    twin_differentiates(cell, theta, state, x, rng.normal(size=cell.n_state))


@each_cell
def test_the_kernel_steps_and_differentiates_as_its_twin(cell, rng, dtype):
    theta, _, inputs, _ = problem(cell, rng, dtype)
    start = rng.normal(size=cell.n_state).astype(dtype)
    states, influence = kernels.forward_sensitivity(cell, theta, inputs, state=start)
    expected = reference.forward_sensitivity(cell, theta, inputs, state=start)
    close(states, expected[0], exact(dtype))
    close(influence, expected[1], exact(dtype))
    assert states.dtype == influence.dtype == dtype


@each_block
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
@each_cell
def test_the_gradient_of_every_part_is_that_of_full_bptt(cell, loss, carry_every, rng, dtype):
    arguments = problem(cell, rng, dtype, loss)
    settings = {"loss": loss, "state": rng.normal(size=cell.n_state).astype(dtype), "mask": rng.random(N_STEPS) < 0.7, "readout_bound": 0.8}
    gradient_is_full_bptt(cell, arguments, carry_every, exact(dtype), **settings)


@each_block
@each_cell
def test_blocks_chain(cell, carry_every, rng, dtype):
    theta, readout, inputs, targets = problem(cell, rng, dtype)
    whole = reference.full_bptt(cell, theta, readout, inputs, targets)
    close(gradient_of_chained_blocks(cell, theta, readout, inputs, targets, carry_every), flat(whole[1]), exact(dtype))


@each_block
@each_cell
def test_the_dense_carry_agrees_with_the_element_wise_one(cell, carry_every, rng, dtype):
    theta, readout, inputs, targets = problem(cell, rng, dtype)
    ours, dense = (kernels.block_gradient(c, theta, readout, inputs, targets, carry_every=carry_every) for c in (cell, stack([cell])))
    same_parts(cell, ours[1], dense[1], exact(dtype))
    close(ours[3], dense[3], exact(dtype))


@each_block
@each_cell
def test_tokens_equal_one_hot_rows(cell, carry_every, rng, dtype):
    theta, readout, _, targets = problem(cell, rng, dtype)
    tokens = rng.integers(N_INPUTS, size=N_STEPS)
    ours = kernels.block_gradient(cell, theta, readout, tokens, targets, carry_every=carry_every)
    expected = reference.full_bptt(cell, theta, readout, np.eye(N_INPUTS, dtype=dtype)[tokens], targets)
    same_parts(cell, ours[1], expected[1], exact(dtype))
    close(ours[2], expected[2], exact(dtype))


@pytest.mark.parametrize("n_units", [1, 2, 15, 17, 64, 65, 131])
@pytest.mark.parametrize("kind", [Diagonal, ELSTM, LRU])
def test_sizes_around_the_registers_and_blocks(kind, n_units, rng, dtype):
    cell = kind(N_INPUTS, n_units)
    arguments = problem(cell, rng, dtype, n_steps=4)
    for tokens in (False, True):
        inputs = np.eye(N_INPUTS, dtype=dtype)[rng.integers(N_INPUTS, size=4)] if tokens else arguments[2]
        expected = reference.full_bptt(cell, arguments[0], arguments[1], inputs, arguments[3])
        given = inputs.argmax(axis=1) if tokens else inputs
        ours = kernels.block_gradient(cell, arguments[0], arguments[1], given, arguments[3], carry="none")
        close(flat(ours[1]), flat(expected[1]), exact(dtype))
        close(ours[2], expected[2], exact(dtype))


@pytest.mark.parametrize("cell", [DIAGONAL[2], *CELLS[5:7]], ids=repr)
def test_every_instruction_set_computes_the_same(cell, isa, rng, dtype):
    arguments = problem(cell, rng, dtype)
    ours = kernels.block_gradient(cell, *arguments)
    same_parts(cell, ours[1], reference.full_bptt(cell, *arguments)[1], exact(dtype))


@pytest.mark.parametrize("carry_every", [1, 3, 8])
@each_cell
def test_learning_at_every_step_is_the_textbooks(cell, carry_every, rng):
    theta, readout, inputs, targets = problem(cell, rng)
    optimizer = SGD(learning_rate=0.01)
    expected = reference.online_training(cell, theta, readout, inputs, targets, optimizer=optimizer)
    settings = LearnerSettings(cell, N_OUTPUTS, "squared_error", np.dtype("float64"), optimizer, carry_every=carry_every)
    core = settings.build()
    core.set_parameters(theta, *readout)
    core.run(inputs[None], None, targets[None], None, None)
    ours, W_out, _ = core.parameters()
    close(ours - theta, expected["theta"] - theta, 1e-11)
    close(W_out - readout[0], expected["W_out"] - readout[0], 1e-11)
    close(core.influence(0), expected["influence"], 1e-11)


@each_cell
def test_a_parameter_reaches_the_states_of_its_own_unit_only(cell, rng):
    theta, _, inputs, _ = problem(cell, rng)
    _, influence = kernels.forward_sensitivity(cell, theta, inputs)
    unit = np.full(cell.n_params, -1)
    for at in cell.positions().values():
        unit[at] = np.arange(N_UNITS).reshape((N_UNITS, *[1] * (at.ndim - 1)))
    own = np.arange(cell.n_state)[:, None] % N_UNITS == unit
    assert not influence[~own].any()
    assert np.count_nonzero(influence[own]) > 0.3 * np.count_nonzero(own)  # a ReLU may have died


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "identity"])
def test_the_diagonal_cells_derivatives_are_the_papers_sums(activation, rng):
    """arXiv 2402.12241: dH_t/dw = Σ_k w^k H_{t−k−1} Π_{j≤k} σ'_{t−j}, dH_t/du the same with X_{t−k}."""
    cell = Diagonal(N_INPUTS, N_UNITS, activation)
    theta, _, inputs, _ = problem(cell, rng)
    states, influence = kernels.forward_sensitivity(cell, theta, inputs)
    w, at, H = cell.unpack(theta)["w_rec"], cell.positions(), np.vstack([np.zeros(N_UNITS), states])
    slope = {"tanh": 1 - H**2, "sigmoid": H * (1 - H), "identity": np.ones_like(H)}[activation]
    by_w, by_u = np.zeros(N_UNITS), np.zeros((N_UNITS, N_INPUTS))
    for k in range(N_STEPS):
        factor = w**k * np.prod(slope[N_STEPS - k :], axis=0)
        by_w, by_u = by_w + factor * H[N_STEPS - k - 1], by_u + factor[:, None] * inputs[N_STEPS - k - 1]
    units = np.arange(N_UNITS)
    close(influence[units, at["w_rec"]], by_w, 1e-12)
    close(influence[units[:, None], at["W_in"]], by_u, 1e-12)


def test_an_lru_answers_an_impulse_with_its_poles(rng):
    cell = LRU(1, N_UNITS)
    w = cell.unpack(cell.init(rng))
    states, _ = kernels.forward_sensitivity(cell, cell.pack(w), np.eye(N_STEPS, 1))
    pole = np.exp(-np.exp(w["nu"]) + 1j * w["phase"])
    fed = np.sqrt(1 - np.abs(pole) ** 2) * (w["W_in_real"] + 1j * w["W_in_imag"])[:, 0]
    close(states, np.vstack([np.concatenate([(z := fed * pole**t).real, z.imag]) for t in range(N_STEPS)]), 1e-12)


def test_an_lrus_states_are_of_the_size_of_what_they_are_fed(rng):
    cell = LRU(1, 4, r_min=0.6, r_max=0.95)
    theta, inputs = cell.init(rng), rng.normal(size=(200_000, 1))
    states = kernels.block_gradient(cell, theta, (np.eye(8), np.zeros(8)), inputs, inputs @ np.zeros((1, 8)), carry="none")
    w = cell.unpack(theta)
    power = states[1]["W_out"].diagonal().reshape(2, 4).sum(axis=0) / len(inputs)  # dL/dW_out = Σ s sᵀ when the output is s
    np.testing.assert_allclose(power, np.sum(w["W_in_real"] ** 2 + w["W_in_imag"] ** 2, axis=1), rtol=0.05)


def test_an_elstm_is_an_lstm_with_diagonal_matrices(rng):
    cell = ELSTM(N_INPUTS, N_UNITS)
    theta, _, inputs, _ = problem(cell, rng)
    w, (h, c) = cell.unpack(theta), np.zeros((2, N_UNITS))
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    states, _ = kernels.forward_sensitivity(cell, theta, inputs)
    for t, x in enumerate(inputs):
        i, f, g, o = (np.diag(w[f"w_rec_{k}"]) @ h + w[f"W_in_{k}"] @ x + w[f"bias_{k}"] for k in ("input", "forget", "cell", "output"))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        close(states[t], np.concatenate([h, c]), 1e-12)


@pytest.mark.parametrize("kind", [Diagonal, ELSTM, LRU])
def test_nothing_is_quadratic_in_the_number_of_units(kind, rng):
    cell = kind(2, 100_000)  # a matrix of units by units would take 40 GB
    theta, inputs, targets = cell.init(rng, "float32"), rng.normal(size=(2, 2)).astype("f"), np.zeros((2, 1), "f")
    readout = np.full((1, cell.n_features), 0.1, "f"), np.ones(1, "f")
    _, gradient, _, _ = kernels.block_gradient(cell, theta, readout, inputs, targets, carry="none")
    same_parts(cell, gradient, reference.full_bptt(cell, theta, readout, inputs, targets)[1], 1e-4)


@each_cell
def test_a_cell_is_its_settings(cell):
    assert make_cell(cell.name, **cell.settings()) == cell
    theta = cell.init(0)
    np.testing.assert_array_equal(cell.pack(cell.unpack(theta)), theta)
    np.testing.assert_array_equal(cell.init(0, "float32"), theta.astype("float32"))
    assert len(np.unique(np.concatenate([at.ravel() for at in cell.positions().values()]))) == cell.n_params


def test_starts():
    spread = np.abs(Diagonal(2, 1000).unpack(Diagonal(2, 1000).init(0))["w_rec"])
    assert 0.85 < spread.max() <= 0.9
    gates = ELSTM(2, 100).unpack(ELSTM(2, 100).init(0))
    assert np.all(gates["bias_forget"] == 1)
    assert not gates["bias_input"].any()
    assert np.all(LRU(2, 1000).unpack(LRU(2, 1000).init(0))["phase"] < np.pi)


def test_bad_settings_are_named():
    refused(r"activation must be one of .*, got 'cosh'", Diagonal, 2, 3, "cosh")
    refused(r"weight_bound must be a positive finite number or None, got -1", ELSTM, 2, 3, -1.0)
    refused(r"r_min and r_max must satisfy 0 ≤ r_min < r_max < 1, got r_min 0\.9 and r_max 0\.5", LRU, 2, 3, r_min=0.9, r_max=0.5)
    refused(r"r_min and r_max must satisfy .* r_max 1\.0", LRU, 2, 3, r_max=1.0)
    refused(r"r_max must be a float, got 'one'", LRU, 2, 3, r_max="one")
    refused(r"max_phase must lie in \(0, 2π\], got 7\.0", LRU, 2, 3, max_phase=7.0)
    refused(r"n_units must be a positive int, got 0", Diagonal, 2, 0)
    for cell in (Diagonal(2, 4), ELSTM(2, 4), LRU(2, 4)):
        refused(r"scheme must be one of .*, got 'glorot'", cell.init, 0, scheme="glorot")
