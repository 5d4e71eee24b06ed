"""Limit order book (LOBSTER files): where does the mid-price go at the next event?"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pushforward.datasets._fetch import fetch

TICK = 100.0  # 0.01 USD in the files' unit of USD x 10000
CLASSES = ("down", "same", "up")


@dataclass(frozen=True)
class OrderBookSeries:
    """Features and labels of one day of one book.

    Attributes
    ----------
    X : (n_events, 2) ndarray
        Column 0: mid-price change of this event [ticks of 0.01 USD], clipped. Column 1: queue imbalance in [−1, 1].
    y : (n_events,) ndarray of int64
        0 down, 1 same, 2 up: the mid-price move of the *next* event.
    time : (n_events,) ndarray of float64
        Seconds after midnight.
    classes : tuple of str
    """

    X: NDArray[Any]
    y: NDArray[np.int64]
    time: NDArray[np.float64]
    classes: tuple[str, ...] = CLASSES


def lobster(
    symbol: str = "AMZN",
    date: str = "2012-06-21",
    levels: int = 1,
    message: str | Path | None = None,
    orderbook: str | Path | None = None,
    dtype: DTypeLike = "float32",
    clip: float = 5.0,
) -> OrderBookSeries:
    """Read a day of a LOBSTER order book as a classification stream, free of leakage.

    Parameters
    ----------
    symbol, date, levels
        Which known sample to fetch: AMZN, 2012-06-21, 1 or 5 levels. Ignored for files of your own.
    message, orderbook : path, optional
        Your own pair of LOBSTER files (``.csv`` or ``.csv.gz``, no header); both or neither.
    dtype : float32 or float64
        Of ``X``.
    clip : float, > 0
        Mid-price changes beyond ±clip ticks are cut to ±clip.

    Returns
    -------
    OrderBookSeries
        One event fewer than the files: the last has no next move.

    Notes
    -----
    With ask a_t, bid b_t and sizes of the best level just *after* event t, and m_t = (a_t + b_t) / 2 in ticks::

        X[t, 0] = clip(m_t - m_{t-1}, -clip, clip)          X[0, 0] = 0
        X[t, 1] = (bid size - ask size) / (bid size + ask size)
        y[t]    = sign(m_{t+1} - m_t) + 1

    so a row of ``X`` is known once event t has been seen and its label is not. The fixed clip uses no statistics of the
    data, hence nothing of the future either; on the AMZN day 5 ticks is about the 96th percentile of the changes that are
    not zero. Odd sizes (the known rows with a bid of 33,970 shares) need no care: the imbalance is bounded.
    These are the two features of arXiv 2501.08040, section 7.5; with more levels only the best one is used, but every event
    that touches the others is an event. See :func:`fetch` for where the sample is looked for.
    """
    if (message is None) != (orderbook is None):
        raise ValueError("message, orderbook: expected both files or neither")
    if not clip > 0:
        raise ValueError(f"clip: expected a positive number of ticks, got {clip}")
    if np.dtype(dtype) not in (np.dtype("float32"), np.dtype("float64")):
        raise TypeError(f"dtype: expected float32 or float64, got {np.dtype(dtype)}")
    if message is None or orderbook is None:
        name = f"lobster_{symbol}_{date}_{{}}_{levels}.csv.gz"
        message, orderbook = fetch(name.format("message")), fetch(name.format("orderbook"))
    time = _read(message, "message", slice(0, 1), 6)[:, 0]
    book = _read(orderbook, "orderbook", slice(0, 4), 4)
    if len(time) != len(book):
        raise ValueError(f"message, orderbook: expected equally many rows, got {len(time)} and {len(book)}")
    if len(book) < 2:
        raise ValueError(f"orderbook: expected at least 2 events, got {len(book)}")
    X, y = _features(book, clip)
    return OrderBookSeries(X.astype(dtype), y, time[:-1])


def _features(book: NDArray[np.float64], clip: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(n, 4) rows of ask price, ask size, bid price, bid size → X (n − 1, 2), y (n − 1,)."""
    ask, ask_size, bid, bid_size = book.T
    move = np.diff((ask + bid) / (2.0 * TICK))  # move[t] = m_{t+1} - m_t; exact: half ticks
    depth = bid_size + ask_size
    imbalance = np.divide(bid_size - ask_size, depth, out=np.zeros_like(depth), where=depth > 0)
    change = np.concatenate([[0.0], move[:-1]])
    X = np.column_stack([np.clip(change, -clip, clip), imbalance[:-1]])
    return X, (np.sign(move) + 1).astype(np.int64)


def _read(path: str | Path, argument: str, columns: slice, least: int) -> NDArray[np.float64]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty file is refused below, in our own words
            table = np.loadtxt(path, delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(f"{argument}: {path} is not a LOBSTER file (comma-separated numbers, no header): {error}") from error
    if not len(table):
        raise ValueError(f"{argument}: {path} is empty")
    if table.shape[1] < least:
        raise ValueError(f"{argument}: expected at least {least} columns in {path}, got {table.shape[1]}")
    chosen = table[:, columns]
    if not np.isfinite(chosen).all():
        raise ValueError(f"{argument}: {path} has values that are not finite")
    return np.ascontiguousarray(chosen)
