"""A whole list packed into the page: columns as JSON, compressed, unpacked by the browser."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from salesml.config import TaskConfig
from salesml.report.formats import WHOLE, currency_style, missing, shown
from salesml.report.municipal_packed import prefectures, told
from salesml.report.rows import BRIEF, Row
from salesml.report.section import TaskSection, Tones

__all__ = ["Json", "allotted", "compressed", "pack"]

Json = Any


def allotted(counts: Sequence[int], most: int) -> list[int]:
    """How many rows of each list fit into a page of *most*; short lists fit whole."""
    granted = [0] * len(counts)
    left = most
    for done, place in enumerate(sorted(range(len(counts)), key=lambda i: counts[i])):
        granted[place] = min(counts[place], left // (len(counts) - done))
        left -= granted[place]
    return granted


def pack(section: TaskSection, scores: pd.DataFrame, rows: Mapping[int, Row], currency: str) -> str:
    """*scores*, highest first, for the page's script; *rows* are told in full, by place."""
    columns = _columns(section.task, scores)
    about = {
        "bands": [
            {"name": b.name, "ja": b.ja, "en": b.en, "from": b.start} for b in section.task.bands
        ],
        "tones": [Tones(section.task)[band.name] for band in section.task.bands],
        "money": currency_style(currency),
        "profiles": {place: _profile(section, row) for place, row in rows.items()},
    }
    places = prefectures(scores[section.task.id_column]) if section.municipal else {}
    return compressed({**about, **columns, **places})


def compressed(content: Json) -> str:
    """*content* as the page's script unpacks it."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    # no time inside: the same run makes the same bytes
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode()


def _columns(task: TaskConfig, scores: pd.DataFrame) -> dict[str, Json]:
    texts: dict[tuple[str, str], int] = {}
    reasons = [_brief(told, texts) for told in scores["reasons"]]
    owners, owner = _coded(scores, "owner")
    segments, segment = _coded(scores, "segment")
    ids = scores[task.id_column].astype("str")
    return {
        "id": [shown(id_, limit=WHOLE).text for id_ in ids],
        "name": _names(scores),
        "score": [int(score) for score in scores["score"]],
        "change": [None if missing(c) else int(c) for c in scores["change"]],
        "probability": [float(f"{p:.4g}") for p in scores["probability"]],
        "expected": [None if missing(v) else _round(float(v)) for v in scores["expected_value"]],
        "owners": owners,
        "owner": owner,
        "segments": segments,
        "segment": segment,
        "texts": [[shown(words, limit=120).text for words in text] for text in texts],
        "reasons": reasons,
    }


def _names(scores: pd.DataFrame) -> list[str]:
    """Names; empty where the id stands for it."""
    names = scores["name"] if "name" in scores else [None] * len(scores)
    return [shown(name, limit=WHOLE).text for name in names]


def _round(value: float) -> float:
    return round(value) if abs(value) >= 1_000 else round(value, 2)


def _coded(scores: pd.DataFrame, name: str) -> tuple[list[str], list[int]]:
    """The values of a column, sorted, and the place of each row's; -1 where it has none."""
    if name not in scores:
        return [], [-1] * len(scores)
    texts = [shown(value, limit=WHOLE).text for value in scores[name]]
    values = sorted(set(filter(None, texts)))
    places = {value: place for place, value in enumerate(values)}
    return values, [places.get(text, -1) for text in texts]


def _brief(told: Sequence[Mapping[str, Any]], texts: dict[tuple[str, str], int]) -> list[int]:
    """Points and text of the strongest reasons in turn; *texts* gets the texts that are new."""
    found: list[int] = []
    for reason in [r for r in told if r["points"]][:BRIEF]:
        text = str(reason["text_ja"]), str(reason["text_en"])
        found += [int(reason["points"]), texts.setdefault(text, len(texts))]
    return found


def _profile(section: TaskSection, row: Row) -> Json:
    approach = section.municipal and section.municipal.approaches.get(row.key)
    return {
        **({"approach": told(approach)} if approach else {}),
        "reasons": [
            [
                r.points,
                r.words.ja,
                r.words.en,
                *([r.peers.ja, r.peers.en] if r.peers else ["", ""]),
                r.help,
            ]
            for r in row.reasons
        ],
        "changes": [[c.kind, c.points, c.words.ja, c.words.en] for c in row.changes],
        "events": _events(section, row.key),
        "history": [[str(date), score] for date, score in section.history.get(row.key, ())],
    }


def _events(section: TaskSection, key: str) -> Json:
    events = section.events
    if events is None:
        return None
    own = events[events[section.task.id_column] == key]
    return [
        [str(day), shown(ja, limit=80).text, shown(en, limit=80).text]
        for day, ja, en in zip(own["happened_at"], own["ja"], own["en"], strict=True)
    ]
