"""What was tried on whom: the trials of ``history:`` and the project's own decisions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import duckdb
import pandas as pd

from salesml.actions.book import NO_ACTION, ActionBook
from salesml.actions.effect.overlap import HARDLY
from salesml.actions.rules import ask
from salesml.config import Project, Words
from salesml.errors import suggest
from salesml.store import Store

__all__ = ["COLUMNS", "Trials", "trials_of"]

COLUMNS = ["entity", "entity_id", "as_of", "action", "probability", "could", "how", "action_id"]
KEY = ["entity", "entity_id", "as_of"]
SURE = 1 - 1e-9  # a decision as probable as this left nothing to chance
MOST_OWN = 50_000  # own decisions that are learnt from
_OF_BOOK = ["entity", "entity_id", "as_of", "action", "probability", "planned", "how", "action_id"]
_ASKED = ("entity", "entity_id", "decided_on", "action", "probability")


@dataclass
class Trials:
    """Decisions by chance, oldest first, and what was set aside.

    ``rows`` have the entity and its id, ``as_of`` (the date of the decision), the action (``none``
    for none), the probability with which it was chosen (NaN: unknown), ``could`` (the actions it
    could have been beside none, a tuple), ``how`` (``history`` for those from elsewhere) and the
    ``action_id``.
    """

    rows: pd.DataFrame
    notes: list[Words] = field(default_factory=list)

    def set_aside(self, wrong: pd.Series, ja: str, en: str) -> None:
        """Take the rows that are *wrong* out, and say so."""
        wrong = wrong.astype(bool)
        if not wrong.any():
            return
        first = self.rows[wrong].iloc[0]
        count, which = int(wrong.sum()), f"{first['entity']} {first['entity_id']}"
        self.notes.append(
            Words(
                ja=f"アクションの記録{count:,}件を学習から除外: {ja}（例: {which}）",
                en=f"{count:,} trials of actions set aside: {en} (e.g. {which})",
            )
        )
        self.rows = self.rows[~wrong]


def trials_of(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, as_of: dt.date
) -> Trials:
    """Every trial before *as_of*, as known then; raises ConfigError where its SQL cannot run."""
    told = _history(con, project, store, as_of)
    own = _own(ActionBook(project), as_of)
    rows = [part for part in (told.rows, own) if len(part)]
    told.rows = pd.concat(rows, ignore_index=True) if rows else own
    return told


def _history(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, as_of: dt.date
) -> Trials:
    sql = project.catalogue.history
    if sql is None:
        return Trials(pd.DataFrame(columns=COLUMNS))
    found = ask(con, project, store, ("history",), sql, _ASKED, as_of)
    texts = {name: found[name].astype("str") for name in ("entity", "entity_id", "action")}
    rows = found.assign(**{k: v.where(found[k].notna(), None) for k, v in texts.items()})
    rows["as_of"] = _dates(found["decided_on"])
    rows["given"] = rows["probability"].notna()
    rows["probability"] = pd.to_numeric(rows["probability"], errors="coerce").astype("float64")
    rows["done_on"] = _dates(found["done_on"]) if "done_on" in found else None
    told = Trials(rows.assign(how="history", action_id=None))
    _sift(told, project, as_of)
    told.rows = _with_menu(told.rows)[COLUMNS].sort_values(KEY, kind="stable")
    return told


def _dates(values: pd.Series) -> pd.Series:
    times = pd.to_datetime(values, errors="coerce", format="ISO8601")
    return times.dt.date.astype(object).where(times.notna(), None)


def _sift(told: Trials, project: Project, as_of: dt.date) -> None:
    """Set aside what nothing can be learnt from, and say why."""
    told.set_aside(
        told.rows[["entity", "entity_id", "as_of", "action"]].isna().any(axis=1),
        "対象・日付・アクションのいずれかが空、または読めない",
        "the entity, the date or the action is missing or cannot be read",
    )
    _unknown_actions(told, project)
    told.set_aside(
        told.rows["as_of"].map(lambda date: date >= as_of),
        "決定日が当日以後",
        "decided on the date of the run or after it",
    )
    told.set_aside(
        _early(told.rows),
        "結果の日付が決定より前",
        "its result is dated before the decision",
    )
    told.set_aside(
        told.rows["given"] & ~told.rows["probability"].map(lambda p: 0 < p <= 1),
        "確率が0以下、1超、または数でない",
        "the probability is 0 or below, above 1 or no number",
    )
    told.set_aside(
        told.rows["probability"] < HARDLY,
        f"確率が{HARDLY:.1%}未満で、1件が全体を左右する",
        f"the probability is below {HARDLY:.1%}, so that one would outweigh all others",
    )
    told.set_aside(
        told.rows["probability"] >= SURE,
        "確率が1で、比べる相手がない",
        "chosen for sure (probability 1), so that there is nothing to compare with",
    )
    told.set_aside(
        told.rows.duplicated(KEY),
        "同じ対象・同じ日の2件目以降",
        "a second decision of an entity on one day",
    )


def _early(rows: pd.DataFrame) -> pd.Series:
    pairs = zip(rows["done_on"], rows["as_of"], strict=True)
    early = [done is not None and done == done and done < made for done, made in pairs]
    return pd.Series(early, index=rows.index, dtype=bool)


def _unknown_actions(told: Trials, project: Project) -> None:
    """Set aside actions that the catalogue does not have for the entity."""
    for (entity, action), rows in told.rows.groupby(["entity", "action"]):
        known = [each.id for each in project.catalogue.actions_of(str(entity))]
        if known and action in (NO_ACTION, *known):
            continue
        hint = suggest(str(action), known) if known else ""
        told.set_aside(
            told.rows.index.to_series().isin(rows.index),
            f"actions.ymlの{entity}にアクション「{action}」がない",
            f"actions.yml has no action '{action}' for {entity}.{hint}",
        )


def _with_menu(rows: pd.DataFrame) -> pd.DataFrame:
    """Take every action of an entity's trials from elsewhere as possible in each of them."""
    tried = rows[rows["action"] != NO_ACTION].groupby("entity")["action"]
    menus = {entity: tuple(sorted(set(actions))) for entity, actions in tried}
    could = [menus.get(entity, ()) for entity in rows["entity"]]
    return rows.assign(could=pd.Series(could, index=rows.index, dtype=object))


