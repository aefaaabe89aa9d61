"""The municipalities most like one, why, and which of them adopted when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesml.approach.cited import adopters, newest_peers
from salesml.approach.facts import ID
from salesml.approach.known import Known, newest
from salesml.approach.naming import find_municipality
from salesml.config import Project
from salesml.engine import connect
from salesml.errors import SourceError
from salesml.municipal.likeness import PeersConfig, TraitConfig
from salesml.municipal.peers import standardised, traits_of
from salesml.municipal.settings import load_municipal

__all__ = ["PeerTable", "peer_table"]

_STATISTICS = [
    "population", "habitable_area", "over_65",
    "workers_primary", "workers_secondary", "workers_tertiary",
]  # fmt: skip
_FINANCE = ["fiscal_strength", "current_balance", "debt_service"]


@dataclass(frozen=True)
class PeerTable:
    """One municipality and those most like it, as known before a date.

    Parameters
    ----------
    own : ``municipality_id, name, prefecture, kind, class, adopted_on`` of the one asked about.
    rows : its peers, the same columns and ``rank, similarity``, the most similar first.
    traits : what they are compared by, and how much each counts (``peers`` of the settings).
    values : the traits by municipality_id, the own one first.
    distances : of each peer from the own one, in standard deviations over all municipalities.
    """

    as_of: dt.date
    own: dict[str, Any]
    rows: pd.DataFrame
    traits: Mapping[str, TraitConfig]
    values: pd.DataFrame
    distances: pd.DataFrame

    def whole(self) -> pd.DataFrame:
        """All of it as one table, the one asked about first, with rank 0."""
        head = pd.DataFrame([{"rank": 0, **self.own}])
        rows = pd.concat([head, self.rows.astype({"adopted_on": object})], ignore_index=True)
        far = self.distances.add_suffix("_distance")
        return rows.join(self.values, on=ID).join(far, on=ID)


def peer_table(project: Project, text: str, as_of: dt.date, top: int = 10) -> PeerTable:
    """The *top* municipalities most like the one that *text* (a code or a name) means.

    Raises ConfigError where *text* is not one municipality, SourceError where nothing was imported.
    """
    settings = load_municipal(project).peers
    with connect(project.var / "spill") as con:
        known = Known(con, project, as_of)
        who = _who(known)
        code = find_municipality(who, text)
        peers = newest_peers(known)
        if peers is None:
            raise _missing(known, "peers")
        listed = peers[peers[ID] == code].head(top)
        named = who.set_index(ID).join(adopters(known).rename("adopted_on"))
        traits = _traits(known, settings, listed["known_at"].max())
    rows = listed.drop(columns=[ID, "known_at"]).rename(columns={"peer_id": ID})
    rows = rows.join(named, on=ID).reset_index(drop=True)
    rows["adopted_on"] = rows["adopted_on"].astype(object).where(rows["adopted_on"].notna(), None)
    return PeerTable(
        as_of=as_of,
        own={ID: code, **{str(k): v for k, v in named.loc[code].items()}},
        rows=rows,
        traits={name: trait for name, trait in settings.traits.items()},  # noqa: C416
        values=traits.reindex([code, *rows[ID]]),
        distances=_distances(traits, settings, code, rows[ID].tolist()),
    )


def _who(known: Known) -> pd.DataFrame:
    needed = [ID, "name", "prefecture"]
    rows = known.rows("municipalities", needed, ["kind", "class", "known_at"])
    if rows is None or rows.empty:
        raise _missing(known, "municipalities")
    return newest(rows, ID).drop(columns="known_at")


def _missing(known: Known, name: str) -> SourceError:
    return SourceError(
        f"There is no table {name} of what was known before {known.as_of}.",
        where=str(known.folder / f"{name}.parquet"),
        fix="Import published files first: salesml municipal import -p PROJECT FILE…",
    )


def _traits(known: Known, settings: PeersConfig, until: pd.Timestamp) -> pd.DataFrame:
    """The traits of all municipalities by which a list of *until* was made."""
    kinds = {"statistics": ("edition", _STATISTICS), "finance": ("fiscal_year", _FINANCE)}
    read = {
        name: known.rows(name, [ID, order, "known_at"], columns, published=True)
        for name, (order, columns) in kinds.items()
    }
    tables = {name: rows for name, rows in read.items() if rows is not None and len(rows)}
    if pd.isna(until) or "statistics" not in tables:
        return pd.DataFrame(columns=list(settings.traits), dtype="float64")
    return traits_of(tables, settings, until)


def _distances(
    traits: pd.DataFrame, settings: PeersConfig, own: str, peers: list[str]
) -> pd.DataFrame:
    """How far *peers* are from the *own* one by each trait; NaN where one is not known."""
    scaled = standardised(traits, settings).where(traits.notna())
    return scaled.reindex(peers) - scaled.reindex([own]).iloc[0]
