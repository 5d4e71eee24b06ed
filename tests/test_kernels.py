"""The C++ kernels against finite differences, reverse mode and their NumPy twins: every cell, every block length, both precisions."""

import inspect

import numpy as np
import pytest
from helpers import CELLS, N_INPUTS, N_OUTPUTS, N_UNITS, PLAIN_CELLS, close, flat, problem

from pushforward import kernels, reference
from pushforward.cells import Elman
from pushforward.reference.cells.elman import pre_activation

N_STEPS = 40
BLOCKS = [1, 2, 7, 32, None]
each_cell = pytest.mark.parametrize("cell", CELLS, ids=repr)
each_block = pytest.mark.parametrize("carry_every", BLOCKS)
each_loss = pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])


def before(cell, rng, dtype):
    """A state and an influence as a former block may have left them."""
    return {"state": rng.normal(size=cell.n_state).astype(dtype), "influence": rng.normal(size=(cell.n_state, cell.n_params)).astype(dtype)}


def chained(cell, theta, readout, inputs, targets, length, start=None, **settings):
    """Loss, gradient, state, influence of a sequence cut into blocks of `length` steps."""
    total, gradient, carry = 0.0, 0.0, start or {}
    for t in range(0, len(inputs), length):
        cut = slice(t, t + length)
        loss, part, state, influence = kernels.block_gradient(cell, theta, readout, inputs[cut], targets[cut], **carry, **settings)
        total, gradient, carry = total + loss, gradient + flat(part), {"state": state, "influence": influence}
    return total, gradient, carry["state"], carry["influence"]


@each_cell
def test_influence_against_central_differences(cell, rng):
    theta, _, inputs, _ = problem(cell, rng, n_steps=12)
    start = rng.normal(size=cell.n_state)
    states, influence = kernels.forward_sensitivity(cell, theta, inputs, state=start)
    if getattr(cell, "activation", None) in ("relu", "elu"):  # not differentiated across their kinks
        steps = zip([start, *states], inputs, strict=False)
        assert min(np.abs(pre_activation(cell.unpack(theta), s, x)).min() for s, x in steps) > 3e-4
    numeric = reference.finite_differences(lambda w: kernels.forward_sensitivity(cell, w, inputs, state=start)[0][-1], theta)
    close(influence, numeric, 1e-8)


@each_cell
def test_forward_sensitivity_is_its_twin(cell, rng, dtype, tol):
    theta, _, inputs, _ = problem(cell, rng, dtype, n_steps=N_STEPS)
    start = before(cell, rng, dtype)
    states, influence = kernels.forward_sensitivity(cell, theta, inputs, **start)
    expected = reference.forward_sensitivity(cell, theta, inputs, **start)
    close(states, expected[0], tol)
    close(influence, expected[1], tol)
    assert states.dtype == influence.dtype == dtype


@each_block
@each_loss
@each_cell
def test_exact_carry_equals_full_bptt(cell, loss, carry_every, rng, dtype, tol):
    theta, readout, inputs, targets = problem(cell, rng, dtype, loss, N_STEPS)
    start, mask = rng.normal(size=cell.n_state).astype(dtype), rng.random(N_STEPS) < 0.7
    settings = {"loss": loss, "state": start, "mask": mask, "readout_bound": 0.8}
    total, gradient, state, influence = kernels.block_gradient(cell, theta, readout, inputs, targets, **settings, carry_every=carry_every)
    expected = reference.full_bptt(cell, theta, readout, inputs, targets, **settings)
    assert total == pytest.approx(expected[0], rel=tol)
    for name, part in gradient.items():
        close(part, expected[1][name], tol)
        assert part.dtype == dtype
        assert part.shape == expected[1][name].shape
    close(state, expected[2], tol)
    close(influence, reference.forward_sensitivity(cell, theta, inputs, state=start)[1], tol)


@each_block
@each_cell
def test_blocks_chain(cell, carry_every, rng, dtype, tol):
    arguments, start = problem(cell, rng, dtype, n_steps=N_STEPS), before(cell, rng, dtype)
    whole = reference.block_gradient(cell, *arguments, **start)
    for length in (1, 3, 7, N_STEPS):
        total, gradient, state, influence = chained(cell, *arguments, length, start, carry_every=carry_every)
        assert total == pytest.approx(whole[0], rel=tol)
        close(gradient, flat(whole[1]), tol)
        close(state, whole[2], tol)
        close(influence, whole[3], tol)


@each_cell
def test_no_carry_forgets_what_came_before(cell, rng, dtype, tol):
    arguments, start = problem(cell, rng, dtype, n_steps=N_STEPS), before(cell, rng, dtype)
    total, gradient, state, influence = kernels.block_gradient(cell, *arguments, **start, carry="none")
    expected = reference.block_gradient(cell, *arguments, **start, carry="none")
    assert influence is None
    assert total == pytest.approx(expected[0], rel=tol)
    close(flat(gradient), flat(expected[1]), tol)
    close(state, expected[2], tol)
    exact = flat(kernels.block_gradient(cell, *arguments, **start)[1])
    assert np.linalg.norm(exact - flat(gradient)) > 0.01 * np.linalg.norm(exact)


