"""Rules that contradict each other, found where they meet: both are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from salesml.actions.rules.firing import Fired
from salesml.actions.rules.situation import Situation
from salesml.config import ActionsConfig, PlayConfig, Words

__all__ = ["contradictions", "joined"]

_NOBODY = pd.Index([], dtype="str")


def contradictions(
    config: ActionsConfig, situations: Mapping[str, Situation], fired: Fired
) -> list[Words]:
    """What rules ask for that others forbid, among the entities of *situations*.

    A play none of whose actions makes sense where its trigger holds; plays that started where all
    their actions are forbidden or make no sense; plays that want actions of the same entity that
    exclude each other.
    """
    return [
        words
        for entity, situation in situations.items()
        for words in (
            *_plays_without_action(config, situation, _started(fired, entity)),
            *_plays_at_odds(config, situation, _started(fired, entity)),
        )
    ]


def joined(names: Sequence[Words]) -> Words:
    """*names* in one text."""
    return Words(ja="、".join(n.ja for n in names), en=", ".join(n.en for n in names))


def _started(fired: Fired, entity: str) -> pd.DataFrame:
    rows = fired.fired
    return rows.loc[rows["entity"] == entity, ["entity_id", "play"]]


# a play and its own actions ----------------------------------------------------------------------


def _plays_without_action(
    config: ActionsConfig, situation: Situation, started: pd.DataFrame
) -> Iterator[Words]:
    sensible, allowed = _ids(situation.sensible, "action"), _ids(situation.allowed, "action")
    holding, starting = _ids(situation.true, "play"), _ids(started, "play")
    failing = situation.failing("action")
    for play in config.plays_of(situation.entity):
        if failing.intersection(play.action):
            continue
        holds, begun = holding.get(play.id, _NOBODY), starting.get(play.id, _NOBODY)
        stuck = _without(begun, play, allowed)
        if len(holds) and len(_without(holds, play, sensible)) == len(holds):
            yield _never_together(config, play, len(holds))
        elif len(stuck):
            yield _stuck(config, play, len(stuck), len(begun), _blocks(situation, stuck, play))


def _ids(rows: pd.DataFrame, by: str) -> dict[str, pd.Index]:
    """The ids of *rows* by what stands in the column *by*."""
    return {str(key): pd.Index(ids) for key, ids in rows.groupby(by)["entity_id"]}


def _without(ids: pd.Index, play: PlayConfig, by_action: Mapping[str, pd.Index]) -> pd.Index:
    """Those of *ids* that none of the actions of *play* has."""
    for action in play.action:
        ids = ids.difference(by_action.get(action, _NOBODY))
    return ids


def _blocks(situation: Situation, ids: pd.Index, play: PlayConfig) -> list[str]:
    """The blocks that forbid actions of *play* for *ids*."""
    rows = situation.blocked
    meant = rows["entity_id"].isin(ids) & rows["action"].isin(play.action)
    return sorted(rows.loc[meant, "block"].unique())


def _never_together(config: ActionsConfig, play: PlayConfig, many: int) -> Words:
    actions = joined([config.actions[name].name for name in play.action])
    ids = ", ".join(play.action)
    return Words(
        ja=f"サイン「{play.name.ja}」（{play.id}）の条件（trigger）に合う{many:,}件のうち、"
        f"アクション「{actions.ja}」（{ids}）の条件（when）に合うものが1件もありません。"
        "両者は矛盾しています。",
        en=f"The trigger of the play '{play.name.en}' ({play.id}) holds for {many:,}, and the "
        f"`when` of its actions '{actions.en}' ({ids}) for none of them: they contradict each "
        "other.",
    )


def _stuck(
    config: ActionsConfig, play: PlayConfig, stuck: int, begun: int, blocks: Sequence[str]
) -> Words:
    actions = joined([config.actions[name].name for name in play.action])
    why = _why(joined([config.blocks[name].name for name in blocks]) if blocks else None)
    return Words(
        ja=f"サイン「{play.name.ja}」は{begun:,}件で開始しましたが、うち{stuck:,}件ではそのアクション"
        f"「{actions.ja}」を取れません：{why.ja}",
        en=f"The play '{play.name.en}' starts for {begun:,}, but for {stuck:,} of them none of "
        f"its actions '{actions.en}' can be taken: {why.en}",
    )


def _why(blocks: Words | None) -> Words:
    if blocks is None:
        return Words(ja="条件（when）に合いません。", en="their `when` does not hold.")
    return Words(
        ja=f"ルール「{blocks.ja}」が禁じているか、条件（when）に合いません。",
        en=f"forbidden by '{blocks.en}', or their `when` does not hold.",
    )


# two plays ---------------------------------------------------------------------------------------


def _plays_at_odds(
    config: ActionsConfig, situation: Situation, started: pd.DataFrame
) -> Iterator[Words]:
    wanted = _wanted(config, situation)
    pairs = started.merge(wanted, on=["entity_id", "play"]).merge(wanted, on="entity_id")
    at_odds = [config.exclude(*both) for both in zip(pairs.action_x, pairs.action_y, strict=True)]
    pairs = pairs[pd.Series(at_odds, index=pairs.index, dtype=bool)]
    names = ["play_x", "action_x", "play_y", "action_y"]
    said: set[frozenset[str]] = set()
    for one, its, other, theirs, many in pairs.groupby(names, as_index=False).size().to_numpy():
        if frozenset((one, other)) not in said:
            said.add(frozenset((one, other)))
            yield _at_odds(config, (one, its), (other, theirs), many)


def _wanted(config: ActionsConfig, situation: Situation) -> pd.DataFrame:
    """``entity_id``, ``play`` and ``action``, the first one allowed, of every play that holds."""
    order = [
        (play.id, action, rank)
        for play in config.plays_of(situation.entity)
        for rank, action in enumerate(play.action)
    ]
    ranked = pd.DataFrame(order, columns=["play", "action", "rank"])
    found = situation.true.merge(ranked, on="play").merge(
        situation.allowed, on=["entity_id", "action"]
    )
    first = found.sort_values("rank", kind="stable").drop_duplicates(["entity_id", "play"])
    return first[["entity_id", "play", "action"]]


def _at_odds(
    config: ActionsConfig, one: tuple[str, str], other: tuple[str, str], many: int
) -> Words:
    plays = [config.plays[play].name for play, _ in (one, other)]
    actions = [config.actions[action].name for _, action in (one, other)]
    return Words(
        ja=f"サイン「{plays[0].ja}」は「{actions[0].ja}」を、サイン「{plays[1].ja}」は「{actions[1].ja}」を"
        f"求めていますが、両立しません（{many:,}件）。",
        en=f"The play '{plays[0].en}' wants '{actions[0].en}', the play '{plays[1].en}' wants "
        f"'{actions[1].en}', and these exclude each other ({many:,}).",
    )
