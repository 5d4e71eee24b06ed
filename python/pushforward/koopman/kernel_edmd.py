"""Extended dynamic mode decomposition with a kernel: more features than snapshots, none of them formed."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import _series
from .._checks import one_of, positive_int, within
from .._estimator import Estimator
from ..errors import DivergenceError
from ..linalg._solution import named_rows
from ._kernels import Array, KernelFunction, check_kernel, kernel_matrix, principal, scale_of
from ._spectrum import continuous_eigenvalues, decompose

__all__ = ["KernelEDMD"]

CHUNK_NUMBERS = 1 << 21  # of the kernel between new rows and snapshots at a time
EPS = float(np.finfo(np.float64).eps)
FITTED = ("snapshots_", "singular_values_", "koopman_matrix_", "projection_", "state_matrix_", "eigenvalues_", "modes_", "_vectors", "_left")


class KernelEDMD(Estimator):
    """Koopman operator from few snapshots, in the features of a kernel. Memory grows with the square of their number, time with its cube.

    Parameters
    ----------
    kernel : {"rbf", "polynomial", "linear", "laplacian"} or callable
        exp(−γ ‖x − y‖²), (γ ⟨x, y⟩ + coef0)^degree, ⟨x, y⟩, exp(−γ ‖x − y‖₁), or a function of (n, n_state) and (m, n_state) arrays that gives
        (n, m) values: those of :mod:`sklearn.metrics.pairwise`, kernels of Gaussian processes, one's own.
    gamma : float, optional
        Of "rbf", "polynomial" and "laplacian"; the others take none. Unless given 1 / (2 m²) (rbf) or 1 / m (laplacian), m the median distance
        between snapshots, or 1 / mean ‖x‖² (polynomial).
    degree : int
    coef0 : float
    rcond : float
        Singular values of the features of all snapshots of at most ``rcond`` times the largest are cut off. They are roots of the eigenvalues of a
        matrix in double precision: below √(n ε), some 10⁻⁷, they are rounding errors, and cut off in any case.
    dtype : {"float64", "float32"}
        Of data and results; data of another precision are refused. The kernel's matrices are in double precision always.

    Attributes
    ----------
    koopman_matrix_ : (rank_, rank_) ndarray
        z[t+1] ≈ K z[t] of the coordinates z = ``lift(x)``.
    projection_, state_matrix_ : (n_state, rank_) ndarray
        h[t] ≈ C z[t], and the next state h[t+1] ≈ A z[t].
    eigenvalues_ : (rank_,) complex ndarray
        Descending in modulus.
    modes_ : (n_state, rank_) complex ndarray
        h ≈ Σ_j modes_j φ_j(h).
    singular_values_ : (n_snapshots,) ndarray
    snapshots_ : (n_snapshots, n_state) ndarray
    rank_ : int
    gamma_ : float

    Notes
    -----
    Rows of X and Y are snapshots and their successors, Ψ_X the features of X, k(x, y) = ⟨ψ(x), ψ(y)⟩ (Williams, Rowley, Kevrekidis 2015, J.
    Comput. Dyn. 2, 247):

        Ψ_X Ψ_Xᵀ = k(X, X) = Q Σ² Qᵀ ,   z(x) = Σ⁻¹ Qᵀ k(X, x) ,   Kᵀ = Σ⁻¹ Qᵀ k(Y, X) Q Σ⁻¹ ,   Cᵀ = Σ⁻¹ Qᵀ X ,   Aᵀ = Σ⁻¹ Qᵀ Y

    z are the coordinates of ψ(x) along the right singular vectors of Ψ_X, so the eigenvalues of K are those that the operator has in the features
    that the snapshots span.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> x = [np.array([1.0, 0.5])]
    >>> for _ in range(30):
    ...     x.append(np.array([0.9 * x[-1][0], 0.5 * x[-1][1] + 0.2 * x[-1][0] ** 2]))
    >>> model = pf.koopman.KernelEDMD(kernel="polynomial", degree=2, rcond=1e-6).fit(np.array(x))
    >>> model.predict([[0.8, 0.3]]).round(4)
    array([[0.72 , 0.278]])
    """

    _evolving: ClassVar[tuple[str, ...]] = ("_vectors", "_left")
    _vectors: Array  # (n_snapshots, rank_): Q Σ⁻¹
    _left: Array  # (rank_, rank_): columns w_j of the eigenfunctions φ_j = w_jᵀ z

    def __init__(
        self, kernel: str | KernelFunction = "rbf", gamma: float | None = None, degree: int = 3, coef0: float = 1.0,
        rcond: float = 1e-7, dtype: str = "float64",
    ) -> None:  # fmt: skip
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.rcond = rcond
        self.dtype = dtype

    def fit(self, X: ArrayLike | list[Array], X_next: ArrayLike | None = None) -> Self:
        """Learn from trajectories, or from snapshots and what follows each.

        Parameters
        ----------
        X : (n_steps, n_state) ndarray of the model's dtype, (n_series, n_steps, n_state), or list of trajectories of any length
        X_next : ndarray of the shape of X, or list as X is, optional
            One step after X, row by row. Without it rows of X follow each other, and every trajectory has at least two.

        Raises
        ------
        ValueError, TypeError
            What does not fit is named; of rows that are not finite the places. The model is as it was.
        """
        with self._unchanged_by_mistakes():
            self._forget()
            self._learn(*self._pairs(X, X_next))
            self._remember_settings()
        return self

    def _pairs(self, X: Any, X_next: Any) -> tuple[Array, Array]:
        one_of("dtype", self.dtype, ("float64", "float32"))
        dtype = np.dtype(self.dtype)
        data = _series.series("X", X, dtype)
        if X_next is not None:
            following = _series.targets("X_next", X_next, data, dtype)[0]
            if following.arrays[0].shape[1] != data.arrays[0].shape[1]:
                raise ValueError(f"X_next must have {data.arrays[0].shape[1]} columns like X, got {following.arrays[0].shape[1]}")
            return np.concatenate(data.arrays), np.concatenate(following.arrays)
        for i, length in enumerate(data.lengths):
            if length < 2:
                raise ValueError(f"X must have at least two snapshots in every trajectory, got {length} in trajectory {i}")
        return np.concatenate([a[:-1] for a in data.arrays]), np.concatenate([a[1:] for a in data.arrays])

    def _learn(self, X: Array, Y: Array) -> None:
        check_kernel(self.kernel, self.gamma, self.degree, self.coef0)
        if not within(self.rcond, 0, 1, "[)"):
            raise ValueError(f"rcond must be a number of at least 0 and less than 1, got {self.rcond!r}")
        dtype = X.dtype
        self.snapshots_ = X
        self.gamma_ = scale_of(self.kernel, np.asarray(X, np.float64)) if self.gamma is None else float(self.gamma)
        squares, Q = principal(self._kernel(X))
        kept = squares > max(float(self.rcond) ** 2, len(X) * EPS) * squares[0]
        sigma = np.sqrt(squares[kept])
        self._vectors = np.ascontiguousarray(Q[:, kept] / sigma)
        K = (self._vectors.T @ (self._kernel(Y) @ self._vectors)).T
        C, A = X.T @ self._vectors, Y.T @ self._vectors
        eigenvalues, right, left = decompose(K)
        self.koopman_matrix_, self.projection_, self.state_matrix_ = (np.ascontiguousarray(a, dtype) for a in (K, C, A))
        self.singular_values_, self.rank_, self.n_features_in_ = np.sqrt(np.maximum(squares, 0.0)).astype(dtype), len(sigma), X.shape[1]
        self._left, wide = np.ascontiguousarray(left), np.result_type(dtype, np.complex64)
        self.eigenvalues_, self.modes_ = (np.ascontiguousarray(a, wide) for a in (eigenvalues, C @ right))

    def _kernel(self, X: Array) -> Array:
        rows = np.asarray(X, np.float64)
        return kernel_matrix(self.kernel, rows, np.asarray(self.snapshots_, np.float64), self.gamma_, self.degree, self.coef0)

    # -- what was learnt -----------------------------------------------------------------------------------------------------

    def _rows(self, X: Any, name: str = "X") -> Array:
        self._check_built()
        self._check_unchanged()
        rows = _series.numbers(name, X, np.dtype(self.dtype))
        if rows.ndim != 2 or rows.shape[1] != self.n_features_in_:
            raise ValueError(f"{name} must be (n, {self.n_features_in_}), rows like those of fit, got shape {rows.shape}")
        named_rows(name, rows)
        return rows

    def _combined(self, rows: Array, weights: Array) -> Array:
        """k(x, snapshots) times weights (n_snapshots, m) of each row x: (n, m) in double precision."""
        out = np.empty((len(rows), weights.shape[1]), weights.dtype)
        length = max(1, CHUNK_NUMBERS // len(self.snapshots_))
        for first in range(0, len(rows), length):
            out[first : first + length] = self._kernel(rows[first : first + length]) @ weights
        return out

    def lift(self, X: ArrayLike) -> Array:
        """Return the coordinates z (n, rank_) of rows (n, n_state)."""
        rows = self._rows(X)
        return self._combined(rows, self._vectors).astype(rows.dtype)

    def eigenfunctions(self, X: ArrayLike) -> Array:
        """Return φ_j of each row, (n, rank_) complex: φ_j(x') ≈ λ_j φ_j(x)."""
        return self._combined(self._rows(X), self._vectors @ self._left).astype(self.eigenvalues_.dtype)

    def predict(self, X: ArrayLike) -> Array:
        """Return the next state of each row, (n, n_state)."""
        rows = self._rows(X)
        return self._combined(rows, self._vectors @ self.state_matrix_.T).astype(rows.dtype)

    def continuous_eigenvalues(self, dt: float) -> Array:
        """Return log(λ) / dt in 1 / s."""
        self._check_built()
        return continuous_eigenvalues(self.eigenvalues_, dt)

    def simulate(self, x0: ArrayLike, n_steps: int) -> Array:
        """Run on its own, each state lifted anew.

        Parameters
        ----------
        x0 : (n_state,) or (n_series, n_state) ndarray of the model's dtype
        n_steps : int

        Returns
        -------
        states : (n_steps, n_state) or (n_series, n_steps, n_state) ndarray
            Those after x0.

        Raises
        ------
        DivergenceError
            When a state is not finite, with its step and series.
        """
        state, single = self._starts(x0, n_steps)
        weights, out = self._vectors @ self.state_matrix_.T, np.empty((len(state), n_steps, self.n_features_in_), state.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(n_steps):
                state = self._combined(state, weights).astype(state.dtype)
                _check_states(state, t)
                out[:, t] = state
        return out[0] if single else out

    def simulate_linear(self, x0: ArrayLike, n_steps: int) -> Array:
        """Iterate the Koopman matrix without lifting anew, h[t] = C Kᵗ z(x0); parameters and results are those of :meth:`simulate`."""
        state, single = self._starts(x0, n_steps)
        z, out = self._combined(state, self._vectors), np.empty((len(state), n_steps, self.n_features_in_), state.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(n_steps):
                z = z @ self.koopman_matrix_.T
                out[:, t] = z @ self.projection_.T
                _check_states(out[:, t], t)
        return out[0] if single else out

    def _starts(self, x0: ArrayLike, n_steps: int) -> tuple[Array, bool]:
        positive_int("n_steps", n_steps)
        single = np.ndim(x0) == 1
        return self._rows(np.asarray(x0)[None] if single and isinstance(x0, np.ndarray) else [x0] if single else x0, "x0"), single

    # -- what a file holds ---------------------------------------------------------------------------------------------------

    def _to_file(self) -> tuple[dict[str, Any], dict[str, Array]]:
        self._check_built()
        self._check_unchanged()
        return {"gamma": self.gamma_}, {name.strip("_"): getattr(self, name) for name in FITTED}

    def _from_file(self, facts: dict[str, Any], arrays: dict[str, Array]) -> None:
        for name in FITTED:
            setattr(self, name, arrays[name.strip("_")])
        self.gamma_ = float(facts["gamma"])
        self.rank_, self.n_features_in_ = len(self.koopman_matrix_), self.snapshots_.shape[1]
        self._remember_settings()


def _check_states(states: Array, step: int) -> None:
    bad = np.flatnonzero(~np.isfinite(states).all(axis=1))
    if len(bad):
        raise DivergenceError("the simulated state is not finite", step, int(bad[0]))
