"""What a score rests on, shown again: its inputs, the model, and that one makes it of the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from salesml.config import Project, TaskConfig
from salesml.engine import connect
from salesml.errors import ModelError, SalesmlError
from salesml.explanation import scores
from salesml.explanation.words import fact_words
from salesml.features import Feature, FeatureSet, compute_set, load_feature_sets, with_links
from salesml.labels import population
from salesml.report.formats import UNKNOWN, clean
from salesml.run import audit_of, version_of
from salesml.scoring import ScoreBook, store_of

if TYPE_CHECKING:
    from salesml.registry import Version
    from salesml.training import PropensityModel

__all__ = ["Evidence", "evidence_of", "evidence_parts"]

SAME = 1e-9  # what sums of floats in another order may differ by


@dataclass(frozen=True)
class Evidence:
    """One score, and what it was made from.

    Parameters
    ----------
    score : the row of the score book.
    version : the model that scored.
    inputs : one row a feature of the model: ``feature``, ``concept``, ``text_ja``, ``text_en``,
        ``value`` (scored with), ``now`` (what the sources make of it today) and ``changed``.
    kept : whether the values were kept when the score was made; else they are those of today.
    probability, points : what the model makes of the inputs, now.
    problems : why the score is not what it says, a sentence each; empty where all is well.
    notes : what else to know, such as a past that was corrected since.
    """

    task: TaskConfig
    entity: str
    score: pd.Series
    version: Version
    inputs: pd.DataFrame
    kept: bool
    probability: float
    points: int
    problems: list[str]
    notes: list[str]

    def facts(self) -> dict[str, object]:
        """All but the inputs, by name: what to print, or to keep as JSON."""
        return {
            "task": self.task.name,
            "entity": self.entity,
            "as_of": str(self.score["as_of"]),
            "run_id": self.score["run_id"],
            "model_version": self.version.version,
            "model_as_of": str(self.version.as_of),
            "model_sha256": self.version.sha256,
            "mlflow_run": self.version.run_id,
            "score": int(self.score["score"]),
            "band": self.score["band"],
            "probability": float(self.score["probability"]),
            "probability_again": self.probability,
            "inputs_kept": self.kept,
            "holds": not self.problems,
            "problems": self.problems,
            "notes": self.notes,
        }


def evidence_of(project: Project, task: TaskConfig, score: pd.Series) -> Evidence:
    """Show what *score*, a row of the score book, was made from, and make it again.

    Raises ModelError where the model is gone or its files were changed, or where neither the inputs
    were kept nor the sources still tell them.
    """
    book, entity, as_of = ScoreBook(project, task.name), str(score[task.id_column]), score["as_of"]
    meta = book.meta(as_of)
    version = version_of(project, task.name, str(score["model_version"]))
    model = version.load()
    sets = _sets(project, task)
    then = book.inputs(as_of, task.id_column, entity)
    now, gone = _today(project, task, sets, score)
    values = now if then is None else then
    names = [str(name) for name in model.feature_names_in_]
    if values is None or not set(names) <= set(values):
        raise ModelError(
            f"What {entity} was scored with on {as_of} can no longer be shown.",
            received=gone or "features that the model needs are no more",
            where=str(book.root),
            fix="Scores made by this version of salesml keep their inputs; score the date again.",
        )
    rows = values[names]
    inputs = _inputs(names, values, now, sets)
    probability, points = float(model.predict_proba(rows)[0, 1]), _points(model, rows)
    problems = [
        *_changed_model(project, task, version, meta, str(score["run_id"])),
        *_changed_score(score, probability, points),
    ]
    notes = [] if then is not None else [_NOT_KEPT]
    notes += [gone] if gone else _corrections(inputs)
    return Evidence(
        task, entity, score, version, inputs, then is not None, probability, points, problems, notes
    )


_NOT_KEPT = (
    "The inputs were not kept when this score was made; they are computed from today's sources."
)


def _sets(project: Project, task: TaskConfig) -> list[FeatureSet]:
    """The feature sets as they are today; none where they are not what they were."""
    try:
        return load_feature_sets(project.features, task.entity, task.features)
    except SalesmlError:
        return []


def _today(
    project: Project, task: TaskConfig, sets: list[FeatureSet], score: pd.Series
) -> tuple[pd.DataFrame | None, str]:
    """The features as the sources tell them today, one row; or None, and why."""
    as_of: dt.date = score["as_of"]
    store = store_of(project)
    if not sets:
        return None, "Today's feature sets cannot be read: what they would make of it is not shown."
    try:
        with connect(project.var / "spill") as con:
            asked = population(con, project, store, task, as_of)
            spine = asked[asked[task.id_column] == score[task.id_column]]
            if spine.empty:
                return None, "Today's sources no longer hold it in the population of that date."
            parts = [compute_set(con, project, store, s, with_links(spine, s)) for s in sets]
    except SalesmlError as error:
        return None, f"Today's sources do not tell of that date: {error.what}"
    return pd.concat(parts, axis=1).reset_index(drop=True), ""


def _inputs(
    names: list[str], values: pd.DataFrame, now: pd.DataFrame | None, sets: list[FeatureSet]
) -> pd.DataFrame:
    """The features *names*, one a row: as scored with, in words, and as they would be today."""
    features = {name: feature for each in sets for name, feature in each.features.items()}
    then = values.iloc[0].to_dict()
    today = now.iloc[0].to_dict() if now is not None else {}
    rows = [
        {
            "feature": name,
            **_told(features.get(name), then[name], then),
            "value": then[name],
            "now": today.get(name),
            "changed": name in today and not _same(then[name], today[name]),
        }
        for name in names
    ]
    return pd.DataFrame(rows).astype({"value": object, "now": object})


def _told(feature: Feature | None, value: object, values: dict[Any, object]) -> dict[str, str]:
    """What a value means; a feature that the task has no more has no words."""
    if feature is None:
        return {"concept": "", "text_ja": "", "text_en": ""}
    previous = values.get(feature.previous) if feature.previous else None
    return {"concept": feature.concept, **fact_words(feature, value, previous)}


def _same(left: object, right: object) -> bool:
    if pd.isna(left) or pd.isna(right):  # type: ignore[call-overload]
        return bool(pd.isna(left) and pd.isna(right))  # type: ignore[call-overload]
    if isinstance(left, float) and isinstance(right, float):
        return bool(np.isclose(left, right, rtol=SAME, atol=SAME))
    return left == right


def _points(model: PropensityModel, rows: pd.DataFrame) -> int:
    margin = model.margin(rows)
    return int(scores(margin, average=model.expected_value_, slope=model.score_slope_)[0])


def _changed_model(
    project: Project, task: TaskConfig, version: Version, meta: dict[str, object], run_id: str
) -> Iterator[str]:
    """Where the score's note, the registry and the audit log tell of different models."""
    if meta.get("sha256", version.sha256) != version.sha256:
        yield f"The scores name another model: sha256 {str(meta['sha256'])[:12]}."
    log = audit_of(project).read()
    noted = [
        e for e in log.entries
        if (e["event"], e.get("task"), e.get("run_id")) == ("scored", task.name, run_id)
    ]  # fmt: skip
    if not noted:
        yield "The audit log has no entry of this run."
    elif noted[-1].get("sha256") != version.sha256:
        yield f"The audit log names another model: sha256 {str(noted[-1].get('sha256'))[:12]}."
    if log.problems:
        yield f"The audit log is broken in {len(log.problems)} places; see `salesml audit`."


