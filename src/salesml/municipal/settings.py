"""What municipal sales go by: ``default.yml`` here, and ``municipal.yml`` of a project."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field

from salesml.config import Days, Project, Words
from salesml.config.values import Strict
from salesml.errors import ConfigError, suggest
from salesml.municipal.likeness import PeersConfig
from salesml.municipal.policy.settings import PolicyConfig, SolutionConfig, ThemeConfig
from salesml.municipal.publication import PublicationConfig
from salesml.yaml_file import Place, YamlFile, read_model

__all__ = [
    "MonthDay",
    "MunicipalConfig",
    "RotationConfig",
    "SessionConfig",
    "StageConfig",
    "StakeholderConfig",
    "TierConfig",
    "WindowConfig",
    "default_municipal",
    "load_municipal",
]

_DEFAULT = Path(__file__).with_name("default.yml")
_LEAP_YEAR = 2000


class MonthDay(NamedTuple):
    """A day of every year; 29 February is the last day of February."""

    month: int
    day: int

    def in_year(self, year: int) -> dt.date:
        """The date it is in *year*."""
        last = calendar.monthrange(year, self.month)[1]
        return dt.date(year, self.month, min(self.day, last))

    def __str__(self) -> str:
        return f"{self.month:02}-{self.day:02}"


def _month_day(value: object) -> MonthDay:
    match = re.fullmatch(r"(\d\d?)-(\d\d?)", str(value).strip())
    try:
        month, day = map(int, match.groups()) if match else (0, 0)
        dt.date(_LEAP_YEAR, month, day)
    except ValueError:
        raise ValueError("must be a month and a day such as 04-01") from None
    return MonthDay(month, day)


def _first_day(day: MonthDay) -> MonthDay:
    if day == (2, 29):
        raise ValueError("must be a day of every year: 02-28 or 03-01")
    return day


Day = Annotated[MonthDay, BeforeValidator(_month_day)]
FirstDay = Annotated[Day, AfterValidator(_first_day)]


class WindowConfig(Words):
    """A span of every year, both days in it, and what it is called; it may go over New Year."""

    start: FirstDay = Field(alias="from")
    end: Day = Field(alias="to")

    def in_year(self, year: int) -> tuple[dt.date, dt.date]:
        """First and last date of the span that begins in *year*."""
        over = self.end < self.start
        return self.start.in_year(year), self.end.in_year(year + over)

    @property
    def length(self) -> int:
        """Days of the span in a leap year."""
        first, last = (day.in_year(_LEAP_YEAR) for day in (self.start, self.end))
        return (last - first).days % 366 + 1


class StageConfig(WindowConfig):
    """A stage of the budget: what wins then, and whom to talk to, the most important first.

    Stages that are not ``parallel`` follow each other and share the fiscal year out.
    """

    parallel: bool = False
    material: Words
    talk_to: list[str] = Field(min_length=1)


class StakeholderConfig(Words):
    """Somebody who has a say, and what they care about."""

    cares_about: Words


class SessionConfig(Words):
    """A regular session of the assembly: the day it commonly begins and how long it lasts."""

    start: FirstDay = Field(alias="from")
    days: Days

    def in_year(self, year: int) -> tuple[dt.date, dt.date]:
        """First and last date of the session that begins in *year*."""
        first = self.start.in_year(year)
        return first, first + dt.timedelta(days=self.days - 1)


class RotationConfig(Words):
    """The day on which people move to other posts."""

    day: FirstDay

    def in_year(self, year: int) -> tuple[dt.date, dt.date]:
        """The date in *year*, twice."""
        return (self.day.in_year(year),) * 2


class TierConfig(Words):
    """Municipalities of fewer than ``below`` people (None: any number); how to approach them."""

    below: int | None = Field(default=None, gt=0)
    approach: Words


def _one_after_another(stages: dict[str, StageConfig]) -> dict[str, StageConfig]:
    """Every day of the year lies in one stage that is not parallel, else ValueError."""
    row = [(name, stage) for name, stage in stages.items() if not stage.parallel]
    if not row:
        raise ValueError("one stage at least must not be parallel")
    for (name, stage), (following, after) in zip(row, [*row[1:], row[0]], strict=True):
        if stage.end == (2, 28):
            raise ValueError(f"'{name}' ends on 02-28: write 02-29, the last day of February")
        if _day_after(stage.end) != after.start:
            raise ValueError(
                f"'{name}' ends on {stage.end}, so '{following}' must begin on "
                f"{_day_after(stage.end)}, not on {after.start}"
            )
    if sum(stage.length for _, stage in row) != 366:
        raise ValueError("the stages that are not parallel must cover the year once")
    return stages


def _day_after(day: MonthDay) -> MonthDay:
    date = day.in_year(_LEAP_YEAR) + dt.timedelta(days=1)
    return MonthDay(date.month, date.day)


def _smallest_first(tiers: dict[str, TierConfig]) -> dict[str, TierConfig]:
    ends = [tier.below for tier in tiers.values()]
    limits = [end for end in ends if end is not None]
    if not ends or ends[-1] is not None or len(limits) != len(ends) - 1:
        raise ValueError("all tiers but the last one must say `below`")
    if limits != sorted(set(limits)):
        raise ValueError("tiers must go from small to large `below`")
    return tiers


class MunicipalConfig(Strict):
    """All of ``default.yml``, with the sections that a project replaces."""

    stages: Annotated[dict[str, StageConfig], AfterValidator(_one_after_another)]
    stakeholders: dict[str, StakeholderConfig]
    assembly: dict[str, SessionConfig] = Field(min_length=1)
    supplementary: dict[str, WindowConfig] = Field(min_length=1)
    rotation: RotationConfig
    tiers: Annotated[dict[str, TierConfig], AfterValidator(_smallest_first)]
    peers: PeersConfig
    publication: PublicationConfig
    policy: PolicyConfig
    themes: dict[str, ThemeConfig] = Field(min_length=1)
    solution: SolutionConfig | None = None

    @property
    def fiscal_year_starts(self) -> int:
        """The month with whose first day the first stage begins."""
        return self.year_start.month

    @property
    def year_start(self) -> MonthDay:
        """The day on which the first stage begins, and the budget year with it."""
        return next(stage.start for stage in self.stages.values() if not stage.parallel)

    def tier_of(self, population: float | None) -> str | None:
        """The name of the tier of so many people; None where that is not known."""
        if population is None or population != population:
            return None
        return next(
            name for name, tier in self.tiers.items() if not tier.below or population < tier.below
        )

    def problems(self) -> Iterator[tuple[Place, str]]:
        """What its parts say of each other that is not so, with the place of each."""
        for name, stage in self.stages.items():
            for i, who in enumerate(stage.talk_to):
                if who not in self.stakeholders:
                    text = f"stage '{name}' talks to the unknown stakeholder '{who}'."
                    yield ("stages", name, "talk_to", i), text + suggest(who, self.stakeholders)
        theme = self.solution.theme if self.solution else None
        if theme is not None and theme not in self.themes:
            text = f"the solution belongs to the unknown theme '{theme}'."
            yield ("solution", "theme"), text + suggest(theme, self.themes)


def default_municipal() -> MunicipalConfig:
    """What ``default.yml`` says."""
    return read_model(_DEFAULT, MunicipalConfig, MunicipalConfig.problems)


def load_municipal(project: Project) -> MunicipalConfig:
    """``default.yml`` with the sections that ``municipal.yml`` of *project* replaces.

    Raises ConfigError with every problem, each with its line, and where the budget year does not
    begin with the project's fiscal year.
    """
    path = project.root / "configs" / project.name / "municipal.yml"
    settings = _with_defaults(path) if path.exists() else default_municipal()
    _require_same_year(project, settings)
    return settings


def _with_defaults(path: Path) -> MunicipalConfig:
    content = YamlFile(path).content
    own = content if isinstance(content, dict) else {}
    kept = {
        name: section for name, section in YamlFile(_DEFAULT).content.items() if name not in own
    }
    return read_model(path, MunicipalConfig, MunicipalConfig.problems, **kept)


def _require_same_year(project: Project, settings: MunicipalConfig) -> None:
    wanted = MonthDay(project.settings.fiscal_year_starts, 1)
    if settings.year_start != wanted:
        raise ConfigError(
            f"The first stage of the budget begins on {settings.year_start}, the project's fiscal "
            f"year on {wanted}.",
            where=project.where("project.yml", "fiscal_year_starts"),
            fix=f"Write fiscal_year_starts: {settings.fiscal_year_starts} in project.yml, or in "
            "municipal.yml the stages, sessions and windows of that year.",
        )
