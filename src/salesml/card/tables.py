"""The tables of a card, row by row, numbers as readers see them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from salesml.card.words import candidate, phrase
from salesml.config import Band, TaskConfig, Value, Words, Worth
from salesml.explanation import scores
from salesml.report.formats import amount, interval, number, percent, rough, shown
from salesml.report.words import metric_words
from salesml.training import METRICS, Interval, TrainingResult
from salesml.training.intervals import estimate
from salesml.training.judge import BASE_RATE, RULE
from salesml.training.profit import Best, Cut, Rate
from salesml.training.segments import Segment

__all__ = [
    "BandRow",
    "BestView",
    "CandidateRow",
    "Contacts",
    "CutRow",
    "FairRow",
    "MeasureRow",
    "SegmentRow",
    "bands",
    "candidates",
    "contacts",
    "fairness",
    "measures",
    "segments",
]


@dataclass(frozen=True)
class Number:
    """A value and its interval, in words; the interval is empty where there is none."""

    value: str
    interval: str = ""

    @classmethod
    def of(cls, found: Interval, digits: int = 3) -> Number:
        """A plain number."""
        return cls(number(found.value, digits), interval(found.low, found.high, digits))

    @classmethod
    def share(cls, found: Interval) -> Number:
        """A share between 0 and 1."""
        known = math.isfinite(found.low)
        ends = f"{percent(found.low)} – {percent(found.high)}" if known else ""
        return cls(percent(found.value), ends)

    @classmethod
    def money(cls, found: Interval, currency: str) -> Number:
        """An amount."""
        known = math.isfinite(found.low)
        ends = f"{amount(found.low, currency)} – {amount(found.high, currency)}" if known else ""
        return cls(amount(found.value, currency), ends)


@dataclass(frozen=True)
class BandRow:
    """One band, the probability it starts at, and what became of such rows of the test."""

    band: Band
    probability: str
    share: str
    observed: Number


def bands(task: TaskConfig, result: TrainingResult) -> list[BandRow]:
    """The bands, from high to low."""
    model, test = result.model, result.test
    held = result.holdout_model.with_candidate(result.deployed)
    score = scores(held.margin(test.X), average=held.expected_value_, slope=held.score_slope_)
    a, b = model.calibration_
    found, end = [], math.inf
    for band in task.bands:
        margin = model.expected_value_ + (band.start - 0.5 - 50) / model.score_slope_
        inside = (score >= band.start) & (score < end)
        first = "–" if band is task.bands[-1] else percent(1 / (1 + math.exp(-(a + b * margin))))
        share = percent(float(inside.mean()))
        found.append(BandRow(band, first, share, _observed(result, inside)))
        end = band.start
    return found


def _observed(result: TrainingResult, inside: np.ndarray) -> Number:
    if not inside.any():
        return Number("–")
    y = result.test.outcomes[inside]
    clusters = np.unique(result.test.clusters[inside], return_inverse=True)[1].astype(np.int64)
    return Number.share(estimate(lambda w: [float(w @ y / w.sum())], clusters)[0])


@dataclass(frozen=True)
class MeasureRow:
    """One measure of the model in use, and of those it is compared with."""

    title: Words
    reading: Words
    own: Number
    base_rate: str
    rule: str


def measures(result: TrainingResult) -> list[MeasureRow]:
    """All measures of the test."""
    rows = []
    for name in METRICS:
        title, reading = metric_words(name)
        digits = 2 if name.startswith("lift") else 3
        others = [
            number(result.candidates[other][name].value, digits)
            if other in result.candidates
            else ""
            for other in (BASE_RATE, RULE)
        ]
        rows.append(MeasureRow(title, reading, Number.of(result.metrics[name], digits), *others))
    ece = Number.of(result.calibration_error)
    return [*rows, MeasureRow(phrase("ece_long"), phrase("ece_reading"), ece, "", "")]


@dataclass(frozen=True)
class CandidateRow:
    """One candidate: out of fold in training, and on the test."""

    title: Words
    in_use: bool
    fold_loss: str
    test_loss: Number
    auc: Number
    brier: Number


def candidates(result: TrainingResult) -> list[CandidateRow]:
    """The leaderboard, from simple to complex."""
    board = result.leaderboard.set_index("candidate")
    return [
        CandidateRow(
            title=candidate(name),
            in_use=name == result.deployed,
            fold_loss=number(board["log_loss"][name], 4),
            test_loss=Number.of(result.candidates[name]["log_loss"], 4),
            auc=Number.of(result.candidates[name]["roc_auc"]),
            brier=Number.of(result.candidates[name]["brier"]),
        )
        for name in board.index
    ]


@dataclass(frozen=True)
class CutRow:
    """What contacting the top share comes to."""

    title: Words
    share: str
    contacts: str
    threshold: str
    precision: Number
    recall: Number
    lift: Number
    profit: Number | None


@dataclass(frozen=True)
class BestView:
    """The threshold of the highest profit; ``nobody``: it is best to contact none."""

    nobody: bool
    threshold: str
    share: str
    profit: Number
    expected: Number


@dataclass(frozen=True)
class Contacts:
    """Whom to contact; ``value`` and ``best`` are what was assumed, and what is best then."""

    rows: list[CutRow]
    per: Words
    value: Words | None
    best: BestView | None
    everybody: Number | None


def contacts(result: TrainingResult, task: TaskConfig, currency: str) -> Contacts:
    """What contacting the best-scored comes to."""
    found = result.targeting
    rows = [
        _cut(cut, phrase("top", n=f"{cut.share * 100:g}"), found.rate, currency)
        for cut in found.cuts
    ]
    if found.capacity and task.capacity:
        title = phrase("at_capacity", n=task.capacity.contacts, per=phrase(task.capacity.per))
        rows.append(_cut(found.capacity, title, found.rate, currency))
    return Contacts(
        rows=rows,
        per=phrase(f"per_{found.rate.per or 100}"),
        value=None if task.value is None else _value(task.value, currency),
        best=None if found.best is None else _best(found.best, currency),
        everybody=_everybody(result, currency),
    )


def _cut(cut: Cut, title: Words, rate: Rate, currency: str) -> CutRow:
    return CutRow(
        title=title,
        share=percent(cut.share),
        contacts=rough(cut.contacts) if rate.per else "",
        threshold=percent(cut.probability),
        precision=Number.share(cut.precision),
        recall=Number.share(cut.recall),
        lift=Number.of(cut.lift, 2),
        profit=None if cut.profit is None else Number.money(cut.profit, currency),
    )


def _value(value: Value, currency: str) -> Words:
    return phrase(
        "value_note",
        contact=amount(value.contact, currency),
        positive=_worth(value.positive, currency),
        negative=_worth(value.negative, currency),
    )


def _worth(worth: Worth, currency: str) -> Words | str:
    if worth.of_amount:
        return phrase("of_amount", n=f"{worth.of_amount * 100:g}")
    return amount(worth.fixed, currency)


def _best(best: Best, currency: str) -> BestView:
    return BestView(
        nobody=math.isinf(best.probability),
        threshold=percent(best.probability),
        share=percent(best.share),
        profit=Number.money(best.profit, currency),
        expected=Number.money(best.expected, currency),
    )


def _everybody(result: TrainingResult, currency: str) -> Number | None:
    curve = result.targeting.curve
    if curve is None:
        return None
    last = curve.iloc[-1]
    return Number.money(Interval(last["profit"], last["low"], last["high"]), currency)


@dataclass(frozen=True)
class SegmentRow:
    """One segment; numbers are None where it has too few rows. ``first``: of its column."""

    column: str
    title: Words
    first: bool
    group: Words
    rows: int
    positives: int
    predicted: str
    observed: Number | None
    log_loss: Number | None
    base_rate: str
    gain: Number | None
    auc: Number | None
    flaw: str


def segments(result: TrainingResult, titles: Mapping[str, Words]) -> list[SegmentRow]:
    """The segments, by column; *titles* are those of columns that are features."""
    rows: list[SegmentRow] = []
    for part in result.segments:
        rows.append(
            SegmentRow(
                column=part.column,
                title=titles.get(part.column, Words(ja=part.column, en=part.column)),
                first=not rows or rows[-1].column != part.column,
                group=_group(part),
                rows=part.rows,
                positives=part.positives,
                predicted=percent(part.predicted),
                observed=part.observed and Number.share(part.observed),
                log_loss=part.log_loss and Number.of(part.log_loss),
                base_rate=number(part.base_log_loss),
                gain=part.gain and Number.of(part.gain),
                auc=part.auc and Number.of(part.auc),
                flaw=part.flaw,
            )
        )
    return rows


def _group(part: Segment) -> Words:
    name = shown(part.group, limit=40).text
    rest = {"other": phrase("seg_other"), "missing": phrase("seg_missing")}
    return rest.get(part.kind, Words(ja=name, en=name))


@dataclass(frozen=True)
class FairRow:
    """How often one group is selected; ``ratio`` is None where it is not compared.

    ``first``: of its column; ``best``: the group that others are compared with.
    """

    title: Words
    first: bool
    group: Words
    rows: int
    positives: int
    predicted: str
    observed: str
    auc: Number | None
    selected: Number
    ratio: Number | None
    best: bool
    unfair: bool


def fairness(result: TrainingResult, titles: Mapping[str, Words]) -> list[FairRow]:
    """Selection by group; *titles* as for `segments`."""
    compared_with = {id(each.best.segment) for each in result.fairness if each.best}
    columns = [each.segment.column for each in result.fairness]
    return [
        FairRow(
            title=titles.get(part.column, Words(ja=part.column, en=part.column)),
            first=part.column not in columns[:place],
            group=_group(part),
            rows=part.rows,
            positives=part.positives,
            predicted=percent(part.predicted),
            observed=percent(part.positives / part.rows),
            auc=each.auc and Number.of(each.auc),
            selected=Number.share(each.selected),
            ratio=each.ratio and Number.of(each.ratio, 2),
            best=id(part) in compared_with,
            unfair=each.unfair,
        )
        for place, (part, each) in enumerate((e.segment, e) for e in result.fairness)
    ]
