"""The report: one HTML page a run, in Japanese and English."""

from salesml.report.render import render
from salesml.report.section import TaskSection, Upkeep

__all__ = ["TaskSection", "Upkeep", "render"]
