"""Losses as they fall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._common import figure_class, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["learning_curves", "loss_curve"]


def loss_curve(
    history: ArrayLike,
    *,
    events: ArrayLike | None = None,
    baselines: Mapping[str, float] | None = None,
    window: int | None = None,
    ylabel: str = "mean loss",
    title: str = "",
) -> Figure:
    """Loss against events learnt, with its running mean.

    Parameters
    ----------
    history : (n_chunks,) array-like
        Mean loss of each chunk, such as ``model.loss_history_``.
    events : (n_chunks,) array-like, optional
        Events learnt by the end of each chunk. Default: the chunk's number.
    baselines : mapping of str to float, optional
        Horizontal lines by name, in the same unit.
    window : int, optional
        Chunks in the running mean; default a twentieth of all. 1 draws none.
    ylabel, title : str
        Give the unit in ``ylabel``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = loss_curve([2.0, 1.5, 1.2], events=[1000, 2000, 3000], baselines={"class frequencies": 1.9})
    >>> figure.axes[0].get_xlabel()
    'events learnt'
    """
    Figure = figure_class()
    loss = np.asarray(history, dtype=np.float64)
    if loss.ndim != 1 or not len(loss):
        raise ValueError(f"history: expected a (n_chunks,) array with at least one figure, got shape {loss.shape}")
    x = np.arange(1, len(loss) + 1) if events is None else np.asarray(events)
    if x.shape != loss.shape:
        raise ValueError(f"events: expected the shape of history {loss.shape}, got {x.shape}")
    width = max(1, len(loss) // 20) if window is None else window
    if width < 1:
        raise ValueError(f"window: expected a positive integer, got {window}")

    figure = Figure(figsize=(7.0, 4.2), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    if width == 1:
        axes.plot(x, loss, color="C0", linewidth=1.6, marker="o" if len(loss) == 1 else None, label="each chunk")
    else:
        axes.plot(x, loss, color="C0", alpha=0.35, linewidth=0.8, label="each chunk")
        axes.plot(x, _running_mean(loss, width), color="C0", linewidth=1.8, label=f"mean of the last {width} chunks")
    for k, (name, value) in enumerate((baselines or {}).items()):
        axes.axhline(value, color="0.25", linewidth=1.2, linestyle=("--", ":", "-.")[k % 3], label=f"{name}: {value:.4g}")
    positive = loss[np.isfinite(loss)]
    if len(positive) and positive.min() > 0 and positive.max() > 30 * positive.min():
        axes.set_yscale("log")
    if len(loss) == 1:
        axes.margins(x=0.5)
    axes.set_xlabel("chunks learnt" if events is None else "events learnt")
    axes.set_ylabel(ylabel)
    if events is not None:
        axes.xaxis.set_major_formatter("{x:,.0f}")
    plain(axes)
    axes.legend(frameon=False)
    if title:
        axes.set_title(title, loc="left", fontsize="medium")
    return figure


def learning_curves(
    panels: Mapping[str, Mapping[str, tuple[ArrayLike, ArrayLike]]],
    *,
    reference: str,
    xlabel: str = "events learnt",
    ylabel: str = "mean loss",
    title: str = "",
    baselines: Mapping[str, float] | None = None,
    n_points: int = 24,
) -> Figure:
    """Compare algorithms by their learning curves, a panel a net: mean over seeds, shaded from the lowest seed to the highest.

    Parameters
    ----------
    panels : mapping of str to mapping of str to (events, losses)
        Panel → line → events (n_windows,) and losses (n_seeds, n_windows), windows of equal length, seeds in the same order in every line; a
        row of NaN where a seed has none.
    reference : str
        The line drawn in black; below each panel stand the others less this one, seed by seed.
    xlabel, ylabel, title : str
        Give units in the labels.
    baselines : mapping of str to float, optional
        Horizontal lines by name, drawn where they fall within a panel.
    n_points : int
        Windows are averaged into at most so many points, evenly apart on the logarithmic axis.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no panel, or a line's shapes do not fit; the message names the line.

    Notes
    -----
    What all lines share, the easier and harder stretches of a stream, falls out of the differences. Each panel ends above the highest mean of
    its second half, and what lies higher before is cut off.

    Examples
    --------
    >>> lines = {"rtrl": ([10, 20], [[2.0, 1.0], [2.2, 1.1]]), "tbptt": ([10, 20], [[2.1, 1.2], [2.2, 1.3]])}
    >>> figure = learning_curves({"gru-10": lines}, reference="rtrl")
    >>> figure.axes[1].lines[0].get_ydata().round(2).tolist()
    [0.05, 0.2]
    """
    Figure = figure_class()
    from matplotlib.lines import Line2D

    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    if not names:
        raise ValueError("panels: expected at least one panel with a line, got none")
    n_columns = min(3, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(figsize=(max(6.4, 4.2 * n_columns), 1.0 + 3.9 * n_rows), dpi=120, layout="constrained")
    grid = figure.subplots(2 * n_rows, n_columns, squeeze=False, sharex="col", height_ratios=[5, 3] * n_rows)
    looks = _looks(names, reference)
    for k, (panel, lines) in enumerate(panels.items()):
        above, below = grid[k // n_columns * 2 : k // n_columns * 2 + 2, k % n_columns]
        curves = {name: _merged(f"{panel}, {name}", *line, n_points) for name, line in lines.items()}
        for name, (x, table) in curves.items():
            _draw(above, x, table, looks[name])
            if name != reference and reference in curves:
                _draw(below, x, table - curves[reference][1], looks[name])
        for axes in (above, below):
            plain(axes)
            _cut(axes)
        for name, value in (baselines or {}).items():
            if value < above.get_ylim()[1]:
                above.axhline(value, color="0.45", linewidth=1.0, linestyle=":")
                above.annotate(name, (0.99, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize="small", color="0.35")
        if below.lines:
            below.axhline(0.0, color="black", linewidth=1.8, zorder=1.5)
        else:
            below.text(0.5, 0.5, f"no curve of {reference} to compare with", transform=below.transAxes, ha="center", va="center", color="0.35")
            below.set_yticks([])
        above.set_xscale("log")
        above.set_title(panel, loc="left", fontsize="medium")
        if k % n_columns == 0:
            above.set_ylabel(ylabel)
            below.set_ylabel(f"minus {reference}")
        below.tick_params(labelbottom=True)
        if k + n_columns >= len(panels):
            below.set_xlabel(xlabel)
    for axes in grid.T.reshape(n_columns, n_rows, 2).swapaxes(0, 1).reshape(-1, 2)[len(panels) :].ravel():
        axes.set_axis_off()
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
    handles = [Line2D([], [], **looks[name]) for name in names]
    figure.legend(handles, names, loc="outside lower center", ncols=min(6, 2 + 2 * n_columns), frameon=False)
    return figure


def _merged(name: str, events: ArrayLike, losses: ArrayLike, n_points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average windows (n_seeds, n_windows) into few points, evenly apart in log(events)."""
    x, table = np.asarray(events, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if x.ndim != 1 or not len(x) or table.ndim != 2 or table.shape[1] != len(x) or not len(table):
        raise ValueError(f"panels: {name}: expected events (n_windows,) and losses (n_seeds, n_windows), got {x.shape} and {table.shape}")
    ends = np.unique(np.geomspace(1, len(x), max(2, n_points)).round().astype(int)) if len(x) > 1 else np.array([1])
    total = np.concatenate([np.zeros((len(table), 1)), np.cumsum(table, axis=1)], axis=1)
    starts = np.concatenate([[0], ends[:-1]])
    return x[ends - 1], (total[:, ends] - total[:, starts]) / (ends - starts)


def _draw(axes: Axes, x: NDArray[np.float64], table: NDArray[np.float64], look: dict[str, Any]) -> None:
    """Mean over the seeds there are, and their range."""
    known = table[~np.isnan(table).any(axis=1)]
    if len(known) > 1:
        axes.fill_between(x, known.min(axis=0), known.max(axis=0), color=look["color"], alpha=0.13, linewidth=0)
    if len(known):
        axes.plot(x, known.mean(axis=0), **look)


def _cut(axes: Axes) -> None:
    """End an axis at what the second half of the lines needs."""
    drawn = [np.asarray(line.get_ydata()) for line in axes.lines]
    late = [line[len(line) // 2 :] for line in drawn]
    if late:
        low, high = min(part.min() for part in late), max(part.max() for part in late)
        axes.set_ylim(low - 0.06 * (high - low) - 1e-6, high + 0.12 * (high - low) + 1e-6)


def _looks(names: list[str], reference: str) -> dict[str, dict[str, Any]]:
    """Style of each line: black for the reference, the others along a colour map that the colour-blind can order."""
    from matplotlib import colormaps

    others = [name for name in names if name != reference]
    shades = colormaps["viridis"](np.linspace(0.1, 0.85, len(others)))
    dashes = ("-", (0, (5, 1.5)), (0, (3, 1.2, 1, 1.2)), (0, (1, 1.2)))
    found: dict[str, dict[str, Any]] = {
        name: {"color": tuple(shade), "linestyle": dashes[k % len(dashes)], "linewidth": 1.3, "zorder": 2.0}
        for k, (name, shade) in enumerate(zip(others, shades, strict=True))
    }
    return found | {reference: {"color": "black", "linestyle": "-", "linewidth": 1.8, "zorder": 3.0}}


def _running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Mean of the last ``width`` values, of fewer at the start."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - width, 0)
    mean: NDArray[np.float64] = (total[end] - total[start]) / (end - start)
    return mean
