"""A diagonal network from the first data to the saved file: start, descent, average."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _series
from .._checks import non_negative, one_of, positive_int, positive_number, seed, true_or_false
from .._estimator import Estimator
from .._series import Array, Series
from ..errors import DivergenceError
from ..kernels import diagonal_forward, diagonal_gradient
from ..kernels._tangent import ACTIVATIONS
from ._start import into_ball, radii, symmetric_start

DTYPES = ("float32", "float64")
WEIGHTS = ("w", "U")


class Iterate(NamedTuple):
    """Where descent stands. One value, replaced as a whole: an interrupt never finds half of a step."""

    w: Array
    U: Array
    w_sum: NDArray[np.float64]  # over the iterates before this one
    U_sum: NDArray[np.float64]
    n_iter: int


class DiagonalModel(Estimator):
    """Symmetric start, full-batch descent, average of the iterates. See the estimator."""

    # set by the constructor (scikit-learn: as given, checked when used)
    n_units: int
    activation: str
    alpha: float
    projection: Any
    learning_rate: float
    n_iterations: int
    average: bool
    dtype: str
    random_state: int | None
    n_threads: int | None

    _evolving: ClassVar[tuple[str, ...]] = ("_start", "_iterate", "_risks")
    _may_change: ClassVar[tuple[str, ...]] = ("n_iterations", "n_threads")
    _start: tuple[Array, Array, Array]  # w, U, c
    _iterate: Iterate
    _risks: list[float]

    # -- building ------------------------------------------------------------------------------------------------------------

    def _type(self) -> np.dtype[Any]:
        one_of("dtype", self.dtype, DTYPES)
        return np.dtype(self.dtype)

    def _check_settings(self) -> None:
        positive_int("n_units", self.n_units, "a positive even int")
        if self.n_units % 2:
            raise ValueError(f"n_units must be even: the symmetric start makes pairs of units, got {self.n_units}")
        one_of("activation", self.activation, ACTIVATIONS)
        non_negative("alpha", self.alpha)
        radii(self.projection, self.n_units)
        positive_number("learning_rate", self.learning_rate, "a positive finite number")
        true_or_false("average", self.average)
        if self.random_state is not None:
            seed("random_state", self.random_state)
        self._check_running()

    def _check_running(self) -> None:
        positive_int("n_iterations", self.n_iterations)
        if self.n_threads is not None:
            positive_int("n_threads", self.n_threads, "a positive int or None")

    def _build(self, n_inputs: int, flat: bool, start: tuple[Array, Array, Array] | None = None) -> None:
        self._check_settings()
        if start is None:
            start = symmetric_start(self.n_units, n_inputs, self.alpha, np.random.default_rng(self.random_state), self._type())
        self._start, self._flat_ = start, flat
        w, U, _ = start
        self._iterate, self._risks = Iterate(w, U, np.zeros(w.shape), np.zeros(U.shape), 0), []
        self.n_inputs_ = self.n_features_in_ = n_inputs
        self._remember_settings()

    # -- data ----------------------------------------------------------------------------------------------------------------

    def _inputs(self, X: Any) -> tuple[Series, Array]:
        """X as it came, and as the kernel takes it: (n_series, n_steps, n_inputs)."""
        data = _series.series("X", X, self._type())
        if self._is_built():
            self._check_unchanged()
            if data.arrays[0].shape[1] != self.n_inputs_:
                raise ValueError(f"X must have {self.n_inputs_} columns (n_inputs), got {data.arrays[0].shape[1]}")
        if len(set(data.lengths)) > 1:
            raise ValueError(f"X must hold series of one length, got {min(data.lengths)} to {max(data.lengths)} steps")
        if data.arrays[0].shape[1] == 0:
            raise ValueError("X must have at least one column (n_inputs), got 0")
        return data, np.stack(data.arrays)

    def _pairs(self, X: Any, y: Any) -> tuple[Array, Array, bool]:
        """X and y as the kernel takes them, and whether y came without the axis of the outputs."""
        data, stacked = self._inputs(X)
        targets, flat = _series.targets("y", y, data, self._type())
        if targets.arrays[0].shape[1] != 1:
            raise ValueError(f"y must have one output, as the network has, got {targets.arrays[0].shape[1]}")
        return stacked, np.ascontiguousarray(np.stack(targets.arrays)[:, :, 0]), flat

    def _like(self, data: Series, outputs: Array) -> Any:
        return data.like([F if self._flat_ else F[:, None] for F in outputs])

    # -- learning ------------------------------------------------------------------------------------------------------------

    def _forward(self, X: Array) -> Array:
        w, U = self._weights()
        F: Array = diagonal_forward(X, w, U, self._start[2], self.activation)
        return F

    def _descend(self, X: Array, Y: Array) -> None:
        """Make n_iterations steps θ ← P(θ − η ∇risk), risk = mean over series and steps of (F − Y)²; an interrupt leaves the last that is whole."""
        w_start, U_start, c = self._start
        ball = radii(self.projection, self.n_units)
        here, before = self._iterate, None
        for _ in range(self.n_iterations):
            try:
                loss, gradient = diagonal_gradient(X, Y, here.w, here.U, c, self.activation, self.n_threads)
            except DivergenceError as error:  # the step that led here spoilt it
                self._iterate = before or here
                raise DivergenceError(error.reason, error.step, error.series, here.n_iter) from None
            with np.errstate(over="ignore", invalid="ignore"):
                w, U = (a - self.learning_rate * (2 / Y.size) * gradient[name] for name, a in zip(WEIGHTS, here[:2], strict=True))
                sums = here.w_sum + here.w, here.U_sum + here.U
            if not all(np.isfinite(a).all() for a in (w, U, *sums)):
                raise DivergenceError("a weight stopped being finite", iteration=here.n_iter)
            if ball is not None:
                w, U = into_ball(w, w_start, ball[0]), into_ball(U, U_start, ball[1])
            self._risks[here.n_iter :] = [2 * float(loss) / Y.size]  # the kernel's is half the sum
            before, here = here, Iterate(w, U, *sums, here.n_iter + 1)
            self._iterate = here

    def _weights(self) -> tuple[Array, Array]:
        """The weights that predict: those of the last iteration, or the mean of all iterates that were stepped from."""
        here = self._iterate
        if not self.average or not here.n_iter:
            return here.w, here.U
        w, U = ((total / here.n_iter).astype(self._type()) for total in (here.w_sum, here.U_sum))
        ball = radii(self.projection, self.n_units)
        if ball is None:
            return w, U
        return into_ball(w, self._start[0], ball[0]), into_ball(U, self._start[1], ball[1])  # a mean lies in the ball but for its rounding

    # -- what a file holds ---------------------------------------------------------------------------------------------------

    def _to_file(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        self._check_built()
        self._check_unchanged()
        here = self._iterate
        facts = {"n_inputs": self.n_inputs_, "flat": self._flat_, "n_iter": here.n_iter}
        held = dict(zip(("w_start", "U_start", "c"), self._start, strict=True)) | here._asdict()
        del held["n_iter"]
        return facts, held | {"risks": np.array(self._risks[: here.n_iter])}

    def _from_file(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        n_inputs, n_iter = facts["n_inputs"], facts["n_iter"]
        own, exact = self._type(), np.dtype(np.float64)
        shapes = {"w": (self.n_units,), "U": (self.n_units, n_inputs), "c": (self.n_units,), "risks": (n_iter,)}
        kinds = {"w_start": own, "U_start": own, "c": own, "w": own, "U": own, "w_sum": exact, "U_sum": exact, "risks": exact}
        for name, kind in kinds.items():
            a, shape = arrays[name], shapes[name.partition("_")[0]]
            if a.dtype != kind or a.shape != shape:
                raise ValueError(f"path: '{name}' must be {kind} of shape {shape}, got {a.dtype} of shape {a.shape}")
            if not np.isfinite(a).all():
                raise ValueError(f"path: '{name}' must be finite")
        if not (np.abs(arrays["c"]) == 1).all():
            raise ValueError("path: 'c' must be ±1")
        self._build(n_inputs, bool(facts["flat"]), (arrays["w_start"], arrays["U_start"], arrays["c"]))
        self._iterate = Iterate(arrays["w"], arrays["U"], arrays["w_sum"], arrays["U_sum"], n_iter)
        self._risks = arrays["risks"].tolist()
