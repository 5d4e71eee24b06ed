"""Does a net forget where it started, in its state and in what it knows of its weights? The contraction behind exact online training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import is_int, positive_int
from .._checks import seed as checked_seed
from ..plot._common import figure_class, plain
from ._coupling import couple
from ._rates import FEWEST, fitted, line
from ._result import Diagnosis
from ._second import carries_second
from ._subject import subject
from ._theorem import SLOPES, a_priori_constant

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RTRLContraction", "rtrl_contraction"]

USELESS = 1e6  # times what was measured: a bound that far above it is true, and says nothing
DEGREES = {"state": 0, "influence": 1, "second": 2}
NAMES = {"state": "the state h", "influence": "the influence J", "second": "the second derivatives S"}


@dataclass(frozen=True)
class RTRLContraction(Diagnosis):
    """How runs from different starts approach each other under one input, and what bounds their influence J = dh/dθ.

    All distances and sizes of J and S are in the max norm (the largest entry), as in the paper; n_steps are the steps measured.

    Attributes
    ----------
    constant : float or None
        N C_φ sup|σ'| (of the sigmoid N C_φ / 4), by which a step changes distances at most, whatever the weights and the input; below 1 it
        contracts. None for a cell whose weights have no bound: only the data-dependent numbers are left.
    jacobian_norms : (n_steps,) ndarray
        ‖D_t‖₂, D_t = ∂h_t/∂h_{t−1}; the largest of the runs.
    log_product : (n_steps,) ndarray
        log Π_{s≤t} ‖D_s‖₂: bounds by how much a small difference has changed.
    log_flow : (n_steps,) ndarray
        log ‖D_t ⋯ D_1‖₂ of the first run: by how much it has.
    influence_norm : (n_steps,) ndarray
        Largest entry of J; the largest of the runs.
    influence_bound : (n_steps,) ndarray
        What it cannot exceed: Lemma 3.5's bound with its decaying term where there is a constant, else ``data_bound``.
    data_bound : (n_steps,) ndarray
        The same from the D_t that were met.
    distance : dict of (n_steps,) ndarray
        "state", "influence", "second": largest distance of any run from the first after every step. ``second`` is None where it was not followed.
    rate : dict of float
        Factor by which these (those not None), and "flow", change a step (NaN of a single step), once a power of t is allowed for: J's distance
        goes as t ρᵗ.
    window : dict of (first, last)
        The steps each rate was fitted to.
    contracts : bool
        Whether the runs met, or still approach each other steadily in h and in J; not known (False) of fewer than 8 steps in which they did not.
    stopped : int or None
        The step in which a number stopped being finite; everything here ends before it.
    """

    constant: float | None
    jacobian_norms: NDArray[np.float64]
    log_product: NDArray[np.float64]
    log_flow: NDArray[np.float64]
    influence_norm: NDArray[np.float64]
    influence_bound: NDArray[np.float64]
    data_bound: NDArray[np.float64]
    distance: dict[str, NDArray[np.float64] | None]
    rate: dict[str, float]
    window: dict[str, tuple[int, int]]
    contracts: bool
    stopped: int | None

    @property
    def guaranteed(self) -> bool:
        """Whether the constant alone says that the net contracts, for every input and every value of the weights."""
        return self.constant is not None and self.constant < 1

    def summary(self) -> str:
        """Say in one paragraph whether the net contracts, at which rates, and how J stands to its bound."""
        n = len(self.jacobian_norms)
        few = n < FEWEST and not self.contracts and self.stopped is None
        verdict = "Contracts" if self.contracts else "Too few steps to say whether it contracts" if few else "Does NOT contract"
        said = [f"{verdict} over the {n} steps measured"]
        said += [f"distance in {NAMES[key]} changes by {rate:.4g} a step" for key, rate in self.rate.items() if key in NAMES and np.isfinite(rate)]
        said += [f"small differences by {self.rate['flow']:.4g} (norms of D_t alone allow {np.exp(self.log_product[-1] / n):.4g})"]
        text = ", ".join(said) + ". "
        if self.constant is None:
            text += "The weights have no bound of the paper's kind, so that nothing is said beyond this input and these weights. "
        else:
            verdict = "below 1: guaranteed for every input and all weights" if self.guaranteed else "not below 1: nothing is guaranteed in advance"
            text += f"The a-priori constant N C_phi sup|sigma'| is {self.constant:.4g}, {verdict}. "
        top = int(self.influence_norm.argmax())
        bound = self.influence_bound[top]
        text += f"The largest entry of J was {self.influence_norm[top]:.4g} (step {top}), where "
        text += f"it is bounded by {bound:.4g}." if bound / USELESS < self.influence_norm[top] else f"its bound, {bound:.4g}, says nothing of use."
        return text + ("" if self.stopped is None else f" At step {self.stopped} a number stopped being finite.")

    def plot(self) -> Figure:
        """Draw distances with their fitted rates, J against its bounds, and the products of Jacobians."""
        figure = figure_class()(figsize=(12.0, 3.8), dpi=120, layout="constrained")
        apart, size, flow = figure.subplots(1, 3)
        steps = np.arange(1, len(self.jacobian_norms) + 1)
        for number, (key, values) in enumerate(self.distance.items()):
            if values is None:
                continue
            apart.semilogy(steps, _visible(values), color=f"C{number}", label=f"{key}: {self.rate[key]:.4g} a step")
            apart.axvspan(*(at + 0.5 for at in self.window[key]), color=f"C{number}", alpha=0.06)
        apart.set_ylabel("largest distance between runs (shaded: fitted)")
        size.semilogy(steps, _visible(self.influence_norm), color="C1", label="largest entry of J")
        size.semilogy(steps, _visible(self.data_bound), "--", color="0.5", label="bound from the D_t met")
        if self.constant is not None:
            size.semilogy(steps, _visible(self.influence_bound), "k:", label="bound in advance (Lemma 3.5)")
        size.set_ylabel("entries of J = dh/dθ")
        flow.set_ylabel("growth of small differences, natural log")
        flow.plot(steps, self.log_product, "--", color="0.5", label="log of the product of norms")
        flow.plot(steps, self.log_flow, color="C0", label="log of the norm of the product")
        if self.constant is not None and self.constant > 0:
            flow.plot(steps, steps * np.log(self.constant), "k:", label=f"constant {self.constant:.3g}")
        flow.axhline(0.0, color="0.7", linewidth=0.8)
        for axes in (apart, size, flow):
            axes.set_xlabel("step")
            plain(axes)
            axes.legend(fontsize=8)
        return figure


def rtrl_contraction(
    model: Any, X: ArrayLike, n_starts: int = 2, seed: int = 0, second: bool | None = None, n_steps: int = 300
) -> RTRLContraction:
    """Run a net from several starts under the same input; hold the distances and the influence against what the theory says.

    Parameters
    ----------
    model : fitted RecurrentRegressor or RecurrentClassifier, or (cell, theta)
        Computed in float64 whatever its precision.
    X : (n_steps, n_inputs) array-like, or (n_steps,) array-like of int tokens
        One series: the input that counts.
    n_starts : int
        Runs, at least 2: one from zero as in training, the others from random h in ±1, and from J and S of the size these have, entries random.
    seed : int
        Of the starts.
    second : bool, optional
        Whether to follow second derivatives: of elman and linear cells only, n_state · n_params² numbers a run. Unless given: if these are at
        most 300,000.
    n_steps : int
        Only the first so many steps of X are measured: D_t is taken from the NumPy twins, tens of milliseconds a step and run for 100 units.

    Returns
    -------
    RTRLContraction

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was expected and what came.

    Notes
    -----
    arXiv 2501.08040 proves that (input, h, J, S) has one stationary law, and comes to it geometrically, if one step contracts (Assumption 2.10,
    Theorem 3.11). Its model is h ← σ(φ(W_rec) h + φ(W_in) x), σ the sigmoid, |φ| ≤ C_φ: the cell "elman" with ``activation="sigmoid"`` and
    ``weight_bound=C_φ`` (here a bias may be added; tanh is as bounded and smooth, Remark 3.6). Derived here for that model, from the rows of D_t and
    max norms: the factor of a step in h is at most r = N C_φ sup|σ'|, N the units heard by one, and with φ' ≤ 1

        |J_t| ≤ rᵗ |J_0| + sup|σ'| max(C_X, C_h, 1) (1 − rᵗ) / (1 − r),     C_X = max|x|, C_h = max(1, |h_0|),

    for the sigmoid 1 / (4 − N C_φ) times C_X for W_in, as in Lemma 3.5. r < 1 is a necessary part of the assumption; its constant for the joint step
    of (h, J, S) is larger and not computed here. For every cell: b_t = ‖D_t‖₂ b_{t−1} + (largest column norm of ∂h_t/∂θ) bounds the columns of J_t.

    Two runs under the same input are a coupling of their laws: the largest distance bounds their Wasserstein distance of any order. A coupling
    started from some states can refute that the net forgets, and make it plausible; it is no proof, which the constant is.
    Where runs differ by ρᵗ in h, J hears of it at every step: its distance goes as t ρᵗ, that of S as t² ρᵗ, and rates are fitted so.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> cell = pf.cells.Elman(n_inputs=1, n_units=4, activation="sigmoid", weight_bound=0.5)
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(60, 1))
    >>> found = pf.diagnostics.rtrl_contraction((cell, cell.init(seed=0)), X)
    >>> found.constant, found.guaranteed, found.contracts
    (0.5, True, True)
    """
    if not (is_int(n_starts) and n_starts >= 2):
        raise ValueError(f"n_starts must be an int of at least 2, got {n_starts!r}")
    checked_seed("seed", seed)
    positive_int("n_steps", n_steps)
    if second is not None and not isinstance(second, (bool, np.bool_)):
        raise TypeError(f"second must be True, False or None, got {second!r}")
    looked_at = subject(model, X, n_steps)
    if second and not carries_second(looked_at.cell, largest=None):
        raise ValueError(f"second=True needs an elman or linear cell, got {looked_at.cell.name}")
    follows = carries_second(looked_at.cell) if second is None else bool(second)
    runs = couple(looked_at, n_starts, np.random.default_rng(seed), follows)
    rate, window, falls = {}, {}, {}
    for key, distance in runs.distance.items():
        if distance is not None:
            fit = fitted(distance, runs.floor[key], DEGREES[key])
            rate[key], window[key], falls[key] = fit.rate, fit.window, fit.falls
    rate["flow"], window["flow"] = _slope(runs.log_flow)
    constant = a_priori_constant(looked_at.cell)
    bound = runs.data_bound
    if constant is not None:
        slope, C_X = SLOPES[looked_at.cell.activation], np.abs(looked_at.inputs).max()  # type: ignore[attr-defined]
        bound = _in_advance(constant, slope * max(C_X, 1.0, runs.state_start), runs.influence_start, len(runs.data_bound))
    contracts = runs.stopped is None and falls["state"] and falls["influence"]
    return RTRLContraction(
        constant, runs.jacobian_norms, runs.log_product, runs.log_flow, runs.influence_norm, bound, runs.data_bound, runs.distance,
        rate, window, contracts, runs.stopped,
    )  # fmt: skip


def _in_advance(r: float, source: float, start: float, n_steps: int) -> NDArray[np.float64]:
    """a_t = r a_{t−1} + source, from a_0 = start; infinite when it leaves the range of numbers."""
    t = np.arange(1, n_steps + 1)
    with np.errstate(over="ignore"):
        power = np.float64(r) ** t
        total: NDArray[np.float64] = power * start + source * (t if r == 1 else (power - 1) / (r - 1))
    return total


def _slope(log_flow: NDArray[np.float64]) -> tuple[float, tuple[int, int]]:
    """Factor a step over the later three quarters of what is finite; 0 when differences vanish altogether."""
    if not np.isfinite(log_flow).all():
        return 0.0, (0, len(log_flow))
    first = len(log_flow) // 4
    if len(log_flow) - first < 2:
        return float(np.exp(log_flow[-1])), (0, len(log_flow))
    return float(np.exp(line(np.arange(first, len(log_flow)), log_flow[first:]).slope)), (first, len(log_flow))


def _visible(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a logarithmic axis can show: nothing at zero, and nothing infinite."""
    return np.where((values > 0) & np.isfinite(values), values, np.nan)
