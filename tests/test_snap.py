"""SnAp-n: exact where nothing is left out, and elsewhere what its mask says, in memory as well."""

import itertools

import numpy as np
import pytest
from carries import BOUNDED, DENSE, DIAGONAL, SPARSE, STACKS, cells, gather, learner, problem
from helpers import close, refused

from pushforward import SGD, reference
from pushforward.cells import Elman

MASKED = [*SPARSE, *cells(("elman", 5, {"connectivity": ((0,), (0, 1), (1,), (2, 4), ())}))]
ONCE = [cell for cell in DENSE if getattr(cell, "decay", None) != "gram"]  # a weight used twice has two patterns
each_n = pytest.mark.parametrize("n", [1, 2])


def tight(dtype):
    return 1e-12 if dtype == np.float64 else 2e-4


def full(cell):
    return bool(reference.snap_mask(cell, 2).all())


def pattern_by_powers(cell, n):
    """Of a cell with one sparse W_rec: unit i reaches what (I + |D|)^(n−1) moves from it."""
    A = np.eye(cell.n_units) + (np.diag(np.ones(cell.n_units)) if getattr(cell, "leak_rate", 1.0) != 1.0 else 0) + cell.mask()
    reach = np.linalg.matrix_power(A, n - 1) > 0
    mask = np.zeros((cell.n_state, cell.n_params), bool)
    for at in cell.positions().values():
        for unit in range(cell.n_units):
            mask[:, np.ravel(at[unit])[np.ravel(at[unit]) >= 0]] = reach[:, [unit]]
    return mask


@pytest.mark.parametrize("cell", [*DENSE, *BOUNDED], ids=repr)
def test_a_full_pattern_is_exact(cell, dtype, rng):
    assert full(cell)
    weights, X, Y = problem(cell, rng, dtype, n_steps=25)
    core = gather(cell, "snap2", weights, X, Y)
    influence = reference.forward_sensitivity(cell, weights[0], X[0])[1]
    gradient = reference.block_gradient(cell, weights[0], (weights[1], weights[2]), X[0], Y[0])[1]
    close(core.gradient(0)[0], gradient["theta"], tight(dtype))
    close(core.influence(0), influence, tight(dtype))


@pytest.mark.parametrize("update_every", [1, 3])
@pytest.mark.parametrize("cell", [*DENSE, *BOUNDED], ids=repr)
def test_a_full_pattern_learns_like_exact_learning(cell, update_every, dtype, rng):
    weights, X, Y = problem(cell, rng, dtype, n_steps=30)
    learnt = []
    for gradient in ("snap2", "rtrl"):
        core = learner(cell, gradient, dtype=dtype, update_every=update_every, optimizer=SGD(learning_rate=0.01))
        core.set_parameters(*weights)
        core.run(X, None, Y, None, None)
        learnt.append(np.concatenate([a.ravel() for a in core.parameters()]))
    close(learnt[0], learnt[1], tight(dtype))
    assert np.linalg.norm(learnt[0] - np.concatenate([w.ravel() for w in weights])) > 1e-3


@each_n
@pytest.mark.parametrize("cell", MASKED, ids=repr)
def test_it_is_the_masked_recursion(cell, n, dtype, rng):
    assert not reference.snap_mask(cell, n).all()
    weights, X, Y = problem(cell, rng, dtype, n_steps=15)
    core = gather(cell, f"snap{n}", weights, X, Y)
    close(core.influence(0), reference.snap_influence(cell, weights[0], X[0], n)[1], tight(dtype))
    expected = np.zeros(cell.n_params)
    for t in range(15):
        s, J = reference.snap_influence(cell, weights[0], X[0, : t + 1], n)
        at = slice(cell.first_feature, cell.first_feature + cell.n_features)
        expected += (weights[1].T @ (weights[1] @ s[-1, at] + weights[2] - Y[0, t])) @ J[at]
    close(core.gradient(0)[0], expected, tight(dtype))


@each_n
@pytest.mark.parametrize("cell", [c for c in MASKED if c.name in ("elman", "leaky", "linear")], ids=repr)
def test_the_pattern_is_the_structural_one(cell, n, rng):
    expected = pattern_by_powers(cell, n)
    np.testing.assert_array_equal(reference.snap_mask(cell, n), expected)
    weights, X, _ = problem(cell, rng, n_steps=20)
    core = gather(cell, f"snap{n}", weights, X, None)
    np.testing.assert_array_equal(core.influence(0) != 0, expected)


@pytest.mark.parametrize(("cell", "n"), [*itertools.product([*ONCE, *STACKS], [1, 2]), *((cell, 2) for cell in DIAGONAL)], ids=repr)
def test_any_cell_is_the_masked_recursion(cell, n, dtype, rng):
    weights, X, _ = problem(cell, rng, dtype, n_steps=10)
    core = gather(cell, f"snap{n}", weights, X, None)
    close(core.influence(0), reference.snap_influence(cell, weights[0], X[0], n)[1], tight(dtype))


def test_memory_follows_the_pattern():
    ring = tuple((i, (i - 1) % 40) for i in range(40))
    core = learner(Elman(3, 40, connectivity=ring), "snap2")
    assert core.export_state()["series0.influence"].size == 40 * 2 * 8  # a unit reaches itself and the next; a row of 2 + 3 + 1, padded


@pytest.mark.parametrize("cell", SPARSE[:1], ids=repr)
def test_an_influence_is_taken_where_it_fits(cell, dtype, rng):
    core, mask = learner(cell, "snap2", dtype=dtype), reference.snap_mask(cell, 2)
    J = np.where(mask, rng.normal(size=mask.shape), 0).astype(dtype)
    core.set_influence(0, J)
    np.testing.assert_array_equal(core.influence(0), J)
    outside = J.copy()
    outside[tuple(np.argwhere(~mask)[0])] = 1
    refused("influence", core.set_influence, 0, outside)
    np.testing.assert_array_equal(core.influence(0), J)


def test_threads_change_no_bit(dtype, rng):
    cell = Elman(3, 72)
    weights, X, Y = problem(cell, rng, dtype, n_steps=5)
    one, two = (gather(cell, "snap2", weights, X, Y, n_threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.gradient(0)[0], two.gradient(0)[0])
    np.testing.assert_array_equal(one.influence(0), two.influence(0))


def test_every_instruction_set(isa, rng):
    for cell, n in itertools.product([DENSE[0], SPARSE[0]], [1, 2]):
        weights, X, _ = problem(cell, rng, n_steps=10)
        core = gather(cell, f"snap{n}", weights, X, None)
        close(core.influence(0), reference.snap_influence(cell, weights[0], X[0], n)[1], 1e-12)
