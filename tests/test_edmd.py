"""Operators of lifted states: theorems of linear systems, the twin, chunks, inputs, mistakes."""

import itertools
import pickle
import tracemalloc

import numpy as np
import pytest

import pushforward as pf
from pushforward.kernels import EDMDAccumulator, edmd


class Lift:
    """[x | tanh | 1], saying where the state and the constant stand; a class, so that it can be pickled."""

    def __init__(self, n_state, n_units, seed=0, says=True):
        rng = np.random.default_rng(seed)
        self.W, self.b = rng.normal(size=(n_units, n_state)), rng.normal(size=n_units)
        self.n_features = n_state + n_units + 1
        if says:
            self.state_columns, self.constant_column = slice(0, n_state), n_state + n_units

    def __call__(self, x):
        return np.hstack([x, np.tanh(x @ self.W.astype(x.dtype).T + self.b.astype(x.dtype)), np.ones((len(x), 1), x.dtype)])


def orbit(n_steps, seed=0, inputs=None, dtype="float64"):
    """A damped pendulum, and what pushes it."""
    rng = np.random.default_rng(seed)
    x = np.empty((n_steps, 2))
    x[0] = rng.normal(size=2)
    for t in range(n_steps - 1):
        push = 0.0 if inputs is None else inputs[t] @ [0.1, -0.05]
        x[t + 1] = x[t] + 0.1 * np.array([x[t, 1], -np.sin(x[t, 0]) - 0.1 * x[t, 1] + push])
        if inputs is None and t % 60 == 59:
            x[t + 1] = rng.normal(size=2)
    return x.astype(dtype)


@pytest.mark.parametrize("solver", ["auto", "gram", "svd"])
def test_a_linear_system_with_inputs_exactly(rng, solver):
    F, G = np.array([[0.9, 0.3], [-0.2, 0.8]]), np.array([[0.5, 0.0, 1.0], [0.1, -1.0, 0.0]])
    X, U = rng.normal(size=(400, 2)), rng.normal(size=(400, 3))
    result = edmd(X, X @ F.T + U @ G.T, lambda x: x, inputs=U, solver=solver)
    np.testing.assert_allclose(result.K, F, atol=1e-13)
    np.testing.assert_allclose(result.B, G, atol=1e-13)
    np.testing.assert_allclose(result.A, F, atol=1e-13)
    np.testing.assert_allclose(result.A_u, G, atol=1e-13)
    np.testing.assert_allclose(result.C, np.eye(2), atol=1e-13)
    assert result.rank == 5
    assert result.n_snapshots == 400
    assert np.all(result.residuals < 1e-6)


@pytest.mark.parametrize("says", [True, False], ids=["selects", "fits"])
@pytest.mark.parametrize("with_inputs", [False, True])
@pytest.mark.parametrize("target", ["observables", "state"])
def test_the_twin_finds_the_same(rng, says, with_inputs, target):
    inputs = rng.normal(size=(900, 2)) if with_inputs else None
    X, weights = orbit(900, inputs=inputs), rng.integers(1, 4, 900)
    for ridge in (0.0, 1e-3):
        settings = {"target": target, "inputs": inputs, "sample_weight": weights, "rcond": 1e-9, "ridge": ridge}
        lift = Lift(2, 12, says=says)
        result, expected = edmd(X, None, lift, **settings), pf.reference.edmd(X, None, lift, **settings)
        assert result.rank == expected.rank
        psi, after = lift(X), lift(X[1:])
        rows = psi if inputs is None else np.hstack([psi, inputs])
        for of, by, values in (("A", "A_u", X), ("K", "B", psi)):
            mine, theirs = (getattr(r, of) if inputs is None or getattr(r, of) is None else np.hstack([getattr(r, of), getattr(r, by)])
                            for r in (result, expected))  # fmt: skip
            if target == "state" and of == "K":
                assert mine is None
                continue
            np.testing.assert_allclose(rows @ mine.T, rows @ theirs.T, atol=3e-8 * np.abs(values).max())
        assert (result.C is None) == (target == "state")
        if target == "observables":
            np.testing.assert_allclose(psi @ result.C.T, psi @ expected.C.T, atol=1e-7)
            operator = result.K if inputs is None else np.hstack([result.K, result.B])
            left = np.linalg.norm((after - rows[:-1] @ operator.T) * np.sqrt(weights[:-1, None]), axis=0)
            np.testing.assert_allclose(result.residuals[:-1], left[:-1], rtol=1e-5, atol=1e-10)
        if says and target == "observables":
            np.testing.assert_array_equal(result.K[-1], np.eye(15)[-1])
            np.testing.assert_array_equal(result.C, np.eye(15)[:2])
            assert inputs is None or not result.B[-1].any()


