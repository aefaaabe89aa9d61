"""What actions have brought so far: by action, and against doing the same for all, or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from salesml.actions.book import NO_ACTION, ActionBook
from salesml.actions.effect.value import mean_of
from salesml.actions.learning.comparison import ALL, Comparison
from salesml.actions.learning.evidence import in_points
from salesml.actions.learning.learnt import comparisons_of, learn
from salesml.actions.learning.panel import panel_of
from salesml.actions.learning.trials import Trials, trials_of
from salesml.actions.rules import ask
from salesml.config import ActionConfig, Project, TaskConfig, Words
from salesml.engine import connect
from salesml.errors import SalesmlError
from salesml.scoring import store_of
from salesml.store import Store
from salesml.training.intervals import Interval
from salesml.training.table import Bools, Floats

__all__ = ["ActionEvaluation", "evaluate"]

STEPS = 20  # of the curve by how many are treated
_RESULT = ("action_id", "status")
_FOLLOWED = Words(ja="実際のアクション", en="What was done")
_HELD = Words(ja="保留グループ", en="Held out")
_NOTHING = Words(ja="何もしない", en="Nothing for anybody")
_CHOSEN = Words(ja="対象ごとに選ぶ", en="The best for each")
_FIRST = dt.date(1, 1, 1)
_ACTIONS = (
    *("action", "title_ja", "title_en", "entity", "task", "recommended", "own", "trials", "done"),
    *("with_n", "with_rate", "without_n", "without_rate", "effect", "low", "high"),
    *("worth", "worth_low", "worth_high", "by"),
)
_POLICIES = (
    *("task", "policy", "title_ja", "title_en", "value", "low", "high"),
    *("rate", "rate_low", "rate_high", "n"),
)
_UPLIFT = ("task", "share", "gain", "low", "high")


@dataclass(frozen=True)
class ActionEvaluation:
    """What was recommended from ``since`` to ``as_of``, and what came of it.

    Rates and values are of a task's good outcome; intervals are of 95 %.

    Attributes
    ----------
    actions : one row an action that was recommended or tried: title_ja, title_en, entity, task;
        recommended (how often), of these own (by this project) and trials (tried elsewhere), done
        (how many of its own), by (who did them: list of name and done); with_n, with_rate,
        without_n, without_rate; effect, low, high (of recommending it against doing nothing,
        doubly robust); worth, worth_low, worth_high (what its own that were done brought, or all of
        its own where nobody tells what was done; where their outcome is known, in the project's
        currency, the cost not taken off).
    policies : by task, what an entity came to, as ``rate`` of good outcomes (rate_low, rate_high)
        and as ``value`` (low, high) in the currency, under what was done (``followed``), the best
        action for each (``targeted``), the best one for all (``best_single``), under ``none``, and
        among those ``holdout``; n rows each.
    uplift : by task, the gain (low, high) where a share of all gets its best action, those first of
        whom most was foretold.
    notes : what is to be known beside.
    """

    as_of: dt.date
    since: dt.date | None
    actions: pd.DataFrame
    policies: pd.DataFrame
    uplift: pd.DataFrame
    notes: list[Words]


def evaluate(project: Project, as_of: dt.date) -> ActionEvaluation:
    """Tell what actions were worth, by all that was known before *as_of*.

    Raises ConfigError where the project has no actions, or their SQL does not run.
    """
    learnt, store = learn(project, as_of), store_of(project)
    notes = list(learnt.notes)
    effects: dict[str, dict[str, Any]] = {}
    policies: list[dict[str, Any]] = []
    uplift: list[dict[str, Any]] = []
    with connect() as con:
        trials = trials_of(con, project, store, as_of)
        given = _given(con, project, store, trials, as_of)
        for name in learnt.folders:
            task = project.task(name)
            compared = comparisons_of(learnt, name)
            panel = _panel(con, project, store, task, trials, as_of)
            for each in compared:
                effects |= {a: _effect(project, task, each, a, given) for a in each.actions}
            # what choosing is worth can be told where all were compared at once
            whole = compared if len(compared) == 1 else []
            policies += _policies(project, task, whole, panel)
            for each in whole:
                uplift += _uplift(task, each)
                notes.append(_gain(task, each))
    return ActionEvaluation(
        as_of=as_of,
        since=min(trials.rows["as_of"], default=None),
        actions=_actions(project, given, effects),
        policies=pd.DataFrame(policies, columns=list(_POLICIES)),
        uplift=pd.DataFrame(uplift, columns=list(_UPLIFT)),
        notes=notes,
    )


def _panel(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    trials: Trials,
    as_of: dt.date,
) -> pd.DataFrame:
    try:
        return panel_of(con, project, store, task, trials, as_of).rows
    except SalesmlError:  # learning has told it
        return pd.DataFrame(columns=["good", "how"])


def _given(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, trials: Trials, as_of: dt.date
) -> pd.DataFrame:
    """Every recommendation: action, and of the project's own whether it is done and by whom."""
    wanted = ["action", "action_id", "assignee"]
    own = ActionBook(project).recommendations(_FIRST, as_of, wanted)
    sql = project.catalogue.results
    results = pd.DataFrame(columns=list(_RESULT))
    if sql is not None:
        results = ask(con, project, store, ("results",), sql, _RESULT, as_of)
    done = results.loc[results["status"].astype("str") == "done", "action_id"].astype("str")
    own["done"] = own["action_id"].isin(set(done))
    told = trials.rows[trials.rows["how"] == "history"]
    return pd.concat([own, told.loc[told["action"] != NO_ACTION, ["action"]]], ignore_index=True)


