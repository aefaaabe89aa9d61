from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.features import load_feature_set, run_examples
from salesml.municipal.budget_year import (
    Period,
    budget_calendar,
    deadlines,
    last_rotation,
    next_assembly,
    next_stage,
    next_supplementary,
    parallel_on,
    stage_on,
)
from salesml.municipal.settings import MunicipalConfig, default_municipal

FEATURES = Path(__file__).parents[2] / "features"
DEFAULT = default_municipal()
CALENDAR = budget_calendar(DEFAULT)
DATES = st.dates(dt.date(2000, 1, 1), dt.date(2080, 12, 31))
DAY = dt.timedelta(days=1)


def of_kind(kind: str) -> pd.DataFrame:
    return CALENDAR[CALENDAR["kind"] == kind].sort_values("starts_on", ignore_index=True)


def on(kind: str, date: dt.date) -> pd.DataFrame:
    rows = of_kind(kind)
    return rows[(rows["starts_on"] <= date) & (date <= rows["ends_on"])]


@st.composite
def settings_with_other_stages(draw: st.DrawFn) -> MunicipalConfig:
    """Settings whose fiscal year begins anywhere, shared out between one to six stages."""
    leap_year = [dt.date(2000, 1, 1) + n * DAY for n in range(366)]
    starts = [day for day in leap_year if (day.month, day.day) != (2, 29)]
    chosen = draw(st.lists(st.sampled_from(starts), min_size=1, max_size=6, unique=True))
    ordered = sorted(chosen)
    turn = draw(st.integers(0, len(ordered) - 1))
    row = ordered[turn:] + ordered[:turn]
    rest = {"ja": "段階", "en": "Stage", "talk_to": ["staff"], "material": {"ja": "資", "en": "m"}}
    stages = {
        f"s{i}": {**rest, "from": f"{start:%m-%d}", "to": f"{after - DAY:%m-%d}"}
        for i, (start, after) in enumerate(zip(row, [*row[1:], row[0]], strict=True))
    }
    sections = {name: getattr(DEFAULT, name) for name in MunicipalConfig.model_fields}
    return MunicipalConfig.model_validate({**sections, "stages": stages})


@pytest.mark.parametrize(
    ("date", "stage", "year"),
    [
        (dt.date(2023, 12, 31), "assessment", 2023),
        (dt.date(2024, 1, 1), "draft", 2023),
        (dt.date(2024, 2, 29), "draft", 2023),
        (dt.date(2023, 2, 28), "draft", 2022),
        (dt.date(2024, 3, 1), "deliberation", 2023),
        (dt.date(2024, 3, 31), "deliberation", 2023),
        (dt.date(2024, 4, 1), "policy", 2024),
        (dt.date(2024, 6, 30), "policy", 2024),
        (dt.date(2024, 7, 1), "requests", 2024),
        (dt.date(2024, 10, 1), "assessment", 2024),
    ],
)
def test_stage_and_fiscal_year_of_a_date(date: dt.date, stage: str, year: int) -> None:
    assert stage_on(DEFAULT, date).name == stage
    assert on("year", date)["name"].tolist() == [str(year)]


@given(DATES)
def test_each_date_is_in_one_stage_that_the_calendar_names_too(date: dt.date) -> None:
    (name,) = on("stage", date)["name"]
    assert stage_on(DEFAULT, date).name == name
    assert [period.name for period in parallel_on(DEFAULT, date)] == ["execution"]


@given(settings_with_other_stages(), DATES)
def test_however_the_year_is_shared_out_a_date_is_in_one_stage(
    settings: MunicipalConfig, date: dt.date
) -> None:
    stage, following = stage_on(settings, date), next_stage(settings, date)
    assert date in stage
    assert following.starts_on == stage.ends_on + DAY
    assert date not in following


@pytest.mark.parametrize("find", [next_stage, next_assembly, next_supplementary])
@given(date=DATES)
def test_what_is_next_begins_later_and_nothing_of_its_kind_before(
    find: Callable[[MunicipalConfig, dt.date], Period], date: dt.date
) -> None:
    found = find(DEFAULT, date)
    assert 0 < (found.starts_on - date).days <= 366
    assert find(DEFAULT, found.starts_on - DAY) == found
    assert find(DEFAULT, found.starts_on).starts_on > found.starts_on
    starts = of_kind(found.kind)["starts_on"]
    assert min(starts[starts > date]) == found.starts_on


@given(DATES)
def test_the_rotation_was_on_the_newest_first_of_april(date: dt.date) -> None:
    found = last_rotation(DEFAULT, date)
    assert (found.month, found.day) == (4, 1)
    assert 0 <= (date - found).days < 366


@pytest.mark.parametrize(
    ("date", "session"),
    [
        (dt.date(2024, 2, 24), None),
        (dt.date(2024, 2, 25), "march"),
        (dt.date(2024, 3, 23), "march"),  # 28 days, one of them 29 February
        (dt.date(2024, 3, 24), None),
        (dt.date(2023, 3, 24), "march"),
        (dt.date(2024, 12, 1), "december"),
    ],
)
def test_session_on_a_date(date: dt.date, session: str | None) -> None:
    assert on("assembly", date)["name"].tolist() == ([session] if session else [])


