"""The kernels' random numbers again, to the bit: a function of seed, stream, tick and index."""

import math

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1


def splitmix64(start: int, k: int) -> int:
    """Return the k-th number, from 0, of the generator splitmix64 started at ``start``, both taken modulo 2^64.

    Notes
    -----
    Steele, Lea and Flood (2014), with the mixing function that Java's SplittableRandom uses.

    Examples
    --------
    >>> hex(splitmix64(0, 0))
    '0xe220a8397b1dcdaf'
    """
    z = (start + (k + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def random_bits(seed: int, stream: int, tick: int, index: int) -> int:
    """Return 64 random bits: splitmix64 keyed by seed, stream and tick in turn."""
    key = 0
    for k in (seed, stream, tick, index):
        key = splitmix64(key, k)
    return key


def uniform_at(seed: int, stream: int, tick: int, index: int) -> float:
    """Return a number in [0, 1), a multiple of 2^−53."""
    return math.ldexp(random_bits(seed, stream, tick, index) >> 11, -53)


def normal_at(seed: int, stream: int, tick: int, index: int) -> float:
    """Return a standard normal number.

    Notes
    -----
    Box and Muller (1958): sqrt(−2 log(1 − u)) cos(2π v), u and v uniform in [0, 1), drawn at 2 index and 2 index + 1.

    Examples
    --------
    >>> draws = [normal_at(0, 0, tick, 0) for tick in range(10_000)]
    >>> bool(abs(np.mean(draws)) < 0.04), bool(abs(np.var(draws) - 1) < 0.06)
    (True, True)
    """
    u, v = uniform_at(seed, stream, tick, 2 * index), uniform_at(seed, stream, tick, 2 * index + 1)
    return math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)


def signs_at(seed: int, stream: int, tick: int, n: int) -> NDArray[np.float64]:
    """Return n signs ±1 (n,): bit i % 64 of the i // 64-th word.

    Examples
    --------
    >>> signs_at(0, 0, 0, 5)
    array([-1., -1., -1.,  1., -1.])
    """
    words = [random_bits(seed, stream, tick, k) for k in range((n + 63) // 64)]
    return np.array([1.0 if words[i // 64] >> (i % 64) & 1 else -1.0 for i in range(n)])
