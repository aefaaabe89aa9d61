"""What the page's script is told of municipalities: prefectures to filter by, how to approach."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import pandas as pd

from salesml.config import Words
from salesml.report.formats import shown
from salesml.report.municipal import Approach, Peer, Talk
from salesml.report.municipal_map import PREFECTURES, prefecture_of

__all__ = ["PASSAGE", "prefectures", "told"]

Json = Any
PASSAGE = 240  # characters of a document that are cited


def prefectures(ids: pd.Series) -> dict[str, Json]:
    """The prefectures of *ids*, in both languages, and the place of each one's; -1 for none."""
    codes = prefecture_of(ids)
    found = [each for each in PREFECTURES if (codes == each.code).any()]
    places = {each.code: place for place, each in enumerate(found)}
    return {
        "prefectures": [_both(each.words) for each in found],
        "prefecture": [places.get(code, -1) for code in codes],
    }


def told(approach: Approach) -> dict[str, Json]:
    """*approach* for the dialog; what is not known is left out."""
    passage = approach.passage
    parts = {
        "tier": _both(approach.tier),
        "advice": _both(approach.advice),
        "material": _both(approach.material),
        "talks": [_talk(each) for each in approach.talks],
        "deadlines": [[*_both(each.words), str(each.on)] for each in approach.deadlines],
        "subsidies": [[*_both(each.words), str(each.on)] for each in approach.subsidies],
        "peers": [_peer(each) for each in approach.peers],
        "passage": passage and [shown(passage.title).text, shown(passage.text, PASSAGE).text],
        "outlook": _outlook(approach.outlook),
        "election": approach.election and str(approach.election),
        "contact": approach.new_contact,
    }
    return {name: part for name, part in parts.items() if part}


def _both(words: Words | None) -> list[str]:
    return [] if words is None else [shown(words.ja, 200).text, shown(words.en, 200).text]


def _talk(talk: Talk) -> list[str]:
    return [*_both(talk.whom), *_both(talk.what)]


def _peer(peer: Peer) -> list[Json]:
    name = shown(peer.name or peer.id).text
    return [name, shown(peer.prefecture).text, str(peer.since or ""), peer.similarity]


def _outlook(found: Iterable[tuple[Words, dt.date, int]]) -> list[Json]:
    return [[*_both(words), str(day), score] for words, day, score in found]
