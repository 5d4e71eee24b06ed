"""What every test may ask for: a seeded generator, both precisions with their tolerance, the real data, every instruction set."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pushforward import _core

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell starts what runs in the background; tests interrupt, and start what they interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> np.dtype:
    return np.dtype(request.param)


@pytest.fixture
def tol(dtype: np.dtype) -> float:
    return 1e-4 if dtype == np.float32 else 1e-10


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets named by PUSHFORWARD_DATA."""
    folder = os.environ.get("PUSHFORWARD_DATA")
    if not folder:
        pytest.skip("needs real data: PUSHFORWARD_DATA is not set")
    path = Path(folder)
    if not path.is_dir():
        pytest.skip(f"needs real data: PUSHFORWARD_DATA names {folder}, which is not a folder")
    return path


@pytest.fixture(params=_core.usable_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs the test once per instruction set that this processor has."""
    before = _core.isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)
