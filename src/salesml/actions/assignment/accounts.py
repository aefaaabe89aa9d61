"""The accounts of a role and the people who can look after them, as known before a date."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Any

import duckdb
import pandas as pd

from salesml.actions.rules import ask, people_of
from salesml.config import Project
from salesml.config.assignment import FILE, AssignmentConfig
from salesml.errors import ConfigError, suggest
from salesml.store import Store

__all__ = ["FULL", "MOST", "accounts_of", "staff_of", "too_hard"]

FULL = 10_000  # the load of a person who has all that one can look after
MOST = 10_050  # what is not more than that, as people read it
_NEEDED = ("account_id", "name", "owner_id", "segment")


def accounts_of(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    role: str,
    config: AssignmentConfig,
    as_of: dt.date,
) -> pd.DataFrame:
    """The accounts that *role* looks after, by id.

    Returns ``account_id``, ``name``, ``owner_id`` (None where there is none), ``segment``,
    ``effort`` (a list of the reasons that apply) and ``load`` (of `FULL`). Raises ConfigError where
    the SQL does not run, or tells of an account twice or of a segment that has no limits.
    """
    columns = [*_NEEDED, *config.effort.reasons]
    place = ("roles", role, "accounts")
    rows = ask(con, project, store, place, config.accounts, columns, as_of, file=FILE)
    rows = rows.dropna(subset=["account_id"]).sort_values("account_id", ignore_index=True)
    rows = rows.astype({"account_id": "str"})
    _require(project, place, config, rows)
    reasons = [_true(row, list(config.effort.reasons)) for row in rows.to_dict("records")]
    loads = [_load(config, str(s), len(e)) for s, e in zip(rows["segment"], reasons, strict=True)]
    names = rows["name"].where(rows["name"].notna(), rows["account_id"])
    owners = rows["owner_id"].astype(object).where(rows["owner_id"].notna(), None)
    found = rows.assign(name=names, owner_id=owners, load=loads)[[*_NEEDED, "load"]]
    return found.assign(effort=pd.Series(reasons, dtype=object))


def _true(row: dict[Any, Any], reasons: list[str]) -> list[str]:
    return [each for each in reasons if not pd.isna(row[each]) and bool(row[each])]


def _load(config: AssignmentConfig, segment: str, reasons: int) -> int:
    """The load of one account: between the limits of its segment, by how many reasons apply."""
    fewest, most = config.segments[segment]
    hard = Fraction(min(reasons, config.effort.full), config.effort.full)
    return int(FULL / (most - (most - fewest) * hard))


def too_hard(accounts: pd.DataFrame, config: AssignmentConfig) -> pd.Series:
    """Whether each of *accounts* is more than somebody new takes."""
    return accounts["load"] > config.new.load * FULL


def _require(
    project: Project, place: tuple[str, ...], config: AssignmentConfig, rows: pd.DataFrame
) -> None:
    twice = sorted(set(rows.loc[rows["account_id"].duplicated(), "account_id"]))
    if twice:
        raise ConfigError(
            f"The SQL of {'.'.join(place)} returns an account twice.",
            received=", ".join(twice[:5]),
            where=project.where(FILE, *place),
            fix="Select one row an account_id.",
        )
    without = sorted(rows.loc[rows["segment"].isna(), "account_id"])
    if without:
        raise ConfigError(
            f"{len(without)} accounts of {'.'.join(place)} have no segment.",
            received=", ".join(without[:5]),
            where=project.where(FILE, *place),
            fix="Give them one in the CRM, or `coalesce(segment, 'C')` in the SQL.",
        )
    found = sorted({str(each) for each in rows["segment"]} - set(config.segments))
    if found:
        raise ConfigError(
            f"The segment '{found[0]}' has no limits.{suggest(found[0], config.segments)}",
            received=", ".join(found),
            where=project.where(FILE, *place[:-1], "segments"),
            fix="Say how many of it a person can have, as `S: [5, 8]`.",
        )


def staff_of(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    role: str,
    config: AssignmentConfig,
    as_of: dt.date,
) -> pd.DataFrame:
    """The people of *role* by ``people`` of ``actions.yml``: ``rep_id, name, skill, left, new``.

    Raises ConfigError where the project has no actions, or nobody of the role.
    """
    people = people_of(con, project, store, as_of)
    staff = people[people["role"] == role].reset_index(drop=True)
    if staff.empty:
        known = sorted(people["role"].dropna().unique())
        raise ConfigError(
            f"There is nobody of the role '{role}' on {as_of}.{suggest(role, known)}",
            received=", ".join(known) or "no people",
            where=project.where("actions.yml", "people"),
            fix="Select them in people, or name another role in assignment.yml.",
        )
    return staff.assign(new=staff["skill"] <= config.new.skill)
