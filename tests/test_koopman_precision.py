"""Spectra of single precision, and what is not for complex factors."""

import numpy as np
import pytest

from pushforward.koopman._spectrum import eigenpair_residuals, pseudospectrum
from pushforward.linalg import StreamingLeastSquares


def test_what_only_rounding_errors_tell_apart_has_no_residual(rng, dtype):
    """The difference of a feature and its copy is no function of the state."""
    X = rng.normal(size=(2000, 3)).astype(dtype)
    psi, after = X[:, [0, 1, 2, 1]], (0.5 * X[:, [0, 1, 2, 1]]).astype(dtype)
    fit = StreamingLeastSquares(4, 4, dtype.name).update(psi, after)
    w = np.array([[0.0, 1.0, 0.0, -1.0], [1.0, 0.0, 0.0, 0.0]]).T
    found = eigenpair_residuals(fit.R, fit.QTY, fit.residual_gram, np.array([0.5, 0.5]), w)
    assert found[0] == np.inf
    assert found[1] < 100 * np.finfo(dtype).eps


def test_complex_factors_are_refused():
    one, K = np.eye(2), np.diag([0.5 + 0.5j, 0.1])
    with pytest.raises(TypeError, match="Q1 must be real"):
        pseudospectrum(one, K, 0 * one, np.array([0.5 - 0.5j]))
    with pytest.raises(TypeError, match="Q1 must be real"):
        eigenpair_residuals(one, K, 0 * one, np.array([0.5]), one[:, :1])