@each_block
@pytest.mark.parametrize("cell", [Elman(N_INPUTS, N_UNITS), Elman(N_INPUTS, N_UNITS, "relu", 0.6), CELLS[6]], ids=repr)
def test_tokens_equal_one_hot_rows(cell, carry_every, rng, dtype, tol):
    theta, readout, _, targets = problem(cell, rng, dtype, n_steps=N_STEPS)
    start, tokens = before(cell, rng, dtype), rng.integers(N_INPUTS, size=N_STEPS)
    one_hot = np.eye(N_INPUTS, dtype=dtype)[tokens]
    ours = kernels.block_gradient(cell, theta, readout, tokens, targets, **start, carry_every=carry_every)
    expected = reference.block_gradient(cell, theta, readout, one_hot, targets, **start)
    close(flat(ours[1]), flat(expected[1]), tol)
    close(ours[2], expected[2], tol)
    close(ours[3], expected[3], tol)
    for kind in (np.uint8, np.int32):
        again = kernels.block_gradient(cell, theta, readout, tokens.astype(kind), targets, **start, carry_every=carry_every)
        np.testing.assert_array_equal(flat(again[1]), flat(ours[1]))


@each_block
@pytest.mark.parametrize("n_units", [1, 2, 15, 16, 17, 33])
def test_sizes_around_the_registers(n_units, carry_every, rng, dtype, tol):
    cell = Elman(N_INPUTS, n_units, "sigmoid")
    arguments, start = problem(cell, rng, dtype, n_steps=N_STEPS), before(cell, rng, dtype)
    ours = kernels.block_gradient(cell, *arguments, **start, carry_every=carry_every)
    expected = reference.block_gradient(cell, *arguments, **start)
    close(flat(ours[1]), flat(expected[1]), tol)
    close(ours[3], expected[3], tol)


@pytest.mark.parametrize("cell", PLAIN_CELLS, ids=repr)
def test_every_instruction_set_computes_the_same(cell, isa, rng, dtype, tol):
    theta, readout, inputs, targets = problem(cell, rng, dtype, "cross_entropy", N_STEPS)
    start = before(cell, rng, dtype)
    expected = reference.block_gradient(cell, theta, readout, inputs, targets, "cross_entropy", **start)
    for carry_every in BLOCKS:
        ours = kernels.block_gradient(cell, theta, readout, inputs, targets, "cross_entropy", **start, carry_every=carry_every)
        close(flat(ours[1]), flat(expected[1]), tol)
        close(ours[3], expected[3], tol)


def test_any_logits_are_stable(rng, dtype, tol):
    cell = Elman(N_INPUTS, N_UNITS)
    theta, readout, inputs, _ = problem(cell, rng, dtype, n_steps=N_STEPS)
    readout, targets = (readout[0] * dtype.type(1e4), readout[1]), rng.integers(N_OUTPUTS, size=N_STEPS)
    ours = kernels.block_gradient(cell, theta, readout, inputs, targets, "cross_entropy")
    expected = reference.block_gradient(cell, theta, readout, inputs, targets, "cross_entropy")
    assert ours[0] == pytest.approx(expected[0], rel=tol)
    close(flat(ours[1]), flat(expected[1]), 10 * tol)


@pytest.mark.parametrize("n_threads", [2, 4])
def test_the_number_of_threads_does_not_change_a_bit(n_threads, rng, dtype):
    cell = Elman(N_INPUTS, 64)  # above the threshold at which work is shared
    arguments, start = problem(cell, rng, dtype, n_steps=70), before(cell, rng, dtype)
    for carry_every in (1, 32):
        one, several = (kernels.block_gradient(cell, *arguments, **start, carry_every=carry_every, n_threads=n) for n in (1, n_threads))
        assert one[0] == several[0]
        for a, b in ((flat(one[1]), flat(several[1])), (one[2], several[2]), (one[3], several[3])):
            np.testing.assert_array_equal(a, b)


def test_arguments_are_not_written_to(rng, dtype):
    cell = Elman(N_INPUTS, N_UNITS)
    theta, readout, inputs, targets = problem(cell, rng, dtype)
    start = before(cell, rng, dtype)
    arrays = [theta, *readout, inputs, targets, *start.values()]
    copies = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    kernels.block_gradient(cell, theta, readout, inputs, targets, **start)
    kernels.forward_sensitivity(cell, theta, inputs, **start)
    for a, b in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("function", [kernels.forward_sensitivity, kernels.block_gradient])
def test_a_kernel_and_its_twin_have_one_signature(function):
    ours = list(inspect.signature(function).parameters.values())
    twin = list(inspect.signature(getattr(reference, function.__name__)).parameters.values())
    assert [(p.name, p.default) for p in ours[: len(twin)]] == [(p.name, p.default) for p in twin]
    assert all(p.name in ("carry_every", "n_threads") for p in ours[len(twin) :])  # matters of speed only
