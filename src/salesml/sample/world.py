"""The whole world of the sample: clean tables of the CRM, and the truth behind them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.accounts import make_accounts
from salesml.sample.activities import make_activities
from salesml.sample.calendar import DAYS, LAST_DAY, Array, day_number, stream
from salesml.sample.contacts import handovers, make_contacts
from salesml.sample.contracts import contract_events, contracts
from salesml.sample.deals import WIN_DRIVERS, customer_deals, new_deals, starts
from salesml.sample.leads import LEAD_DRIVERS, make_leads
from salesml.sample.life import CHURN_DRIVERS, CHURN_HORIZON, Life
from salesml.sample.municipal import ADOPTION_DRIVERS, Published, make_municipal
from salesml.sample.reps import assign, make_reps, with_changes
from salesml.sample.results import pipeline_results
from salesml.sample.stages import opportunities, stage_history
from salesml.sample.tasks import action_tasks
from salesml.sample.traces import product_usage, tickets
from salesml.sample.trials import TRIAL_DRIVERS, lead_trials, trial_truth

__all__ = ["make_world"]

Tables = dict[str, pd.DataFrame]

_LEADS_AN_ACCOUNT, _DEALS_AN_ACCOUNT = 10, 5
_LEAD_DAYS = 60


def _numbered(frame: pd.DataFrame, column: str, letter: str) -> pd.DataFrame:
    width = 8 if len(frame) > 99_999 else 6
    ids = [f"{letter}{i:0{width}d}" for i in range(1, len(frame) + 1)]
    return frame.assign(**{column: ids})


def _customers(
    accounts: pd.DataFrame, deals: pd.DataFrame, reps: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Return one row a customer: those of before and those who were won."""
    rng = stream(seed, "customers")
    won = deals[deals["won"]]
    won = won.assign(started_on=starts(rng, won))
    won = won[won["started_on"] <= LAST_DAY + 1]
    accounts.loc[won["account"], "started_on"] = won["started_on"].to_numpy()
    owner, skill = assign(rng, reps, "CS", len(won))
    accounts.loc[won["account"], "owner_id"] = owner
    accounts.loc[won["account"], "owner_skill"] = skill
    frame = accounts[accounts["started_on"].notna()]
    frame = frame.assign(account=frame.index).sort_values("started_on", kind="stable")
    return _numbered(frame.reset_index(drop=True), "contract_id", "K")


def _all_deals(
    new: pd.DataFrame,
    customers: pd.DataFrame,
    life: Life,
    reps: pd.DataFrame,
    seed: int,
    count: int,
) -> pd.DataFrame:
    more = customer_deals(max(count - len(new), 1), customers, life, reps, seed)
    deals = pd.concat([new, more]).sort_values("created_at", kind="stable")
    return _numbered(deals.reset_index(drop=True), "opportunity_id", "O")


