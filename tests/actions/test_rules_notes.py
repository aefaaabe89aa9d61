from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import fakes
import pandas as pd
import pytest

from salesml.actions.rules import Fired, Situation, contradictions, notes_of
from salesml.config import ActionsConfig, Words
from tests.actions.catalogues import action, block, catalogue, config, play

Pairs = Iterable[tuple[str, str]]
ACTIONS = {
    "call": action("Call", when="x", excludes=["offer"]),
    "mail": action("Mail", when="x", role="IS", skill=3),
    "offer": action("Offer"),
}
BLOCKS = {"complaint": block("x", "Complaint open", actions=["call", "mail"])}
PLAYS = {
    "gone": play("x", "Gone", action=["call", "mail"]),
    "grows": play("x", "Grows", action=["offer"]),
}
CONFIG = config(catalogue(ACTIONS, BLOCKS), PLAYS)


def frame(rows: Iterable[tuple[str, ...]], *columns: str) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["entity_id", *columns], dtype="str")


def situation(
    true: Pairs,
    allowed: Pairs,
    blocked: Iterable[tuple[str, str, str]] = (),
    owners: Mapping[str, str | None] | None = None,
) -> dict[str, Situation]:
    """Three accounts, a1 to a3."""
    ids = pd.Series(["a1", "a2", "a3"])
    rows = pd.DataFrame({"entity_id": ids, "owner_id": ids.map(dict(owners or {}))})
    rows["away.probability"] = 0.5
    found = Situation(
        "account",
        rows,
        frame(allowed, "action"),
        frame(blocked, "action", "block"),
        frame(true, "play"),
    )
    return {"account": found}


def fired(*rows: tuple[str, str], notes: Iterable[Words] = ()) -> Fired:
    started = frame(rows, "play").assign(entity="account")
    return Fired(started, pd.DataFrame(), list(notes))


def people(*left: str) -> pd.DataFrame:
    rows = pd.DataFrame(
        {"rep_id": ["r1", "r2"], "name": ["Sato", "Mori"], "role": ["CS", "IS"], "skill": [1, 3]}
    )
    return rows.assign(left=rows["rep_id"].isin(left))


def notes(
    tmp_path: Path,
    found: Mapping[str, Situation],
    who: pd.DataFrame,
    of: ActionsConfig = CONFIG,
    started: Fired | None = None,
    **report: Any,
) -> list[Words]:
    made = dataclasses.replace(fakes.project(tmp_path, {}, fakes.task(name="away")), actions=of)
    settings = made.settings.model_copy(
        update={"report": made.settings.report.model_copy(update=report)}
    )
    project = dataclasses.replace(made, settings=settings)
    return notes_of(project, found, started or fired(), who)


def test_conditions_that_fail_are_named_with_what_comes_of_it(tmp_path: Path) -> None:
    held = [("a1", "offer"), ("a1", "mail")]
    plain = situation([("a1", "gone"), ("a1", "grows")], held)["account"]
    rows = [("action", "call"), ("play", "gone"), ("block", "complaint")]
    failed = pd.DataFrame([(*row, "It fails.") for row in rows], columns=["kind", "id", "why"])
    broken = dataclasses.replace(plain, true=plain.true.iloc[1:], failed=failed)
    found = notes(tmp_path, {"account": broken}, people())
    assert [words.en for words in found] == [
        "The action 'Call' is left out this time: It fails.",
        "The play 'Gone' starts for nobody this time: It fails.",
        "The rule 'Complaint open' forbids for everybody this time: It fails.",
    ]
    assert found[0].ja.startswith("アクション「Call（日本語）」は条件（when）を実行できないため")


def test_a_play_whose_action_fails_contradicts_nothing() -> None:
    plain = situation([("a1", "gone")], [])["account"]
    failed = pd.DataFrame({"kind": ["action"], "id": ["mail"], "why": ["It fails."]})
    assert told({"account": plain}) != []
    assert told({"account": dataclasses.replace(plain, failed=failed)}) == []


# contradictions --------------------------------------------------------------------------------


def told(found: Mapping[str, Situation], *rows: tuple[str, str]) -> list[str]:
    return [words.en for words in contradictions(CONFIG, found, fired(*rows))]


def test_rules_that_agree() -> None:
    found = situation([("a1", "gone"), ("a2", "grows")], [("a1", "mail"), ("a2", "offer")])
    assert told(found, ("a1", "gone"), ("a2", "grows")) == []


def test_a_trigger_that_excludes_the_conditions_of_its_actions() -> None:
    found = situation([("a1", "gone"), ("a2", "gone")], [("a3", "call"), ("a1", "offer")])
    assert told(found, ("a1", "gone")) == [
        "The trigger of the play 'Gone' (gone) holds for 2, and the `when` of its actions 'Call, "
        "Mail' (call, mail) for none of them: they contradict each other."
    ]