def _changed_score(score: pd.Series, probability: float, points: int) -> Iterator[str]:
    stored = float(score["probability"])
    if abs(stored - probability) > SAME:
        yield f"The model makes {probability:.6f} of these inputs; the probability is {stored:.6f}."
    if int(score["score"]) != points:
        yield f"The model makes a score of {points} of these inputs; it is {int(score['score'])}."


def _corrections(inputs: pd.DataFrame) -> list[str]:
    changed = inputs.loc[inputs["changed"], "feature"].tolist()
    if not changed:
        return []
    return [f"The past was corrected since: {len(changed)} features would be others today."]


# in the terminal ------------------------------------------------------------------------------


def evidence_parts(found: Evidence, language: str) -> list[RenderableType]:
    """*found* to print one after the other, legible from 80 columns on."""
    score, version = found.score, found.version
    made = f"{found.task.name} {found.entity} {score['as_of']}: score {int(score['score'])}, "
    facts = [
        Text(f"{made}probability {float(score['probability']):.4f}", "bold"),
        Text(f"run {score['run_id']}", "dim"),
        Text(f"version {version.version}, as of {version.as_of}, sha256 {version.sha256}", "dim"),
    ]
    said = [Text(problem, "bold red") for problem in found.problems]
    said = said or [Text("The model makes this score of these inputs.", "green")]
    said += [Text(note, "yellow") for note in found.notes]
    return [*facts, _inputs_table(found, language), *said]


def _inputs_table(found: Evidence, language: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    changed = bool(found.inputs["changed"].any())
    for name in ("input", "value", *(["today"] if changed else []), "in words"):
        table.add_column(name, overflow="fold", justify="left" if name != "value" else "right")
    for row in found.inputs.to_dict("records"):
        cells = [Text(row["feature"]), Text(_value(row["value"]))]
        if changed:
            cells.append(Text(_value(row["now"]) if row["changed"] else "", "yellow"))
        table.add_row(*cells, Text(clean(row[f"text_{language}"]), "dim"))
    return table


def _value(value: Any) -> str:
    if pd.isna(value):
        return UNKNOWN
    return f"{value:,.6g}" if isinstance(value, float) else clean(value)
