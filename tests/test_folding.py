"""What a factor holds when something fails, or is near the ends of its numbers."""

import numpy as np
import pytest

from pushforward.linalg import StreamingLeastSquares, _folding


@pytest.mark.parametrize("where", ["_product", "_by_rows"])
def test_an_interrupt_leaves_all_or_nothing(rng, monkeypatch, where):
    A, Y = rng.normal(size=(3000, 20)), rng.normal(size=(3000, 2))
    fit, other = (StreamingLeastSquares(20, 2).update(A[:2300], Y[:2300]).update(A[2300:2400], Y[2300:2400]) for _ in range(2))
    before, solution = fit.export_state(), other.solve()

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_folding, where, interrupt)
        for action in (fit.solve, lambda: fit.merge(other), lambda: fit.part(20, 1), lambda: fit.update(A, Y)):
            fit.import_state(before)  # T is made anew
            with pytest.raises(KeyboardInterrupt):
                action()
            for name, array in fit.export_state().items():
                np.testing.assert_array_equal(array, before[name])
    np.testing.assert_array_equal(fit.solve().coefficients, solution.coefficients)


def test_columns_too_long_for_a_reciprocal_are_refused(rng):
    """Rows measured by them would be flushed to zero."""
    A, Y = (rng.normal(size=(1000, k)).astype("float32") for k in (4, 2))
    fit, lengths = StreamingLeastSquares(4, 2, "float32"), np.linalg.norm(1e36 * A.astype(float), axis=0)
    with pytest.raises(ValueError, match="length of a column is at most 8"):
        for n_taken in range(1, 40):
            R = fit.update(1e36 * A, Y).R.astype(float)
            np.testing.assert_allclose(np.linalg.norm(R, axis=0), np.sqrt(n_taken) * lengths, rtol=1e-5)
    assert n_taken in (6, 7, 8)


def test_near_the_rounding_errors_residuals_are_those_of_an_svd(rng, dtype):
    """A solution without singular vectors would be off by 30 ε ‖A‖ ‖x‖: in float32 a tenth of the residual here."""
    U, V = (np.linalg.qr(rng.normal(size=(n, 200)))[0] for n in (3000, 200))
    A = ((U * np.logspace(0, np.log10(np.finfo(dtype).eps) - 1, 200)) @ V.T).astype(dtype)
    Y = (A @ rng.normal(size=(200, 3)) + 0.1 * rng.normal(size=(3000, 3))).astype(dtype)
    solution = StreamingLeastSquares(200, 3, dtype.name).update(A, Y).solve(rcond=0)
    left, least = (np.linalg.norm(A.astype(float) @ x - Y) for x in (solution.coefficients.astype(float), np.linalg.lstsq(A.astype(float), Y)[0]))
    assert left <= 1.06 * least
