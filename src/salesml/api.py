"""One call a command: what the command line does, from Python in one line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from salesml.actions.assignment import Portfolio, portfolio_of
from salesml.actions.book import ActionBook
from salesml.actions.learning import ActionEvaluation, evaluate
from salesml.approach import PeerTable, Plan, municipal_task, peer_table, plan
from salesml.audit import Audit
from salesml.check import check
from salesml.config import load_project
from salesml.engine import connect
from salesml.errors import ModelError, suggest
from salesml.evidence import Evidence, evidence_of
from salesml.experiment import Experiment, Variant, compare
from salesml.history import note_models, versions_of
from salesml.learning import Trained, train_task
from salesml.municipal.import_report import ImportReport
from salesml.municipal.importing import import_files
from salesml.next_actions import with_next_actions
from salesml.outgoing import newest
from salesml.pipeline import nightly, read_sources
from salesml.run import Tell, audit_of, open_run, registry_of
from salesml.sample import make_sample
from salesml.scoring import ScoreBook, store_of
from salesml.writing import export
from salesml.written import export_history, export_retry, export_status

if TYPE_CHECKING:
    from salesml.registry import Version

__all__ = [
    "actions",
    "assign",
    "audit",
    "audit_score",
    "check",
    "evaluate_actions",
    "experiment",
    "explain",
    "export",
    "export_history",
    "export_retry",
    "export_status",
    "make_sample",
    "models",
    "municipal_import",
    "municipal_peers",
    "municipal_plan",
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


def experiment(
    project: str,
    task: str,
    *variants: Variant,
    as_of: dt.date | None = None,
    root: Path | str = ".",
    now: dt.datetime | None = None,
    tell: Tell = lambda _: None,
) -> Experiment:
    """Read the sources and compare *variants* of *task* with the task as configured.

    All learn from the same rows and are judged on the same folds; the newest dates, on which
    `train` tests, stay unseen. ``experiment("sample", "churn", Variant(remove=["usage"])).table()``
    """
    with open_run(project, as_of, root=root, now=now, tell=tell) as run:
        return compare(run, task, variants)


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
    probability, score, band, change, expected_value``, ``reasons``, a list of ``{concept, points,
    text_ja, text_en, peers_ja, peers_en, help}``, and ``changes``, a list of ``{kind, concept,
    points, text_ja, text_en}``, None where the score moved little. In a project with actions also
    what is to be done next, `salesml.next_actions.NEXT`. Raises ModelError where there are none.
    """
    loaded = load_project(project, root)
    config = loaded.task(task)
    book = ScoreBook(loaded, task)
    frame = with_next_actions(loaded, config, book.read(as_of or newest(book)))
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


def explain(
    project: str,
    task: str,
    entity: str,
    *,
    as_of: dt.date | None = None,
    root: Path | str = ".",
) -> pd.Series:
    """The score of one entity with all its reasons, as a row of `scores`, and its ``history``.

    ``history`` is a list of ``{as_of, score, band, model_version}``, all dates up to this one.
    """
    found = scores(project, task, as_of=as_of, entity=entity, root=root).iloc[0]
    loaded = load_project(project, root)
    id_column = loaded.task(task).id_column
    past = ScoreBook(loaded, task).history(id_column, entity, found["as_of"])
    return pd.Series({**found.to_dict(), "history": past.to_dict("records")})


def actions(
    project: str,
    *,
    as_of: dt.date | None = None,
    owner: str | None = None,
    entity: str | None = None,
    root: Path | str = ".",
) -> pd.DataFrame:
    """What is to be done as of a date (the newest by default), what is due first coming first.

    One row an entity, with the columns of `salesml.actions.book.DECISIONS`; of one *owner* (name, a
    part of it, or id of who is to do it) or *entity* (its id) where named: none where they have
    nothing to do. Raises ModelError where there is no such date, owner or entity, ConfigError in a
    project without actions.
    """
    loaded = load_project(project, root)
    book = ActionBook(loaded)
    loaded.catalogue  # noqa: B018 - raises where there are no actions
    date = as_of or newest(book)
    agenda = book.agenda(date)
    if owner is not None:
        loads = pd.DataFrame(book.meta(date)["loads"], columns=["name", "rep_id"])
        agenda = _named(agenda, owner, agenda[["assignee", "assignee_id"]], loads, book)
    if entity is not None:
        considered = book.read(date)[["entity_id"]]
        agenda = _named(agenda, entity, agenda[["entity_id"]], considered, book)
    return agenda


def evaluate_actions(
    project: str,
    *,
    as_of: dt.date | None = None,
    root: Path | str = ".",
    now: dt.datetime | None = None,
) -> ActionEvaluation:
    """What actions have brought by a date, with intervals, by what the last nightly read.

    By default the newest date that was decided; where none was, the project's own. Raises
    ConfigError in a project without actions.
    """
    loaded = load_project(project, root)
    newest = ActionBook(loaded).newest()
    date = as_of or newest or loaded.default_as_of(now or dt.datetime.now(dt.UTC))
    return evaluate(loaded, date)


def assign(
    project: str,
    role: str | None = None,
    *,
    as_of: dt.date | None = None,
    root: Path | str = ".",
    now: dt.datetime | None = None,
) -> Portfolio:
    """Who should look after which account on a date (the project's own by default), and why.

    By what the last nightly read, for *role* of ``assignment.yml`` (its only one by default).
    Raises ConfigError in a project without ``assignment.yml`` or actions.
    """
    loaded = load_project(project, root)
    date = as_of or loaded.default_as_of(now or dt.datetime.now(dt.UTC))
    with connect(loaded.var / "spill") as con:
        return portfolio_of(con, loaded, store_of(loaded), role, date)


