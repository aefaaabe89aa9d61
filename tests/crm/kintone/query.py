"""The part of kintone's query language that is asked in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from crm.kintone.app import App, RefusedError, Row

_QUERY = re.compile(
    r"(?P<where>.*?)\s*(order by (?P<by>\S+) asc)?\s*limit (?P<limit>\d+)( offset (?P<offset>\d+))?"
)
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_CONDITION = re.compile(rf'(\S+) (in \((?:{_TEXT}(?:, )?)*\)|(?:>=|>) (?:"[^"]*"|\d+))(?: and |$)')
_DEEPEST, _PAGE = 10_000, 500


def answered(app: App, query: str) -> list[Row]:
    """The records that *query* finds; raises RefusedError where kintone would refuse it."""
    found = _QUERY.fullmatch(query)
    if found is None:
        raise _invalid("クエリ記法が間違っています。")
    limit, offset = int(found["limit"]), int(found["offset"] or 0)
    if limit > _PAGE:
        raise RefusedError(400, "CB_VA01", "limitには500以下の値を指定してください。")
    if offset > _DEEPEST:
        message = "クエリのoffsetには10000以下の値を指定してください。"
        raise RefusedError(520, "GAIA_QU01", message)
    where, place, rows = found["where"], 0, list(app.rows.values())
    while place < len(where):
        condition = _CONDITION.match(where, place)
        if condition is None:
            raise _invalid(f"クエリ記法が間違っています。({where[place:]})")
        code = condition[1]
        if code != "$id" and code not in app.fields:
            raise RefusedError(400, "GAIA_IQ11", f"指定されたフィールド({code})が見つかりません。")
        holds = _test(app, code, condition[2])
        rows = [row for row in rows if holds(row)]
        place = condition.end()
    return sorted(rows, key=lambda row: int(row["$id"]))[offset : offset + limit]


def _test(app: App, code: str, test: str) -> Callable[[Row], bool]:
    if test.startswith("in"):
        listed = {re.sub(r"\\(.)", r"\1", text) for text in re.findall(_TEXT, test)}
        if len(listed) > 500:
            raise _invalid("inに指定できる値は500個までです。")
        return lambda row: row[code] in listed
    sign, _, bound = test.partition(" ")
    right = _comparable(app, code, bound.strip('"'))

    def holds(row: Row) -> bool:
        left = _comparable(app, code, row[code])
        return bool(left > right or (sign == ">=" and left == right))

    return holds


def _comparable(app: App, code: str, value: Any) -> Any:
    if code == "$id" or app.fields[code]["type"] in {"NUMBER", "CALC"}:
        return float(value or 0)
    return value or ""


def _invalid(message: str) -> RefusedError:
    return RefusedError(400, "CB_VA01", message)
