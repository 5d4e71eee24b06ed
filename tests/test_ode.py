"""The neural ODE and SDE: exact along the path, whatever the decay; noise that is a function of where it is drawn."""

import numpy as np
import pytest
from cell_checks import gradient_is_full_bptt, gradient_of_chained_blocks, twin_differentiates
from helpers import N_INPUTS, N_OUTPUTS, N_UNITS, close, flat, problem, refused

from pushforward import kernels, reference
from pushforward._learner import LearnerSettings
from pushforward.cells import NeuralODE, make_cell
from pushforward.optim import SGD

N_STEPS, DT = 30, 0.3
DECAYS = ("diagonal", "dense", "gram")
MASK = (*((i, i + 1) for i in range(N_UNITS - 1)), ())
CELLS = [NeuralODE(N_INPUTS, N_UNITS, DT, decay=decay) for decay in DECAYS]
CELLS += [NeuralODE(N_INPUTS, N_UNITS, DT, "sigmoid", decay, noise=0.5, noise_seed=7, connectivity=MASK) for decay in DECAYS]
each_cell = pytest.mark.parametrize("cell", CELLS, ids=repr)
each_block = pytest.mark.parametrize("carry_every", [1, 2, 5, None])
each_decay = pytest.mark.parametrize("decay", DECAYS)


def exact(dtype):
    """Round-off of a few dozen steps."""
    return 1e-4 if dtype == np.float32 else 1e-12


def learner(cell, n_series=1, **settings):
    core = LearnerSettings(cell, N_OUTPUTS, "squared_error", np.dtype("float64"), SGD(learning_rate=0.01), n_series=n_series, **settings).build()
    rng = np.random.default_rng(5)
    core.set_parameters(cell.init(rng), rng.normal(size=(N_OUTPUTS, N_UNITS)), np.zeros(N_OUTPUTS))
    return core


def data(rng, n_series=1):
    return rng.normal(size=(n_series, N_STEPS, N_INPUTS)), None, rng.normal(size=(n_series, N_STEPS, N_OUTPUTS)), None, None


@each_cell
def test_the_twins_derivatives_are_those_of_its_step(cell, rng):
    theta, state, x = rng.normal(size=cell.n_params), rng.normal(size=cell.n_state), rng.normal(size=cell.n_inputs)
    twin_differentiates(cell, theta, state, x, rng.normal(size=cell.n_state), 3)


@each_cell
def test_the_influence_is_the_derivative_of_the_kernels_own_path(cell, rng):
    theta, _, inputs, _ = problem(cell, rng, n_steps=12)
    _, influence = kernels.forward_sensitivity(cell, theta, inputs)
    numeric = reference.finite_differences(lambda w: kernels.forward_sensitivity(cell, w, inputs)[0][-1], theta)
    close(influence, numeric, 1e-8)


@each_cell
def test_the_kernel_steps_and_differentiates_as_its_twin(cell, rng, dtype):
    theta, _, inputs, _ = problem(cell, rng, dtype, n_steps=N_STEPS)
    start = {"state": rng.normal(size=cell.n_state).astype(dtype), "influence": rng.normal(size=(cell.n_state, cell.n_params)).astype(dtype)}
    states, influence = kernels.forward_sensitivity(cell, theta, inputs, **start)
    expected = reference.forward_sensitivity(cell, theta, inputs, **start)
    close(states, expected[0], exact(dtype))
    close(influence, expected[1], exact(dtype))


@each_block
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
@each_cell
def test_the_gradient_of_every_part_is_that_of_full_bptt(cell, loss, carry_every, rng, dtype):
    arguments = problem(cell, rng, dtype, loss, N_STEPS)
    settings = {"loss": loss, "state": rng.normal(size=cell.n_state).astype(dtype), "mask": rng.random(N_STEPS) < 0.7}
    gradient_is_full_bptt(cell, arguments, carry_every, exact(dtype), **settings)


@each_block
@each_decay
def test_blocks_chain_and_tokens_equal_one_hot_rows(decay, carry_every, rng, dtype):
    cell = NeuralODE(N_INPUTS, N_UNITS, DT, decay=decay, connectivity=MASK)
    theta, readout, _, targets = problem(cell, rng, dtype, n_steps=N_STEPS)
    tokens = rng.integers(N_INPUTS, size=N_STEPS)
    whole = reference.full_bptt(cell, theta, readout, np.eye(N_INPUTS, dtype=dtype)[tokens], targets)
    close(gradient_of_chained_blocks(cell, theta, readout, tokens, targets, carry_every), flat(whole[1]), exact(dtype))


@pytest.mark.parametrize("n_units", [1, 17, 65])
@each_decay
def test_sizes_around_the_registers(decay, n_units, rng, dtype):
    cell = NeuralODE(N_INPUTS, n_units, DT, decay=decay)
    arguments = problem(cell, rng, dtype, n_steps=6)
    expected = reference.full_bptt(cell, *arguments)
    for carry_every in (1, 3):
        close(flat(kernels.block_gradient(cell, *arguments, carry_every=carry_every)[1]), flat(expected[1]), exact(dtype))


@pytest.mark.parametrize("latency", ["throughput", "bounded"])
@pytest.mark.parametrize("carry_every", [1, 3, 8])
@each_cell
def test_learning_at_every_step_is_the_textbooks(cell, carry_every, latency, rng):
    core, arguments = learner(cell, carry_every=carry_every, latency=latency), data(rng)
    theta, W_out, b_out = core.parameters()
    expected = reference.online_training(cell, theta, (W_out, b_out), arguments[0][0], arguments[2][0], optimizer=SGD(learning_rate=0.01))
    core.run(*arguments)
    close(core.parameters()[0] - theta, expected["theta"] - theta, 1e-11)
    if latency == "throughput":
        close(core.influence(0), expected["influence"], 1e-11)


