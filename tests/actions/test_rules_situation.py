from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny

from salesml.actions.rules import Situation
from salesml.errors import ConfigError
from tests.actions.catalogues import (
    action,
    block,
    catalogue,
    of,
    play,
    score,
    situation_of,
    words,
    write,
)

TASK = "configs/tiny/tasks/away.yml"
POPULATION = (
    "select account_id, name, owner_id as owner, owner_id, segment, fee as amount from accounts "
    "where account_id <> 'c047'"
)
SIZE_YML = """\
description: How big they are
lookback: all
reads: {accounts: {columns: {segment: varchar}}}
concepts: {size: {ja: 規模, en: Size}}
features:
  is_big:
    concept: size
    type: boolean
    unit: {ja: 真偽, en: flag}
    good: none
    missing: false
    words: {ja: "{value}", en: "{value}"}
tests:
  - name: big
    given: {accounts: [{account_id: a, segment: 大企業}]}
    spine: [{account_id: a, as_of: 2025-02-01}]
    expect: [{account_id: a, as_of: 2025-02-01, is_big: true}]
"""
FAIR = "from activities where activities.account_id = spine.account_id and channel = 'fair'"
EVERYBODY = {f"c{number:03d}" for number in range(tiny.CUSTOMERS - 1)}
BIG = {f"c{number:03d}" for number in range(0, tiny.CUSTOMERS - 1, 3)}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small company, scored by two tasks: `back` asks about the big ones alone."""
    root = tiny.make_company(tmp_path_factory.mktemp("rules"))
    tiny.change(root, TASK, "population", POPULATION)
    back = root / "configs/tiny/tasks/back.yml"
    back.write_bytes((root / TASK).read_bytes())
    tiny.change(root, str(back), "population", f"{POPULATION} and segment = '大企業'")
    tiny.change(root, "configs/tiny/project.yml", "buckets", 2)
    sql = "select account_id, as_of, segment = '大企業' as is_big from accounts\n"
    (root / "features/account/size.sql").write_text(sql, encoding="utf-8")
    (root / "features/account/size.yml").write_text(SIZE_YML, encoding="utf-8")
    with tiny.crm(root) as link:
        link.execute("delete from visits where customer = 'c005'")
        late = (
            "insert into visits (customer, visited_at, logged_at, channel) values (?, ?, ?, 'fair')"
        )
        link.execute(late, ("c001", "2025-02-27 10:00:00", "2025-02-28 10:00:00"))
        link.execute(late, ("c002", "2025-02-27 10:00:00", "2025-03-02 10:00:00"))
        link.execute(late, ("c003", "2025-03-02 10:00:00", "2025-03-02 11:00:00"))
    score(root)
    return root


def found(root: Path, when: str, trigger: str = "true", **changes: Any) -> Situation:
    write(root, catalogue({"call": action(when=when)}, **changes), {"start": play(trigger)})
    return situation_of(root)


def held(root: Path, condition: str, **changes: Any) -> set[str]:
    """For whom *condition* holds."""
    return set(found(root, "true", condition, **changes).true["entity_id"])


def test_the_rows_of_a_situation(company: Path) -> None:
    rows = found(company, "true").rows.set_index("entity_id")
    assert set(rows.index) == EVERYBODY
    first = rows.loc["c004"]
    assert [first[c] for c in ("name", "owner", "owner_id", "segment", "amount")] == [
        "株式会社4", "r1", "r1", "中堅", 4000.0,
    ]  # fmt: skip
    assert [first[f"away.{c}"] for c in ("probability", "score", "band")] == [0.04, 5, "low"]
    assert list(first["away.reasons"]) == []
    assert pd.isna(first["away.change"])
    assert set(rows.index[rows["back.probability"].notna()]) == BIG


CONDITIONS: dict[str, set[str]] = {
    "away.probability >= 0.45": {"c045", "c046"},
    "away.score = 6 and away.band = 'low'": {"c005"},
    "away.change is null and away.expected_value is null and away.amount < 2000": {"c000", "c001"},
    "away.owner_id = 'r1' and away.name = '株式会社1'": {"c001"},
    "account_segment = '中堅' and away.score <= 5": {"c001", "c004"},
    "spine.as_of = date '2025-03-01' and account_id = 'c009'": {"c009"},
    "back.score is not null": BIG,
    "-- who is it?\naccount_id = 'c001' -- c001": {"c001"},
    # the unknown is not true, and nor is its opposite
    "null or away.score < 0": set(),
    "account_id = 'c005' and contact.days_since_visit > 0": set(),
    "account_id = 'c005' and not contact.days_since_visit > 0": set(),
    "account_id = 'c005' and coalesce(contact.days_since_visit, 999) = 999": {"c005"},
    # sources are seen as known before the date
    f"exists (select 1 {FAIR})": {"c001"},
    f"(select max(happened_at)::date {FAIR}) = as_of - 2": {"c001"},
}


def test_what_conditions_can_name(company: Path) -> None:
    plays = {str(number): play(condition) for number, condition in enumerate(CONDITIONS)}
    write(company, catalogue(), plays)
    true = of(situation_of(company).true, "play")
    assert {c: true.get(str(n), set()) for n, c in enumerate(CONDITIONS)} == CONDITIONS


def test_sets_beside_those_of_the_tasks(company: Path) -> None:
    assert held(company, "size.is_big", features={"account": ["size"]}) == BIG
    (why,) = found(company, "true", "size.is_big").failed["why"]
    assert 'Referenced table "size" not found' in why


def test_an_action_is_for_those_whom_its_task_asks_about(company: Path) -> None:
    actions = {"call": action(), "thank": action(task="back")}
    write(company, catalogue(actions, worth={"away": 1, "back": 1}))
    assert of(situation_of(company).allowed, "action") == {"call": EVERYBODY, "thank": BIG}


def test_blocks(company: Path) -> None:
    actions = {
        "call": action(when="away.score <= 4"),
        "mail": action(channel="mail"),
        "visit": action(channel="visit", role="IS"),
    }
    blocks = {
        "big": block("segment_is_big", channels=["phone", "visit"]),
        "first": block("account_id = 'c000'", roles=["IS"], actions=["call"]),
        "idle": block("false", actions=["mail"]),
    }
    blocks["big"]["when"] = "account_segment = '大企業'"
    write(company, catalogue(actions, blocks))
    situation = situation_of(company)
    assert of(situation.allowed, "action") == {
        "call": {"c001", "c002"}, "mail": EVERYBODY, "visit": EVERYBODY - BIG,
    }  # fmt: skip
    calls = situation.blocked[situation.blocked["action"] == "call"]
    assert of(calls, "block") == {"big": {"c000", "c003"}, "first": {"c000"}}
    visits = situation.blocked[situation.blocked["action"] == "visit"]
    assert of(visits, "block") == {"big": BIG, "first": {"c000"}}
    assert of(situation.sensible, "action")["call"] == {"c000", "c001", "c002", "c003"}
    assert not situation.sensible.duplicated().any()


def test_entities_wait_until_all_their_tasks_are_scored(company: Path) -> None:
    write(company, catalogue())
    with pytest.raises(KeyError):
        situation_of(company, "away")


def test_a_situation_can_be_sent_between_processes(company: Path) -> None:
    situation = found(company, "true")
    again = pickle.loads(pickle.dumps(situation))
    pd.testing.assert_frame_equal(again.rows, situation.rows)
    pd.testing.assert_frame_equal(again.allowed, situation.allowed)


def test_all_conditions_that_do_not_run_are_named_and_the_others_hold(company: Path) -> None:
    actions = {
        "call": action(when="contct.visits_30d > 1"),
        "mail": action(when="score > 1"),
        "visit": action(channel="visit"),
    }
    plays = {"start": play("account_segmnt = 'x'"), "all": play()}
    folder = write(company, catalogue(actions), plays)
    situation = situation_of(company)
    assert of(situation.allowed, "action") == {"visit": EVERYBODY}
    assert of(situation.true, "play") == {"all": EVERYBODY}
    why = situation.failed.set_index(["kind", "id"])["why"]
    assert set(why.index) == {("action", "call"), ("action", "mail"), ("play", "start")}
    assert "Did you mean 'contact'?" in why["action", "call"]
    assert 'Ambiguous reference to column name "score"' in why["action", "mail"]
    assert "Did you mean 'account_segment'?" in why["play", "start"]
    lines = (folder / "plays.yml").read_text(encoding="utf-8").splitlines()
    line = next(i for i, each in enumerate(lines, 1) if "trigger" in each)
    assert f"configs/tiny/plays.yml:{line}, plays.start.trigger" in why["play", "start"]


# true of one bucket's rows, while those of the other cannot be cast
FAILING = "account_segment is not null\nand cast(if(account_id = 'c001', 'x', '2') as integer) > 1"


def test_a_condition_that_fails_on_a_row_holds_for_nobody(company: Path) -> None:
    situation = found(company, FAILING, FAILING)
    assert situation.allowed.empty
    assert situation.true.empty
    assert list(situation.failed["kind"]) == ["action", "play"]
    why = situation.failed["why"].iloc[1]
    assert "`trigger` of play start does not run: Conversion Error: Could not convert" in why
    assert "line 2 of the SQL" in why


def test_a_block_that_fails_forbids(company: Path) -> None:
    actions = {"call": action(), "mail": action(channel="mail")}
    blocks = {"odd": block("account_name > 1", actions=["call"])}
    write(company, catalogue(actions, blocks))
    situation = situation_of(company)
    assert of(situation.allowed, "action") == {"mail": EVERYBODY}
    assert of(situation.blocked, "block") == {"odd": EVERYBODY}
    assert situation.failing("block") == {"odd"}


def test_tasks_of_one_entity_lie_in_the_same_buckets(company: Path, tmp_path: Path) -> None:
    root = tiny.copy_of(company, tmp_path / "copy")
    tiny.change(root, "configs/tiny/tasks/back.yml", "bucket", "name")
    write(root, catalogue())
    with pytest.raises(ConfigError, match="one lies in buckets of account_id, the other of name"):
        situation_of(root)


def test_a_task_and_a_set_of_one_name(company: Path, tmp_path: Path) -> None:
    root = tiny.copy_of(company, tmp_path / "copy")
    for end in ("sql", "yml"):
        (root / f"features/account/size.{end}").rename(root / f"features/account/back.{end}")
    write(root, catalogue(features={"account": "back"}))
    with pytest.raises(ConfigError, match="both called 'back'"):
        situation_of(root)


def test_nobody_is_asked_about(company: Path, tmp_path: Path) -> None:
    root = tiny.copy_of(company, tmp_path / "copy")
    for name in ("away", "back"):
        tiny.change(root, f"configs/tiny/tasks/{name}.yml", "population", f"{POPULATION} and false")
    write(root, catalogue({"call": action("call")}), {"start": play(name="start")})
    score(root)
    situation = situation_of(root)
    frames = (situation.rows, situation.allowed, situation.blocked, situation.true)
    assert [len(frame) for frame in frames] == [0, 0, 0, 0]
    assert words("start")["en"] == "start"
