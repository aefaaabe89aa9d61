"""How bands and sums of probabilities did in the past, and what is expected now."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesml.config import Band
from salesml.report.section import TaskSection, Tones

__all__ = ["BandRecord", "Outlook", "Period", "band_records", "outlook"]

Z_95, Z_90 = 1.96, 1.645
MONTHS = 9  # whose names fit below a chart
CAUTIOUS = 1e-6  # a probability of 0 or 1 has no log-odds


@dataclass(frozen=True)
class BandRecord:
    """One band: how many are in it now, and how many of the test's rows there came true.

    ``rate``, ``low`` and ``high`` (95 % interval, by Wilson) are None where nobody was in it.
    """

    band: Band
    tone: int
    now: int
    expected: float
    rows: int
    true: int
    rate: float | None
    low: float | None
    high: float | None


def band_records(section: TaskSection) -> list[BandRecord]:
    """What each band of *section* holds and held; empty where that is not known."""
    past, scores = section.predictions, section.scores
    if past is None or past.empty or scores["score"].nunique() < 2:
        return []
    tones = Tones(section.task)
    bands = pd.Series([tones.band(score).name for score in _scores_of(past, scores)])
    outcomes = past["y"].reset_index(drop=True)
    return [
        _record(
            band,
            tones[band.name],
            scores[scores["band"] == band.name],
            outcomes[bands == band.name],
        )
        for band in section.task.bands
    ]


def _scores_of(past: pd.DataFrame, scores: pd.DataFrame) -> Sequence[int]:
    """The scores that the probabilities of *past* would get tonight.

    A score is linear in the log-odds, but for its ends, which are cut off.
    """
    inside = scores[scores["score"].between(2, 98)]
    inside = inside if inside["score"].nunique() > 1 else scores
    slope, start = np.polyfit(_log_odds(inside["probability"]), inside["score"].astype(float), 1)
    found = np.round(slope * _log_odds(past["probability"]) + start)
    return [int(score) for score in np.clip(found, 1, 99)]


def _log_odds(probability: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    p = probability.to_numpy(dtype=float).clip(CAUTIOUS, 1 - CAUTIOUS)
    return np.asarray(np.log(p / (1 - p)))


def _record(band: Band, tone: int, now: pd.DataFrame, outcomes: pd.Series) -> BandRecord:
    rows, true = len(outcomes), int(outcomes.sum())
    low, high = wilson(true, rows) if rows else (None, None)
    rate = true / rows if rows else None
    expected = float(now["probability"].sum())
    return BandRecord(band, tone, len(now), expected, rows, true, rate, low, high)


def wilson(true: int, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson (1927)."""
    share, square = true / rows, Z_95**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = Z_95 / (1 + square / rows)
    half *= math.sqrt(share * (1 - share) / rows + square / (4 * rows**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


@dataclass(frozen=True)
class Period:
    """What was expected within the horizon, with its 90 % interval, and what came.

    ``date`` is the month as ``25/07``, and empty for tonight; ``actual`` is None for tonight.
    """

    date: str
    expected: float
    low: float
    high: float
    actual: float | None


@dataclass(frozen=True)
class Outlook:
    """Past months of the test and tonight; ``money`` says whether amounts or outcomes count."""

    periods: list[Period]
    money: bool


def outlook(section: TaskSection) -> Outlook | None:
    """Sums of probability (× amount) by month, what came, and tonight's; None without a test."""
    past, task = section.predictions, section.task
    if past is None or past.empty:
        return None
    money = _any(past, "amount") and _any(section.scores, "expected_value")
    past = past.assign(worth=past["amount"].fillna(0.0) if money else 1.0)
    dates = pd.to_datetime(past["as_of"])
    months = dates.dt.strftime("%y/%m")
    if task.anchor is None:  # dates of a month overlap: the last one stands for it
        last = dates == dates.groupby(months).transform("max")
        past, months = past[last], months[last]
    periods = [
        _period(str(month), part["probability"], part["worth"], part["y"])
        for month, part in past.groupby(months)
    ]
    periods = periods[-MONTHS:]
    if task.anchor is None and len(section.scores):
        periods.append(_now(section, money=money))
    return Outlook(periods, money)


def _any(table: pd.DataFrame, column: str) -> bool:
    return column in table and bool(table[column].notna().any())


def _now(section: TaskSection, *, money: bool) -> Period:
    probability = section.scores["probability"].astype(float)
    worth = pd.Series(1.0, index=probability.index)
    if money:
        worth = (section.scores["expected_value"].astype(float) / probability).fillna(0.0)
    return _period("", probability, worth)


def _period(
    date: str, probability: pd.Series, worth: pd.Series, outcome: pd.Series | None = None
) -> Period:
    """The interval takes the outcomes as independent of each other."""
    expected = float((probability * worth).sum())
    half = Z_90 * math.sqrt(float((probability * (1 - probability) * worth**2).sum()))
    actual = None if outcome is None else float((outcome * worth).sum())
    return Period(date, expected, max(expected - half, 0.0), expected + half, actual)