def test_one_seed_gives_one_path_and_a_saved_run_goes_on_the_same(rng):
    cell = NeuralODE(N_INPUTS, N_UNITS, DT, noise=0.5, noise_seed=3)
    first, second = data(rng), data(rng)
    runs = [learner(cell, carry_every=4) for _ in range(3)]
    for core in runs[:2]:
        core.run(*first)
    runs[2].import_state(runs[1].export_state())
    for core in runs:
        core.run(*second)
    for core in runs[1:]:
        for ours, expected in zip(core.parameters(), runs[0].parameters(), strict=True):
            np.testing.assert_array_equal(ours, expected)
        np.testing.assert_array_equal(core.states(), runs[0].states())
    other = learner(NeuralODE(N_INPUTS, N_UNITS, DT, noise=0.5, noise_seed=4))
    other.run(*first)
    other.run(*second)
    assert np.abs(other.states() - runs[0].states()).min() > 1e-6


def test_series_differ_by_their_noise_and_predictions_have_none(rng):
    cell = NeuralODE(N_INPUTS, N_UNITS, DT, noise=0.5)
    core, quiet = learner(cell, n_series=3), learner(NeuralODE(N_INPUTS, N_UNITS, DT), n_series=3)
    X = np.repeat(rng.normal(size=(1, N_STEPS, N_INPUTS)), 3, axis=0)
    _, states = core.gather(X, None, None, None, None)
    assert min(np.abs(states[i] - states[j]).min() for i, j in ((0, 1), (0, 2), (1, 2))) > 0
    start = np.zeros((3, N_UNITS))
    for ours, expected in zip(core.predict(X, None, start), quiet.predict(X, None, start), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_the_noise_is_white_and_of_the_size_said():
    cell = NeuralODE(1, 4, 0.25, noise=0.6)
    _, states = learner_of_nothing(cell).gather(np.zeros((2, 20_000, 1)), None, None, None, None)
    added = np.diff(states, axis=1, prepend=0).transpose(0, 2, 1).reshape(8, -1)  # θ = 0: h ← h + noise √dt ξ
    np.testing.assert_allclose(added.std(axis=1), 0.6 * 0.5, rtol=0.02)
    np.testing.assert_allclose(np.corrcoef(added), np.eye(8), atol=4 / np.sqrt(20_000))
    np.testing.assert_allclose(np.mean(added[:, 1:] * added[:, :-1], axis=1), 0, atol=4 * 0.09 / np.sqrt(20_000))
    assert np.abs(added.mean(axis=1)).max() < 4 * 0.3 / np.sqrt(20_000)


def learner_of_nothing(cell):
    core = LearnerSettings(cell, 1, "squared_error", np.dtype("float64"), SGD(), gradient="tbptt", n_series=2).build()
    core.set_parameters(np.zeros(cell.n_params), np.zeros((1, cell.n_units)), np.zeros(1))
    return core


def test_small_steps_approach_the_equations_solution():
    """dh/dt = −d h + tanh(b) has the solution tanh(b)/d (1 − e^{−dt}); Euler's error halves with dt."""
    errors = []
    for n_steps in (100, 200):
        cell = NeuralODE(1, 1, 1.0 / n_steps)
        theta = cell.pack({"W_rec": np.zeros((1, 1)), "W_in": np.zeros((1, 1)), "bias": np.array([0.7]), "decay": np.array([2.0])})
        states, _ = kernels.forward_sensitivity(cell, theta, np.zeros((n_steps, 1)))
        errors.append(abs(states[-1, 0] - np.tanh(0.7) / 2 * (1 - np.exp(-2.0))))
    assert errors[0] < 0.003
    assert errors[1] / errors[0] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("dt", [0.01, 0.5, 3.0])
@each_decay
def test_the_decay_starts_positive_and_stable(decay, dt):
    cell = NeuralODE(2, 20, dt, decay=decay)
    w = cell.unpack(cell.init(0))
    A = w["decay_root"] @ w["decay_root"].T if decay == "gram" else np.diag(w["decay"]) if decay == "diagonal" else w["decay"]
    values = np.linalg.eigvalsh(A)
    assert values.min() > 0
    assert dt * values.max() <= 1 + 1e-12
    np.testing.assert_allclose(A, A.T, atol=1e-12)
    if decay == "diagonal" and dt < 1:
        np.testing.assert_array_equal(A, np.eye(20))


@each_cell
def test_a_cell_is_its_settings(cell):
    assert make_cell(cell.name, **cell.settings()) == cell
    theta = cell.init(0)
    np.testing.assert_array_equal(cell.pack(cell.unpack(theta)), theta)


def test_bad_settings_are_named():
    for dt in (0.0, -0.1, np.inf, np.nan):
        refused(r"dt must be a positive finite number, got", NeuralODE, 2, 3, dt)
    refused(r"dt must be a positive finite number, got None", NeuralODE, 2, 3, None)
    refused(r"missing 1 required positional argument: 'dt'", make_cell, "neural_ode", 2, 3)
    refused(r"noise must be a non-negative finite number, got -1", NeuralODE, 2, 3, 0.1, noise=-1)
    refused(r"noise_seed must be an int in 0 … 2\^63 - 1, got -1", NeuralODE, 2, 3, 0.1, noise_seed=-1)
    refused(r"decay must be one of diagonal, dense, gram, got 'full'", NeuralODE, 2, 3, 0.1, decay="full")
    refused(r"activation must be one of .*, got 'cosh'", NeuralODE, 2, 3, 0.1, "cosh")
    refused(r"scheme must be one of .*, got 'symmetric'", NeuralODE(2, 4, 0.1).init, 0, scheme="symmetric")
