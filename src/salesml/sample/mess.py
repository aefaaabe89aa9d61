"""The mess that every CRM is in, at modest rates."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd

from salesml.sample.calendar import Array, stream

__all__ = ["mess_up", "narrow"]

Tables = dict[str, pd.DataFrame]

# Shares of the rows of a table. Only what is impossible or twice should end in quarantine: well
# under 5 % of each table.
_SAME_ID, _OTHER_ID, _ORPHANS, _IMPOSSIBLE = 0.008, 0.006, 0.003, 0.002
_BLANK, _WIDTH, _CASE, _UNKNOWN = 0.012, 0.025, 0.02, 0.003

_LOADED = (
    "contacts",
    "contract_events",
    "product_usage",
    "tickets",
    "opportunity_stage_history",
    "activities",
    "pipeline_results",
)
_ENTERED = ("accounts", "contacts", "leads", "tickets", "activities")
_BLANKED = {
    "accounts": ("name_kana", "industry", "employees", "prefecture", "annual_revenue"),
    "contacts": ("department", "title", "email"),
    "contract_events": ("reason",),
    "tickets": ("priority",),
    "leads": ("industry", "employees", "prefecture", "job_title", "campaign"),
    "opportunities": ("expected_close",),
    "opportunity_stage_history": ("expected_close",),
    "activities": ("person", "subject"),
    "action_trials": ("probability",),
}
_WIDENED = {
    "sales_reps": ("name",),
    "accounts": ("name", "name_kana", "industry", "prefecture"),
    "contacts": ("name", "department"),
    "contracts": ("plan",),
    "contract_events": ("plan",),
    "leads": ("company", "source", "industry", "prefecture", "job_title"),
    "opportunities": ("name", "product"),
    "municipal_leads": ("name",),
    "municipal_contacts": ("department",),
}
_WRONG: dict[str, dict[str, tuple[str | int, ...]]] = {
    "accounts": {"employees": (-1, 0), "created_at": ("2099-01-01 00:00:00",)},
    "contacts": {"created_at": ("2024-13-45 10:00:00",)},
    "contracts": {"monthly_fee": (-50_000,)},
    "contract_events": {"monthly_fee": (-50_000,), "renewal_on": ("2024-13-45",)},
    "product_usage": {"logins": (-1,), "used_on": ("2099-01-01", "2024-13-45")},
    "tickets": {"opened_at": ("2024-13-45 09:00:00",), "satisfaction": (9,)},
    "leads": {"employees": (-1,), "created_at": ("2099-12-31 00:00:00",)},
    "opportunities": {"amount": (-1,), "expected_close": ("2024-13-45",)},
    "opportunity_stage_history": {"expected_close": ("2099-12-31", "2024-13-45")},
    "activities": {"happened_at": ("2024-13-45 09:00:00", "2099-01-01 00:00:00")},
    "pipeline_results": {"applied": (-1,)},
    "action_trials": {"logged_at": ("2024-13-45 05:00:00",)},
    "action_tasks": {"created_at": ("2024-13-45 09:00:00",)},
    "municipal_leads": {"expected_amount": (-1,)},
    "municipal_contacts": {"created_at": ("2024-13-45 10:00:00",)},
    "municipal_activities": {"happened_at": ("2024-13-45 09:00:00", "2099-01-01 00:00:00")},
    "municipal_adoptions": {"amount": (-1,)},
}
_CHANNELS = ("fax", "チャット", "不明", "x")


def _narrow_letters() -> dict[int, str]:
    """Map full-width katakana to half-width ones, voiced marks apart."""
    narrow = [chr(code) for code in range(0xFF66, 0xFF9E)]
    table = {ord(unicodedata.normalize("NFKC", c)): c for c in narrow}
    for wide in map(chr, range(0x30A1, 0x30FB)):
        parts = unicodedata.normalize("NFD", wide)
        if len(parts) == 2 and ord(parts[0]) in table:
            table[ord(wide)] = table[ord(parts[0])] + ("ﾞ" if parts[1] == "\u3099" else "ﾟ")
    return table


_NARROW = _narrow_letters()


def narrow(text: str) -> str:
    """Return *text* with half-width katakana."""
    return text.translate(_NARROW)


_WIDE = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
_SPELLINGS: tuple[Callable[[str], str], ...] = (
    narrow,
    lambda text: text.translate(_WIDE),
    lambda text: text + " ",
    lambda text: "\u3000" + text,
)


def _some(rng: np.random.Generator, rows: int, share: float) -> Array:
    """Draw that share of row numbers, at least one."""
    return rng.choice(rows, size=min(rows, max(1, round(rows * share))), replace=False)


def _set(frame: pd.DataFrame, column: str, rows: Array, values: list[object]) -> None:
    cells = frame[column].to_numpy(object, copy=True)
    for row, value in zip(rows.tolist(), values, strict=True):
        cells[row] = value
    frame[column] = pd.Series(cells, index=frame.index, dtype=object)


def _filled(frame: pd.DataFrame, column: str, rows: Array) -> Array:
    return rows[[isinstance(value, str) for value in frame[column].iloc[rows]]]


def _blank(rng: np.random.Generator, frame: pd.DataFrame, column: str) -> None:
    """Empty some cells: '' or NULL where the column is text, NULL where it is a number."""
    rows = _some(rng, len(frame), _BLANK)
    is_text = any(isinstance(value, str) for value in frame[column])
    _set(frame, column, rows, ["" if is_text and u < 0.5 else None for u in rng.random(len(rows))])


def _respell(rng: np.random.Generator, frame: pd.DataFrame, column: str) -> None:
    rows = _filled(frame, column, _some(rng, len(frame), _WIDTH))
    how = rng.integers(0, len(_SPELLINGS), len(rows))
    old = frame[column].iloc[rows].tolist()
    _set(frame, column, rows, [_SPELLINGS[h](text) for h, text in zip(how, old, strict=True)])


def _channels(rng: np.random.Generator, frame: pd.DataFrame) -> None:
    rows = _some(rng, len(frame), _CASE)
    spelling = (str.upper, str.capitalize, lambda text: text + " ")
    old = frame["channel"].iloc[rows].tolist()
    how = rng.integers(0, 3, len(rows))
    _set(frame, "channel", rows, [spelling[h](c) for h, c in zip(how, old, strict=True)])
    rows = _some(rng, len(frame), _UNKNOWN)
    _set(frame, "channel", rows, rng.choice(np.array(_CHANNELS, object), len(rows)).tolist())


def _make_impossible(rng: np.random.Generator, table: str, frame: pd.DataFrame) -> None:
    columns = _WRONG.get(table, {})
    for column, values in columns.items():
        rows = _some(rng, len(frame), _IMPOSSIBLE / len(columns))
        _set(frame, column, rows, [values[i % len(values)] for i in range(len(rows))])


def _copies(rng: np.random.Generator, frame: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return copies of some rows under new ids."""
    copy = frame.iloc[np.sort(_some(rng, len(frame), share))].copy()
    key, newest = frame.columns[0], str(frame.iloc[:, 0].max())
    numbers = range(int(newest[1:]) + 1, int(newest[1:]) + 1 + len(copy))
    copy[key] = [f"{newest[0]}{number:0{len(newest) - 1}d}" for number in numbers]
    return copy


