"""The plan of a date: every fact as known then, best first."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from salesml.approach import Plan, municipal_task, plan
from salesml.config import load_project
from salesml.errors import ConfigError, ModelError, SourceError
from tests.approach import towns
from tests.approach.towns import AS_OF, MINATO, OGAWA, OSATO, OTHER_OSATO, SENRI


def row(found: Plan, code: str) -> dict[str, Any]:
    (only,) = found.rows[found.rows["municipality_id"] == code].to_dict("records")
    return {str(name): value for name, value in only.items()}


def test_rows_are_ranked_by_expected_value_then_by_score(found: Plan) -> None:
    assert found.ranked_by == "expected_value"
    assert found.rows[["rank", "municipality_id"]].values.tolist() == [
        [1, SENRI], [2, OSATO], [3, OTHER_OSATO],
    ]  # fmt: skip


def test_without_amounts_the_score_ranks(tmp_path: Path) -> None:
    root = towns.make_towns(tmp_path)
    towns.write_book(root, {SENRI: {"score": 1}, OSATO: {"score": 9}, OTHER_OSATO: {"score": 9}})
    project = load_project("towns", root)
    found = plan(project, project.task("adoption"), AS_OF, outlook=False)
    assert (found.ranked_by, found.outlook_note) == ("score", None)
    assert found.rows["municipality_id"].tolist() == [OSATO, OTHER_OSATO, SENRI]


def test_who_they_are_and_how_to_approach_them(found: Plan) -> None:
    wanted = {
        OSATO: ("大里市", "埼玉県", "city", 40_000, "small", "山田"),
        SENRI: ("千里村", "千葉県", "village", 50_000, "medium", None),
        OTHER_OSATO: ("大里市", "千葉県", "city", 400_000, "large", "佐藤"),
    }
    for code, facts in wanted.items():
        of = row(found, code)
        names = ("name", "prefecture", "kind", "population", "tier", "owner")
        assert tuple(of[name] for name in names) == facts
        assert of["approach_ja"]
        assert of["approach_en"]


def test_the_stage_says_whom_to_talk_to_about_what(found: Plan) -> None:
    stage = found.stage
    assert (stage.name, stage.starts_on, stage.ends_on) == (
        "policy", dt.date(2024, 4, 1), dt.date(2024, 6, 30),
    )  # fmt: skip
    assert [talk["stakeholder"] for talk in row(found, OSATO)["talks"]] == ["managers", "mayor"]
    assert stage.talks[0].material_en == "policy problem and solution, cost effect"
    names = [each.name for each in found.stages]
    assert names == ["policy", "requests", "assessment", "draft", "deliberation"]
    assert found.stages[-1].ends_on == dt.date(2025, 3, 31)
    assert [each.name for each in found.parallel] == ["execution"]


def test_the_calendar_is_that_of_the_coming_year(found: Plan) -> None:
    assert (found.calendar["ends_on"] >= AS_OF).all()
    assert (found.calendar["starts_on"] <= dt.date(2025, 5, 10)).all()
    assert set(found.calendar["kind"]) == {
        "stage", "execution", "year", "assembly", "supplementary", "rotation",
    }  # fmt: skip


def test_deadlines_are_one_of_each_kind_the_next_first(found: Plan) -> None:
    told = [(d["kind"], str(d["on"]), d["days_left"]) for d in row(found, OSATO)["deadlines"]]
    common = [
        ("supplementary", "2024-05-31", 21),
        ("assembly", "2024-06-08", 29),
        ("stage", "2024-06-30", 51),
    ]  # fmt: skip
    assert told == [("subsidy", "2024-05-20", 10), *common]
    assert [(d["kind"], str(d["on"])) for d in row(found, OTHER_OSATO)["deadlines"]] == [
        (kind, on) for kind, on, _ in common
    ]
    of = row(found, OSATO)
    assert (of["deadline_on"], of["deadline_kind"], of["days_left"]) == (
        dt.date(2024, 5, 20), "subsidy", 10,
    )  # fmt: skip
    assert of["deadline_en"] == "applications for Digital grant close"


def test_subsidies_are_those_announced_and_not_closed(found: Plan) -> None:
    assert [each["programme_id"] for each in row(found, OSATO)["subsidies"]] == ["digital"]
    (only,) = row(found, SENRI)["subsidies"]
    assert (only["title_ja"], only["title_en"], only["rate"]) == ("long", "long", None)


def test_cited_are_the_peers_known_to_have_adopted_most_similar_first(found: Plan) -> None:
    cited = row(found, OSATO)["cited"]
    # Senri adopted too, but that was not known yet; Minato was nearer in an older list
    assert [(c["municipality_id"], c["similarity"]) for c in cited] == [(OGAWA, 0.7), (MINATO, 0.6)]
    assert (cited[0]["adopted_on"], cited[0]["in_prefecture"], cited[0]["kilometres"]) == (
        dt.date(2023, 10, 1), True, 12.5,
    )  # fmt: skip
    assert (cited[1]["name"], cited[1]["in_prefecture"], cited[1]["kilometres"]) == (
        "湊市", False, None,
    )  # fmt: skip
    assert row(found, SENRI)["cited"] == []


def test_others_of_the_prefecture_that_adopted(found: Plan) -> None:
    assert [c["name"] for c in row(found, OSATO)["cited_prefecture"]] == ["小川町"]
    assert [row(found, code)["adopters_prefecture"] for code in (OSATO, SENRI)] == [1, 0]


def test_the_passage_that_fits_best_among_documents_known(found: Plan) -> None:
    assert row(found, OSATO)["policy"] == {
        "similarity": 0.4, "kind": "plan", "title": "第5次総合計画",
        "passage": "三次元の都市模型を整える", "terms": "都市",
    }  # fmt: skip
    assert row(found, SENRI)["policy"] is None


def test_the_next_election_is_four_years_after_the_last(found: Plan) -> None:
    assert row(found, OSATO)["election_on"] == dt.date(2025, 4, 25)
    assert row(found, OSATO)["months_to_election"] == 11.5
    assert (row(found, SENRI)["election_on"], row(found, SENRI)["months_to_election"]) == (AS_OF, 0)
    # it was held yesterday, and its result is not known
    assert row(found, OTHER_OSATO)["election_on"] is None


def test_contacts_new_since_the_rotation(found: Plan) -> None:
    assert [row(found, code)["contact_new"] for code in (OSATO, SENRI, OTHER_OSATO)] == [
        True, False, None,
    ]  # fmt: skip


def test_each_stage_is_asked_about_with_what_is_known_now(found: Plan) -> None:
    """Of three adoptions that the store holds by now, two were known on the date."""
    assert found.outlook_note is None
    views = row(found, OSATO)["outlook"]
    assert [(view["stage"], str(view["on"]), view["probability"]) for view in views] == [
        ("policy", "2024-05-10", pytest.approx(0.25)),
        ("requests", "2024-07-01", pytest.approx(0.27)),
        ("assessment", "2024-10-01", pytest.approx(0.30)),
        ("draft", "2025-01-01", pytest.approx(0.21)),
        ("deliberation", "2025-03-01", pytest.approx(0.23)),
    ]
    assert views[2]["score"] > views[0]["score"] > views[3]["score"]


@pytest.mark.parametrize(
    ("every", "stages", "said"),
    [
        ("year", None, "did not learn from dates of several stages"),
        ("adoptions", None, "did not learn from dates of several stages"),
        # three Decembers
        ("365 days", {"policy", "assessment"}, "lies: Requests by departments, Draft budget"),
    ],
)
def test_a_panel_without_the_stages_has_no_view_of_them(
    made: Path, every: str, stages: set[str] | None, said: str
) -> None:
    project = load_project("towns", made)
    task = project.task("adoption").model_copy(update={"every": every})
    found = plan(project, task, AS_OF)
    assert found.outlook_note is not None
    assert said in found.outlook_note.en
    views = row(found, OSATO)["outlook"]
    assert (views and {view["stage"] for view in views}) == stages


def test_what_a_project_has_no_data_for_is_left_out(tmp_path: Path) -> None:
    root = towns.make_towns(tmp_path, tables=[])
    towns.write_book(root, {OSATO: {"name": "大里"}, "99999": {}})
    project = load_project("towns", root)
    found = plan(project, project.task("adoption"), AS_OF, outlook=False)
    assert len(found.left_out) == 6
    assert "subsidies and their deadlines" in [words.en for words in found.left_out]
    of = row(found, OSATO)
    assert (of["name"], of["prefecture"], of["tier"], of["policy"]) == (
        "大里",
        "埼玉県",
        None,
        None,
    )
    assert (of["cited"], of["subsidies"], of["adopters_prefecture"]) == ([], [], 1)
    assert row(found, "99999")["name"] == "99999"


def test_a_table_without_a_column_it_needs_is_said(tmp_path: Path) -> None:
    root = towns.make_towns(tmp_path)
    towns.write_book(root, {OSATO: {}})
    path = root / "var/towns/municipal/peers.parquet"
    pd.read_parquet(path).rename(columns={"peer_id": "peerid"}).to_parquet(path)
    project = load_project("towns", root)
    with pytest.raises(SourceError, match=r"no column peer_id\. Did you mean 'peerid'"):
        plan(project, project.task("adoption"), AS_OF, outlook=False)


def test_a_date_that_was_not_scored(made: Path) -> None:
    project = load_project("towns", made)
    with pytest.raises(ModelError, match="no scores of adoption for 2024-05-11") as caught:
        plan(project, project.task("adoption"), dt.date(2024, 5, 11))
    assert "Run the nightly for that date" in str(caught.value)


def test_a_model_that_is_gone(made: Path, registry: SimpleNamespace) -> None:
    registry.version.version = 2
    project = load_project("towns", made)
    with pytest.raises(ModelError, match="version 1 of adoption, is not in the registry"):
        plan(project, project.task("adoption"), AS_OF)


def test_rows_of_an_owner_keep_their_ranks(found: Plan) -> None:
    assert found.of("山田").rows["rank"].tolist() == [2]
    assert found.of(top=2).rows["rank"].tolist() == [1, 2]
    with pytest.raises(ConfigError, match="Did you mean '山田'"):
        found.of("山田太")


def test_the_task_about_municipalities(made: Path) -> None:
    project = load_project("towns", made)
    assert municipal_task(project).name == "adoption"
    with pytest.raises(ConfigError, match="Did you mean 'adoption'"):
        municipal_task(project, "adoptio")
    project.tasks["other"] = project.task("adoption").model_copy(update={"name": "other"})
    with pytest.raises(ConfigError, match="2 tasks about municipalities") as caught:
        municipal_task(project)
    assert "--task" in str(caught.value)
    usual = project.task("adoption").model_copy(update={"name": "municipal_adoption"})
    project.tasks["municipal_adoption"] = usual
    assert municipal_task(project) is usual
    del project.tasks["adoption"], project.tasks["municipal_adoption"]
    lead = project.tasks["other"].model_copy(update={"entity": "lead"})
    project.tasks["other"] = lead
    for name in ("other", None):
        with pytest.raises(ConfigError, match="Add a task with"):
            municipal_task(project, name)
