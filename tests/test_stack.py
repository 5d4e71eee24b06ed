"""Stacked layers are one cell: exact in every layer, gate by gate, and nothing is kept of what no layer can reach."""

import json
import pickle

import numpy as np
import pytest
from helpers import close, refused

from pushforward import kernels, reference
from pushforward._learner import LearnerSettings
from pushforward.cells import Stack, make_cell, stack
from pushforward.optim import SGD, Adam
from pushforward.reference.cells import dynamics_jacobian, immediate_jacobian, input_jacobian, pullback, step

N_INPUTS, N_OUTPUTS, N_STEPS = 3, 2, 24


def stack_of(*layers):
    """(name, n_units, settings) each."""
    cells, width = [], N_INPUTS
    for name, n_units, *settings in layers:
        cells.append(make_cell(name, width, n_units, **(settings[0] if settings else {})))
        width = cells[-1].n_features
    return Stack(tuple(cells))


RING = tuple(((i - 1) % 5, i) for i in range(5))
NAMED = {
    "two": [("elman", 4), ("linear", 3)],
    "elman, linear, elman": [("elman", 5), ("linear", 4, {"dt": 0.3}), ("elman", 3, {"activation": "sigmoid"})],
    "gru, lstm, elman": [("gru", 4), ("lstm", 3), ("elman", 5)],
    "lstm, gru, lstm": [("lstm", 3), ("gru", 5, {"reset": "before"}), ("lstm", 4)],
    "leaky, diagonal, gru": [("leaky", 4, {"learn_leak": True}), ("diagonal", 5), ("gru", 3)],
    "ode, elstm, ode": [("neural_ode", 4, {"dt": 0.1, "decay": "gram"}), ("elstm", 3), ("neural_ode", 5, {"dt": 0.2, "decay": "gram"})],
    "lru, ode, lru": [("lru", 3), ("neural_ode", 4, {"dt": 0.1}), ("lru", 4)],
    "sparse": [("lstm", 5, {"connectivity": RING}), ("elman", 5, {"connectivity": RING}), ("neural_ode", 4, {"dt": 0.1, "decay": "dense"})],
    "bounded": [("elman", 4, {"weight_bound": 0.6}), ("elman", 5, {"weight_bound": 0.6}), ("linear", 3, {"weight_bound": 0.6})],
}
STACKS = {name: stack_of(*layers) for name, layers in NAMED.items()}
each_stack = pytest.mark.parametrize("cell", STACKS.values(), ids=STACKS.keys())


def problem(cell, rng, dtype="float64", n_steps=N_STEPS):
    """θ, read-out, inputs, targets, mask."""
    theta = (cell.init(rng) + 0.1 * rng.normal(size=cell.n_params)).astype(dtype)
    readout = rng.normal(size=(N_OUTPUTS, cell.n_features)).astype(dtype), rng.normal(size=N_OUTPUTS).astype(dtype)
    inputs, targets = rng.normal(size=(n_steps, cell.n_inputs)), rng.normal(size=(n_steps, N_OUTPUTS))
    return theta, readout, inputs.astype(dtype), targets.astype(dtype), rng.random(n_steps) < 0.7


def part_by_part(cell, actual, expected, relative):
    """A gradient or an influence, of every part of every layer by itself."""
    for name, at in cell.positions().items():
        places = at[at >= 0]
        one, other = actual[..., places], expected[..., places]
        assert np.linalg.norm(one - other) <= relative * np.linalg.norm(other), name
        assert np.linalg.norm(other) > 1e-9, name  # or else it would be no test


def trained(cell, theta, readout, inputs, targets, mask, **settings):
    """(θ, W_out, b_out), influence and learner after a run through the core."""
    given = {"n_outputs": N_OUTPUTS, "loss": "squared_error", "dtype": theta.dtype, "optimizer": SGD(learning_rate=0.05)} | settings
    core = LearnerSettings(cell, **given).build()
    core.set_parameters(theta, *readout)
    tokens = inputs.ndim == 1
    core.run(None if tokens else inputs[None], inputs[None].astype(np.int64) if tokens else None, targets[None], None, mask[None])
    return core.parameters(), core


