"""Many small least-squares problems at once: the twin, rank, ridges, problems beside others, views, the range of numbers."""

import tracemalloc

import numpy as np
import pytest
from helpers import at, close, refused

import pushforward as pf

solve, twin = pf.kernels.batched_lstsq, pf.reference.batched_lstsq

SHAPES = {  # B, m, k, p
    "one number": (1, 1, 1, 1),
    "a line": (3, 20, 2, 1),
    "a group and one": (17, 21, 5, 3),
    "several chunks": (9, 400, 13, 10),
    "large": (10, 150, 50, 2),
    "narrow": (33, 500, 3, 1),
}


def problems(rng, shape, dtype="float64"):
    B, m, k, p = shape
    return rng.normal(size=(B, m, k)).astype(dtype), rng.normal(size=(B, m, p)).astype(dtype)


def deficient(rng, B, m, k, rank):
    """Matrices of ``rank``, singular values 1 to 3 or so."""
    factors = (np.linalg.qr(rng.normal(size=(B, n, rank)))[0] for n in (m, k))
    return np.einsum("bmr,bkr->bmk", *factors) * 2


def with_singular_values(rng, B, m, k, values):
    left, right = (np.linalg.qr(rng.normal(size=(B, n, k)))[0] for n in (m, k))
    return np.einsum("bmr,r,bkr->bmk", left, values, right)


def precision(dtype):
    return 1e-12 if dtype == np.float64 else 2e-5


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_it_is_the_twin(shape, rng, dtype, isa):
    A, Y = problems(rng, shape, dtype)
    A += np.eye(shape[1], shape[2], dtype=dtype)
    B = shape[0]
    for ridge in (0.0, 0.3, rng.random(B), rng.random((4, 1)), rng.random((3, B)), np.array([[0.0], [2.0]])):
        x, rank = solve(A, Y, ridge, return_rank=True)
        expected, ranks = twin(A.astype("float64"), Y.astype("float64"), ridge, return_rank=True)
        assert x.dtype == dtype
        assert x.shape == expected.shape
        assert (rank == ranks).all()
        close(x, expected, precision(dtype))


def test_errors_grow_with_the_condition_number_and_not_with_its_square(rng, isa):
    """κ = 1e9: normal equations have no digit left, lstsq has six."""
    A = with_singular_values(rng, 12, 60, 10, np.geomspace(1, 1e-9, 10))
    x = rng.normal(size=(12, 10, 2))
    found, rank = solve(A, A @ x, return_rank=True)
    close(found, x, 1e-5)
    assert (rank == 10).all()


@pytest.mark.parametrize(("m", "k", "rank"), [(20, 5, 3), (40, 20, 7), (30, 30, 29), (6, 9, 4), (5, 12, 5), (300, 3, 1), (9, 4, 0)])
def test_without_full_rank_it_is_the_shortest_solution(m, k, rank, rng, dtype, isa):
    """Beside problems of full rank, which are solved another way."""
    A = deficient(rng, 11, m, k, rank) if rank else np.zeros((11, m, k))
    A[::3] = rng.normal(size=A[::3].shape)
    A, Y = A.astype(dtype), rng.normal(size=(11, m, 2)).astype(dtype)
    x, ranks = solve(A, Y, return_rank=True)
    cut = max(m, k) * np.finfo(dtype).eps
    for i in range(11):
        expected, _, found, values = np.linalg.lstsq(A[i].astype("float64"), Y[i].astype("float64"), rcond=cut)
        assert ranks[i] == found == (rank if i % 3 else min(m, k))
        condition = values[0] / values[found - 1] if found else 1.0
        assert np.linalg.norm(x[i] - expected) <= precision(dtype) * condition**2 * np.linalg.norm(expected)


def test_the_shortest_solution_has_no_part_in_the_null_space(rng):
    A, Y = deficient(rng, 9, 30, 12, 8), rng.normal(size=(9, 30, 1))
    x, rank = solve(A, Y, return_rank=True)
    null = np.linalg.svd(A)[2][:, 8:]
    assert (rank == 8).all()
    assert np.abs(null @ x).max() < 1e-13
    assert np.abs(A.transpose(0, 2, 1) @ (A @ x - Y)).max() < 1e-12  # and the residual is orthogonal to the columns


