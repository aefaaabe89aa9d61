"""Where trained models are kept: MLflow, with the gate's word on each version.

The only module that imports MLflow, and only when a registry is used.
"""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from salesml.config import Words
from salesml.errors import ModelError
from salesml.mlflow_records import LONGEST_PARAMETER, Record, write_records
from salesml.mlflow_store import relocate
from salesml.training import (
    METRICS,
    Decision,
    Interval,
    PropensityModel,
    TrainingResult,
    digest,
    verify,
)
from salesml.training.fairness import fairness_table
from salesml.training.figures import draw
from salesml.training.segments import segment_table

__all__ = ["Champion", "Registry", "Version"]

CHAMPION = "champion"
CARD = "card.html"
WINDOWS = ("train_from", "train_to", "test_from", "test_to")
ENVIRONMENT = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}


@dataclass(frozen=True)
class Version:
    """One registered model.

    ``passed``: the gate let it be champion; ``rolled_back``: somebody took that back. ``metrics``
    are METRICS on the test; ``windows`` the dates ``train_from`` … ``test_to``. ``job`` is the run
    of ours that trained it, ``why`` the reason.
    """

    task: str
    version: int
    run_id: str
    as_of: date
    passed: bool
    rolled_back: bool
    deployed: str
    beats_base_rate: bool
    verdict_ja: str
    verdict_en: str
    sha256: str
    metrics: dict[str, Interval]
    windows: dict[str, str]
    directory: Path
    job: str = ""
    why: str = ""

    def load(self) -> PropensityModel:
        """Return the model.

        Raises
        ------
        ModelError
            Naming the file, if one is missing or was changed after training.
        """
        verify(self.directory, self.sha256)
        return PropensityModel.load(self.directory)

    def predictions(self) -> pd.DataFrame:
        """Return its test predictions: entity, as_of, y, probability, amount if there is one."""
        return pd.read_parquet(self.directory.parent / "test_predictions.parquet")

    def note(self, name: str) -> Any:
        """Return what was noted of it as *name* (gate, window, …); None where that was not."""
        path = self.directory.parent / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def warnings(self) -> list[Words]:
        """Return what its training warned of."""
        return [Words.model_validate(words) for words in self.note("warning_words") or []]

    @property
    def card(self) -> Path:
        """Where its model card lies."""
        return self.directory.parent / CARD

    def calibration(self) -> pd.DataFrame:
        """Return its calibration on the test: rows, probability, observed, low, high."""
        return pd.read_csv(self.directory.parent / "calibration.csv")

    @property
    def summary(self) -> str:
        """One line to print."""
        state = "rolled back" if self.rolled_back else "passed" if self.passed else "refused"
        numbers = ", ".join(f"{name} {interval}" for name, interval in self.metrics.items())
        head = f"{self.task} version {self.version}, as of {self.as_of}, {self.deployed}, {state}"
        return f"{head}: {numbers}. {self.verdict_en}"


Champion = Version  # the one in use


