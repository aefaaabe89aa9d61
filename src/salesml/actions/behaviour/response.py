"""Which way somebody is reached best, by how they responded in the past."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd

from salesml.actions.behaviour.sequences import DAY, Sequences
from salesml.training.table import Bools, Floats, Ints

__all__ = ["Choice", "Contacts", "best_way", "contacts_of"]

_WITHIN = 3  # days in which what somebody does counts as the answer to a contact
_MEMORY = 730  # days of contacts that count
_GROUP = 100.0  # contacts until a segment tells what suits it
_LEVEL = 5.0  # contacts until an entity tells itself how much it answers at all
_ALIKE = (5.0, 500.0)  # contacts until it tells what suits it: bounds of what the data say
_MATTERS = 0.05  # a rate that is higher by less is none to speak of
_DOUBT = 0.05  # how often a way may be named that is none
_WIDE = 1.96


class Contacts(NamedTuple):
    """Contacts by us whose answer is known, shape (n,): whom, in which way (a code), answered."""

    entity: Ints
    way: Ints
    answered: Bools


class Choice(NamedTuple):
    """The best way to reach each entity, shape (n,); ``way`` is -1 where too little is known.

    ``rate`` is the share of contacts answered that way, ``usual`` over the usual mix of ways.
    """

    way: Ints
    rate: Floats
    usual: Floats


class _Tally(NamedTuple):
    """Contacts and answers by entity and way, shape (entities, ways)."""

    tried: Ints
    answered: Ints


def contacts_of(sequences: Sequences, way: Ints, end: int) -> Contacts:
    """Contacts of two years until *end* (seconds) by *way*, a code for each act; -1 is no way.

    Contacts in one way that wait for the same answer count once in three days, from the last back:
    so an answer counts once, and a burst tells no more than one contact.
    """
    age = end - sequences.time
    kept = ~sequences.theirs & (way >= 0) & (age >= _WITHIN * DAY) & (age <= _MEMORY * DAY)
    kept[kept] = _once(sequences, way, np.flatnonzero(kept))
    return Contacts(sequences.entity[kept], way[kept], sequences.answered(_WITHIN)[kept])


def _once(sequences: Sequences, way: Ints, contacts: Ints) -> Bools:
    """Which of *contacts*, places in time's order, count where they come in bursts."""
    run = pd.DataFrame({"entity": sequences.entity, "way": way, "answer": sequences.then})
    run, time = run.iloc[contacts], pd.Series(sequences.time[contacts], contacts)
    last = time.groupby([run[name] for name in run]).transform("max")
    window = (last - time) // (_WITHIN * DAY)
    return ~run.assign(window=window).duplicated(keep="last").to_numpy()


def best_way(contacts: Contacts, segment: Ints, ways: int) -> Choice:
    """The best of *ways* ways for each entity, by its own contacts and those of others.

    *segment* is a code for each entity. Rates of an entity lean on those of its segment, those of
    a segment on everybody's, as much as entities are alike. A way is named only where its rate
    clears that of the usual mix beyond the doubt of 5 %, and by 5 points.
    """
    own = _tally(contacts, len(segment), ways)
    total = own.tried.sum(axis=0)
    if not total.sum():
        return _nothing(len(segment))
    mix = total / total.sum()
    ratio, compared = _ratios(own, segment)
    expected = _expected(own, (ratio / (mix * ratio + 1 - mix))[segment])
    alike = _alikeness(own, expected)
    rate = (own.answered + alike * expected) / (own.tried + alike)
    known = 1 / (own.tried + alike) + 1 / (compared[segment] + _GROUP)
    return _clear(rate, np.sqrt(rate * (1 - rate) * known), rate @ mix)


def _clear(rate: Floats, error: Floats, usual: Floats) -> Choice:
    z = NormalDist().inv_cdf(1 - _DOUBT / 2 / rate.shape[1])  # the best of several, so stricter
    rows, best = np.arange(len(rate)), (rate - z * error).argmax(axis=1)
    gain = rate[rows, best] - usual
    clear = (gain > _MATTERS) & (gain > z * error[rows, best])
    return Choice(np.where(clear, best, -1), rate[rows, best], usual)


def _nothing(entities: int) -> Choice:
    unknown = np.full(entities, np.nan)
    return Choice(np.full(entities, -1), unknown, unknown)


def _tally(contacts: Contacts, entities: int, ways: int) -> _Tally:
    cells = contacts.entity * ways + contacts.way
    tried = np.bincount(cells, minlength=entities * ways)
    answered = np.bincount(cells[contacts.answered], minlength=entities * ways)
    return _Tally(tried.reshape(entities, ways), answered.reshape(entities, ways))


def _ratios(own: _Tally, segment: Ints) -> tuple[Floats, Floats]:
    """How each way fares against the others with the same entities (Mantel and Haenszel).

    So a way is not taken to be good because those who answer anyway are contacted that way.
    Returns ratios of rates and the number of contacts they rest on, shape (segments, ways).
    """
    all_tried = own.tried.sum(axis=1, keepdims=True)
    others = (all_tried - own.tried) / np.maximum(all_tried, 1)
    all_answered = own.answered.sum(axis=1, keepdims=True)
    this_way = _sums(own.answered * others, segment)
    other_ways = _sums((all_answered - own.answered) * (1 - others), segment)
    lean = _GROUP * _everybody(own)
    for_all = (this_way.sum(axis=0) + lean) / (other_ways.sum(axis=0) + lean)
    return (this_way + lean * for_all) / (other_ways + lean), _sums(own.tried * others, segment)


def _expected(own: _Tally, relative: Floats) -> Floats:
    """The rates of each entity, if only its own level mattered and how ways fare, *relative*."""
    usual = (own.tried * relative).sum(axis=1)
    level = (own.answered.sum(axis=1) + _LEVEL * _everybody(own)) / (usual + _LEVEL)
    return np.asarray(np.clip(relative * level[:, None], 0.001, 0.999))


def _everybody(own: _Tally) -> float:
    return float((own.answered.sum() + 1) / (own.tried.sum() + 2))


def _sums(values: Floats | Ints, segment: Ints) -> Floats:
    """The sums of *values*, shape (entities, ways), by segment."""
    return np.column_stack([np.bincount(segment, weights=column) for column in values.T])


def _alikeness(own: _Tally, expected: Floats) -> float:
    """How many contacts it takes until an entity tells more of itself than others do.

    By the beta-binomial spread of answers around what is *expected*, taken as wide as the noise of
    its estimate allows: what few contacts say is taken to be the same for all only if it must be.
    """
    noise = own.tried * expected * (1 - expected)
    spread = np.square(own.answered - own.tried * expected).sum() / noise.sum()
    spread += _WIDE * np.sqrt(2 / np.count_nonzero(own.tried))
    size = (own.tried * noise).sum() / noise.sum()
    shared = (spread - 1) / (size - 1) if size > 1 else 1.0
    return float(np.clip(1 / max(shared, 1e-9) - 1, *_ALIKE))
