"""Snapshots in chunks, folded into what the operators of lifted states need of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import one_of, positive_int
from .._rows import weights_of
from ..linalg import LeastSquaresSolution
from ..linalg._kept_rows import KeptRows
from ..linalg._least_squares import StreamingLeastSquares
from ..linalg._normal_equations import NormalEquations
from ._operators import EDMDResult, finite_rows

__all__ = ["EDMDAccumulator"]

Array = NDArray[Any]
Features = Callable[[Array], Array]
CHUNK_NUMBERS = 1 << 18  # of features made at a time: they are still in the cache when they are folded in
BLOCK_ROWS = 288  # of cpp/pushforward/koopman/fold.hpp: whole blocks at a time
WIDE_BLOCKS = 4  # of features that the cache does not hold anyway: a call has its price
SOLVERS = {"auto": StreamingLeastSquares, "qr": StreamingLeastSquares, "gram": NormalEquations, "svd": KeptRows}
TARGETS = ("observables", "state")


class EDMDAccumulator:
    """Snapshots in chunks, folded into what least squares needs of them; memory does not grow with their number.

    Parameters
    ----------
    features : callable
        (n, n_variables) ndarray -> (n, n_features) ndarray of the same dtype. It may have the attributes ``n_features``, ``state_columns`` (a
        slice: where the state itself stands in the features) and ``constant_column``; it is pickled with the accumulator.
    n_state : int
        Width of the state.
    target : {"observables", "state"}
        What is predicted: the features of the next snapshot (the whole operator) or only its state, in less than half of the time.
    n_inputs : int
        Width of the inputs, 0 for none.
    n_features : int, optional
        Where ``features`` does not say it.
    dtype : {"float64", "float32"}
    solver : {"auto", "qr", "gram", "svd"}
        "qr" (and "auto") is as accurate as an SVD of all features; "gram" forms the normal equations: less work, half of the digits; "svd" keeps
        all features.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> h = [np.array([1.0, 0.0])]
    >>> for _ in range(40):
    ...     h.append(np.array([[0.9, -0.2], [0.2, 0.9]]) @ h[-1])
    >>> h = np.array(h)
    >>> parts = [pf.kernels.EDMDAccumulator(lambda x: x, n_state=2, n_features=2).update(part) for part in (h[:20], h[19:])]
    >>> parts[0].merge(parts[1]).solve().K.round(6)
    array([[ 0.9, -0.2],
           [ 0.2,  0.9]])
    """

    def __init__(
        self, features: Features, n_state: int, target: str = "observables", n_inputs: int = 0, n_features: int | None = None,
        dtype: str = "float64", solver: str = "auto",
    ) -> None:  # fmt: skip
        positive_int("n_state", n_state)
        one_of("target", target, TARGETS)
        one_of("solver", solver, SOLVERS)
        one_of("dtype", np.dtype(dtype).name, ("float64", "float32"))
        n_features = getattr(features, "n_features", None) if n_features is None else n_features
        positive_int("n_features", n_features)
        assert n_features is not None
        if isinstance(n_inputs, bool) or not isinstance(n_inputs, (int, np.integer)) or n_inputs < 0:
            raise ValueError(f"n_inputs must be an int of at least 0, got {n_inputs!r}")
        self.features, self.n_state, self.target, self.n_inputs, self.solver = features, int(n_state), target, int(n_inputs), solver
        self.n_features, self.dtype, self.n_snapshots = int(n_features), np.dtype(dtype), 0
        self._selects = getattr(features, "state_columns", None)  # the state is read off the features
        if self._selects is not None and len(range(*self._selects.indices(self.n_features))) != n_state:
            raise ValueError(f"n_state must be the width of the features' state_columns {self._selects}, got {n_state}")
        self._lifts = target == "observables"
        widths = [self.n_features] * self._lifts + [self.n_state] * (not self._lifts or self._selects is None) * (1 + self._lifts)
        self._fit: Any = SOLVERS[solver](self.n_features + self.n_inputs, sum(widths), self.dtype.name)

    def update(
        self, X: ArrayLike, X_next: ArrayLike | None = None, inputs: ArrayLike | None = None, sample_weight: ArrayLike | None = None,
        *, states: ArrayLike | None = None, states_next: ArrayLike | None = None,
    ) -> Self:  # fmt: skip
        """Fold snapshots in.

        Parameters
        ----------
        X : (n_snapshots, n_variables) ndarray
            What the features take. Without ``X_next``: steps of one trajectory, whose features are computed once; a trajectory may come in
            pieces, the next piece beginning with the last row of the one before.
        X_next : (n_snapshots, n_variables) ndarray, optional
            One step after X, row by row.
        inputs : (n_snapshots, n_inputs) ndarray, optional
            inputs[t] acts between X[t] and what follows; of a trajectory the last row is not used.
        sample_weight : (n_snapshots,) array-like, optional
            Of each pair; of a trajectory the last one is not used.
        states, states_next : (n_snapshots, n_state) ndarrays, optional
            The states, where X is something else (an embedding). ``states_next`` goes with ``X_next``.

        Raises
        ------
        ValueError, TypeError
            What does not fit is named; of rows that are not finite the numbers. Nothing of this call has been folded in then.
        """
        data = self._checked(X, X_next, inputs, sample_weight, states, states_next)
        with self._fit._kept():
            first = 0
            for rows, targets, weights in self._pieces(*data):
                self._fit._add(rows, targets, weights, (f"features of X[{first}:]", f"targets of X[{first}:]"))
                first += len(rows)
        self.n_snapshots = self._fit.n_rows
        return self

    def merge(self, other: Self) -> Self:
        """Fold in all snapshots that another has seen; its features must be the same."""
        if type(other) is not type(self):
            raise TypeError(f"other must be an {type(self).__name__}, got {type(other).__name__}")
        mine, theirs = ((a.n_state, a.target, a.n_inputs, a.n_features, a.dtype.name, a.solver) for a in (self, other))
        if mine != theirs:
            raise ValueError(f"other must have the same n_state, target, n_inputs, n_features, dtype and solver, {mine}, got {theirs}")
        self._fit.merge(other._fit)
        self.n_snapshots = self._fit.n_rows
        return self

    def solve(self, rcond: float = 1e-10, ridge: float = 0.0) -> EDMDResult:
        """Operators from all snapshots so far.

        Parameters
        ----------
        rcond : float
            Singular values of at most ``rcond`` times the largest count as zero.
        ridge : float
            Penalty of the sum of squares of the operators' entries.
        """
        if not self.n_snapshots:
            raise ValueError("there are no snapshots: call update first")
        solution = self._fit.solve(rcond, ridge)
        return self._result(solution, rcond, ridge)

    def export_state(self) -> dict[str, Array]:
        """Return what it has seen, as arrays: all but the settings."""
        return dict(self._fit.export_state())

    def import_state(self, arrays: Mapping[str, Array]) -> None:
        """Take back what :meth:`export_state` gave, and go on from there to the bit."""
        self._fit.import_state(arrays)
        self.n_snapshots = self._fit.n_rows

    def _result(self, solution: LeastSquaresSolution, rcond: float, ridge: float) -> EDMDResult:
        D, n, X = self.n_features, self.n_state, solution.coefficients.T  # (targets, features and inputs)
        inputs = slice(D, D + self.n_inputs)
        common = (solution.singular_values, solution.rank)
        if not self._lifts:
            return EDMDResult(X[:, :D], X[:, inputs] if self.n_inputs else None, None, None, None, *common, solution.residuals, self.n_snapshots)
        K, B = X[:D, :D].copy(), X[:D, inputs].copy() if self.n_inputs else None
        one = getattr(self.features, "constant_column", None)
        if one is not None:
            K[one], K[one, one] = 0, 1
            if B is not None:
                B[one] = 0
        if self._selects is not None:
            C = np.eye(D, dtype=self.dtype)[self._selects]
            A, A_u = K[self._selects].copy(), None if B is None else B[self._selects].copy()
        else:
            A, A_u = X[D : D + n, :D], X[D : D + n, inputs] if self.n_inputs else None
            C = self._fit.part(D, n).solve(rcond, ridge).coefficients.T if self.n_inputs else X[D + n :, :D]  # the state of now hears no input
        return EDMDResult(A, A_u, K, B, C, *common, solution.residuals[:D], self.n_snapshots, self._spectral(B))

    def _spectral(self, B: Array | None) -> tuple[Array, Array, Array] | None:
        if not self._fit.has_factors:
            return None
        D, R, Q, S = self.n_features, self._fit.R, self._fit.QTY[:, : self.n_features], self._fit.residual_gram[: self.n_features, : self.n_features]
        if B is not None:  # what is left when the inputs' part is taken out
            Q = Q - R[:, D:] @ B.T
            S = S + Q[D:].T @ Q[D:]
        return R[:D, :D], Q[:D], S

    def _chunk(self) -> int:
        return BLOCK_ROWS * (CHUNK_NUMBERS // (BLOCK_ROWS * max(self.n_features, int(self._fit.n_targets))) or WIDE_BLOCKS)

    def _lifted(self, X: Array) -> Array:
        psi = np.asarray(self.features(X))
        if psi.shape != (len(X), self.n_features) or psi.dtype != self.dtype:
            raise ValueError(f"features must give ({len(X)}, {self.n_features}) numbers of {self.dtype}, got {psi.dtype} of shape {psi.shape}")
        return psi

    def _pieces(
        self, X: Array, X_next: Array | None, U: Array | None, weights: Array | None, H: Array, H_next: Array
    ) -> Iterator[tuple[Array, Array, Array | None]]:
        n, chunk = len(H_next), self._chunk()
        for first in range(0, n, chunk):
            last = min(n, first + chunk)
            now = slice(first, last)
            if X_next is None and self._lifts:
                psi = self._lifted(X[first : last + 1])
                rows, after = psi[:-1], psi[1:]
            else:
                rows = self._lifted(X[now])
                after = self._lifted(X_next[now]) if self._lifts and X_next is not None else rows[:0]
            if not self._lifts:
                targets = H_next[now]
            else:
                targets = after if self._selects is not None else np.concatenate([after, H_next[now], H[now]], axis=1)
            yield rows if U is None else np.concatenate([rows, U[now]], axis=1), targets, None if weights is None else weights[now]

    def _checked(
        self, X: ArrayLike, X_next: ArrayLike | None, inputs: ArrayLike | None, sample_weight: ArrayLike | None,
        states: ArrayLike | None, states_next: ArrayLike | None,
    ) -> tuple[Array, Array | None, Array | None, Array | None, Array, Array]:  # fmt: skip
        rows = finite_rows("X", X, self.dtype)
        after = None if X_next is None else finite_rows("X_next", X_next, self.dtype)
        if after is None and len(rows) < 2:
            raise ValueError(f"X must have at least two snapshots of a trajectory, got {len(rows)}")
        if after is not None and after.shape != rows.shape:
            raise ValueError(f"X_next must have shape {rows.shape} like X, got {after.shape}")
        H = rows if states is None else finite_rows("states", states, self.dtype)
        if H.shape != (len(rows), self.n_state):
            raise ValueError(f"{'X' if states is None else 'states'} must have shape ({len(rows)}, {self.n_state}), got {H.shape}")
        if after is None:
            H_next = H[1:]
        elif states is None:
            H_next = after
        elif states_next is None:
            raise ValueError("states_next must be given with states and X_next")
        else:
            H_next = finite_rows("states_next", states_next, self.dtype)
            if H_next.shape != H.shape:
                raise ValueError(f"states_next must have shape {H.shape}, got {H_next.shape}")
        if (inputs is None) != (self.n_inputs == 0):
            raise ValueError(f"inputs must be given exactly when n_inputs (here {self.n_inputs}) is not 0")
        U = None if inputs is None else finite_rows("inputs", inputs, self.dtype)
        if U is not None and U.shape != (len(rows), self.n_inputs):
            raise ValueError(f"inputs must have shape ({len(rows)}, {self.n_inputs}), a row for each of X, got {U.shape}")
        weights = None if sample_weight is None else weights_of("sample_weight", sample_weight, len(rows), some=False)
        return rows, after, U, weights, H, H_next
