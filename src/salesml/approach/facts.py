"""What is known of each municipality on a date: who it is, elections, contacts, money, policy."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from salesml.approach.known import Known, newest
from salesml.approach.stages import deadline
from salesml.config import Words
from salesml.municipal.budget_year import last_rotation
from salesml.municipal.settings import MunicipalConfig

__all__ = [
    "ID",
    "Lists",
    "as_date",
    "contacts",
    "elections",
    "policies",
    "profiles",
    "subsidies",
    "subsidy_deadline",
]

ID = "municipality_id"
TERM = 4  # years of a mayor
Lists = dict[str, list[dict[str, Any]]]
_TIER = ["tier", "tier_ja", "tier_en", "approach_ja", "approach_en"]
_WHO = ["name", "prefecture", "prefecture_id", "kind"]


def as_date(value: Any) -> dt.date | None:
    """A date of whatever the database returns; None where it is missing."""
    return None if pd.isna(value) else pd.Timestamp(value).date()


def profiles(known: Known, settings: MunicipalConfig) -> pd.DataFrame:
    """By municipality: name, prefecture, prefecture_id, kind, population, and its tier in words."""
    names = known.rows("municipalities", [ID], [*_WHO, "known_at"], part=_PARTS["municipalities"])
    empty = pd.DataFrame(columns=[ID, *_WHO, "known_at"])
    found = newest(empty if names is None else names, ID).set_index(ID)[_WHO]
    people = known.rows("statistics", [ID, "known_at"], ["population"], part=_PARTS["statistics"])
    if people is None:
        population = pd.Series(dtype="float64")
    else:
        population = newest(people.dropna(), ID).set_index(ID)["population"].astype("float64")
    found = found.reindex(found.index.union(population.index))
    found["population"] = population
    tiers = [_tier(settings, people) for people in found["population"]]
    return found.join(pd.DataFrame(tiers, index=found.index, columns=_TIER, dtype=object))


def _tier(settings: MunicipalConfig, population: float) -> dict[str, str | None]:
    name = settings.tier_of(population)
    tier = settings.tiers[name] if name else None
    return {
        "tier": name,
        "tier_ja": tier.ja if tier else None,
        "tier_en": tier.en if tier else None,
        "approach_ja": tier.approach.ja if tier else None,
        "approach_en": tier.approach.en if tier else None,
    }


def elections(known: Known) -> pd.DataFrame:
    """By municipality the mayor's next election: ``election_on``, ``months_to_election``.

    It is four years after the last one known; where that is over, nobody knows.
    """
    rows = known.rows("elections", [ID, "held_on", "office"], part=_PARTS["elections"])
    if rows is None or rows.empty:
        return pd.DataFrame(columns=["election_on", "months_to_election"])
    last = rows[rows["office"] == "mayor"].groupby(ID)["held_on"].max()
    coming = pd.to_datetime(last) + pd.DateOffset(years=TERM)
    coming = coming[coming >= pd.Timestamp(known.as_of)]
    months = ((coming - pd.Timestamp(known.as_of)).dt.days / (365.25 / 12)).round(1)
    return pd.DataFrame({"election_on": coming.dt.date, "months_to_election": months})


def contacts(known: Known, settings: MunicipalConfig) -> pd.Series:
    """By municipality whether a contact who is there took up the post since the last rotation."""
    part = _PARTS["municipal_contacts"]
    rows = known.rows("municipal_contacts", [ID, "since"], ["contact_id"], part=part)
    if rows is None or rows.empty:
        return pd.Series(dtype=object, name="contact_new")
    left = known.rows("municipal_departures", ["contact_id"])
    if left is not None:
        rows = rows[~rows["contact_id"].isin(left["contact_id"].dropna())]
    newest_since = pd.to_datetime(rows["since"]).groupby(rows[ID]).max().dropna()
    rotated = pd.Timestamp(last_rotation(settings, known.as_of))
    return (newest_since >= rotated).astype(object).rename("contact_new")


def subsidies(known: Known) -> Lists:
    """By municipality the programmes it is eligible for that are not closed, next to close first.

    Each is ``{programme_id, title_ja, title_en, opens_on, closes_on, rate, days_left}``.
    """
    needed = [ID, "programme_id", "closes_on", "known_at"]
    also = ["title", "title_en", "opens_on", "rate"]
    rows = known.rows("eligibility", needed, also, part=_PARTS["eligibility"])
    if rows is None:
        return {}
    rows = newest(rows, ID, "programme_id", "opens_on")
    rows["closes_on"] = pd.to_datetime(rows["closes_on"])
    rows = rows[rows["closes_on"] >= pd.Timestamp(known.as_of)].sort_values("closes_on")
    found: Lists = {}
    for row in rows.to_dict("records"):
        closes = pd.Timestamp(row["closes_on"]).date()
        entry = {
            "programme_id": row["programme_id"],
            **_titled(row),
            "opens_on": as_date(row["opens_on"]),
            "closes_on": closes,
            "rate": None if pd.isna(row["rate"]) else float(row["rate"]),
            "days_left": (closes - known.as_of).days,
        }
        found.setdefault(str(row[ID]), []).append(entry)
    return found


def _titled(row: dict[Any, Any]) -> dict[str, str]:
    ja = _text(row["title"]) or str(row["programme_id"])
    return {"title_ja": ja, "title_en": _text(row["title_en"]) or ja}


def subsidy_deadline(found: dict[str, Any], as_of: dt.date) -> dict[str, Any]:
    """The deadline that a programme of `subsidies` sets."""
    words = Words(
        ja=f"{found['title_ja']}の申請締切", en=f"applications for {found['title_en']} close"
    )
    return deadline("subsidy", found["closes_on"], words, as_of, found["programme_id"])


def policies(known: Known) -> dict[str, dict[str, Any]]:
    """By municipality the passage of its documents that fits the solution best.

    ``{similarity, kind, title, passage, terms}``.
    """
    also = ["kind", "passage", "terms", "title"]
    needed = [ID, "document_id", "similarity", "known_at"]
    rows = known.rows("policy_fit", needed, also, part=_PARTS["policy_fit"])
    if rows is None:
        return {}
    rows = newest(rows, ID, "document_id").dropna(subset="similarity")
    best = rows.sort_values(["similarity", "known_at"]).drop_duplicates(ID, keep="last")
    titles = _titles(known)
    return {
        str(row[ID]): {
            "similarity": float(row["similarity"]),
            "kind": _text(row["kind"]),
            "title": _text(row["title"]) or titles.get((row[ID], row["document_id"])),
            "passage": _text(row["passage"]),
            "terms": _text(row["terms"]),
        }
        for row in best.to_dict("records")
    }


def _titles(known: Known) -> dict[tuple[str, str], str]:
    rows = known.rows("documents", [ID, "document_id"], ["title"])
    if rows is None:
        return {}
    rows = rows.dropna(subset="title")
    return dict(zip(zip(rows[ID], rows["document_id"], strict=True), rows["title"], strict=True))


def _text(value: Any) -> str | None:
    """A text or a list of texts on one line; None where there is none."""
    if isinstance(value, str):
        return value
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return None
    return "、".join(map(str, value))


_PARTS = {
    "municipalities": Words(ja="自治体の名称と都道府県", en="names and prefectures"),
    "statistics": Words(ja="人口と規模区分", en="population and tier"),
    "elections": Words(ja="首長選挙", en="mayors' elections"),
    "municipal_contacts": Words(ja="担当者の異動", en="contacts that are new"),
    "eligibility": Words(ja="補助金の締切", en="subsidies and their deadlines"),
    "policy_fit": Words(ja="政策文書の該当箇所", en="passages of policy documents"),
}
