"""What the tests of cells share: the twin's derivatives against its step, the kernels' gradients against full BPTT, part by part."""

import numpy as np
import pytest
from helpers import close, flat

from pushforward import kernels, reference
from pushforward.reference.cells import dynamics_jacobian, immediate_jacobian, input_jacobian, pullback, step


def parts(cell, gradient):
    """Every named part of a gradient that is not empty, one by one."""
    for name, at in cell.positions().items():
        yield name, gradient["theta"][at[at >= 0]]
    yield from ((name, gradient[name].ravel()) for name in ("W_out", "b_out"))


def same_parts(cell, actual, expected, relative):
    for (name, mine), (_, theirs) in zip(parts(cell, actual), parts(cell, expected), strict=True):
        assert np.linalg.norm(mine - theirs) <= relative * np.linalg.norm(theirs), name
        assert np.linalg.norm(theirs) > 1e-3, name


def twin_differentiates(cell, theta, state, x, adjoint, *tick):
    """The twin's Jacobians are the central differences of its step, and its reverse mode their products with the adjoint."""
    before, gradient, dx = pullback(cell, theta, state, x, adjoint, *tick)
    for jacobian, reverse, function, where in [
        (dynamics_jacobian, before, lambda v: step(cell, theta, v, x, *tick), state),
        (immediate_jacobian, gradient, lambda v: step(cell, v, state, x, *tick), theta),
        (input_jacobian, dx, lambda v: step(cell, theta, state, v, *tick), x),
    ]:
        numeric = reference.finite_differences(function, where)
        close(jacobian(cell, theta, state, x, *tick), numeric, 1e-8)
        close(reverse, adjoint @ numeric, 1e-8)


def gradient_is_full_bptt(cell, arguments, carry_every, relative, **settings):
    """Loss, gradient, state and influence of a block: arguments (θ, readout, inputs, targets)."""
    total, gradient, state, influence = kernels.block_gradient(cell, *arguments, **settings, carry_every=carry_every)
    expected = reference.full_bptt(cell, *arguments, **settings)
    assert total == pytest.approx(expected[0], rel=relative)
    same_parts(cell, gradient, expected[1], relative)
    close(state, expected[2], relative)
    close(influence, reference.forward_sensitivity(cell, arguments[0], arguments[2], state=settings["state"])[1], relative)


def gradient_of_chained_blocks(cell, theta, readout, inputs, targets, carry_every, length=7):
    """The sum of the gradients of blocks, state and influence going from one to the next, as one vector."""
    gradient, carry = 0.0, {}
    for t in range(0, len(inputs), length):
        cut = slice(t, t + length)
        _, part, state, influence = kernels.block_gradient(cell, theta, readout, inputs[cut], targets[cut], **carry, carry_every=carry_every)
        gradient, carry = gradient + flat(part), {"state": state, "influence": influence}
    return gradient
