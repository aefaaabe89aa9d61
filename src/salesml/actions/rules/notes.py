"""What is worth telling about the rules and the people of a night."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from salesml.actions.rules.contradictions import contradictions, joined
from salesml.actions.rules.firing import Fired
from salesml.actions.rules.situation import Situation
from salesml.config import ActionsConfig, Project, Words
from salesml.explanation import noun_of

__all__ = ["notes_of"]

_LEFT_OUT = {
    "action": (
        "アクション「{}」は条件（when）を実行できないため、今回は提案しません",
        "The action '{}' is left out this time",
    ),
    "play": (
        "サイン「{}」は条件（trigger）を実行できないため、今回は開始しません",
        "The play '{}' starts for nobody this time",
    ),
    "block": (
        "ルール「{}」は条件（when）を実行できないため、今回は全件に当てはまるものとします",
        "The rule '{}' forbids for everybody this time",
    ),
}


def notes_of(
    project: Project, situations: Mapping[str, Situation], fired: Fired, people: pd.DataFrame
) -> list[Words]:
    """What to tell: plays held back, contradictions, conditions that fail or choose nobody, owners
    who are not there.

    *people* as `people_of` returns them. Where the project hides names, owners go by their ids.
    """
    config = project.catalogue
    hidden = project.settings.report.names == "hidden"
    return [
        *(words for each in situations.values() for words in _failed(config, each)),
        *fired.notes,
        *contradictions(config, situations, fired),
        *(words for each in situations.values() for words in _idle(config, each)),
        *_owners(situations, people, hidden=hidden),
        *_beyond_everybody(config, people),
    ]


# conditions --------------------------------------------------------------------------------------


def _failed(config: ActionsConfig, situation: Situation) -> Iterator[Words]:
    """Conditions that do not run, and what comes of it."""
    for kind, name, why in situation.failed.itertuples(index=False):
        words = getattr(config, f"{kind}s")[name].name
        ja, en = _LEFT_OUT[kind]
        yield Words(ja=f"{ja.format(words.ja)}：{why}", en=f"{en.format(words.en)}: {why}")


def _idle(config: ActionsConfig, situation: Situation) -> Iterator[Words]:
    """Conditions that hold for nobody or for everybody: they tell nobody from anybody."""
    shares = list(_shares(config, situation))
    whom, of = noun_of(situation.entity), len(shares)
    nobody = [name for name, share in shares if share == 0]
    everybody = [name for name, share in shares if share == 1]
    if nobody:
        told, many = joined(nobody), len(nobody)
        yield Words(
            ja=f"{whom.ja}の条件{of}件のうち{many}件は、今回だれにも当てはまりません：{told.ja}",
            en=f"{many} of {of} conditions about {whom.en} hold for nobody this time: {told.en}",
        )
    if everybody:
        told, many = joined(everybody), len(everybody)
        yield Words(
            ja=f"{whom.ja}の条件{of}件のうち{many}件は全件に当てはまり、絞り込みになっていません：{told.ja}",
            en=f"{many} of {of} conditions about {whom.en} hold for all of them, and so choose "
            f"nobody: {told.en}",
        )


def _shares(config: ActionsConfig, situation: Situation) -> Iterator[tuple[Words, float]]:
    """The name of each condition, and the share of the entities for which it holds."""
    if len(situation.rows) < 2:  # of one, everything is nobody or everybody
        return
    sensible = situation.sensible["action"].value_counts()
    for action in config.actions_of(situation.entity):
        if action.when.lower() != "true" and action.id not in situation.failing("action"):
            asked = situation.rows[f"{action.task}.probability"].notna().sum()
            yield action.name, sensible.get(action.id, 0) / max(asked, 1)
    holding = situation.true["play"].value_counts()
    for play in config.plays_of(situation.entity):
        if play.id not in situation.failing("play"):
            yield play.name, holding.get(play.id, 0) / len(situation.rows)


# people ------------------------------------------------------------------------------------------


def _owners(
    situations: Mapping[str, Situation], people: pd.DataFrame, *, hidden: bool
) -> Iterator[Words]:
    """Owners who left, or of whom nothing is known, and how many records are theirs."""
    owned = pd.concat([pd.Series(dtype="str"), *(s.rows["owner_id"] for s in situations.values())])
    counts = owned.dropna().value_counts().sort_index()
    names = people.set_index("rep_id")["name"]
    left = set(people.loc[people["left"], "rep_id"])
    gone = [f"{i if hidden else names[i]} ({n:,})" for i, n in counts.items() if i in left]
    unknown = [f"{i} ({n:,})" for i, n in counts.items() if i not in names.index]
    if gone:
        yield Words(
            ja=f"退職した担当者のままの記録があります（他の担当者に回します）：{'、'.join(gone)}",
            en=f"Owners who left; their work goes to others: {', '.join(gone)}",
        )
    if unknown:
        yield Words(
            ja=f"actions.yml の people にいない担当者の記録があります：{'、'.join(unknown)}",
            en=f"Owners whom `people` of actions.yml does not know: {', '.join(unknown)}",
        )


def _beyond_everybody(config: ActionsConfig, people: pd.DataFrame) -> Iterator[Words]:
    """Actions for which nobody has the role and the skill."""
    best = people[~people["left"]].groupby("role")["skill"].max()
    beyond = [each for each in config.actions.values() if best.get(each.role, 0) < each.skill]
    if beyond:
        told = joined([each.name for each in beyond])
        needed = ", ".join(dict.fromkeys(f"{each.role} {each.skill}" for each in beyond))
        yield Words(
            ja=f"担える人（役割とスキル：{needed}）がいないアクション：{told.ja}",
            en=f"Actions for which nobody has the role and skill ({needed}): {told.en}",
        )
