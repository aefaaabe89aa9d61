from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from salesml.config import Fairness
from salesml.errors import ConfigError
from salesml.learning import training_data
from salesml.pipeline import read_sources
from salesml.run import open_run
from salesml.training import Interval, TrainingData, train
from salesml.training.fairness import (
    Selection,
    fairness_table,
    fairness_warnings,
    ratio_interval,
    selected,
    selections,
    wilson,
)
from salesml.training.segments import by_segment
from salesml.training.table import Floats
from tests.training.conftest import QUICK, make_panel


def panel(rows: int, clusters: np.ndarray | None = None, **columns: list[object]) -> TrainingData:
    """Every fifth row positive, spread evenly."""
    return TrainingData(
        pd.DataFrame({"x": range(rows)}),
        pd.Series([1.0 * (i % 5 == 0) for i in range(rows)]),
        pd.Series([dt.date(2024, 1, 1)] * rows),
        pd.Series(np.arange(rows) if clusters is None else clusters),
        segments=pd.DataFrame(columns),
    )


def found(
    data: TrainingData, p: Floats, share: float = 0.1, by: tuple[str, ...] = ("region",)
) -> list[Selection]:
    segments = by_segment(data, data, p, np.full(len(p), 0.2))
    return selections(Fairness(by=list(by)), data, data, p, segments, share)


def shares(**of: tuple[int, int]) -> tuple[TrainingData, Floats, float]:
    """So many rows of each region, of which so many have the higher probability."""
    regions = [name for name, (rows, _) in of.items() for _ in range(rows)]
    p = np.concatenate([np.where(np.arange(rows) < top, 0.6, 0.1) for rows, top in of.values()])
    share = sum(top for _, top in of.values()) / len(p)
    return panel(len(p), region=regions), p, share


@given(
    st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), min_size=1, max_size=40),
    st.floats(0.01, 1.0),
)
def test_the_top_share_is_selected_and_equals_are_treated_alike(
    values: list[float], share: float
) -> None:
    p = np.array(values)
    chosen = selected(p, share)
    assert chosen.sum() == pytest.approx(share * len(p))
    assert ((chosen >= -1e-9) & (chosen <= 1 + 1e-9)).all()
    for value in set(values):
        assert len(set(chosen[p == value])) == 1
    order = np.argsort(p)
    assert (np.diff(chosen[order]) >= -1e-9).all()


def test_a_cut_through_equals_takes_a_part_of_each() -> None:
    p = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    assert selected(p, 0.4).tolist() == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3, 0])


def test_a_group_passed_over_is_warned_of_in_both_languages() -> None:
    east, west = found(*shares(east=(400, 80), west=(300, 15)))
    assert (east.segment.group, east.best, east.unfair) == ("east", None, False)
    assert (west.segment.group, west.best, west.unfair) == ("west", east, True)
    assert (east.rate, west.rate) == pytest.approx((0.2, 0.05))
    assert west.ratio is not None
    assert west.ratio.value == pytest.approx(0.25)
    assert west.ratio.low < 0.25 < west.ratio.high < 0.5
    (words,) = fairness_warnings([east, west])
    assert words.en == (
        "Fairness, region: clearly fewer than 0.8 times the share of the most selected group (east "
        "20.0%, observed 20.0%) are in the top 13.6%: west 5.0% (0.25 times, 0.15 to 0.42), "
        "observed 20.0%."
    )
    assert "最も高いグループ（east 20.0%、実際20.0%）の0.8倍を明らかに下回ります" in words.ja
    assert "west 5.0%（0.25倍、95%区間 0.15〜0.42）、実際20.0%。" in words.ja
    assert fairness_warnings([east]) == []


def test_a_column_warns_once_of_all_its_groups() -> None:
    rows = found(*shares(east=(400, 80), west=(300, 15), south=(300, 0)))
    (words,) = fairness_warnings(rows)
    assert words.en.count("times, ") == 2
    assert "south 0.0% (0.00 times, 0.00 to " in words.en


def test_the_ratio_is_the_task_s_to_set() -> None:
    data, p, share = shares(east=(400, 80), west=(300, 15))
    segments = by_segment(data, data, p, np.full(len(p), 0.2))
    lax = Fairness(by=["region"], ratio=0.1)
    assert not any(s.unfair for s in selections(lax, data, data, p, segments, share))


def test_a_small_group_of_which_nobody_is_selected_does_not_cry_wolf() -> None:
    _, west = found(*shares(east=(400, 20), west=(60, 0)))
    assert west.ratio is not None
    assert west.ratio.value == 0
    assert west.ratio.high > 0.8
    assert not west.unfair


