"""Effects of actions, learnt from trials and the project's own decisions; what they brought."""

from salesml.actions.learning.evaluation import ActionEvaluation, evaluate
from salesml.actions.learning.learnt import Learnt, learn

__all__ = ["ActionEvaluation", "Learnt", "evaluate", "learn"]
