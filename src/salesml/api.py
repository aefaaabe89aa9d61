"""One call a command: what the command line does, from Python in one line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from salesml.check import check
from salesml.config import load_project
from salesml.errors import ConfigError, ModelError, suggest
from salesml.export import ExportResult
from salesml.learning import Trained, train_task
from salesml.pipeline import nightly, read_sources, write_back_scores
from salesml.run import Tell, open_run
from salesml.sample import make_sample
from salesml.scoring import ScoreBook

if TYPE_CHECKING:
    from salesml.registry import Version

__all__ = [
    "check",
    "explain",
    "export",
    "make_sample",
    "nightly",
    "rollback",
    "scores",
    "train",
]


def train(
    project: str,
    task: str,
    *,
    as_of: dt.date | None = None,
    root: Path | str = ".",
    now: dt.datetime | None = None,
    tell: Tell = lambda _: None,
) -> Trained:
    """Read the sources and train *task* as of a date; the gate decides whether it is champion."""
    with open_run(project, as_of, root=root, now=now, tell=tell) as run:
        run.project.task(task)
        read_sources(run)
        return train_task(run, task)


def scores(
    project: str,
    task: str,
    *,
    as_of: dt.date | None = None,
    entity: str | None = None,
    root: Path | str = ".",
) -> pd.DataFrame:
    """The scores of *task*, of the newest date or of *as_of*; of one *entity* where named.

    One row an entity, highest score first: ``<entity>_id, as_of, run_id, model_version,
    probability, score, band, change, expected_value`` and ``reasons``, a list of
    ``{concept, points, text_ja, text_en}``. Raises ModelError where there are none.
    """
    loaded = load_project(project, root)
    config = loaded.task(task)
    book = ScoreBook(loaded, task)
    frame = book.read(as_of or newest(book))
    if entity is None:
        return frame
    found = frame[frame[config.id_column] == entity]
    if found.empty:
        raise ModelError(
            f"{config.entity} '{entity}' was not scored by {task}."
            f"{suggest(entity, frame[config.id_column])}",
            received=f"{len(frame):,} scored on {frame['as_of'].iloc[0]}" if len(frame) else "none",
            where=str(book.root),
            fix="Check the id, or whether the population of the task holds it.",
        )
    return found.reset_index(drop=True)


def newest(book: ScoreBook) -> dt.date:
    """The newest date with scores; raises ModelError where there is none."""
    dates = book.dates()
    if not dates:
        raise ModelError(
            "Nothing was scored yet.", where=str(book.root), fix="Run `salesml nightly` first."
        )
    return dates[-1]


def explain(
    project: str,
    task: str,
    entity: str,
    *,
    as_of: dt.date | None = None,
    root: Path | str = ".",
) -> pd.Series:
    """The score of one entity with all its reasons, as a row of `scores`."""
    return scores(project, task, as_of=as_of, entity=entity, root=root).iloc[0]


def export(
    project: str,
    *,
    as_of: dt.date | None = None,
    dry_run: bool = False,
    root: Path | str = ".",
    now: dt.datetime | None = None,
    tell: Tell = lambda _: None,
) -> list[ExportResult]:
    """Write the scores of a date (the newest by default) back, only what changed."""
    loaded = load_project(project, root)
    if not loaded.targets:
        raise ConfigError(
            f"Project {project} says nowhere to write to.",
            where=str(loaded.root / "configs" / project / "export.yml"),
            fix="Add a target.",
        )
    tasks = {target.task for target in loaded.targets.values()}
    date = as_of or max(newest(ScoreBook(loaded, task)) for task in tasks)
    with open_run(project, date, root=root, now=now, tell=tell) as run:
        return write_back_scores(run, dry_run=dry_run)


def rollback(
    project: str, task: str, *, root: Path | str = ".", now: dt.datetime | None = None
) -> tuple[Version, Version]:
    """Take the champion of *task* back; returns it and the one that is champion again."""
    with open_run(project, root=root, now=now) as run:
        run.project.task(task)
        return run.registry.rollback(task)
