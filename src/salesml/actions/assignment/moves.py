"""Why accounts change hands, and what is wrong with the way they are spread, in words."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from salesml.actions.assignment.accounts import FULL, MOST, too_hard
from salesml.config import Words
from salesml.config.assignment import AssignmentConfig

__all__ = ["notes_of", "over", "reasons_of"]

Record = Mapping[Hashable, Any]


def reasons_of(accounts: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """``why_ja, why_en``: why accounts move, or should and cannot; None where they stay."""
    owners = {row["rep_id"]: row for row in people.to_dict("records")}
    words = [_reason(row, owners.get(row["owner_id"])) for row in accounts.to_dict("records")]
    return pd.DataFrame(
        {
            "why_ja": pd.Series([w and w.ja for w in words], accounts.index, dtype=object),
            "why_en": pd.Series([w and w.en for w in words], accounts.index, dtype=object),
        }
    )


def _reason(account: Record, owner: Record | None) -> Words | None:
    if account["moved"]:
        return _why(account, owner)
    if pd.isna(account["proposed_id"]):
        why = _why(account, owner)
        return Words(ja=f"{why.ja}。受けられる人がいない", en=f"{why.en}; nobody can take it")
    if not account["stuck"]:
        return None
    return Words(ja="持ちすぎだが、空きのある人がいない", en="too much, but nobody has room")


def _why(account: Record, owner: Record | None) -> Words:
    """What is wrong with the present owner."""
    if account["owner_id"] is None:
        return Words(ja="担当者がいない", en="has no owner")
    if owner is None:
        name = account["owner"]
        return Words(ja=f"{name}はこの役割ではない", en=f"{name} is not of this role")
    if owner["left"]:
        return Words(ja=f"{owner['name']}は退職", en=f"{owner['name']} has left")
    return _too_much(owner)


def _too_much(person: Record) -> Words:
    count, load = person["accounts_now"], person["load_now"]
    return Words(
        ja=f"{person['name']}は持ちすぎ（{count}件、負荷{load:.0%}）",
        en=f"{person['name']} has too much ({count} accounts, {load:.0%})",
    )


def over(person: Record, when: str, config: AssignmentConfig) -> bool:
    """Whether *person*, who is still there, has more than one can take, ``now`` or ``then``."""
    most = person[f"accounts_{when}"] > config.most or person[f"load_{when}"] > MOST / FULL
    return bool(most and not person["left"])


def notes_of(accounts: pd.DataFrame, people: pd.DataFrame, config: AssignmentConfig) -> list[Words]:
    """Who left with accounts, who has too much or what is too hard, and what finds no place."""
    people = people.assign(hard=_hard(accounts, people, config))
    notes = [note for row in people.to_dict("records") for note in _about(row, config)]
    return [*notes, *_short(accounts, people, config)]


def _hard(accounts: pd.DataFrame, people: pd.DataFrame, config: AssignmentConfig) -> pd.Series:
    """How many accounts everybody keeps that are too hard for somebody new."""
    hard = accounts[too_hard(accounts, config)].groupby("proposed_id").size()
    return people["rep_id"].map(hard).fillna(0).astype(int).where(people["new"], 0)


def _about(person: Record, config: AssignmentConfig) -> Iterator[Words]:
    name, count = person["name"], person["accounts_now"]
    if person["left"] and count:
        ja = f"{name}は退職したが、{count}件の担当のまま"
        yield Words(ja=ja, en=f"{name} has left and still owns {count} accounts")
    if over(person, "now", config):
        yield _too_much(person)
    if person["hard"]:
        ja = f"{name}は新任だが、負荷の高い{person['hard']}件を引き続き担当"
        yield Words(ja=ja, en=f"{name} is new and keeps {person['hard']} hard accounts")


def _short(
    accounts: pd.DataFrame, people: pd.DataFrame, config: AssignmentConfig
) -> Iterator[Words]:
    """What cannot be placed within the limits, and how many people that is."""
    lost = accounts["proposed_id"].isna()
    full = [row for row in people.to_dict("records") if over(row, "then", config)]
    if lost.any() or full:
        beyond = sum(max(row["load_then"] - 1, 0) for row in full)
        short = beyond + accounts.loc[lost, "load"].sum() / FULL
        yield Words(
            ja=f"上限内に収まらない：担当なし{lost.sum()}件、持ちすぎ{len(full)}人"
            f"（約{short:.1f}人分の不足）",
            en=f"The limits cannot be kept: {lost.sum()} accounts without owner, {len(full)} "
            f"people with too much (about {short:.1f} people short)",
        )
