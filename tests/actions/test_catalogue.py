"""The shipped catalogue: it holds what the domain asks for, and its rules say what they mean."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from salesml.actions.rules.checking import require_conditions, require_sql
from salesml.actions.rules.conditions import Conditions, conditions_of
from salesml.actions.rules.tables import Tables
from salesml.config import ActionsConfig, Project, load_project
from salesml.config.values import Words
from salesml.features import FeatureSet, load_feature_sets
from salesml.store import Manifest, Store
from salesml.wiring import declared_types

REPOSITORY = Path(__file__).resolve().parents[2]
AS_OF = dt.date(2025, 6, 1)
ENTITIES = ("account", "lead", "opportunity", "municipality")
Sets = dict[str, list[FeatureSet]]
TIMES = {"known_at": "TIMESTAMP", "happened_at": "TIMESTAMP"}

# sign of churn → play, severity
SIGNS = {
    "no_login_60d": "high",
    "deliveries_halved": "medium",
    "inquiries_rising": "medium",
    "complaint_received": "medium",
    "contact_changed": "low-medium",
    "budget_review": "low",
    "competitor_evaluation": "high",
    "no_contact_2m": "medium",
}
ASKED_FOR = {
    "onboarding": (
        "kickoff_meeting onboarding_video first_delivery_check first_delivery_review "
        "onboarding_completion_check"
    ),
    "adoption": "usage_review success_story three_month_review",
    "expansion": "six_month_review expansion_hearing",
    "upsell": (
        "plan_upgrade_proposal license_proposal option_proposal rollout_support wider_use_proposal"
    ),
    "cross-sell": "video_production_proposal consulting_proposal option_proposal",
    "maturity": "qbr case_study_request referral_request feature_notice",
    "renewal": "renewal_intent_check outcome_summary renewal_terms renewal_support",
    "after a sign": "check_in_call improvement_plan manager_visit",
    "recovery": (
        "recover_next_project recover_roi step_down_offer recover_roadmap new_contact_onboarding "
        "competitor_countermeasure"
    ),
    "retention": (
        "cadence_meeting cadence_call cadence_mail industry_report courtesy_visit "
        "satisfaction_survey concierge lost_deal_hearing"
    ),
    "leads": (
        "first_call webinar_invitation nurture_mail event_invitation inquiry_response "
        "lead_handover price_call comparison_follow case_study_mail key_person_approach "
        "appointment_call"
    ),
    "deals": (
        "deal_hearing problem_hypothesis rival_countermeasure sounding proposal quote demo "
        "presentation deal_follow closing key_person_visit top_visit deal_review"
    ),
    "municipalities": (
        "municipal_policy_proposal municipal_mayor_proposal municipal_request_support "
        "municipal_request_managers municipal_finance_evidence municipal_assessment_answers "
        "municipal_assembly_material municipal_resident_benefit municipal_supplementary "
        "municipal_subsidy municipal_new_contact municipal_neighbour_case"
    ),
}


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project("sample", REPOSITORY)


@pytest.fixture(scope="module")
def catalogue(project: Project) -> ActionsConfig:
    return project.catalogue


@pytest.fixture(scope="module")
def sets(project: Project) -> dict[str, list[FeatureSet]]:
    return {
        task.entity: load_feature_sets(project.features, task.entity, project.sets_of(task))
        for task in project.tasks.values()
    }


@pytest.mark.parametrize("group", ASKED_FOR)
def test_the_actions_that_the_domain_asks_for_are_there(
    catalogue: ActionsConfig, group: str
) -> None:
    assert set(ASKED_FOR[group].split()) <= set(catalogue.actions)


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_of_churn_is_answered_within_48_hours_or_the_manager_hears_of_it(
    catalogue: ActionsConfig, sign: str
) -> None:
    play = catalogue.plays[sign]
    assert play.severity == SIGNS[sign]
    assert play.deadline == 2
    assert play.escalate is not None
    assert (play.escalate.after, play.escalate.to) == (7, "manager")


def test_what_cannot_wait_is_urgent(catalogue: ActionsConfig) -> None:
    urgent = {play.id for play in catalogue.plays.values() if play.urgent}
    high = {sign for sign, severity in SIGNS.items() if severity == "high"}
    assert high | {"health_critical", "churn_critical", "intent_to_leave"} <= urgent


def test_every_budget_stage_starts_a_play_with_its_own_action(catalogue: ActionsConfig) -> None:
    stages = ["policy", "request", "assessment", "draft", "deliberation"]
    first = [catalogue.plays[f"municipal_{stage}_stage"].action[0] for stage in stages]
    assert len(set(first)) == len(stages)


def all_words(catalogue: ActionsConfig) -> dict[str, Words]:
    actions, plays, blocks = catalogue.actions, catalogue.plays, catalogue.blocks
    found = {name: each.name for parts in (actions, plays, blocks) for name, each in parts.items()}
    material = {f"{a.id}: material": a.material for a in catalogue.actions.values()}
    return found | {name: words for name, words in material.items() if words is not None}


def test_words_are_of_their_language_and_names_are_told_apart(catalogue: ActionsConfig) -> None:
    japanese = re.compile("[ぁ-んァ-ヶ一-龠]")
    for name, words in all_words(catalogue).items():
        assert japanese.search(words.ja) or words.ja.isupper(), name
        assert not japanese.search(words.en), name
    for parts in (catalogue.actions.values(), catalogue.plays.values()):
        assert len({part.name.ja for part in parts}) == len({part.name.en for part in parts})
        assert len({part.name.ja for part in parts}) == len(list(parts))


@pytest.mark.parametrize("entity", ENTITIES)
def test_actions_answer_to_concepts_that_are_there(
    catalogue: ActionsConfig, sets: Sets, entity: str
) -> None:
    known = {concept for each in sets[entity] for concept in each.file.concepts}
    asked = {concept for each in catalogue.actions_of(entity) for concept in each.answers}
    assert asked <= known


# on empty tables -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty_store(project: Project, sets: Sets, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Every source of the project, typed and without a row."""
    store = Store(tmp_path_factory.mktemp("empty"), buckets=1)
    types = declared_types([each for entity in ENTITIES for each in sets[entity]])
    with duckdb.connect() as con:
        for name, source in project.sources.items():
            columns = {c: types.get(name, {}).get(c, "VARCHAR") for c in source.columns}
            columns |= TIMES if source.kind == "events" else {"known_at": "TIMESTAMP"}
            columns |= {"_deleted": "BOOLEAN"} if source.kind == "state" else {}
            nulls = ", ".join(f'null::{kind} as "{c}"' for c, kind in columns.items())
            con.execute(f"create or replace temp table none as select {nulls} limit 0")
            manifest = Manifest("empty", source.kind, "whole", source.key, 1, columns)
            store.write(con, name, "none", manifest, append=False)
    return store


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_condition_binds(
    con: duckdb.DuckDBPyConnection, project: Project, empty_store: Store, entity: str
) -> None:
    require_conditions(con, project, empty_store, entity, AS_OF)


