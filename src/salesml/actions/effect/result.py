"""What a policy is worth on rows it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesml.training import Verdict
from salesml.training.intervals import Interval

__all__ = ["Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """The value of a policy, costs taken off, in the unit of the outcome for each row.

    Attributes
    ----------
    value : the policy's, doubly robust, with its 95 % interval.
    values : DataFrame indexed by ``policy``, ``best single action``, ``logged`` and, for each
        action, ``all: <action>``: value, low, high (doubly robust), snips, snips_low, snips_high,
        treated (share that gets an action other than the control).
    gains : DataFrame: the policy's value less that of the best single action, of doing nothing and
        of what was logged: gain, low, high (95 %, paired by row).
    curves : action -> DataFrame of share, gain, qini, at_random, by how many are treated; costs are
        not taken off.
    uplift : DataFrame, one row an action: qini, qini_low, qini_high, uplift, uplift_low,
        uplift_high: the areas of its curves.
    overlap : as the model's ``overlap_``, of these rows.
    verdict : the gain over the best single action in a sentence, Japanese and English.
    warnings : what the reader should know.
    """

    value: Interval
    values: pd.DataFrame
    gains: pd.DataFrame
    curves: Mapping[Any, pd.DataFrame]
    uplift: pd.DataFrame
    overlap: pd.DataFrame
    verdict: Verdict
    warnings: list[str]
