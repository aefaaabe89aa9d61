"""From the plan of a night to what the report tells of municipalities."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from salesml import municipal_section
from salesml.approach import plan
from salesml.config import Words
from salesml.errors import ModelError
from salesml.municipal_section import municipal_of
from salesml.report.municipal import Municipal
from salesml.run import Run, open_run
from tests.approach import towns
from tests.approach.towns import OSATO, SENRI

TOLD: list[str] = []


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = towns.make_towns(tmp_path_factory.mktemp("towns"))
    towns.write_book(made, {OSATO: {"score": 70}, SENRI: {"score": 30}})
    return made


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A run that asks no model."""
    monkeypatch.setattr(municipal_section, "plan", partial(plan, outlook=False))
    TOLD.clear()
    with open_run("towns", towns.AS_OF, root=root, now=towns.NOW, tell=TOLD.append) as opened:
        yield opened


@pytest.fixture
def found(run: Run) -> Municipal:
    made = municipal_of(run, run.project.task("adoption"), [OSATO])
    assert made is not None
    return made


def test_the_calendar_holds_the_budget_year_of_the_date_and_the_windows(found: Municipal) -> None:
    kinds = {span.kind for span in found.calendar}
    assert kinds == {"stage", "assembly", "supplementary", "rotation", "subsidy"}
    stages = [span for span in found.calendar if span.kind == "stage"]
    assert min(span.first for span in stages) <= dt.date(2024, 4, 1)
    assert max(span.last for span in stages) >= dt.date(2025, 4, 1)
    grants = {span.words.en: span for span in found.calendar if span.kind == "subsidy"}
    assert set(grants) == {"Digital grant", "long"}
    grant = grants["Digital grant"]
    assert (grant.first, grant.last, grant.count) == (towns.AS_OF, dt.date(2024, 5, 20), 1)


def test_steps_begin_with_the_present_stage(found: Municipal) -> None:
    first = found.steps[0]
    assert first.first <= towns.AS_OF <= first.last
    assert first.words.ja == "予算編成方針"
    assert first.material is not None
    assert first.material.ja == "政策課題と解決策、費用対効果"
    assert [talk.whom.ja for talk in first.talks] == ["管理職", "首長"]
    assert len(found.steps) == 5


def test_those_listed_get_an_approach(found: Municipal) -> None:
    assert list(found.approaches) == [OSATO]
    told = found.approaches[OSATO]
    assert told.tier == Words(ja="人口5万人未満", en="under 50,000 people")
    assert [each.on for each in told.deadlines] == sorted(each.on for each in told.deadlines)
    assert [each.words.ja for each in told.subsidies] == ["デジタル交付金"]
    assert [(peer.name, peer.since) for peer in told.peers] == [
        ("小川町", dt.date(2023, 10, 1)),
        ("湊市", dt.date(2022, 10, 1)),
    ]
    assert told.peers[0].similarity == 0.7
    assert told.passage is not None
    assert (told.passage.title, told.passage.text) == ("第5次総合計画", "三次元の都市模型を整える")
    assert told.election == dt.date(2025, 4, 25)
    assert told.new_contact
    assert told.outlook == []


def test_scores_by_stage_are_told_where_the_plan_has_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"ja": "査定", "en": "Assessment", "on": dt.date(2024, 10, 1), "score": 61}
    made = plan(run, run.project.task("adoption"), towns.AS_OF, outlook=False)
    made.rows["outlook"] = [[entry]] * len(made.rows)
    monkeypatch.setattr(municipal_section, "plan", lambda *_: made)
    found = municipal_of(run, run.project.task("adoption"), [SENRI])
    assert found is not None
    words = Words(ja="査定", en="Assessment")
    assert found.approaches[SENRI].outlook == [(words, dt.date(2024, 10, 1), 61)]


def test_what_there_is_no_data_for_is_said(tmp_path: Path, run: Run) -> None:
    bare = towns.make_towns(tmp_path, tables=[])
    towns.write_book(bare, {OSATO: {"score": 70}})
    with open_run("towns", towns.AS_OF, root=bare, now=towns.NOW) as other:
        found = municipal_of(other, run.project.task("adoption"), [OSATO])
    assert found is not None
    (note,) = found.notes
    assert note.en.startswith("Left out, for lack of data: ")
    assert "補助金の締切" in note.ja
    assert found.approaches[OSATO].tier is None


def test_a_plan_that_cannot_be_made_is_told_and_left_out(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ModelError("The model is gone.")

    monkeypatch.setattr(municipal_section, "plan", fail)
    assert municipal_of(run, run.project.task("adoption"), []) == Municipal(towns.AS_OF)
    assert TOLD == ["adoption: the report has no plan: The model is gone."]


def test_other_entities_have_none(run: Run) -> None:
    task = run.project.task("adoption").model_copy(update={"entity": "account"})
    assert municipal_of(run, task, []) is None
