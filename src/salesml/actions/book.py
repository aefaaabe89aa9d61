"""The book of decisions: who was to get which action on a date, as Parquet by date."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from salesml.config import Project
from salesml.errors import ModelError
from salesml.store import write_atomically

__all__ = ["DECISIONS", "NO_ACTION", "ActionBook", "as_decisions", "frame_of"]

NO_ACTION = "none"
_YEAR = dt.timedelta(days=365)
_text, _number, _whole, _date = pa.string(), pa.float64(), pa.int32(), pa.date32()

DECISIONS = pa.schema(
    {
        "entity": _text,
        "entity_id": _text,
        "as_of": _date,
        "run_id": _text,
        "action_id": _text,
        "action": _text,
        "how": _text,
        "probability": _number,
        "could": pa.list_(_text),
        "planned": _text,
        "play": _text,
        "plays": pa.list_(_text),
        "urgent": pa.bool_(),
        "severity": _text,
        "task": _text,
        "role": _text,
        "channel": _text,
        "minutes": _whole,
        "cost": _number,
        "assignee_id": _text,
        "assignee": _text,
        "due_on": _date,
        "escalate_on": _date,
        "escalate_to": _text,
        "follows": _text,
        "effect": _number,
        "effect_low": _number,
        "effect_high": _number,
        "effect_source": _text,
        "value": _number,
        "worth": _number,
        "name": _text,
        "segment": _text,
        "owner_id": _text,
        "owner": _text,
        "amount": _number,
        "title_ja": _text,
        "title_en": _text,
        "material_ja": _text,
        "material_en": _text,
        "best_channel": _text,
        "best_hour": _whole,
        "best_ja": _text,
        "best_en": _text,
        "next_kind": _text,
        "next_probability": _number,
        "next_ja": _text,
        "next_en": _text,
        "reasons": pa.list_(pa.struct({"kind": _text, "ja": _text, "en": _text})),
    }
)
"""One row an entity considered in a night.