def _named(
    agenda: pd.DataFrame, wanted: str, of: pd.DataFrame, others: pd.DataFrame, book: ActionBook
) -> pd.DataFrame:
    """The rows of *agenda* whose names in *of* are *wanted*, which may be one of the *others*.

    Of a name of several words one is enough.
    """
    known = {str(name) for each in (of, others) for name in each.stack().dropna()}
    meant = {name for name in known if wanted in (name, *name.split())}
    if not meant:
        raise ModelError(
            f"Nobody and nothing is called '{wanted}'.{suggest(wanted, sorted(known))}",
            received=f"{len(agenda)} actions",
            where=str(book.root),
            fix="Check the name or id; who left is not known.",
        )
    return agenda[of.isin(meant).any(axis=1)].reset_index(drop=True)


def rollback(
    project: str, task: str, *, root: Path | str = ".", now: dt.datetime | None = None
) -> tuple[Version, Version]:
    """Take the champion of *task* back; returns it and the one that is champion again."""
    with open_run(project, root=root, now=now) as run:
        run.project.task(task)
        taken, champion = run.registry.rollback(task)
        note_models(run, task)
        return taken, champion


def models(
    project: str,
    task: str | None = None,
    *,
    as_of: dt.date | None = None,
    root: Path | str = ".",
    now: dt.datetime | None = None,
) -> pd.DataFrame:
    """The versions of the models of *task*, or of all tasks, newest first.

    One row a version: ``task, version, as_of, age_days, deployed, roc_auc, log_loss`` (each with
    ``_low`` and ``_high``), ``state`` (champion, passed, refused, rolled back), ``gate`` (its
    reasons), ``why`` it was trained, ``sha256, run_id``. With *as_of*, ages and the champion are
    those of that date. Raises ModelError where nothing was trained.
    """
    loaded = load_project(project, root)
    names = [loaded.task(task).name] if task else list(loaded.tasks)
    date = as_of or loaded.default_as_of(now or dt.datetime.now(dt.UTC))
    registry = registry_of(loaded)
    # asking a store that is not there would make one
    known = registry.store.exists()
    frames = [versions_of(registry, name, date, as_of) for name in names] if known else []
    if all(frame.empty for frame in frames):
        raise ModelError(
            "Nothing was trained yet.",
            where=str(registry.store),
            fix="Run `salesml nightly` or `salesml train` first.",
        )
    return pd.concat([f for f in frames if not f.empty], ignore_index=True)


def audit(project: str, task: str | None = None, *, root: Path | str = ".") -> tuple[Path, Audit]:
    """The audit log of the project, read and checked, and where it lies.

    See `salesml.history.periods` and `events` for tables of it. Raises ModelError where there is
    none.
    """
    loaded = load_project(project, root)
    if task:
        loaded.task(task)
    log = audit_of(loaded)
    found = log.read()
    if not (found.entries or found.problems or found.torn):
        raise ModelError(
            "Nothing was noted yet.", where=str(log.path), fix="Run `salesml nightly` first."
        )
    return log.path, found


def audit_score(
    project: str,
    task: str,
    entity: str,
    *,
    as_of: dt.date | None = None,
    root: Path | str = ".",
) -> Evidence:
    """What the score of one entity rests on, shown again and checked.

    The newest date by default. The model is loaded as it was, its files are checked against the
    hash noted when it scored, and it is asked again about the very inputs of then. Raises
    ModelError where there is no such score, or where model or inputs are gone.
    """
    row = scores(project, task, as_of=as_of, entity=entity, root=root).iloc[0]
    loaded = load_project(project, root)
    return evidence_of(loaded, loaded.task(task), row)


def municipal_import(
    project: str,
    *files: Path,
    root: Path | str = ".",
    tell: Tell = lambda _: None,
) -> ImportReport:
    """Read published *files*, or folders of them, into the project's municipal tables.

    Each is recognised by its content. The report says what each was, what joined and what did not
    and why; files that cannot be read are among its ``problems``, and the others are imported.
    """
    return import_files(load_project(project, root), files, tell)


def municipal_plan(
    project: str,
    task: str | None = None,
    *,
    as_of: dt.date | None = None,
    owner: str | None = None,
    top: int | None = None,
    root: Path | str = ".",
) -> Plan:
    """Whom to approach first, when, about what, and whom to cite, as known on a scored date.

    By default of the task about municipalities (``municipal_adoption`` of several) and of the
    newest date; of one *owner*, the *top* rows. Raises ConfigError where there is no such task or
    owner, ModelError where the date was not scored.
    """
    loaded = load_project(project, root)
    config = municipal_task(loaded, task)
    date = as_of or newest(ScoreBook(loaded, config.name))
    return plan(loaded, config, date).of(owner, top)


def municipal_peers(
    project: str,
    code: str,
    *,
    as_of: dt.date | None = None,
    top: int = 10,
    root: Path | str = ".",
    now: dt.datetime | None = None,
) -> PeerTable:
    """The municipalities most like the one of *code* (or name), why, and who adopted when.

    As known on the project's own date by default. Raises ConfigError where *code* is not one
    municipality, SourceError where nothing was imported.
    """
    loaded = load_project(project, root)
    date = as_of or loaded.default_as_of(now or dt.datetime.now(dt.UTC))
    return peer_table(loaded, code, date, top)
