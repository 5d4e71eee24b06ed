"""Koopman operators over any dictionary."""

from ._controlling import Controlling
from ._file import Saved
from .dictionaries import Dictionary, Monomials

__all__ = ["KoopmanRegressor"]


class KoopmanRegressor(Controlling, Saved):
    """Extended dynamic mode decomposition: a dictionary of functions of the state in which the system is to be linear.

    Data, methods and fitted attributes are those of :class:`pushforward.SampledRNN`.

    Parameters
    ----------
    dictionary : Dictionary, optional
        Of :mod:`pushforward.koopman`; ``Monomials()`` unless given. Its settings are ``dictionary__…`` of this model.
    n_delays, delay_compression, include_state, include_constant, target, rcond, ridge, stabilize, solver, dtype, random_state
        As for :class:`pushforward.SampledRNN`. A state or a constant that stands in the dictionary is not put beside it again.
    input_layer : "identity" or int
        Inputs enter as they are, or through a layer of that many tanh units.

    Attributes
    ----------
    dictionary_ : fitted Dictionary

    Notes
    -----
    ψ(z) = [z | dictionary(z) | 1] (M. Williams, I. Kevrekidis, C. Rowley, J. Nonlinear Sci. 25, 1307, 2015). With ``Identity()`` it is plain dynamic
    mode decomposition, with delays besides of Hankel matrices. ``Sampled()`` has the published steepness. Least squares sees features in units of
    their root mean square (powers of two), and z without its mean if there is a constant.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> x = [np.array([1.0, 0.5])]
    >>> for _ in range(50):
    ...     x.append(np.array([0.9 * x[-1][0], 0.5 * x[-1][1] + 0.2 * x[-1][0] ** 2]))
    >>> model = pf.KoopmanRegressor(pf.koopman.Custom(lambda z: z[:, :1] ** 2)).fit(np.array(x))  # x, y, x² and 1 go to combinations of themselves
    >>> model.eigenvalues_.real.round(6)
    array([1.  , 0.9 , 0.81, 0.5 ])
    """

    def __init__(
        self, dictionary: Dictionary | None = None, n_delays: int = 0, delay_compression: int | None = None, include_state: bool = True,
        include_constant: bool = True, input_layer: str | int = "identity", *, target: str = "observables", rcond: float = 1e-10, ridge: float = 0.0,
        stabilize: str | None = None, solver: str = "auto", dtype: str = "float64", random_state: int | None = None,
    ) -> None:  # fmt: skip
        self.dictionary, self.n_delays, self.delay_compression = dictionary, n_delays, delay_compression
        self.include_state, self.include_constant, self.input_layer, self.target = include_state, include_constant, input_layer, target
        self.rcond, self.ridge, self.stabilize, self.solver, self.dtype, self.random_state = rcond, ridge, stabilize, solver, dtype, random_state

    def _check_settings(self) -> None:
        if self.dictionary is not None and not isinstance(self.dictionary, Dictionary):
            raise TypeError(f"dictionary must be one of pushforward.koopman, such as Custom(function), or None, got {self.dictionary!r}")
        super()._check_settings()

    def _unfitted(self) -> Dictionary:
        return Monomials() if self.dictionary is None else self.dictionary

    @property
    def dictionary_(self) -> Dictionary:
        """The fitted dictionary."""
        self._check_built()
        dictionary: Dictionary = self._drawn.features.lift.dictionary
        return dictionary
