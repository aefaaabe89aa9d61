"""The actions of a night: who is to do what, decided once scores are there, and recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, TypeVar

import duckdb
import pandas as pd

from salesml.actions.behaviour import behaviour_of
from salesml.actions.book import NO_ACTION, ActionBook, as_decisions, frame_of
from salesml.actions.deciding import (
    Actions,
    Decided,
    Night,
    agenda_of,
    decide,
    past_of,
    told_once,
)
from salesml.actions.learning import learn
from salesml.actions.rules import Fired, Situation, ask, fire, notes_of, people_of, situations
from salesml.config import ActionsConfig, Words
from salesml.engine import connect
from salesml.errors import SalesmlError
from salesml.night import TaskScores
from salesml.run import Run
from salesml.scoring import executor, store_of

__all__ = ["act"]

_RESULTS = ("action_id", "status", "done_on", "done_by", "result")
_KEY = ["entity", "entity_id"]
_DAY, _YEAR = dt.timedelta(days=1), dt.timedelta(days=365)
_ANSWERED = ("done", "declined")
_BEHAVIOUR = (
    "next_kind", "next_probability", "next_ja", "next_en", "best_channel", "best_hour", "best_ja",
    "best_en",
)  # fmt: skip
Part = TypeVar("Part")


def act(run: Run, scored: Sequence[TaskScores], *, dry_run: bool = False) -> Actions | None:
    """Decide what is to be done as of the run's date, of those whose tasks were *scored*.

    The answer rests on what was decided and known before that date alone, so that it is the same
    whenever it is run. What an earlier run of that date recommended stands, people may be at it:
    only the others are decided again. It is recorded unless a later date was, or in a *dry_run*:
    then it is only returned. None in a project without actions.
    """
    config = run.project.actions
    if config is None:
        return None
    run.tell("deciding what to do next")
    book, notes = ActionBook(run.project), list[Words]()
    with executor(run.project) as pool:
        found = situations(run.project, run.as_of, pool, [s.task.name for s in scored])
        learnt = _learnt(run, found, pool, notes)
    recorded = book.read(run.as_of) if run.as_of in book.dates() else frame_of(as_decisions([]))
    fired = fire(config.plays, found, _state(book, config, found, run.as_of), run.as_of)
    with connect(run.project.var / "spill") as con:
        people = people_of(con, run.project, store_of(run.project), run.as_of)
        here = set(people.loc[~people["left"], "rep_id"])
        results = _results(run, con, config)
        past = past_of(book, config, results, here, run.as_of)
        night = Night(
            config, run.project.tasks, run.as_of, run.run_id, found, fired.fired, past, people,
            learnt, state=fired.state,
        )  # fmt: skip
        decided = _decided(night, recorded[recorded["action"] != NO_ACTION])
        fresh = _with_behaviour(run, con, decided.decisions, found, notes)
    decisions = _whole(fresh, recorded, found)
    notes += [*notes_of(run.project, found, fired, people), *decided.notes]
    agenda = _there(agenda_of(decisions, past.agenda()), found)
    actions = Actions(
        decisions=decisions,
        agenda=agenda,
        loads=decided.loads,
        fired=_counted(config, fired),
        notes=told_once(notes),
        value=decided.planned.value,
        gap=decided.planned.gap,
        withdrawn=_withdrawn(book, config, results, agenda, run.as_of),
    )
    return replace(actions, recorded=False) if dry_run else _recorded(run, book, fired, actions)


def _there(rows: pd.DataFrame, found: Mapping[str, Situation]) -> pd.DataFrame:
    """*rows* without entities that are gone; those left out tonight stay."""
    gone = pd.Series(False, rows.index)
    for entity, situation in found.items():
        here = rows["entity_id"].isin(situation.rows["entity_id"])
        gone |= (rows["entity"] == entity) & ~here
    return rows[~gone].reset_index(drop=True)


def _withdrawn(
    book: ActionBook,
    config: ActionsConfig,
    results: pd.DataFrame,
    agenda: pd.DataFrame,
    as_of: dt.date,
) -> pd.DataFrame:
    """What was to be done before *as_of*, is not on the *agenda* any more, and nobody answered.

    Nothing where nobody says what became of it.
    """
    given = book.recommendations(as_of - _YEAR, as_of)
    if config.results is None:
        return given.head(0)
    answered = results.loc[results["status"].isin(_ANSWERED), "action_id"]
    over = given["action_id"].isin({*answered, *agenda["action_id"]})
    return given[~over].reset_index(drop=True)


def _counted(config: ActionsConfig, fired: Fired) -> pd.DataFrame:
    """How often plays fired, the most frequent first."""
    columns = ["entity", "play"]
    many = fired.fired.groupby(columns).size().rename("n").reset_index()
    names = {"name_ja": "ja", "name_en": "en"}
    words = {
        column: [getattr(config.plays[play].name, of) for play in many["play"]]
        for column, of in names.items()
    }
    many = many.assign(**words)[[*columns, *names, "n"]]
    ordered: pd.DataFrame = many.sort_values(["n", "play"], ascending=[False, True])
    return ordered.reset_index(drop=True)


def _recorded(run: Run, book: ActionBook, fired: Fired, actions: Actions) -> Actions:
    """*actions*, recorded unless later ones are."""
    newest = book.newest()
    if newest is not None and newest > run.as_of:
        later = Words(
            ja=f"{newest}の判断がすでにあるため、{run.as_of}の判断は記録されません。",
            en=f"Not recorded for {run.as_of}: actions were decided for {newest} before.",
        )
        return replace(actions, notes=[later, *actions.notes], recorded=False)
    meta = {
        "value": actions.value,
        "gap": actions.gap,
        "notes": [note.model_dump() for note in actions.notes],
        "loads": actions.loads.to_dict("records"),
        "fired": actions.fired.to_dict("records"),
        "withdrawn": actions.withdrawn["action_id"].tolist(),
    }
    book.publish(
        run.as_of,
        run.run_id,
        decisions=actions.decisions,
        agenda=actions.agenda,
        state=fired.state,
        meta=meta,
    )
    return actions


# a date that is run again ----------------------------------------------------------------------


def _state(
    book: ActionBook, config: ActionsConfig, found: Mapping[str, Situation], as_of: dt.date
) -> pd.DataFrame | None:
    """The state of the plays before *as_of*; of entities left out, what that date left."""
    before, after = book.state(as_of), book.state(as_of + _DAY)
    if after is None:
        return None
    out = [play.id for play in config.plays.values() if play.entity not in found]
    kept = after[after["play"].isin(out)]
    return kept if before is None else pd.concat([before[~before["play"].isin(out)], kept])


def _decided(night: Night, standing: pd.DataFrame) -> Decided:
    """The decisions of a night, of which those *standing* are not to be changed.

    Where they would be the same again everything is; else the others get what time is left.
    """
    decided = decide(night)
    if standing.empty or _asked(decided.decisions) == _asked(standing):
        return decided
    others = decide(_without(night, standing))
    note = Words(
        ja=f"{night.as_of}にすでに提案した{len(standing)}件はそのままとし、ほかだけを判断しました。",
        en=f"{len(standing)} recommended for {night.as_of} before stand; only others were decided.",
    )
    worth = standing["value"].sum()
    planned = others.planned
    planned = replace(planned, value=planned.value + worth, bound=planned.bound + worth)
    return replace(others, planned=planned, notes=[note, *others.notes])


def _asked(decisions: pd.DataFrame) -> set[tuple[Any, ...]]:
    """Who is asked to do what for whom."""
    asked = decisions.loc[decisions["action"] != NO_ACTION, [*_KEY, "action", "assignee_id"]]
    return set(asked.fillna("").itertuples(index=False, name=None))


def _without(night: Night, standing: pd.DataFrame) -> Night:
    """*night* for all others than those of *standing*, whose work takes its time."""
    left = {}
    for entity, situation in night.situations.items():
        ids = standing.loc[standing["entity"] == entity, "entity_id"]
        rows, allowed = (
            frame[~frame["entity_id"].isin(ids)] for frame in (situation.rows, situation.allowed)
        )
        left[entity] = replace(situation, rows=rows, allowed=allowed)
    return replace(night, situations=left, standing=standing)


def _whole(
    fresh: pd.DataFrame, recorded: pd.DataFrame, found: Mapping[str, Situation]
) -> pd.DataFrame:
    """*fresh* decisions; in their place *recorded* ones that stand or are of who is left out."""
    stands = (recorded["action"] != NO_ACTION) | ~recorded["entity"].isin(list(found))
    kept = recorded[stands]
    known = pd.MultiIndex.from_frame(kept[_KEY])
    new = fresh[~pd.MultiIndex.from_frame(fresh[_KEY]).isin(known)]
    parts = [part.astype(object) for part in (kept, new)]
    whole = frame_of(as_decisions(pd.concat(parts))) if len(kept) else new
    return whole.sort_values(_KEY, kind="stable", ignore_index=True)


# what may fail without harm --------------------------------------------------------------------


def _learnt(
    run: Run, found: Mapping[str, Situation], pool: Executor, notes: list[Words]
) -> dict[str, pd.DataFrame]:
    """Effects learnt from what was tried, by entity; where that fails assumed ones count."""

    def effects() -> dict[str, pd.DataFrame]:
        learnt = learn(run.project, run.as_of, run.tell)
        notes.extend(learnt.notes)
        return {entity: learnt.of(entity, pool) for entity in found}

    words = Words(
        ja="アクションの効果を学習できず、仮定値を使いました",
        en="Effects could not be learnt, so that assumed ones count",
    )
    return _or(run, effects, {}, words, notes)


def _with_behaviour(
    run: Run,
    con: duckdb.DuckDBPyConnection,
    decisions: pd.DataFrame,
    found: Mapping[str, Situation],
    notes: list[Words],
) -> pd.DataFrame:
    """*decisions* with what the entities are likely to do next, and how to reach them."""
    words = Words(
        ja="次の行動を予測できませんでした", en="What they will do next could not be told"
    )
    store, parts = store_of(run.project), []
    for entity, situation in found.items():

        def told(entity: str = entity, rows: pd.DataFrame = situation.rows) -> pd.DataFrame:
            return behaviour_of(con, run.project, store, entity, run.as_of, rows)

        part = _or(run, told, pd.DataFrame(), words, notes)
        if len(part):
            parts.append(part.assign(entity=entity).astype(object))
    known = pd.concat(parts) if parts else pd.DataFrame(columns=_KEY)
    known = known.reindex(columns=[*_KEY, *_BEHAVIOUR])
    plain = decisions.drop(columns=list(_BEHAVIOUR))
    return frame_of(as_decisions(plain.merge(known, on=_KEY, how="left")))


def _or(run: Run, make: Callable[[], Part], instead: Part, what: Words, notes: list[Words]) -> Part:
    """What *make* makes, or *instead* where it fails, which is told: tonight's list goes on."""
    try:
        return make()
    except Exception as error:
        text = error.what if isinstance(error, SalesmlError) else f"{type(error).__name__}: {error}"
        run.tell(f"{what.en}: {text}")
        notes.append(Words(ja=f"{what.ja}：{text}", en=f"{what.en}: {text}"))
        return instead


# results ---------------------------------------------------------------------------------------


def _results(run: Run, con: duckdb.DuckDBPyConnection, config: ActionsConfig) -> pd.DataFrame:
    """What became of actions, as known before the night."""
    if config.results is None:
        return pd.DataFrame(columns=list(_RESULTS), dtype=object)
    store = store_of(run.project)
    rows = ask(con, run.project, store, ("results",), config.results, _RESULTS, run.as_of)
    days = pd.Series(_days(rows["done_on"]), rows.index, dtype=object)
    return rows.astype(object).assign(done_on=days)


def _days(values: pd.Series) -> list[dt.date | None]:
    days: Collection[Any] = pd.to_datetime(values)
    return [None if pd.isna(day) else day.date() for day in days]
