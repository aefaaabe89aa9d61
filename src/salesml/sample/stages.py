"""How deals move through their stages, as the CRM's history records it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.calendar import CLOSED_SECOND, Array, logged, stream, working

__all__ = ["STAGES", "opportunities", "stage_history"]

STAGES = ("アポ取得", "ヒアリング", "提案", "見積", "交渉", "受注", "失注")
_OPEN_STAGES = 5
_SKIPPED = (0.0, 0.10, 0.05, 0.08, 0.25)
_LOST_AFTER = np.array([0.22, 0.30, 0.26, 0.14, 0.08])


def _reached(rng: np.random.Generator, deals: pd.DataFrame) -> Array:
    """Return which open stages each deal was in, shape (deals, 5)."""
    count = len(deals)
    lost_at = rng.choice(_OPEN_STAGES, size=count, p=_LOST_AFTER)
    lost_at += (deals["momentum"].to_numpy() > 0.8).astype(int)
    last = np.where(deals["won"], _OPEN_STAGES, lost_at)
    went = rng.random((count, _OPEN_STAGES)) >= np.array(_SKIPPED)
    return np.asarray(went & (np.arange(_OPEN_STAGES)[None, :] <= last[:, None]))


def _moments(rng: np.random.Generator, deals: pd.DataFrame) -> Array:
    """Return when each stage would be entered: the lost ones stall, shape (deals, 5)."""
    share = np.sort(rng.beta(1.4, 1.6, (len(deals), _OPEN_STAGES)), axis=1)
    share *= np.where(deals["won"], 0.92, 0.70)[:, None]
    share[:, 0] = 0.0
    created = deals["created_at"].to_numpy().astype("datetime64[s]")
    length = (deals["closed_at"].to_numpy().astype("datetime64[s]") - created).astype(int)
    return np.asarray(created[:, None] + (share * length[:, None]).astype("timedelta64[s]"))


def _at_work(times: Array) -> Array:
    """Move times at night and on free days to the morning of the next working day."""
    days = times.astype("datetime64[D]")
    clock = (times - days).astype(int)
    night = (clock < 9 * 3600) | (clock > 19 * 3600)
    moved = np.where(night, days + np.timedelta64(9 * 3600, "s") + clock % 7200, times)
    for _ in range(12):
        free = working(moved) < 0.5
        moved = np.where(free, moved + np.timedelta64(1, "D"), moved)
    return np.asarray(moved)


def _long(rng: np.random.Generator, deals: pd.DataFrame) -> pd.DataFrame:
    row, stage = np.nonzero(_reached(rng, deals))
    when = _moments(rng, deals)[row, stage]
    moves = pd.DataFrame({"deal": row, "stage_order": stage + 1})
    moves["changed_at"] = np.where(stage == 0, when, _at_work(when))
    moves["changed_at"] = moves.groupby("deal")["changed_at"].cummax()
    # Two moves on one evening came to the same minute above.
    moves["changed_at"] += pd.to_timedelta(stage * 60, unit="s")
    closed = deals["closed_at"].to_numpy()
    ends = pd.DataFrame({"stage_order": np.where(deals["won"], 6, 7), "changed_at": closed})
    kept = moves[moves["changed_at"].to_numpy() < closed[row]]
    return pd.concat([kept, ends.rename_axis("deal").reset_index()]).reset_index(drop=True)


def _amounts(rng: np.random.Generator, deals: pd.DataFrame, moves: pd.DataFrame) -> Array:
    """Return the amount at each move: a third of the deals are re-priced at the quotation."""
    factor = np.where(rng.random(len(deals)) < 0.35, rng.uniform(0.7, 1.25, len(deals)), 1.0)
    row, quoted = moves["deal"].to_numpy(), moves["stage_order"].isin([4, 5]).to_numpy()
    quoted_ever = np.isin(row, row[quoted])
    later = quoted | (quoted_ever & (moves["stage_order"] >= 6).to_numpy())
    amount = deals["amount"].to_numpy()[row] * np.where(later, factor[row], 1.0)
    return np.asarray((amount / 1e4).round().clip(5).astype(int) * 10_000)


def _expected(rng: np.random.Generator, deals: pd.DataFrame, moves: pd.DataFrame) -> Array:
    """Return the close that the rep expects at each move: hoped for at first, then pushed."""
    created = deals["created_at"].to_numpy().astype("datetime64[D]")
    hoped = (created + rng.integers(35, 100, len(deals)))[moves["deal"].to_numpy()]
    moved = moves["changed_at"].to_numpy().astype("datetime64[D]")
    expected = np.maximum(hoped, moved + 14)
    month_end = (expected.astype("datetime64[M]") + 1).astype("datetime64[D]") - 1
    rounded = (rng.random(len(deals)) < 0.6)[moves["deal"].to_numpy()]
    is_end = (moves["stage_order"] >= 6).to_numpy()
    return np.where(is_end, moved, np.where(rounded, month_end, expected))


def stage_history(deals: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return all moves of *deals* (rows 0 to n - 1) up to the CRM's last day, in order of time.

    ``deal`` is the row of *deals*; the other columns are those of the table.
    """
    rng = stream(seed, "stages")
    moves = _long(rng, deals)
    moves["stage"] = np.array(STAGES, dtype=object)[moves["stage_order"] - 1]
    moves["outcome"] = np.select(
        [moves["stage_order"] == 6, moves["stage_order"] == 7], ["won", "lost"], "open"
    )
    moves["amount"] = _amounts(rng, deals, moves)
    moves["expected_close"] = _expected(rng, deals, moves)
    typed = logged(rng, moves["changed_at"].to_numpy())
    # The first stage is there with the record itself.
    moves["logged_at"] = moves["changed_at"].where(moves["stage_order"] == 1, typed)
    moves = moves[moves["logged_at"] <= CLOSED_SECOND]
    return moves.sort_values(["changed_at", "deal"], kind="stable").reset_index(drop=True)


def opportunities(deals: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Return the table ``opportunities`` as the CRM shows it when the period closes."""
    newest = history.groupby("deal").tail(1).set_index("deal").sort_index()
    is_open = newest["outcome"] == "open"
    label = {"new": "新規導入", "upsell": "追加提案", "renewal": "契約更新"}
    return deals.assign(
        name=deals["name"] + "様 " + deals["product"] + " " + deals["kind"].map(label),
        stage=newest["stage"],
        amount=newest["amount"],
        expected_close=newest["expected_close"],
        closed_at=newest["changed_at"].where(~is_open),
        is_won=newest["outcome"].map({"won": 1.0, "lost": 0.0}),
        loss_reason=deals["loss_reason"].where(newest["outcome"] == "lost"),
        updated_at=newest["changed_at"],
    )