def test_the_same_entities_month_after_month_prove_less() -> None:
    data, p, share = shares(east=(400, 80), west=(300, 30))
    assert found(data, p, share)[1].unfair
    months = replace(data, entity=pd.Series(np.arange(700) // 20))
    assert not found(months, p, share)[1].unfair


def test_regions_of_few_prefectures_are_compared() -> None:
    """Six clusters a region, whose rows are no more alike than others."""
    data, p, share = shares(east=(400, 80), west=(300, 0))
    clusters = pd.Series(np.where(np.arange(700) < 400, 0, 6) + np.arange(700) % 6)
    _, west = found(replace(data, entity=clusters), p, share)
    assert west.segment.entities == 6
    assert west.unfair
    assert west.segment.auc is None
    assert west.auc is not None
    assert west.auc.value == 0.5  # one probability for all of them
    assert np.isnan(west.auc.low)


def test_one_entity_seen_often_is_not_compared() -> None:
    data, p, share = shares(east=(400, 80), west=(300, 0))
    clusters = pd.Series(np.arange(700) // 60)
    _, west = found(replace(data, entity=clusters), p, share)
    assert west.worth < 10
    assert west.ratio is None


def test_groups_by_chance_raise_few_alarms() -> None:
    alarms = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        data = panel(1200, region=[str(i // 60) for i in range(1200)])
        alarms += any(s.unfair for s in found(data, rng.random(1200)))
    assert alarms == 0


def test_rare_and_missing_values_are_told_but_not_compared() -> None:
    regions = ["east"] * 100 + ["west"] * 100 + ["isle"] * 9 + [None] * 91
    rows = found(panel(300, region=regions), np.linspace(0.9, 0.1, 300))
    kinds = {s.segment.kind: s for s in rows if s.segment.kind != "value"}
    assert set(kinds) == {"other", "missing"}
    assert all(s.ratio is None and not s.unfair for s in kinds.values())
    assert sum(s.segment.rows for s in rows) == 300


def test_one_probability_for_all_is_fair() -> None:
    data, p, _ = shares(east=(400, 0), west=(300, 0))
    _, west = found(data, p)
    assert west.rate == pytest.approx(0.1)
    assert west.ratio is None or west.ratio.value == pytest.approx(1)
    assert not west.unfair


def test_without_columns_nothing_is_compared() -> None:
    data, p, _ = shares(east=(100, 10))
    assert selections(None, data, data, p, [], 0.1) == []
    (alone,) = found(data, p)
    assert alone.ratio is None


shares_of = st.tuples(st.integers(10, 500), st.floats(0, 1))


@given(shares_of, shares_of)
def test_a_ratio_lies_in_its_interval(one: tuple[int, float], two: tuple[int, float]) -> None:
    own, best = (wilson(round(rows * share) / rows, rows) for rows, share in (one, two))
    ratio = ratio_interval(own, best)
    if best.value:
        assert 0 <= ratio.low <= ratio.value + 1e-9
        assert ratio.value <= ratio.high + 1e-9


def test_a_ratio_is_that_of_the_closed_form() -> None:
    one, two = wilson(0.5, 100), wilson(0.4, 100)
    ratio = ratio_interval(one, two)
    # (p1 p2 - sqrt((p1 p2)^2 - l1 u2 (2 p1 - l1) (2 p2 - u2))) / (u2 (2 p2 - u2)), and so on
    inside = 0.2**2 - one.low * two.high * (1 - one.low) * (0.8 - two.high)
    assert ratio.low == pytest.approx((0.2 - inside**0.5) / (two.high * (0.8 - two.high)))
    inside = 0.2**2 - one.high * two.low * (1 - one.high) * (0.8 - two.low)
    assert ratio.high == pytest.approx((0.2 + inside**0.5) / (two.low * (0.8 - two.low)))
    assert ratio_interval(wilson(0.1, 500), wilson(0.03, 60)).low > 0.8  # 0.11 is above twice 0.03


def test_a_ratio_to_nobody_is_unknown() -> None:
    ratio = ratio_interval(wilson(0.2, 100), Interval(0.0, 0.0, 0.04))
    assert np.isnan(ratio.value)
    assert ratio.high == float("inf")


def test_the_table_has_a_row_for_each_group_and_columns_for_each_number() -> None:
    table = fairness_table(found(*shares(east=(400, 80), west=(300, 15))))
    assert table["group"].tolist() == ["east", "west"]
    assert table["unfair"].tolist() == [False, True]
    assert table["best"].tolist() == ["", "east"]
    assert {"selected", "selected_low", "ratio", "ratio_high", "auc", "limit"} <= set(table)


def test_training_compares_and_warns() -> None:
    data = make_panel(entities=80)
    column = data.X.columns[2]
    parts = replace(data, segments=data.X[[column]])
    fairness, quick = Fairness(by=[column]), QUICK | {"tree_budget": 40}
    result = train(parts, horizon_days=60, settings=quick, fairness=fairness)
    told = {s.segment.group: s for s in result.fairness}
    assert set(told) == {"大企業", "中堅", "SMB"}
    assert told["SMB"].rate == max(s.rate for s in told.values())
    (words,) = fairness_warnings(result.fairness)
    assert words.en in result.warnings
    assert words in result.warning_words


def test_a_column_that_is_not_there_is_named_where_the_task_says_it(tmp_path: Path) -> None:
    root = tiny.make_company(tmp_path)
    tiny.change(root, "configs/tiny/tasks/away.yml", "fairness", {"by": "segmnt"})
    with open_run("tiny", tiny.AS_OF, root=root, now=tiny.NOW) as run:
        read_sources(run)
        with pytest.raises(ConfigError, match="no column segmnt") as error:
            training_data(run, run.project.task("away"))
    assert "Did you mean 'segment'?" in error.value.what
    assert str(error.value.where).endswith(", fairness")


@pytest.mark.parametrize("wrong", [{}, {"by": []}, {"by": ["a"], "ratio": 1.2}, {"bye": ["a"]}])
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Fairness.model_validate(wrong)
