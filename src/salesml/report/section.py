"""What the report tells of one task."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from salesml.config import Band, TaskConfig, Words
from salesml.report.municipal import Municipal

__all__ = ["TaskSection", "Tones", "Upkeep"]

TONES = 5


@dataclass(frozen=True)
class Upkeep:
    """How old the model that scored is, and what was and will be done about it.

    Parameters
    ----------
    as_of, age : the date it was trained for, and how many days ago that was.
    next_training : when it will be trained again at the latest; None where nobody said when, and a
        date before *today* where there is nothing new to learn from yet.
    retrained, failed : what became of training again in this run, and whether that failed.
    drift : what has shifted since training.
    """

    as_of: dt.date
    age: int
    next_training: dt.date | None
    today: dt.date
    retrained: Words | None = None
    failed: bool = False
    drift: Sequence[Words] = ()


@dataclass(frozen=True)
class TaskSection:
    """One task of a run, as the report needs it.

    Parameters
    ----------
    scores : one row an entity, as `ScoreBook.read` returns it; may be empty.
    version, trained : the model that scored, and whether this run trained it.
    beats_base_rate, verdict : whether it is better than knowing nothing, and the words for it.
    metrics : value, low and high end of the 95 % interval by name.
    calibration : columns ``probability`` (mean), ``observed`` (share) and ``rows``, one row a bin;
        ``low`` and ``high`` (95 % interval of ``observed``) where known.
    unseen : how many categories never seen in training each feature had.
    windows : ``train_from``, ``train_to``, ``test_from``, ``test_to``.
    upkeep : the age of the model, where it is known.
    warnings : what training warned of.
    card : address of the model's card, as seen from the report; empty where there is none.
    predictions : of the model's test: ``as_of``, ``y``, ``probability``, ``amount`` if known.
    events : what happened to listed entities: ``<entity>_id``, ``happened_at`` (date), ``ja``,
        ``en``, newest first.
    history : earlier scores of listed entities by id: dates and scores, oldest first.
    municipal : the budget year and how to approach whom, where municipalities are scored.
    """

    task: TaskConfig
    scores: pd.DataFrame
    version: str
    trained: bool
    beats_base_rate: bool
    verdict: Words
    metrics: Mapping[str, tuple[float, float, float]]
    calibration: pd.DataFrame | None
    unseen: Mapping[str, int]
    windows: Mapping[str, str]
    upkeep: Upkeep | None = None
    warnings: Sequence[Words] = ()
    card: str = ""
    predictions: pd.DataFrame | None = None
    events: pd.DataFrame | None = None
    history: Mapping[str, Sequence[tuple[dt.date, int]]] = field(default_factory=dict)
    municipal: Municipal | None = None


class Tones:
    """The shade of each band of a task: 0 for the highest scores, 4 for the lowest."""

    def __init__(self, task: TaskConfig) -> None:
        self._bands = task.bands
        last = max(len(task.bands) - 1, 1)
        self._tones = {b.name: round(i * (TONES - 1) / last) for i, b in enumerate(task.bands)}

    def __getitem__(self, band: str) -> int:
        return self._tones.get(band, TONES - 1)

    def band(self, score: float) -> Band:
        """The band of *score*."""
        return next((b for b in self._bands if score >= b.start), self._bands[-1])
