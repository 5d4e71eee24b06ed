"""What can go wrong numerically, as exceptions."""

from numpy.linalg import LinAlgError


class DivergenceError(ArithmeticError):
    """A number stopped being finite; the weights are those before the step that would have spoilt them.

    The series in which it began starts afresh (state and influence zero); the gradient gathered since the last update is dropped.

    Attributes
    ----------
    step : int
        Where it began, counted from the start of the data of this call (0 is the first step).
    series : int
        In which series.
    reason : str
    iteration : int or None
        Of full-batch descent: in which iteration, 0 being the first; step and series then say where the output stopped being finite, if it did.
    """

    def __init__(self, reason: str, step: int = 0, series: int = 0, iteration: int | None = None) -> None:
        if iteration is None:
            where, kept = f"at step {step} of series {series}", "that step"
        else:
            where, kept = f"in iteration {iteration}", "that iteration"
        super().__init__(f"{reason} {where}; what was learnt before {kept} stands")
        self.reason, self.step, self.series, self.iteration = reason, step, series, iteration

    def __reduce__(self) -> tuple[type["DivergenceError"], tuple[str, int, int, int | None]]:
        return type(self), (self.reason, self.step, self.series, self.iteration)


class SingularReadoutError(LinAlgError, ValueError):
    """A least-squares problem without a solution of its own: features are combinations of others, to working precision. Nothing was changed.

    Attributes
    ----------
    reason : str
    ridge : float
        One that cures it: the smallest that is worth its rounding errors. More regularises more.
    """

    def __init__(self, reason: str, ridge: float) -> None:
        super().__init__(f"{reason}; ridge={ridge:g} cures it")
        self.reason, self.ridge = reason, ridge

    def __reduce__(self) -> tuple[type["SingularReadoutError"], tuple[str, float]]:
        return type(self), (self.reason, self.ridge)


class ControlError(ArithmeticError):
    """No input was found.

    Attributes
    ----------
    reason : str
    status : {"infeasible", "not converged", "no gain"}
        "infeasible": no input respects the bounds; "not converged": the solver stopped before it was accurate enough; "no gain": no method
        gave a feedback.
    """

    def __init__(self, reason: str, status: str) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status

    def __reduce__(self) -> tuple[type["ControlError"], tuple[str, str]]:
        return type(self), (self.reason, self.status)
