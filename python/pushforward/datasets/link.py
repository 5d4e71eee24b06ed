"""A simulated wireless link: OFDM through a power amplifier, a channel of a few taps, and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

ComplexArray = NDArray[np.complex128]

MODULATIONS = ("qpsk", "16qam")
AMPLIFIERS = ("none", "rapp", "saleh")
RAPP_SMOOTHNESS = 2.0
SALEH = {"gain": 2.1587, "gain_curve": 1.1517, "phase": 4.0033, "phase_curve": 9.1040}  # A. A. M. Saleh 1981, of a travelling-wave tube


def constellation(modulation: str) -> ComplexArray:
    """Points of a modulation on its square grid, mean power one.

    Examples
    --------
    >>> constellation("qpsk").round(3).tolist()
    [(-0.707-0.707j), (-0.707+0.707j), (0.707-0.707j), (0.707+0.707j)]
    """
    if modulation not in MODULATIONS:
        raise ValueError(f"modulation: expected one of {MODULATIONS}, got {modulation!r}")
    levels = np.array([-1.0, 1.0]) if modulation == "qpsk" else np.array([-3.0, -1.0, 1.0, 3.0])
    points = (levels[:, None] + 1j * levels[None, :]).ravel()
    return np.asarray(points / np.sqrt(np.mean(np.abs(points) ** 2)))


def amplify(x: ArrayLike, amplifier: str = "rapp", back_off_db: float = 6.0) -> ComplexArray:
    """Memoryless amplifier of small-signal gain one.

    Parameters
    ----------
    x : (n_samples,) array-like of complex
        Baseband of mean power one.
    amplifier : {"rapp", "saleh", "none"}
    back_off_db : float
        By how much the mean input power lies below the input power of saturation [dB].

    Returns
    -------
    (n_samples,) ndarray of complex128

    Notes
    -----
    Rapp (1991), amplitude only, A the amplitude of saturation: x / (1 + (|x| / A)⁴)^¼. Saleh (1981), amplitude and phase, with
    r = |x| / (A √1.1517) so that saturation is at |x| = A: x / (1 + 1.1517 r²) · exp(i 4.0033 r² / (1 + 9.1040 r²)).

    Examples
    --------
    >>> amplify([0.001, 100.0], "rapp", 0.0).round(3).tolist()
    [(0.001+0j), (1+0j)]
    """
    if amplifier not in AMPLIFIERS:
        raise ValueError(f"amplifier: expected one of {AMPLIFIERS}, got {amplifier!r}")
    samples = np.asarray(x, dtype=np.complex128)
    saturation = 10.0 ** (back_off_db / 20.0)
    if amplifier == "none":
        return samples.copy()
    if amplifier == "rapp":
        power = 2.0 * RAPP_SMOOTHNESS
        return np.asarray(samples / (1.0 + (np.abs(samples) / saturation) ** power) ** (1.0 / power))
    r2 = np.abs(samples / saturation) ** 2 / SALEH["gain_curve"]
    return np.asarray(samples / (1.0 + SALEH["gain_curve"] * r2) * np.exp(1j * SALEH["phase"] * r2 / (1.0 + SALEH["phase_curve"] * r2)))


@dataclass(frozen=True)
class OFDMLink:
    """One transmission, as samples and as symbols.

    Attributes
    ----------
    received : (n_samples,) ndarray of complex128
        What the receiver hears.
    sent : (n_samples,) ndarray of complex128
        Baseband before the amplifier, of expected power one: known to the receiver in the pilots.
    symbols : (n_blocks, n_subcarriers) ndarray of complex128
        Points of the constellation on every subcarrier; the first ``n_pilots`` blocks are pilots.
    points : (n_points,) ndarray of complex128
    taps : (n_taps,) ndarray of complex128
        The channel, of energy one.
    n_pilots, cyclic_prefix : int
    """

    received: ComplexArray
    sent: ComplexArray
    symbols: ComplexArray
    points: ComplexArray
    taps: ComplexArray
    n_pilots: int
    cyclic_prefix: int

    @property
    def n_pilot_samples(self) -> int:
        """Samples of the pilots, at the start."""
        return self.n_pilots * (int(self.symbols.shape[1]) + self.cyclic_prefix)

    def demodulate(self, samples: ArrayLike) -> ComplexArray:
        """Turn baseband samples (whole blocks) into what stands on each subcarrier: drop the cyclic prefix, Fourier transform.

        Parameters
        ----------
        samples : (n_blocks · (n_subcarriers + cyclic_prefix),) array-like of complex

        Returns
        -------
        (n_blocks, n_subcarriers) ndarray of complex128
        """
        n = self.symbols.shape[1]
        blocks = np.asarray(samples, dtype=np.complex128)
        if blocks.ndim != 1 or len(blocks) % (n + self.cyclic_prefix):
            raise ValueError(f"samples: expected whole blocks of {n + self.cyclic_prefix} samples in one axis, got shape {blocks.shape}")
        return np.asarray(np.fft.fft(blocks.reshape(-1, n + self.cyclic_prefix)[:, self.cyclic_prefix :], axis=1, norm="ortho"))


def ofdm_link(
    n_pilots: int = 40,
    n_payload: int = 200,
    modulation: str = "qpsk",
    snr_db: float = 20.0,
    *,
    n_subcarriers: int = 64,
    cyclic_prefix: int = 16,
    n_taps: int = 4,
    amplifier: str = "rapp",
    back_off_db: float = 6.0,
    seed: int = 0,
) -> OFDMLink:
    """OFDM link: random symbols, a mildly non-linear amplifier, a channel of a few taps, white noise.

    Parameters
    ----------
    n_pilots, n_payload : int
        Blocks known to the receiver, and blocks to detect.
    modulation : {"qpsk", "16qam"}
    snr_db : float
        Power that arrives over noise power [dB].
    n_subcarriers, cyclic_prefix : int
        Samples of a block, and copied from its end to its start.
    n_taps : int
        Of the channel; complex normal with powers exp(−k), then scaled to energy one. The first tap keeps at least half of it.
    amplifier : {"rapp", "saleh", "none"}
        See :func:`amplify`.
    back_off_db : float
        Mean input power below saturation [dB]; 6 dB is mild, 1 dB clips every peak of an OFDM signal.
    seed : int
        Of symbols, channel and noise, one stream each: the same seed at another ``snr_db`` is the same link with more or less of the same noise.

    Returns
    -------
    OFDMLink

    Notes
    -----
    arXiv 2602.21454 detects complex symbols over a wireless link and does not give its parameters: **all parameters here are ours**.
    All subcarriers carry data, without guard bands. received = taps * amplify(sent) + noise, the channel at rest before the first sample.

    Examples
    --------
    >>> link = ofdm_link(2, 3, "16qam", seed=1)
    >>> link.received.shape, link.symbols.shape, link.n_pilot_samples
    ((400,), (5, 64), 160)
    >>> bool(np.abs(link.demodulate(link.sent) - link.symbols).max() < 1e-12)
    True
    """
    sizes: dict[str, Any] = {"n_pilots": n_pilots, "n_payload": n_payload, "n_subcarriers": n_subcarriers, "n_taps": n_taps}
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name}: expected a positive integer, got {value}")
    if not n_taps - 1 <= cyclic_prefix <= n_subcarriers:
        raise ValueError(f"cyclic_prefix: expected n_taps − 1 = {n_taps - 1} … n_subcarriers = {n_subcarriers}, got {cyclic_prefix}")
    for name, number in (("snr_db", snr_db), ("back_off_db", back_off_db)):
        if not np.isfinite(number):
            raise ValueError(f"{name}: expected a finite number, got {number}")
    points = constellation(modulation)
    of_symbols, of_channel, of_noise = (np.random.default_rng([seed, k]) for k in range(3))
    symbols = points[of_symbols.integers(len(points), size=(n_pilots + n_payload, n_subcarriers))]
    blocks = np.fft.ifft(symbols, axis=1, norm="ortho")
    sent = np.concatenate([blocks[:, n_subcarriers - cyclic_prefix :], blocks], axis=1).ravel()
    taps = _channel(of_channel, n_taps)
    clean = np.convolve(amplify(sent, amplifier, back_off_db), taps)[: len(sent)]
    noise = _normal(of_noise, len(sent)) * np.sqrt(np.mean(np.abs(clean) ** 2) / 10.0 ** (snr_db / 10.0))
    return OFDMLink(clean + noise, sent, symbols, points, taps, n_pilots, cyclic_prefix)


def _channel(rng: np.random.Generator, n_taps: int) -> ComplexArray:
    """Taps of energy one, at least half of it in the first."""
    taps = _normal(rng, n_taps) * np.exp(-0.5 * np.arange(n_taps))
    later = float(np.sum(np.abs(taps[1:]) ** 2))
    first = max(float(np.abs(taps[0]) ** 2), later)
    taps[0] *= np.sqrt(first) / np.abs(taps[0])
    return np.asarray(taps / np.sqrt(first + later))


def _normal(rng: np.random.Generator, n: int) -> ComplexArray:
    """Complex normal numbers of mean power one."""
    return np.asarray((rng.normal(size=n) + 1j * rng.normal(size=n)) / np.sqrt(2.0))
