"""What an action brings by how many get it, the most promising first: uplift and Qini curves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.training.intervals import Interval, estimate
from salesml.training.table import Bools, Floats, Ints

__all__ = ["uplift_coefficients", "uplift_curve"]

STEPS = 20
RESAMPLES = 200


def uplift_curve(
    effect: Floats, treated: Bools, outcomes: Floats, weights: Floats, points: int = STEPS
) -> pd.DataFrame:
    """Return the curves of one action against the control at shares 0 to 1.

    *weights* are 1 / propensity. ``share`` of the rows are treated, those of the highest *effect*
    first. ``gain`` is what that brings for each of all rows: the share times treated mean less
    control mean among them. ``qini`` is after Radcliffe (Using control groups to target on
    predicted lift, 2007): outcomes of the treated less those of the controls, these scaled to as
    many rows, for each treated row of all. ``at_random`` is ``qini`` where the order tells nothing.
    """
    order = np.argsort(-effect, kind="stable")
    ends = _ends(effect[order], points)
    gain, qini = _curves(order, ends, treated, outcomes, weights)
    share = ends / len(effect)
    return pd.DataFrame({"share": share, "gain": gain, "qini": qini, "at_random": share * qini[-1]})


def uplift_coefficients(
    effect: Floats, treated: Bools, outcomes: Floats, weights: Floats, clusters: Ints
) -> dict[str, Interval]:
    """Return ``qini``, the area between the Qini curve and the straight line, and ``uplift``.

    The latter is the area under the gain; both with 95 % intervals, *clusters* resampled.
    """
    order = np.argsort(-effect, kind="stable")
    ends = _ends(effect[order], len(effect))

    def measure(drawn: Floats) -> list[float]:
        gain, qini = _curves(order, ends, treated, outcomes, weights * drawn)
        passed = np.concatenate([[0.0], drawn[order].cumsum()])[ends]
        share = passed / passed[-1]
        return [_area(share, qini) - qini[-1] / 2, _area(share, gain)]

    qini, uplift = estimate(measure, clusters, resamples=RESAMPLES)
    return {"qini": qini, "uplift": uplift}


def _ends(falling: Floats, points: int) -> Ints:
    """Return up to which rows the curve is told: about *points* places, none between equals."""
    last = np.flatnonzero(np.append(np.diff(falling) != 0, True)) + 1
    wanted = np.linspace(0, len(falling), points + 1)[1:]
    near = last[np.minimum(np.searchsorted(last, wanted - 1e-9), len(last) - 1)]
    return np.unique(np.append(0, near)).astype(np.int64)


def _curves(
    order: Ints, ends: Ints, treated: Bools, outcomes: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    own, other = _sums(order, ends, treated, outcomes, weights), None
    other = _sums(order, ends, ~treated, outcomes, weights)
    (rows, wins), (control, control_wins) = own, other
    share = (rows + control) / max(float(rows[-1] + control[-1]), 1e-300)
    mean = wins / np.where(rows > 0, rows, np.inf)
    control_mean = control_wins / np.where(control > 0, control, np.inf)
    known = (rows > 0) & (control > 0)
    gain = np.where(known, (mean - control_mean) * share, 0.0)
    qini = (wins - control_mean * rows) / max(float(rows[-1]), 1e-300)
    return gain, np.where(known | (rows > 0), qini, 0.0)


def _sums(
    order: Ints, ends: Ints, own: Bools, outcomes: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    rows = np.where(own, weights, 0.0)[order]
    wins = rows * outcomes[order]
    return tuple(np.append(0.0, each.cumsum())[ends] for each in (rows, wins))  # type: ignore[return-value]


def _area(share: Floats, height: Floats) -> float:
    return float(np.trapezoid(height, share))
