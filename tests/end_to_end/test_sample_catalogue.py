"""The catalogue of the sample against its customers: whatever is in season is for somebody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from salesml.actions.rules import Situation, situations
from salesml.pipeline import NightlyResult

# on 1 June the fiscal year has just begun
OUT_OF_SEASON = {"budget_material", "budget_review"}
# what the sample's customers do not do around this date
UNHEARD_OF = {
    "no_login_60d",
    "problem_found",
    "intent_to_leave",
    "win_score_fell",
    "municipal_neighbour_adopted",
}


@pytest.fixture(scope="module")
def found(first_night: NightlyResult) -> dict[str, Situation]:
    project = first_night.run.project
    with ThreadPoolExecutor(1) as pool:
        return situations(project, first_night.run.as_of, pool, project.tasks)


def test_every_action_in_season_is_allowed_for_somebody(
    first_night: NightlyResult, found: dict[str, Situation]
) -> None:
    allowed = {action for each in found.values() for action in each.allowed["action"]}
    missing = [a for a in first_night.run.project.catalogue.actions.values() if a.id not in allowed]
    # how many a band holds is up to the model
    assert {action.id for action in missing if ".band" not in action.when} <= OUT_OF_SEASON


def test_every_play_in_season_would_start_for_somebody_and_for_few(
    first_night: NightlyResult, found: dict[str, Situation]
) -> None:
    true = {play for each in found.values() for play in each.true["play"]}
    missing = [p for p in first_night.run.project.catalogue.plays.values() if p.id not in true]
    assert {p.id for p in missing if ".band" not in p.trigger} <= UNHEARD_OF | OUT_OF_SEASON
    for each in found.values():
        assert each.true["play"].value_counts().max() < 0.5 * len(each.rows)
