"""Explanation: why a score is what it is and why it moved, in a seller's words."""

from salesml.explanation.changes import Explained, Versions, changes, unexplained
from salesml.explanation.help import Helper
from salesml.explanation.peers import Peers, RowPeers, noun_of
from salesml.explanation.points import AVERAGE, points, scores
from salesml.explanation.reasons import reasons

__all__ = [
    "AVERAGE",
    "Explained",
    "Helper",
    "Peers",
    "RowPeers",
    "Versions",
    "changes",
    "noun_of",
    "points",
    "reasons",
    "scores",
    "unexplained",
]