def test_people_results_history_and_behaviour_bind(
    con: duckdb.DuckDBPyConnection, project: Project, empty_store: Store
) -> None:
    require_sql(con, project, empty_store, AS_OF)


# triggers on their edges -----------------------------------------------------------------------

Cells = dict[str, dict[str, Any]]  # set → feature → value
Truths = Callable[[str, list[Cells]], pd.DataFrame]


@pytest.fixture
def truths(
    con: duckdb.DuckDBPyConnection, project: Project, empty_store: Store, sets: Sets
) -> Truths:
    """Which conditions are true of entities of which only some cells are known."""

    def ask(entity: str, known: list[Cells]) -> pd.DataFrame:
        (task,) = [task for task in project.tasks.values() if task.entity == entity]
        tables = Tables.of([(task, {})], sets[entity])
        keys = [{task.id_column: f"e{i:02}", "as_of": AS_OF} for i in range(len(known))]
        rows = {
            name: pd.DataFrame(
                [key | cells.get(name, {}) for key, cells in zip(keys, known, strict=True)]
            )
            for name in tables.types
        }
        tables.create(con, rows)
        asked = conditions_of(project.catalogue, entity)
        conditions = Conditions(con, project, empty_store, tables, asked, task.bucket_column)
        conditions.bind(AS_OF, bucket=None)
        return conditions.truths()

    return ask


