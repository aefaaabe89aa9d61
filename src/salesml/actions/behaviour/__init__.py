"""What customers do next, and how to reach them: learnt from what they did and answered."""

from salesml.actions.behaviour.model import NextBehaviour
from salesml.actions.behaviour.nightly import behaviour_of

__all__ = ["NextBehaviour", "behaviour_of"]
