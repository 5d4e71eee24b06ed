"""Second derivatives of a state, carried forward in time: as a packed tensor, for small nets."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from .. import _arrays, _core
from .._arrays import FloatArray
from .._checks import positive_int
from ..cells import Cell, Elman, Linear
from .sensitivity import _check_cell, _dtype_of, _one_series

__all__ = ["SecondInfluence", "forward_hessian"]

MOST_PARAMS = 2_000


class SecondInfluence:
    """S[k, p, q] = d²s[k] / dθ_p dθ_q, symmetric in p and q, half of it stored.

    Parameters
    ----------
    packed : (n_state, n_params (n_params + 1) / 2) ndarray of float32 or float64
        Of every state the rows of the lower triangle, one behind the other: S[k, p, q], q ≤ p, is at ``packed[k, p (p + 1) / 2 + q]``.

    Attributes
    ----------
    packed : ndarray
        As given, not a copy, and no longer writeable.
    n_state, n_params : int

    Examples
    --------
    Of the loss ½ ‖y − s_T‖², the Hessian is Σ_k (s_T − y)[k] S[k] + JᵀJ:

    >>> import numpy as np, pushforward as pf
    >>> cell = pf.cells.Elman(n_inputs=2, n_units=3)
    >>> states, J, S = pf.kernels.forward_hessian(cell, cell.init(seed=0), np.ones((5, 2)))
    >>> hessian = S.contract(states[-1] - np.ones(3)) + J.T @ J
    >>> hessian.shape, bool(np.array_equal(S.contract(np.eye(3)[0]), S.toarray()[0]))
    ((18, 18), True)
    """

    def __init__(self, packed: FloatArray) -> None:
        if not isinstance(packed, np.ndarray) or packed.dtype not in (np.float32, np.float64):
            raise TypeError(f"packed must be an ndarray of float32 or float64, got {getattr(packed, 'dtype', type(packed).__name__)}")
        n_params = (int(np.sqrt(8 * packed.shape[-1] + 1)) - 1) // 2 if packed.ndim == 2 else 0
        if n_params == 0 or n_params * (n_params + 1) // 2 != packed.shape[1]:
            raise ValueError(f"packed must have shape (n_state, n_params (n_params + 1) / 2), got {packed.shape}")
        self.packed = packed.view()
        self.packed.flags.writeable = False
        self.n_state, self.n_params = packed.shape[0], n_params

    def __repr__(self) -> str:
        return f"SecondInfluence(n_state={self.n_state}, n_params={self.n_params}, dtype={self.packed.dtype})"

    def toarray(self) -> FloatArray:
        """Unpack everything.

        Returns
        -------
        second : (n_state, n_params, n_params) ndarray
            Twice the memory of ``packed``.

        Examples
        --------
        >>> import numpy as np
        >>> SecondInfluence(np.array([[1.0, 2.0, 3.0]])).toarray()
        array([[[1., 2.],
                [2., 3.]]])
        """
        return _unpacked(self.packed, self.n_params)

    def contract(self, weights: ArrayLike) -> FloatArray:
        """Σ_k weights[k] S[k]: the Hessian of ⟨weights, s⟩ with respect to θ.

        Parameters
        ----------
        weights : (n_state,) array_like
            Of the tensor's dtype.

        Returns
        -------
        hessian : (n_params, n_params) ndarray
            Symmetric to the last bit.

        Examples
        --------
        >>> import numpy as np
        >>> SecondInfluence(np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])).contract([1.0, 10.0])
        array([[ 1., 12.],
               [12.,  3.]])
        """
        half = self._vector("weights", weights, self.n_state) @ self.packed
        return _unpacked(half[None], self.n_params).reshape(self.n_params, self.n_params)

    def apply(self, v: ArrayLike) -> FloatArray:
        """Σ_q S[:, :, q] v[q]: how the influence changes along v.

        Parameters
        ----------
        v : (n_params,) array_like
            Of the tensor's dtype.

        Returns
        -------
        change : (n_state, n_params) ndarray
            dJ(θ + ε v)/dε at ε = 0.

        Examples
        --------
        >>> import numpy as np
        >>> SecondInfluence(np.array([[1.0, 2.0, 3.0]])).apply([1.0, 0.0])
        array([[1., 2.]])
        """
        direction = self._vector("v", v, self.n_params)
        change = np.zeros((self.n_state, self.n_params), self.packed.dtype)
        for p, row in _rows(self.packed, self.n_params):
            change[:, p] += row @ direction[: p + 1]
            change[:, :p] += direction[p] * row[:, :p]
        return change

    def _vector(self, name: str, values: ArrayLike, n: int) -> FloatArray:
        vector = _arrays.real(name, values, self.packed.dtype)
        if vector.shape != (n,):
            raise ValueError(f"{name} must have shape ({n},), got {vector.shape}")
        return vector


def _rows(packed: FloatArray, n_params: int) -> Iterator[tuple[int, FloatArray]]:
    """Row p of every lower triangle, (n, p + 1)."""
    start = 0
    for p in range(n_params):
        yield p, packed[:, start : start + p + 1]
        start += p + 1


def _unpacked(packed: FloatArray, n_params: int) -> FloatArray:
    """The symmetric matrices whose lower triangles these are, (n, n_params, n_params)."""
    full = np.empty((len(packed), n_params, n_params), packed.dtype)
    for p, row in _rows(packed, n_params):
        full[:, p, : p + 1] = row
        full[:, :p, p] = row[:, :p]
    return full


def forward_hessian(
    cell: Cell, theta: FloatArray, inputs: ArrayLike, state: FloatArray | None = None, n_threads: int | None = None
) -> tuple[FloatArray, FloatArray, SecondInfluence]:
    """Run a cell over a sequence and carry ds/dθ and d²s/dθ² along, exactly.

    Parameters
    ----------
    cell : Elman or Linear
        Of at most 2,000 parameters: the tensor has n_state · n_params² / 2 numbers, and a step costs n_state² · n_params² flop. Bounded weights
        and a sparse W_rec are taken into account; what does not exist has no derivative.
    theta : (n_params,) ndarray of float32 or float64
        Its dtype is the precision of the computation.
    inputs : (n_steps, n_inputs) ndarray, or (n_steps,) ndarray of int
        Integers are tokens: the index of the one input that is 1.
    state : (n_state,) ndarray, optional
        s_0; zero unless given. It does not depend on θ.
    n_threads : int, optional
        Does not change the numbers.

    Returns
    -------
    states : (n_steps, n_state) ndarray
    influence : (n_state, n_params) ndarray
        ds_T/dθ at the last step.
    second : SecondInfluence
        d²s_T/dθ² at the last step.

    Raises
    ------
    TypeError
        For cells of other kinds.
    ValueError
        Above 2,000 parameters. ``hessian_vector_product`` gives products of the Hessian of a loss with vectors for any cell and size.
    MemoryError
        When the tensor needs more memory than is available.
    DivergenceError
        When a state stops being finite, or derivatives are not at the end of some steps.

    Notes
    -----
    With z the pre-activations, of s = σ(z): S_t[:, p, q] = σ''(z) D_p z D_q z + σ'(z) D_pq z,
    D_pq z = W_rec S_{t−1}[:, p, q] + [p is W_rec[i, l]] e_i φ'(θ_p) J_{t−1}[l, q] + [q is W_rec[i, l]] e_i φ'(θ_q) J_{t−1}[l, p]
    + [p = q] e_i φ''(θ_p) ∂z_i/∂W_p (arXiv 2501.08040, section 2.4). At the kink of a ReLU σ'' is taken as 0; where that of an ELU jumps
    from 1 to 0, at z = 0, as 1.

    Examples
    --------
    The tensor predicts the influence at weights nearby:

    >>> import numpy as np, pushforward as pf
    >>> cell, X = pf.cells.Elman(n_inputs=2, n_units=3), np.ones((5, 2))
    >>> theta, v = cell.init(seed=0), 1e-4 * np.ones(cell.n_params)
    >>> states, J, S = pf.kernels.forward_hessian(cell, theta, X)
    >>> S
    SecondInfluence(n_state=3, n_params=18, dtype=float64)
    >>> _, nearby = pf.kernels.forward_sensitivity(cell, theta + v, X)
    >>> bool(np.abs(nearby - J).max() > 1e-4), bool(np.abs(nearby - (J + S.apply(v))).max() < 1e-6)
    (True, True)
    """
    _check_cell(cell)
    if not isinstance(cell, (Elman, Linear)):
        raise TypeError(f"cell must be an Elman or Linear cell, got {cell!r}; hessian_vector_product takes the others")
    dtype = _dtype_of(theta)
    if n_threads is not None:
        positive_int("n_threads", n_threads, "a positive int or None")
    _check_size(cell, dtype.itemsize)
    X = _one_series(inputs, dtype)
    start = np.zeros(cell.n_state, dtype) if state is None else _arrays.real("state", state, dtype)
    states, influence, packed = _core.forward_hessian(
        cell.core_settings(),
        cell.bound or 0.0,
        np.ascontiguousarray(theta),
        start,
        None if X.dense is None else X.dense[0],
        None if X.tokens is None else X.tokens[0],
        n_threads or _core.default_threads(),
    )
    return states, influence, SecondInfluence(packed)


def _check_size(cell: Cell, itemsize: int) -> None:
    n_bytes = cell.n_state * (cell.n_params * (cell.n_params + 1) // 2) * itemsize
    needs = f"second derivatives of {cell.n_state} states with respect to {cell.n_params:,} parameters take {n_bytes:,} bytes"
    way_out = "hessian_vector_product gives products of the Hessian with vectors at any size"
    if cell.n_params > MOST_PARAMS:
        raise ValueError(f"cell must have at most {MOST_PARAMS:,} parameters, got {cell.n_params:,}: {needs}; {way_out}")
    available = _available_memory()
    if available is not None and n_bytes > available:
        raise MemoryError(f"{needs}, and {available:,} are available; {way_out}")


def _available_memory() -> int | None:
    """Bytes that can be had without swapping, by the kernel's own estimate; None where it gives none."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]  # in KiB
    return 1024 * found[0] if found else None
