"""Experiments: whether a change of features or settings helps, on the same rows and folds."""

from salesml.experiment.compare import compare
from salesml.experiment.result import Experiment, Outcome
from salesml.experiment.variant import Variant

__all__ = ["Experiment", "Outcome", "Variant", "compare"]
