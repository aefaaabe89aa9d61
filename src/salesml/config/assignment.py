"""``assignment.yml``: how many accounts a person of a role can look after, and how hard each is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from salesml.config.values import Sql, Strict, Words
from salesml.yaml_file import read_model

__all__ = ["FILE", "AssignmentConfig", "EffortConfig", "NewConfig", "read_assignment"]

FILE = "assignment.yml"


def _rising(limits: tuple[int, int]) -> tuple[int, int]:
    if not 0 < limits[0] <= limits[1]:
        raise ValueError("must be two numbers of accounts, the smaller one first")
    return limits


Limits = Annotated[tuple[int, int], AfterValidator(_rising)]


class NewConfig(Strict):
    """Who is new, by skill, takes easy accounts: each at most this share of all they can take."""

    skill: int = Field(ge=0)
    load: float = Field(gt=0, le=1)


class EffortConfig(Strict):
    """Reasons for which an account is harder work, columns of ``accounts``.

    One to which none applies counts as one of the most that a person can have of its segment, one
    to which ``full`` or more apply as one of the fewest.
    """

    full: int = Field(gt=0)
    reasons: dict[str, Words] = Field(min_length=1)


class AssignmentConfig(Strict):
    """How the accounts of one role are spread.

    ``accounts`` is SQL over the sources, one row an account: ``account_id``, ``name``,
    ``owner_id``, ``segment`` and a boolean for each reason of ``effort``. ``segments`` says how
    many accounts of a segment a person can have, from and to, if they have no others; nobody has
    more than ``most``.
    """

    title: Words
    accounts: Sql
    segments: dict[str, Limits] = Field(min_length=1)
    most: int = Field(gt=0)
    effort: EffortConfig
    new: NewConfig


class _AssignmentFile(Strict):
    roles: dict[str, AssignmentConfig] = Field(min_length=1)


def read_assignment(folder: Path) -> dict[str, AssignmentConfig]:
    """Read ``assignment.yml`` in *folder*: how accounts are spread, by role.

    Raises ConfigError with every problem, each with its line, and where there is no such file.
    """
    return read_model(folder / FILE, _AssignmentFile).roles
