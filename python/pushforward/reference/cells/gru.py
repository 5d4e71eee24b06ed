"""The gated recurrent unit, both forms: s_t = (1 − z) ∘ m + z ∘ s, m = tanh(p + r ∘ q).

    reset="after":   q = W_rec_candidate s + bias_rec_candidate        reset="before":   q from r ∘ s, m = tanh(p + W_rec_candidate (r ∘ s))
"""

from typing import NamedTuple

import numpy as np

from ...cells import GRU
from ...cells._checks import FloatArray
from ._functions import activation, unit_rows
from ._twin import Jacobians, Pullback, Weights


class Parts(NamedTuple):
    """What a step is put together from, (n_units,) each; q is what the reset gate multiplies: of the recurrent product, or of the state."""

    r: FloatArray
    z: FloatArray
    q: FloatArray
    m: FloatArray


def parts_of(cell: GRU, w: Weights, s: FloatArray, x: FloatArray) -> Parts:
    """Gates and candidate."""
    r, z = (activation("sigmoid", w[f"W_rec_{gate}"] @ s + w[f"W_in_{gate}"] @ x + w[f"bias_{gate}"]) for gate in ("reset", "update"))
    p = w["W_in_candidate"] @ x + w["bias_candidate"]
    if cell.reset == "before":
        return Parts(r, z, s, np.tanh(p + w["W_rec_candidate"] @ (r * s)))
    q = w["W_rec_candidate"] @ s + w["bias_rec_candidate"]
    return Parts(r, z, q, np.tanh(p + r * q))


def step(cell: GRU, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray:
    """s_t."""
    _, z, _, m = parts_of(cell, w, s, x)
    return (1 - z) * m + z * s


def jacobians(cell: GRU, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians:
    """∂s_t/∂s, ∂s_t/∂weights, ∂s_t/∂x."""
    r, z, q, m = parts_of(cell, w, s, x)
    M_candidate = np.diag((1 - z) * (1 - m**2))  # ∂s_t/∂p
    M_update = np.diag((s - m) * z * (1 - z))
    if cell.reset == "after":
        M_recurrent = M_candidate @ np.diag(r)  # ∂s_t/∂q
        M_reset = M_candidate @ np.diag(q * r * (1 - r))
        through = M_recurrent @ w["W_rec_candidate"]
        own = {"W_rec_candidate": unit_rows(M_recurrent, s), "bias_rec_candidate": M_recurrent}
    else:
        M_product = M_candidate @ w["W_rec_candidate"]  # ∂s_t/∂(r ∘ s)
        M_reset = M_product @ np.diag(s * r * (1 - r))
        through = M_product @ np.diag(r)
        own = {"W_rec_candidate": unit_rows(M_candidate, r * s)}
    D = np.diag(z) + through + M_reset @ w["W_rec_reset"] + M_update @ w["W_rec_update"]
    own |= {"W_in_candidate": unit_rows(M_candidate, x), "bias_candidate": M_candidate}
    for gate, M in (("reset", M_reset), ("update", M_update)):
        own |= {f"W_rec_{gate}": unit_rows(M, s), f"W_in_{gate}": unit_rows(M, x), f"bias_{gate}": M}
    return D, own, M_candidate @ w["W_in_candidate"] + M_reset @ w["W_in_reset"] + M_update @ w["W_in_update"]


def pullback(cell: GRU, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback:
    """From dL/ds_t back to dL/ds, dL/dweights, dL/dx: the step's lines in reverse."""
    r, z, q, m = parts_of(cell, w, s, x)
    d_z, d_m, before = adjoint * s - adjoint * m, adjoint * (1 - z), adjoint * z
    d_a = d_m * (1 - m**2)  # of the candidate
    parts = {"W_in_candidate": np.outer(d_a, x), "bias_candidate": d_a}
    if cell.reset == "after":
        d_r, d_q = d_a * q, d_a * r
        before = before + w["W_rec_candidate"].T @ d_q
        parts |= {"W_rec_candidate": np.outer(d_q, s), "bias_rec_candidate": d_q}
    else:
        d_product = w["W_rec_candidate"].T @ d_a  # of r ∘ s
        d_r, before = d_product * s, before + d_product * r
        parts |= {"W_rec_candidate": np.outer(d_a, r * s)}
    dx = w["W_in_candidate"].T @ d_a
    for gate, delta in (("reset", d_r * r * (1 - r)), ("update", d_z * z * (1 - z))):
        before = before + w[f"W_rec_{gate}"].T @ delta
        dx = dx + w[f"W_in_{gate}"].T @ delta
        parts |= {f"W_rec_{gate}": np.outer(delta, s), f"W_in_{gate}": np.outer(delta, x), f"bias_{gate}": delta}
    return before, parts, dx