@each_stack
def test_the_twins_derivatives_are_those_of_its_step(cell, rng):
    theta, _, inputs, _, _ = problem(cell, rng)
    s, x, adjoint = 0.5 * rng.normal(size=cell.n_state), inputs[0], rng.normal(size=cell.n_state)
    D, I, B = (jacobian(cell, theta, s, x) for jacobian in (dynamics_jacobian, immediate_jacobian, input_jacobian))
    for analytic, at, function in (
        (D, s, lambda s: step(cell, theta, s, x)), (I, theta, lambda w: step(cell, w, s, x)), (B, x, lambda x: step(cell, theta, s, x)),
    ):  # fmt: skip
        close(analytic, reference.finite_differences(function, at), 1e-8)
    before, gradient, dx = pullback(cell, theta, s, x, adjoint)
    for reverse, jacobian in ((before, D), (gradient, I), (dx, B)):
        close(reverse, adjoint @ jacobian, 1e-13)


@each_stack
def test_states_and_influence_are_the_twins(cell, rng, dtype):
    theta, _, inputs, _, _ = problem(cell, rng, dtype)
    states, influence = kernels.forward_sensitivity(cell, theta, inputs)
    expected, J = reference.forward_sensitivity(cell, theta, inputs)
    close(states, expected, 1e-13 if dtype == np.float64 else 1e-5)
    part_by_part(cell, influence, J, 1e-12 if dtype == np.float64 else 1e-4)


@pytest.mark.parametrize("carry_every", [1, 2, 5, 8, N_STEPS])
@each_stack
def test_every_part_of_every_layer_is_exact(cell, carry_every, rng, dtype):
    tight = 1e-12 if dtype == np.float64 else 2e-4
    theta, readout, inputs, targets, mask = problem(cell, rng, dtype)
    options = {"mask": mask, "readout_bound": 2.0}
    loss, gradient, state, _ = kernels.block_gradient(cell, theta, readout, inputs, targets, carry_every=carry_every, **options)
    total, expected, last, _ = reference.full_bptt(cell, theta, readout, inputs, targets, **options)
    assert loss == pytest.approx(total, rel=tight)
    part_by_part(cell, gradient["theta"], expected["theta"], tight)
    for name in ("W_out", "b_out"):
        close(gradient[name], expected[name], tight)
    close(state, last, tight)


@pytest.mark.parametrize(("carry_every", "latency"), [(1, "throughput"), (2, "throughput"), (5, "throughput"), (8, "bounded"), (5, "bounded")])
@each_stack
def test_updates_at_every_step(cell, carry_every, latency, rng, dtype):
    tight = 1e-12 if dtype == np.float64 else 1e-4
    theta, readout, inputs, targets, mask = problem(cell, rng, dtype)
    weights, core = trained(cell, theta, readout, inputs, targets, mask, carry_every=carry_every, latency=latency)
    expected = reference.online_training(cell, theta, readout, inputs, targets, mask=mask, optimizer=SGD(learning_rate=0.05))
    part_by_part(cell, weights[0] - theta, expected["theta"] - theta, 10 * tight)
    close(weights[1], expected["W_out"], tight)
    close(weights[2], expected["b_out"], tight)
    close(core.states()[0], expected["state"], tight)
    part_by_part(cell, core.influence(0), expected["influence"], 10 * tight)


@pytest.mark.parametrize("truncation", [3, 7])
@each_stack
def test_truncated(cell, truncation, rng):
    theta, readout, inputs, targets, mask = problem(cell, rng)
    way = {"gradient": "tbptt", "truncation": truncation, "update_every": 3}
    weights, _ = trained(cell, theta, readout, inputs, targets, mask, **way)
    expected = reference.online_training(cell, theta, readout, inputs, targets, mask=mask, optimizer=SGD(learning_rate=0.05), **way)
    part_by_part(cell, weights[0] - theta, expected["theta"] - theta, 1e-11)


