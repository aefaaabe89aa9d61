"""What has been learnt of actions by a date, and what that says of tonight's entities."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from salesml.actions.learning.comparison import (
    FEWEST_ROWS,
    FEWEST_TRIED,
    Comparison,
    compare,
    designs,
)
from salesml.actions.learning.evidence import TOLD, evidence, in_points
from salesml.actions.learning.panel import features_of, panel_of
from salesml.actions.learning.trials import Trials, trials_of
from salesml.config import Project, TaskConfig, Words
from salesml.engine import connect
from salesml.errors import ModelError, SalesmlError
from salesml.features import load_feature_sets
from salesml.scoring import BucketJob, buckets_of, store_of
from salesml.store import Store

__all__ = ["Learnt", "comparisons_of", "learn", "tasks_with_actions"]

EFFECTS = ["entity_id", "action", "effect", "low", "high", *TOLD]
REFIT_DAYS, REFIT_SHARE = 7, 0.1  # learnt again after so long, or once so many more rows are there
KEPT = 8  # comparisons of a name that are kept
LEAST_KNOWN = 0.5  # share of rows with a known probability from which the others are left out

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Learnt:
    """The comparisons of each task that count on a date, by folder, and what is to be told."""

    project: Project
    as_of: dt.date
    folders: dict[str, list[Path]]
    notes: list[Words]

    def of(self, entity: str, pool: Executor | None = None) -> pd.DataFrame:
        """Effects for everybody of *entity* whom a task asks about on the date.

        Columns: entity_id, action, effect (change of the probability of the task's good outcome),
        low, high (95 %), without (that probability of like cases without the action), evidence_ja,
        evidence_en. Actions that were not tried enough are not there.
        """
        tasks = [n for n in self.folders if self.project.task(n).entity == entity]
        parts = [part for name in tasks for part in self._of_task(name, pool)]
        found = [part for part in parts if len(part)]
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=EFFECTS)

    def _of_task(self, name: str, pool: Executor | None) -> Iterable[pd.DataFrame]:
        project, folders = self.project, self.folders[name]
        if not folders:
            return []
        jobs = [BucketJob(project.name, project.root, name, b) for b in buckets_of(project)]
        same = [self.as_of] * len(jobs), [folders] * len(jobs)
        return list((pool.map if pool else map)(effects_in_bucket, jobs, *same))


def effects_in_bucket(job: BucketJob, as_of: dt.date, folders: Sequence[Path]) -> pd.DataFrame:
    """The effects, as of `Learnt.of`, for those of one bucket whom its task asks about."""
    bucket = job.open()
    spine = bucket.population(as_of)
    if spine.empty:
        return pd.DataFrame(columns=EFFECTS)
    X = bucket.features(spine)
    parts = [_effects(Comparison.load(folder), bucket.task, spine, X) for folder in folders]
    return pd.concat(parts, ignore_index=True)


def _effects(
    comparison: Comparison, task: TaskConfig, spine: pd.DataFrame, X: pd.DataFrame
) -> pd.DataFrame:
    plain = spine["segment"] if "segment" in spine else pd.Series(None, spine.index)
    segments = plain.astype(object).where(plain.notna(), None).to_numpy(object)
    found = comparison.effects(X, segments.tolist())
    places = found["row"].to_numpy()
    found["entity_id"] = spine[task.id_column].to_numpy(object)[places]
    told = evidence(comparison, task, found, segments[places].tolist())
    return pd.concat([found, told], axis=1)[EFFECTS]


def tasks_with_actions(project: Project) -> list[TaskConfig]:
    """The tasks whose outcome some action is to better."""
    names = dict.fromkeys(action.task for action in project.catalogue.actions.values())
    return [project.task(name) for name in names]


def learn(project: Project, as_of: dt.date, tell: Tell | None = None) -> Learnt:
    """Learn the effects of actions from all trials whose outcome is known before *as_of*.

    What was learnt before counts on until a tenth more rows are there, or for a week. Nothing that
    is wrong with the trials of a task keeps the others from being learnt: it is told.
    """
    store, notes, folders = store_of(project), [], {}
    with connect() as con:
        trials = trials_of(con, project, store, as_of)
        notes += trials.notes
        for task in tasks_with_actions(project):
            try:
                own, told = _learn_task(con, project, store, task, trials, as_of, tell)
            except SalesmlError as error:
                own, told = [], [_failed(task, error)]
            folders[task.name] = own
            notes += told
    return Learnt(project, as_of, folders, notes)


def _failed(task: TaskConfig, error: SalesmlError) -> Words:
    return Words(
        ja=f"「{task.title.ja}」のアクションの効果は学習できず、想定値を使用: {error.what}",
        en=f"Effects on {task.name} could not be learnt, assumed ones stay: {error.what}",
    )


def _learn_task(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    trials: Trials,
    as_of: dt.date,
    tell: Tell | None,
) -> tuple[list[Path], list[Words]]:
    panel = panel_of(con, project, store, task, trials, as_of)
    _only_known(panel)
    notes, folders = panel.notes, []
    planned = designs(panel.rows)
    for name, (actions, rows) in planned.items():
        folder = _usable(project, task, name, actions, len(rows), as_of)
        if folder is None:
            if tell:
                tell(f"{task.name}: learning effects of {', '.join(actions)}, {len(rows):,} trials")
            X = features_of(con, project, store, task, rows)
            folder = _root(project, task, name) / str(as_of)
            compare(actions, rows.reset_index(drop=True), X, as_of).save(folder)
            _sweep(folder)
        folders.append(folder)
    return folders, [*notes, *_said(project, task, panel.rows, planned, folders)]


def _only_known(panel: Trials) -> None:
    """Leave out rows of unknown probability, unless most of them are."""
    known = panel.rows["probability"].notna()
    if len(known) and known.mean() >= LEAST_KNOWN:
        panel.set_aside(~known, "選ばれた確率が不明", "their probability is not known")
    elif len(known):
        panel.rows["probability"] = np.nan
        panel.notes.append(
            Words(
                ja="アクションの確率の記録が少ないため、確率を推定しました。偶然に割り当てられたのでなければ、"
                "効果は偏り得ます。",
                en="Few trials tell the probability of their action, so it is estimated. Unless "
                "chance decided, effects may be biased.",
            )
        )


def _said(
    project: Project,
    task: TaskConfig,
    rows: pd.DataFrame,
    planned: dict[str, tuple[list[str], pd.DataFrame]],
    folders: Sequence[Path],
) -> list[Words]:
    """What the comparisons came to, or that there are too few trials for any."""
    if not planned:
        return [] if rows.empty else [_too_few(task, rows)]
    compared = [Comparison.load(folder) for folder in folders]
    warned = [_warned(task, warning) for each in compared for warning in each.model.warnings_]
    return [*(_verdict(project, task, each) for each in compared), *warned]


def _warned(task: TaskConfig, warning: str) -> Words:
    return Words(
        ja=f"「{task.title.ja}」のアクションの効果の学習での注意: {warning}",
        en=f"Learning effects on {task.name}: {warning}",
    )


def _too_few(task: TaskConfig, rows: pd.DataFrame) -> Words:
    tried = ", ".join(f"{name} {n}" for name, n in rows["action"].value_counts().items())
    return Words(
        ja=f"「{task.title.ja}」のアクションの効果は想定値のまま: 結果の分かる試行が足りません"
        f"（{tried}）。{FEWEST_ROWS}件以上、アクションありとなしが各{FEWEST_TRIED}件以上必要です。",
        en=f"Effects on {task.name} stay as assumed: too few trials with a known outcome ({tried})."
        f" It takes {FEWEST_ROWS}, with {FEWEST_TRIED} of an action and {FEWEST_TRIED} of none.",
    )


def _verdict(project: Project, task: TaskConfig, found: Comparison) -> Words:
    actions = project.catalogue.actions
    each = [(actions[name].name, found.average(name)) for name in found.actions]
    spans = [(name, in_points(*average)) for name, average in each]
    ja = "、".join(f"{name.ja} {span.ja}" for name, span in spans)
    en = ", ".join(f"{name.en} {span.en}" for name, span in spans)
    chosen = found.model.targets_
    return Words(
        ja=f"「{task.title.ja}」で学習したアクションの効果"
        f"（平均と95%区間、{len(found.rows):,}件）: {ja}。"
        + (
            "対象ごとに選び分けます。"
            if chosen
            else "選び分けの上乗せは未証明のため、平均を使います。"
        ),
        en=f"Effects learnt on {task.name} (averages, 95 % intervals, {len(found.rows):,} trials): "
        f"{en}. "
        + (
            "They are told for each by features."
            if chosen
            else "Choosing by features is not proven to add anything, so averages count."
        ),
    )


def _root(project: Project, task: TaskConfig, name: str) -> Path:
    return project.var / "actions" / "effects" / task.name / name


def _kept(root: Path) -> list[Path]:
    """Folders of a comparison, oldest first; they are named by date."""
    return sorted(path for path in root.glob("[0-9]*") if path.is_dir())


def _sweep(used: Path) -> None:
    """Keep the newest comparisons, and the one that is *used*, however old its date."""
    others = [path for path in _kept(used.parent) if path != used]
    for path in others[: 1 - KEPT]:
        shutil.rmtree(path)


def _usable(
    project: Project,
    task: TaskConfig,
    name: str,
    actions: Sequence[str],
    rows: int,
    as_of: dt.date,
) -> Path | None:
    """The newest comparison up to *as_of*, unless it is to be learnt again."""
    past = [p for p in _kept(_root(project, task, name)) if p.name <= str(as_of)]
    if not past:
        return None
    try:
        found = Comparison.load(past[-1])
    except (ModelError, OSError, ValueError, KeyError, TypeError):
        return None  # it was changed, or is of an older version: it is learnt anew
    sets = load_feature_sets(project.features, task.entity, task.features)
    names = [feature for each in sets for feature in each.features]
    same = list(found.model.feature_names_in_) == names and found.actions == tuple(actions)
    more = rows - found.given
    old = as_of - found.as_of >= dt.timedelta(days=REFIT_DAYS) and more != 0
    return past[-1] if same and not old and abs(more) < REFIT_SHARE * found.given else None


def comparisons_of(learnt: Learnt, task: str) -> list[Comparison]:
    """The comparisons of *task*, read."""
    return [Comparison.load(folder) for folder in learnt.folders.get(task, [])]
