"""From settings to a learner of the extension module, and between its names and ours."""

from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np

from . import _core
from ._arrays import FloatArray
from .cells import Cell
from .optim import Optimizer


class Core(Protocol):
    """A learner of the extension module, of either precision."""

    @property
    def awaits_feedback(self) -> bool: ...
    @property
    def carry_every(self) -> int: ...
    @property
    def n_steps(self) -> int: ...
    @property
    def n_updates(self) -> int: ...
    def run(self, X: Any, tokens: Any, Y: Any, labels: Any, mask: Any) -> tuple[float, int]: ...
    def gather(self, X: Any, tokens: Any, Y: Any, labels: Any, mask: Any) -> tuple[float, FloatArray]: ...
    def predict(self, X: Any, tokens: Any, states: Any) -> tuple[FloatArray, FloatArray]: ...
    def step(self, X: Any, tokens: Any) -> FloatArray: ...
    def feedback(self, d_outputs: Any) -> None: ...
    def close(self) -> None: ...
    def learn_one(self, x: Any, y: Any) -> float: ...
    def set_parameters(self, theta: Any, W_out: Any, b_out: Any) -> None: ...
    def parameters(self) -> tuple[FloatArray, FloatArray, FloatArray]: ...
    def gradient(self, series: int) -> tuple[FloatArray, FloatArray, FloatArray]: ...
    def states(self) -> FloatArray: ...
    def set_states(self, states: Any) -> None: ...
    def influence(self, series: int) -> FloatArray: ...
    def set_influence(self, series: int, influence: Any) -> None: ...
    def reset(self, series: int) -> None: ...
    def export_state(self) -> dict[str, Any]: ...
    def import_state(self, arrays: dict[str, Any]) -> None: ...


GRADIENTS = ("rtrl", "snap1", "snap2", "uoro", "kf", "rflo", "eprop", "tbptt")
UNBIASED = ("uoro", "kf")  # right in the mean over seeds only
FEEDBACKS = ("random", "transposed")
LATENCIES = ("throughput", "bounded")


@dataclass(frozen=True)
class LearnerSettings:
    """Everything a learner is built from but its weights."""

    cell: Cell
    n_outputs: int
    loss: str
    dtype: np.dtype[Any]
    optimizer: Optimizer
    gradient: str = "rtrl"
    truncation: int | None = None
    update_every: int = 1
    carry_every: int | None = None  # None: chosen by the cost model
    latency: str = "throughput"
    feedback: str | None = None  # of rflo and eprop; None: the algorithm's own
    seed: int = 0  # of what an algorithm draws
    readout_bound: float | None = None
    n_threads: int | None = None
    n_series: int = 1

    def with_series(self, n_series: int) -> "LearnerSettings":
        """Return the same for another number of series."""
        return replace(self, n_series=n_series)

    def build(self) -> Core:
        """Return a learner with all weights, states and influences zero."""
        kind = {"float32": _core.LearnerF32, "float64": _core.LearnerF64}[self.dtype.name]
        carry = {
            "gradient": self.gradient,
            "carry_every": self.carry_every or 0,
            "truncation": self.truncation or 0,
            "bounded_latency": self.latency == "bounded",
            "feedback": self.feedback,
            "seed": self.seed,
        }
        learner = {
            "n_outputs": self.n_outputs,
            "update_every": self.update_every,
            "n_threads": self.n_threads or _core.default_threads(),
            "loss": self.loss,
            "weight_bound": self.cell.bound or 0.0,
            "readout_bound": self.readout_bound or 0.0,
            "optimizer": self.optimizer.config(),
        }
        return cast(Core, kind(self.cell.core_settings(), carry, learner, self.n_series))


def initial_readout(
    n_outputs: int, n_features: int, rng: np.random.Generator, dtype: np.dtype[Any], given: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Draw W_out (n_outputs, n_features) uniform in ±1/√n_features, unless the start has its own; b_out (n_outputs,) is zero."""
    width = 1.0 / np.sqrt(n_features)
    W_out = rng.uniform(-width, width, size=(n_outputs, n_features)) if given is None else given
    return W_out.astype(dtype), np.zeros(n_outputs, dtype)
