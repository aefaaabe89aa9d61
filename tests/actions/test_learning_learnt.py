"""Effects learnt from trials: right, point in time, kept, and honest where there is too little."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salesml.actions.learning import Learnt, evaluate, learn
from salesml.actions.learning.comparison import Comparison, compare
from salesml.config import Project, load_project
from salesml.errors import ConfigError, ModelError
from tests.actions.tried import add_trials, company, decide, read, trial
from tests.tiny import AS_OF, change, copy_of, crm, make_company

DAY = dt.timedelta(days=1)
WORKS = 0.7


@pytest.fixture(autouse=True, scope="module")
def _few_repeats() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("salesml.actions.effect.referee.REPEATS", ((np.inf, 1),))
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = company(tmp_path_factory.mktemp("company") / "root", works=WORKS)
    read(root)
    return root


@pytest.fixture
def root(base: Path, tmp_path: Path) -> Path:
    return copy_of(base, tmp_path / "root")


@pytest.fixture(scope="module")
def learnt(base: Path) -> Learnt:
    return learn(read(base), AS_OF)


def anew(root: Path) -> Project:
    """Read everything as if for the first time."""
    shutil.rmtree(root / "var")
    return read(root)


def folders(found: Learnt) -> list[str]:
    return [folder.name for folder in found.folders["away"]]


def english(found: Learnt) -> str:
    return "\n".join(note.en for note in found.notes)


def test_the_effect_is_found(learnt: Learnt) -> None:
    """A call brings a visit to some of those who would have stayed away, so far the truth."""
    comparison = Comparison.load(learnt.folders["away"][0])
    value, low, high = comparison.average("call")
    away = 1 - comparison.rates("call").loc["", "without_rate"]
    assert low < WORKS * away < high
    assert low > 0
    assert value == pytest.approx(WORKS * away, abs=0.1)
    assert "Effects learnt on away" in english(learnt)


def test_everybody_asked_about_gets_effects_of_what_was_tried(learnt: Learnt) -> None:
    told = learnt.of("account")
    assert list(told) == [
        "entity_id", "action", "effect", "low", "high", "without", "evidence_ja", "evidence_en",
    ]  # fmt: skip
    assert set(told["action"]) == {"call"}
    assert told["entity_id"].is_unique
    assert len(told) == 48
    assert ((told["low"] <= told["effect"]) & (told["effect"] <= told["high"])).all()
    assert told["evidence_en"].str.contains("like cases in .*, staying away: .*% with it").all()
    assert told["without"].between(0, 1).all()
    assert told["evidence_ja"].str.contains("類似.*件の来訪率は、実施.*%、未実施.*%").all()
    assert learnt.of("lead").empty


@pytest.mark.parametrize("chosen", [False, True])
def test_an_effect_is_drawn_towards_none_as_far_as_chance_could_have_made_it(chosen: bool) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 3)), columns=list("abc"))
    rows = pd.DataFrame(
        {
            "entity_id": [f"e{i}" for i in range(400)],
            "as_of": AS_OF,
            "action": rng.choice(["none", "call"], 400),
            "probability": 0.5,
            "good": rng.integers(0, 2, 400),
            "segment": "A",
        }
    )
    found = compare(["call"], rows, X, AS_OF)
    found.model.targets_ = chosen  # either way of telling effects
    told = found.effects(X, ["A"] * 400)
    measured, error = (told["low"] + told["high"]) / 2, (told["high"] - told["low"]) / 2 / 1.96
    left = (1 - (error / measured) ** 2).clip(0, 1)
    assert told["effect"].to_numpy() == pytest.approx((measured * left).to_numpy())
    assert (told["effect"].abs() < measured.abs() - 1e-6).any()


def test_what_was_learnt_is_kept_for_a_week_or_until_a_tenth_more_is_known(root: Path) -> None:
    project = anew(root)
    first = learn(project, AS_OF - 8 * DAY)
    assert folders(first) == [str(AS_OF - 8 * DAY)]
    assert folders(learn(project, AS_OF - 8 * DAY)) == folders(first)
    assert folders(learn(project, AS_OF)) == folders(first)  # no new outcome
    assert folders(learn(project, AS_OF - 9 * DAY)) == [str(AS_OF - 9 * DAY)]  # nothing of later
    add_trials(root, trial("c000", "2024-03-02", "call", 0.4))
    assert folders(learn(read(root), AS_OF - 2 * DAY)) == folders(first)
    assert folders(learn(read(root), AS_OF)) == [str(AS_OF)]


def test_what_is_used_is_kept_however_old_its_date(root: Path) -> None:
    project = anew(root)
    (newest,) = learn(project, AS_OF).folders["away"]
    for week in range(1, 9):
        shutil.copytree(newest, newest.with_name(str(AS_OF + 7 * week * DAY)))
    (old,) = learn(project, AS_OF - 9 * DAY).folders["away"]
    Comparison.load(old)
    assert old.name == str(AS_OF - 9 * DAY)
    assert len(list(old.parent.iterdir())) == 8


def _flip(folder: Path) -> None:
    rows = pd.read_parquet(folder / "rows.parquet")
    rows.assign(good=1 - rows["good"]).to_parquet(folder / "rows.parquet", index=False)


def _rewrite(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(
        (folder / name).read_text(encoding="utf-8").replace(old, new), encoding="utf-8"
    )


@pytest.mark.parametrize(
    "change_it",
    [
        _rewrite("model/model.json", '"average"', '"Average"'),
        _flip,
        _rewrite("about.json", '"typical"', '"usual"'),
        lambda folder: (folder / "about.json").write_text("null"),
        lambda folder: (folder / "rows.parquet").write_bytes(b"xx"),
        lambda folder: (folder / "rows.parquet").unlink(),
        lambda folder: (folder / "sha256").unlink(),
    ],
    ids=["model", "outcomes", "about", "null", "broken", "missing", "no digest"],
)
def test_what_was_changed_is_learnt_anew(
    base: Path, learnt: Learnt, change_it: Callable[[Path], object]
) -> None:
    (folder,) = learnt.folders["away"]
    before = Comparison.load(folder).rows
    change_it(folder)
    with pytest.raises(ModelError, match="What was learnt of actions was changed"):
        Comparison.load(folder)
    assert learn(read(base), AS_OF).folders["away"] == [folder]
    pd.testing.assert_frame_equal(Comparison.load(folder).rows, before)


def test_a_change_of_a_share_is_in_points(learnt: Learnt) -> None:
    (verdict,) = (note for note in learnt.notes if "Effects learnt" in note.en)
    value, low, high = Comparison.load(learnt.folders["away"][0]).average("call")
    assert f"Call {100 * value:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})" in verdict.en
    assert f"電話 {100 * value:+.1f}ポイント（{100 * low:+.1f}〜" in verdict.ja


def test_what_the_model_warns_of_is_told(root: Path) -> None:
    with crm(root) as link:
        link.execute("update trials set probability = 0.9 where action = 'call'")
    told = english(learn(anew(root), AS_OF))
    assert "Learning effects on away: The propensities of 'call' do not fit" in told


def test_rare_other_actions_warn_of_nothing(root: Path) -> None:
    """Each of many other actions is improbable, all of them together are not."""
    with crm(root) as link:
        link.execute("update trials set action = 'letter', probability = 0.002 where id % 25 = 0")
    found = learn(anew(root), AS_OF)
    comparison = Comparison.load(found.folders["away"][0])
    assert "(other)" in set(comparison.rows["arm"])
    assert comparison.model.warnings_ == []


def test_what_comes_later_changes_nothing_before(root: Path) -> None:
    early = dt.date(2024, 12, 1)
    before = learn(read(root), early).of("account")
    with crm(root) as link:
        link.execute("delete from trials where decided_on > '2024-11-01'")
        link.execute("delete from visits where visited_at >= '2024-12-01'")
    again = copy_of(root, root.with_name("again"))
    pd.testing.assert_frame_equal(learn(anew(again), early).of("account"), before)


def only(root: Path, condition: str) -> Learnt:
    with crm(root) as link:
        link.execute(f"delete from trials where not ({condition})")
    return learn(anew(root), AS_OF)


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("id <= 90", "too few trials with a known outcome"),
        ("action = 'call'", "call 2"),
        ("action = 'none'", "none 3"),
    ],
)
def test_with_too_few_trials_assumed_effects_stay(root: Path, condition: str, told: str) -> None:
    found = only(root, condition)
    assert found.of("account").empty
    assert "Effects on away stay as assumed" in english(found)
    assert told in english(found)


def test_without_any_trial_there_is_nothing_to_say(root: Path) -> None:
    found = only(root, "false")
    assert found.notes == []
    assert found.of("account").empty


def test_unknown_probabilities_are_left_out_where_few_and_estimated_where_most(root: Path) -> None:
    with crm(root) as link:
        link.execute("update trials set probability = null where id % 10 = 0")
    found = learn(read(root), AS_OF)
    assert "their probability is not known" in english(found)
    rows = Comparison.load(found.folders["away"][0]).rows
    assert rows["probability"].notna().all()
    with crm(root) as link:
        link.execute("update trials set probability = null")
    found = learn(read(root), AS_OF)
    assert "so it is estimated" in english(found)
    assert "effects may be biased" in english(found)
    assert Comparison.load(found.folders["away"][0]).average("call")[1] > 0  # the low end


def test_a_task_that_cannot_be_learnt_is_told_and_assumed(root: Path) -> None:
    project = read(root)
    change(root, "configs/tiny/tasks/away.yml", "outcome", "select account_id from nowhere")
    found = learn(load_project(project.name, root), AS_OF)
    assert "Effects on away could not be learnt, assumed ones stay" in english(found)
    assert found.of("account").empty


def _drawn(rng: random.Random, number: int) -> dict[str, Any]:
    """What the plan gives: every second customer a call, the others a letter; half get nothing."""
    planned = "call" if number % 2 else "letter"
    action = rng.choice(["none", planned])
    own = {"entity_id": f"c{number:03d}", "action": action, "probability": 0.5}
    return own | {"planned": planned, "how": "best" if action == planned else "holdout"}


def test_own_decisions_compare_what_was_planned_with_nothing(root: Path) -> None:
    rng, first = random.Random(3), dt.date(2024, 1, 20)
    with crm(root) as link:
        link.execute("delete from trials")
    project = anew(root)
    for draw in range(13):
        decide(project, first + 31 * draw * DAY, *(_drawn(rng, number) for number in range(48)))
    compared = [Comparison.load(folder) for folder in learn(project, AS_OF).folders["away"]]
    assert [each.actions for each in compared] == [("call",), ("letter",)]
    for each in compared:
        (action,) = each.actions
        assert set(each.rows["arm"]) == {"none", action}
        assert each.rows["entity_id"].nunique() == 24
        _, low, high = each.average(action)
        assert low < 0 < high  # neither does anything
    counts = evaluate(project, AS_OF).actions.set_index("action")["own"]
    assert counts.sum() == counts["call"] + counts["letter"] > 200


def test_averages_that_are_not_proven_are_drawn_towards_nothing(root: Path) -> None:
    with crm(root) as link:
        link.execute("delete from visits where id % 2")  # no effect of what half is left of
        link.execute("update trials set entity_id = printf('c%03d', (id * 7) % 48)")
    project = anew(root)
    comparison = Comparison.load(learn(project, AS_OF).folders["away"][0])
    assert not comparison.model.targets_
    value, low, high = comparison.average("call")
    told = comparison.effects(
        pd.DataFrame({n: [np.nan] for n in comparison.model.feature_names_in_}), [None]
    )
    assert low <= 0 <= high
    assert abs(told["effect"].iloc[0]) <= abs(value)
    assert told[["low", "high"]].iloc[0].tolist() == [low, high]


# --- evaluation --------------------------------------------------------------------------------


def test_what_actions_brought(base: Path) -> None:
    found = evaluate(read(base), AS_OF)
    (row,) = found.actions.to_dict("records")
    assert (row["action"], row["title_ja"], row["task"]) == ("call", "電話", "away")
    assert row["low"] > 0
    assert np.isnan(row["worth"])  # nothing of it was recommended here
    assert (row["recommended"], row["own"], row["done"]) == (row["trials"], 0, None)
    assert 0 <= row["without_rate"] < row["with_rate"] <= 1
    policies = found.policies.set_index("policy")
    assert set(policies.index) == {"followed", "none", "best_single", "targeted"}
    assert policies.loc["best_single", "title_en"] == "'Call' for all"
    assert policies.loc["best_single", "rate"] > policies.loc["none", "rate"]
    assert policies.loc["none", "value"] == pytest.approx(1000 * policies.loc["none", "rate"])
    assert (policies["low"] <= policies["value"]).all()
    assert found.since == dt.date(2024, 3, 1)
    assert any("choosing for each adds" in note.en for note in found.notes)


def test_the_gain_by_how_many_are_treated_begins_at_nothing(base: Path) -> None:
    uplift = evaluate(read(base), AS_OF).uplift
    assert uplift["share"].tolist() == [step / 20 for step in range(21)]
    assert uplift[["gain", "low", "high"]].iloc[0].tolist() == [0, 0, 0]
    assert uplift["low"].iloc[-1] > 0


def test_own_recommendations_are_counted_with_who_did_them(root: Path) -> None:
    project, date = read(root), AS_OF - 60 * DAY
    row = {"action": "letter", "how": "best", "probability": 0.9, "planned": "letter"}
    held = {"action": "none", "how": "holdout", "probability": 0.05, "planned": "letter"}
    decide(
        project,
        date,
        {"entity_id": "c001", "action_id": "a1", "assignee": "Sato", **row},
        {"entity_id": "c002", "action_id": "a2", "assignee": "Sato", **row},
        {"entity_id": "c003", **held},
    )
    add_trials(root, trial("a1", "2025-01-02", "result", None))
    found = evaluate(read(root), AS_OF)
    letter = found.actions.set_index("action").loc["letter"]
    assert (letter["recommended"], letter["own"], letter["done"]) == (2, 2, 1)
    assert letter["by"] == [{"name": "Sato", "done": 1}]
    assert np.isnan(letter["effect"])
    assert found.policies.set_index("policy").loc["holdout", "n"] == 1


@pytest.mark.parametrize(("told", "counted"), [(True, 1), (False, 2)], ids=["done", "asked"])
def test_only_what_the_project_asked_for_and_was_done_has_brought_anything(
    root: Path, told: bool, counted: int
) -> None:
    project, date = anew(root), AS_OF - 60 * DAY
    row = {"action": "call", "how": "best", "probability": 0.9, "planned": "call"}
    calls = [{"entity_id": f"c00{n}", "action_id": f"a{n}", "assignee": "Sato"} for n in (1, 2)]
    decide(project, date, *(call | row for call in calls))
    add_trials(root, trial("a1", "2025-01-02", "result", None))
    if not told:
        file = root / "configs/tiny/actions.yml"
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("results:")]
        file.write_text("".join(kept), encoding="utf-8")
    found = evaluate(read(root), AS_OF).actions.set_index("action").loc["call"]
    assert found["own"] == 2
    assert found["recommended"] == found["own"] + found["trials"]
    assert found["worth"] == pytest.approx(found["effect"] * 1000 * counted)
    assert found["worth_low"] < found["worth"] < found["worth_high"]


def test_before_anything_was_tried_there_is_nothing_to_tell(root: Path) -> None:
    with crm(root) as link:
        link.execute("delete from trials")
    found = evaluate(anew(root), AS_OF)
    assert found.actions.empty
    assert found.policies.empty
    assert found.uplift.empty
    assert found.since is None


def test_a_project_without_actions_is_told(tmp_path: Path) -> None:
    root = make_company(tmp_path / "plain")
    project: Project = read(root)
    with pytest.raises(ConfigError, match="has no actions"):
        evaluate(project, AS_OF)
