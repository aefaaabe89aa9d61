"""Between which groups a task's selection is compared."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from salesml.config.values import Names, Strict

__all__ = ["Fairness"]

FOUR_FIFTHS = 0.8  # 29 CFR 1607.4 D, the usual rule of thumb


class Fairness(Strict):
    """``fairness: {by: [region, kind], ratio: 0.8}``: nobody is to be passed over as a group.

    ``by`` are columns of the population, or features. A group of which a clearly smaller share is
    selected than ``ratio`` times that of the most selected group is warned of.
    """

    by: Annotated[Names, Field(min_length=1)]
    ratio: float = Field(default=FOUR_FIFTHS, gt=0, le=1)
