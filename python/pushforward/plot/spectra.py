"""Eigenvalues in the complex plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._common import figure_class

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["pseudospectrum", "spectrum"]

DEPTH = 16  # decades of contours below the largest residual
DECADES = 6  # of colours: the constant has a residual of rounding errors in any dictionary that holds it


def spectrum(model: Any, *, residuals: ArrayLike | None = None, title: str = "") -> Figure:
    """Eigenvalues and the unit circle, coloured by residual: the darker, the surer.

    Parameters
    ----------
    model : fitted estimator, or (n,) complex array-like
        With attributes ``eigenvalues_`` and, if there is one, ``eigenpair_residuals_``; or eigenvalues themselves, per step.
    residuals : (n,) array-like, optional
        Of each eigenvalue, instead of the model's. Infinite or NaN: a hollow mark.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        What does not fit is named.

    Examples
    --------
    >>> figure = spectrum([0.9 + 0.3j, 0.9 - 0.3j, 1.1], residuals=[1e-6, 1e-6, 0.1])
    >>> figure.axes[0].get_xlabel(), figure.axes[0].texts[0].get_text()
    ('real part', '1 of 3 outside the circle')
    """
    Figure = figure_class()
    fitted = hasattr(type(model), "eigenvalues_") or hasattr(model, "eigenvalues_")  # a model says itself why it has none
    values = _complex("eigenvalues", model.eigenvalues_ if fitted else model)
    given = getattr(model, "eigenpair_residuals_", None) if residuals is None else residuals
    found = None if given is None else np.asarray(given, dtype=np.float64)
    if found is not None and found.shape != values.shape:
        raise ValueError(f"residuals must have the shape of the eigenvalues {values.shape}, got {found.shape}")
    figure = Figure(figsize=(5.6 if found is None else 6.2, 5.2), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    _plane(axes)
    outside = np.abs(values) > 1 + 1e-9
    if found is None:
        for mask, colour in ((~outside, "C0"), (outside, "C3")):
            axes.plot(values[mask].real, values[mask].imag, "o", markersize=4.5, color=colour, markeredgecolor="white", markeredgewidth=0.4)
    else:
        _coloured(axes, values, found)
    text = f"{np.count_nonzero(outside)} of {len(values)} outside the circle"
    axes.text(0.99, 0.01, text, transform=axes.transAxes, ha="right", va="bottom", fontsize="small", color="0.35")
    reach = 1.08 * max(1.0, float(np.abs(values).max()))
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    if title:
        axes.set_title(title, loc="left", fontsize="medium")
    return figure


def pseudospectrum(grid: ArrayLike, residuals: ArrayLike, *, eigenvalues: ArrayLike | None = None, title: str = "") -> Figure:
    """Contours of the smallest residual over a grid, evenly apart in its logarithm, with the unit circle.

    Parameters
    ----------
    grid : (n_rows, n_columns) complex array-like
        Real parts vary along rows, imaginary parts along columns.
    residuals : (n_rows, n_columns) array-like
        Such as ``model.pseudospectrum(grid)``.
    eigenvalues : (n,) complex array-like, optional
        Drawn as points.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        What does not fit is named.

    Examples
    --------
    >>> grid = np.linspace(-1.2, 1.2, 20) + 1j * np.linspace(-1.2, 1.2, 20)[:, None]
    >>> figure = pseudospectrum(grid, np.abs(grid - 0.5), eigenvalues=[0.5])
    >>> figure.axes[0].get_ylabel()
    'imaginary part'
    """
    Figure = figure_class()
    points, table = np.asarray(grid, dtype=np.complex128), np.asarray(residuals, dtype=np.float64)
    if points.ndim != 2 or min(points.shape) < 2:
        raise ValueError(f"grid must have at least two rows and two columns, got shape {points.shape}")
    if table.shape != points.shape:
        raise ValueError(f"residuals must have the shape of the grid {points.shape}, got {table.shape}")
    x, y = points.real, points.imag
    if np.ptp(x, axis=0).max() > 1e-9 * np.ptp(x) or np.ptp(y, axis=1).max() > 1e-9 * np.ptp(y):
        raise ValueError("grid must be rectangular: real parts along rows, imaginary parts along columns")
    positive = table[np.isfinite(table) & (table > 0)]
    if not len(positive):
        raise ValueError("residuals must hold a positive finite number, got none")
    top = float(positive.max())
    depth = np.log10(np.clip(table, max(float(positive.min()), top * 10.0**-DEPTH), None))
    low, high = float(depth.min()), float(np.log10(top))
    step = next(s for s in (0.1, 0.25, 0.5, 1.0, 2.0) if (high - low) / s <= 10 or s == 2.0)
    levels = step * np.arange(np.floor(low / step), np.ceil(high / step) + 1)
    if len(levels) < 2:
        levels = levels[0] + step * np.arange(2)

    figure = Figure(figsize=(6.2, 5.2), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    _plane(axes, dark=True)
    filled = axes.contourf(x, y, depth, levels=levels, cmap="viridis")
    axes.contour(x, y, depth, levels=levels, colors="white", linewidths=0.5, alpha=0.7, linestyles="solid")
    bar = figure.colorbar(filled, ax=axes, shrink=0.85, label="smallest residual", ticks=levels)
    bar.ax.set_yticklabels([f"{10.0**level:.2g}" for level in levels])
    if eigenvalues is not None:
        values = _complex("eigenvalues", eigenvalues)
        axes.plot(values.real, values.imag, "o", markersize=3.2, color="white", markeredgecolor="black", markeredgewidth=0.6)
    axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
    if title:
        axes.set_title(title, loc="left", fontsize="medium")
    return figure


def _coloured(axes: Axes, values: NDArray[np.complex128], residuals: NDArray[np.float64]) -> None:
    """Marks by residual, small ones on top."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, LogNorm

    known = np.isfinite(residuals)
    axes.plot(values[~known].real, values[~known].imag, "o", markersize=4.5, markerfacecolor="none", markeredgecolor="0.6", markeredgewidth=0.8)
    order = np.flatnonzero(known)[np.argsort(-residuals[known])]
    if not len(order):
        return
    positive = residuals[known & (residuals > 0)]
    top = float(positive.max()) if len(positive) else 1.0
    floor = max(float(positive.min()) if len(positive) else 0.0, top * 10.0**-DECADES)
    shades = ListedColormap(colormaps["viridis"](np.linspace(0.0, 0.9, 256)))  # beyond, it fades into the page
    norm = LogNorm(vmin=min(floor, top / 10), vmax=top)
    look: dict[str, Any] = {"s": 24, "edgecolors": "white", "linewidths": 0.4, "zorder": 3}
    marks = axes.scatter(values[order].real, values[order].imag, c=np.clip(residuals[order], floor, None), norm=norm, cmap=shades, **look)
    below = bool((residuals[order] < floor).any())
    axes.figure.colorbar(marks, ax=axes, shrink=0.85, label="residual", extend="min" if below else "neither")


def _complex(name: str, values: ArrayLike) -> NDArray[np.complex128]:
    array = np.asarray(values)
    if array.dtype.kind not in "iufc" or array.ndim != 1 or not len(array):
        raise ValueError(f"{name} must be a (n,) array of at least one complex number, got {array.dtype} of shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return array.astype(np.complex128)


def _plane(axes: Axes, *, dark: bool = False) -> None:
    """The complex plane with the unit circle."""
    turn = np.exp(2j * np.pi * np.linspace(0.0, 1.0, 361))
    axes.plot(turn.real, turn.imag, color="white" if dark else "0.35", linewidth=1.1, linestyle="--" if dark else "-", zorder=2.5)
    axes.set_aspect("equal")
    axes.set_axisbelow(True)
    if not dark:
        axes.grid(visible=True, color="0.9", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(dark)
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
