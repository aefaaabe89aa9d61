"""Rules: what can be done for whom, what forbids it, and what starts a play."""

from salesml.actions.rules.asking import ask
from salesml.actions.rules.checking import require_concepts, require_conditions, require_sql
from salesml.actions.rules.contradictions import contradictions
from salesml.actions.rules.firing import Fired, fire
from salesml.actions.rules.notes import notes_of
from salesml.actions.rules.people import people_of
from salesml.actions.rules.situation import Situation, situations

__all__ = [
    "Fired",
    "Situation",
    "ask",
    "contradictions",
    "fire",
    "notes_of",
    "people_of",
    "require_concepts",
    "require_conditions",
    "require_sql",
    "situations",
]
