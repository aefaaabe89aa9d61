"""What a run learns from and what it leaves of a training, on the small company."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny

from salesml.errors import ConfigError
from salesml.learning import training_data
from salesml.pipeline import read_sources
from salesml.run import open_run
from salesml.training import TrainingData, train

TASK = "configs/tiny/tasks/away.yml"


@pytest.fixture
def company(tiny_night: Path, tmp_path: Path) -> Path:
    return tiny.copy_of(tiny_night, tmp_path / "company")


def panel(root: Path, segments: list[str] | None = None) -> TrainingData:
    if segments is not None:
        tiny.change(root, TASK, "segments", segments)
    with open_run("tiny", tiny.AS_OF, root=root, now=tiny.NOW) as run:
        read_sources(run)
        return training_data(run, run.project.task("away"))


def test_segment_of_the_population_is_judged_by_without_asking(company: Path) -> None:
    data = panel(company)
    assert data.segments is not None
    assert list(data.segments) == ["segment"]
    assert (data.segments["segment"] == data.X["account_segment"]).all()


def test_columns_of_population_and_features_are_judged_by(company: Path) -> None:
    data = panel(company, ["owner", "visits_30d"])
    assert data.segments is not None
    assert list(data.segments) == ["owner", "visits_30d"]
    assert "owner" not in data.X
    assert data.segments["visits_30d"].equals(data.X["visits_30d"])


def test_nothing_is_judged_by_where_the_task_says_so(company: Path) -> None:
    assert panel(company, []).segments is None


def test_a_task_may_be_complete_since_another_date_than_the_project(company: Path) -> None:
    tiny.change(company, "configs/tiny/project.yml", "complete_from", dt.date(2024, 6, 15))
    assert panel(company).as_of.min() == dt.date(2024, 7, 1)
    tiny.change(company, TASK, "complete_from", dt.date(2024, 3, 15))
    assert panel(company).as_of.min() == dt.date(2024, 4, 1)


def test_unknown_segment_names_the_line(company: Path) -> None:
    with pytest.raises(ConfigError, match=r"no column onwer .*Did you mean") as e:
        panel(company, ["onwer"])
    assert "away.yml" in str(e.value.where)
    assert "segments" in str(e.value.where)


def test_outcome_is_no_segment(company: Path) -> None:
    with pytest.raises(ConfigError, match="no column _outcome"):
        panel(company, ["_outcome"])


def test_rows_may_hang_together_beyond_the_entity(company: Path) -> None:
    assert panel(company).groups.nunique() == panel(company).entity.nunique()
    tiny.change(company, TASK, "cluster", "segment")
    data = panel(company)
    assert data.segments is not None
    assert data.groups.equals(data.segments["segment"].astype("str"))
    assert len(set(data.clusters)) == 3


def test_unknown_cluster_names_the_line(company: Path) -> None:
    tiny.change(company, TASK, "cluster", "segmnt")
    with pytest.raises(ConfigError, match=r"no column segmnt .*Did you mean 'segment'") as e:
        panel(company)
    assert "away.yml" in str(e.value.where)


def test_what_the_sets_call_good_is_bad_for_a_bad_outcome(company: Path) -> None:
    expected = panel(company).expected
    assert expected["visits_30d"] == -1
    assert expected["days_since_visit"] == 1
    tiny.change(company, TASK, "outcome_is", "good")
    assert panel(company).expected == {name: -sign for name, sign in expected.items()}


def test_directions_expected_are_kept_to(company: Path) -> None:
    data = panel(company)
    settings = {"tree_budget": 500, "monotone": "expected"}
    model = train(data, horizon_days=30, settings=settings).model
    assert model.monotone == {n: s for n, s in data.expected.items() if n in data.X}
    row = data.X.iloc[[0] * 30].assign(visits_30d=range(30))
    probability = model.predict_proba(row)[:, 1]
    assert (np.diff(probability) <= 1e-12).all()
    assert probability[0] > probability[-1]  # a constant would keep to any direction


def test_training_leaves_a_card_and_its_tables(company: Path) -> None:
    with open_run("tiny", tiny.AS_OF, root=company, now=tiny.NOW) as run:
        version = run.registry.champion("away")
        assert version is not None
        page = version.card.read_text(encoding="utf-8")
    assert version.verdict_ja in page
    assert version.verdict_en in page
    assert "来訪が○回" in page
    parts = pd.read_csv(version.card.parent / "segments.csv")
    assert set(parts["column"]) == {"segment"}
    assert parts["rows"].sum() == len(version.predictions())
