"""Trials: what is learnt from, what is set aside, and that it is said."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from salesml.actions.learning.panel import features_of, panel_of
from salesml.actions.learning.trials import Trials, trials_of
from salesml.config import Project
from salesml.engine import connect
from salesml.errors import ConfigError
from salesml.scoring import store_of
from tests.actions.tried import add_trials, company, decide, read, trial
from tests.tiny import AS_OF, change, copy_of, crm, visit


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = company(tmp_path_factory.mktemp("company") / "root")
    with crm(root) as link:
        link.execute("delete from trials")
    add_trials(
        root, trial("c000", "2024-06-01", "call", 0.4), trial("c001", "2024-06-01", "none", 0.6)
    )
    return root


@pytest.fixture
def root(base: Path, tmp_path: Path) -> Path:
    return copy_of(base, tmp_path / "root")


def found(project: Project, as_of: dt.date = AS_OF) -> Trials:
    with connect() as con:
        return trials_of(con, project, store_of(project), as_of)


def panel(project: Project, as_of: dt.date = AS_OF) -> Trials:
    store = store_of(project)
    with connect() as con:
        told = trials_of(con, project, store, as_of)
        return panel_of(con, project, store, project.task("away"), told, as_of)


def test_trials_from_elsewhere_come_with_what_they_could_have_been(root: Path) -> None:
    told = found(read(root))
    assert told.notes == []
    assert told.rows["entity_id"].tolist() == ["c000", "c001"]
    assert told.rows["as_of"].tolist() == [dt.date(2024, 6, 1)] * 2
    assert told.rows["could"].tolist() == [("call",), ("call",)]
    assert told.rows["how"].tolist() == ["history"] * 2


BAD = [
    (trial(None, "2024-06-02", "call", 0.4), "missing"),
    (trial("c002", "2024-13-45", "call", 0.4), "cannot be read"),
    (trial("c002", "2024-06-02", None, 0.4), "missing"),
    (trial("c002", "2024-06-02", "cal", 0.4), "no action 'cal' for account. Did you mean 'call'?"),
    (trial("c002", "2024-06-02", "call", 0.4, entity="lead"), "no action 'call' for lead"),
    (trial("c002", AS_OF, "call", 0.4), "on the date of the run or after it"),
    (trial("c002", "2024-06-02", "call", 0.4, done_on="2024-06-01"), "dated before the decision"),
    (trial("c002", "2024-06-02", "call", 0.0), "0 or below, above 1 or no number"),
    (trial("c002", "2024-06-02", "call", 1.2), "0 or below, above 1 or no number"),
    (trial("c002", "2024-06-02", "call", "often"), "0 or below, above 1 or no number"),
    (trial("c002", "2024-06-02", "call", 1e-7), "below 0.1%, so that one would outweigh"),
    (trial("c002", "2024-06-02", "call", 1.0), "chosen for sure"),
    (trial("c000", "2024-06-01", "none", 0.6), "a second decision"),
]


@pytest.mark.parametrize(("row", "why"), BAD, ids=[f"{i}" for i in range(len(BAD))])
def test_what_cannot_be_learnt_from_is_set_aside_and_told(
    root: Path, row: dict[str, Any], why: str
) -> None:
    add_trials(root, row)
    told = found(read(root))
    assert len(told.rows) == 2
    (note,) = told.notes
    assert why in note.en
    assert note.en.startswith("1 trials of actions set aside")
    assert "1件を学習から除外" in note.ja


def test_an_action_done_after_its_decision_stays(root: Path) -> None:
    add_trials(root, trial("c002", "2024-06-02", "call", 0.4, done_on="2024-06-02"))
    assert len(found(read(root)).rows) == 3


def test_a_probability_that_is_not_known_stays_for_now(root: Path) -> None:
    add_trials(root, trial("c002", "2024-06-02", "call", None))
    told = found(read(root))
    assert told.rows["probability"].isna().tolist() == [False, False, True]


def test_sql_without_the_columns_is_refused(root: Path) -> None:
    change(root, "configs/tiny/actions.yml", "history", "select entity_id, action from trials")
    with pytest.raises(ConfigError, match="does not return entity, decided_on, probability"):
        found(read(root))


def test_a_trial_that_became_known_later_is_not_seen(root: Path) -> None:
    add_trials(root, trial("c002", "2024-06-02", "call", 0.4, logged_on="2024-09-01"))
    project = read(root)
    assert len(found(project, dt.date(2024, 9, 1)).rows) == 2
    assert len(found(project, dt.date(2024, 9, 2)).rows) == 3


def own(entity_id: str, action: str = "call", **more: Any) -> dict[str, Any]:
    return {
        "entity_id": entity_id, "action": action, "how": "best", "probability": 0.9,
        "planned": "call", **more,
    }  # fmt: skip


def test_own_decisions_count_where_chance_had_a_part(root: Path) -> None:
    project, date = read(root), dt.date(2024, 7, 1)
    decide(
        project,
        date,
        own("c010"),
        own("c011", "none", how="holdout", probability=0.05),
        own("c012", probability=1.0),
        own("c013", planned=None),
        own("c015", "none", planned="none"),
        own("c014", probability=None),
    )
    rows = found(project).rows.query("how != 'history'")
    assert rows["entity_id"].tolist() == ["c010", "c011"]
    assert rows["could"].tolist() == [("call",)] * 2
    assert rows["action_id"].tolist() == ["20240701-account-c010", "20240701-account-c011"]
    assert len(found(project, date).rows) == 2  # not decided yet


def test_the_first_planned_night_of_a_quarter_counts(root: Path) -> None:
    """Later nights tell who is held out: their probabilities are others than those noted."""
    project = read(root)
    nights = ["2024-07-02", "2024-07-03", "2024-09-30", "2024-10-01", "2025-01-01"]
    for night in map(dt.date.fromisoformat, nights):
        early = night.day == 2
        decide(
            project,
            night,
            own("c010", "none", how="holdout"),
            own("c011", planned="none" if early else "letter"),
        )
    rows = found(project, dt.date(2025, 1, 1)).rows.query("how != 'history'")
    dates = rows.groupby("entity_id")["as_of"].agg(lambda each: [str(date) for date in each])
    assert dates["c010"] == ["2024-07-02", "2024-10-01"]
    assert dates["c011"] == ["2024-07-03", "2024-10-01"]


def test_of_very_many_some_entities_are_taken_whole(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salesml.actions.learning.trials.MOST_OWN", 40)
    project = read(root)
    for month in (1, 4, 7, 10):
        decide(project, dt.date(2024, month, 1), *(own(f"c{n:03d}") for n in range(20)))
    nights = found(project).rows.query("how != 'history'")["entity_id"].value_counts()
    assert 4 <= len(nights) <= 16
    assert (nights == 4).all()


def test_the_outcome_is_good_where_the_bad_one_did_not_come(root: Path) -> None:
    with crm(root) as link:
        link.execute("delete from visits where customer in ('c000', 'c001')")
        visit(link, "c000", dt.datetime(2024, 6, 30, 10))
    told = panel(read(root))
    assert told.rows.set_index("entity_id")["good"].to_dict() == {"c000": 1, "c001": 0}
    assert {"segment", "amount"} <= set(told.rows)


def test_only_those_whose_horizon_is_over(root: Path) -> None:
    project = read(root)
    assert len(panel(project, dt.date(2024, 7, 1)).rows) == 2
    assert len(panel(project, dt.date(2024, 6, 30)).rows) == 0


def test_whoever_was_not_asked_about_is_set_aside(root: Path) -> None:
    add_trials(root, trial("stranger", "2024-06-02", "call", 0.4))
    told = panel(read(root))
    assert len(told.rows) == 2
    assert "not asked about by task away on the date" in told.notes[0].en


def test_features_are_those_of_the_decision(root: Path) -> None:
    def features(project: Project) -> list[float]:
        store = store_of(project)
        with connect() as con:
            rows = panel(project).rows
            X = features_of(con, project, store, project.task("away"), rows)
        return X["visits_30d"].tolist()

    before = features(read(root))
    with crm(root) as link:
        for code in ("c000", "c001"):
            visit(link, code, dt.datetime(2024, 6, 1, 0, 1))  # after the cut
    assert features(read(root)) == before
    with crm(root) as link:
        visit(link, "c000", dt.datetime(2024, 5, 30, 10))
    after = features(read(root))
    assert after[0] == before[0] + 1
    assert after[1] == before[1]
