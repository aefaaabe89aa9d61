"""The history of models: what the audit log says of them, and what is still to be noted there."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pandas as pd

from salesml.run import Run
from salesml.scoring import ScoreBook

if TYPE_CHECKING:
    from salesml.registry import Registry, Version

__all__ = [
    "events",
    "failed_attempts",
    "note_models",
    "note_scores",
    "periods",
    "sentence",
    "versions_of",
]

Entry = Mapping[str, Any]

PERIOD_COLUMNS = ["task", "version", "sha256", "first", "last", "nights", "rows"]
EVENT_COLUMNS = ["at", "as_of", "task", "event", "version", "run_id", "text"]


# noting ----------------------------------------------------------------------------------------


def note_models(run: Run, task: str) -> None:
    """Note every version of *task* that the audit log does not know, and every one taken back.

    So what a run that was killed did not come to note, the next one notes.
    """
    noted = {(e["event"], str(e.get("mlflow_run"))) for e in run.audit.read().entries}
    versions = sorted(run.registry.versions(task), key=lambda version: version.version)
    for place, version in enumerate(versions):
        if ("trained", version.run_id) not in noted:
            _note_training(run, version, versions[:place])
        if version.rolled_back and ("rolled_back", version.run_id) not in noted:
            champion = run.registry.champion(task)
            run.note(
                "rolled_back",
                task,
                version=version.version,
                mlflow_run=version.run_id,
                champion=champion.version if champion else None,
            )


def _note_training(run: Run, version: Version, earlier: list[Version]) -> None:
    facts, gate = _named(version), version.note("gate") or {}
    run.note(
        "trained",
        version.task,
        **facts,
        sha256=version.sha256,
        deployed=version.deployed,
        **version.windows,
        verdict=version.verdict_en,
        why=version.why,
    )
    reasons = list(gate.get("reasons", []))
    run.note("gate", version.task, **facts, passed=version.passed, reasons=reasons)
    if version.passed:
        before = [v for v in earlier if v.passed and not v.rolled_back and v.as_of <= version.as_of]
        replaced = max(before, key=lambda v: (v.as_of, v.version), default=None)
        number = replaced.version if replaced else None
        run.note("champion", version.task, **facts, replaces=number)


def _named(version: Version) -> dict[str, Any]:
    return {
        "version": version.version,
        "as_of": str(version.as_of),
        "run_id": version.job,
        "mlflow_run": version.run_id,
    }


def note_scores(run: Run, task: str) -> None:
    """Note which model scored *task* on each date that the audit log does not know of."""
    book = ScoreBook(run.project, task)
    noted = {e["run_id"] for e in _of(run.audit.read().entries, task, "scored")}
    for date in book.dates():
        meta = book.meta(date)
        if meta["run_id"] not in noted:
            run.note(
                "scored",
                task,
                as_of=str(date),
                run_id=meta["run_id"],
                version=int(meta["model_version"]),
                sha256=meta.get("sha256", ""),
                rows=meta["rows"] if "rows" in meta else len(book.read(date)),
            )


def versions_of(
    registry: Registry, task: str, date: dt.date, as_of: dt.date | None = None
) -> pd.DataFrame:
    """The versions of *task*, newest first, their age on *date*, and the champion of *as_of*."""
    champion = registry.champion(task, as_of)
    found = [v for v in registry.versions(task) if as_of is None or v.as_of <= as_of]
    # a project that stands at a date of the past may have models of later ones
    today = max([date, *(v.as_of for v in found)])
    return pd.DataFrame([_row(v, champion, today) for v in found])


def _row(version: Version, champion: Version | None, date: dt.date) -> dict[str, Any]:
    state = "rolled back" if version.rolled_back else "passed" if version.passed else "refused"
    gate, measures = version.note("gate") or {}, {}
    for name in ("roc_auc", "log_loss"):
        for end, value in zip(("", "_low", "_high"), version.metrics[name], strict=True):
            measures[f"{name}{end}"] = value
    return {
        "task": version.task,
        "version": version.version,
        "as_of": str(version.as_of),
        "age_days": (date - version.as_of).days,
        "deployed": version.deployed,
        **measures,
        "state": "champion" if champion and champion.version == version.version else state,
        "gate": " ".join(gate.get("reasons", [])),
        "why": version.why,
        "sha256": version.sha256,
        "run_id": version.job,
    }


# reading ---------------------------------------------------------------------------------------


def failed_attempts(entries: Iterable[Entry], task: str) -> list[dt.date]:
    """The dates on which *task* was to be trained again, and could not."""
    return [dt.date.fromisoformat(e["as_of"]) for e in _of(entries, task, "retraining_failed")]


def periods(entries: Iterable[Entry], task: str | None = None) -> pd.DataFrame:
    """Who scored what from when to when: one row for each time that a model was in use.

    Of a date that was scored several times the last one counts. ``rows`` is the sum over nights.
    """
    counting = {(e["task"], e["as_of"]): e for e in _of(entries, task, "scored")}
    nights = [counting[key] for key in sorted(counting)]
    runs = groupby(nights, key=lambda e: (e["task"], e["version"], e["sha256"]))
    found = [(*key, *_stretch(list(stretch))) for key, stretch in runs]
    return pd.DataFrame(found, columns=PERIOD_COLUMNS)


def _stretch(nights: list[Entry]) -> tuple[str, str, int, int]:
    return nights[0]["as_of"], nights[-1]["as_of"], len(nights), sum(e["rows"] for e in nights)


def events(entries: Iterable[Entry], task: str | None = None) -> pd.DataFrame:
    """All events in the order of their lines, each with a sentence."""
    found = [{**e, "text": sentence(e)} for e in entries if task in (None, e.get("task"))]
    frame = pd.DataFrame(found, columns=EVENT_COLUMNS)
    numbers = pd.to_numeric(frame["version"], errors="coerce")
    return frame.assign(version=numbers.round().astype("Int64"))


def _of(entries: Iterable[Entry], task: str | None, event: str) -> list[Entry]:
    """The entries of *event*; those that somebody spoilt are passed over, the log tells of them."""
    named = (e for e in entries if e["event"] == event and task in (None, e.get("task")))
    return [e for e in named if _is_whole(e)]


def _is_whole(entry: Entry) -> bool:
    try:
        dt.date.fromisoformat(entry["as_of"])
    except (KeyError, TypeError, ValueError):
        return False
    return entry["event"] != "scored" or (
        all(isinstance(entry.get(name), str) for name in ("task", "run_id", "sha256"))
        and all(isinstance(entry.get(name), int) for name in ("version", "rows"))
    )


def sentence(entry: Entry) -> str:
    """What an event says, in a sentence."""
    try:
        return _SENTENCES[entry["event"]](entry)
    except (KeyError, TypeError, ValueError):  # of another version of salesml, or spoilt
        return json.dumps(dict(entry), ensure_ascii=False)


def _gate(entry: Entry) -> str:
    word = "passed the gate" if entry["passed"] else "was refused by the gate"
    return f"version {entry['version']} {word}: {' '.join(entry['reasons'])}"


def _champion(entry: Entry) -> str:
    head = f"version {entry['version']} is champion from {entry['as_of']} on"
    return f"{head}, in place of version {entry['replaces']}" if entry["replaces"] else head


_SENTENCES: dict[str, Callable[[Entry], str]] = {
    "trained": lambda e: (
        f"version {e['version']} trained ({e['why'] or 'unknown why'}): {e['deployed']}, "
        f"learnt on {e['train_from']} … {e['train_to']}, tested on {e['test_from']} … "
        f"{e['test_to']}. {e['verdict']}"
    ),
    "gate": _gate,
    "champion": _champion,
    "rolled_back": lambda e: (
        f"version {e['version']} taken back, version {e['champion']} is champion"
    ),
    "scored": lambda e: f"version {e['version']} scored {e['rows']:,} rows",
    "retraining_due": lambda e: f"training is due: {'; '.join(e['reasons'])}",
    "retraining_failed": lambda e: f"training failed, version {e['version']} stays: {e['error']}",
    "task_failed": lambda e: f"failed: {e['error']}",
    "chain_broken": lambda e: f"line {e['line']} of this log: {e['text']}",
    "torn_line": lambda e: f"a line torn by a crash, {e['bytes']} bytes, is kept in {e['kept']}",
}
