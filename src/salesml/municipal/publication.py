"""When published figures became known: later than the time they tell of."""

from __future__ import annotations

import datetime as dt

import pandas as pd
from pydantic import Field, model_validator

from salesml.config.values import Strict

__all__ = ["PublicationConfig", "YearlyDay"]

_LEAP_YEAR = 2000


class YearlyDay(Strict):
    """A day so many ``years`` after the year (or edition) that a figure is of."""

    years: int = Field(default=0, ge=0, le=10)
    month: int = Field(ge=1, le=12)
    day: int = Field(ge=1, le=31)

    @model_validator(mode="after")
    def _exists(self) -> YearlyDay:
        try:
            dt.date(_LEAP_YEAR + 1, self.month, self.day)
        except ValueError:
            raise ValueError(f"month {self.month} has no day {self.day} in every year") from None
        return self

    def of(self, years: pd.Series) -> pd.Series:
        """The dates for *years* (whole numbers), as timestamps."""
        parts = {"year": years.astype("int64") + self.years, "month": self.month, "day": self.day}
        return pd.to_datetime(pd.DataFrame(parts, index=years.index)).astype("datetime64[us]")


class PublicationConfig(Strict):
    """Section ``publication``: from when on published figures may be seen.

    ``statistics``: an edition of SSDSE-A. ``finance``: 主要財政指標 of a fiscal year.
    ``card_uptake_days`` and ``election_days``: after the day counted or held. ``adopted`` and
    ``adoptions``: when a municipality on the list of a fiscal year adopted, and when that is known.
    """

    statistics: YearlyDay
    finance: YearlyDay
    card_uptake_days: int = Field(ge=0)
    election_days: int = Field(ge=0)
    adopted: YearlyDay
    adoptions: YearlyDay