def test_factors_give_the_residual_of_any_function_of_the_features(rng):
    for inputs, ridge in ((None, 0.0), (rng.normal(size=(800, 2)), 0.0), (rng.normal(size=(800, 2)), 50.0)):  # a ridge: B is not the best there is
        X, lift = orbit(800, inputs=inputs), Lift(2, 9)
        result = edmd(X, None, lift, inputs=inputs, ridge=ridge)
        psi, after = lift(X[:-1]), lift(X[1:])
        if inputs is not None:
            after = after - inputs[:-1] @ result.B.T
        R, Q, S = result.factors
        for value in (0.9, 0.3 + 0.4j):
            w = rng.normal(size=12) + 1j * rng.normal(size=12)
            expected = np.linalg.norm(after @ w - value * psi @ w) ** 2
            np.testing.assert_allclose(np.linalg.norm((Q - value * R) @ w) ** 2 + (w.conj() @ S @ w).real, expected, rtol=1e-10)
            np.testing.assert_allclose(np.linalg.norm(R @ w), np.linalg.norm(psi @ w), rtol=1e-10)
    assert edmd(X, None, lift, inputs=inputs, solver="gram").factors is None


@pytest.mark.parametrize("solver", ["qr", "gram", "svd"])
def test_every_solver_weighs_and_says_what_is_left(rng, solver):
    X, weights = rng.normal(size=(700, 3)), rng.random(700)
    result = edmd(X[:-1], X[1:], lambda x: np.hstack([x, x**2]), sample_weight=weights[:-1], solver=solver)
    expected = pf.reference.edmd(X[:-1], X[1:], lambda x: np.hstack([x, x**2]), sample_weight=weights[:-1])
    np.testing.assert_allclose(result.K, expected.K, atol=1e-10)
    np.testing.assert_allclose(result.residuals, expected.residuals, rtol=1e-8)
    np.testing.assert_allclose(result.singular_values, expected.singular_values, rtol=1e-8)


def test_pairs_a_trajectory_and_pieces_of_it_are_the_same(rng, dtype, tol):
    X, lift = orbit(1000, dtype=dtype), Lift(2, 6)
    expected = edmd(X, None, lift, rcond=1e-4)
    cuts = [0, *np.sort(rng.choice(np.arange(1, 999), 36, replace=False)), 999]
    pieces = EDMDAccumulator(lift, 2, dtype=dtype.name)
    for first, last in itertools.pairwise(cuts):
        pieces.update(X[first : last + 1])
    merged = [EDMDAccumulator(lift, 2, dtype=dtype.name).update(X[i:-1:4], X[i + 1 :: 4]) for i in range(4)]
    for result in (
        edmd(X[:-1], X[1:], lift, rcond=1e-4), pieces.solve(1e-4), merged[0].merge(merged[1]).merge(merged[2]).merge(merged[3]).solve(1e-4),
    ):  # fmt: skip
        assert result.n_snapshots == 999
        assert result.K.dtype == dtype
        assert result.rank == expected.rank
        np.testing.assert_allclose(lift(X) @ (result.K - expected.K).T, 0, atol=3 * tol)