def _actions(
    project: Project, given: pd.DataFrame, effects: dict[str, dict[str, Any]]
) -> pd.DataFrame:
    named = {*given["action"], *effects}
    rows = [
        _titles(action) | _counts(given[given["action"] == action.id]) | effects.get(action.id, {})
        for action in project.catalogue.actions.values()
        if action.id in named
    ]
    return pd.DataFrame(rows, columns=list(_ACTIONS))


def _titles(action: ActionConfig) -> dict[str, Any]:
    titles = {"title_ja": action.name.ja, "title_en": action.name.en}
    return {"action": action.id, **titles, "entity": action.entity, "task": action.task}


def _counts(given: pd.DataFrame) -> dict[str, Any]:
    """How often it was recommended and done; None where nobody tells what was done."""
    own = given[given["action_id"].notna()]
    done = own[own["done"].astype(bool)]
    by = done["assignee"].fillna("").value_counts()
    return {
        "recommended": len(given),
        "own": len(own),
        "trials": len(given) - len(own),
        "done": len(done) if len(own) else None,
        "by": [{"name": str(name), "done": int(n)} for name, n in by.items()],
    }


def _effect(
    project: Project, task: TaskConfig, found: Comparison, action: str, given: pd.DataFrame
) -> dict[str, Any]:
    value, low, high = found.average(action)
    own = found.rows[(found.rows["action"] == action) & (found.rows["how"] != "history")]
    sums = _worth_of(project, task, own, given)
    rates = dict(found.rates(action).loc[ALL])
    return rates | {
        "with_n": int(rates["with_n"]),
        "without_n": int(rates["without_n"]),
        "effect": value,
        "low": low,
        "high": high,
        "worth": value * sums,
        "worth_low": low * sums,
        "worth_high": high * sums,
    }


def _worth_of(project: Project, task: TaskConfig, own: pd.DataFrame, given: pd.DataFrame) -> float:
    """What the good outcome of those of *own* that were done would be worth; NaN without any own.

    Where nobody tells what was done, of all that were asked for.
    """
    if own.empty:
        return np.nan
    if project.catalogue.results is not None:
        done = given.loc[given["done"].eq(True), "action_id"]
        own = own[own["action_id"].isin(set(done))]
    return float(_worths(project, task, own).sum())


