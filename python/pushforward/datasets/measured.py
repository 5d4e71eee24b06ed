"""Measured series with their usual splits: laser, vowels, two benchmarks of system identification, a power amplifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pushforward.datasets._fetch import fetch

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class LaserSeries(NamedTuple):
    """Laser intensity, cut as in the Santa Fe competition.

    Attributes
    ----------
    train : (1000,) ndarray of float64
        What the competitors were given [ADC counts, 0 … 255].
    test : (9093,) ndarray of float64
        The continuation; the competition scored its first 100 values.
    """

    train: Array
    test: Array


class SequenceSet(NamedTuple):
    """Labelled sequences of their own lengths.

    Attributes
    ----------
    X : list of (n_frames, n_channels) ndarray of float64
    y : (n_sequences,) ndarray of int64
    """

    X: list[Array]
    y: NDArray[np.int64]


class VowelSeries(NamedTuple):
    """Utterances of nine speakers: ``train`` (270) and ``test`` (370)."""

    train: SequenceSet
    test: SequenceSet


class InputOutput(NamedTuple):
    """A record: ``u`` (n_steps,) goes in, ``y`` (n_steps,) comes out, the same instant at the same index."""

    u: Array
    y: Array


@dataclass(frozen=True)
class IdentificationSeries:
    """A benchmark of system identification.

    Attributes
    ----------
    train : InputOutput
        Volts.
    tests : dict of str to InputOutput
    sample_rate : float
        Hz.
    """

    train: InputOutput
    tests: dict[str, InputOutput]
    sample_rate: float


class ComplexRecord(NamedTuple):
    """Complex baseband in (``x``) and out (``y``), (n_samples,) each."""

    x: ComplexArray
    y: ComplexArray


@dataclass(frozen=True)
class AmplifierSeries:
    """A measured power amplifier.

    Attributes
    ----------
    train, validation, test : ComplexRecord
        23,040, 7,680 and 7,680 samples that follow each other in time; amplitudes are normalised by the publisher.
    sample_rate : float
        Hz.
    """

    train: ComplexRecord
    validation: ComplexRecord
    test: ComplexRecord
    sample_rate: float


def santafe_laser() -> LaserSeries:
    """Far-infrared NH3 laser in a chaotic state: Santa Fe competition, set A.

    Returns
    -------
    LaserSeries
        ``train``: the 1,000 points given in 1991; ``test``: 9,093 points that follow [8-bit ADC counts].

    Raises
    ------
    FileNotFoundError
        The file is not in the folder named by ``PUSHFORWARD_DATA``; see :func:`fetch`.

    Notes
    -----
    U. Hübner, N. B. Abraham and C. O. Weiss, Phys. Rev. A 40, 6354 (1989); A. S. Weigend and N. A. Gershenfeld, *Time Series Prediction* (1994).
    The copy is that of the reservoirpy repository (MIT); original terms are not stated.
    """
    x = _arrays("santafe_laser_A.npz")["x"].astype(np.float64)
    return LaserSeries(x[:1000], x[1000:])


def japanese_vowels() -> VowelSeries:
    """Nine speakers saying /ae/: 12 LPC cepstrum coefficients a frame, 7 to 29 frames an utterance.

    Returns
    -------
    VowelSeries
        270 utterances to learn (30 a speaker) and 370 to test; labels 0 … 8. The zero padding of the usual files is removed.

    Raises
    ------
    FileNotFoundError
        The file is not in the folder named by ``PUSHFORWARD_DATA``; see :func:`fetch`.

    Notes
    -----
    M. Kudo, J. Toyama and M. Shimbo, Pattern Recognition Letters 20, 1103 (1999); UCI Machine Learning Repository (CC BY 4.0), the copy of the
    aeon repository (BSD-3).
    """
    z = _arrays("japanese_vowels.npz")

    def part(name: str) -> SequenceSet:
        X = [x[:n].astype(np.float64) for x, n in zip(z[f"{name}_x"], z[f"{name}_len"], strict=True)]
        return SequenceSet(X, z[f"{name}_y"].astype(np.int64) - 1)

    return VowelSeries(part("train"), part("test"))


def silverbox() -> IdentificationSeries:
    """Silverbox: an electronic circuit that behaves as a damped oscillator with a hardening spring (Duffing), 610.35 Hz, volts.

    Returns
    -------
    IdentificationSeries
        ``train``: 65,062 samples of multisines. ``tests``: ``"multisine"`` (21,688 samples, the same kind of input) and ``"arrow"``
        (40,475 samples of noise whose amplitude grows beyond what was learnt: extrapolation).

    Raises
    ------
    FileNotFoundError
        The file is not in the folder named by ``PUSHFORWARD_DATA``; see :func:`fetch`.

    Notes
    -----
    T. Wigren and J. Schoukens, *Three free data sets for development and benchmarking in nonlinear system identification*, ECC 2013. From 0, the
    usual split: arrow [100:40575], train [40650:105712], multisine [105712:127400]. Free use with citation (nonlinearbenchmark.org); no licence text.
    """
    z = _arrays("silverbox_SNLS80mV.npz")
    record = InputOutput(z["u"], z["y"])
    tests = {"multisine": _cut(record, 105_712, 127_400), "arrow": _cut(record, 100, 40_575)}
    return IdentificationSeries(_cut(record, 40_650, 105_712), tests, float(z["fs_hz"]))


def wiener_hammerstein() -> IdentificationSeries:
    """Wiener-Hammerstein benchmark of 2009: filter, diode-resistor network, filter, as an electronic circuit; 51,200 Hz, volts.

    Returns
    -------
    IdentificationSeries
        ``train``: 100,000 samples; ``tests``: ``"test"``, the 78,800 that follow.

    Raises
    ------
    FileNotFoundError
        The file is not in the folder named by ``PUSHFORWARD_DATA``; see :func:`fetch`.

    Notes
    -----
    J. Schoukens, J. Suykens and L. Ljung, *Wiener-Hammerstein benchmark*, SYSID 2009. Split of the usual loader: [5200:105200] and [105200:184000].
    Free use with citation (nonlinearbenchmark.org); no licence text.
    """
    z = _arrays("wiener_hammerstein_2009.npz")
    record = InputOutput(z["u"], z["y"])
    return IdentificationSeries(_cut(record, 5_200, 105_200), {"test": _cut(record, 105_200, 184_000)}, float(z["fs_hz"]))


def power_amplifier() -> AmplifierSeries:
    """Measured power amplifier: a 40 nm CMOS digital transmitter at 2.4 GHz sending five channels side by side.

    Returns
    -------
    AmplifierSeries
        Complex baseband, input and output aligned in time, split 60 / 20 / 20 % in time order as published.

    Raises
    ------
    FileNotFoundError
        The file is not in the folder named by ``PUSHFORWARD_DATA``; see :func:`fetch`.

    Notes
    -----
    OpenDPD, data set DPA_100MHz (Apache-2.0; Y. Wu, G. D. Singh, M. Beikmirza, L. C. N. de Vreede, M. Alavi and C. Gao, ISCAS 2024). A
    least-squares FIR reaches a test NMSE of −27 dB, a memory polynomial −37 dB (lags −1 … 5, orders 1 … 5). The publisher states 5 × 20 MHz and
    a rate of 800 MHz; the five channels fill a quarter of the sampled band, so one of the two figures is off by two.
    """
    z = _arrays("opendpd_DPA_100MHz.npz")
    train, validation, test = (ComplexRecord(z[f"{name}_x"], z[f"{name}_y"]) for name in ("train", "val", "test"))
    return AmplifierSeries(train, validation, test, float(z["fs_hz"]))


def _arrays(name: str) -> dict[str, NDArray[Any]]:
    with np.load(fetch(name), allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def _cut(record: InputOutput, start: int, stop: int) -> InputOutput:
    return InputOutput(record.u[start:stop].copy(), record.y[start:stop].copy())