class Registry:
    """The models of one project.

    Parameters
    ----------
    store : SQLite file of MLflow, made if there is none.
    artifacts : directory of the runs' files.
    project : name of the MLflow experiment, and first part of the models' names.
    """

    def __init__(self, store: Path, artifacts: Path, project: str) -> None:
        self.store, self.artifacts, self.project = store.resolve(), artifacts.resolve(), project

    def log(
        self,
        task: str,
        result: TrainingResult,
        decision: Decision,
        *,
        as_of: date,
        params: Mapping[str, object],
        feature_list: Sequence[str],
        extra_tags: Mapping[str, str] | None = None,
        notes: Mapping[str, object] | None = None,
        card: str = "",
    ) -> Version:
        """Store a trained model with all that was measured; make it champion if it passed.

        *notes* are written beside it as JSON, one file each, for `Version.note`; *card* is its
        model card, an HTML page, for `Version.card`.

        A crash on the way leaves a run without a champion: that it passed is written last.
        """
        tags = _tags(result, as_of) | {"task": task} | dict(extra_tags or {})
        note = {"mlflow.note.content": _description(result, decision)}
        run = self._client.create_run(
            self._experiment, run_name=f"{task} {as_of}", tags=tags | note
        )
        run_id = str(run.info.run_id)
        try:
            self._log_numbers(run_id, result, params)
            with tempfile.TemporaryDirectory() as place:
                sha256 = _write(Path(place), result, decision, feature_list)
                _write_notes(Path(place), notes or {})
                if card:
                    (Path(place) / CARD).write_text(card, encoding="utf-8")
                self._client.log_artifacts(run_id, place)
            number = self._register(task, run_id, tags | {"sha256": sha256})
        except BaseException:
            self._client.set_terminated(run_id, "FAILED")
            raise
        self._client.set_terminated(run_id)
        self._tag(task, number, "passed", decision.promote)
        self._point_alias(task)
        return next(v for v in self.versions(task) if v.version == number)

    def prepare(self) -> None:
        """Make sure that a model can be stored: before the training that takes minutes.

        Raises
        ------
        ModelError
            If the store was moved without its files.
        """
        _ = self._experiment

    def record(self, parent: Record, children: Sequence[Record], kind: str = "experiments") -> str:
        """Store runs without a model in ``<project>-<kind>``; return the parent's run id."""
        experiment = self._experiment_called(f"{self.project}-{kind}")
        return write_records(self._client, experiment, parent, children)

    def versions(self, task: str) -> list[Version]:
        """Return all finished versions, newest first: by as_of, then by number."""
        found = self._client.search_model_versions(f"name='{self._name(task)}'", max_results=10_000)
        complete = [self._version(task, v) for v in found if "passed" in v.tags]
        return sorted(complete, key=lambda v: (v.as_of, v.version), reverse=True)

    def champion(self, task: str, as_of: date | None = None) -> Champion | None:
        """Return the newest version that passed and was not rolled back.

        With *as_of*, only versions trained for that date or an earlier one count.
        """
        fit = (v for v in self.versions(task) if v.passed and not v.rolled_back)
        return next((v for v in fit if as_of is None or v.as_of <= as_of), None)

    def rollback(self, task: str) -> tuple[Version, Version]:
        """Take the champion back; return it and the version that is champion now.

        Raises
        ------
        ModelError
            If there is no champion, or no earlier version to fall back on.
        """
        fit = [v for v in self.versions(task) if v.passed and not v.rolled_back]
        if len(fit) < 2:
            raise ModelError(
                f"There is no earlier version of '{task}' to roll back to.",
                received=f"{len(fit)} versions that passed and were not rolled back",
                where=str(self.store),
                fix=f"train another one: salesml train -p {self.project} {task}",
            )
        self._tag(task, fit[0].version, "rolled_back", True)
        self._point_alias(task)
        return fit[0], fit[1]

    @cached_property
    def _client(self) -> Any:
        self.store.parent.mkdir(parents=True, exist_ok=True)
        uri = f"sqlite:///{self.store}"
        return _mlflow_client()(tracking_uri=uri, registry_uri=uri)

    @property
    def _experiment(self) -> str:
        return self._experiment_called(self.project)

    def _experiment_called(self, name: str) -> str:
        place = self.artifacts.as_uri()
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            return str(self._client.create_experiment(name, artifact_location=place))
        if experiment.artifact_location != place:
            relocate(self.store, experiment.artifact_location, self.artifacts)
        return str(experiment.experiment_id)

    def _name(self, task: str) -> str:
        return f"{self.project}-{task}"

    def _version(self, task: str, stored: Any) -> Version:
        tags = stored.tags
        data = self._client.get_run(stored.run_id).data
        return Version(
            task=task,
            version=int(stored.version),
            run_id=stored.run_id,
            as_of=date.fromisoformat(tags["as_of"]),
            passed=tags["passed"] == "true",
            rolled_back=tags.get("rolled_back") == "true",
            deployed=tags["deployed"],
            beats_base_rate=tags["beats_base_rate"] == "true",
            verdict_ja=tags["verdict_ja"],
            verdict_en=tags["verdict_en"],
            sha256=tags["sha256"],
            metrics={name: _interval(data.metrics, name) for name in METRICS},
            windows={name: data.params[name] for name in WINDOWS},
            directory=self.artifacts / stored.run_id / "artifacts" / "model",
            job=tags.get("run_id", ""),
            why=tags.get("why", ""),
        )

    def _log_numbers(
        self, run_id: str, result: TrainingResult, params: Mapping[str, object]
    ) -> None:
        known = {**params, **_window(result)}
        for name, value in known.items():
            self._client.log_param(run_id, name, str(value)[:LONGEST_PARAMETER])
        for name, number in _metrics(result).items():
            if math.isfinite(number):
                self._client.log_metric(run_id, name, number)

    def _register(self, task: str, run_id: str, tags: Mapping[str, str]) -> int:
        name = self._name(task)
        if not self._client.search_registered_models(f"name='{name}'"):
            self._client.create_registered_model(name)
        source = (self.artifacts / run_id / "artifacts" / "model").as_uri()
        made = self._client.create_model_version(name, source, run_id, tags=dict(tags))
        return int(made.version)

    def _tag(self, task: str, version: int, name: str, value: bool) -> None:
        self._client.set_model_version_tag(self._name(task), str(version), name, str(value).lower())

    def _point_alias(self, task: str) -> None:
        champion = self.champion(task)
        if champion:
            self._client.set_registered_model_alias(
                self._name(task), CHAMPION, str(champion.version)
            )


