"""What a manager looks at first: one card a task."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from salesml.config import Band, TaskConfig
from salesml.report.changes import entered, first_time
from salesml.report.formats import amount
from salesml.report.section import TaskSection, Tones

__all__ = ["BandCount", "Card", "card"]


@dataclass(frozen=True)
class BandCount:
    """How many were scored into a band."""

    band: Band
    tone: int
    count: int
    share: float


@dataclass(frozen=True)
class Card:
    """The numbers of one task.

    ``entered`` counts who was not in the top band before; None where there is no before.
    ``expected_total`` is empty where the task has no amounts.
    """

    scored: int
    bands: list[BandCount]
    entered: int | None
    expected_positives: float
    expected_total: str


def card(section: TaskSection, currency: str) -> Card:
    """The card of *section*, amounts in *currency*."""
    scores, task = section.scores, section.task
    if scores.empty:
        return Card(0, _band_counts(task, pd.Series(dtype=str)), None, 0.0, "")
    expected = scores["expected_value"]
    return Card(
        scored=len(scores),
        bands=_band_counts(task, scores["band"]),
        entered=None if first_time(scores) else int(entered(section).sum()),
        expected_positives=float(scores["probability"].sum()),
        expected_total="" if expected.isna().all() else amount(expected.sum(), currency),
    )


def _band_counts(task: TaskConfig, bands: pd.Series) -> list[BandCount]:
    counts, tones, total = bands.value_counts(), Tones(task), max(len(bands), 1)
    return [
        BandCount(b, tones[b.name], n := int(counts.get(b.name, 0)), n / total) for b in task.bands
    ]
