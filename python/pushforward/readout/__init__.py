"""Linear read-outs: ridge regression in closed form, and those that learn from one event after the other."""

from ._force import FORCE
from ._online import LMS, NLMS, RLS
from ._ridge import Ridge

__all__ = ["FORCE", "LMS", "NLMS", "RLS", "Ridge"]