def _mlflow_client() -> Any:
    os.environ.update(ENVIRONMENT)  # read when MLflow is imported
    from mlflow import MlflowClient

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return MlflowClient


def _tags(result: TrainingResult, as_of: date) -> dict[str, str]:
    return {
        "as_of": as_of.isoformat(),
        "deployed": result.deployed,
        "beats_base_rate": str(result.beats_base_rate).lower(),
        "verdict_ja": result.verdict.ja,
        "verdict_en": result.verdict.en,
    }


def _description(result: TrainingResult, decision: Decision) -> str:
    gate = "Promoted to champion." if decision.promote else "Not promoted to champion."
    lines = [result.verdict.en, result.verdict.ja, gate, *decision.reasons]
    return "\n\n".join([*lines, *(f"Warning: {text}" for text in result.warnings)])


def _window(result: TrainingResult) -> dict[str, object]:
    counts = {
        "train_rows": result.training.rows,
        "train_positives": result.training.positives,
        "test_rows": result.testing.rows,
        "test_positives": result.testing.positives,
    }
    return {**result.windows, **counts, "embargo_days": result.horizon_days, "split": result.split}


def _metrics(result: TrainingResult) -> dict[str, float]:
    found: dict[str, float | Interval] = {**result.metrics, "gain": result.gain}
    found |= {"calibration_error": result.calibration_error} | result.targeting.numbers()
    for other in {"base_rate", "rule"} & result.candidates.keys():
        found |= {f"{other}_{name}": v for name, v in result.candidates[other].items()}
    if result.rule_gain:
        found["rule_gain"] = result.rule_gain
    flat: dict[str, float] = {}
    for name, number in found.items():
        value, *ends = number if isinstance(number, Interval) else (number,)
        flat[name] = value
        flat |= {f"{name}_{end}": at for end, at in zip(("low", "high"), ends, strict=False)}
    return flat


def _interval(metrics: Mapping[str, float], name: str) -> Interval:
    """What is undefined was not logged."""
    ends = ("", "_low", "_high")
    return Interval(*(metrics.get(f"{name}{end}", math.nan) for end in ends))


def _write(
    place: Path,
    result: TrainingResult,
    decision: Decision,
    feature_list: Sequence[str],
) -> str:
    """Write all files of a run; return the digest of the model's directory."""
    tables = {
        "leaderboard": result.leaderboard,
        "calibration": result.calibration_table,
        "gain": result.gain_curve,
        "importance": result.importance,
    }
    if result.segments:
        tables["segments"] = segment_table(result.segments)
    if result.fairness:
        tables["fairness"] = fairness_table(result.fairness)
    if result.targeting.curve is not None:
        tables["profit"] = result.targeting.curve
    for name, table in tables.items():
        table.to_csv(place / f"{name}.csv", index=False)
    amount = {} if result.test.amount is None else {"amount": result.test.amount.to_numpy(float)}
    tested = result.test_predictions.assign(**amount)
    tested.to_parquet(place / "test_predictions.parquet", index=False)
    notes = {
        "features": list(feature_list),
        "window": _window(result),
        "gate": {"promoted": decision.promote, "reasons": decision.reasons},
        "warnings": result.warnings,
        "warning_words": [words.model_dump() for words in result.warning_words],
    }
    for name, note in notes.items():
        text = json.dumps(note, ensure_ascii=False, indent=1)
        (place / f"{name}.json").write_text(text, encoding="utf-8")
    (place / "figures").mkdir()
    draw(result, place / "figures")
    result.model.save(place / "model")
    return digest(place / "model")


def _write_notes(place: Path, notes: Mapping[str, object]) -> None:
    for name, note in notes.items():
        (place / f"{name}.json").write_text(json.dumps(note, ensure_ascii=False), encoding="utf-8")
