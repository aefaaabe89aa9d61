"""Explanation: why a score is what it is, in a seller's words."""

from salesml.explanation.reasons import AVERAGE, points, reasons, scores

__all__ = ["AVERAGE", "points", "reasons", "scores"]
