"""The figures of :mod:`.reservoirs`, one function a kind of task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plot._common import figure_class, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure_of"]

TRUE: dict[str, Any] = {"color": "0.25", "linewidth": 1.6}
MODEL: dict[str, Any] = {"color": "C1", "linewidth": 1.2}
STYLES = {  # what a model's name begins with → colour, dash
    "fixed poles": ("C0", "-"), "complex echo": ("C2", "-"), "trained poles": ("C1", "--"), "trained network": ("C3", ":"), "linear": ("0.2", "-."),
    "one tap": ("0.55", "-."),
}  # fmt: skip
MARKS = ("o", "s", "^", "D", "v")


def figure_of(name: str, curve: Mapping[str, Any]) -> Figure:
    """Draw a task from its curve.

    Parameters
    ----------
    name : str
        Of the task.
    curve : mapping
        From the run's result; of the link's tasks ``{"table": model → measure → figures}``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    draw: dict[str, Callable[[Mapping[str, Any]], Figure]] = {
        "training": _training, "amplifier": _amplifier, "silverbox": _identified, "wiener-hammerstein": _identified,
    }  # fmt: skip
    return _link(curve) if name.startswith("link-") else draw.get(name, _forecast)(curve)


def _forecast(curve: Mapping[str, Any]) -> Figure:
    """The truth and the closed loop, first coordinate above; where both live below."""
    figure = figure_class()(figsize=(9.0, 6.6), dpi=120, layout="constrained")
    above, *below = figure.subplot_mosaic("aa;bc", height_ratios=[4, 5]).values()
    truth, forecast = np.asarray(curve["truth"]), np.asarray(curve["forecast"]).reshape(-1, np.shape(curve["truth"])[1])
    known = curve["exponent"] != 1.0
    unit = curve["dt"] * curve["exponent"]
    above.plot(np.arange(len(truth)) * unit, truth[:, 0], **TRUE, label="true")
    above.plot(np.arange(len(forecast)) * unit, forecast[:, 0], **MODEL, label=f"{curve['model']}, closed loop")
    above.axvline(curve["valid"], color="0.5", linestyle=":", label=f"valid until {curve['valid']:.1f}")
    _limit(above, truth[:, 0])
    above.set_xlabel("Lyapunov times" if known else "samples")
    above.set_ylabel("standard deviations")
    above.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    home, delays = np.asarray(curve["home"]), curve["delays"]
    for axes, points, title in zip(below, (home, np.asarray(curve["life"]).reshape(-1, home.shape[1])), ("true", "generated"), strict=True):
        line: dict[str, Any] = {"linewidth": 0.5} if delays is None else {"linestyle": "", "marker": ".", "markersize": 2}
        axes.plot(points[:, 0], points[:, -1], color="0.25" if title == "true" else "C1", **line)
        axes.set_title(title, loc="left", fontsize="medium")
        axes.set_xlim(home[:, 0].min() - 0.3, home[:, 0].max() + 0.3)
        axes.set_ylim(home[:, -1].min() - 0.3, home[:, -1].max() + 0.3)
        axes.set_xlabel("first coordinate" if delays is None else "x(t)")
        axes.set_ylabel("last coordinate" if delays is None else f"x(t − {max(delays)} samples)")
    for axes in (above, *below):
        plain(axes)
    return figure


def _limit(axes: Axes, values: Any) -> None:
    """Show what is true, not how far a forecast flew off."""
    low, high = float(np.min(values)), float(np.max(values))
    axes.set_ylim(low - 0.15 * (high - low), high + 0.15 * (high - low))


