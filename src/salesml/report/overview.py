"""What a manager looks at first: one card a task."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from salesml.config import Band, TaskConfig
from salesml.report.formats import Shown, amount, shown, signed
from salesml.report.section import TaskSection, Tones

__all__ = ["BandCount", "Card", "Move", "card"]

MOVES = 3  # each way


@dataclass(frozen=True)
class BandCount:
    """How many were scored into a band."""

    band: Band
    tone: int
    count: int
    share: float


@dataclass(frozen=True)
class Move:
    """One entity whose score moved."""

    name: Shown
    change: int
    signed: str
    score: int


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
    rises: list[Move]
    falls: list[Move]


def card(section: TaskSection, currency: str) -> Card:
    """The card of *section*, amounts in *currency*."""
    scores, task = section.scores, section.task
    if scores.empty:
        return Card(0, _band_counts(task, pd.Series(dtype=str)), None, 0.0, "", [], [])
    expected = scores["expected_value"]
    return Card(
        scored=len(scores),
        bands=_band_counts(task, scores["band"]),
        entered=_entered(section),
        expected_positives=float(scores["probability"].sum()),
        expected_total="" if expected.isna().all() else amount(expected.sum(), currency),
        rises=_moves(section, up=True),
        falls=_moves(section, up=False),
    )


def _band_counts(task: TaskConfig, bands: pd.Series) -> list[BandCount]:
    counts, tones, total = bands.value_counts(), Tones(task), max(len(bands), 1)
    return [
        BandCount(b, tones[b.name], n := int(counts.get(b.name, 0)), n / total) for b in task.bands
    ]


def _entered(section: TaskSection) -> int | None:
    """How many came into the top band: from a lower one, or scored for the first time."""
    scores, top = section.scores, section.task.bands[0]
    if scores["change"].isna().all():
        return None
    before = (scores["score"] - scores["change"]).astype(float)
    inside = (before >= top.start).fillna(False)
    return int(((scores["band"] == top.name) & ~inside).sum())


def _moves(section: TaskSection, *, up: bool) -> list[Move]:
    scores = section.scores
    change = scores["change"].astype(float)
    moved = scores[change > 0 if up else change < 0]
    largest = moved.sort_values("change", ascending=not up, kind="stable").head(MOVES)
    return [_move(row, section.task.id_column) for _, row in largest.iterrows()]


def _move(row: pd.Series, id_column: str) -> Move:
    change = int(row["change"])
    name = shown(row.get("name"), limit=40)
    shown_name = name if name.text else shown(row[id_column], limit=40)
    return Move(shown_name, change, signed(change), int(row["score"]))