@each_stack
def test_what_no_layer_reaches_is_not_there(cell, rng, dtype):
    theta, readout, inputs, targets, mask = problem(cell, rng, dtype)
    _, core = trained(cell, theta, readout, inputs, targets, mask, carry_every=3)
    influence, lane = core.influence(0), 64 // dtype.itemsize
    first_param = first_state = expected = 0
    for layer in cell.layers:
        assert not np.any(influence[:first_state, first_param:])  # a layer's weights move nothing below it
        n_weights = LearnerSettings(layer, 1, "squared_error", dtype, SGD()).build().export_state()["parameters"].size
        n_weights -= (-(-layer.n_features // lane) + 1) * lane  # the read-out
        expected += n_weights * (cell.n_state - first_state)
        first_param, first_state = first_param + layer.n_params, first_state + layer.n_state
    assert core.export_state()["series0.influence"].size == expected


@each_stack
def test_tokens_enter_the_lowest_layer(cell, rng, dtype):
    theta, readout, _, targets, mask = problem(cell, rng, dtype)
    tokens = rng.integers(N_INPUTS, size=N_STEPS)
    dense = np.eye(N_INPUTS, dtype=dtype)[tokens]
    for way in ({"carry_every": 1}, {"carry_every": 4}, {"carry_every": 4, "latency": "bounded"}):
        (one, core), (other, twin) = (trained(cell, theta, readout, x, targets, mask, **way) for x in (tokens, dense))
        tight = 1e-12 if dtype == np.float64 else 1e-4
        part_by_part(cell, one[0] - theta, other[0] - theta, tight)
        part_by_part(cell, core.influence(0), twin.influence(0), tight)


def test_noise_in_layers_is_the_twins(rng):
    noisy = {"dt": 0.1, "noise": 0.5}
    cell = stack_of(("neural_ode", 4, noisy), ("elman", 3), ("neural_ode", 4, noisy | {"noise_seed": 1}))
    theta, readout, inputs, targets, mask = problem(cell, rng)
    for way in ({"carry_every": 1}, {"carry_every": 5}, {"carry_every": 4, "latency": "bounded"}):
        weights, core = trained(cell, theta, readout, inputs, targets, mask, **way)
        expected = reference.online_training(cell, theta, readout, inputs, targets, mask=mask, optimizer=SGD(learning_rate=0.05))
        part_by_part(cell, weights[0] - theta, expected["theta"] - theta, 1e-11)
        close(core.states()[0], expected["state"], 1e-12)
    quiet = stack_of(*((layer.name, layer.n_units, {"dt": 0.1} if layer.name == "neural_ode" else {}) for layer in cell.layers))
    assert np.linalg.norm(trained(quiet, theta, readout, inputs, targets, mask)[1].states() - core.states()) > 0.1
    refused("noise_seed must differ from layer to layer, .* got 3, 3", stack_of, *2 * [("neural_ode", 4, noisy | {"noise_seed": 3})])


def test_the_top_layers_start_may_bring_a_readout(rng):
    cell = stack([make_cell("elman", 2, 4), make_cell("diagonal", 4, 6)])
    theta, readout = cell.init(rng, scheme="symmetric"), cell.initial_readout(1, "symmetric", rng)
    states, _ = reference.forward_sensitivity(cell, theta, rng.normal(size=(20, 2)))
    assert np.abs(states[:, cell.first_feature :] @ readout.T).max() < 1e-14 * np.abs(states).max()
    assert np.abs(states[-1]).min() > 1e-6
    assert cell.initial_readout(1, None, rng) is None


def test_results_do_not_depend_on_threads(rng):
    cell = stack(["elman"] * 3, n_inputs=N_INPUTS, n_units=70)
    problem_ = problem(cell, rng)
    for way in ({"carry_every": 1}, {"carry_every": 6}, {"carry_every": 4, "latency": "bounded"}):
        one, two = (trained(cell, *problem_, n_threads=n_threads, **way)[0] for n_threads in (1, 2))
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)


@each_stack
def test_a_stack_is_a_value(cell):
    assert make_cell(cell.name, **json.loads(json.dumps(cell.settings()))) == cell
    assert pickle.loads(pickle.dumps(cell)) == cell
    assert hash(Stack(list(cell.layers))) == hash(cell)
    assert Stack(cell.layers[::-1][:1]) != cell
    assert repr(cell).startswith("Stack(layers=(")


@each_stack
def test_theta_is_the_layers_own(cell):
    theta = cell.init(3)
    parts, start, generator = cell.unpack(theta), 0, np.random.default_rng(3)
    for number, layer in enumerate(cell.layers):
        own = theta[start : start + layer.n_params]
        np.testing.assert_array_equal(own, layer.init(generator))
        for name, array in layer.unpack(own).items():
            np.testing.assert_array_equal(parts[f"layer{number}.{name}"], array)
        start += layer.n_params
    assert start == cell.n_params == theta.size
    np.testing.assert_array_equal(cell.pack(parts), theta)


def test_ways_to_write_one():
    a, b, c = make_cell("elman", 2, 3), make_cell("linear", 3, 4), make_cell("elman", 4, 5)
    assert Stack((Stack((a, b)), c)) == stack([a, b, c]) == Stack([a, Stack([b, c])])
    assert stack(["elman", "linear"], n_inputs=2, n_units=3).layers == (a, make_cell("linear", 3, 3))
    assert stack([b, "elman"], n_units=5).layers == (b, c)
    assert (stack([a, b]).n_inputs, stack([a, b]).n_units, stack([a, b]).n_features, stack([a, b]).first_feature) == (2, 7, 4, 3)


def test_mistakes_are_named():
    a, b = make_cell("elman", 2, 3), make_cell("elman", 4, 5)
    bounded = make_cell("elman", 3, 4, weight_bound=1.0)
    refused("n_inputs of layer 1 must be 3, what the layer below shows, got 4", Stack, (a, b))
    refused("layers must be at least one cell, got none", Stack, ())
    for wrong in (a, "elman", [a, "elman"], None, {a: b}):
        refused("layers must be a sequence of cells", Stack, wrong)
    refused("weight_bound must be the same for all layers, got None, 1.0", Stack, (a, bounded))
    refused("n_inputs and n_units must be given for layers by name, got n_inputs=None, n_units=3", stack, ["elman"], n_units=3)
    refused("n_inputs and n_units belong to layers given by name", stack, [a], n_inputs=2)
    refused("layers must be a sequence", stack, "elman", 2, 3)
    refused("cell must be one of .*, got 'elma'", stack, ["elma"], 2, 3)
    refused("n_inputs, n_units must be 2, 3 like the layers', got 2, 4", make_cell, "stack", 2, 4, layers=[{"name": "elman", **a.settings()}])
    settings = LearnerSettings(stack([a]), 1, "squared_error", np.dtype("float64"), SGD())
    for broken, message in (
        ({"layers": []}, "layers must be at least one"),
        ({"layers": [b.core_settings()]}, "n_inputs of layer 0 must be 2, got 4"),
        ({"layers": [stack([a]).core_settings()]}, "layers must be plain cells, got a stack"),
    ):

        class Broken(Stack):
            def core_settings(self, broken=broken):
                return super().core_settings() | broken

        refused(message, LearnerSettings(Broken((a,)), 1, "squared_error", settings.dtype, SGD()).build)


def test_an_optimiser_with_moments(rng):
    cell = STACKS["elman, linear, elman"]
    theta, readout, inputs, targets, mask = problem(cell, rng)
    optimizer = Adam(learning_rate=0.01, clip_norm=0.5)
    weights, _ = trained(cell, theta, readout, inputs, targets, mask, optimizer=optimizer, update_every=2, carry_every=6)
    expected = reference.online_training(cell, theta, readout, inputs, targets, mask=mask, optimizer=optimizer, update_every=2)
    part_by_part(cell, weights[0] - theta, expected["theta"] - theta, 1e-10)
