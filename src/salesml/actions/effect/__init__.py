"""Effects of actions, learnt from what was tried, and policies that are judged before they rule."""

from salesml.actions.effect.bandit import PolicyValue, policy_value
from salesml.actions.effect.model import NextActionModel
from salesml.actions.effect.result import Evaluation

__all__ = ["Evaluation", "NextActionModel", "PolicyValue", "policy_value"]