# condition → what makes it true, what does not yet
EDGES: dict[str, dict[str, list[tuple[Cells, Cells]]]] = {
    "account": {
        "play.no_login_60d": [
            ({"usage": {"days_since_login": 60}}, {"usage": {"days_since_login": 59}}),
            ({"lifecycle": {"days_as_customer": 60}}, {"lifecycle": {"days_as_customer": 59}}),
        ],
        "play.deliveries_halved": [
            ({"usage": {"delivery_ratio_30d": 50}}, {"usage": {"delivery_ratio_30d": 50.1}})
        ],
        "play.no_contact_2m": [
            ({"cadence": {"months_without_contact": 2}}, {"cadence": {"months_without_contact": 1}})
        ],
        "play.health_critical": [
            ({"health": {"health_band": "critical"}}, {"health": {"health_band": "warning"}})
        ],
        "play.contact_changed": [
            ({"contacts": {"people_left_90d": 1}}, {"contacts": {"people_left_90d": 0}}),
            ({"contacts": {"main_contact_left": True}}, {"contacts": {"main_contact_left": False}}),
        ],
        "play.renewal_in_2_months": [
            ({"lifecycle": {"months_to_renewal": 2}}, {"lifecycle": {"months_to_renewal": 3}})
        ],
        "play.near_plan_limit": [
            ({"plan_use": {"user_use_pct": 80}}, {"plan_use": {"user_use_pct": 79}})
        ],
        "action.plan_upgrade_proposal": [
            ({"plan_use": {"user_use_pct": 80}}, {"plan_use": {"user_use_pct": 79}})
        ],
        "action.cadence_meeting": [
            (
                {"cadence": {"days_to_touch": 7}, "churn": {"segment": "S"}},
                {"cadence": {"days_to_touch": 7}, "churn": {"segment": "A"}},
            )
        ],
    },
    "lead": {
        "play.price_page_repeated": [
            ({"behaviour": {"price_page_views_30d": 2}}, {"behaviour": {"price_page_views_30d": 1}})
        ],
    },
    "opportunity": {
        "play.deal_stalled": [
            ({"stages": {"days_in_stage": 45}}, {"stages": {"days_in_stage": 44}})
        ],
    },
    "municipality": {
        "play.municipal_request_stage": [
            (
                {"budget_year": {"budget_stage": "requests"}, "municipal_adoption": {"band": "B"}},
                {"budget_year": {"budget_stage": "policy"}, "municipal_adoption": {"band": "B"}},
            )
        ],
    },
}


@pytest.mark.parametrize("entity", ENTITIES)
def test_conditions_hold_from_their_threshold_on(truths: Truths, entity: str) -> None:
    cases = [(name, *each) for name, both in EDGES[entity].items() for each in both]
    found = truths(entity, [cells for _, holds, not_yet in cases for cells in (holds, not_yet)])
    for i, (name, *_) in enumerate(cases):
        assert found[name].iloc[2 * i : 2 * i + 2].tolist() == [True, False], cases[i]


def test_a_first_call_is_for_whom_nobody_called(catalogue: ActionsConfig) -> None:
    with duckdb.connect() as con:
        con.execute("create table spine as select unnest(['called', 'mailed', 'new']) as lead_id")
        con.execute(
            "create table lead_activities as "
            "from (values ('called', 'call'), ('mailed', 'mail_sent')) as _(lead_id, kind)"
        )
        sql = f"select lead_id from spine where {catalogue.actions['first_call'].when}"
        found = {lead for (lead,) in con.execute(sql).fetchall()}
    assert found == {"mailed", "new"}


ANSWERING = {
    "account": "complaint_call complaint_visit competitor_countermeasure concierge",
    "lead": "inquiry_response price_call comparison_follow case_study_mail",
    "opportunity": "rival_countermeasure",
}


@pytest.mark.parametrize("entity", ANSWERING)
def test_what_they_did_not_ask_for_is_not_answered(truths: Truths, entity: str) -> None:
    (found,) = truths(entity, [{}]).to_dict("records")
    assert not [name for name in ANSWERING[entity].split() if found[f"action.{name}"]]


@pytest.mark.parametrize("entity", ENTITIES)
def test_nothing_starts_for_one_of_whom_nothing_is_known(truths: Truths, entity: str) -> None:
    found = truths(entity, [{}]).filter(like="play.")
    assert not found.any(axis=None)
