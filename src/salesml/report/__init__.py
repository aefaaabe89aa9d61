"""The report: one HTML page a run, in Japanese and English."""

from salesml.report.action_section import ActionSection, Brought
from salesml.report.changes import changes
from salesml.report.render import LISTED, render
from salesml.report.section import TaskSection, Upkeep

__all__ = ["LISTED", "ActionSection", "Brought", "TaskSection", "Upkeep", "changes", "render"]
