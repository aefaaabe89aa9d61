"""What a kintone app holds, and what it refuses."""

from __future__ import annotations

import datetime as dt
import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

Row = dict[str, Any]

CLOSED = {"CALC", "RECORD_NUMBER", "CREATED_TIME", "UPDATED_TIME", "CREATOR", "STATUS"}
STALE = "指定したrevisionは最新ではありません。ほかのユーザーがレコードを更新した可能性があります。"
_MANY = {"CHECK_BOX", "MULTI_SELECT"}


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str, errors: Any = None) -> None:
        super().__init__(code)
        self.status = status
        self.body: dict[str, Any] = {"code": code, "id": "1505999166", "message": message}
        if errors:
            self.body["errors"] = {path: {"messages": [text]} for path, text in errors.items()}


def field(code: str, kind: str = "SINGLE_LINE_TEXT", **more: Any) -> Row:
    """A field as ``form/fields.json`` describes it."""
    own = {"maxLength": "", "minLength": "", "expression": "", "defaultValue": ""}
    options = {v: {"label": v, "index": "0"} for v in more.pop("options", ())}
    return {"type": kind, "code": code, "label": code, **own, "options": options, **more}


class App:
    """Fields and records, with a clock that moves on a minute with every change."""

    def __init__(self, *fields: Row, places: int = 4) -> None:
        own = [field("更新日時", "UPDATED_TIME"), field("レコード番号", "RECORD_NUMBER")]
        self.fields = {f["code"]: f for f in [*own, *fields]}
        self.places, self.deaf = places, set[str]()
        self.rows: dict[str, Row] = {}
        self.written: dict[str, int] = {}
        self._last, self._now = 0, dt.datetime(2026, 4, 1, tzinfo=dt.UTC)

    # people at work ----------------------------------------------------------------------------

    def add(self, **values: Any) -> str:
        """A record somebody makes; its id."""
        self._last += 1
        made = str(self._last)
        default = {code: f.get("defaultValue") for code, f in self.fields.items()}
        self.rows[made] = {code: self._kept(code, default[code]) for code in self.fields}
        self.rows[made] |= {"$id": made, "$revision": "0", "レコード番号": made}
        self.edit(made, **values)
        return made

    def edit(self, record: str, **values: Any) -> None:
        row = self.rows[record]
        self._now += dt.timedelta(minutes=1)
        row["$revision"] = str(int(row["$revision"]) + 1)
        row["更新日時"] = self._now.strftime("%Y-%m-%dT%H:%M:00Z")
        row.update({code: self._kept(code, value) for code, value in values.items()})

    def delete(self, record: str) -> None:
        del self.rows[record]

    # what the interface does ---------------------------------------------------------------------

    def shown(self, row: Row, codes: list[str] | None) -> Row:
        wanted = row if codes is None else {c: row[c] for c in codes if c in row}
        return {code: {"type": self._kind(code), "value": v} for code, v in wanted.items()}

    def make(self, records: list[Row]) -> dict[str, Any]:
        self._check(records, [None] * len(records))
        ids = [self.add(**self._known(record)) for record in records]
        for made in ids:
            self.written[made] = 1
        return {"ids": ids, "revisions": ["1"] * len(ids)}

    def change(self, records: list[Row]) -> dict[str, Any]:
        rows = [self._row(record) for record in records]
        self._check([record.get("record", {}) for record in records], rows)
        for record, row in zip(records, rows, strict=True):
            self.edit(row["$id"], **self._known(record.get("record", {})))
            self.written[row["$id"]] = self.written.get(row["$id"], 0) + 1
        return {"records": [{"id": r["$id"], "revision": r["$revision"]} for r in rows]}

    def _row(self, record: Row) -> Row:
        wanted = str(record["id"])
        if wanted not in self.rows:
            message = f"指定したレコード(id: {wanted})が見つかりません。"
            raise RefusedError(404, "GAIA_RE01", message)
        row = self.rows[wanted]
        if str(record.get("revision", "-1")) not in {"-1", row["$revision"]}:
            raise RefusedError(409, "GAIA_CO02", STALE)
        return row

    def _check(self, records: list[Row], rows: list[Row | None]) -> None:
        errors: dict[str, str] = {}
        taken: set[tuple[str, Any]] = set()
        for i, (record, row) in enumerate(zip(records, rows, strict=True)):
            place = f"records[{i}].record" if row else f"records[{i}]"
            for code, given in record.items():
                fault = self._fault(code, given.get("value"), row, taken)
                if fault:
                    errors[f"{place}.{code}.value"] = fault
            for code in self._lacking(record, row):
                errors[f"{place}.{code}.value"] = "必須です。"
        if errors:
            raise RefusedError(400, "CB_VA01", "入力内容が正しくありません。", errors)

    def _lacking(self, record: Row, row: Row | None) -> list[str]:
        needed = [c for c, f in self.fields.items() if f.get("required")]
        given = {code: entry.get("value") for code, entry in record.items()}
        return [c for c in needed if (not given.get(c) if c in given else row is None)]

    def _fault(self, code: str, value: Any, row: Row | None, taken: set[Any]) -> str:
        known = self.fields.get(code)
        if known is None or value in (None, "", []):
            return ""
        if known["type"] in CLOSED:
            return "このフィールドは更新できません。"
        if known.get("unique"):
            others = {r[code] for r in self.rows.values() if r is not row}
            if value in others or (code, value) in taken:
                return "値がほかのレコードと重複しています。"
            taken.add((code, value))
        return _wrong(known, value)

    def _known(self, record: Row) -> Row:
        """What of *record* there are fields for: kintone passes over the rest in silence."""
        heard = set(self.fields) - self.deaf
        return {c: entry.get("value") for c, entry in record.items() if c in heard}

    def _kept(self, code: str, value: Any) -> Any:
        kind = self.fields[code]["type"]
        if kind in _MANY:
            return list(value or [])
        if value in (None, ""):
            return None if kind in {"DATE", "DATETIME", "TIME", "DROP_DOWN"} else ""
        if kind == "NUMBER":
            return _rounded(value, self.places)
        return f"{value[:16]}:00Z" if kind == "DATETIME" else value

    def _kind(self, code: str) -> str:
        return {"$id": "__ID__", "$revision": "__REVISION__"}.get(code) or self.fields[code]["type"]


