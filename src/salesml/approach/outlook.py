"""One model's view per budget stage: what it would say if asked at the start of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from salesml.approach.facts import ID, Lists
from salesml.approach.stages import Stage
from salesml.config import Project, TaskConfig, Words
from salesml.engine import literal
from salesml.explanation import scores
from salesml.features import FeatureSet, compute_set, load_feature_sets, with_links
from salesml.labels import panel_dates, population
from salesml.municipal.budget_year import stage_on
from salesml.municipal.settings import MunicipalConfig
from salesml.scoring import store_of
from salesml.store import Store

if TYPE_CHECKING:
    from salesml.training import PropensityModel

__all__ = ["gaps", "stage_views", "stages_learnt"]


def stages_learnt(
    settings: MunicipalConfig, task: TaskConfig, windows: Mapping[str, str]
) -> set[str]:
    """The stages on which a model of *task* was asked while it learnt or was tested.

    *windows* are those of its version. Where the days of events made its panel, none can be named.
    """
    if task.anchor is not None:
        return set()
    first, last = (dt.date.fromisoformat(windows[name]) for name in ("train_from", "test_to"))
    day, horizon = dt.timedelta(days=1), dt.timedelta(days=task.horizon)
    dates = panel_dates(task, first - day, last + horizon, settings.fiscal_year_starts)
    return {stage_on(settings, date).name for date in dates}


def gaps(stages: Sequence[Stage], learnt: Collection[str]) -> Words | None:
    """Which of *stages*, the present one first, have no view of the model; None where all have."""
    known = [stage for stage in stages[1:] if stage.name in learnt]
    unknown = [stage for stage in stages[1:] if stage.name not in learnt]
    if not known:
        return Words(
            ja="モデルが予算段階をまたぐ基準日から学習していないため、段階別のスコアはありません"
            "（タスクを every: month にすると出せます）。",
            en="No score per budget stage: the model did not learn from dates of several stages "
            "(`every: month` in the task would let it).",
        )
    if not unknown:
        return None
    ja, en = (", ".join(getattr(stage, name) for stage in unknown) for name in ("ja", "en"))
    return Words(
        ja=f"モデルが学習した基準日にない段階のスコアはありません：{ja}",
        en=f"No score for stages in which no date of the model's panel lies: {en}.",
    )


def stage_views(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    task: TaskConfig,
    model: PropensityModel,
    stages: Sequence[Stage],
    as_of: dt.date,
) -> Lists:
    """By municipality ``{stage, ja, en, on, probability, score}`` of each of *stages*, in order.

    Each is asked about on the first day of the stage (the present one on *as_of*), with what was
    known before *as_of*. Only what hangs on the date and on states (the budget calendar, windows of
    subsidies) moves on: what happened stays as fresh as it is, or a later stage would look worse
    for the contacts that nobody can have had yet.
    """
    asked = population(con, project, store_of(project), task, as_of)
    if asked.empty:
        return {}
    dates = {max(stage.starts_on, as_of): stage for stage in stages}
    spine = pd.concat([asked.assign(as_of=date) for date in dates], ignore_index=True)
    seen = _KnownStore(project, as_of)
    sets = load_feature_sets(project.features, task.entity, task.features)
    values = []
    for each in sets:
        if _moves_on(project, each):
            values.append(compute_set(con, project, seen, each, with_links(spine, each)))
        else:
            now = compute_set(con, project, seen, each, with_links(asked, each))
            values.append(pd.concat([now] * len(dates), ignore_index=True))
    return _told(spine, pd.concat(values, axis=1), model, dates)


def _moves_on(project: Project, feature_set: FeatureSet) -> bool:
    """Whether *feature_set* reads no events, so that another date alone changes what it says."""
    return all(project.sources[read.source].kind == "state" for read in feature_set.reads.values())


def _told(
    spine: pd.DataFrame, features: pd.DataFrame, model: PropensityModel, dates: dict[dt.date, Stage]
) -> Lists:
    probability = model.predict_proba(features)[:, 1]
    margin = model.margin(features)
    score = scores(margin, average=model.expected_value_, slope=model.score_slope_)
    found: Lists = {}
    for code, date, chance, points in zip(
        spine[ID], spine["as_of"], probability, score, strict=True
    ):
        stage = dates[date]
        entry: dict[str, Any] = {"stage": stage.name, "ja": stage.ja, "en": stage.en, "on": date}
        found.setdefault(str(code), []).append(
            {**entry, "probability": float(chance), "score": int(points)}
        )
    return found


class _KnownStore(Store):
    """The store as it was known before a date: of what came since, nothing is seen."""

    def __init__(self, project: Project, as_of: dt.date) -> None:
        super().__init__(store_of(project).root, project.settings.buckets)
        self._cut = literal(project.instant(as_of))

    def relation(self, table: str, bucket: str | None = None) -> str:
        rows = super().relation(table, bucket)
        return f"(select * from {rows} where known_at < timestamp {self._cut})"