def test_rcond_cuts_where_lstsq_does(rng, dtype, isa):
    """With a ridge too, once it is given; singular values on both sides of it, a factor 1.5 away."""
    values = np.array([1, 0.5, 1.5e-2, 1e-2 / 1.5, 1e-3])
    A = (7 * with_singular_values(rng, 10, 40, 5, values)).astype(dtype)
    Y = rng.normal(size=(10, 40, 2)).astype(dtype)
    for ridge in (0.0, 1e-3):
        x, rank = solve(A, Y, ridge, rcond=1e-2, return_rank=True)
        assert (rank == 3).all()
        close(x, twin(A.astype("float64"), Y.astype("float64"), ridge, rcond=1e-2), 100 * precision(dtype))
    assert (solve(A, Y, rcond=0.0, return_rank=True)[1] == 5).all()


def test_a_ridge_is_so_many_rows_more(rng, dtype, isa):
    """Wide problems too: nothing has to be cut off then."""
    for m, k in ((30, 6), (4, 9)):
        A, Y = problems(rng, (9, m, k, 2), dtype)
        ridge = rng.uniform(0.1, 1, size=9)
        below = np.sqrt(ridge)[:, None, None] * np.eye(k)
        x = [np.linalg.lstsq(np.vstack([a, b]), np.vstack([y, np.zeros((k, 2))]), rcond=None)[0] for a, b, y in zip(A, below, Y, strict=True)]
        close(solve(A, Y, ridge), np.stack(x), precision(dtype))


def test_several_ridges_are_one_after_the_other(rng, dtype):
    A, Y = problems(rng, (11, 20, 7, 2), dtype)
    A[3, :, 2] = A[3, :, 1]
    ridges = np.concatenate([[np.zeros(11)], rng.random((3, 11)), [np.full(11, 1e-30)]])
    together = solve(A, Y, ridges)
    assert together.shape == (5, 11, 7, 2)
    for ridge, x in zip(ridges, together, strict=True):
        np.testing.assert_array_equal(solve(A, Y, ridge), x)


def test_a_problem_does_not_know_what_stands_beside_it(rng, dtype, isa):
    """To the bit: of full rank or not, wide numbers or narrow ones, zero, whatever its lane."""
    A, Y = problems(rng, (40, 25, 6, 2), dtype)
    A[::4, :, 3] = A[::4, :, 1]
    A[1::5] *= 1e-25 if dtype == np.float32 else 1e-200
    A[2::7, :, 0] = 0
    A[3::9] = 0
    ridge = np.where(np.arange(40) % 3, 0.0, 1e-3)
    x, rank = solve(A, Y, ridge, return_rank=True)
    order = rng.permutation(40)
    other, ranks = solve(A[order], Y[order], ridge[order], return_rank=True)
    np.testing.assert_array_equal(other, x[order])
    np.testing.assert_array_equal(ranks, rank[order])
    for i in range(0, 40, 3):
        np.testing.assert_array_equal(solve(A[i : i + 1], Y[i : i + 1], ridge[i : i + 1])[0], x[i])


def test_the_number_of_threads_changes_nothing(rng, dtype):
    """Nor which of them takes a problem, where numbers on the way are below the smallest normal one."""
    A, Y = problems(rng, (2000, 12, 4, 1), dtype)
    A[::2] *= 1e-25 if dtype == np.float32 else 1e-200
    A[::6, :, 3] = A[::6, :, 1]
    ridge = np.where(np.arange(2000) % 3, 0.0, 1e-3)
    found = []
    try:
        for n_threads in (1, 2, 5):
            pf.set_num_threads(n_threads)
            found.append((solve(A, Y, ridge), solve(A, Y, ridge, rcond=1e-4)))
    finally:
        pf.set_num_threads(None)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_columns_that_begin_with_zeros(rng, dtype, isa):
    """A column without numbers in the first chunk of rows takes no dimension from it: nothing of the chunk may be lost."""
    A, Y = problems(rng, (20, 90, 40, 1), dtype)
    for i in range(20):
        A[i, : 4 * i, : i % 7] = 0
    close(solve(A, Y), twin(A.astype("float64"), Y.astype("float64")), 100 * precision(dtype))


