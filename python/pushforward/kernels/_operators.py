"""What a decomposition of snapshots gives, and checks of its rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._rows import rows_of
from ..linalg._solution import named_rows

__all__ = ["EDMDResult"]

Array = NDArray[Any]


def finite_rows(name: str, values: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Return (n_rows, k) finite numbers of exactly ``dtype``; of rows that are not finite the numbers are named."""
    rows = rows_of(name, values, dtype)
    named_rows(name, rows)
    return rows


@dataclass(frozen=True)
class EDMDResult:
    """Operators of the lifted state ψ; a snapshot is a row in arrays, a column in these equations.

    Attributes
    ----------
    A : (n_state, n_features) ndarray
        h[t+1] ≈ A ψ[t] + A_u u[t].
    A_u : (n_state, n_inputs) ndarray or None
    K : (n_features, n_features) ndarray or None
        ψ[t+1] ≈ K ψ[t] + B u[t]; None with ``target="state"``, like B and C.
    B : (n_features, n_inputs) ndarray or None
    C : (n_state, n_features) ndarray or None
        h ≈ C ψ.
    singular_values : (n_features + n_inputs,) ndarray
        Of the matrix of features and inputs.
    rank : int
        How many of them were used.
    residuals : (n_state,) or (n_features,) ndarray
        Root of the sum of squares of what is left of each state, or with the operator of each feature.
    n_snapshots : int
    factors : (R, Q1, S) or None
        Of the operator, for spectra: ‖Ψ' w − λ Ψ w‖² = ‖(Q1 − λ R) w‖² + wᵀ S w and ‖Ψ w‖ = ‖R w‖, where Ψ' is what follows less the effect
        of the inputs. None with ``target="state"``, and where normal equations were solved.
    """

    A: Array
    A_u: Array | None
    K: Array | None
    B: Array | None
    C: Array | None
    singular_values: Array
    rank: int
    residuals: Array
    n_snapshots: int
    factors: tuple[Array, Array, Array] | None = None