def _wrong(known: Row, value: Any) -> str:
    kind, options = known["type"], known["options"]
    if kind in _MANY:
        bad = [v for v in value if v not in options] if isinstance(value, list) else ["?"]
        return f'"{bad[0]}"は選択肢にありません。' if bad else ""
    if not isinstance(value, str):
        return "文字列でなければなりません。"
    if kind == "NUMBER" and not re.fullmatch(r"[-+]?[0-9]{1,30}(\.[0-9]+)?", value):
        return "数字でなければなりません。"
    if kind in {"DROP_DOWN", "RADIO_BUTTON"} and value not in options:
        return f'"{value}"は選択肢にありません。'
    if kind == "DATE" and not _is_day(value):
        return "日付の形式が正しくありません。"
    if kind == "DATETIME" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z", value):
        return "日時の形式が正しくありません。"
    if kind == "SINGLE_LINE_TEXT" and "\n" in value:
        return "改行を含めることはできません。"
    longest = known["maxLength"] or ("64" if known.get("unique") else "")
    units = len(value.encode("utf-16-le")) // 2
    return f"{longest}文字より短くなければなりません。" if longest and units > int(longest) else ""


def _is_day(value: str) -> bool:
    try:
        return dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _rounded(value: str, places: int) -> str:
    exact = Decimal(value)
    kept = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return value if exact == kept else format(kept.normalize(), "f")
