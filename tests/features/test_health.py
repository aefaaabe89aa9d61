"""The shipped health score, cadence and phases: the domain's numbers, on each of their edges."""

from __future__ import annotations

import csv
import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from salesml.features import FeatureSet, load_feature_set, run_examples
from salesml.features.definition import Example

REPOSITORY = Path(__file__).resolve().parents[2]
AS_OF = dt.date(2025, 6, 1)
Rows = list[dict[str, Any]]


def company(name: str) -> Rows:
    """The rows of a CSV of the sample project; empty is missing."""
    with (REPOSITORY / "configs" / "sample" / f"{name}.csv").open(encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]


def before(days: int) -> dt.date:
    return AS_OF - dt.timedelta(days)


def check(
    con: duckdb.DuckDBPyConnection, name: str, given: dict[str, Rows], expect: Iterable[Any]
) -> None:
    """Compare what the feature set *name* makes of *given*, a dict of features by account."""
    rows = [
        {"account_id": account, "as_of": AS_OF, **features}
        for account, features in (expect.items() if isinstance(expect, dict) else expect)
    ]
    spine = [{"account_id": row["account_id"], "as_of": AS_OF} for row in rows]
    example = Example(name="edges", given=given, spine=spine, expect=rows)
    run_examples(con, _with(load_feature_set(REPOSITORY / "features", "account", name), example))


def _with(feature_set: FeatureSet, example: Example) -> FeatureSet:
    return replace(feature_set, file=feature_set.file.model_copy(update={"tests": [example]}))


def health(**given: Rows) -> dict[str, Rows]:
    return {
        **given,
        "health_rubric": company("health_rubric"),
        "health_bands": company("health_bands"),
    }


def uses(account: str, *, deliveries: int = 0, login_days: int = 0) -> Rows:
    days = [{"happened_at": before(i + 1), "logins": 2} for i in range(login_days)]
    sent = [{"happened_at": before(30), "logins": 0, "deliveries": deliveries}]
    late = {"happened_at": before(31), "logins": 1, "deliveries": 50}
    return [{"account_id": account, "deliveries": 0, **row} for row in (*days, *sent, late)]


def contract(account: str, renewal_on: dt.date | None) -> dict[str, Any]:
    return {
        "account_id": account,
        "event_id": account,
        "contract_id": account,
        "kind": "started",
        "renewal_on": renewal_on,
        "happened_at": dt.date(2024, 1, 10),
    }


def test_the_rubric_is_worth_100_points_as_the_domain_splits_them() -> None:
    most: dict[tuple[str, str], int] = {}
    for row in company("health_rubric"):
        key = row["category"], row["measure"]
        most[key] = max(most.get(key, 0), int(row["points"]))
    by_category = {category: 0 for category, _ in most}
    for (category, _), points in most.items():
        by_category[category] += points
    assert by_category == {"usage": 40, "engagement": 30, "outcome": 20, "contract": 10}


def test_points_of_use_on_each_edge(con: duckdb.DuckDBPyConnection) -> None:
    deliveries = {0: 0, 1: 15, 2: 15, 3: 25, 90: 25}
    login_days = {0: 0, 1: 8, 5: 8, 6: 15, 29: 15}
    given = [row for n in deliveries for row in uses(f"d{n}", deliveries=n)]
    given += [row for n in login_days for row in uses(f"l{n}", login_days=n)]
    expect = {f"d{n}": {"usage_points": points} for n, points in deliveries.items()}
    expect |= {f"l{n}": {"usage_points": points} for n, points in login_days.items()}
    check(con, "health", health(usage=given), expect)


def test_points_of_engagement_on_each_edge(con: duckdb.DuckDBPyConnection) -> None:
    # a call so many days ago, a meeting so many days ago → points of both together
    cases = {
        (1, None): 20, (29, None): 20, (30, None): 10, (59, None): 10, (60, None): 0,
        (400, None): 0, (None, None): 0, (None, 90): 10, (None, 91): 0, (None, 59): 20,
        (None, 1): 30, (29, 90): 30, (30, 91): 10,
    }  # fmt: skip
    given = [
        {"account_id": f"{call}/{meeting}", "channel": channel, "happened_at": before(days)}
        for call, meeting in cases
        for channel, days in (("phone", call), ("meeting", meeting))
        if days is not None
    ]
    expect = {f"{a}/{b}": {"engagement_points": points} for (a, b), points in cases.items()}
    check(con, "health", health(activities=given), expect)


