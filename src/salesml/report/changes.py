"""What changed since the last run: who came into the top band, who moved most, and why."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesml.config import Band, TaskConfig
from salesml.report.formats import WHOLE, Shown, shown, signed
from salesml.report.rows import Change, changes_of
from salesml.report.section import TaskSection, Tones

__all__ = ["Changes", "Move", "changes", "entered", "first_time"]

ENTERED, MOVES = 10, 5


@dataclass(frozen=True)
class Move:
    """One entity whose score moved, or that was scored for the first time (``before`` is None)."""

    key: object
    id: str
    name: Shown
    owner: Shown
    before: int | None
    score: int
    signed: str
    band: Band
    tone: int
    why: list[Change]

    @property
    def up(self) -> bool:
        """Whether the score rose."""
        return self.before is None or self.score > self.before


@dataclass(frozen=True)
class Changes:
    """The first of those new in the top band of all ``new``, and the largest moves each way."""

    entered: list[Move]
    new: int
    rises: list[Move]
    falls: list[Move]

    @property
    def keys(self) -> set[object]:
        """Ids of all that are named."""
        return {move.key for move in (*self.entered, *self.rises, *self.falls)}


def first_time(scores: pd.DataFrame) -> bool:
    """Whether nobody was scored before."""
    return bool(scores["change"].isna().all())


def changes(section: TaskSection) -> Changes | None:
    """What moved in *section*; None where nobody was scored before."""
    scores, task = section.scores, section.task
    if first_time(scores):
        return None
    new = scores[entered(section)]
    others = scores.drop(index=new.index)
    return Changes(
        entered=_moves(task, new.head(ENTERED)),
        new=len(new),
        rises=_moves(task, _largest(others, up=True)),
        falls=_moves(task, _largest(others, up=False)),
    )


def entered(section: TaskSection) -> pd.Series:
    """Which rows came into the top band: from a lower one, or scored for the first time."""
    scores, top = section.scores, section.task.bands[0]
    before = scores["score"].astype(float) - scores["change"].astype("Float64")
    return (scores["band"] == top.name) & ~(before >= top.start).fillna(False).astype(bool)


def _largest(scores: pd.DataFrame, *, up: bool) -> pd.DataFrame:
    change = scores["change"].astype(float)
    moved = scores[change > 0 if up else change < 0]
    return moved.sort_values("change", ascending=not up, kind="stable").head(MOVES)


def _moves(task: TaskConfig, scores: pd.DataFrame) -> list[Move]:
    return [_move(task, record) for record in scores.to_dict("records")]


def _move(task: TaskConfig, record: Mapping[Hashable, Any]) -> Move:
    change, score = record["change"], int(record["score"])
    known = not pd.isna(change)
    tones = Tones(task)
    band = tones.band(score)
    name, id_ = shown(record.get("name"), limit=40), shown(record[task.id_column], limit=40)
    return Move(
        key=record[task.id_column],
        id=shown(record[task.id_column], limit=WHOLE).text,
        name=name if name.text else id_,
        owner=shown(record.get("owner"), limit=20),
        before=score - int(change) if known else None,
        score=score,
        signed=signed(int(change)) if known else "",
        band=band,
        tone=tones[band.name],
        why=changes_of(record),
    )
