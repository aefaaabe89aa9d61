"""What actions have brought so far, as the page and the terminal show it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from salesml.config import Words
from salesml.report.action_section import Brought
from salesml.report.agenda import points
from salesml.report.formats import UNKNOWN, amount, clean, missing, percent, short_day, shown
from salesml.report.words import phrase

__all__ = ["BroughtRow", "BroughtView", "Choice", "brought_view", "said", "told_first"]

Record = Mapping[Hashable, object]
_PEOPLE = 3  # who did an action most


@dataclass(frozen=True)
class BroughtRow:
    """One action: how often it was asked for and done, the outcome with and without it, its effect.

    ``trials`` were made elsewhere: nobody tells whether they were done. Texts, as readers see them,
    intervals empty where they are not known; ``clear`` says which way the effect goes beyond doubt:
    1, -1, or 0.
    """

    title: Words
    recommended: int
    trials: int
    done: str
    done_share: str
    by: str
    with_it: str
    with_n: int
    without_it: str
    without_n: int
    effect: str
    interval: str
    clear: int
    worth: str
    worth_interval: str


@dataclass(frozen=True)
class PolicyRow:
    """One way to choose actions, and what a case is worth under it; ``n`` cases tell so."""

    title: Words
    value: str
    interval: str
    n: int


@dataclass(frozen=True)
class Choice:
    """Ways to choose actions for the entities of one task."""

    task: str
    title: Words
    policies: list[PolicyRow]


@dataclass(frozen=True)
class BroughtView:
    """All actions, ways to choose them by task, and what limits the numbers."""

    rows: list[BroughtRow]
    choices: list[Choice]
    title: Words
    notes: Sequence[Words]

    @property
    def known(self) -> list[BroughtRow]:
        """Actions whose effect is known."""
        return [row for row in self.rows if row.effect != UNKNOWN]

    @property
    def unknown(self) -> list[BroughtRow]:
        """Actions whose effect is not known yet."""
        return [row for row in self.rows if row.effect == UNKNOWN]


def brought_view(brought: Brought, currency: str) -> BroughtView:
    """*brought* as readers see it, amounts in *currency*; actions asked for most come first."""
    actions = brought.actions.sort_values("recommended", ascending=False, kind="stable")
    return BroughtView(
        rows=[_row(record, currency) for record in actions.to_dict("records")],
        choices=[
            _choice(brought, str(task), currency) for task in brought.policies["task"].unique()
        ],
        title=phrase("worth_until", points=short_day(brought.as_of)),
        notes=brought.notes,
    )


def _row(record: Record, currency: str) -> BroughtRow:
    done, own = record["done"], _count(record["own"])
    return BroughtRow(
        title=_title(record),
        recommended=own,
        trials=_count(record["recommended"]) - own,
        done=UNKNOWN if missing(done) else f"{_count(done):,}",
        done_share=percent(_count(done) / own) if own and not missing(done) else "",
        by=_by(record["by"]),
        with_it=percent(record["with_rate"]),
        with_n=_count(record["with_n"]),
        without_it=percent(record["without_rate"]),
        without_n=_count(record["without_n"]),
        effect=_points(record["effect"]),
        interval=_interval(_points(record["low"]), _points(record["high"])),
        clear=_clear(record),
        worth=amount(record["worth"], currency),
        worth_interval=_money_interval(record, "worth_low", "worth_high", currency),
    )


def _by(told: object) -> str:
    """Those who did it most, and how often."""
    people = told if isinstance(told, list) else []
    return ", ".join(f"{clean(p['name'])} {p['done']:,}" for p in people[:_PEOPLE] if p["name"])


def _policy(record: Record, currency: str) -> PolicyRow:
    interval = _money_interval(record, "low", "high", currency)
    value = amount(record["value"], currency)
    return PolicyRow(_title(record), value, interval, _count(record["n"]))


def _choice(brought: Brought, task: str, currency: str) -> Choice:
    own = brought.policies[brought.policies["task"] == task]
    rows = [_policy(record, currency) for record in own.to_dict("records")]
    return Choice(task, brought.tasks[task], rows)


def _title(record: Record) -> Words:
    return Words(ja=clean(record["title_ja"]), en=clean(record["title_en"]))


def _short(title: Words) -> Words:
    """*title* as far as there is room for it beside a chart."""
    return Words(ja=shown(title.ja, limit=14).text, en=shown(title.en, limit=28).text)


def _clear(record: Record) -> int:
    if missing(record["low"]) or missing(record["high"]):
        return 0
    return int(float(record["low"]) > 0) - int(float(record["high"]) < 0)  # type: ignore[arg-type]


def _count(value: object) -> int:
    return 0 if missing(value) else int(value)  # type: ignore[call-overload]


def _points(value: object) -> str:
    return UNKNOWN if missing(value) else points(float(value))  # type: ignore[arg-type]


def _interval(low: str, high: str) -> str:
    return "" if UNKNOWN in (low, high) else f"{low} – {high}"


def _money_interval(record: Record, low: str, high: str, currency: str) -> str:
    return _interval(amount(record[low], currency), amount(record[high], currency))


def told_first(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """The *most* rows of *frame* that are asked for most."""
    return frame.sort_values("recommended", ascending=False, kind="stable").head(most)


def said(frame: pd.DataFrame) -> dict[str, Words]:
    """Titles by keys that stand in a chart for them."""
    titles = [_short(_title(record)) for record in frame.to_dict("records")]
    return {f"row{place}": title for place, title in enumerate(titles)} | {
        key: phrase(key) for key in ("effect_points", "value_each", "treated", "gain_points")
    }
