from __future__ import annotations

from dataclasses import replace

import numpy as np

from salesml.config import Fairness
from salesml.training import TrainingResult
from salesml.training.fairness import selections
from tests.card.conftest import NASTY, Card, make_task

BY = "segment <i>"


def compared(result: TrainingResult, ratio: float) -> TrainingResult:
    """*result*, its test compared with itself by the column that matters."""
    fairness, p = Fairness(by=[BY], ratio=ratio), result.test_predictions["probability"]
    parts = [part for part in result.segments if part.column == BY]
    found = selections(fairness, result.test, result.test, np.asarray(p), parts, 0.1)
    return replace(result, fairness=found)


def test_groups_are_told_and_those_passed_over_marked(card: Card, result: TrainingResult) -> None:
    task = make_task(value=None, fairness={"by": [BY]})
    section = card(compared(result, 0.8), task=task).one("section", id="fairness")
    rows = section.one("tbody").all("tr")
    assert len(rows) == 3
    assert "most selected" in next(row for row in rows if NASTY[:39] in row.text).said("en")
    flawed = section.all("tr", "flawed")
    assert flawed
    assert all("選ばれにくい" in row.said("ja") for row in flawed)
    assert "top 10.0% of the test" in section.said("en")
    assert "目安の0.8倍" in section.said("ja")


def test_a_task_that_does_not_ask_has_no_such_part(card: Card, result: TrainingResult) -> None:
    assert not card(result).all("section", id="fairness")