def _link_leads(leads: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    born = deals[deals["lead_id"].notna()].set_index("lead_id")
    seen = leads["status"] == "商談化"
    return leads.assign(
        account_id=leads["lead_id"].map(born["account_id"]),
        opportunity_id=leads["lead_id"].map(born["opportunity_id"]),
        converted_at=leads["converted_at"].where(seen),
    )


def _churn_truth(customers: pd.DataFrame, life: Life) -> pd.DataFrame:
    """Return the truth for the first of each month and each customer who was one the day before."""
    months = np.arange(DAYS[0].astype("datetime64[M]"), LAST_DAY.astype("datetime64[M]") + 2)
    firsts = months.astype("datetime64[D]")
    days = day_number(firsts)
    month, who = np.nonzero((life.states[days] >= 0) & (life.started[None, :] < days[:, None]))
    day, left = days[month], life.cancelled[who]
    return pd.DataFrame(
        {
            "account_id": customers["account_id"].to_numpy()[who],
            "month": firsts[month],
            "probability_90d": life.probability(day, who),
            "churned_90d": ((left >= day) & (left < day + CHURN_HORIZON)).astype(int),
        }
    )


def _converted(leads: pd.DataFrame) -> Array:
    age = leads["converted_at"] - leads["created_at"]
    return np.asarray((age < pd.Timedelta(days=_LEAD_DAYS)).astype(int))


def _drivers() -> pd.DataFrame:
    tasks = {
        "churn": CHURN_DRIVERS,
        "lead_conversion": LEAD_DRIVERS | TRIAL_DRIVERS,
        "win": WIN_DRIVERS,
        "municipal_adoption": ADOPTION_DRIVERS,
    }
    rows = [(task, name, effect) for task, each in tasks.items() for name, effect in each.items()]
    return pd.DataFrame(rows, columns=["task", "driver", "effect"])


def _truth(leads: pd.DataFrame, deals: pd.DataFrame, customers: pd.DataFrame, life: Life) -> Tables:
    return {
        "churn": _churn_truth(customers, life),
        "conversion": leads.assign(converted=_converted(leads)),
        "win": deals.assign(won=deals["won"].astype(int)),
        "actions": trial_truth(leads),
        "drivers": _drivers(),
    }


def _accounts_table(accounts: pd.DataFrame, contract_rows: pd.DataFrame) -> pd.DataFrame:
    touched = accounts["account_id"].map(contract_rows.set_index("account_id")["updated_at"])
    return accounts.assign(updated_at=touched.fillna(accounts["created_at"]))


def make_world(accounts: int, seed: int) -> tuple[Tables, Tables, Published]:
    """Return the clean tables of the CRM, the tables of the truth, and what ministries publish.

    Frames may hold more columns than the CRM shows; :mod:`salesml.sample.tables` picks.
    """
    reps = make_reps(accounts, seed)
    leads = make_leads(_LEADS_AN_ACCOUNT * accounts, reps, seed)
    companies = make_accounts(accounts, leads, reps, seed)
    new = new_deals(companies, seed)
    customers = _customers(companies, new, reps, seed)
    life = Life(customers, seed)
    deals = _all_deals(new, customers, life, reps, seed, _DEALS_AN_ACCOUNT * accounts)
    truth = _truth(leads, deals, customers, life)
    crm = _crm(reps, _link_leads(leads, deals), companies, customers, life, deals, seed)
    towns = make_municipal(accounts, reps, seed)
    return {**crm, **towns.crm}, {**truth, **towns.truth}, towns.published


def _of_customers(frame: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    who = customers["account_id"].to_numpy()[frame["customer"]]
    return frame.assign(account_id=who)


def _crm(
    reps: pd.DataFrame,
    leads: pd.DataFrame,
    accounts: pd.DataFrame,
    customers: pd.DataFrame,
    life: Life,
    deals: pd.DataFrame,
    seed: int,
) -> Tables:
    history = stage_history(deals, seed)
    whose = deals.loc[history["deal"], ["opportunity_id", "account_id"]].reset_index(drop=True)
    events = contract_events(customers, deals[deals["kind"] != "new"], life, seed)
    changes = handovers(customers, life, seed)
    contacts = make_contacts(accounts, changes, seed)
    rows = contracts(customers, events)
    usage = _of_customers(product_usage(customers, life, seed), customers)
    asked = _of_customers(tickets(life, seed), customers)
    reached = _of_customers(pipeline_results(customers, life, seed), customers)
    acts = make_activities(accounts, leads, deals, customers, life, changes, contacts, seed)
    return {
        "sales_reps": with_changes(reps, seed),
        "accounts": _accounts_table(accounts, rows),
        "contacts": contacts.sort_values("contact_id"),
        "contracts": rows,
        "contract_events": _numbered(events, "event_id", "E"),
        "product_usage": _numbered(usage, "usage_id", "U"),
        "tickets": _numbered(asked, "ticket_id", "T"),
        "leads": leads,
        "opportunities": opportunities(deals, history),
        "opportunity_stage_history": _numbered(
            pd.concat([history, whose], axis=1), "change_id", "S"
        ),
        "activities": acts,
        "pipeline_results": _numbered(reached, "result_id", "Z"),
        "action_trials": lead_trials(leads, _converted(leads), seed),
        "action_tasks": action_tasks(customers, life, reps, seed),
    }
