"""Learning: the estimator, the split by time, the honest test and the gate."""

from salesml.training.data import TrainingData
from salesml.training.gate import Decision, decide
from salesml.training.intervals import Interval
from salesml.training.leaks import leak_warnings
from salesml.training.metrics import METRICS
from salesml.training.persistence import digest, verify
from salesml.training.personal import require_impersonal
from salesml.training.profit import require_amount
from salesml.training.propensity import PropensityModel
from salesml.training.result import TrainingResult, Verdict, Window
from salesml.training.train import train

__all__ = [
    "METRICS",
    "Decision",
    "Interval",
    "PropensityModel",
    "TrainingData",
    "TrainingResult",
    "Verdict",
    "Window",
    "decide",
    "digest",
    "leak_warnings",
    "require_amount",
    "require_impersonal",
    "train",
    "verify",
]
