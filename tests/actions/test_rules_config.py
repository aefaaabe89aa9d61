from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from salesml.config import ActionsConfig, load_project
from salesml.errors import ConfigError
from tests.actions.catalogues import action, block, catalogue, play, write


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_company(tmp_path_factory.mktemp("catalogue"))


def read(root: Path, *content: Any, **changes: Any) -> ActionsConfig:
    write(root, catalogue(*content, **changes), {"start": play()})
    return load_project("tiny", root).catalogue


def failure(root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_project("tiny", root)
    return str(caught.value)


def line(root: Path, file: str, text: str) -> str:
    path = root / "configs/tiny" / file
    lines = path.read_text(encoding="utf-8").splitlines()
    return f"{path}:{next(i for i, each in enumerate(lines, 1) if text in each)}"


def test_a_catalogue_is_read(root: Path) -> None:
    write(
        root,
        catalogue(
            {"call": action(), "mail": action(channel="mail", excludes="call", when=True)},
            {"busy": block("true", channels=["phone"])},
            worth={"away": "0.1 * amount"},
            features={"account": "profile"},
        ),
        {"start": play(action="call", escalate={"after": "7 days", "to": "manager"})},
    )
    project = load_project("tiny", root)
    read = project.catalogue
    assert (read.holdout, read.explore, read.capacity["CS"]) == (0.05, 0.05, 1200)
    assert (read.worth["away"].of_amount, read.worth["away"].fixed) == (0.1, 0)
    call, mail, start = read.actions["call"], read.actions["mail"], read.plays["start"]
    assert (call.id, call.due, call.cooldown, call.when, call.skill) == ("call", 5, 30, "true", 1)
    assert (mail.when, mail.excludes) == ("True", ["call"])
    assert (start.id, start.deadline, start.action, start.urgent) == ("start", 2, ["call"], False)
    assert start.escalate is not None
    assert (start.escalate.after, start.escalate.to) == (7, "manager")
    assert (read.exclude("call", "mail"), read.exclude("mail", "call")) == (True, True)
    assert not read.exclude("call", "call")
    assert (read.entities, read.actions_of("lead"), read.plays_of("lead")) == (["account"], [], [])
    assert [each.id for each in read.blocks_of("account")] == ["busy"]
    busy = read.blocks["busy"]
    assert (busy.forbids(call), busy.forbids(mail)) == (True, False)
    assert project.sets_of(project.task("away")) == ["contact", "profile"]


@pytest.mark.parametrize(
    ("deadline", "days"), [("48 hours", 2), ("1 hour", 1), ("25 hours", 2), ("2 weeks", 14), (3, 3)]
)
def test_deadlines_in_hours_and_days(root: Path, deadline: object, days: int) -> None:
    write(root, catalogue(), {"start": play(deadline=deadline)})
    assert load_project("tiny", root).catalogue.plays["start"].deadline == days


def test_a_length_of_time_beyond_any_calendar_is_refused(root: Path) -> None:
    write(root, catalogue(), {"start": play(deadline="400000 days")})
    with pytest.raises(ConfigError, match=r"(?s)deadline.*36500"):
        load_project("tiny", root)


def test_a_project_without_actions(tmp_path: Path) -> None:
    project = load_project("tiny", tiny.make_company(tmp_path))
    assert project.actions is None
    assert project.sets_of(project.task("away")) == ["contact", "profile"]
    with pytest.raises(ConfigError, match="Project tiny has no actions") as caught:
        _ = project.catalogue
    assert "actions.yml" in str(caught.value)


def test_actions_without_plays_and_plays_without_actions(tmp_path: Path) -> None:
    root = tiny.make_company(tmp_path)
    folder = write(root, catalogue(), {"start": play()})
    (folder / "plays.yml").rename(folder / "kept")
    assert load_project("tiny", root).catalogue.plays == {}
    (folder / "kept").rename(folder / "plays.yml")
    (folder / "actions.yml").unlink()
    assert "There is no file" in failure(root)


def test_all_unknown_names_of_actions_are_listed(root: Path) -> None:
    write(
        root,
        catalogue(
            {
                "call": action(task="awy"),
                "mail": action(role="ICS", excludes=["cal"]),
                "visit": action(entity="acount"),
                "none": action(),
            },
            {"busy": block("true", entity="lead", actions=["call", "mial"], roles=["CSS"])},
            worth={"away": 1, "churn": 1},
            features={"acount": ["profile"]},
        ),
    )
    text = failure(root)
    for expected in (
        "there is no task 'awy'. Did you mean 'away'?",
        "there is no role 'ICS'. Did you mean 'IS'? Roles stand in capacity.",
        "there is no action 'cal'. Did you mean 'call'?",
        "action 'visit' is for each acount, but task away is about each account.",
        "an action cannot be called 'none'",
        "there is no entity 'lead'. Known: account",
        "action 'call' is for each account, not lead.",
        "there is no action 'mial'. Did you mean 'mail'?",
        "there is no role 'CSS'. Did you mean 'CS'?",
        "there is no task 'churn'. Known: away.",
        "there is no entity 'acount'. Did you mean 'account'?",
    ):
        assert expected in text
    assert f"{line(root, 'actions.yml', 'task: awy')}: there is no task" in text


def test_a_task_without_worth(root: Path) -> None:
    write(root, catalogue(worth={}))
    assert "action 'call' betters task away, which has no entry in worth" in failure(root)


def test_all_unknown_names_of_plays_are_listed(root: Path) -> None:
    plays = {
        "start": play(action=["call", "cal"], escalate={"after": "7 days", "to": "manger"}),
        "other": play(entity="lead"),
    }
    write(root, catalogue(), plays)
    text = failure(root)
    assert "plays.yml has 4 problems" in text
    assert f"{line(root, 'plays.yml', 'action:')}: there is no action 'cal'." in text
    assert "there is no role 'manger'. Did you mean 'manager'?" in text
    assert "there is no entity 'lead'. Known: account." in text
    assert "action 'call' is for each account, not lead." in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channel": "fone"}, "Input should be 'mail', 'phone', 'visit'"),
        ({"minutes": 0}, "greater than 0"),
        ({"skill": 6}, "less than or equal to 5"),
        ({"effect": 1.5}, "less than or equal to 1"),
        ({"cooldown": "soon"}, "must be a length of time such as '90 days'"),
        ({"due": "0 days"}, "greater than 0"),
        ({"coldown": "3 days"}, "unknown key 'actions.call.coldown'. Did you mean 'cooldown'?"),
    ],
)
def test_an_action_that_makes_no_sense(root: Path, changes: dict[str, Any], said: str) -> None:
    write(root, catalogue({"call": action(**changes)}))
    assert said in failure(root)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"capacity": {"CS": -1}}, "greater than or equal to 0"),
        ({"holdout": 1.2}, "less than or equal to 1"),
        ({"worth": {"away": "much"}}, "must be a sum of money such as 50000"),
        ({"blocks": {"idle": block("true")}}, "a block forbids nothing"),
        ({"actions": {}}, "at least 1 item"),
    ],
)
def test_a_catalogue_that_makes_no_sense(root: Path, changes: dict[str, Any], said: str) -> None:
    write(root, {**catalogue(), **changes})
    assert said in failure(root)


def test_a_capacity_of_nothing_is_a_decision(root: Path) -> None:
    assert read(root, capacity={"CS": 0}).capacity == {"CS": 0}
