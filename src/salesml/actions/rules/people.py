"""The people who do the work: role, skill, minutes, and whether they are still there."""

from __future__ import annotations

import datetime as dt

import duckdb
import pandas as pd

from salesml.actions.rules.asked import ids_as_text
from salesml.actions.rules.asking import ask
from salesml.config import Project
from salesml.errors import ConfigError
from salesml.store import Store

__all__ = ["people_of"]

_NEEDED = ("rep_id", "name", "role", "skill")
_IDS = ("rep_id", "manager_id")
_TEXTS = ("name", "role", "team")
_COLUMNS = ["rep_id", "name", "role", "skill", "team", "manager_id", "left", "minutes"]


def people_of(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, as_of: dt.date
) -> pd.DataFrame:
    """Who there is on *as_of*, by ``people`` of ``actions.yml``, one row a person, by id.

    Returns ``rep_id``, ``name``, ``role``, ``skill`` (1 where unknown), ``team``, ``manager_id``
    (missing where not selected), ``left`` (whether they left by that date) and ``minutes`` a week:
    their own, or those of the role; 0 for who left. Raises ConfigError.
    """
    config = project.catalogue
    rows = ask(con, project, store, ("people",), config.people, _NEEDED, as_of)
    people = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *_COLUMNS, "left_on"])))
    ids = {name: ids_as_text(people[name]) for name in _IDS}
    people = people.assign(**ids).dropna(subset=["rep_id"]).astype(dict.fromkeys(_TEXTS, "str"))
    _require_once(project, people["rep_id"])
    people["name"] = people["name"].fillna(people["rep_id"])
    people["skill"] = _numbers(project, people["skill"]).fillna(1).astype("int64")
    people["left"] = pd.to_datetime(people["left_on"]) <= pd.Timestamp(as_of)
    own = _numbers(project, people["minutes"]).fillna(people["role"].map(config.capacity))
    people["minutes"] = own.fillna(0).where(~people["left"], 0).astype("int64")
    return people.sort_values("rep_id", ignore_index=True)[_COLUMNS]


def _require_once(project: Project, ids: pd.Series) -> None:
    twice = sorted(set(ids[ids.duplicated()]))
    if twice:
        raise ConfigError(
            "The SQL of people returns a person twice.",
            received=", ".join(twice[:5]),
            where=project.where("actions.yml", "people"),
            fix="Select one row a rep_id.",
        )


def _numbers(project: Project, values: pd.Series) -> pd.Series:
    try:
        return pd.to_numeric(values)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"The {values.name} of people are no numbers: {error}.",
            where=project.where("actions.yml", "people"),
            fix=f"Select a number as {values.name}, or null where it is not known.",
        ) from None
