"""The figures of :mod:`.koopman`: what each task's curve can show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plot
from ..plot._common import figure_class, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["captions_of", "figures_of"]

Curve = Mapping[str, Any]
TRUE: dict[str, Any] = {"color": "0.25", "linewidth": 1.6}
MODEL: dict[str, Any] = {"color": "C1", "linewidth": 1.2}


def captions_of(curve: Curve) -> tuple[str, ...]:
    """What the figures of a task show, by what its curve holds."""
    return tuple(caption for caption, (_, there) in _FIGURES.items() if there(curve))


def figures_of(name: str, curve: Curve) -> dict[str, Figure]:
    """Draw a task from its curve.

    Parameters
    ----------
    name : str
        Of the task.
    curve : mapping
        From the run's result.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        By caption.
    """
    return {caption: _FIGURES[caption][0](curve) for caption in captions_of(curve)}


def _phase(curve: Curve) -> Figure:
    """True and simulated in the plane of two components; a single one against itself half a second later."""
    truth, forecast = ([np.asarray(x) for x in curve[key]] for key in ("truth", "forecast"))
    names = ("true", curve["model"])
    if truth[0].shape[1] == 1:
        return plot.phase_portrait(truth, forecast, lag=5, labels=("x₁", "x₁ 0.5 s later"), names=names)
    first, second = (k for k, name in enumerate(curve["states"]) if name)
    return plot.phase_portrait(truth, forecast, states=(first, second), labels=(curve["states"][first], curve["states"][second]), names=names)


def _spectrum(curve: Curve) -> Figure:
    found = curve["spectrum"]
    return plot.spectrum(np.asarray(found["real"]) + 1j * np.asarray(found["imag"]), residuals=np.asarray(found["residuals"]), title=curve["model"])


def _errors(curve: Curve) -> Figure:
    ylabel = f"RMSE [{curve['label']}]" if "label" in curve else "error / standard deviation, median over starts"
    figure = plot.error_against_horizon(curve["errors"], dt=curve["errors_dt"], xlabel=curve["ahead"], ylabel=ylabel)
    (axes,) = figure.axes
    legend = axes.get_legend()
    if legend is not None:  # so many lines leave no room inside
        legend.remove()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    figure.set_figheight(5.2)
    return figure


def _forecasts(curve: Curve) -> Figure:
    """Weeks of weather: what was known, what came, what was forecast."""
    figure = figure_class()(figsize=(9.0, 2.4 * len(curve["truth"])), dpi=120, layout="constrained")
    grid = np.ravel(figure.subplots(len(curve["truth"]), 1, sharex=True))
    for axes, past, truth, forecast in zip(grid, curve["past"], curve["truth"], curve["forecast"], strict=True):
        before, after = np.arange(-len(past), 0) / 24, np.arange(len(truth)) / 24
        axes.plot(before, np.ravel(past), color="0.25", linewidth=1.0)
        axes.plot(after, np.ravel(truth), **TRUE, label="true")
        axes.plot(after[: len(forecast)], np.ravel(forecast), **MODEL, label=curve["model"])
        axes.axvline(0.0, color="0.5", linestyle=":")
        axes.set_ylabel(f"temperature [{curve['label']}]")
        plain(axes)
    axes.set_xlabel("days from the start of the forecast")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False)
    return figure


def _control(curve: Curve) -> Figure:
    """The true system steered: the first component and the force against time, a column a controller."""
    ways = curve["steered"]
    figure = figure_class()(figsize=(3.1 * len(ways), 4.8), dpi=120, layout="constrained")
    grid = figure.subplots(2, len(ways), squeeze=False, sharex=True, sharey="row")
    for (above, below), (name, lines) in zip(grid.T, ways.items(), strict=True):
        for line in lines:
            x = np.asarray(line)
            time = curve["dt"] * np.arange(len(x))
            above.plot(time, x[:, 0], color="C0", linewidth=1.0)
            below.plot(time, x[:, 2], color="C1", linewidth=1.0)
        above.axhline(curve["target"][0], color="0.4", linestyle=":")
        above.set_title(name, loc="left", fontsize="small", wrap=True)
        below.set_xlabel("time [s]")
        plain(above)
        plain(below)
    grid[0, 0].set_ylabel("x₁ (dotted: target)")
    grid[1, 0].set_ylabel("force")
    return figure


_FIGURES: dict[str, tuple[Callable[[Curve], Figure], Callable[[Curve], bool]]] = {
    "phase portraits": (_phase, lambda curve: bool(curve.get("truth")) and "past" not in curve),
    "forecasts": (_forecasts, lambda curve: "past" in curve),
    "control": (_control, lambda curve: bool(curve.get("steered"))),
    "spectrum": (_spectrum, lambda curve: bool(curve.get("spectrum"))),
    "error against horizon": (_errors, lambda curve: bool(curve.get("errors"))),
}
"""Caption → what draws it, and whether the curve has what it takes."""
