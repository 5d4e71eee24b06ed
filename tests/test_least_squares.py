"""Least squares in chunks against a singular value decomposition of all rows at once."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushforward import get_num_threads, set_num_threads
from pushforward.linalg import StreamingLeastSquares, _folding


def graded(rng, n_rows, n_columns, condition, dtype="float64"):
    """A of a condition number, singular values evenly graded."""
    U, V = (np.linalg.qr(rng.normal(size=(n, n_columns)))[0] for n in (n_rows, n_columns))
    return ((U * np.logspace(0, -np.log10(condition), n_columns)) @ V.T).astype(dtype)


def chunked(A, Y, rng, most=700, weights=None):
    fit, first = StreamingLeastSquares(A.shape[1], Y.shape[1], A.dtype.name), 0
    while first < len(A):
        now = slice(first, first + int(rng.integers(1, most)))
        fit.update(A[now], Y[now], None if weights is None else weights[now])
        first = now.stop
    return fit


@pytest.mark.parametrize("rcond", [1e-10, 1e-13])
@pytest.mark.parametrize("condition", [1e2, 1e6, 1e10, 1e12, 1e14, 1e18])
def test_equals_lstsq_whatever_the_condition(rng, condition, rcond):
    A = graded(rng, 6000, 60, 1.07 * condition)  # no singular value at the cut-off
    Y = A @ rng.normal(size=(60, 3)) + 1e-8 * rng.normal(size=(6000, 3))
    solution = chunked(A, Y, rng).solve(rcond)
    x, _, rank, s = np.linalg.lstsq(A, Y, rcond=rcond)
    assert solution.rank == rank
    assert np.abs(solution.singular_values - s).max() <= 1e-14 * s[0]
    residuals = np.linalg.norm(A @ solution.coefficients - Y, axis=0)
    assert np.all(residuals <= 1.001 * np.linalg.norm(A @ x - Y, axis=0))
    np.testing.assert_allclose(solution.residuals, residuals, rtol=1e-4)


def test_both_dtypes_on_every_instruction_set(rng, isa, dtype):
    A = graded(rng, 3000, 37, 30.0, dtype)
    Y = (A @ rng.normal(size=(37, 5)) + 1e-2 * rng.normal(size=(3000, 5))).astype(dtype)
    fit = chunked(A, Y, rng)
    solution, R, C, S = fit.solve(), fit.R, fit.QTY, fit.residual_gram
    eps = np.finfo(dtype).eps
    exact = np.linalg.lstsq(A.astype(float), Y.astype(float))[0]
    assert np.linalg.norm(solution.coefficients - exact) <= 3e3 * eps * np.linalg.norm(exact)
    assert solution.coefficients.dtype == R.dtype == dtype
    assert np.linalg.norm(R.T @ R - A.T @ A) <= 1e2 * eps * np.linalg.norm(A.T @ A)
    assert np.linalg.norm(R.T @ C - A.T @ Y) <= 1e2 * eps * np.linalg.norm(A) * np.linalg.norm(Y)
    left = Y - A @ exact
    assert np.linalg.norm(S - left.T @ left) <= 1e3 * eps * np.linalg.norm(left.T @ left)
    assert np.all(np.diagonal(R) >= 0)
    assert not np.tril(R, -1).any()


def test_residuals_far_below_the_targets_are_seen(rng):
    """‖Y‖² − ‖Qᵀ Y‖² would see nothing below 1e-8."""
    A = rng.normal(size=(4000, 20))
    noise = 1e-11 * rng.normal(size=(4000, 2))
    Y = A @ rng.normal(size=(20, 2)) + noise
    fit = chunked(A, Y, rng)
    expected = np.linalg.norm(noise - A @ np.linalg.lstsq(A, noise)[0], axis=0)
    np.testing.assert_allclose(np.sqrt(np.diagonal(fit.residual_gram)), expected, rtol=1e-2)
    np.testing.assert_allclose(fit.solve().residuals, expected, rtol=1e-2)


def test_a_direction_seen_late_is_not_lost(rng):
    """Rows that the factor knows nothing of do not go through the triangular solve."""
    A = rng.normal(size=(3000, 12))
    A[:2000, 5] = 1e-9 * A[:2000, 5]
    A[:2500, 7] = 0
    A[2700, 3] = 1e7
    Y = A @ rng.normal(size=(12, 2))
    solution = chunked(A, Y, rng, most=1500).solve(rcond=1e-14)
    _, _, rank, s = np.linalg.lstsq(A, Y, rcond=1e-14)
    assert solution.rank == rank == 12
    assert np.linalg.norm(A @ solution.coefficients - Y) <= 1e-14 * np.linalg.norm(A) * np.linalg.norm(solution.coefficients)
    np.testing.assert_allclose(solution.singular_values[:11], s[:11], rtol=1e-8)


def test_no_more_goes_into_the_gram_matrix_than_it_bears(rng):
    R, X = np.eye(8), 1e-3 * rng.normal(size=(1000, 8))
    X[600] = 100.0
    T, H = _folding._core.pack_fold(R, np.zeros((8, 1))), np.zeros((16, 16))
    taken = _folding._core.fold(T, X, np.ones((1000, 1)), None, H, _folding.LIMIT, True)
    assert 0 < taken <= 600
    np.testing.assert_allclose(np.tril(H[:8, :8]), np.tril(X[:taken].T @ X[:taken]), rtol=1e-12)
    X[600] = np.nan
    H[:] = 0
    assert _folding._core.fold(T, X, np.ones((1000, 1)), None, H, _folding.LIMIT, True) == taken


@given(
    n_rows=st.integers(1, 400), n_columns=st.integers(1, 40), n_targets=st.integers(1, 20), scaled=st.booleans(), solved=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_the_gram_matrix_of_what_is_new(n_rows, n_columns, n_targets, scaled, solved, seed):
    rng = np.random.default_rng(seed)
    X, Y, C = rng.normal(size=(n_rows, n_columns)), rng.normal(size=(n_rows, n_targets)), rng.normal(size=(n_columns, n_targets))
    R = np.triu(rng.normal(size=(n_columns, n_columns))) + 3 * np.sqrt(n_columns) * np.eye(n_columns)
    scale = rng.random(n_rows) if scaled else None
    left = -(-n_columns // 8) * 8
    H = np.zeros((left + -(-n_targets // 8) * 8,) * 2)
    assert _folding._core.fold(_folding._core.pack_fold(R, C) if solved else None, X, Y, scale, H, 1e30, True) == n_rows
    X, Y = (part * (1 if scale is None else scale[:, None]) for part in (X, Y))
    Z = np.linalg.solve(R.T, X.T).T if solved else X
    both = np.zeros((n_rows, len(H)))
    both[:, :n_columns], both[:, left : left + n_targets] = Z, Y - Z @ C if solved else Y
    np.testing.assert_allclose(np.tril(H), np.tril(both.T @ both), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("n_rows", "n_columns"), [(1, 5), (48, 24), (337, 70), (600, 300)])
def test_rows_of_one_trajectory_give_the_bits_of_any_others(rng, isa, dtype, n_rows, n_columns):
    """Targets that are the rows after are read out of the rows, not copied."""
    states, strip, before, sums = rng.normal(size=(n_rows + 1, n_columns)).astype(dtype), 64 // dtype.itemsize, get_num_threads(), []
    left = -(-n_columns // strip) * strip
    for n_threads, targets in ((1, states[1:]), (2, states[1:]), (1, states[1:].copy()), (2, states[:0:-1].copy())):
        set_num_threads(n_threads)
        H = np.zeros((2 * left, 2 * left), dtype)
        assert _folding._core.fold(None, states[:-1], targets, None, H, 0.0, False) == n_rows
        sums.append(np.concatenate([np.tril(H[:n_columns, :n_columns]), H[left : left + n_columns, :n_columns]]))
        X, Y = states[:-1].astype(float), targets.astype(float)
        exact = np.concatenate([np.tril(X.T @ X), Y.T @ X])
        assert np.linalg.norm(sums[-1] - exact) <= 30 * np.finfo(dtype).eps * np.sqrt(n_rows) * np.linalg.norm(exact)
    set_num_threads(before)
    for other in sums[1:3]:
        np.testing.assert_array_equal(other, sums[0])


@pytest.mark.parametrize(("n_rows", "n_columns"), [(3, 10), (10, 10), (1, 1), (25, 10), (500, 1)])
def test_few_rows_give_the_solution_of_least_norm(rng, n_rows, n_columns):
    A, Y = rng.normal(size=(n_rows, n_columns)), rng.normal(size=(n_rows, 2))
    solution = StreamingLeastSquares(n_columns, 2).update(A, Y).solve()
    x, _, rank, _ = np.linalg.lstsq(A, Y)
    np.testing.assert_allclose(solution.coefficients, x, atol=1e-11 * np.abs(x).max())
    assert (solution.rank, solution.n_rows) == (rank, n_rows)


def test_a_column_twice_is_a_rank_not_an_error(rng, dtype):
    A = rng.normal(size=(2000, 20)).astype(dtype)
    A[:, 11] = A[:, 4]
    A[:, 13] = 0
    Y = rng.normal(size=(2000, 1)).astype(dtype)
    solution = chunked(A, Y, rng).solve(rcond=1e-10 if dtype == np.float64 else 1e-5)
    assert solution.rank == 18
    expected = np.linalg.lstsq(A.astype(float), Y.astype(float), rcond=1e-5)[0]
    assert np.linalg.norm(solution.coefficients - expected) <= 1e3 * np.finfo(dtype).eps * np.linalg.norm(expected)


def test_weights_and_ridge(rng):
    A, Y, weights = rng.normal(size=(900, 7)), rng.normal(size=(900, 2)), rng.integers(0, 4, 900)
    repeated = np.repeat(A, weights, axis=0), np.repeat(Y, weights, axis=0)
    expected = np.linalg.solve(repeated[0].T @ repeated[0] + 3.0 * np.eye(7), repeated[0].T @ repeated[1])
    for most in (10, 500):
        np.testing.assert_allclose(chunked(A, Y, rng, most, weights).solve(ridge=3.0).coefficients, expected, rtol=1e-10)


def test_merging_in_any_way_gives_the_same(rng):
    A = graded(rng, 5000, 40, 1e9)
    Y = A @ rng.normal(size=(40, 3)) + 1e-9 * rng.normal(size=(5000, 3))
    whole = chunked(A, Y, rng).solve()
    parts = [chunked(A[i::4], Y[i::4], rng) for i in range(4)]
    merged = parts[0].merge(parts[1]).merge(parts[2].merge(parts[3])).merge(StreamingLeastSquares(40, 3))
    for fit in (merged, StreamingLeastSquares(40, 3).merge(merged)):
        assert fit.n_rows == 5000
        assert np.linalg.norm(A @ (fit.solve().coefficients - whole.coefficients)) <= 1e-9 * np.linalg.norm(Y)
        np.testing.assert_allclose(fit.solve().residuals, whole.residuals, rtol=1e-7)


def test_the_number_of_threads_changes_nothing(rng):
    A, Y = rng.normal(size=(3000, 70)), rng.normal(size=(3000, 30))
    before, results = get_num_threads(), []
    for n_threads in (1, 2, 5):
        set_num_threads(n_threads)
        results.append(StreamingLeastSquares(70, 30).update(A, Y).export_state())
    set_num_threads(before)
    for result in results[1:]:
        for name, array in results[0].items():
            np.testing.assert_array_equal(result[name], array)


@pytest.mark.parametrize("n_rows", [50, 300, 1000])
def test_goes_on_from_a_pickle_or_its_state_to_the_bit(rng, n_rows):
    A, Y = rng.normal(size=(2000, 20)), rng.normal(size=(2000, 3))
    fit = StreamingLeastSquares(20, 3).update(A[:n_rows], Y[:n_rows])
    copies = [pickle.loads(pickle.dumps(fit)), StreamingLeastSquares(20, 3)]
    copies[1].import_state(fit.export_state())
    for copy in copies:
        copy.update(A[n_rows:], Y[n_rows:])
    fit.update(A[n_rows:], Y[n_rows:])
    for copy in copies:
        np.testing.assert_array_equal(copy.solve().coefficients, fit.solve().coefficients)


def test_a_mistake_changes_nothing_and_is_named(rng):
    A, Y = rng.normal(size=(3000, 6)), rng.normal(size=(3000, 2))
    fit = StreamingLeastSquares(6, 2).update(A, Y)
    before = fit.export_state()
    for row in (2, 500, 2999):
        for array, name in ((A, "A"), (Y, "Y")):
            bad = array.copy()
            bad[row, 1] = np.inf if row == 500 else np.nan
            with pytest.raises(ValueError, match=rf"^{name} must be finite.* in row {row}$"):
                fit.update(bad if name == "A" else A, bad if name == "Y" else Y)
    bad[[7, 9, 11]] = np.nan
    with pytest.raises(ValueError, match="rows 7, 9, 11, 2999"):
        fit.update(A, bad)
    for arguments, text in (((A[:, :5], Y), "A must have shape"), ((A, Y[:9]), "Y must have shape"), ((A, Y, np.ones(3)), "weights must have shape")):
        with pytest.raises(ValueError, match=text):
            fit.update(*arguments)
    with pytest.raises(TypeError, match="A must be float64 like the model, got float32"):
        fit.update(A.astype("float32"), Y)
    for other in (StreamingLeastSquares(5, 2), StreamingLeastSquares(6, 2, "float32")):
        with pytest.raises(ValueError, match="other must have"):
            fit.merge(other)
    with pytest.raises(TypeError, match="other"):
        fit.merge(A)
    for settings in ({"rcond": -1.0}, {"ridge": -1.0}, {"rcond": np.nan}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            fit.solve(**settings)
    with pytest.raises(ValueError, match="no rows"):
        StreamingLeastSquares(2, 1).solve()
    after = fit.export_state()
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)


def test_targets_of_scales_far_apart(rng):
    A, scales = rng.normal(size=(3000, 8)), np.logspace(-140, 140, 5)
    x = rng.normal(size=(8, 5)) * scales
    np.testing.assert_allclose(chunked(1e3 * A, 1e3 * A @ x, rng).solve().coefficients / scales, x / scales, rtol=1e-12, atol=1e-13)


def test_no_size_to_start_from_is_rank_zero(rng, dtype):
    Y = rng.normal(size=(500, 2)).astype(dtype)
    nothing = StreamingLeastSquares(3, 2, dtype.name).update(np.zeros((500, 3), dtype), Y)
    assert nothing.solve().rank == 0
    assert not nothing.solve().coefficients.any()
    np.testing.assert_allclose(nothing.solve().residuals, np.linalg.norm(Y, axis=0), rtol=1e-5)
    A = rng.normal(size=(500, 3)).astype(dtype)
    np.testing.assert_allclose(nothing.update(A, A[:, :2]).solve().coefficients, np.linalg.lstsq(A, A[:, :2])[0], atol=1e-5)


def test_no_square_leaves_the_range_before_the_numbers_do(rng):
    A = rng.normal(size=(900, 4))
    for size in (1e160, 1e-160, 1e-170):
        np.testing.assert_allclose(chunked(A * size, A[:, :1], rng).solve().coefficients[:, 0] * size, [1, 0, 0, 0], atol=1e-12)


def test_weights_that_are_too_large_are_refused_and_nothing_is_lost(rng):
    A, Y = rng.normal(size=(300, 4)), rng.normal(size=(300, 1))
    for n_rows in (20, 300):  # rows that wait, rows that go in
        fit = StreamingLeastSquares(4, 1).update(A, Y)
        with pytest.raises(ValueError, match="weights must be small enough"):
            fit.update(1e300 * A[:n_rows], Y[:n_rows], np.full(n_rows, 1e200))
        np.testing.assert_array_equal(fit.solve().coefficients, StreamingLeastSquares(4, 1).update(A, Y).solve().coefficients)


def test_a_state_that_does_not_fit_is_refused_whole(rng):
    fit = StreamingLeastSquares(4, 1).update(rng.normal(size=(30, 4)), rng.normal(size=(30, 1)))
    good = fit.export_state()
    for name, bad in (("few", good["few"][:, 1:]), ("H", good["H"][1:]), ("R", good["R"].astype("float32"))):
        with pytest.raises(ValueError, match=f"'{name}' must be"):
            fit.import_state({**good, name: bad})
    for name, array in fit.export_state().items():
        np.testing.assert_array_equal(array, good[name])


def test_few_targets_and_many_are_solved_alike(rng, dtype):
    """The first without singular vectors."""
    A, eps = graded(rng, 3000, 48, 1e9 if dtype == np.float64 else 1e3, dtype), np.finfo(dtype).eps
    Y = np.tile(A @ rng.normal(size=(48, 1)) + 1e-3 * rng.normal(size=(3000, 1)), 7).astype(dtype)
    few, many = (StreamingLeastSquares(48, k, dtype.name).update(A, Y[:, :k]).solve(rcond=2e-4) for k in (6, 7))
    assert few.rank == many.rank
    np.testing.assert_allclose(few.singular_values, many.singular_values, atol=30 * eps * many.singular_values[0])
    assert np.linalg.norm(A @ (few.coefficients - many.coefficients[:, :6])) <= 1e6 * eps * np.linalg.norm(Y)


def test_triangles_larger_than_a_block(rng):
    U, R = (np.asfortranarray(np.triu(rng.normal(size=(600, 600)))) for _ in range(2))
    expected = U @ R
    np.testing.assert_array_equal(_folding._by_rows(R), R)
    np.testing.assert_allclose(_folding._product(U, R), expected, atol=1e-11)


def test_what_others_hold_is_not_overwritten(rng):
    A, Y = rng.normal(size=(3000, 20)), rng.normal(size=(3000, 2))
    fit = StreamingLeastSquares(20, 2).update(A, Y)
    part = fit.part(20, 2)
    before = [part.export_state(), fit.merge(part).update(A, Y).merge(fit).export_state()]
    with pytest.raises(ValueError, match="row 2000"):
        fit.update(np.where(np.arange(3000)[:, None] == 2000, np.nan, 1e6 * A), Y)
    for now, then in zip((part, fit), before, strict=True):
        for name, array in now.export_state().items():
            np.testing.assert_array_equal(array, then[name])