def _own(book: ActionBook, as_of: dt.date) -> pd.DataFrame:
    """The project's own decisions by chance: what the plan gave, against nothing.

    Of each entity the first night of a quarter on which the plan gave it anything: who is held out
    is drawn once a quarter, so that on later nights those whom the plan still wants to give
    something are no longer held out with the probability that was noted. Of very many, those of
    some entities are taken, by hash.
    """
    seen: set[tuple[str, str, int]] = set()
    parts = []
    for date in book.dates():
        if date >= as_of:
            break
        rows = book.decisions(date, date + dt.timedelta(days=1), _OF_BOOK)
        wanted = rows["planned"].notna() & (rows["planned"] != NO_ACTION)
        rows = rows[wanted & rows["probability"].between(0, SURE, inclusive="neither")]
        quarter = date.year * 4 + (date.month - 1) // 3
        keys = [(e, i, quarter) for e, i in zip(rows["entity"], rows["entity_id"], strict=True)]
        parts.append(rows[[key not in seen for key in keys]])
        seen.update(keys)
    found = [part for part in parts if len(part)]
    rows = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=_OF_BOOK)
    if len(rows) > MOST_OWN:
        lots = pd.util.hash_array(rows["entity_id"].to_numpy(object)) / 2**64
        rows = rows[lots < MOST_OWN / len(rows)].reset_index(drop=True)
    could = [(action,) for action in rows.pop("planned")]
    return rows.assign(could=pd.Series(could, index=rows.index, dtype=object))[COLUMNS]