``action_id`` names the row for good (the CRM's external id), ``action`` is ``none`` for none,
``how`` why so: ``play``, ``best``, ``explored``, ``escalated``; ``holdout``, ``capacity``,
``open``, ``cooldown``, ``nothing``. ``probability`` is that with which this action was chosen,
``could`` are the actions that had any, ``planned`` is what the plan gave before any lot was drawn.
``follows`` is the ``action_id`` that was escalated. ``effect`` is the change of the probability of
the task's good outcome, ``worth`` what that outcome is worth, ``value`` the effect's share of it
less what the action costs.
"""


def as_decisions(rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> pa.Table:
    """*rows* as a table of decisions; columns that they lack are null."""
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    columns = {
        name: _column(frame[name], kind) if name in frame else pa.nulls(len(frame), kind)
        for name, kind in zip(DECISIONS.names, DECISIONS.types, strict=True)
    }
    return pa.table(columns, schema=DECISIONS)


def _column(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if pa.types.is_list(kind):
        return pa.array(list(values), type=kind)
    return pa.array(values, type=kind, from_pandas=True)


class ActionBook:
    """The decisions of a project: one folder a run, and per date a note of the run that counts."""

    def __init__(self, project: Project) -> None:
        self.root = project.var / "actions" / "decisions"

    def dates(self) -> list[dt.date]:
        """Dates that have decisions, oldest first."""
        return sorted(dt.date.fromisoformat(path.stem) for path in self.root.glob("*.json"))

    def newest(self) -> dt.date | None:
        """The newest date that has decisions."""
        return max(self.dates(), default=None)

    def publish(
        self,
        as_of: dt.date,
        run_id: str,
        *,
        decisions: pd.DataFrame,
        agenda: pd.DataFrame,
        state: pd.DataFrame,
        meta: Mapping[str, Any],
    ) -> None:
        """Let the run *run_id* count for *as_of*, in place of what counted before.

        *decisions* and *agenda* have the columns of `DECISIONS`, *state* is that of the plays,
        *meta* what else is to be known of the night, as JSON.
        """
        folder = self.root / f"{as_of}-{run_id}"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(as_decisions(decisions), folder / "decisions.parquet")
        pq.write_table(as_decisions(agenda), folder / "agenda.parquet")
        state.to_parquet(folder / "state.parquet", index=False)
        note = json.dumps({"run_id": run_id, **meta}, ensure_ascii=False)
        write_atomically(self._note(as_of), note)
        self._sweep()

    def meta(self, as_of: dt.date) -> dict[str, Any]:
        """What the run of *as_of* noted; raises ModelError where there is none."""
        if not self._note(as_of).exists():
            raise ModelError(
                f"There are no actions of {as_of}.",
                received=f"actions of: {', '.join(map(str, self.dates()[-5:])) or 'none'}",
                where=str(self.root),
                fix="Run the nightly for that date, or ask for another one.",
            )
        meta: dict[str, Any] = json.loads(self._note(as_of).read_text(encoding="utf-8"))
        return meta

    def read(self, as_of: dt.date) -> pd.DataFrame:
        """The decisions of a date, one row an entity considered, with the columns `DECISIONS`."""
        return frame_of(_read(self._folder(as_of) / "decisions.parquet"))

    def agenda(self, as_of: dt.date) -> pd.DataFrame:
        """What is to be done as of a date, with the columns `DECISIONS`.

        One row an entity: tonight's action, or the last one before that nobody has answered.
        """
        return frame_of(_read(self._folder(as_of) / "agenda.parquet"))

    def withdrawn(self, as_of: dt.date) -> pd.DataFrame:
        """What was to be done before a date, and is not any more though nobody answered it.

        Of the last year, with the columns `DECISIONS`.
        """
        ids = self.meta(as_of).get("withdrawn", [])
        before = self.recommendations(as_of - _YEAR, as_of)
        return before[before["action_id"].isin(ids)].reset_index(drop=True)

    def state(self, before: dt.date) -> pd.DataFrame | None:
        """The state of the plays on the last date before *before*; None for the first date."""
        last = max((date for date in self.dates() if date < before), default=None)
        return None if last is None else pd.read_parquet(self._folder(last) / "state.parquet")

    def decisions(
        self, first: dt.date, until: dt.date, columns: list[str] | None = None
    ) -> pd.DataFrame:
        """The decisions from *first* to the date before *until*, oldest first."""
        return self._between(first, until, columns, None)

    def recommendations(
        self, first: dt.date, until: dt.date, columns: list[str] | None = None
    ) -> pd.DataFrame:
        """The decisions for an action from *first* to the date before *until*, oldest first."""
        return self._between(first, until, columns, [("action", "!=", NO_ACTION)])

    def _between(
        self,
        first: dt.date,
        until: dt.date,
        columns: list[str] | None,
        filters: list[tuple[str, str, str]] | None,
    ) -> pd.DataFrame:
        tables = [
            _read(self._folder(date) / "decisions.parquet", columns, filters)
            for date in self.dates()
            if first <= date < until
        ]
        none = DECISIONS.empty_table().select(columns or DECISIONS.names)
        return frame_of(pa.concat_tables([none, *tables]))

    def _note(self, as_of: dt.date) -> Path:
        return self.root / f"{as_of}.json"

    def _folder(self, as_of: dt.date) -> Path:
        return self.root / f"{as_of}-{self.meta(as_of)['run_id']}"

    def _sweep(self) -> None:
        """Delete what does not count: replaced runs, and what runs that died left."""
        counting = {self._folder(date) for date in self.dates()}
        for folder in self.root.glob("*/"):
            if folder not in counting:
                shutil.rmtree(folder, ignore_errors=True)


def _read(
    path: Path,
    columns: list[str] | None = None,
    filters: list[tuple[str, str, str]] | None = None,
) -> pa.Table:
    """*columns* (by default all) of the decisions in *path*.

    Those that a former version of the package did not write are null.
    """
    wanted = columns or DECISIONS.names
    written = pq.read_schema(path).names
    found = pq.read_table(path, columns=[n for n in wanted if n in written], filters=filters)
    arrays = [
        found[name].cast(kind) if name in written else pa.nulls(len(found), kind)
        for name, kind in ((name, DECISIONS.field(name).type) for name in wanted)
    ]
    return pa.table(arrays, names=wanted)


def frame_of(table: pa.Table) -> pd.DataFrame:
    """*table*, of columns of `DECISIONS`, as a frame; its lists are Python lists."""
    lists = [name for name in table.column_names if pa.types.is_list(table.schema.field(name).type)]
    frame: pd.DataFrame = table.drop_columns(lists).to_pandas()
    for name in lists:
        frame[name] = pd.Series(table[name].to_pylist(), dtype=object, index=frame.index)
    for name in ("minutes", "best_hour"):
        if name in frame:
            frame[name] = frame[name].astype("Int32")
    ordered: pd.DataFrame = frame[table.column_names]
    return ordered
