"""The first rows of a task's list, as the page shows them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesml.config import Band, TaskConfig, Words
from salesml.report.formats import Shown, amount, clean, missing, percent, short_day, shown, signed
from salesml.report.section import Tones
from salesml.report.words import phrase

__all__ = ["Change", "Reason", "Row", "ScoreList", "changes_of", "row_of", "score_list", "top"]

BRIEF = 3  # reasons shown before a row is opened


@dataclass(frozen=True)
class Reason:
    """One reason; ``width`` is its bar, percent of the row's strongest.

    ``peers`` compares with others like it; ``help`` is what the score would move by, if this fact
    were as it is with them.
    """

    points: int
    signed: str
    words: Words
    width: int
    peers: Words | None = None
    help: str = ""


@dataclass(frozen=True)
class Change:
    """A part of a score's change: a ``fact``, the ``model``, or a ``correction`` of the past."""

    kind: str
    points: int
    signed: str
    words: Words


@dataclass(frozen=True)
class Row:
    """One entity; ``change`` is None where it was never scored before. ``key`` is its whole id.

    ``next`` says what is to be done, by whom and until when, where the record does.
    """

    rank: int
    key: str
    id: Shown
    name: Shown
    score: int
    band: Band
    tone: int
    change: int | None
    probability: float
    expected: float | None
    shown_change: str
    shown_probability: str
    shown_expected: str
    owner: Shown
    segment: Shown
    reasons: list[Reason]
    changes: list[Change]
    next: Words | None = None

    @property
    def brief(self) -> list[Reason]:
        """The strongest reasons."""
        return self.reasons[:BRIEF]

    @property
    def raising(self) -> list[Reason]:
        """Reasons that raise the score."""
        return [reason for reason in self.reasons if reason.points > 0]

    @property
    def lowering(self) -> list[Reason]:
        """Reasons that lower the score."""
        return [reason for reason in self.reasons if reason.points < 0]


@dataclass(frozen=True)
class ScoreList:
    """The first rows of a task, how many there are in all, and which columns hold anything."""

    rows: list[Row]
    total: int
    compared: bool
    columns: list[str]


def score_list(task: TaskConfig, scores: pd.DataFrame, currency: str, limit: int) -> ScoreList:
    """The *limit* highest of *scores*, amounts in *currency*."""
    if scores.empty:
        return ScoreList([], 0, False, [])
    records = top(scores, limit).to_dict("records")
    rows = [row_of(task, record, currency, rank) for rank, record in enumerate(records, 1)]
    compared = bool(scores["change"].notna().any())
    return ScoreList(rows, len(scores), compared, _columns(task, scores, compared))


def top(scores: pd.DataFrame, limit: int) -> pd.DataFrame:
    """The *limit* highest of *scores*, highest first."""
    order = ["score", "probability"]
    return scores.sort_values(order, ascending=False, kind="stable").head(limit)


def _columns(task: TaskConfig, scores: pd.DataFrame, compared: bool) -> list[str]:
    """Columns of the list; those that would be empty are left out."""
    kind = task.outcome_is
    optional = {"expected_value": f"expected_{kind}", "owner": "owner", "segment": "segment"}
    filled = [w for name, w in optional.items() if name in scores and scores[name].notna().any()]
    change = ["change"] if compared else []
    return ["rank", "name", "score", "band", *change, "probability", *filled, "reasons"]


def row_of(task: TaskConfig, record: Mapping[Hashable, Any], currency: str, rank: int = 1) -> Row:
    """One row of scores, a *record* by column name, as readers see it."""
    tones, score = Tones(task), int(record["score"])
    band = tones.band(score)
    change = None if missing(record["change"]) else int(record["change"])
    expected = None if missing(record["expected_value"]) else float(record["expected_value"])
    name, id_ = shown(record.get("name")), shown(record[task.id_column], limit=40)
    return Row(
        rank=rank,
        key=str(record[task.id_column]),
        id=id_,
        name=name if name.text else id_,
        score=score,
        band=band,
        tone=tones[band.name],
        change=change,
        probability=float(record["probability"]),
        expected=expected,
        shown_change="" if change is None else signed(change),
        shown_probability=percent(record["probability"]),
        shown_expected=amount(expected, currency),
        owner=shown(record.get("owner"), limit=20),
        segment=shown(record.get("segment"), limit=16),
        reasons=_reasons(record["reasons"]),
        changes=changes_of(record),
        next=_next(record),
    )


def _next(record: Mapping[Hashable, Any]) -> Words | None:
    if missing(record.get("next_action")):
        return None
    due, by = record["next_action_due"], clean(record["next_action_by"])
    day = phrase("open_ended") if missing(due) else phrase("next_until", points=short_day(due))
    ja, en = (
        _words(" · ".join(filter(None, (f"→ {record[f'next_action_{language}']}", when, by))))
        for language, when in (("ja", day.ja), ("en", day.en))
    )
    return Words(ja=ja, en=en)


def changes_of(record: Mapping[Hashable, Any]) -> list[Change]:
    """Why the score of *record* moved; empty where that is not told."""
    told = record.get("changes")
    return [
        Change(each["kind"], int(each["points"]), signed(int(each["points"])), words)
        for each in (told if isinstance(told, list) else [])
        if (words := _both(each, "text")) is not None
    ]


def _reasons(told: list[dict[str, Any]]) -> list[Reason]:
    strongest = max((abs(r["points"]) for r in told), default=1)
    return [
        Reason(
            points=int(reason["points"]),
            signed=signed(int(reason["points"])),
            words=Words(ja=_words(reason["text_ja"]), en=_words(reason["text_en"])),
            width=max(round(100 * abs(reason["points"]) / strongest), 1),
            peers=_both(reason, "peers"),
            help=signed(int(reason["help"])) if reason.get("help") else "",
        )
        for reason in told
        if reason["points"]
    ]


def _both(told: Mapping[str, Any], name: str) -> Words | None:
    ja, en = told.get(f"{name}_ja"), told.get(f"{name}_en")
    return None if missing(ja) or missing(en) else Words(ja=_words(ja), en=_words(en))


def _words(text: object) -> str:
    return shown(clean(text), limit=120).text
