"""Series to train on: generators, readers of text and tables, and hash-checked loaders of real sets.

Loaders look in the folder named by ``PUSHFORWARD_DATA`` first. Nothing is ever written there.
"""

from pushforward.datasets._fetch import fetch
from pushforward.datasets.chaos import lorenz63, mackey_glass
from pushforward.datasets.generators import TeacherSeries, elman_teacher, linear_teacher, narma10
from pushforward.datasets.lobster import OrderBookSeries, lobster
from pushforward.datasets.series import Series, load_series
from pushforward.datasets.tables import Table, load_table
from pushforward.datasets.text import TextSeries, decode_text, encode_text, read_text, tiny_shakespeare

__all__ = [
    "OrderBookSeries",
    "Series",
    "Table",
    "TeacherSeries",
    "TextSeries",
    "decode_text",
    "elman_teacher",
    "encode_text",
    "fetch",
    "linear_teacher",
    "load_series",
    "load_table",
    "lobster",
    "lorenz63",
    "mackey_glass",
    "narma10",
    "read_text",
    "tiny_shakespeare",
]