def test_only_contacts_count_as_contact(con: duckdb.DuckDBPyConnection) -> None:
    kinds = {
        "opened": ("mail", "mail_open", 0),
        "read": ("web", "price_page_view", 0),
        "written": ("mail", "reply", 20),
        "visited": ("visit", "visit", 30),
        "event": ("event", "webinar", 20),
    }
    given = [
        {"account_id": account, "channel": channel, "kind": kind, "happened_at": before(3)}
        for account, (channel, kind, _) in kinds.items()
    ]
    expect = {account: {"engagement_points": points} for account, (*_, points) in kinds.items()}
    check(con, "health", health(activities=given), expect)


def test_points_of_outcome_below_at_and_above_the_mean(con: duckdb.DuckDBPyConnection) -> None:
    # in an industry each, with another account that brings the mean to 20 of 100
    percent = {0: 5, 94: 5, 95: 12, 100: 12, 104: 12, 105: 20, 500: 20}
    given = [
        {"account_id": account, "industry": f"i{p}", "month": dt.date(2025, 5, 1),
         "applied": applied, "opportunities": won, "happened_at": dt.date(2025, 5, 31)}
        for p in percent
        for account, applied, won in (
            (f"a{p}", 500, p), (f"other{p}", 99_500, 20_000 - p)
        )
    ]  # fmt: skip
    expect: dict[str, Any] = {
        f"a{p}": {"outcome_points": points, "conversion_vs_industry": p}
        for p, points in percent.items()
    }
    expect["none"] = {"outcome_points": 12, "conversion_vs_industry": None}
    check(con, "health", health(pipeline_results=given), expect)


def test_points_of_the_contract_on_each_edge(con: duckdb.DuckDBPyConnection) -> None:
    cases = {
        dt.date(2025, 6, 1): 10, dt.date(2025, 5, 1): 10, dt.date(2025, 9, 1): 10,
        dt.date(2025, 9, 2): 7, dt.date(2025, 12, 1): 7, dt.date(2025, 12, 2): 5,
        dt.date(2027, 6, 1): 5, None: 5,
    }  # fmt: skip
    given = [contract(str(renewal), renewal) for renewal in cases]
    expect = {str(renewal): {"contract_points": points} for renewal, points in cases.items()}
    check(con, "health", health(contract_events=given), expect)


def test_bands_on_each_edge(con: duckdb.DuckDBPyConnection) -> None:
    scores = {0: "critical", 39: "critical", 40: "warning", 59: "warning", 60: "at_risk",
              79: "at_risk", 80: "healthy", 100: "healthy"}  # fmt: skip
    rubric = [
        {"category": "usage", "measure": "deliveries", "at_least": n, "points": n} for n in scores
    ]
    given = health(usage=[row for n in scores for row in uses(f"a{n}", deliveries=n)])
    expect = {f"a{n}": {"health_score": n, "health_band": band} for n, band in scores.items()}
    check(con, "health", {**given, "health_rubric": rubric}, expect)


def step(value: float, *steps: tuple[float, int]) -> int:
    return max((least, points) for least, points in steps if value >= least)[1]


