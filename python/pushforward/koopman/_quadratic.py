"""A sparse quadratic problem on OSQP: set up once, solved for many vectors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["QuadraticProblem", "osqp_module"]

Array = NDArray[Any]


class QuadraticProblem:
    """minimise ½ zᵀ P z + qᵀ z  subject to  low ≤ A z ≤ high, for one P and A.

    Attributes
    ----------
    status : {"solved", "infeasible", "not converged"}
        Of the last call.
    n_iterations : int
    message : str
        How far it came.
    """

    def __init__(self, P: Any, A: Any, tolerance: float, max_iter: int) -> None:
        self._P, self._A = sparse.csc_matrix(sparse.triu(P)), sparse.csc_matrix(A)  # OSQP takes the upper triangle, and matrices
        self._settings = {"eps_abs": tolerance, "eps_rel": tolerance, "max_iter": max_iter, "verbose": False}
        self._settings |= {"adaptive_rho_interval": 50, "check_dualgap": False}  # in iterations, not seconds: the same answer every time
        self._solver: Any = None
        self.status, self.n_iterations, self.message = "not converged", 0, ""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_solver": None}  # it is set up again at the next call

    def solve(self, q: Array, low: Array, high: Array) -> Array:
        """Start from the last solution; set up afresh where that stops early, because steps that suited one problem may not suit the next."""
        if self._solver is not None:
            self._solver.update(q=q, l=low, u=high)
            z = self._run()
            if self.status != "not converged":
                return z
        self._solver = osqp_module().OSQP()
        self._solver.setup(self._P, q, self._A, low, high, **self._settings)
        z = self._run()
        if self.status == "not converged":
            self._solver = None
        return z

    def _run(self) -> Array:
        known, found = osqp_module().SolverStatus, self._solver.solve(raise_error=False)
        info, self.n_iterations = found.info, int(found.info.iter)
        self.status = {int(known.OSQP_SOLVED): "solved", int(known.OSQP_PRIMAL_INFEASIBLE): "infeasible"}.get(int(info.status_val), "not converged")
        self.message = f"the solver stopped after {info.iter} iterations ({info.status}) with residuals {info.prim_res:.1e} and {info.dual_res:.1e}"
        return np.array(found.x)


def osqp_module() -> Any:
    """Import OSQP, or say how it is installed."""
    try:
        import osqp
    except ImportError as error:
        raise ImportError("predictive control needs OSQP, which is not installed: pip install 'pushforward[control]'") from error
    return osqp
