"""What all figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure_class", "plain"]

TRUE, MODEL = "0.25", "C1"  # colours


def figure_class() -> type[Figure]:
    """Matplotlib's, or how to install it."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("figures need matplotlib: pip install 'pushforward[plot]'") from error
    return Figure


def plain(axes: Axes) -> None:
    """A light grid beneath, no box."""
    axes.set_axisbelow(True)
    axes.grid(visible=True, color="0.9", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