def _twice(rng: np.random.Generator, table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Add records that somebody entered a second time."""
    copy = _copies(rng, frame, _OTHER_ID)
    if table == "leads":
        copy = copy.assign(status="重複", converted_at=None, account_id=None, opportunity_id=None)
    return pd.concat([frame, copy], ignore_index=True)


def _orphans(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Add rows of an account that is not (or no longer) in the CRM."""
    copy = _copies(rng, frame, _ORPHANS)
    copy["account_id"] = [f"A9{number:05d}" for number in rng.integers(0, 90_000, len(copy))]
    return pd.concat([frame, copy], ignore_index=True)


def _loaded_twice(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Repeat some rows exactly, each beside its first copy."""
    copy = frame.iloc[_some(rng, len(frame), _SAME_ID)]
    return pd.concat([frame, copy]).sort_index(kind="stable").reset_index(drop=True)


def _mess_up(rng: np.random.Generator, table: str, frame: pd.DataFrame) -> pd.DataFrame:
    if table in _ENTERED:
        frame = _twice(rng, table, frame)
    if table in _LOADED:
        frame = _orphans(rng, frame)
    for column in _BLANKED.get(table, ()):
        _blank(rng, frame, column)
    for column in _WIDENED.get(table, ()):
        _respell(rng, frame, column)
    if table == "activities":
        _channels(rng, frame)
    _make_impossible(rng, table, frame)
    return _loaded_twice(rng, frame) if table in _LOADED else frame


def mess_up(tables: Tables, seed: int) -> Tables:
    """Return *tables* (text, as SQLite will hold them) with duplicates, blanks, wrong values.

    Records that carry write-back fields keep unique ids; what is loaded into a CRM (contacts,
    events) comes twice at times.
    """
    return {name: _mess_up(stream(seed, f"mess {name}"), name, f) for name, f in tables.items()}
