"""A Koopman model from the first data to its operators."""

import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin

from .. import _series
from .._checks import non_negative, one_of, positive_int, positive_number, seed, true_or_false
from .._estimator import Estimator
from .._rows import weights_of
from .._series import Series
from ..kernels import EDMDAccumulator, EDMDResult
from ._dask import first_piece, fold_dask, is_dask
from ._drawing import Drawn, draw
from ._embedding import check_delays
from ._folder import Folder
from .dictionaries import Dictionary, Sampled

__all__ = ["KoopmanModel", "weights_like"]

Array = NDArray[Any]
TARGETS = ("observables", "state")
SOLVERS = ("auto", "qr", "gram", "svd")


class KoopmanModel(RegressorMixin, Estimator):
    """Settings, what was drawn, what least squares has seen. See the estimators."""

    # set by the constructor (scikit-learn: as given, checked when used)
    n_delays: int
    delay_compression: int | None
    include_state: bool
    include_constant: bool
    input_layer: str | int
    target: str
    rcond: float
    ridge: float
    stabilize: str | None
    solver: str
    dtype: str
    random_state: int | None

    _evolving: ClassVar[tuple[str, ...]] = ("_drawn", "_accumulator", "_solution")
    _may_change: ClassVar[tuple[str, ...]] = ("rcond", "ridge", "stabilize", "random_state")  # the last: all has been drawn
    _drawn: Drawn
    _accumulator: EDMDAccumulator
    _solution: dict[str, Any]  # what is computed when asked for

    # -- settings ------------------------------------------------------------------------------------------------------------

    def _unfitted(self) -> Dictionary:
        """Return the dictionary to draw."""
        raise NotImplementedError

    def _input_units(self) -> Sampled | None:
        """Return the hidden layer of inputs to draw, or None."""
        return None if isinstance(self.input_layer, str) else Sampled(self.input_layer)

    def _steepness(self) -> float:
        return 1.0

    def _type(self) -> np.dtype[Any]:
        one_of("dtype", self.dtype, ("float64", "float32"))
        return np.dtype(self.dtype)

    def _check_settings(self) -> None:
        check_delays(self.n_delays, self.delay_compression)
        one_of("target", self.target, TARGETS)
        one_of("solver", self.solver, SOLVERS)
        for name, flag in (("include_state", self.include_state), ("include_constant", self.include_constant)):
            true_or_false(name, flag)
        if isinstance(self.input_layer, str):
            one_of("input_layer", self.input_layer, ("identity",))
        else:
            positive_int("input_layer", self.input_layer, "'identity' or a positive int")
        if self.random_state is not None:
            seed("random_state", self.random_state)
        positive_number("weight_scaling", self._steepness(), "a positive finite number")
        self._check_solver()

    def _check_solver(self) -> None:
        for name, value in (("rcond", self.rcond), ("ridge", self.ridge)):
            non_negative(name, value, "a finite number that is not negative")
        if self.stabilize is not None:
            one_of("stabilize", self.stabilize, ("project",))
            if self.target == "state":
                raise ValueError('stabilize must be None with target="state": there is no operator whose eigenvalues could be moved')

    # -- learning ------------------------------------------------------------------------------------------------------------

    def fit(self, trajectories: Any, inputs: Any = None, sample_weight: Any = None) -> Self:
        """Start afresh and learn these trajectories.

        Parameters
        ----------
        trajectories : (n_steps, n_state) ndarray of the model's dtype, (n_series, n_steps, n_state), or list of trajectories of any length
            Or a Dask array (n_steps, n_state), or a list of Dask or delayed arrays: pieces are folded where they are, factors merge in a tree. What
            is drawn is drawn from the first piece then.
        inputs : as trajectories, (n_steps, n_inputs) each, optional
            inputs[t] acts between state t and t + 1; the last row is not used.
        sample_weight : (n_steps,) array-like, or one for each trajectory, optional
            Of the pair of states t and t + 1.

        Raises
        ------
        ValueError, TypeError
            What does not fit is named; the model is as it was. A dictionary with features that depend on others is no error: see ``rank_``.
        """
        with self._unchanged_by_mistakes():
            self._forget()
            self._learn(trajectories, inputs, sample_weight)
            self._solve()
        return self

    def partial_fit(self, trajectories: Any, inputs: Any = None, sample_weight: Any = None) -> Self:
        """Fold more trajectories in; parameters as for :meth:`fit`.

        The first call draws the dictionary and the embedding, and fixes what is standard. A trajectory may come in pieces: each begins with the last
        n_delays + 1 rows of the one before, so that no pair of states is lost. Operators are solved for when they are asked for.
        """
        with self._unchanged_by_mistakes():
            self._learn(trajectories, inputs, sample_weight)
            self._solution = {}
        return self

    def _learn(self, trajectories: Any, inputs: Any, sample_weight: Any) -> None:
        self._check_settings()
        if self._is_built():
            self._check_unchanged()
        if is_dask(trajectories) or is_dask(inputs):
            if sample_weight is not None:
                raise ValueError("sample_weight must be None with Dask arrays")
            self._learn_dask(trajectories, inputs)
            return
        data, driving = self._data(trajectories, inputs)
        weights = None if sample_weight is None else weights_like(sample_weight, data)
        if not self._is_built():
            self._build(data.arrays, driving)
        folder = self._folder()
        with _all_or_nothing(self._accumulator):
            for i, H in enumerate(data.arrays):
                folder.fold(self._accumulator, H, None if driving is None else driving[i], None if weights is None else weights[i])

    def _learn_dask(self, trajectories: Any, inputs: Any) -> None:
        if not self._is_built():
            piece, part = first_piece(trajectories, inputs, self.n_delays)
            data, driving = self._data(np.asarray(piece), None if part is None else np.asarray(part))
            self._build(data.arrays, driving)
        found = fold_dask(trajectories, self._folder(), inputs, self.n_delays)
        if self._accumulator.n_snapshots:
            with _all_or_nothing(self._accumulator):
                self._accumulator.merge(found)
        else:
            self._accumulator = found

    def _build(self, trajectories: list[Array], inputs: list[Array] | None) -> None:
        settings = {"include_state": bool(self.include_state), "include_constant": bool(self.include_constant)}
        drawn = draw(
            trajectories, inputs, self._unfitted(), n_delays=self.n_delays, n_components=self.delay_compression, input_layer=self._input_units(),
            weight_scaling=self._steepness(), rng=np.random.default_rng(self.random_state), **settings,
        )  # fmt: skip
        self._take(drawn)
        self._accumulator = self._folder().empty()

    def _take(self, drawn: Drawn) -> None:
        self._drawn, self._solution = drawn, {}
        self.n_features_in_, self.n_inputs_ = drawn.embedding.n_state, 0 if drawn.inputs is None else drawn.inputs.n_inputs
        self.n_features_ = drawn.features.n_features
        self._remember_settings()

    def _folder(self) -> Folder:
        return Folder(self._drawn, self.target, self.solver, self._type().name)

    def _solve(self) -> EDMDResult:
        """Operators of the standard features, for the settings as they are now."""
        self._check_built()
        self._check_unchanged()
        key = (float(self.rcond), float(self.ridge), self.stabilize)
        if self._solution.get("key") != key:
            self._check_solver()
            self._solution = {"key": key, "result": self._accumulator.solve(*key[:2])}
        return cast(EDMDResult, self._solution["result"])

    # -- data ----------------------------------------------------------------------------------------------------------------

    def _data(self, X: Any, inputs: Any, name: str = "trajectories", extra: int = 2) -> tuple[Series, list[Array] | None]:
        """Trajectories of at least n_delays + ``extra`` steps, and as many rows of inputs as a step may have, finite and of one width."""
        data = _of_states(name, X, self._type())
        width, shortest = data.arrays[0].shape[1], self.n_delays + extra
        if self._is_built() and width != self.n_features_in_:
            raise ValueError(f"{name} must have {self.n_features_in_} columns (n_state), got {width}")
        for i, H in enumerate(data.arrays):
            if len(H) < shortest:
                past = f" (n_delays = {self.n_delays} of them are past only)" if self.n_delays else ""
                raise ValueError(f"{name} must have at least {shortest} steps each{past}, got {len(H)} in trajectory {i}")
        if inputs is None:
            if self._is_built() and self.n_inputs_:
                raise ValueError(f"inputs must be given: the model has {self.n_inputs_}")
            return data, None
        driving = _series.series("inputs", inputs, self._type())
        if driving.lengths != data.lengths or driving.form != data.form:
            given = f"{len(driving.arrays)} of {driving.lengths[:5]} steps"
            raise ValueError(f"inputs must be as many as {name} and as long, {len(data.arrays)} of {data.lengths[:5]} steps, got {given}")
        if self._is_built() and driving.arrays[0].shape[1] != self.n_inputs_:
            raise ValueError(f"inputs must have {self.n_inputs_} columns (n_inputs), got {driving.arrays[0].shape[1]}")
        return data, driving.arrays


@contextlib.contextmanager
def _all_or_nothing(accumulator: EDMDAccumulator) -> Iterator[None]:
    """What fails within leaves the accumulator as it was."""
    before = accumulator.n_snapshots
    try:
        with accumulator._fit._kept():
            yield
    except BaseException:
        accumulator.n_snapshots = before
        raise


def _of_states(name: str, X: Any, dtype: np.dtype[Any]) -> Series:
    try:
        return _series.series(name, X, dtype)
    except ValueError as error:
        raise ValueError(str(error).replace("n_inputs", "n_state").replace("one input", "one variable")) from None


def weights_like(sample_weight: ArrayLike | list[Array], data: Series) -> list[Array]:
    """Return one array of weights a trajectory, a number a step."""
    each = [sample_weight] if data.form == "one" else list(cast(Any, sample_weight))
    if len(each) != len(data.arrays):
        raise ValueError(f"sample_weight must be one for each of the {len(data.arrays)} trajectories, got {len(each)}")
    return [weights_of("sample_weight", w, n, some=False) for w, n in zip(each, data.lengths, strict=True)]
