"""Kernels between snapshots, by name or as a function."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import laplacian_kernel, linear_kernel, polynomial_kernel

from .._checks import one_of, positive_int, positive_number, within
from .dictionaries._width import median_distance

__all__ = ["KERNELS", "KernelFunction", "check_kernel", "kernel_matrix", "principal", "scale_of"]

Array = NDArray[Any]
KernelFunction = Callable[[Array, Array], Array]
SIGNED = 1e-6  # an eigenvalue this negative, relative to the largest, is no rounding error
KERNELS = ("rbf", "polynomial", "linear", "laplacian")


def check_kernel(kernel: Any, gamma: Any, degree: Any, coef0: Any) -> None:
    """Refuse settings that make no kernel."""
    if not callable(kernel):
        one_of("kernel", kernel, KERNELS)
    if gamma is not None:
        positive_number("gamma", gamma)
    positive_int("degree", degree)
    if not within(coef0, 0):
        raise ValueError(f"coef0 must be a finite number of at least 0, got {coef0!r}")


def scale_of(kernel: str | KernelFunction, X: Array) -> float:
    """Return the default of gamma: the kernel between typical snapshots is then neither 0 nor 1, in whatever units they are."""
    if kernel == "polynomial":
        square = float(np.mean(np.einsum("ij,ij->i", X, X)))
        return 1.0 / square if square > 0 else 1.0
    if kernel in ("rbf", "laplacian"):
        distance = median_distance(X, np.random.default_rng(0))
        return 0.5 / distance**2 if kernel == "rbf" else 1.0 / distance
    return 1.0  # without meaning


def kernel_matrix(kernel: str | KernelFunction, X: Array, Y: Array, gamma: float, degree: int, coef0: float) -> Array:
    """Return k(x_i, y_j) in double precision, (n, m)."""
    if kernel == "rbf":  # from differences: scikit-learn's differences of squares lose the digits of points far from the origin
        K = cdist(X, Y, "sqeuclidean")
        K *= -gamma
        return np.asarray(np.exp(K, out=K))
    if kernel == "polynomial":
        return np.asarray(polynomial_kernel(X, Y, degree=degree, gamma=gamma, coef0=coef0))
    if kernel == "linear":
        return np.asarray(linear_kernel(X, Y))
    if kernel == "laplacian":
        return np.asarray(laplacian_kernel(X, Y, gamma=gamma))
    assert callable(kernel)  # see check_kernel
    values = np.asarray(kernel(X, Y))
    if values.shape != (len(X), len(Y)) or values.dtype.kind not in "iuf":
        raise ValueError(f"kernel must give real numbers of shape ({len(X)}, {len(Y)}), got {values.dtype} of shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("kernel must give finite numbers, got some that are not")
    return np.asarray(values, np.float64)


def principal(G: Array) -> tuple[Array, Array]:
    """Return the eigenvalues of a kernel's matrix of snapshots with themselves, descending, and its eigenvectors."""
    if np.abs(G - G.T).max() > SIGNED * np.abs(G).max():
        raise ValueError("kernel must be symmetric: k(x, y) = k(y, x), which does not hold on these snapshots")
    squares, Q = eigh((G + G.T) / 2, overwrite_a=True, check_finite=False)
    if squares[-1] <= 0:
        raise ValueError(f"kernel must not be zero on all snapshots, got a matrix whose largest eigenvalue is {squares[-1]:g}")
    if squares[0] < -SIGNED * squares[-1]:
        raise ValueError(f"kernel must be positive semidefinite, got a matrix with eigenvalues from {squares[0]:g} to {squares[-1]:g}")
    return squares[::-1], Q[:, ::-1]
