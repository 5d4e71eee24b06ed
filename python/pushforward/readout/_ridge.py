"""Ridge regression on rows that come in chunks."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._estimator import Estimator
from .._rows import check_finite, constant, rows_of, weights_of
from .._series import Array
from ..linalg import StreamingGram, StreamingQR
from ..linalg._factors import StreamingFactor
from ._data import check_settings, dtype_of, pair, penalties
from ._solvers import solve


class Ridge(Estimator):
    """Linear read-out y = W_out f + b_out that minimises Σ_t w_t ‖y_t − W_out f_t − b_out‖² + ridge ‖W_out‖², streamed.

    Parameters
    ----------
    ridge : float, or sequence of float
        Penalty, not negative. Several are solved from one factorisation, and the read-outs then have an axis of them in front.
    solver : {"qr", "gram"}
        "qr": streaming QR factorisation of [1 | X | Y], backward stable. "gram": normal equations and Cholesky; less work, but it squares the
        condition number, and what is smaller than 1e-8 of the largest feature (float64) is lost.
    intercept : bool
        Learn b_out; otherwise it is zero.
    penalise_intercept : bool
        By default b_out costs nothing, however large the mean of the targets is. True adds ridge ‖b_out‖² (what recursive least squares does).
    dtype : {"float64", "float32", "complex128", "complex64"}, optional
        Unless given, that of the first array; what is float32 stays float32.

    Attributes
    ----------
    W_out_, b_out_ : ndarray
        (n_outputs, n_features) and (n_outputs,), with (n_ridge, …) in front for several ridge values. Copies; solved when they are asked for.
    residual_norm_ : (n_outputs,) or (n_ridge, n_outputs) ndarray
        √Σ_t w_t |y − ŷ|² over all rows seen, without going through them again.
    n_features_in_, n_outputs_, n_steps_ : int
        n_steps_: rows seen.

    Notes
    -----
    Memory is that of one square of n_features + n_outputs + 1 columns and a few hundred to two thousand rows, however many there are. The constant
    column stands first: eliminating it is centring, without the cancellation of subtracting means. Chunks, their order and :meth:`merge` do not
    change the result beyond rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from pushforward.readout import Ridge
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 3))
    >>> Y = X @ [1.0, 2.0, 3.0] + 4.0
    >>> here, there = Ridge().partial_fit(X[:600], Y[:600]), Ridge().partial_fit(X[600:], Y[600:])
    >>> here.merge(there).W_out_.round(6), here.b_out_.round(6)
    (array([[1., 2., 3.]]), array([4.]))
    """

    _evolving: ClassVar[tuple[str, ...]] = ("_factor", "_solved")
    _may_change: ClassVar[tuple[str, ...]] = ("ridge",)
    _factor: StreamingFactor
    _solved: tuple[Any, Array, Array, Array] | None  # for this ridge: W_out, b_out, norms

    def __init__(
        self, ridge: float | Sequence[float] = 1e-8, solver: str = "qr", intercept: bool = True, penalise_intercept: bool = False,
        dtype: str | None = None,
    ) -> None:  # fmt: skip
        self.ridge, self.solver, self.intercept, self.penalise_intercept, self.dtype = ridge, solver, intercept, penalise_intercept, dtype

    def fit(self, X: ArrayLike, Y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Start afresh, learn these rows and solve; parameters as for :meth:`partial_fit`.

        Raises
        ------
        SingularReadoutError
            With the ridge that would cure it; the model is as it was.
        """
        with self._unchanged_by_mistakes():
            self._forget()
            self.partial_fit(X, Y, sample_weight)
            self.solve()
        return self

    def partial_fit(self, X: ArrayLike, Y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Take a chunk of rows in; the read-out is solved when it is next needed.

        Parameters
        ----------
        X : (n_steps, n_features) ndarray of the model's dtype
        Y : (n_steps,) or (n_steps, n_outputs) ndarray of it
        sample_weight : (n_steps,) array-like, optional
            Not negative.

        Raises
        ------
        ValueError, TypeError
            What does not fit is named, what is not finite with its step and column; the model is as it was.
        """
        with self._unchanged_by_mistakes():
            dtype = self._dtype_ if self._is_built() else dtype_of(X, self.dtype)
            x, y, flat = pair(X, Y, dtype)
            weights = None if sample_weight is None else weights_of("sample_weight", sample_weight, len(x))
            if not self._is_built():
                self._build(x.shape[1], y.shape[1], flat, dtype)
            self._check_unchanged()
            for name, array, width in (("X", x, self.n_features_in_), ("Y", y, self.n_outputs_)):
                if array.shape[1] != width:
                    raise ValueError(f"{name} must have {width} columns like the data before it, got {array.shape[1]}")
            lead = [constant(len(x), dtype)] if self.intercept else []
            self._factor._fold([*lead, x, y], [*(["intercept"] * len(lead)), "X", "Y"], weights)
            self._solved = None
        return self

    def merge(self, other: "Ridge") -> Self:
        """Take in all rows that another read-out has seen, as if they had come here; ``ridge`` stays this one's.

        Parameters
        ----------
        other : Ridge
            Of the same solver, intercept, dtype and widths.
        """
        if not isinstance(other, Ridge):
            raise TypeError(f"other must be a Ridge, got {type(other).__name__}")
        other._check_built()
        if not self._is_built():
            with self._unchanged_by_mistakes():
                self._build(other.n_features_in_, other.n_outputs_, other._flat_, other._dtype_)
                return self.merge(other)
        self._check_unchanged()
        mine, theirs = ((m._given_["solver"], m._given_["intercept"], m._dtype_.name, m.n_features_in_, m.n_outputs_) for m in (self, other))
        if mine != theirs:
            raise ValueError(f"other must have the same solver, intercept, dtype, n_features and n_outputs {mine}, got {theirs}")
        self._factor.merge(other._factor)
        self._solved = None
        return self

    def _build(self, n_features: int, n_outputs: int, flat: bool, dtype: np.dtype[Any]) -> None:
        check_settings(self, dtype)
        self._factor = (StreamingQR if self.solver == "qr" else StreamingGram)(int(self.intercept) + n_features + n_outputs, dtype.name)
        self.n_features_in_, self.n_outputs_, self._flat_, self._dtype_, self._solved = n_features, n_outputs, flat, dtype, None
        self._remember_settings()

    def solve(self, ridge: float | Sequence[float] | None = None) -> tuple[Array, Array]:
        """Read-out for all rows seen so far; the model does not change.

        Parameters
        ----------
        ridge : float or sequence of float, optional
            Instead of the model's own.

        Returns
        -------
        W_out, b_out : ndarrays
            As the attributes.

        Raises
        ------
        SingularReadoutError
            With the ridge that would cure it: with "qr" if ridge is 0 and features depend on each other, with "gram" if ridge is below rounding.
        """
        W, b, _ = self._solve(self.ridge if ridge is None else ridge)
        return W.copy(), b.copy()

    def _solve(self, ridge: Any) -> tuple[Array, Array, Array]:
        self._check_built()
        self._check_unchanged()
        values, several = penalties(ridge)
        key = (values, several)
        if self._solved is None or self._solved[0] != key:
            lead = int(self.intercept)
            free = bool(lead and not self.penalise_intercept)
            found = [solve(self._factor, lead + self.n_features_in_, free, value) for value in values]
            W, norms = np.stack([W.T for W, _ in found]), np.sqrt(np.stack([norm for _, norm in found]))
            b = np.ascontiguousarray(W[:, :, 0]) if lead else np.zeros(W.shape[:2], W.dtype)
            parts = [np.ascontiguousarray(W[:, :, lead:]), b, norms]
            solved: Any = (key, *(part if several else part[0] for part in parts))
            if ridge is not self.ridge:
                return solved[1], solved[2], solved[3]
            self._solved = solved
        assert self._solved is not None
        return self._solved[1:]

    @property
    def W_out_(self) -> Array:
        """Weights (n_outputs, n_features), or (n_ridge, n_outputs, n_features). A copy."""
        return self._solve(self.ridge)[0].copy()

    @property
    def b_out_(self) -> Array:
        """Intercept (n_outputs,), or (n_ridge, n_outputs). A copy."""
        return self._solve(self.ridge)[1].copy()

    @property
    def residual_norm_(self) -> Array:
        """Root of the sum of squared errors over all rows seen (n_outputs,), or (n_ridge, n_outputs). A copy."""
        return self._solve(self.ridge)[2].copy()

    @property
    def n_steps_(self) -> int:
        """Rows seen."""
        self._check_built()
        return self._factor.n_rows

    def predict(self, X: ArrayLike) -> Array:
        """Outputs for rows of features.

        Parameters
        ----------
        X : (n_steps, n_features) ndarray of the model's dtype

        Returns
        -------
        Y : (n_steps,) or (n_steps, n_outputs) ndarray as the targets were, with (n_ridge, …) in front for several ridge values
        """
        self._check_built()
        x = rows_of("X", X, self._dtype_)
        if x.shape[1] != self.n_features_in_:
            raise ValueError(f"X must have {self.n_features_in_} columns (n_features), got {x.shape[1]}")
        check_finite("X", x)
        W, b, _ = self._solve(self.ridge)
        Y = x @ np.swapaxes(W, -1, -2) + b[..., None, :]
        return Y[..., 0] if self._flat_ else Y

    def export_state(self) -> dict[str, NDArray[Any]]:
        """All that evolves, as arrays: what :meth:`import_state` of a read-out with these settings goes on with."""
        self._check_built()
        sizes = np.array([self.n_features_in_, self.n_outputs_, int(self._flat_), self._factor.n_rows], np.int64)
        return {"sizes": sizes, "factor": np.array(self._factor._square, order="C")}

    def import_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on where the read-out stood that gave this state."""
        sizes, square = state["sizes"], state["factor"]
        if sizes.shape != (4,) or sizes.dtype.kind != "i" or (sizes < 0).any():
            raise ValueError(f"sizes must be four non-negative ints, got {sizes!r}")
        n_features, n_outputs, flat, n_rows = (int(n) for n in sizes)
        with self._unchanged_by_mistakes():
            self._build(n_features, n_outputs, bool(flat), square.dtype)
            if square.shape != self._factor._square.shape or not np.isfinite(square).all():
                raise ValueError(f"factor must be finite and of shape {self._factor._square.shape}, got shape {square.shape}")
            self._factor._square, self._factor.n_rows = np.array(square, order="F"), n_rows

    def _to_file(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, self.export_state()

    def _from_file(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.import_state(arrays)
