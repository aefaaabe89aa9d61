"""The situation of entities on a date: what is allowed, what is forbidden, what has come true."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, fields, replace

import pandas as pd

from salesml.actions.rules.asked import Asked, frames_of, rows_of
from salesml.actions.rules.conditions import Conditions, conditions_of
from salesml.actions.rules.tables import Tables
from salesml.config import ActionsConfig, Project, TaskConfig
from salesml.features import FeatureSet
from salesml.scoring import BucketJob, buckets_of

__all__ = ["Situation", "merge", "situation", "situations"]

Masks = dict[tuple[str, ...], pd.Series]
_FAILED = ["kind", "id", "why"]


@dataclass(frozen=True)
class Situation:
    """What holds for the entities of one kind on a date.

    ``rows`` has a row an entity: ``entity_id``, ``name``, ``owner``, ``owner_id``, ``segment``,
    ``amount``, and for each task ``<task>.probability``, ``.score``, ``.band``, ``.change``,
    ``.reasons`` (missing where the task does not ask about the entity). ``allowed`` has
    ``entity_id`` and ``action`` where the action makes sense and nothing forbids it; ``blocked``
    those that make sense, with each ``block`` that forbids it; ``true`` has ``entity_id`` and
    ``play`` where the trigger of the play holds. ``failed`` has ``kind`` (action, block, play),
    ``id`` and ``why`` of those whose condition could not be used: the action is allowed to nobody,
    the play true of nobody, and the block forbids.
    """

    entity: str
    rows: pd.DataFrame
    allowed: pd.DataFrame
    blocked: pd.DataFrame
    true: pd.DataFrame
    failed: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_FAILED, dtype="str"))

    def failing(self, kind: str) -> set[str]:
        """Those of *kind* whose condition could not be used."""
        return set(self.failed.loc[self.failed["kind"] == kind, "id"])

    @property
    def sensible(self) -> pd.DataFrame:
        """``entity_id`` and ``action`` where the action makes sense, forbidden or not."""
        both = [self.allowed, self.blocked[["entity_id", "action"]].drop_duplicates()]
        return pd.concat(both, ignore_index=True)


def situations(
    project: Project, as_of: dt.date, pool: Executor, tasks: Collection[str]
) -> dict[str, Situation]:
    """The situations on *as_of*, by entity.

    Of those entities all of whose tasks are among *tasks*, the ones that have scores of that date.
    A condition that does not run is set aside; raises ConfigError where no condition could.
    """
    found: dict[str, Situation] = {}
    for entity in project.catalogue.entities:
        about = [task for task in project.tasks.values() if task.entity == entity]
        if {task.name for task in about} <= set(tasks):
            jobs = [_jobs(project, about, bucket) for bucket in buckets_of(project)]
            found[entity] = merge(list(pool.map(situation, jobs, [as_of] * len(jobs))))
    return found


def _jobs(project: Project, tasks: Iterable[TaskConfig], bucket: str) -> tuple[BucketJob, ...]:
    """*bucket* of each of *tasks*, with the feature sets that conditions use beside."""
    return tuple(
        BucketJob(project.name, project.root, task.name, bucket, tuple(project.sets_of(task)))
        for task in tasks
    )


def merge(parts: Sequence[Situation]) -> Situation:
    """The situations of several buckets as one; what failed in any of them holds in none."""
    frames = {
        each.name: pd.concat([getattr(part, each.name) for part in parts], ignore_index=True)
        for each in fields(Situation)
        if each.name != "entity"
    }
    merged = Situation(parts[0].entity, **frames)
    return replace(
        merged,
        allowed=_without(merged.allowed, "action", merged.failing("action")),
        blocked=_without(merged.blocked, "action", merged.failing("action")),
        true=_without(merged.true, "play", merged.failing("play")),
        failed=merged.failed.drop_duplicates(["kind", "id"], ignore_index=True),
    )


def _without(frame: pd.DataFrame, column: str, names: set[str]) -> pd.DataFrame:
    return frame[~frame[column].isin(names)].reset_index(drop=True)


def situation(jobs: Sequence[BucketJob], as_of: dt.date) -> Situation:
    """The situation in one bucket, *jobs* being that bucket of every task about the entity."""
    asked = [Asked.by(job, as_of) for job in jobs]
    first, task = asked[0], asked[0].task
    tables = Tables.of([(each.task, each.types) for each in asked], _sets(asked))
    tables.create(first.con, frames_of(asked, as_of))
    config = first.project.catalogue
    conditions = Conditions(
        first.con,
        first.project,
        first.store,
        tables,
        conditions_of(config, task.entity),
        task.bucket_column,
    )
    conditions.bind(as_of, jobs[0].bucket)
    told = _situation(config, task.entity, rows_of(asked), conditions.truths())
    failed = [
        (*name.split(".", 1), f"{error.what} ({error.where})")
        for name, error in conditions.failed.items()
    ]
    return replace(told, failed=pd.DataFrame(failed, columns=_FAILED, dtype="str"))


def _sets(asked: Iterable[Asked]) -> list[FeatureSet]:
    return list({each.name: each for one in asked for each in one.sets}.values())


def _situation(
    config: ActionsConfig, entity: str, rows: pd.DataFrame, truths: pd.DataFrame
) -> Situation:
    """What the *truths* of conditions, one row each of *rows*, come to."""
    allowed: Masks = {}
    blocked: Masks = {}
    for action in config.actions_of(entity):
        # an action betters the outcome of a task, so it is for those whom the task asks about
        sensible = truths[f"action.{action.id}"] & rows[f"{action.task}.probability"].notna()
        blocks = [each.id for each in config.blocks_of(entity) if each.forbids(action)]
        forbidden: Masks = {
            (action.id, block): sensible & truths[f"block.{block}"] for block in blocks
        }
        blocked |= forbidden
        allowed[(action.id,)] = sensible & ~pd.DataFrame(forbidden, index=rows.index).any(axis=1)
    true: Masks = {(play.id,): truths[f"play.{play.id}"] for play in config.plays_of(entity)}
    ids = rows["entity_id"]
    return Situation(
        entity,
        rows,
        _listed(ids, allowed, ["action"]),
        _listed(ids, blocked, ["action", "block"]),
        _listed(ids, true, ["play"]),
    )


def _listed(ids: pd.Series, masks: Masks, names: Sequence[str]) -> pd.DataFrame:
    """A row for each of *ids* and each key of *masks*, columns *names*, where the mask is true."""
    parts = [
        pd.DataFrame({"entity_id": ids[mask], **dict(zip(names, key, strict=True))})
        for key, mask in masks.items()
    ]
    columns = ["entity_id", *names]
    return pd.concat([pd.DataFrame(columns=columns, dtype="str"), *parts], ignore_index=True)
