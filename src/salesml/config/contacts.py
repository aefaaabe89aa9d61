"""What contacting an entity costs and brings, and how many can be contacted."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from salesml.config.values import Strict

__all__ = ["PERIODS", "Capacity", "Money", "Value", "Worth"]

PERIODS = {"day": 1, "week": 7, "month": 30}
_OF_AMOUNT = re.compile(r"\s*(?:([-+]?\d+(?:\.\d+)?)\s*\*\s*)?amount\s*")


class Worth(Strict):
    """A sum of money, fixed or a share of the entity's ``amount``."""

    fixed: float = 0
    of_amount: float = 0

    def __str__(self) -> str:
        return f"{self.of_amount:g} * amount" if self.of_amount else f"{self.fixed:,.0f}"


def _worth(value: object) -> object:
    match = _OF_AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if match:
        return {"of_amount": float(match.group(1) or 1)}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"fixed": value}
    if isinstance(value, (Worth, dict)):
        return value
    raise ValueError("must be a sum of money such as 50000, or `amount`, or `0.1 * amount`")


Money = Annotated[Worth, BeforeValidator(_worth)]


class Capacity(Strict):
    """``capacity: {contacts: 50, per: week}``: how many can be contacted in a period.

    A month has 30 days.
    """

    contacts: int = Field(gt=0)
    per: Literal["day", "week", "month"]

    @property
    def period(self) -> int:
        """The length of the period in days."""
        return PERIODS[self.per]


class Value(Strict):
    """``value:`` what a contact comes to, in the project's currency.

    ``contact`` is spent on everybody who is contacted, so it is 0 or negative. To that comes
    ``positive`` where the answer to the task's question would have been yes, and ``negative``
    where it would have been no: a sum, or ``0.1 * amount`` of the population's ``amount``.
    For a question about something bad (churn) ``positive`` is what reaching them in time saves on
    average, not all that is at stake: few contacts keep every customer.
    """

    contact: float = Field(default=0, le=0)
    positive: Money
    negative: Money = Worth()

    @property
    def needs_amount(self) -> bool:
        """Whether the population must bring an ``amount``."""
        return bool(self.positive.of_amount or self.negative.of_amount)