@pytest.mark.parametrize(
    ("date", "on", "ja", "en"),
    [
        (
            dt.date(2024, 4, 1),
            dt.date(2024, 5, 31),
            "6月補正予算への要求は5月31日まで",
            "June supplementary budget: ask for it by 31 May",
        ),
        (
            dt.date(2024, 9, 30),
            dt.date(2024, 9, 30),
            "予算要求は9月30日まで：要求書に書ける理由と数値、類似事例",
            "Requests by departments until 30 September: reasons and numbers for the request form, "
            "similar cases",
        ),
        (
            dt.date(2024, 1, 5),
            dt.date(2024, 2, 29),
            "予算案は2月29日まで：議員向け資料、想定問答",
            "Draft budget until 29 February: material for members of the assembly, expected "
            "questions",
        ),
    ],
)
def test_the_next_deadline_in_words(date: dt.date, on: dt.date, ja: str, en: str) -> None:
    found = deadlines(DEFAULT, date)[0]
    assert (found.on, found.words.ja, found.words.en) == (on, ja, en)


@given(DATES)
def test_deadlines_are_ahead_and_in_order(date: dt.date) -> None:
    found = deadlines(DEFAULT, date)
    assert date <= found[0].on <= found[1].on
    assert {deadline.period.kind for deadline in found} == {"stage", "supplementary"}


@pytest.mark.parametrize("kind", ["stage", "year", "execution"])
def test_periods_of_the_calendar_follow_each_other_without_a_gap(kind: str) -> None:
    rows = of_kind(kind)
    for ends, starts in itertools.pairwise(zip(rows["ends_on"], rows["starts_on"], strict=True)):
        assert starts[1] == ends[0] + DAY


def test_the_calendar_is_known_ahead_and_reaches_over_its_years() -> None:
    assert list(CALENDAR.columns) == [
        "kind", "name", "ja", "en", "starts_on", "ends_on", "known_at"
    ]  # fmt: skip
    assert set(CALENDAR["known_at"]) == {pd.Timestamp(1900, 1, 1)}
    assert not CALENDAR.duplicated(["kind", "name", "starts_on"]).any()
    assert not CALENDAR.isna().any(axis=None)
    for kind in ("stage", "assembly", "supplementary", "rotation"):
        assert min(of_kind(kind)["starts_on"]) < dt.date(2000, 1, 1)
        assert max(of_kind(kind)["starts_on"]) > dt.date(2080, 12, 31)


def test_the_calendar_is_the_same_each_time() -> None:
    pd.testing.assert_frame_equal(CALENDAR, budget_calendar(default_municipal()))


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    """The feature set on each date of nine years, and on one beyond the calendar."""
    dates = [dt.date(2095, 1, 1)]  # beyond the calendar
    dates += [dt.date(2022, 1, 1) + n * DAY for n in range(9 * 365)]
    spine = pd.DataFrame({"municipality_id": "01100", "as_of": dates})
    sql = load_feature_set(FEATURES, "municipality", "budget_year").sql
    with duckdb.connect() as con:
        con.register("_spine", spine)
        con.register("_calendar", CALENDAR)
        con.execute("create view spine as select municipality_id, as_of::date as as_of from _spine")
        con.execute(
            "create view budget_calendar as select as_of, kind, name, starts_on::date as starts_on,"
            " ends_on::date as ends_on from _calendar cross join (select as_of from spine)"
        )
        computed = con.execute(f"select * from ({sql}) order by as_of").df()
    return computed.assign(as_of=computed["as_of"].dt.date).set_index("as_of")


def test_features_say_what_the_functions_say(features: pd.DataFrame) -> None:
    for date, row in features.iloc[:-1:7].iterrows():
        assert isinstance(date, dt.date)
        assert row["budget_stage"] == stage_on(DEFAULT, date).name
        assert row["assembly_in_session"] == (not on("assembly", date).empty)
        for name, find in (
            ("stage", next_stage),
            ("assembly", next_assembly),
            ("supplementary", next_supplementary),
        ):
            assert row[f"days_to_next_{name}"] == (find(DEFAULT, date).starts_on - date).days
        assert row["months_since_rotation"] == (date.month - 4) % 12


def test_the_position_goes_round_evenly_once_a_year(features: pd.DataFrame) -> None:
    inside = features.iloc[:-1]
    angles = [math.atan2(s, c) for s, c in inside[["budget_year_sin", "budget_year_cos"]].values]
    steps = [(b - a) % (2 * math.pi) for a, b in itertools.pairwise(angles)]
    assert 2 * math.pi / 366 - 1e-9 <= min(steps) <= max(steps) <= 2 * math.pi / 365 + 1e-9
    assert inside["budget_year_elapsed_pct"].between(0, 100, inclusive="left").all()


def test_beyond_the_calendar_features_are_unknown(features: pd.DataFrame) -> None:
    assert features.iloc[-1].drop("municipality_id").isna().all()


def test_examples_of_the_feature_set_hold(con: duckdb.DuckDBPyConnection) -> None:
    run_examples(con, load_feature_set(FEATURES, "municipality", "budget_year"))


@given(settings_with_other_stages())
def test_the_calendar_of_other_stages_has_one_on_each_date(settings: MunicipalConfig) -> None:
    rows = budget_calendar(settings)
    stages = rows[rows["kind"] == "stage"].sort_values("starts_on")
    for (_, ends), (starts, _) in itertools.pairwise(
        zip(stages["starts_on"], stages["ends_on"], strict=True)
    ):
        assert starts == ends + DAY
