"""Looking up and writing."""

from __future__ import annotations

import pytest

from crm.dataverse.conftest import Crm
from salesml.crm.dataverse import writing
from salesml.crm.records import Fate, Tolerance, Write
from salesml.errors import SourceError
from salesml.export.values import same


def test_records_are_changed_and_made(crm: Crm) -> None:
    crm.make("a", "b", name="東京")
    assert crm.score(a=1, c=3, d=4) == {}
    assert crm.held() == {"a": 1, "b": None, "c": 3, "d": 4}
    assert crm.held("name") == {"a": "東京", "b": "東京", "c": None, "d": None}
    assert crm.score(a=1.5, c=3.5) == {}
    assert crm.held() == {"a": 1.5, "b": None, "c": 3.5, "d": 4}


def test_new_records_are_made_all_at_once(crm: Crm) -> None:
    crm.score(a=1, b=2)
    assert "POST accounts/Microsoft.Dynamics.CRM.CreateMultiple" in crm.fake.asked
    assert crm.batches() == 0


def test_many_changes_take_one_request(crm: Crm) -> None:
    ids = [f"i{n}" for n in range(100)]
    crm.make(*ids)
    assert crm.score(**dict.fromkeys(ids, 1)) == {}
    assert crm.batches() == 1
    calls = crm.connection.calls
    crm.score(**dict.fromkeys(ids, 2))
    assert crm.connection.calls - calls == 2
    assert crm.connection.cost(100) >= 2


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("new_score", 0.456, 0.46),
        ("new_rank", 2.6, 3),
        ("new_rank", "7", 7),
        ("new_band", 3, "3"),
        ("new_reasons", '改行\n"引用符"\u2028\', {}', '改行\n"引用符"\u2028\', {}'),
        ("new_scoredon", "2025-03-01", "2025-03-01"),
        ("new_scoredat", "2025-03-01 17:05:09.123456", "2025-03-01T17:05:09Z"),
        ("new_scoredat", "2025-03-01", "2025-03-01T00:00:00Z"),
        ("new_hot", True, True),
        ("new_hot", 0, False),
        ("new_grade", 2.0, 2),
        ("revenue", 12.345, 12.35),
        ("new_yen", 1234.4, 1234),
    ],
)
def test_values_by_the_kind_of_their_column(
    crm: Crm, field: str, value: object, kept: object
) -> None:
    crm.make("a")
    assert crm.write({"a": {field: value}}) == {}
    assert crm.held(field) == {"a": pytest.approx(kept) if isinstance(kept, float) else kept}
    seen = crm.fetch(["a"], field)["a"].fields[field]
    tolerance = crm.connection.tolerances("account", [field])[field]
    if "." not in str(value) or field != "new_scoredat":  # fractions of a second are not kept
        assert same(value, seen, tolerance)


@pytest.mark.parametrize(
    ("field", "value"),
    [("new_rank", "viel"), ("new_scoredon", "gestern"), ("new_hot", 2), ("new_grade", "A")],
)
def test_a_value_of_another_kind_is_refused_alone(crm: Crm, field: str, value: object) -> None:
    crm.make("a", "b")
    refused = crm.write({"a": {field: value}, "b": {field: None}})
    assert {i: r.fate for i, r in refused.items()} == {"a": Fate.DEAD}
    assert f"{field}: {value!r} is no value of a" in refused["a"].error


def test_lengths_and_roundings_are_known(crm: Crm) -> None:
    found = crm.connection.tolerances("account", ["new_band", "new_reasons", "new_score"])
    assert found == {
        "new_band": Tolerance(length=10),
        "new_reasons": Tolerance(length=40),
        "new_score": Tolerance(absolute=0.005),
    }
    assert crm.connection.tolerances("account", ["new_rank"])["new_rank"].absolute == 0.5


def test_ids_of_all_letters(crm: Crm) -> None:
    ids = ["O'Brian", 'say "a"', "東京 1", "a&b=c#d", "100%", "a/b\\c", "x+y"]
    crm.make(*ids[:4])
    assert crm.write({i: {"new_rank": n} for n, i in enumerate(ids)}) == {}
    assert crm.held("new_rank") == {i: n for n, i in enumerate(ids)}


def test_many_ids_are_looked_up_in_parts(crm: Crm) -> None:
    ids = [f"あ{n}" * 3 for n in range(450)]
    crm.make(*ids)
    assert list(crm.fetch(ids)) == ids
    assert sum(asked == "GET accounts" for asked in crm.fake.asked) > 2


def test_a_primary_id_as_key(crm: Crm) -> None:
    (record,) = crm.make("a")
    crm.key = "accountid"
    new = "AAAAAAAA-0000-4000-8000-000000000001"
    refused = crm.write({i: {"new_rank": 1} for i in (record.upper(), new, "no guid")})
    assert [r.error for r in refused.values()] == ["'no guid' is no id of table account (a GUID)"]
    assert crm.held("new_rank") == {record: 1, new.lower(): 1}


def test_a_table_without_versions_is_changed_all_at_once(crm: Crm) -> None:
    crm.table, crm.key = "new_plain", "new_code"
    records = crm.make("a", "b", "c")
    assert crm.score(a=1, b=2) == {}
    assert "POST new_plains/Microsoft.Dynamics.CRM.UpdateMultiple" in crm.fake.asked
    seen = crm.fetch(["a", "b", "c"])
    crm.fake.delete("new_plain", records[0])
    writes = [Write(i, {"new_score": 9}, seen[i]) for i in "abc"]
    assert {i: r.fate for i, r in crm.send(writes).items()} == {"a": Fate.GONE}
    assert crm.held() == {"b": 9, "c": 9}


def test_tables_that_lack_the_messages_go_row_by_row(crm: Crm) -> None:
    crm.fake.tables["account"].multiple = False
    assert crm.score(a=1, b=2) == {}
    assert crm.batches() == 1
    assert crm.held() == {"a": 1, "b": 2}


def test_more_than_a_batch_takes_goes_in_several(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_MOST", 10)
    ids = [f"i{n}" for n in range(25)]
    crm.make(*ids)
    assert crm.score(**dict.fromkeys(ids, 1)) == {}
    assert crm.batches() == 3


def test_a_batch_refused_as_a_whole_is_not_written(crm: Crm) -> None:
    crm.make("a")
    crm.fake.missing.add("prvWriteAccount")
    with pytest.raises(SourceError, match="prvWriteAccount"):
        crm.score(a=1)
    assert crm.held() == {"a": None}


def test_the_scores_of_the_sales_app(crm: Crm) -> None:
    crm.table, crm.key = "msdyn_predictivescore", "msdyn_entityid"
    account = "6c2f0c3e-7a51-4b0b-8a51-0f6c1f4c2e11"
    row = {
        "msdyn_entitytype": "account",
        "msdyn_score": 87.4,
        "msdyn_scorereasons": "ログインが増えた",
        "msdyn_scoredon": "2025-03-01",
    }
    warnings = crm.connection.check_target(
        crm.table,
        crm.key,
        {"msdyn_entitytype": str, "msdyn_score": float, "msdyn_scoredon": None},
        create=True,
    )
    assert [w for w in warnings if "no alternate key" in w]
    assert crm.write({account: row}) == {}
    seen = crm.fetch([account], *row)[account].fields
    tolerances = crm.connection.tolerances(crm.table, list(row))
    assert all(same(value, seen[name], tolerances[name]) for name, value in row.items())
    # made once more, as after an answer that was lost: it is there already
    assert crm.send([Write(account, row)])[account].fate is Fate.CHANGED
    assert len(crm.fake.tables[crm.table].records) == 1
