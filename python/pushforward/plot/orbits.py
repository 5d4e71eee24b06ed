"""Simulated states beside true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._common import MODEL, TRUE, figure_class, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["error_against_horizon", "phase_portrait"]

Array = NDArray[np.float64]


def phase_portrait(
    true: ArrayLike | Sequence[ArrayLike],
    simulated: ArrayLike | Sequence[ArrayLike],
    *,
    states: tuple[int, int] = (0, 1),
    lag: int = 1,
    labels: tuple[str, str] | None = None,
    names: tuple[str, str] = ("true", "simulated"),
    title: str = "",
) -> Figure:
    """Orbits in the plane of two states: the true ones left, the simulated ones right over a shadow of the true ones.

    Parameters
    ----------
    true, simulated : (n_steps, n_state) or (n_series, n_steps, n_state) array-like, or sequence of (n_steps, n_state)
        A row of numbers that are not finite is a gap.
    states : (int, int)
        Those of the axes.
    lag : int
        One state only is drawn against itself as many steps later.
    labels : (str, str), optional
        Of the axes.
    names : (str, str)
        Of the panels.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        What does not fit is named.

    Notes
    -----
    The frame is that of the true orbits and a quarter of their range around; what leaves it is said.

    Examples
    --------
    >>> t = np.linspace(0.0, 6.0, 50)
    >>> circle = np.stack([np.cos(t), np.sin(t)], axis=1)
    >>> figure = phase_portrait(circle, 0.9 * circle)
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['true', 'simulated']
    """
    Figure = figure_class()
    (orbits, lagged), (copies, _) = _orbits("true", true, states, lag), _orbits("simulated", simulated, states, lag)
    points = np.concatenate(orbits)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        raise ValueError("true must hold at least one row of finite numbers, got none")
    low, high = points.min(axis=0), points.max(axis=0)
    around = 0.25 * np.where(high > low, high - low, 1.0)
    low, high = low - around, high + around

    figure = Figure(figsize=(8.4, 4.2), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    # many orbits need thinner lines
    line = {"linewidth": 1.1 if len(points) < 3000 else 0.6 if len(points) < 30000 else 0.3}
    for axes, name in zip((left, right), names, strict=True):
        plain(axes)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        axes.set_title(name, loc="left", fontsize="medium")
        axes.set_xlabel((labels or _default_labels(lagged, states, lag))[0])
    left.set_ylabel((labels or _default_labels(lagged, states, lag))[1])
    _draw(left, orbits, {"color": TRUE, **line})
    _draw(right, orbits, {"color": "0.82", **line}, starts=False)
    _draw(right, copies, {"color": MODEL, **line})
    gone = sum(bool((~np.isfinite(orbit) | (orbit < low) | (orbit > high)).any()) for orbit in copies)
    if gone:
        text = "leaves the frame" if len(copies) == 1 else f"{gone} of {len(copies)} leave the frame"
        right.text(0.99, 1.02, text, transform=right.transAxes, ha="right", va="bottom", fontsize="small", color="0.35")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
    return figure


def error_against_horizon(
    errors: Mapping[str, ArrayLike],
    *,
    dt: float = 1.0,
    xlabel: str = "steps ahead",
    ylabel: str = "error",
    baselines: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Error of forecasts against how far ahead they look: median over starts, shaded from the 10th to the 90th of a hundred.

    Parameters
    ----------
    errors : mapping of str to (n_steps,) or (n_starts, n_steps) array-like
        By model. Column k is the error k + 1 steps ahead; what is not finite counts as larger than any other.
    dt : float
        Length of a step, in the unit of ``xlabel``.
    xlabel, ylabel, title : str
        Give units in the labels.
    baselines : mapping of str to float, optional
        Horizontal lines by name, such as the spread of the data or a threshold.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        What does not fit is named.

    Examples
    --------
    >>> figure = error_against_horizon({"model": [0.001, 0.01, 0.1]}, dt=0.5, xlabel="s ahead")
    >>> figure.axes[0].lines[0].get_xdata().tolist()
    [0.5, 1.0, 1.5]
    """
    Figure = figure_class()
    from matplotlib.ticker import MaxNLocator

    if not errors:
        raise ValueError("errors must hold at least one model, got none")
    if not 0 < dt < np.inf:
        raise ValueError(f"dt must be a positive finite number, got {dt!r}")
    figure = Figure(figsize=(7.0, 4.2), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    plain(axes)
    drawn = []
    for k, (name, values) in enumerate(errors.items()):
        table = np.atleast_2d(np.asarray(values, dtype=np.float64))
        if table.ndim != 2 or not table.size:
            raise ValueError(f"errors: {name}: expected (n_steps,) or (n_starts, n_steps), got shape {np.shape(values)}")
        low, middle, high = np.percentile(np.where(np.isfinite(table), table, np.inf), [10, 50, 90], axis=0, method="inverted_cdf")
        x = dt * np.arange(1, table.shape[1] + 1)
        look: dict[str, Any] = {"color": f"C{k}", "linestyle": ("-", "--", "-.", ":")[k // 10 % 4]}
        if len(table) > 1:
            top = np.where(np.isfinite(high), high, 1e300)
            axes.fill_between(x, low, top, where=np.isfinite(low).tolist(), color=look["color"], alpha=0.15, linewidth=0)
        axes.plot(x, np.where(np.isfinite(middle), middle, np.nan), linewidth=1.5, marker="o" if len(x) == 1 else None, label=name, **look)
        drawn.append(np.stack([low, middle, np.where(len(table) > 1, high, middle)]))
    for k, (name, value) in enumerate((baselines or {}).items()):
        axes.axhline(value, color="0.25", linewidth=1.2, linestyle=("--", ":", "-.")[k % 3], label=f"{name}: {value:.4g}")
    known = np.concatenate([*(part[np.isfinite(part)] for part in drawn), list((baselines or {}).values())])
    if len(known):
        _scale(axes, known)
    if dt == 1.0:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.legend(frameon=False)
    if title:
        axes.set_title(title, loc="left", fontsize="medium")
    return figure


def _scale(axes: Axes, known: Array) -> None:
    """A logarithmic axis where errors span decades, of at most twelve of them."""
    low, high = known.min(), known.max()
    positive = known[known > 0]
    if len(positive) and high > 30 * positive.min():
        axes.set_yscale("log")
        axes.set_ylim(max(positive.min(), 1e-12 * high) / 1.5, high * 1.5)
    else:
        axes.set_ylim(min(0.0, low), 1.05 * high if high > 0 else 1.0)


def _orbits(name: str, values: ArrayLike | Sequence[ArrayLike], states: tuple[int, int], lag: int) -> tuple[list[Array], bool]:
    """Return orbits (n_steps, 2) in the plane of two states, and whether they are one state against itself."""
    if isinstance(values, np.ndarray):
        series = [values] if values.ndim < 3 else list(values)
    else:
        parts = [np.asarray(part, dtype=np.float64) for part in values]  # type: ignore[union-attr]
        series = parts if parts and parts[0].ndim == 2 else [np.asarray(values, dtype=np.float64)]
    found, lagged = [], False
    for orbit in (np.asarray(part, dtype=np.float64) for part in series):
        if orbit.ndim != 2 or not orbit.size:
            raise ValueError(f"{name} must be (n_steps, n_state) or several of them, got shape {orbit.shape}")
        if orbit.shape[1] == 1:
            if not 0 < lag < len(orbit):
                raise ValueError(f"lag must lie in 1 … n_steps − 1 = {len(orbit) - 1}, got {lag}")
            orbit, lagged = np.hstack([orbit[:-lag], orbit[lag:]]), True
        elif not all(-orbit.shape[1] <= k < orbit.shape[1] for k in states):
            raise ValueError(f"states must be numbers of {orbit.shape[1]} states of {name}, got {states}")
        else:
            orbit = orbit[:, list(states)]
        found.append(orbit)
    if not found:
        raise ValueError(f"{name} must hold at least one orbit, got none")
    return found, lagged


def _default_labels(lagged: bool, states: tuple[int, int], lag: int) -> tuple[str, str]:
    if lagged:
        return "state", f"state {lag} step{'s' if lag > 1 else ''} later"
    return f"state {states[0]}", f"state {states[1]}"


def _draw(axes: Axes, orbits: list[Array], look: dict[str, Any], *, starts: bool = True) -> None:
    for orbit in orbits:
        axes.plot(*orbit.T, **look)
    if starts and len(orbits) <= 40:
        axes.plot(*np.stack([orbit[0] for orbit in orbits]).T, "o", markersize=3, color=look["color"])
