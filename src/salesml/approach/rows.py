"""The rows of a plan: all that is known of each municipality that was scored."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from salesml.approach.cited import MOST, adopters, cited_peers, cited_prefecture
from salesml.approach.facts import (
    ID,
    contacts,
    elections,
    policies,
    profiles,
    subsidies,
    subsidy_deadline,
)
from salesml.approach.known import Known
from salesml.approach.stages import Stage, common_deadlines
from salesml.municipal.settings import MunicipalConfig
from salesml.report.formats import missing

__all__ = ["plan_rows"]

Record = Mapping[Hashable, Any]
_REASONS = 3
_SCORE = ("score", "band", "probability", "amount", "expected_value", "change")
_COLUMNS = [
    ID, "name", "prefecture", "prefecture_id", "kind", "owner", "population",
    "tier", "tier_ja", "tier_en", "approach_ja", "approach_en", *_SCORE,
    "stage", "stage_ja", "stage_en", "talks",
    "deadline_on", "deadline_kind", "deadline_ja", "deadline_en", "days_left", "deadlines",
    "subsidies", "cited", "cited_prefecture", "adopters_prefecture", "policy",
    "election_on", "months_to_election", "contact_new", "reasons_for", "reasons_against",
]  # fmt: skip
_KINDS = {
    "population": "float64",
    "score": "int64",
    "probability": "float64",
    "amount": "float64",
    "expected_value": "float64",
    "months_to_election": "float64",
    "change": "Int64",
    "days_left": "int64",
    "adopters_prefecture": "int64",
}


def plan_rows(
    known: Known, settings: MunicipalConfig, scored: pd.DataFrame, stage: Stage
) -> pd.DataFrame:
    """One row a municipality of *scored*, in its order; without rank and outlook."""
    codes = [str(code) for code in scored[ID]]
    facts, talks = _Facts(known, settings, codes), stage.told()
    rows = [
        {
            **{name: record.get(name) for name in _SCORE},
            **facts.profile(code, record),
            "stage": stage.name,
            "stage_ja": stage.ja,
            "stage_en": stage.en,
            "talks": talks,
            **facts.dates(code),
            **facts.others(code),
            **_reasons(record["reasons"]),
        }
        for code, record in zip(codes, scored.to_dict("records"), strict=True)
    ]
    # what is not known is None, not the NaN of a column of texts
    return pd.DataFrame(rows, columns=_COLUMNS, dtype=object).astype(_KINDS)


class _Facts:
    """What is known, by municipality."""

    def __init__(self, known: Known, settings: MunicipalConfig, codes: list[str]) -> None:
        self._as_of, who = known.as_of, profiles(known, settings)
        self._who = who.to_dict("index")
        self._deadlines = common_deadlines(settings, known.as_of)
        self._subsidies, self._policies = subsidies(known), policies(known)
        self._elections = elections(known).to_dict("index")
        self._contacts = contacts(known, settings).to_dict()
        adopted = adopters(known)
        self._cited = cited_peers(known, codes, adopted, who)
        self._nearby = cited_prefecture(codes, adopted, who)

    def profile(self, code: str, record: Record) -> dict[str, Any]:
        """Who it is; the name is the CRM's where it has one."""
        found = {str(k): None if missing(v) else v for k, v in self._who.get(code, {}).items()}
        name = record.get("name")
        named = found.get("name") if missing(name) else name
        owner = record.get("owner")
        return {
            **found,
            ID: code,
            "name": named or code,
            "owner": None if missing(owner) else str(owner),
        }

    def dates(self, code: str) -> dict[str, Any]:
        """What must be done by when, and what may change the people."""
        programmes = self._subsidies.get(code, [])
        # of the programmes the one that closes next: one deadline of each kind
        own = [subsidy_deadline(found, self._as_of) for found in programmes[:1]]
        deadlines = sorted([*self._deadlines, *own], key=lambda found: found["on"])
        first, election = deadlines[0], self._elections.get(code, {})
        return {
            **{f"deadline_{name}": first[name] for name in ("on", "kind", "ja", "en")},
            "days_left": first["days_left"],
            "deadlines": deadlines,
            "subsidies": programmes,
            "election_on": election.get("election_on"),
            "months_to_election": election.get("months_to_election"),
            "contact_new": self._contacts.get(code),
        }

    def others(self, code: str) -> dict[str, Any]:
        """Who adopted already, and what its own documents say."""
        nearby = self._nearby[code]
        return {
            "cited": self._cited.get(code, []),
            "cited_prefecture": nearby[:MOST],
            "adopters_prefecture": len(nearby),
            "policy": self._policies.get(code),
        }


def _reasons(told: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "reasons_for": [reason for reason in told if reason["points"] > 0][:_REASONS],
        "reasons_against": [reason for reason in told if reason["points"] < 0][:_REASONS],
    }
