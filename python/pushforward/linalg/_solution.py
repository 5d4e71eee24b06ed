"""What a least-squares problem gives, and what is asked of its rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
NAMED = 5  # rows of a message


@dataclass(frozen=True)
class LeastSquaresSolution:
    """Solution of min ‖A x − Y‖² + ridge ‖x‖².

    Attributes
    ----------
    coefficients : (n_columns, n_targets) ndarray
    singular_values : (n_columns,) ndarray
        Of A, descending; those beyond the number of rows are rounding errors.
    rank : int
        How many of them were used.
    residuals : (n_targets,) ndarray
        ‖A x − y‖ of each column of Y.
    n_rows : int
    """

    coefficients: Array
    singular_values: Array
    rank: int
    residuals: Array
    n_rows: int


def check_solve(rcond: float, ridge: float, n_rows: int) -> None:
    """Refuse what no least-squares problem is solved with."""
    for name, value in (("rcond", rcond), ("ridge", ridge)):
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} must be a finite number that is not negative, got {value!r}")
    if not n_rows:
        raise ValueError("there are no rows: call update first")


def named_rows(name: str, rows: Array) -> None:
    """Refuse rows that are not finite, by their numbers."""
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        listed = ", ".join(str(i) for i in bad[:NAMED]) + (", …" if len(bad) > NAMED else "")
        raise ValueError(f"{name} must be finite, got numbers that are not in row{'s' if len(bad) > 1 else ''} {listed}")


def check_rows(names: tuple[str, str], rows: Array, targets: Array) -> None:
    """Refuse rows of either that are not finite."""
    named_rows(names[0], rows)
    named_rows(names[1], targets)