def test_the_score_is_the_sum_of_its_parts_whatever_they_are(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rng = random.Random(1)
    usage: Rows = []
    activities: Rows = []
    contracts: Rows = []
    expect = {}
    for account in map(str, range(80)):
        deliveries, logins = rng.randrange(5), rng.randrange(9)
        call, meeting = rng.randrange(1, 100), rng.randrange(1, 150)
        months, day = rng.randrange(11), rng.choice([1, 2])
        renewal = dt.date(2025 + (6 + months) // 13, (5 + months) % 12 + 1, day)
        usage += uses(account, deliveries=deliveries, login_days=logins)
        for channel, days in (("phone", call), ("visit", meeting)):
            activities.append(
                {"account_id": account, "channel": channel, "happened_at": before(days)}
            )
        contracts.append(contract(account, renewal))
        parts = {
            "usage_points": step(deliveries, (0, 0), (1, 15), (3, 25))
            + step(logins, (0, 0), (1, 8), (6, 15)),
            "engagement_points": step(min(call, meeting), (0, 20), (30, 10), (60, 0))
            + (10 if meeting <= 90 else 0),
            "outcome_points": 12,
            "contract_points": step(months + (day > 1), (0, 10), (4, 7), (7, 5)),
        }
        score = sum(parts.values())
        band = ["critical", "warning", "at_risk", "healthy"][sum(score >= n for n in (40, 60, 80))]
        expect[account] = {**parts, "health_score": score, "health_band": band}
    given = health(usage=usage, activities=activities, contract_events=contracts)
    check(con, "health", given, expect)


@pytest.mark.parametrize(
    ("segment", "channel", "last_due"),
    [
        ("S", "meeting", dt.date(2025, 5, 1)),
        ("S", "phone", None),
        ("A", "meeting", dt.date(2025, 3, 1)),
        ("A", "phone", dt.date(2025, 3, 1)),
        ("A", "mail", None),
        ("B", "meeting", dt.date(2024, 12, 1)),
        ("B", "mail", dt.date(2024, 12, 1)),
        ("C", "mail", dt.date(2024, 6, 1)),
    ],
)
def test_how_long_a_touch_lasts(
    con: duckdb.DuckDBPyConnection, segment: str, channel: str, last_due: dt.date | None
) -> None:
    day = last_due or before(1)
    touched = {"on": day, "before": day - dt.timedelta(1)}
    given: dict[str, Rows] = {
        "cadence": company("cadence"),
        "accounts": [{"account_id": a, "segment": segment} for a in touched],
        "contract_events": [{"account_id": a, "happened_at": dt.date(2020, 1, 1)} for a in touched],
        "activities": [
            {"account_id": a, "channel": channel, "happened_at": on} for a, on in touched.items()
        ],
    }
    counts = last_due is not None
    expect = {
        "on": {"touch_overdue": not counts, **({"days_to_touch": 0} if counts else {})},
        "before": {"touch_overdue": True},
    }
    check(con, "cadence", given, expect)


def test_the_two_months_without_contact_begin_on_their_day(
    con: duckdb.DuckDBPyConnection,
) -> None:
    given: dict[str, Rows] = {
        "contract_events": [
            {"account_id": "silent", "happened_at": dt.date(2025, 4, 1)},
            *({"account_id": a, "happened_at": dt.date(2024, 4, 1)} for a in ("on", "after")),
        ],
        "activities": [
            {"account_id": "on", "channel": "mail", "happened_at": dt.date(2025, 4, 1)},
            {"account_id": "after", "channel": "mail", "happened_at": dt.date(2025, 4, 2)},
        ],
    }
    months = {"on": 2, "after": 1, "silent": 2}
    check(con, "cadence", given, {a: {"months_without_contact": n} for a, n in months.items()})


def test_each_phase_begins_on_its_day(con: duckdb.DuckDBPyConnection) -> None:
    far = dt.date(2026, 5, 1)
    cases = {
        (dt.date(2025, 5, 31), far): "onboarding",
        (dt.date(2025, 3, 2), far): "onboarding",
        (dt.date(2025, 3, 1), far): "adoption",
        (dt.date(2024, 12, 2), far): "adoption",
        (dt.date(2024, 12, 1), far): "expansion",
        (dt.date(2024, 6, 2), far): "expansion",
        (dt.date(2024, 6, 1), far): "maturity",
        (dt.date(2024, 6, 1), dt.date(2025, 8, 2)): "maturity",
        (dt.date(2024, 6, 1), dt.date(2025, 8, 1)): "renewal",
        (dt.date(2024, 6, 1), dt.date(2025, 5, 30)): "renewal",
    }
    given: dict[str, Rows] = {
        "lifecycle": company("lifecycle"),
        "contract_events": [
            {**contract(str(case), case[1]), "happened_at": case[0]} for case in cases
        ],
    }
    expect = {str(case): {"lifecycle_phase": phase} for case, phase in cases.items()}
    check(con, "lifecycle", given, expect)
