from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.kintone.app import App, field
from crm.kintone.fake import Fake
from crm.no_jobs import NoJobs
from salesml.crm.kintone import Kintone
from salesml.crm.kintone.fields import Field, Precision, shown, text_of
from salesml.crm.records import Fate, Fetched, Refusal, Write
from salesml.export.values import same

KEY = "顧客コード"


def write(kintone: Kintone, *writes: Write, key: str = KEY) -> dict[str, Refusal]:
    return kintone.write("7", key, writes, jobs=NoJobs())


def fetch(kintone: Kintone, *ids: str, fields: tuple[str, ...] = ("スコア",)) -> Fetched:
    return kintone.fetch("7", KEY, ids, fields)


def test_what_is_new_is_made_and_what_is_there_is_changed(app: App, kintone: Kintone) -> None:
    app.add(顧客コード="old", 会社名="東京", スコア="1")
    seen = fetch(kintone, "old", "new")
    assert list(seen) == ["old"]
    assert seen["old"].fields == {"スコア": "1"}
    writes = [Write("old", {"スコア": 2}, seen["old"]), Write("new", {"スコア": 3.5})]
    assert write(kintone, *writes) == {}
    rows = {row[KEY]: row for row in app.rows.values()}
    assert (rows["old"]["スコア"], rows["old"]["会社名"]) == ("2", "東京")
    assert rows["new"]["スコア"] == "3.5"


def test_more_than_a_hundred_go_in_several_requests(fake: Fake, kintone: Kintone) -> None:
    ids = [f"c{n}" for n in range(250)]
    assert write(kintone, *(Write(i, {"スコア": 1}) for i in ids)) == {}
    assert len(fetch(kintone, *ids)) == 250
    assert len([r for r in fake.requests if "POST" in r]) == 3


def test_by_kintones_own_id(app: App, kintone: Kintone) -> None:
    record = app.add(顧客コード="c1", スコア="1")
    seen = kintone.fetch("7", "$id", [record, "99", "abc"], ["スコア"])
    assert list(seen) == [record]
    writes = [Write(record, {"スコア": 2}, seen[record]), Write("99", {"スコア": 2})]
    refused = write(kintone, *writes, key="$id")
    assert {i: r.fate for i, r in refused.items()} == {"99": Fate.DEAD}
    assert app.rows[record]["スコア"] == "2"


def test_ids_that_no_record_can_have_are_not_asked_for(fake: Fake, kintone: Kintone) -> None:
    assert fetch(kintone, "", "a\nb", "a\u2028b") == {}
    assert not [r for r in fake.requests if "records" in r]


@pytest.mark.parametrize("name", ["", "  ", "\u3000", "a\nb", "a\u2028b"])
def test_ids_that_are_never_found_again_are_never_made(
    app: App, kintone: Kintone, name: str
) -> None:
    refused = write(kintone, Write(name, {"スコア": 1}), Write("c1", {"スコア": 1}))
    assert {i: r.fate for i, r in refused.items()} == {name: Fate.DEAD}
    assert [row[KEY] for row in app.rows.values()] == ["c1"]


def test_ids_with_quotes(app: App, kintone: Kintone) -> None:
    ids = ['a"b', "c\\d", 'e\\"f', "g　h", "it's, or (1)"]
    for i in ids:
        app.add(顧客コード=i)
    assert list(fetch(kintone, *ids)) == ids


def test_numbers_as_keys(fake: Fake, kintone: Kintone) -> None:
    fake.apps["7"] = App(field("番号", "NUMBER", unique=True))
    fake.apps["7"].add(番号="12")
    assert list(kintone.fetch("7", "番号", ["12", "13", "x", "1.5", "-1"], [])) == ["12"]


def test_records_that_share_an_id_are_barred(fake: Fake, kintone: Kintone) -> None:
    app = fake.apps["7"] = App(field("会社名"))
    app.add(会社名="東京")
    app.add(会社名="東京")
    found = kintone.fetch("7", "会社名", ["東京"], [])
    assert found["東京"].barred == "2 records share this id"


VALUES = {
    "メモ": st.text(min_size=1),
    "スコア": st.floats(-1e9, 1e9) | st.integers(-(10**12), 10**12) | st.booleans(),
    "契約日": st.dates().map(str),
    "算出日時": st.datetimes().map(lambda d: d.isoformat(sep=" ")),
    "ランク": st.sampled_from("ABCD"),
    "課題": st.sampled_from(["解約", '["解約", "追加"]']),
}
KINDS = {
    "メモ": "MULTI_LINE_TEXT",
    "スコア": "NUMBER",
    "契約日": "DATE",
    "算出日時": "DATETIME",
    "ランク": "DROP_DOWN",
    "課題": "CHECK_BOX",
}


@given(st.fixed_dictionaries({}, optional={k: v | st.none() for k, v in VALUES.items()}))
def test_what_is_written_compares_equal(values: dict[str, object]) -> None:
    options = ["A", "B", "C", "D", "解約", "追加"]
    app = App(*(field(code, kind, options=options) for code, kind in KINDS.items()))
    fields = {code: Field(code, kind) for code, kind in KINDS.items()}
    sent = {code: {"value": fields[code].value(value)} for code, value in values.items()}
    [made] = app.make([sent])["ids"]
    for code, value in values.items():
        theirs = shown({"value": app.rows[made][code]})
        assert same(value, theirs, fields[code].tolerance(Precision()))


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("NUMBER", 1e-7, "0.0000001"),
        ("NUMBER", True, "1"),
        ("NUMBER", None, ""),
        ("DROP_DOWN", None, None),
        ("DATE", "2026-01-31 15:00:00", "2026-01-31"),
        ("DATETIME", "2026-01-31", "2026-01-31T00:00:00Z"),
        ("DATETIME", "2026-01-31T09:00:30+09:00", "2026-01-31T00:00:00Z"),
        ("DATETIME", "tomorrow", "tomorrow"),
        ("CHECK_BOX", None, []),
        ("CHECK_BOX", "解約", ["解約"]),
        ("SINGLE_LINE_TEXT", False, "false"),
    ],
)
def test_how_values_are_written(kind: str, value: object, written: object) -> None:
    assert Field("f", kind).value(value) == written


def test_how_lists_and_people_are_read() -> None:
    assert text_of({"value": ["解約"]}) == '["解約"]'
    assert shown({"value": ["解約"]}) == "解約"
    assert shown({"value": []}) is None
    assert text_of({"value": {"code": "yamada", "name": "山田"}}) == "yamada"
    rows = [{"id": "1", "value": {"数": {"type": "NUMBER", "value": "2"}}}]
    assert '"数"' in str(text_of({"value": rows}))


def test_how_an_app_rounds() -> None:
    told = {"numberPrecision": {"decimalPlaces": "2", "roundingMode": "DOWN"}}
    assert Precision.of(told).slack == 0.01
    assert Precision.of({}).slack == 0.00005
