"""Deciding who gets which action on a night, by rules, worth, the time there is, and chance."""

from salesml.actions.deciding.night import Decided, Night, decide
from salesml.actions.deciding.past import Past, past_of
from salesml.actions.deciding.result import Actions, told_once
from salesml.actions.deciding.rows import agenda_of

__all__ = ["Actions", "Decided", "Night", "Past", "agenda_of", "decide", "past_of", "told_once"]
