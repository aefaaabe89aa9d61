"""``actions.yml`` and ``plays.yml``: what can be done next, by whom, and what starts it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from salesml.config.contacts import Money
from salesml.config.tasks import TaskConfig
from salesml.config.values import LONGEST, Days, Names, Sql, Strict, Words, days
from salesml.errors import suggest
from salesml.yaml_file import Place, read_model

__all__ = [
    "ActionConfig",
    "ActionsConfig",
    "BlockConfig",
    "EscalateConfig",
    "PlayConfig",
    "read_actions",
]

MANAGER = "manager"  # to whom a play escalates, beside the roles
_NO_ACTION = "none"


def _named(value: object) -> object:
    """The parts of a mapping know the key they stand under, as ``id``."""
    if not isinstance(value, dict):
        return value
    return {k: {**v, "id": k} if isinstance(v, dict) else v for k, v in value.items()}


def _whole_days(value: object) -> int:
    """How many days *value* says; hours are rounded up."""
    hours = re.fullmatch(r"\s*(\d+)\s*hours?\s*", str(value))
    return math.ceil(int(hours.group(1)) / 24) if hours else days(value)


Part = TypeVar("Part")
Named = Annotated[dict[str, Part], BeforeValidator(_named)]
Share = Annotated[float, Field(ge=0, le=1)]
WholeDays = Annotated[int, BeforeValidator(_whole_days), Field(gt=0, le=LONGEST)]
Channel = Literal["mail", "phone", "visit", "meeting", "web", "event"]


class ActionConfig(Strict):
    """One action of the catalogue: what somebody of a role can do for an entity.

    ``when`` is the condition under which it makes sense. ``effect`` is the share of bad outcomes
    of ``task`` that it averts, assumed until it is learnt. ``cost`` comes beside the ``minutes``.
    ``answers`` are the concepts of features that it answers to, ``excludes`` the actions that
    nobody should want for the same entity at once.
    """

    id: str
    entity: str
    task: str
    name: Words
    role: str
    channel: Channel
    minutes: int = Field(gt=0)
    cost: float = Field(default=0, ge=0)
    cooldown: Days
    skill: int = Field(default=1, ge=1, le=5)
    when: Sql = "true"
    due: WholeDays
    effect: Share
    material: Words | None = None
    answers: Names = Field(default=[])
    excludes: Names = Field(default=[])


class BlockConfig(Strict):
    """A rule that forbids some actions, or those of some channels or roles, while it is true."""

    id: str
    entity: str
    name: Words
    when: Sql
    actions: Names = Field(default=[])
    channels: Annotated[list[Channel], Field(default=[])]
    roles: Names = Field(default=[])

    def forbids(self, action: ActionConfig) -> bool:
        """Whether *action* is not to be taken while the rule is true."""
        return action.entity == self.entity and (
            action.id in self.actions
            or action.channel in self.channels
            or action.role in self.roles
        )

    @model_validator(mode="after")
    def _of_something(self) -> BlockConfig:
        if not (self.actions or self.channels or self.roles):
            raise ValueError("a block forbids nothing: name actions, channels or roles")
        return self


class EscalateConfig(Strict):
    """Who hears of a play that nobody has answered so many days after its deadline."""

    after: WholeDays
    to: str


class PlayConfig(Strict):
    """Trigger, action, deadline, escalation.

    The play starts on the date on which ``trigger`` becomes true, and not again within
    ``cooldown``. ``action`` is one, or several in order of preference. An ``urgent`` play comes
    before all others, and is no subject of holdouts.
    """

    id: str
    entity: str
    name: Words
    severity: Literal["high", "medium", "low-medium", "low"]
    trigger: Sql
    action: Names = Field(min_length=1)
    deadline: WholeDays
    escalate: EscalateConfig | None = None
    cooldown: Days
    urgent: bool = False


class _PlaysFile(Strict):
    """``plays.yml``."""

    plays: Named[PlayConfig]

    def problems(self, catalogue: _ActionsFile) -> Iterator[tuple[Place, str]]:
        for name, play in self.plays.items():
            place = ("plays", name)
            if play.entity not in catalogue.entities:
                yield (*place, "entity"), _unknown("entity", play.entity, catalogue.entities)
            for action in play.action:
                yield from _action_problem((*place, "action"), action, play.entity, catalogue)
            roles = [MANAGER, *catalogue.capacity]
            if play.escalate is not None and play.escalate.to not in roles:
                yield (*place, "escalate", "to"), _unknown("role", play.escalate.to, roles)


class _ActionsFile(Strict):
    """``actions.yml``."""

    holdout: Share = 0.05
    explore: Share = 0.05
    minute_cost: float = Field(ge=0)
    worth: dict[str, Money]
    people: str
    capacity: dict[str, Annotated[int, Field(ge=0)]]
    channels: dict[Channel, Annotated[int, Field(ge=0)]] = Field(default={})
    features: dict[str, Names] = Field(default={})
    results: str | None = None
    history: str | None = None
    behaviour: dict[str, str] = Field(default={})
    blocks: Named[BlockConfig] = Field(default={})
    actions: Named[ActionConfig] = Field(min_length=1)

    @property
    def entities(self) -> list[str]:
        """The entities that there are actions for."""
        return list(dict.fromkeys(action.entity for action in self.actions.values()))

    def problems(self, tasks: Mapping[str, TaskConfig]) -> Iterator[tuple[Place, str]]:
        entities = list(dict.fromkeys(task.entity for task in tasks.values()))
        for name in self.worth:
            if name not in tasks:
                yield ("worth", name), _unknown("task", name, tasks)
        for key in ("features", "behaviour"):
            for entity in getattr(self, key):
                if entity not in entities:
                    yield (key, entity), _unknown("entity", entity, entities)
        for action in self.actions.values():
            yield from self._of_action(action, tasks)
        for block in self.blocks.values():
            yield from self._of_block(block)

    def _of_action(
        self, action: ActionConfig, tasks: Mapping[str, TaskConfig]
    ) -> Iterator[tuple[Place, str]]:
        place: Place = ("actions", action.id)
        if action.id == _NO_ACTION:
            yield place, "an action cannot be called 'none': that is what no action is called."
        if action.task not in tasks:
            yield (*place, "task"), _unknown("task", action.task, tasks)
        elif tasks[action.task].entity != action.entity:
            text = f"action '{action.id}' is for each {action.entity}, but task {action.task}"
            yield (*place, "entity"), f"{text} is about each {tasks[action.task].entity}."
        elif action.task not in self.worth:
            text = f"action '{action.id}' betters task {action.task}, which has no entry in worth."
            yield (*place, "task"), text
        yield from self._roles((*place, "role"), [action.role])
        for other in action.excludes:
            yield from _action_problem((*place, "excludes"), other, action.entity, self)

    def _of_block(self, block: BlockConfig) -> Iterator[tuple[Place, str]]:
        place: Place = ("blocks", block.id)
        if block.entity not in self.entities:
            yield (*place, "entity"), _unknown("entity", block.entity, self.entities)
        for action in block.actions:
            yield from _action_problem((*place, "actions"), action, block.entity, self)
        yield from self._roles((*place, "roles"), block.roles)

    def _roles(self, place: Place, roles: Iterable[str]) -> Iterator[tuple[Place, str]]:
        for role in roles:
            if role not in self.capacity:
                yield place, _unknown("role", role, self.capacity) + " Roles stand in capacity."


class ActionsConfig(_ActionsFile):
    """``actions.yml`` and ``plays.yml`` of a project.

    ``capacity`` names the roles, with the minutes a week that one person of each has. ``holdout``
    and ``explore`` are shares of the entities. ``minute_cost`` and ``worth`` are in the project's
    currency; ``worth`` is what the good outcome of a task is worth. ``people``, ``results``,
    ``history`` and ``behaviour`` are SQL over the sources.
    """

    plays: dict[str, PlayConfig] = Field(default={})

    def actions_of(self, entity: str) -> list[ActionConfig]:
        """The actions for *entity*."""
        return [action for action in self.actions.values() if action.entity == entity]

    def plays_of(self, entity: str) -> list[PlayConfig]:
        """The plays of *entity*."""
        return [play for play in self.plays.values() if play.entity == entity]

    def blocks_of(self, entity: str) -> list[BlockConfig]:
        """The blocks of *entity*."""
        return [block for block in self.blocks.values() if block.entity == entity]

    def exclude(self, one: str, other: str) -> bool:
        """Whether the actions *one* and *other* exclude each other; either may say so."""
        return other in self.actions[one].excludes or one in self.actions[other].excludes


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    known = list(known)
    hint = suggest(name, known) or f" Known: {', '.join(known)}."
    return f"there is no {kind} '{name}'.{hint}"


def _action_problem(
    place: Place, name: str, entity: str, catalogue: _ActionsFile
) -> Iterator[tuple[Place, str]]:
    """What is wrong with naming the action *name* for *entity*."""
    if name not in catalogue.actions:
        yield place, f"there is no action '{name}'.{suggest(name, catalogue.actions)}"
    elif catalogue.actions[name].entity != entity:
        text = f"action '{name}' is for each {catalogue.actions[name].entity}, not {entity}."
        yield place, text


def read_actions(folder: Path, tasks: Mapping[str, TaskConfig]) -> ActionsConfig | None:
    """Read ``actions.yml`` and ``plays.yml`` in *folder*; None where there are no actions.

    Raises ConfigError with every problem of a file, each with its line.
    """
    catalogue, plays = folder / "actions.yml", folder / "plays.yml"
    if not catalogue.exists() and not plays.exists():
        return None
    actions = read_model(catalogue, _ActionsFile, lambda file: file.problems(tasks))
    read = ActionsConfig.model_construct(**dict(actions))
    if not plays.exists():
        return read
    started = read_model(plays, _PlaysFile, lambda file: file.problems(actions))
    return read.model_copy(update={"plays": started.plays})