def test_a_play_whose_actions_a_block_forbids() -> None:
    found = situation(
        [("a1", "gone"), ("a2", "gone")],
        [("a2", "mail")],
        [("a1", "call", "complaint"), ("a1", "mail", "complaint")],
    )
    (words,) = contradictions(CONFIG, found, fired(("a1", "gone"), ("a2", "gone")))
    assert words.en == (
        "The play 'Gone' starts for 2, but for 1 of them none of its actions 'Call, Mail' can be "
        "taken: forbidden by 'Complaint open', or their `when` does not hold."
    )
    assert "2件で開始しましたが、うち1件では" in words.ja
    assert "ルール「Complaint open（日本語）」" in words.ja


def test_a_play_whose_actions_make_no_sense_for_some() -> None:
    found = situation([("a1", "gone"), ("a2", "gone")], [("a2", "mail")])
    (text,) = told(found, ("a1", "gone"), ("a2", "gone"))
    assert text.endswith("'Call, Mail' can be taken: their `when` does not hold.")


def test_plays_whose_actions_exclude_each_other() -> None:
    both = [(account, name) for account in ("a1", "a2") for name in ("gone", "grows")]
    allowed = [("a1", "call"), ("a1", "offer"), ("a2", "call"), ("a2", "offer"), ("a2", "mail")]
    found = situation(both, allowed)
    text = (
        "The play 'Gone' wants 'Call', the play 'Grows' wants 'Offer', and these exclude each "
        "other (2)."
    )
    assert told(found, *both) == [text]
    # one of them may have started before, and no entity is meant where another action is wanted
    assert told(found, ("a1", "gone")) == [text.replace("(2)", "(1)")]
    found = situation(both, [("a1", "mail"), ("a1", "offer"), ("a2", "mail"), ("a2", "offer")])
    assert told(found, *both) == []


def test_what_one_play_wants_is_no_contradiction_in_itself() -> None:
    either = config(catalogue(ACTIONS), {"any": play(action=["call", "offer"])})
    found = situation([("a1", "any")], [("a1", "call"), ("a1", "offer")])
    assert contradictions(either, found, fired(("a1", "any"))) == []


# everything worth telling ----------------------------------------------------------------------

EVERYBODY = ("a1", "a2", "a3")
SOME = situation(
    [("a1", "gone"), ("a1", "grows")], [("a1", "call"), ("a1", "mail"), ("a1", "offer")]
)


def test_nothing_to_tell(tmp_path: Path) -> None:
    assert notes(tmp_path, SOME, people()) == []


def test_what_plays_told_comes_first(tmp_path: Path) -> None:
    held = Words(ja="止", en="held")
    assert notes(tmp_path, SOME, people("r1"), started=fired(notes=[held]))[0] == held


def test_conditions_of_nobody_and_everybody(tmp_path: Path) -> None:
    found = situation(
        [(account, "grows") for account in EVERYBODY],
        [(account, name) for account in EVERYBODY for name in ("call", "offer")],
    )
    nobody, everybody = notes(tmp_path, found, people())
    assert nobody.en == "2 of 4 conditions about customers hold for nobody this time: Mail, Gone"
    # the offer has no condition: it is for everybody on purpose
    assert everybody.en == (
        "2 of 4 conditions about customers hold for all of them, and so choose nobody: Call, Grows"
    )
    assert everybody.ja.endswith("Call（日本語）、Grows（日本語）")


def test_of_one_entity_no_share_is_told(tmp_path: Path) -> None:
    found = situation([], [])["account"]
    alone = {"account": dataclasses.replace(found, rows=found.rows.head(1))}
    assert notes(tmp_path, alone, people()) == []


def test_what_is_forbidden_everywhere_still_makes_sense_to_some(tmp_path: Path) -> None:
    found = situation(
        [("a1", "gone"), ("a1", "grows")],
        [("a1", "call"), ("a1", "offer")],
        [("a2", "mail", "complaint")],
    )
    assert notes(tmp_path, found, people()) == []


def test_owners_who_left_and_strangers(tmp_path: Path) -> None:
    owners = {"a1": "r1", "a2": "r1", "a3": "r9"}
    found = {
        "account": dataclasses.replace(
            SOME["account"], rows=situation([], [], owners=owners)["account"].rows
        )
    }
    staff = pd.concat([people("r1"), people().assign(rep_id=["r3", "r4"])], ignore_index=True)
    gone, unknown = notes(tmp_path, found, staff)
    assert gone.en == "Owners who left; their work goes to others: Sato (2)"
    assert unknown.en == "Owners whom `people` of actions.yml does not know: r9 (1)"
    hidden, _ = notes(tmp_path, found, staff, names="hidden")
    assert hidden.en.endswith("others: r1 (2)")


@pytest.mark.parametrize(("left", "skill"), [("r2", 3), ("", 2)])
def test_actions_beyond_everybody(tmp_path: Path, left: str, skill: int) -> None:
    staff = people(left)
    staff.loc[1, "skill"] = skill
    (words,) = notes(tmp_path, SOME, staff)
    assert words.en == "Actions for which nobody has the role and skill (IS 3): Mail"
