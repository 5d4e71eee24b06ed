"""Figures (extra ``[cli]``). Every function returns a ``Figure`` and touches no global state: no window, no display needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["loss_curve"]


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
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("figures need matplotlib: pip install 'pushforward[cli]'") from error
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
    axes.grid(visible=True, color="0.9", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    if title:
        axes.set_title(title, loc="left", fontsize="medium")
    return figure


def _running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Mean of the last ``width`` values, of fewer at the start."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - width, 0)
    mean: NDArray[np.float64] = (total[end] - total[start]) / (end - start)
    return mean
