"""Recurrent weights drawn from a seed, with the spectral radius asked for."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import sparse

from .._checks import one_of, positive_int, within
from .._network import n_parts
from ._operators import BlockDiagonal
from ._shifts import CycleWithJumps, DelayLine, Ring
from ._spectral import checked_radius, scaled_to

Array = NDArray[Any]  # real or complex
Seed = int | np.random.Generator | None
WHOLE = 0.35  # share of non-zero weights from which on a whole matrix is the faster one
DTYPES = ("float32", "float64", "complex64", "complex128")


def random(
    n_units: int,
    *,
    connectivity: float = 0.1,
    spectral_radius: float = 0.9,
    distribution: str = "normal",
    dtype: DTypeLike = "float64",
    random_state: Seed = None,
) -> Any:
    """Draw a matrix in which every unit hears equally many others, chosen at random.

    Parameters
    ----------
    n_units : int
    connectivity : float in (0, 1]
        Fraction of units that each unit hears, itself among them: ``round(connectivity · n_units)``, at least one.
    spectral_radius : float
        Largest absolute eigenvalue of what is returned.
    distribution : {"normal", "uniform"}
        Of the weights, before they are scaled; of complex ones both parts.
    dtype : {"float64", "float32", "complex128", "complex64"}
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    W : (n_units, n_units) SciPy csr_array, or ndarray when more than a third of it is not zero
        Times the input of the units: W[i, j] is what unit i hears of unit j.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> W = pf.reservoirs.random(200, connectivity=0.05, spectral_radius=0.9, random_state=0)
    >>> W.nnz, bool(np.isclose(abs(np.linalg.eigvals(W.toarray())).max(), 0.9))
    (2000, True)
    """
    n, rng, kind = _checked(n_units, random_state, dtype)
    one_of("distribution", distribution, ("normal", "uniform"))
    if not within(connectivity, 0, 1, "(]"):
        raise ValueError(f"connectivity must lie in (0, 1], got {connectivity!r}")
    heard = max(1, round(connectivity * n))
    indices = np.sort(rng.permuted(np.tile(np.arange(n), (n, 1)), axis=1)[:, :heard] if n <= 4096 else _choices(n, heard, rng), axis=1)
    shape = (n * heard, n_parts(kind))
    drawn = rng.normal(size=shape) if distribution == "normal" else rng.uniform(-1, 1, size=shape)
    values = (drawn[:, 0] + 1j * drawn[:, 1] if kind.kind == "c" else drawn[:, 0]) / np.sqrt(heard)
    W = sparse.csr_array((values, indices.ravel(), np.arange(0, n * heard + 1, heard)), shape=(n, n))
    W = _scaled(W, spectral_radius).astype(kind)
    return W.toarray() if heard > WHOLE * n else W


def orthogonal(n_units: int, *, spectral_radius: float = 1.0, dtype: DTypeLike = "float64", random_state: Seed = None) -> Array:
    """Draw an orthogonal (unitary) matrix times ``spectral_radius``: all its eigenvalues have that absolute value.

    Parameters
    ----------
    n_units : int
    spectral_radius : float
    dtype : {"float64", "float32", "complex128", "complex64"}
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    W : (n_units, n_units) ndarray

    Notes
    -----
    Q of the QR decomposition of a normal matrix, columns times the sign of the diagonal of R: uniform over the group (Mezzadri 2007).

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> O = pf.reservoirs.orthogonal(4, random_state=0)
    >>> bool(np.allclose(O @ O.T, np.eye(4)))
    True
    """
    n, rng, kind = _checked(n_units, random_state, dtype)
    drawn = rng.normal(size=(n, n, n_parts(kind)))
    Q, R = np.linalg.qr(drawn[..., 0] + 1j * drawn[..., 1] if kind.kind == "c" else drawn[..., 0])
    d = np.diagonal(R)
    W: Array = (Q * (d / np.abs(d)) * checked_radius(spectral_radius)).astype(kind)
    return W


def ring(n_units: int, *, spectral_radius: float = 0.9, dtype: DTypeLike = "float64", random_state: Seed = None) -> Ring:
    """Return the :class:`Ring` of this spectral radius; nothing is drawn.

    Parameters
    ----------
    n_units : int
    spectral_radius : float
    dtype, random_state
        As the other topologies take them; of no influence.

    Returns
    -------
    Ring
    """
    return Ring(_checked(n_units, random_state, dtype)[0], checked_radius(spectral_radius))


def delay_line(n_units: int, *, spectral_radius: float = 0.9, dtype: DTypeLike = "float64", random_state: Seed = None) -> DelayLine:
    """Return the :class:`DelayLine` whose weights are ``spectral_radius``: a chain has no eigenvalue but zero.

    Parameters
    ----------
    n_units : int
    spectral_radius : float
        Weight of every connection.
    dtype, random_state
        As the other topologies take them; of no influence.

    Returns
    -------
    DelayLine
    """
    return DelayLine(_checked(n_units, random_state, dtype)[0], checked_radius(spectral_radius))


def cycle_with_jumps(
    n_units: int, *, spectral_radius: float = 0.9, jump: int | None = None, dtype: DTypeLike = "float64", random_state: Seed = None
) -> CycleWithJumps:
    """Return the :class:`CycleWithJumps` of this spectral radius, with jumps half as strong as the ring; nothing is drawn.

    Parameters
    ----------
    n_units : int
        At least 4.
    spectral_radius : float
    jump : int, optional
        Units that a jump leaps over; unless given, about √n_units.
    dtype, random_state
        As the other topologies take them; of no influence.

    Returns
    -------
    CycleWithJumps
    """
    n = _checked(n_units, random_state, dtype)[0]
    if n < 4:
        raise ValueError(f"n_units must be at least 4 for jumps, got {n}")
    W = CycleWithJumps(n, 1.0, 0.5, jump or max(2, round(np.sqrt(n))))
    scaled: CycleWithJumps = W.scaled(checked_radius(spectral_radius) / W.spectral_radius())
    return scaled


def block_diagonal(
    n_units: int, *, spectral_radius: float = 0.9, block: int | None = None, dtype: DTypeLike = "float64", random_state: Seed = None
) -> BlockDiagonal:
    """Draw a :class:`BlockDiagonal` of normal blocks, each of this spectral radius.

    Parameters
    ----------
    n_units : int
    spectral_radius : float
    block : int, optional
        Units of a block, a divisor of ``n_units``; unless given the divisor nearest to 10.
    dtype : {"float64", "float32", "complex128", "complex64"}
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    BlockDiagonal
    """
    n, rng, kind = _checked(n_units, random_state, dtype)
    size = min((d for d in range(1, n + 1) if n % d == 0), key=lambda d: abs(d - 10)) if block is None else block
    positive_int("block", size, "a divisor of n_units")
    if n % size:
        raise ValueError(f"block must divide n_units = {n}, got {size}")
    drawn = rng.normal(size=(n // size, size, size, n_parts(kind)))
    blocks = drawn[..., 0] + 1j * drawn[..., 1] if kind.kind == "c" else drawn[..., 0]
    return BlockDiagonal([_scaled(b, spectral_radius) for b in blocks])


def _checked(n_units: int, random_state: Seed, dtype: DTypeLike) -> tuple[int, np.random.Generator, np.dtype[Any]]:
    positive_int("n_units", n_units, "a positive int")
    kind = np.dtype(dtype)
    one_of("dtype", kind.name, DTYPES)
    return int(n_units), np.random.default_rng(random_state), kind


def _choices(n: int, heard: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """One row of distinct columns for every unit, without an n × n array."""
    return np.array([rng.choice(n, size=heard, replace=False, shuffle=False) for _ in range(n)], dtype=np.int64)


def _scaled(W: Any, radius: float) -> Any:
    return scaled_to(W, radius) if checked_radius(radius) > 0 else W * 0.0
