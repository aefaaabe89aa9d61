"""Which budget item does an utterance speak of? The matcher of policy fit on real minutes.

    python benchmarks/budget_items.py            # n-grams; words as well where SudachiPy is there

The 46 amounts of NTCIR-16 QA Lab-PoliInfo-3 (Otaru, Fukuoka, Ibaraki) that are linked to an item of
the budget, each with the text around it as the query; candidates are all items of that government
and year. A hit is any of the linked items among the first 1 or 5. One link has an id that no item
has, so 45 can be found.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from salesml.errors import ConfigError
from salesml.municipal.policy import PolicyConfig, cosines, normalised, reader

DATA = Path(os.environ.get("SALESML_DATA", "../shared/data"))
FOLDER = DATA / "jp_council_minutes_budget_poliinfo3"
BEFORE, AFTER = 150, 80  # characters around the amount
DIGITS = 2  # significant ones in which amounts must agree
UNITS = {"": 1, "千": 10**3, "万": 10**4, "百万": 10**6, "億": 10**8, "兆": 10**12}
AMOUNT = re.compile(r"([\d,.]+)(兆|億|百万|万|千)?(?=[\d,.]|円|余|$)")

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """An amount in the minutes, the text around it, and the items it may be of."""

    amount: str
    context: str
    items: list[dict[str, Any]]
    linked: set[str]


def read(part: str) -> Any:
    with gzip.open(FOLDER / f"PoliInfo3_BAM-{part}.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)["local"]


def questions() -> Iterator[Question]:
    budgets = read("budget")
    for meeting in read("minutes-gold"):
        year = meeting["date"][:4]
        items = [
            item
            for item in budgets[meeting["localGovernmentCode"]]
            if item["budgetId"].startswith(f"ID-{year}")
        ]
        for utterance in meeting["proceeding"]:
            yield from _of_utterance(utterance, items)


def _of_utterance(utterance: dict[str, Any], items: list[dict[str, Any]]) -> Iterator[Question]:
    """Amounts stand in the order of the text, so each is looked for behind the one before."""
    text, place = utterance["utterance"], 0
    for found in utterance["moneyExpressions"]:
        amount = found["moneyExpression"]
        ahead = text.find(amount, place)
        place = ahead if ahead >= 0 else text.find(amount)
        end = place + len(amount)
        if found["relatedID"]:
            around = normalised(text[max(0, place - BEFORE) : end + AFTER])
            yield Question(amount, around, items, set(found["relatedID"]))
        place = end


def by_text(kind: str) -> Callable[[Question], Scores]:
    reading = reader(PolicyConfig.model_validate({"similarity": kind}))

    def scores(question: Question) -> Scores:
        items = [f"{i['budgetItem']}。{i['description'] or ''}" for i in question.items]
        rows = reading.rows([normalised(item) for item in items])
        asked = reading.rows([question.context])
        return cosines(rows, asked, reading.nothing.plus(rows))[:, 0]

    return scores


def by_amount(question: Question) -> Scores:
    """1 where the amount of an item agrees in its leading digits with the one that is spoken of."""
    said = yen(question.amount)
    return np.array([float(agree(said, yen(item["budget"]))) for item in question.items])


def yen(text: str) -> float:
    parts = AMOUNT.findall(normalised(text).replace(" ", ""))
    return sum(float(number.replace(",", "")) * UNITS[unit] for number, unit in parts)


def agree(one: float, other: float) -> bool:
    return one > 0 and f"{one:.{DIGITS - 1}e}" == f"{other:.{DIGITS - 1}e}"


def found(asked: Sequence[Question], scores: Callable[[Question], Scores]) -> list[float]:
    """Hits among the first 1 and 5; items that score alike count by their share of the places."""
    scored = [(question, scores(question)) for question in asked]
    return [sum(chance(q, s, first) for q, s in scored) for first in (1, 5)]


def chance(question: Question, scores: Scores, first: int) -> float:
    """How likely one linked item is among the *first*, ties in random order."""
    right = np.array([item["budgetId"] in question.linked for item in question.items])
    if not right.any():
        return 0.0
    level = scores[right].max()
    above, same = int((scores > level).sum()), int((scores == level).sum())
    linked, left = int((right & (scores == level)).sum()), max(0, first - above)
    missed = np.prod([max(0, same - linked - k) / (same - k) for k in range(min(left, same))])
    return float(1 - missed) if left else 0.0


def methods() -> Iterator[tuple[str, Callable[[Question], Scores]]]:
    yield "random", lambda question: np.zeros(len(question.items))
    yield "amount agrees", by_amount
    for kind in ("ngrams", "words"):
        try:
            text = by_text(kind)
        except ConfigError as error:
            print(error)
            continue
        yield kind, text
        yield (
            f"{kind} + amount",
            lambda question, text=text: text(question) * (1 + by_amount(question)),
        )


if __name__ == "__main__":
    asked = list(questions())
    candidates = [len(question.items) for question in asked]
    print(f"{len(asked)} amounts, {min(candidates)} to {max(candidates)} items each")
    print(f"{'':20}{'recall@1':>14}{'recall@5':>14}")
    for name, scores in methods():
        hits = found(asked, scores)
        print(f"{name:20}" + "".join(f"{hit / len(asked):>7.2f} ({hit:4.1f})" for hit in hits))