def test_uneven_chunks_and_merges_on_an_ill_conditioned_dictionary(rng):
    X = pf.datasets.lorenz63(8001)
    W, b = pf.kernels.sample_weights(X[:-1], X[1:], 200, seed=1)
    W[1], b[1] = W[0], b[0]  # a neuron twice

    def features(x):
        return pf.kernels.sampled_features(x, W, b)

    whole = edmd(X, None, features, target="state")
    chunked = EDMDAccumulator(features, 3, "state", n_features=200)
    for first, last in itertools.pairwise(np.linspace(0, 8000, 38).astype(int) ** 2 // 8000):
        chunked.update(X[first : last + 1])
    parts = [EDMDAccumulator(features, 3, "state", n_features=200).update(X[i * 2000 : i * 2000 + 2001]) for i in range(4)]
    merged = parts[0].merge(parts[1]).merge(parts[2].merge(parts[3]))
    psi = features(X)
    exact = np.linalg.lstsq(psi[:-1], X[1:], rcond=1e-10)
    assert whole.rank == exact[2] < 200
    for result in (whole, chunked.solve(), merged.solve()):
        assert result.rank == whole.rank
        assert np.abs(psi @ (result.A - whole.A).T).max() <= 1e-9 * np.abs(X).max()
        assert np.linalg.norm(psi[:-1] @ result.A.T - X[1:]) <= 1.01 * np.linalg.norm(psi[:-1] @ exact[0] - X[1:])


def test_goes_on_from_a_pickle_or_its_state_to_the_bit():
    X = orbit(1500)
    for solver in ("qr", "gram", "svd"):
        first = EDMDAccumulator(Lift(2, 5), 2, solver=solver).update(X[:700])
        copies = [pickle.loads(pickle.dumps(first)), EDMDAccumulator(Lift(2, 5), 2, solver=solver)]
        copies[1].import_state(first.export_state())
        first.update(X[699:])
        for copy in copies:
            assert copy.update(X[699:]).n_snapshots == 1499
            np.testing.assert_array_equal(copy.solve().K, first.solve().K)


def test_mistakes_are_named_and_change_nothing(rng):
    X, lift = orbit(600), Lift(2, 5)
    accumulator = EDMDAccumulator(lift, 2, n_inputs=1).update(X, inputs=X[:, :1])
    before = accumulator.export_state()
    bad = X.copy()
    bad[[3, 71]] = np.nan
    for arguments, text in (
        ({"X": bad, "inputs": X[:, :1]}, "X must be finite, got numbers that are not in rows 3, 71"),
        ({"X": X, "X_next": bad, "inputs": X[:, :1]}, "X_next must be finite"),
        ({"X": X, "inputs": bad[:, :1]}, "inputs must be finite"),
        ({"X": X[:1], "inputs": X[:1, :1]}, "X must have at least two snapshots"),
        ({"X": X, "X_next": X[1:], "inputs": X[:, :1]}, r"X_next must have shape \(600, 2\)"),
        ({"X": X}, "inputs must be given"),
        ({"X": X, "inputs": X}, "inputs must have shape"),
        ({"X": X[:, :1], "inputs": X[:, :1]}, "X must have shape"),
        ({"X": X, "inputs": X[:, :1], "sample_weight": np.ones(3)}, "sample_weight must have shape"),
        ({"X": X, "inputs": X[:, :1], "sample_weight": -np.ones(600)}, "sample_weight must be finite and not negative"),
        ({"X": X, "X_next": X, "inputs": X[:, :1], "states": X}, "states_next must be given"),
        ({"X": X[0], "inputs": X[:, :1]}, "X must have two axes"),
    ):
        with pytest.raises(ValueError, match=text):
            accumulator.update(**arguments)
    with pytest.raises(TypeError, match="X must be float64"):
        accumulator.update(X.astype("float32"), inputs=X[:, :1])
    after = accumulator.export_state()
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)
    with pytest.raises(ValueError, match="other must have the same"):
        accumulator.merge(EDMDAccumulator(lift, 2))
    with pytest.raises(ValueError, match="rcond"):
        accumulator.solve(rcond=-1)
    with pytest.raises(ValueError, match="no snapshots"):
        EDMDAccumulator(lift, 2).solve()
    for settings in ({"target": "next"}, {"solver": "lu"}, {"dtype": "float16"}, {"n_state": 0}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            EDMDAccumulator(lift, **{"n_state": 2, **settings})
    with pytest.raises(ValueError, match="features must give"):
        EDMDAccumulator(lambda x: x, 2, n_features=3).update(X)
    with pytest.raises(ValueError, match="X must have two axes"):
        edmd(X[0], None, lift)


def test_memory_does_not_grow_with_the_snapshots():
    X, lift = np.random.default_rng(0).normal(size=(60_000, 2)), Lift(2, 60)
    accumulator = EDMDAccumulator(lift, 2, "state").update(X[:30_000])
    tracemalloc.start()
    accumulator.update(X)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 60e6  # two chunks of 2²¹ numbers; the features of all rows are twice that


@pytest.mark.parametrize("solver", ["qr", "gram", "svd"])
def test_the_projection_does_not_hear_inputs_that_go_with_the_state(rng, solver):
    X = rng.normal(size=(600, 2))
    result = edmd(X, 0.5 * X, lambda x: np.hstack([x + x[:, ::-1] ** 2, x[:, ::-1] ** 2]), inputs=X + 0.1 * rng.normal(size=(600, 2)), solver=solver)
    np.testing.assert_allclose(result.C, [[1, 0, -1, 0], [0, 1, 0, -1]], atol=1e-8)
