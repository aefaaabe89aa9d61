"""When a task is to be trained again: it aged, much came true since, or the world moved.

Everything is judged from what was noted before the run's date, so that a date that is run twice
is judged the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from salesml.config import TaskConfig, Words
from salesml.drift import SCORES, Reference, Shift
from salesml.features import load_feature_sets
from salesml.history import failed_attempts
from salesml.learning import dates_known
from salesml.run import Run
from salesml.scoring import ScoreBook

if TYPE_CHECKING:
    from salesml.registry import Version

__all__ = ["drift_words", "next_training", "reasons_to_train", "shifts"]

SHOWN = 3  # features named


def reasons_to_train(run: Run, champion: Version) -> list[Words]:
    """Why the task of *champion* is to be trained again now; empty where it is not."""
    return _Judge(run, champion).due()


def next_training(run: Run, champion: Version) -> dt.date | None:
    """When the task of *champion* will be due by age; None where age does not make it due.

    A date that is past means that there is nothing new to learn from yet.
    """
    judge = _Judge(run, champion)
    days = judge.rules.after
    if not days:
        return None
    pause = dt.timedelta(days=judge.rules.pause)
    return max(judge.newest.as_of + dt.timedelta(days=days), judge.tried + pause)


class _Judge:
    """What is known, on the run's date, of a task that has a champion."""

    def __init__(self, run: Run, champion: Version) -> None:
        self.run, self.champion = run, champion
        self.task: TaskConfig = run.project.task(champion.task)
        self.rules = self.task.retrain
        past = [v for v in run.registry.versions(champion.task) if v.as_of <= run.as_of]
        self.newest = past[0]
        failed = failed_attempts(run.audit.read().entries, champion.task)
        self.tried = max([self.newest.as_of, *(date for date in failed if date <= run.as_of)])

    def due(self) -> list[Words]:
        rules, waited = self.rules, (self.run.as_of - self.tried).days
        asked = rules.after or rules.new_labels or rules.drift
        if not asked or waited < rules.pause:
            return []
        dates = self._new_dates()
        # without a new date training would learn from the same rows once more
        return [*self._age(), *self._labels(dates), *self._drift()] if dates else []

    def _new_dates(self) -> list[dt.date]:
        windows = self.newest.windows
        learnt = max(windows["train_to"], windows["test_to"])
        return [date for date in dates_known(self.run, self.task) if str(date) > learnt]

    def _age(self) -> Iterator[Words]:
        """Counted from the newest version, whatever the gate said of it."""
        if self.rules.after and (self.run.as_of - self.newest.as_of).days >= self.rules.after:
            age = (self.run.as_of - self.champion.as_of).days
            yield Words(ja=f"モデルの学習から{age}日", en=f"champion {age} days old")

    def _labels(self, dates: list[dt.date]) -> Iterator[Words]:
        noted = self.newest.note("reference")
        if not noted or not self.rules.new_labels:
            return
        rows = len(dates) * noted["rows_a_date"]
        share = rows / noted["rows"]
        if share >= self.rules.new_labels:
            yield Words(
                ja=f"結果の判明したデータが約{rows:,.0f}行（{share:.0%}）増加",
                en=f"about {rows:,.0f} rows ({share:.0%}) more whose outcome is known",
            )

    def _drift(self) -> Iterator[Words]:
        """Judged from the last night before: tonight's is known only once it is scored."""
        book = ScoreBook(self.run.project, self.task.name)
        past = [date for date in book.dates() if date < self.run.as_of]
        if past:
            yield from drift_words(
                self.run, self.task, shifts(self.champion, self.task, book.meta(past[-1]))
            )


def shifts(champion: Version, task: TaskConfig, meta: Mapping[str, Any]) -> list[Shift]:
    """What had shifted on a night, by what the scores' note *meta* says.

    Empty where another model scored, or where nothing was noted to compare with.
    """
    noted, found = champion.note("reference"), meta.get("drift")
    limit = task.retrain.drift
    if not (noted and found and limit) or meta["model_version"] != str(champion.version):
        return []
    return Reference.from_json(noted["gauges"]).shifts(found["indices"], found["rows"], limit)


def drift_words(run: Run, task: TaskConfig, shifted: list[Shift]) -> list[Words]:
    """*shifted* in words, the furthest first; empty where nothing has."""
    if not shifted:
        return []
    named = [_named(run, task, shift) for shift in shifted[:SHOWN]]
    more = len(shifted) - len(named)
    ja, en = "、".join(words.ja for words in named), ", ".join(words.en for words in named)
    return [
        Words(
            ja=f"学習時から分布が変化：{ja}" + (f" ほか{more}項目" if more else ""),
            en=f"shifted since training: {en}" + (f" and {more} more" if more else ""),
        )
    ]


def _named(run: Run, task: TaskConfig, shift: Shift) -> Words:
    """A column by its concept and its name."""
    if shift.name == SCORES:
        return Words(ja=f"スコア（PSI {shift.index:.2f}）", en=f"scores (PSI {shift.index:.2f})")
    detail = f"{shift.name}, PSI {shift.index:.2f}"
    for feature_set in load_feature_sets(run.project.features, task.entity, task.features):
        if shift.name in feature_set.features:
            concept = feature_set.file.concepts[feature_set.features[shift.name].concept]
            return Words(ja=f"{concept.ja}（{detail}）", en=f"{concept.en} ({detail})")
    return Words(ja=detail, en=detail)
