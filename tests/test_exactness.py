"""Exact means exact: every named part of every cell's gradient, gates, layers and read-out one by one, for every length of the carry's block."""

import numpy as np
import pytest
from helpers import problem
from test_matrix import ALL

import pushforward as pf
from pushforward import kernels, reference
from pushforward._learner import LearnerSettings

N_STEPS = 23
BLOCKS = [(1, "throughput"), (2, "throughput"), (5, "throughput"), (9, "throughput"), (30, "throughput"), (4, "bounded")]
each_cell = pytest.mark.parametrize("name", list(ALL))


def parts(cell, gradient):
    """Every named part of a gradient, as vectors of what exists."""
    theta = {name: gradient["theta"][at[at >= 0]] for name, at in cell.positions().items()}
    return theta | {name: gradient[name].ravel() for name in ("W_out", "b_out")}


def equal_one_by_one(cell, actual, expected, relative):
    """In norm, part by part, none of them being zero."""
    actual, expected = parts(cell, actual), parts(cell, expected)
    assert actual.keys() == expected.keys()
    for name, exact in expected.items():
        assert np.linalg.norm(exact) > 1e-7, f"{name}: this would be no test"
        error = np.linalg.norm(actual[name] - exact) / np.linalg.norm(exact)
        assert error <= relative, f"{name}: relative error {error}"


def learner(cell, update_every, carry_every, latency, learning_rate, start):
    double, sgd = np.dtype("float64"), pf.SGD(learning_rate=learning_rate)
    core = LearnerSettings(cell, 2, "squared_error", double, sgd, update_every=update_every, carry_every=carry_every, latency=latency).build()
    core.set_parameters(*start)
    return core


@each_cell
@pytest.mark.parametrize(("carry_every", "latency"), BLOCKS)
@pytest.mark.parametrize("update_every", [1, 3])
def test_every_part_of_every_cell_equals_full_bptt(name, carry_every, latency, update_every, rng):
    """A gradient asked for every few steps, in the middle of blocks and at their ends, adds up to that of the whole series."""
    cell = ALL[name][1]
    theta, readout, inputs, targets = problem(cell, rng, n_steps=N_STEPS)
    core = learner(cell, update_every, carry_every, latency, 0.0, (theta, *readout))
    for first in range(0, N_STEPS, update_every):
        part = slice(first, first + update_every)
        core.gather(inputs[None, part], None, targets[None, part], None, None)
    actual = dict(zip(("theta", "W_out", "b_out"), core.gradient(0), strict=True))
    equal_one_by_one(cell, actual, reference.full_bptt(cell, theta, readout, inputs, targets)[1], 1e-12)


@each_cell
@pytest.mark.parametrize(("carry_every", "latency"), BLOCKS[1:])
def test_with_an_update_at_every_step_every_block_length_learns_the_same(name, carry_every, latency, rng):
    """Each step is differentiated with the weights that it was made with: what was learnt is that of H = 1 and of the textbook recursion."""
    cell = ALL[name][1]
    theta, readout, inputs, targets = problem(cell, rng, n_steps=N_STEPS)
    learnt = []
    for h, how in ((1, "throughput"), (carry_every, latency)):
        core = learner(cell, 1, h, how, 0.03, (theta, *readout))
        core.run(inputs[None], None, targets[None], None, None)
        moved = (end - start for end, start in zip(core.parameters(), (theta, *readout), strict=True))
        learnt.append(dict(zip(("theta", "W_out", "b_out"), moved, strict=True)))
    equal_one_by_one(cell, learnt[1], learnt[0], 1e-12)
    twin = reference.online_training(cell, theta, readout, inputs, targets, optimizer=pf.SGD(learning_rate=0.03))
    book = {name: twin[name] - start for name, start in zip(("theta", "W_out", "b_out"), (theta, *readout), strict=True)}
    equal_one_by_one(cell, learnt[1], book, 1e-11)


@each_cell
def test_the_influence_is_the_dense_one(name, rng, dtype):
    """What the carry keeps, element by element or densely, is ds/dθ."""
    cell = ALL[name][1]
    theta, _, inputs, _ = problem(cell, rng, dtype=dtype, n_steps=N_STEPS)
    _, influence = kernels.forward_sensitivity(cell, theta, inputs)
    _, dense = reference.forward_sensitivity(cell, theta, inputs)
    assert np.linalg.norm(influence - dense) <= (1e-12 if dtype == np.float64 else 2e-4) * np.linalg.norm(dense)
