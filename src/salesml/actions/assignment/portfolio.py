"""Who looks after which account: owners stay where they can, the rest is spread fairly."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

from salesml.actions.assignment.accounts import FULL, MOST, accounts_of, staff_of, too_hard
from salesml.actions.assignment.allocation import allocate
from salesml.actions.assignment.moves import notes_of, reasons_of
from salesml.config import Project, Words
from salesml.config.assignment import FILE, AssignmentConfig, read_assignment
from salesml.errors import ConfigError, suggest
from salesml.store import Store

__all__ = ["Portfolio", "portfolio_of", "require_assignment"]

_LESS = 0.5
_WEIGHT = 5 / 100  # of an account's load: having somebody counts as much as many who stay


@dataclass(frozen=True)
class Portfolio:
    """The accounts of a role and who should look after them.

    Parameters
    ----------
    accounts : ``account_id, name, segment, effort`` (a list of reasons), ``load`` (share of all
        that a person can take), ``owner_id, owner, proposed_id, proposed, moved, why_ja, why_en``.
    people : ``rep_id, name, new, left``, and before and after: ``accounts_now, load_now,
        accounts_then, load_then``.
    notes : who has too much, who left, and what finds no place.
    """

    role: str
    as_of: dt.date
    config: AssignmentConfig
    accounts: pd.DataFrame
    people: pd.DataFrame
    notes: list[Words]


def portfolio_of(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    role: str | None,
    as_of: dt.date,
) -> Portfolio:
    """Spread the accounts of *role* (the only one of ``assignment.yml`` by default) on *as_of*.

    Nobody gets more than the limits allow, and somebody new nothing hard that they do not have yet;
    within that as much as possible has somebody, and as few accounts as possible change hands.

    Raises ConfigError where there is no ``assignment.yml``, or it or ``people`` does not fit.
    """
    roles = read_assignment(project.root / "configs" / project.name)
    role, config = _role(project, roles, role)
    accounts = accounts_of(con, project, store, role, config, as_of)
    staff = staff_of(con, project, store, role, config, as_of)
    accounts = _spread(accounts, staff, config)
    people = _people(accounts, staff)
    accounts = accounts.join(reasons_of(accounts, people))
    notes = notes_of(accounts, people, config)
    return Portfolio(role, as_of, config, _shown(accounts), people, notes)


def require_assignment(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, as_of: dt.date
) -> None:
    """Raise ConfigError unless ``assignment.yml`` of *project*, if there is one, can be used."""
    folder = project.root / "configs" / project.name
    if (folder / FILE).exists():
        for role in read_assignment(folder):
            portfolio_of(con, project, store, role, as_of)


def _role(
    project: Project, roles: dict[str, AssignmentConfig], role: str | None
) -> tuple[str, AssignmentConfig]:
    if role is None and len(roles) == 1:
        return next(iter(roles.items()))
    if role is None or role not in roles:
        wrong = (
            f"has no role '{role}'.{suggest(role, roles)}" if role else "is about several roles."
        )
        raise ConfigError(
            f"assignment.yml of project {project.name} {wrong}",
            where=project.where(FILE, "roles"),
            fix=f"Use --role with one of: {', '.join(roles)}.",
        )
    return role, roles[role]


def _spread(accounts: pd.DataFrame, staff: pd.DataFrame, config: AssignmentConfig) -> pd.DataFrame:
    """*accounts* with ``proposed_id, stuck, owner, proposed, moved``.

    What nobody has room for is ``stuck`` with its owner, if that one is still there.
    """
    found = _proposed(accounts, staff, config)
    there = accounts["owner_id"].isin(staff.loc[~staff["left"], "rep_id"])
    proposed = found.where(found.notna() | ~there, accounts["owner_id"])
    names = staff.set_index("rep_id")["name"]
    return accounts.assign(
        proposed_id=proposed,
        stuck=found.isna(),
        owner=accounts["owner_id"].map(names).fillna(accounts["owner_id"]),
        proposed=proposed.map(names),
        moved=proposed.notna() & (proposed != accounts["owner_id"]),
    )


def _proposed(accounts: pd.DataFrame, staff: pd.DataFrame, config: AssignmentConfig) -> pd.Series:
    """Who gets each account, missing where nobody can, by the solver of a night's actions.

    Staying is worth a little more than moving, less so with somebody new for whom it is hard.
    """
    people = staff[~staff["left"]].assign(minutes=MOST)
    people = people.assign(skill=(~people["new"]).astype(int))
    hard = too_hard(accounts, config).astype(int)
    common = pd.DataFrame(
        {
            "entity": accounts["account_id"],
            "minutes": accounts["load"],
            "channel": "account",
            "role": staff["role"].iloc[0],
            "urgent": False,
        }
    )
    owner = accounts["owner_id"].map(people.set_index("rep_id")["skill"])
    worth = _WEIGHT * accounts["load"]
    better = worth + np.where(hard > owner, _LESS, 1)
    stay = common.assign(action="stay", owner_id=accounts["owner_id"], value=better, skill=0)
    move = common.assign(action="move", owner_id=None, value=worth, skill=hard)
    options = pd.concat([stay[owner.notna()], move])
    options["account"] = options.index
    options = options.reset_index(drop=True)
    found = allocate(options, people, channels={"account": config.most}).chosen
    given = pd.Series(found.to_numpy(), options.loc[found.index, "account"], dtype=object)
    return given.reindex(accounts.index)


def _people(accounts: pd.DataFrame, staff: pd.DataFrame) -> pd.DataFrame:
    """What everybody has before and after."""
    people = staff[["rep_id", "name", "new", "left"]]
    for when, column in (("now", "owner_id"), ("then", "proposed_id")):
        sums = accounts.groupby(column)["load"].agg(["count", "sum"]).reindex(people["rep_id"])
        counts, loads = sums["count"].fillna(0), sums["sum"].fillna(0) / FULL
        people = people.assign(
            **{f"accounts_{when}": counts.to_numpy(dtype=int), f"load_{when}": loads.to_numpy()}
        )
    return people


def _shown(accounts: pd.DataFrame) -> pd.DataFrame:
    """The columns of `Portfolio.accounts`, None where there is nothing."""
    columns = ["account_id", "name", "segment", "effort", "load", "owner_id", "owner"]
    columns += ["proposed_id", "proposed", "moved", "why_ja", "why_en"]
    shown = accounts.assign(load=accounts["load"] / FULL)[columns]
    texts = ["owner_id", "owner", "proposed_id", "proposed"]
    return shown.assign(**{n: shown[n].astype(object).where(shown[n].notna(), None) for n in texts})
