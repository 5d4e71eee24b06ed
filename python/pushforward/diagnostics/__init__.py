"""What a model's dynamics say before anything is learnt: does it forget, and how hard are its poles to find."""

from .echo_state import EchoStateIndex, echo_state_index
from .poles import PoleHessian, pole_hessian

__all__ = ["EchoStateIndex", "PoleHessian", "echo_state_index", "pole_hessian"]
