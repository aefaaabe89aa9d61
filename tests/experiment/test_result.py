from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from salesml.experiment.result import COMPARED, Experiment, FeatureCost, Outcome, signed
from salesml.experiment.table import experiment_table
from salesml.training import Interval, Window

NONE = Interval(0.0, 0.0, 0.0)
SOME = Interval(0.3, 0.25, 0.35)


def outcome(name: str, difference: Interval = NONE, *, columns: int = 3) -> Outcome:
    return Outcome(
        name=name,
        sets=["usage"],
        columns=[f"c{number}" for number in range(columns)],
        settings={"time_budget": 5},
        chosen="logistic",
        metrics=dict.fromkeys(COMPARED, SOME),
        differences={**dict.fromkeys(COMPARED, NONE), "log_loss": difference},
        seconds=1.25,
        warnings=[],
        leaks={},
    )


BASE = outcome("as configured")


def experiment(*variants: Outcome) -> Experiment:
    return Experiment(
        task="churn",
        as_of=dt.date(2026, 6, 1),
        outcomes=[BASE, *variants],
        judged=Window(dt.date(2024, 5, 1), dt.date(2025, 4, 1), 1803, 155, 200),
        left=dt.date(2025, 7, 1),
        split="time",
        cost=FeatureCost(8.21, 32, 1024),
        predictions=pd.DataFrame(),
    )


@pytest.mark.parametrize(
    ("difference", "columns", "said"),
    [
        (
            Interval(-0.0120, -0.0200, -0.0040),
            5,
            "x helps: log loss lower by 0.0120 (0.0040 to 0.0200).",
        ),
        (
            Interval(0.0403, 0.0223, 0.0596),
            2,
            "x hurts: log loss higher by 0.0403 (0.0223 to 0.0596).",
        ),
        (
            Interval(-0.0003, -0.0031, 0.0025),
            3,
            "x: no clear difference: log loss differs by -0.0003 (-0.0031 to +0.0025).",
        ),
        (
            Interval(0.00001, -0.0031, 0.0025),
            1,
            "x: no clear difference: log loss differs by 0.0000 (-0.0031 to +0.0025), "
            "with 2 columns fewer.",
        ),
        (NONE, 3, "x: no difference, the same predictions."),
        (
            Interval(0.1, math.nan, math.nan),
            3,
            "x: no clear difference: log loss differs by +0.1000 (unknown to unknown).",
        ),
        # an end that touches 0 tells nothing
        (
            Interval(-0.1, -0.2, 0.0),
            3,
            "x: no clear difference: log loss differs by -0.1000 (-0.2000 to 0.0000).",
        ),
    ],
)
def test_verdicts(difference: Interval, columns: int, said: str) -> None:
    assert outcome("x", difference, columns=columns).verdict(BASE) == said


def test_a_leak_is_no_help() -> None:
    gain = Interval(-0.2, -0.3, -0.1)
    leaking = replace(outcome("x", gain), leaks={"flag": 0.999, "old": 1.0})
    base = replace(BASE, leaks={"old": 1.0})
    assert leaking.verdict(base) == (
        "x helps: log loss lower by 0.2000 (0.1000 to 0.3000). But flag alone tells the outcome "
        "(AUC 0.999): find out first whether it is known in time."
    )


def test_like_is_compared_with_like_where_another_candidate_was_chosen() -> None:
    other = replace(outcome("x", Interval(0.01, -0.01, 0.02)), chosen="lightgbm")
    said = "x: no clear difference: log loss differs by +0.0100 (-0.0100 to +0.0200). "
    alike = replace(other, alike=Interval(-0.001, -0.002, 0.003))
    assert alike.verdict(BASE) == (
        f"{said}It keeps lightgbm, not logistic; logistic against logistic differs by "
        "-0.0010 (-0.0020 to +0.0030)."
    )
    assert other.verdict(BASE) == f"{said}It keeps lightgbm, not logistic."


def test_lines() -> None:
    lines = experiment(outcome("x")).lines()
    assert lines == [
        "x: no difference, the same predictions.",
        "Intervals are 95 %, from resampled entities; one that holds 0 means that these rows "
        "cannot tell the two apart.",
        "Compared out of fold on 2024-05-01 to 2025-04-01, 1,803 rows of 200 entities, 155 "
        "positive; the newest dates, from 2025-07-01, stay unseen for `salesml train`.",
        "The rows and features took 8.2 s: 1,024 parts came from the cache, 32 were computed.",
    ]
    assert any("one may look better by chance" in line for line in
               experiment(*map(outcome, "xyz")).lines())  # fmt: skip
    by_groups = replace(experiment(outcome("x")), split="groups").lines()
    assert "a part of the entities stays unseen" in by_groups[2]


def test_a_warning_is_told_once_with_whom_it_is_about() -> None:
    told = experiment(
        replace(outcome("x"), warnings=["own", "shared by two"]),
        replace(outcome("y"), warnings=["shared by two"]),
    ).lines()[-2:]
    assert told == ["warning (x): own", "warning (x, y): shared by two"]
    everywhere = replace(experiment(), outcomes=[replace(BASE, warnings=["of all"])])
    assert everywhere.lines()[-1] == "warning: of all"


def test_table() -> None:
    table = experiment(outcome("x", Interval(-0.1, -0.2, -0.05), columns=4)).table()
    assert list(table["variant"]) == ["as configured", "x"]
    assert list(table["columns"]) == [3, 4]
    row = table.iloc[1]
    assert (row["log_loss"], row["log_loss_low"], row["log_loss_high"]) == SOME
    ends = [row[f"log_loss_difference{end}"] for end in ("", "_low", "_high")]
    assert ends == [-0.1, -0.2, -0.05]
    assert {f"{name}_difference" for name in COMPARED} <= set(table)


def test_printed_table() -> None:
    found = experiment(outcome("with [bold]", Interval(-0.012, -0.02, -0.004), columns=84))
    text = _printed(found)
    header, _, base, variant = text.splitlines()[1:5]
    assert header.split() == [
        "variant", "columns", "chosen", "log", "loss", "difference", "AUC", "difference", "seconds",
    ]  # fmt: skip
    assert base.split() == ["as", "configured", "3", "logistic", "0.3000", "0.300", "1.2"]
    assert "with [bold]" in variant
    assert "-0.0120 (-0.0200 to -0.0040)" in variant
    assert " 84 " in variant


def _printed(found: Experiment) -> str:
    console = Console(width=120, color_system=None)
    with console.capture() as captured:
        console.print(experiment_table(found))
    return captured.get()


@pytest.mark.parametrize(
    ("difference", "shown"),
    [
        (Interval(-0.00004, -0.1, 0.2), "0.000 (-0.100 to +0.200)"),
        (Interval(0.5, math.nan, math.nan), "+0.500 (unknown to unknown)"),
    ],
)
def test_signed(difference: Interval, shown: str) -> None:
    assert signed(difference, 3) == shown
