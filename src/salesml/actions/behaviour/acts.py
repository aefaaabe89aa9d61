"""Who did what and when, as ``behaviour`` of ``actions.yml`` selects it."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import NamedTuple

import duckdb
import pandas as pd

from salesml.actions.rules.asking import ask
from salesml.config import Project
from salesml.engine import quote
from salesml.store import Store

__all__ = ["Acts", "read_acts"]

_LOOKBACK = 1200  # days; what is learnt reaches no further back
_TYPES = {
    "happened_at": "timestamp",
    "kind": "varchar",
    "known_at": "timestamp",
    "direction": "varchar",
    "channel": "varchar",
}


class Acts(NamedTuple):
    """Acts of entities and by us, and what each kind is called.

    ``events`` has ``entity_id``, ``happened_at``, ``kind``, and of ``known_at``, ``direction`` and
    ``channel`` what the SQL selects; ``words`` has ``ja`` and ``en`` by kind.
    """

    events: pd.DataFrame
    words: pd.DataFrame


def read_acts(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, entity: str, as_of: dt.date
) -> Acts | None:
    """The acts known before *as_of*; None where the project does not say what they are.

    Raises ConfigError where the SQL cannot be used.
    """
    if project.actions is None or entity not in project.actions.behaviour:
        return None
    sql, id_column = project.actions.behaviour[entity], f"{entity}_id"
    ask_for = partial(ask, con, project, store, ("behaviour", entity), as_of=as_of)
    needed = (id_column, "happened_at", "kind")
    given = [str(name) for name in ask_for(f"from ({sql}\n) limit 0", needed)]
    complete = " and ".join(f"{quote(name)} is not null" for name in needed)
    since = as_of - dt.timedelta(days=_LOOKBACK)
    rows = (
        f"({sql}\n) where {complete} and happened_at >= date '{since}' "
        f"and happened_at < date '{as_of}'"
    )
    typed = (f"{name}::{kind} as {name}" for name, kind in _TYPES.items() if name in given)
    columns = ", ".join([f"{quote(id_column)}::varchar as entity_id", *typed])
    spoken = ", ".join(_called(name, given) for name in ("ja", "en"))
    return Acts(
        ask_for(f"select {columns} from {rows}", ()),
        ask_for(f"select kind::varchar as kind, {spoken} from {rows} group by kind", ()).set_index(
            "kind"
        ),
    )


def _called(name: str, given: list[str]) -> str:
    """SQL: what a kind is called in the column *name*, else the kind itself."""
    told = f"max({name}::varchar)" if name in given else "null"
    return f"coalesce({told}, kind::varchar) as {name}"
