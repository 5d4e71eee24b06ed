"""Series to train on: generators, readers of text and tables, and hash-checked loaders of real sets.

Loaders look in the folder named by ``PUSHFORWARD_DATA`` first. Nothing is ever written there.
"""

from pushforward.datasets._fetch import fetch
from pushforward.datasets.chaos import lorenz63, mackey_glass
from pushforward.datasets.generators import TeacherSeries, elman_teacher, linear_teacher, narma10
from pushforward.datasets.link import OFDMLink, amplify, constellation, ofdm_link
from pushforward.datasets.lobster import OrderBookSeries, lobster
from pushforward.datasets.measured import (
    AmplifierSeries,
    ComplexRecord,
    IdentificationSeries,
    InputOutput,
    LaserSeries,
    SequenceSet,
    VowelSeries,
    japanese_vowels,
    power_amplifier,
    santafe_laser,
    silverbox,
    wiener_hammerstein,
)  # fmt: skip
from pushforward.datasets.oscillators import rossler, van_der_pol
from pushforward.datasets.series import Series, load_series
from pushforward.datasets.tables import Table, load_table
from pushforward.datasets.text import TextSeries, decode_text, encode_text, read_text, tiny_shakespeare
from pushforward.datasets.weather import WeatherSeries, australian_temperature, jena_2020_part, jena_climate

__all__ = [
    "AmplifierSeries",
    "ComplexRecord",
    "IdentificationSeries",
    "InputOutput",
    "LaserSeries",
    "OFDMLink",
    "OrderBookSeries",
    "SequenceSet",
    "Series",
    "Table",
    "TeacherSeries",
    "TextSeries",
    "VowelSeries",
    "WeatherSeries",
    "amplify",
    "australian_temperature",
    "constellation",
    "decode_text",
    "elman_teacher",
    "encode_text",
    "fetch",
    "japanese_vowels",
    "jena_2020_part",
    "jena_climate",
    "linear_teacher",
    "load_series",
    "load_table",
    "lobster",
    "lorenz63",
    "mackey_glass",
    "narma10",
    "ofdm_link",
    "power_amplifier",
    "read_text",
    "rossler",
    "santafe_laser",
    "silverbox",
    "tiny_shakespeare",
    "van_der_pol",
    "wiener_hammerstein",
]
