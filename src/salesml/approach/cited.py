"""Who adopted already: the similar ones to cite, and those of the same prefecture."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from salesml.approach.facts import ID, Lists
from salesml.approach.known import Known
from salesml.config import Words
from salesml.report.formats import missing

__all__ = ["adopters", "cited_peers", "cited_prefecture", "newest_peers"]

MOST = 5
_ADOPTIONS = Words(ja="導入済みの自治体", en="who adopted already")
_PEERS = Words(ja="類似自治体", en="similar municipalities")


def adopters(known: Known) -> pd.Series:
    """By municipality the date on which it first adopted, before the date asked about."""
    rows = known.rows("adoptions", [ID, "happened_at"], part=_ADOPTIONS)
    if rows is None or rows.empty:
        return pd.Series(dtype=object, name="adopted_on")
    first = pd.to_datetime(rows["happened_at"]).groupby(rows[ID]).min()
    first = first[first < pd.Timestamp(known.as_of)]
    return first.dt.date.rename("adopted_on")


def newest_peers(known: Known) -> pd.DataFrame | None:
    """The newest list of each municipality's peers, the most similar first.

    ``municipality_id, peer_id, rank, similarity, known_at``.
    """
    needed = [ID, "peer_id", "rank", "similarity", "known_at"]
    rows = known.rows("peers", needed, part=_PEERS)
    if rows is None:
        return None
    latest = rows.groupby(ID)["known_at"].transform("max")
    return rows[rows["known_at"] == latest].sort_values([ID, "rank"], ignore_index=True)


def cited_peers(
    known: Known, wanted: Sequence[str], adopted: pd.Series, who: pd.DataFrame
) -> Lists:
    """For each of *wanted* its peers that *adopted*, the most similar first, five at most.

    *who* is of `profiles`. Each is ``{municipality_id, name, prefecture, similarity, kilometres,
    adopted_on, in_prefecture}``.
    """
    peers = newest_peers(known)
    if peers is None or adopted.empty:
        return {}
    rows = peers[peers[ID].isin(wanted) & peers["peer_id"].isin(adopted.index)]
    rows = rows.groupby(ID, sort=False).head(MOST)
    rows, dates, names = _with_kilometres(known, rows), adopted.to_dict(), _names(adopted, who)
    found: Lists = {}
    for own, peer, similarity, far in zip(
        rows[ID], rows["peer_id"], rows["similarity"], rows["kilometres"], strict=True
    ):
        entry = {
            **names[peer],
            "similarity": float(similarity),
            "kilometres": None if pd.isna(far) else float(far),
            "adopted_on": dates[peer],
            "in_prefecture": own[:2] == peer[:2],
        }
        found.setdefault(own, []).append(entry)
    return found


def _with_kilometres(known: Known, rows: pd.DataFrame) -> pd.DataFrame:
    near = known.rows("neighbours", [ID, "neighbour_id", "kilometres"])
    if near is None:
        return rows.assign(kilometres=None)
    pairs = near.rename(columns={"neighbour_id": "peer_id"}).drop_duplicates([ID, "peer_id"])
    return rows.merge(pairs, on=[ID, "peer_id"], how="left")


def cited_prefecture(wanted: Sequence[str], adopted: pd.Series, who: pd.DataFrame) -> Lists:
    """For each of *wanted* all others of its prefecture that *adopted*, newest first."""
    order, names = adopted.sort_values(ascending=False, kind="stable"), _names(adopted, who)
    by_prefecture: Lists = {}
    for code, on in order.items():
        entry = {**names[str(code)], "adopted_on": on}
        by_prefecture.setdefault(str(code)[:2], []).append(entry)
    return {
        own: [entry for entry in by_prefecture.get(own[:2], []) if entry[ID] != own]
        for own in wanted
    }


def _names(adopted: pd.Series, who: pd.DataFrame) -> dict[str, dict[str, str]]:
    """``{municipality_id, name, prefecture}`` of each that *adopted*; its code for no name."""
    known = who.reindex(adopted.index)[["name", "prefecture"]]
    return {
        str(code): {
            ID: str(code),
            "name": str(code) if missing(name) else str(name),
            "prefecture": "" if missing(prefecture) else str(prefecture),
        }
        for code, name, prefecture in known.itertuples(name=None)
    }
