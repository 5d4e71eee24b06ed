"""Weather: half-hourly temperatures of five Australian cities, and the station at Jena."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward.datasets._fetch import fetch

Array = NDArray[np.float64]
MISSING_BELOW = -9000.0  # the station at Jena writes −9999 for a failed reading


@dataclass(frozen=True)
class WeatherSeries:
    """Readings of a station, or of several side by side.

    Attributes
    ----------
    X : (n_steps, n_columns) ndarray of float64
        NaN where a reading failed.
    columns : tuple of str
        With units, or the places.
    times : (n_steps,) ndarray of datetime64[s]
        Local clock; rising, with gaps where rows are missing.
    step : float
        Seconds between two rows.
    """

    X: Array
    columns: tuple[str, ...]
    times: NDArray[np.datetime64]
    step: float

    def column(self, name: str) -> Array:
        """Return the readings of one column, (n_steps,); ``name`` may be the start of its name.

        Raises
        ------
        ValueError
            No column, or more than one, begins so.
        """
        found = [k for k, column in enumerate(self.columns) if column == name] or [k for k, c in enumerate(self.columns) if c.startswith(name)]
        if len(found) != 1:
            raise ValueError(f"name: expected the start of one of {', '.join(self.columns)}, got {name!r}")
        return self.X[:, found[0]]


def australian_temperature() -> WeatherSeries:
    """Air temperature of Sydney, Melbourne, Brisbane, Adelaide and Hobart, every 30 minutes from 2000 to the end of February 2015.

    Returns
    -------
    WeatherSeries
        265,824 rows without a gap [°C]. The clock is UTC + 10 h without daylight saving (checked for Melbourne only).

    Raises
    ------
    FileNotFoundError
        The file is not in the folder named by ``PUSHFORWARD_DATA``; see :func:`fetch`.

    Notes
    -----
    Bureau of Meteorology by way of the tsibbledata repository (GPL-3 as a package; the terms of the data are not stated there).
    """
    with np.load(fetch("au_temperature_5cities_halfhourly.npz"), allow_pickle=False) as z:
        X, minutes, start = z["temp_degC"].astype(np.float64), int(z["step_minutes"]), str(z["start"])
        cities = tuple(str(city) for city in z["city"])
    return WeatherSeries(X, cities, _clock(start, 60 * minutes, len(X)), 60.0 * minutes)


def jena_climate() -> WeatherSeries:
    """The weather station of the Max Planck Institute at Jena, every 10 minutes from 2009 to 2016.

    Returns
    -------
    WeatherSeries
        Fourteen columns such as ``"T (degC)"``. Rows in the order of time, each time once (the file repeats some); failed readings (−9999) are NaN.

    Raises
    ------
    FileNotFoundError
        ``jena_climate_2009_2016.csv`` is not in the folder named by ``PUSHFORWARD_DATA``; see :func:`fetch`.

    Notes
    -----
    420,551 rows as published by F. Chollet with *Deep Learning with Python*; the institute's terms are not restated there.
    """
    return _read_jena(fetch("jena_climate_2009_2016.csv"))


def jena_2020_part() -> WeatherSeries:
    """The same station, 1 January to 13 September 2020, standardised column by column by its publisher: the original scale is lost.

    Returns
    -------
    WeatherSeries
        36,887 rows every 10 minutes [standard deviations]. The time of the first row is inferred, not stated. Failed readings of wind and
        radiation are still there, as values far below all others.

    Raises
    ------
    FileNotFoundError
        The file is not in the folder named by ``PUSHFORWARD_DATA``; see :func:`fetch`.

    Notes
    -----
    From the uncertainty_flow repository (MIT); the terms of the data are not stated there.
    """
    with np.load(fetch("jena_2020_standardised_part.npz"), allow_pickle=False) as z:
        X, columns = z["x"].astype(np.float64), tuple(str(name) for name in z["columns"])
    return WeatherSeries(X, columns, _clock("2020-01-01T00:10", 600, len(X)), 600.0)


def _read_jena(path: Path) -> WeatherSeries:
    with path.open(encoding="utf-8", newline="") as stream:
        columns = tuple(next(csv.reader(stream)))
    dates = np.loadtxt(path, dtype="U19", delimiter=",", skiprows=1, usecols=0, ndmin=1)  # 01.01.2009 00:10:00
    X = np.loadtxt(path, delimiter=",", skiprows=1, usecols=range(1, len(columns)), ndmin=2)
    day, month, year, clock = (_part(dates, a, b) for a, b in ((0, 2), (3, 5), (6, 10), (11, 19)))
    text: Any = year
    for joint, part in (("-", month), ("-", day), ("T", clock)):
        text = np.char.add(np.char.add(text, joint), part)
    times, first = np.unique(text.astype("datetime64[s]"), return_index=True)
    X = X[first]
    X[X < MISSING_BELOW] = np.nan
    return WeatherSeries(X, columns[1:], times, 600.0)


def _part(dates: NDArray[Any], start: int, stop: int) -> Any:
    """Characters ``start:stop`` of every string of 19."""
    letters = np.ascontiguousarray(dates).view("U1").reshape(len(dates), 19)[:, start:stop]
    return np.ascontiguousarray(letters).view(f"U{stop - start}")[:, 0]


def _clock(start: str, step: int, n: int) -> NDArray[np.datetime64]:
    return np.datetime64(start, "s") + np.arange(n) * np.timedelta64(step, "s")
