"""What the night wants to know of everybody: what they do next, and how to reach them."""

from __future__ import annotations

import datetime as dt

import duckdb
import numpy as np
import pandas as pd

from salesml.actions.behaviour.acts import Acts, read_acts
from salesml.actions.behaviour.model import NextBehaviour
from salesml.actions.behaviour.response import best_way, contacts_of
from salesml.actions.behaviour.sequences import DAY, Sequences, seconds_of
from salesml.actions.behaviour.words import (
    CHANNELS,
    HOURS,
    best_words,
    channel_words,
    hour_words,
    next_words,
)
from salesml.config import Project
from salesml.errors import LabelError
from salesml.store import Store
from salesml.training.table import Ints

__all__ = ["COLUMNS", "behaviour_of"]

_NEXT = ["next_kind", "next_probability", "next_ja", "next_en"]
_BEST = ["best_channel", "best_hour", "best_ja", "best_en"]
COLUMNS = ("entity_id", *_NEXT, *_BEST)


def behaviour_of(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    entity: str,
    as_of: dt.date,
    rows: pd.DataFrame,
) -> pd.DataFrame:
    """What each of *rows* (``entity_id``, and ``segment`` where there are any) is likely to do.

    Learnt from what ``behaviour`` of ``actions.yml`` selects of *entity*, as known before *as_of*.

    Returns one row each, in order: ``entity_id``; ``next_kind``, the likeliest first act of the
    next 14 days or ``nothing``, with ``next_probability``; ``best_channel`` and ``best_hour`` (the
    first of two hours, business time) of a contact by us; and words for both. None where too
    little is known. Raises ConfigError where the SQL cannot be used.
    """
    acts = read_acts(con, project, store, entity, as_of)
    ids = rows["entity_id"].astype("str")
    told = pd.DataFrame(None, index=pd.Index(ids), columns=list(COLUMNS[1:]), dtype=object)
    if acts is not None and len(acts.events):
        sequences, end = Sequences(acts.events), seconds_of(as_of)
        for part in (_next(sequences, acts, end), _best(sequences, acts, end, rows)):
            told[part.columns] = part.reindex(told.index).to_numpy(dtype=object)
    return _typed(told).reset_index()


def _typed(told: pd.DataFrame) -> pd.DataFrame:
    kinds = dict.fromkeys(COLUMNS[1:], "object") | {
        "next_probability": "float64",
        "best_hour": "Int64",
    }
    return told.astype("object").where(told.notna(), None).astype(kinds)


def _next(sequences: Sequences, acts: Acts, end: int) -> pd.DataFrame:
    """The likeliest next act of entities, by id; nothing where there is too little to learn."""
    model = NextBehaviour()
    try:
        model.fit_sequences(sequences, end)
    except LabelError:
        return pd.DataFrame(columns=_NEXT)
    given = model.predict_sequences(sequences, end).dropna()
    best = given.to_numpy().argmax(axis=1)
    kind = pd.Series(model.classes_[best], index=given.index)
    probability = pd.Series(given.to_numpy()[np.arange(len(best)), best], index=given.index)
    words = next_words(kind, probability, acts.words, model.within)
    return pd.concat([kind, probability, words], axis=1).set_axis(_NEXT, axis=1)


def _best(sequences: Sequences, acts: Acts, end: int, rows: pd.DataFrame) -> pd.DataFrame:
    """The best channel and hours of entities, by id; nothing where our contacts are unknown."""
    if "direction" not in acts.events:
        return pd.DataFrame(columns=_BEST)
    segment = _segments(sequences, rows)
    hour = best_way(contacts_of(sequences, _hours(sequences), end), segment, 24 // HOURS)
    channels = _channels(sequences, acts)
    channel = best_way(contacts_of(sequences, channels, end), segment, len(CHANNELS))
    words = best_words([channel_words(channel), hour_words(hour)])
    names = np.array([*CHANNELS, None], dtype=object)
    starts = np.array([*range(0, 24, HOURS), None], dtype=object)[hour.way]
    columns = [names[channel.way], starts, words["ja"], words["en"]]
    return pd.DataFrame(dict(zip(_BEST, columns, strict=True)), dtype=object).set_axis(
        sequences.ids
    )


def _hours(sequences: Sequences) -> Ints:
    """The part of the day; -1 for a day without an hour, which stands as midnight."""
    second = sequences.time % DAY
    return np.where(second > 0, second // 3600 // HOURS, -1)


def _channels(sequences: Sequences, acts: Acts) -> Ints:
    if "channel" not in acts.events:
        return np.full(len(sequences.time), -1)
    given = acts.events["channel"].to_numpy(dtype=object)[sequences.order]
    return pd.Index(list(CHANNELS)).get_indexer(pd.Index(given)).astype(np.int64)


def _segments(sequences: Sequences, rows: pd.DataFrame) -> Ints:
    """A code for the segment of each entity; those without one are a segment, too."""
    if "segment" not in rows:
        return np.zeros(len(sequences.ids), dtype=np.int64)
    known = rows.assign(entity_id=rows["entity_id"].astype("str")).set_index("entity_id")["segment"]
    codes, _ = pd.factorize(known.reindex(sequences.ids), use_na_sentinel=False)
    return np.asarray(codes, dtype=np.int64)