def _identified(curve: Mapping[str, Any]) -> Figure:
    """The measured output, and what each model gets wrong, on logarithmic axes."""
    figure = figure_class()(figsize=(9.0, 5.6), dpi=120, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(curve["truth"], **TRUE)
    above.set_ylabel("measured output [mV]")
    for k, (name, error) in enumerate(curve["errors"].items()):
        below.plot(np.maximum(np.abs(error), 1e-4), linewidth=0.9, color=f"C{k}", label=name)
    below.set_yscale("log")
    below.set_ylabel("|error| [mV]")
    below.set_xlabel("samples of the first test")
    for axes in (above, below):
        plain(axes)
    figure.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _link(curve: Mapping[str, Any]) -> Figure:
    """Symbol error rate against signal-to-noise ratio: mean over seeds."""
    figure = figure_class()(figsize=(7.4, 5.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    used: dict[str, int] = {}
    lowest = 1.0
    for name, figures in curve["table"].items():
        snrs = sorted(int(m.removeprefix("snr_")) for m in figures)
        rates = [float(np.mean(figures[f"snr_{snr}"])) for snr in snrs]
        lowest = min([lowest, *(rate for rate in rates if rate > 0)])
        kind = next((k for k in STYLES if name.startswith(k)), "linear")
        color, dash = STYLES[kind]
        k = used[kind] = used.get(kind, -1) + 1
        shown = [rate if rate > 0 else np.nan for rate in rates]
        axes.plot(snrs, shown, color=color, linestyle=dash, marker=MARKS[k % len(MARKS)], markersize=4, linewidth=1.3, label=name)
    axes.set_yscale("log")
    axes.set_ylim(0.5 * lowest, 1.3)
    axes.set_xlabel("signal-to-noise ratio [dB]")
    axes.set_ylabel("symbol error rate (none: not drawn)")
    plain(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return figure


def _training(curve: Mapping[str, Any]) -> Figure:
    """Gradient norm, κ(W_rec), |λ|max and error along training, a line an optimiser; the fixed poles' error as a level."""
    figure = figure_class()(figsize=(9.0, 6.2), dpi=120, layout="constrained")
    grid = figure.subplots(2, 2, sharex=True)
    titles = ("norm of the exact gradient of the mean loss", "condition number of W_rec", "largest |eigenvalue| of W_rec", "payload NMSE [dB]")
    for k, (axes, title) in enumerate(zip(grid.ravel(), titles, strict=True), start=1):
        for j, (name, rows) in enumerate(curve["curves"].items()):
            table = np.asarray(rows)
            if len(table) > 1:
                axes.plot(table[:, 0], table[:, k], linewidth=1.3, color=f"C{j}", label=name)
            elif k == 4:
                axes.axhline(table[0, 4], color="0.2", linestyle=("-", "--")[j % 2], linewidth=1.1, label=name)
        axes.set_title(title, loc="left", fontsize="medium")
        if k in (1, 2):
            axes.set_yscale("log")
        if k == 3:
            axes.axhline(1.0, color="0.4", linestyle=":", linewidth=1.0)
        if k > 2:
            axes.set_xlabel("passes over the pilots")
        plain(axes)
    figure.legend(*grid[1, 1].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _amplifier(curve: Mapping[str, Any]) -> Figure:
    """Measured gain and phase against amplitude; spectra before and after predistortion, the amplifier being a model."""
    figure = figure_class()(figsize=(9.6, 6.8), dpi=120, layout="constrained")
    left, right, below = figure.subplot_mosaic("ab;cc", height_ratios=[4, 5]).values()
    x, y = np.asarray(curve["x"]), np.asarray(curve["y"])
    left.plot(x, y / np.maximum(x, 1e-3), ".", markersize=1.5, color="0.25")
    left.axhline(curve["gain"], color="C1", linewidth=1.0, label="gain aimed at")
    left.set_ylim(0.0, 1.6 * float(np.median(y[x > 0.1] / x[x > 0.1])))
    left.set_ylabel("measured |y| / |x|")
    left.legend(frameon=False)
    right.plot(x, np.degrees(np.asarray(curve["phase"])), ".", markersize=1.5, color="0.25")
    middle = float(np.degrees(np.median(np.asarray(curve["phase"])[x > 0.1])))
    right.set_ylim(middle - 40, middle + 40)
    right.set_ylabel("measured phase [degrees]")
    for name, power in curve["spectra"].items():
        n = len(power)
        frequency = np.arange(n) / n - 0.5
        looks = {"input": {"color": "0.6", "linestyle": ":"}, "no predistortion": {"color": "0.2", "linestyle": "--"}}
        level = np.asarray(power) - np.max(power)
        below.plot(frequency, level, linewidth=1.2, label=name, **looks.get(name, {}))  # type: ignore[arg-type]
    for axes in (left, right):
        axes.set_xlabel("|x|, of full scale")
    below.set_xlabel("frequency from the carrier, of the sample rate")
    below.set_ylabel("power density [dB of its peak]")
    below.set_title("output of a model of the amplifier", loc="left", fontsize="medium")
    for axes in (left, right, below):
        plain(axes)
    figure.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return figure