def test_windows_and_broadcasts_are_not_copied(rng):
    """100 MB of windows over 80 kB, one matrix for all: the same as from copies."""
    series, matrix = rng.normal(size=(2000, 5)), rng.normal(size=(200, 5))
    windows = np.lib.stride_tricks.sliding_window_view(series, 200, axis=0).transpose(0, 2, 1)
    Y = np.lib.stride_tricks.sliding_window_view(series @ np.arange(5.0) + rng.normal(size=2000), 200)
    every = np.broadcast_to(matrix, (len(Y), 200, 5))
    tracemalloc.start()
    found = solve(windows, Y), solve(every, Y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6
    for x, A in zip(found, (windows, every), strict=True):
        np.testing.assert_array_equal(x, solve(A.copy(), Y.copy()))
    close(found[1].T, np.linalg.lstsq(matrix, Y.T, rcond=None)[0], 1e-12)


def test_one_target_without_its_axis(rng):
    A, Y = problems(rng, (4, 9, 3, 1))
    np.testing.assert_array_equal(solve(A, Y[..., 0], 0.1), solve(A, Y, 0.1)[..., 0])
    np.testing.assert_array_equal(twin(A, Y[..., 0], 0.1), twin(A, Y, 0.1)[..., 0])
    np.testing.assert_array_equal(solve(A.tolist(), Y.tolist()), solve(A, Y))


@pytest.mark.parametrize("exponent", [-1, 1])
def test_the_unit_of_the_matrix_does_not_matter(exponent, rng, dtype, isa):
    """Squares overflow or vanish: a power of two rounds nothing, so that the solution is the same to the bit."""
    A, Y = problems(rng, (10, 30, 6, 2), dtype)
    unit = np.ldexp(1.0, exponent * (110 if dtype == np.float32 else 900)).astype(dtype)
    np.testing.assert_array_equal(solve(A * unit, Y) * unit, solve(A, Y))


def test_no_digits_are_lost_to_a_large_ridge(rng, dtype, isa):
    """x → Aᵀ Y / ridge, though the square of the largest would overflow."""
    A, Y = problems(rng, (9, 8, 3, 1), dtype)
    unit = np.ldexp(1.0, np.finfo(dtype).maxexp // 2)
    for ridge in (1e25, float(np.finfo(dtype).max) / 4):
        x = solve(A, (Y * unit).astype(dtype), ridge).astype("float64") * (ridge / unit)
        close(x, A.astype("float64").transpose(0, 2, 1) @ Y.astype("float64"), precision(dtype))


def test_what_is_refused(rng):
    A, Y = problems(rng, (5, 6, 3, 2))
    refused(r"A must be finite, got nan in problem 3, row 4", solve, at(A, (3, 4, 1), np.nan), Y)
    refused(r"Y must be finite, got inf in problem 0, row 5", solve, A, at(Y, (0, 5, 1), np.inf))
    refused(r"A must be finite, got -inf in problem 1, row 0", solve, at(at(A, (1, 0, 0), -np.inf), (4, 0, 0), np.nan), Y)
    refused(r"A must be \(B, m, k\), none of them 0, got shape \(6, 3\)", solve, A[0], Y)
    refused(r"A must be \(B, m, k\), none of them 0, got shape \(0, 6, 3\)", solve, A[:0], Y[:0])
    refused(r"A must be of dtype float32 or float64, got int64", solve, np.ones((2, 2, 2), np.int64), Y)
    refused(r"Y must be \(5, 6\) or \(5, 6, p\) like A, p at least 1, got shape \(5, 5, 2\)", solve, A, Y[:, :5])
    refused(r"Y must be float64 like the model, got float32", solve, A, Y.astype("float32"))
    refused(r"ridge must be a number, \(5,\).*got shape \(4,\); several for every problem: ridge\[:, None\]", solve, A, Y, np.ones(4))
    refused(r"ridge must be finite and not negative, got -1.0", solve, A, Y, -1.0)
    refused(r"ridge must be finite and not negative, got 1e\+300", solve, A.astype("float32"), Y.astype("float32"), 1e300)
    refused(r"ridge must be real numbers, got complex128", solve, A, Y, 1j)
    refused(r"rcond must be a number of at least 0 and less than 1, or None, got -0.1", solve, A, Y, rcond=-0.1)
    refused(r"rcond must be a number of at least 0 and less than 1, or None, got 1", solve, A, Y, rcond=1)
