"""Accounts per person: limits by segment and effort, owners who stay, and why others change."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fakes
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.actions.assignment import Portfolio, portfolio_of, require_assignment
from salesml.config.assignment import read_assignment
from salesml.engine import connect
from salesml.errors import ConfigError
from tests.actions.catalogues import catalogue, config, words

AS_OF = dt.date(2024, 6, 1)
REPOSITORY = Path(__file__).resolve().parents[2]
Account = tuple[str, str | None, str, bool, bool]  # id, owner, segment, finance, inquiries
Person = tuple[str, int] | tuple[str, int, bool]  # id, skill, has left
Spread = Callable[..., Portfolio]
RULES: dict[str, Any] = {
    "title": words("Accounts"),
    "segments": {"S": [5, 8], "A": [10, 15], "B": [15, 20], "C": [20, 30]},
    "most": 30,
    "effort": {
        "full": 2,
        "reasons": {"finance": words("finance"), "inquiries": words("many inquiries")},
    },
    "new": {"skill": 1, "load": 0.08},
}
_NOTHING = """select 'x' as account_id, 'x' as name, 'x' as owner_id, 'S' as segment,
    true as finance, true as inquiries where false"""


def values(rows: Sequence[Sequence[Any]], columns: str) -> str:
    def told(value: Any) -> str:
        return "null" if value is None else repr(value)

    listed = ", ".join(f"({', '.join(map(told, row))})" for row in rows)
    return f"select * from (values {listed}) as rows ({columns})"


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Spread:
    """Spread accounts over people of the role CS."""
    root = tmp_path_factory.mktemp("accounts")
    project = fakes.project(root, {}, fakes.task(name="away"))
    folder = project.root / "configs" / project.name
    folder.mkdir(parents=True, exist_ok=True)

    def spread(
        rows: Sequence[Account], people: Sequence[Person], /, role: str = "CS", **changes: Any
    ) -> Portfolio:
        sql = values(rows, "account_id, owner_id, segment, finance, inquiries")
        sql = sql.replace("select *", "select *, upper(account_id) as name")
        rules = {**RULES, "accounts": sql, **changes}
        text = yaml.safe_dump({"roles": {"CS": rules}}, allow_unicode=True)
        (folder / "assignment.yml").write_text(text, encoding="utf-8")
        staff = [
            (who[0], who[0].title(), role, who[1], AS_OF if len(who) == 3 else None)
            for who in people
        ]
        told = values(staff, "rep_id, name, role, skill, left_on").replace(
            "datetime.date(2024, 6, 1)", "date '2024-06-01'"
        )
        acting = dataclasses.replace(project, actions=config(catalogue(people=told)))
        with connect() as con:
            require_assignment(con, acting, fakes.store_of(acting), AS_OF)
            return portfolio_of(con, acting, fakes.store_of(acting), None, AS_OF)

    return spread


def easy(segment: str, count: int, owner: str | None = "ann") -> list[Account]:
    return [(f"{segment.lower()}{i:02}", owner, segment, False, False) for i in range(count)]


def loads(found: Portfolio, when: str = "then") -> dict[str, float]:
    return dict(zip(found.people["rep_id"], found.people[f"load_{when}"], strict=True))


@pytest.mark.parametrize(
    ("segment", "fewest", "most"), [("S", 5, 8), ("A", 10, 15), ("B", 15, 20), ("C", 20, 30)]
)
def test_limits_by_segment_and_effort(spread: Spread, segment: str, fewest: int, most: int) -> None:
    simple = spread(easy(segment, most + 1), [("ann", 3), ("bob", 3)])
    assert simple.people["accounts_then"].tolist() == [most, 1]
    hard = [(name, owner, s, True, True) for name, owner, s, *_ in easy(segment, fewest + 1)]
    difficult = spread(hard, [("ann", 3), ("bob", 3)])
    assert difficult.people["accounts_then"].tolist() == [fewest, 1]
    assert set(difficult.accounts["effort"].map(tuple)) == {("finance", "inquiries")}


def test_one_reason_of_two_is_half_way(spread: Spread) -> None:
    found = spread([("x", "ann", "A", True, False)], [("ann", 3)])
    assert found.accounts["load"][0] == pytest.approx(1 / 12.5)


def test_nobody_has_more_than_the_most_of_all(spread: Spread) -> None:
    found = spread(easy("C", 31), [("ann", 3), ("bob", 3)], segments={"C": [40, 90]})
    assert found.people["accounts_then"].tolist() == [30, 1]
    assert found.notes[0].en == "Ann has too much (31 accounts, 34%)"


def test_owners_stay_where_they_can(spread: Spread) -> None:
    found = spread(easy("A", 15), [("ann", 3), ("bob", 3)])
    assert not found.accounts["moved"].any()
    assert found.accounts["why_en"].isna().all()
    assert found.notes == []


def test_the_fewest_accounts_change_hands(spread: Spread) -> None:
    accounts = [*easy("S", 7), *easy("C", 10)]
    found = spread(accounts, [("ann", 3), ("bob", 3)])
    assert loads(found, "now")["ann"] > 1.005 >= loads(found)["ann"]
    moved = found.accounts[found.accounts["moved"]]
    assert moved["segment"].tolist() == ["S", "S"]
    assert set(moved["why_en"]) == {"Ann has too much (17 accounts, 121%)"}
    assert set(moved["why_ja"]) == {"Annは持ちすぎ（17件、負荷121%）"}


def test_accounts_of_who_left_are_shared_by_load(spread: Spread) -> None:
    accounts = [*easy("A", 6, "gone"), *easy("B", 8, "ann")]
    found = spread(accounts, [("ann", 3), ("bob", 3), ("cat", 3), ("gone", 3, True)])
    given = found.accounts[found.accounts["segment"] == "A"]["proposed_id"].value_counts()
    assert given.to_dict() == {"bob": 3, "cat": 3}
    assert [note.en for note in found.notes] == ["Gone has left and still owns 6 accounts"]
    assert set(found.accounts["why_en"].dropna()) == {"Gone has left"}


@pytest.mark.parametrize(
    ("owner", "why"), [(None, "has no owner"), ("zoe", "zoe is not of this role")]
)
def test_accounts_without_an_owner_of_the_role(spread: Spread, owner: str | None, why: str) -> None:
    found = spread(easy("B", 1, owner), [("ann", 3)])
    row = found.accounts.iloc[0]
    assert (row["proposed"], row["moved"], row["why_en"]) == ("Ann", True, why)


def test_new_people_take_easy_accounts(spread: Spread) -> None:
    found = spread([*easy("S", 1, None), *easy("C", 1, None)], [("new", 1), ("old", 2)])
    given = found.accounts.set_index("segment")["proposed_id"].to_dict()
    assert given == {"S": "old", "C": "new"}


def test_hard_accounts_of_new_people_go_first_but_only_if_they_must(spread: Spread) -> None:
    kept = spread([*easy("S", 1, "new"), *easy("C", 1, "new")], [("new", 1), ("old", 2)])
    assert not kept.accounts["moved"].any()
    assert [note.en for note in kept.notes] == ["New is new and keeps 1 hard accounts"]
    found = spread([*easy("A", 15, "new"), *easy("S", 1, "new")], [("new", 1), ("old", 2)])
    assert found.accounts.loc[found.accounts["moved"], "segment"].tolist() == ["S"]


def test_what_finds_no_place(spread: Spread) -> None:
    accounts = [*easy("S", 9), ("x", "gone", "S", False, False)]
    found = spread(accounts, [("ann", 3), ("gone", 3, True)])
    lost = found.accounts.set_index("account_id").loc["x"]
    assert (lost["proposed_id"], lost["moved"]) == (None, False)
    assert lost["why_en"] == "Gone has left; nobody can take it"
    stuck = found.accounts[found.accounts["why_en"] == "too much, but nobody has room"]
    assert stuck["proposed_id"].tolist() == ["ann"]
    assert found.notes[-1].en == (
        "The limits cannot be kept: 1 accounts without owner, 1 people with too much "
        "(about 0.2 people short)"
    )


def test_nobody_is_left(spread: Spread) -> None:
    found = spread(easy("B", 2, "gone"), [("gone", 3, True)])
    assert found.accounts["proposed_id"].isna().all()
    assert set(found.accounts["why_en"]) == {"Gone has left; nobody can take it"}


def test_no_accounts(spread: Spread) -> None:
    found = spread(easy("B", 1), [("ann", 3)], accounts=_NOTHING)
    assert found.accounts.empty
    assert loads(found) == {"ann": 0}


@settings(deadline=None, derandomize=True, max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "ann", "bob", "gone"]),
            st.sampled_from("SABC"),
            st.booleans(),
            st.booleans(),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_limits_hold_for_everybody_who_takes_anything(
    spread: Spread, rows: list[tuple[str | None, str, bool, bool]]
) -> None:
    accounts = [(f"x{i:02}", *row) for i, row in enumerate(rows)]
    found = spread(accounts, [("ann", 1), ("bob", 2), ("cat", 3), ("gone", 3, True)])
    assert len(found.accounts) == len(accounts)
    gained = set(found.accounts.loc[found.accounts["moved"], "proposed_id"])
    people = found.people[found.people["rep_id"].isin(gained)]
    assert (people["load_then"] <= 1.005).all()
    assert "gone" not in set(found.accounts["proposed_id"])
    hard = found.accounts["load"] > 0.08
    assert "ann" not in set(found.accounts.loc[hard & found.accounts["moved"], "proposed_id"])
    told = found.accounts["why_en"].notna()
    assert (told >= found.accounts["moved"]).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"segments": {"S": [8, 5]}}, "two numbers of accounts, the smaller one first"),
        ({"segments": {"A": [10, 15]}}, "segment 'B' has no limits"),
        ({"accounts": "select 1 as account_id"}, "does not return name"),
        ({"accounts": "select * from acounts"}, "unknown source 'acounts'"),
        ({"mist": 3}, "unknown key 'roles.CS.mist'. Did you mean 'most'?"),
    ],
)
def test_rules_that_cannot_be(spread: Spread, changes: dict[str, Any], said: str) -> None:
    both = rf"(?s)(?=.*assignment\.yml).*{re.escape(said)}"
    with pytest.raises(ConfigError, match=both):
        spread(easy("B", 1), [("ann", 3)], **changes)


def test_the_sample_goes_by_what_customer_success_works_by() -> None:
    (rules,) = read_assignment(REPOSITORY / "configs/sample").values()
    assert rules.segments == {"S": (5, 8), "A": (10, 15), "B": (15, 20), "C": (20, 30)}
    assert rules.most == 30
    harder = {"industry", "enterprise", "phase", "custom_use", "inquiries"}
    assert set(rules.effort.reasons) == harder


def test_an_account_twice(spread: Spread) -> None:
    with pytest.raises(ConfigError, match="an account twice"):
        spread([*easy("B", 1), *easy("B", 1)], [("ann", 3)])


def test_an_account_without_a_segment_is_named(spread: Spread) -> None:
    nothing: Any = ("x2", "ann", None, False, False)
    with pytest.raises(ConfigError, match=r"(?s)1 accounts.*have no segment.*received: x2"):
        spread([*easy("B", 1), nothing], [("ann", 3)])


def test_nobody_of_the_role(spread: Spread) -> None:
    with pytest.raises(ConfigError, match=r"(?s)nobody of the role 'CS'.*received: IS"):
        spread(easy("B", 1), [("ann", 3)], role="IS")