def _worths(project: Project, task: TaskConfig, rows: pd.DataFrame) -> Floats:
    """What the good outcome of each of *rows* is worth; nothing of an amount that is not known."""
    worth = project.catalogue.worth[task.name]
    amount = rows["amount"] if "amount" in rows else pd.Series(0.0, rows.index)
    known = pd.to_numeric(amount).astype("float64").fillna(0.0)
    return np.asarray(worth.fixed + worth.of_amount * known, dtype=np.float64)


def _policies(
    project: Project, task: TaskConfig, compared: list[Comparison], panel: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    if len(panel):
        yield _policy(project, task, "followed", _FOLLOWED, panel, panel["good"])
    held = panel[panel["how"] == "holdout"]
    if len(held):
        yield _policy(project, task, "holdout", _HELD, held, held["good"])
    for found in compared:
        rows, single = found.rows, str(found.model.single_)
        names = {"none": NO_ACTION, "best_single": single}
        plans = {name: rows[f"score {action}"] for name, action in names.items()}
        words = {"none": _NOTHING, "best_single": _for_all(project, single), "targeted": _CHOSEN}
        for name, scores in (plans | {"targeted": rows["followed"]}).items():
            yield _policy(project, task, name, words[name], rows, scores)


def _for_all(project: Project, action: str) -> Words:
    if action == NO_ACTION:
        return _NOTHING
    name = project.catalogue.actions[action].name
    return Words(ja=f"全員に「{name.ja}」", en=f"'{name.en}' for all")


def _policy(
    project: Project,
    task: TaskConfig,
    name: str,
    title: Words,
    rows: pd.DataFrame,
    scores: pd.Series,
) -> dict[str, Any]:
    good = scores.to_numpy(dtype=np.float64)
    rate = _mean(rows, good)
    value = _mean(rows, good * _worths(project, task, rows))
    rates = {"rate": rate.value, "rate_low": rate.low, "rate_high": rate.high}
    head = {"task": task.name, "policy": name, "title_ja": title.ja, "title_en": title.en}
    return head | value._asdict() | rates | {"n": len(rows)}


def _mean(rows: pd.DataFrame, scores: Floats) -> Interval:
    return mean_of(scores, pd.factorize(rows["entity_id"])[0].astype(np.int64))


def _uplift(task: TaskConfig, found: Comparison) -> Iterator[dict[str, Any]]:
    """The gain over nothing by how many get their best action, by what was foretold of them."""
    rows, actions = found.rows, list(found.actions)
    foretold = rows[[f"effect {a}" for a in actions]].to_numpy(dtype=np.float64)
    scores = rows[[f"score {a}" for a in actions]].to_numpy(dtype=np.float64)
    best = foretold.argmax(axis=1)
    place = np.arange(len(rows))
    gain = scores[place, best] - rows[f"score {NO_ACTION}"].to_numpy(dtype=np.float64)
    falling = np.argsort(np.argsort(-foretold[place, best], kind="stable"), kind="stable")
    for step in range(STEPS + 1):
        treated: Bools = falling < step / STEPS * len(rows)
        interval = _mean(rows, np.where(treated, gain, 0.0))
        told = dict(zip(("gain", "low", "high"), interval, strict=True))
        yield {"task": task.name, "share": step / STEPS, **told}


def _gain(task: TaskConfig, found: Comparison) -> Words:
    """What choosing for each adds, in a sentence."""
    span = in_points(*found.model.gain_)
    ja = "確かめられました" if found.model.targets_ else "確かめられていません"
    en = "is proven" if found.model.targets_ else "is not proven"
    return Words(
        ja=f"「{task.title.ja}」: アクションを対象ごとに選ぶ上乗せは{span.ja}で、{ja}。",
        en=f"{task.name}: choosing for each adds {span.en} to one action for all, which {en}.",
    )
