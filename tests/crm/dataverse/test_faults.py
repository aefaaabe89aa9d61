"""What goes wrong with Dataverse, by the numbers of the faults."""

from __future__ import annotations

import pytest

from crm.dataverse.conftest import Crm
from crm.dataverse.fake_rules import RefusedError
from crm.fault_proxy import FaultProxy
from salesml.crm.records import Fate, Write
from salesml.errors import SourceError, UnansweredError

pytestmark = pytest.mark.faults

LOCK = RefusedError(
    500, "0x80044150", "Sql error: Generic SQL error. CRM ErrorCode: -2147204784 Sql Number: 1205"
)


def test_fault_03_the_answer_to_a_batch_is_lost(crm: Crm) -> None:
    crm.make("a")
    proxy = FaultProxy(crm.address)
    proxy.script("cut", "POST .*batch")
    with proxy.serving() as address:
        crm.fake.names.add(address)
        crm.connection = crm.connect(url=address)
        with pytest.raises(UnansweredError):
            crm.score(a=1)
    assert crm.held() == {"a": 1}


def test_fault_03_a_record_is_not_made_twice_when_its_answer_was_lost(crm: Crm) -> None:
    crm.table, crm.key = "msdyn_predictivescore", "msdyn_entityid"
    write = [Write("x", {"msdyn_score": 1})]
    assert crm.send(write) == {}
    assert crm.send(write)["x"].fate is Fate.CHANGED
    assert len(crm.fake.tables[crm.table].records) == 1


@pytest.mark.parametrize("code", ["0x80072322", "0x80072321", "0x80072326"])
def test_fault_08_limits_are_waited_out_in_silence(
    crm: Crm, waits: list[float], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    crm.make("a")
    limit = RefusedError(429, code, "Number of requests exceeded the limit of 6000.", "42")
    crm.fake.faults += [("GET accounts", limit), ("POST .batch", limit)]
    assert crm.score(a=1) == {}
    assert waits == [42.0, 42.0]
    assert crm.held() == {"a": 1}
    assert crm.fake.written.total() == 1
    assert capsys.readouterr() == ("", "")


def test_fault_08_a_limit_reached_inside_a_batch_is_tried_again(crm: Crm) -> None:
    first, _ = crm.make("a", "b")
    crm.fake.broken[first] = [RefusedError(429, "0x80072321", "Execution time")]
    assert crm.score(a=1, b=2) == {"a": Fate.RETRY}
    assert crm.held() == {"a": None, "b": 2}


def test_fault_10_a_token_expires_on_the_way(crm: Crm) -> None:
    crm.make("a")
    crm.fetch(["a"])
    crm.fake.sign_out()
    assert crm.score(a=1) == {}
    assert crm.fake.signed_in == 2


def test_fault_10_a_right_is_lost_on_the_way(crm: Crm) -> None:
    crm.make("a", "b")
    crm.score(a=1)
    crm.fake.missing.add("prvWriteAccount")
    with pytest.raises(SourceError, match="prvWriteAccount") as caught:
        crm.score(a=2, b=2)
    assert "Give a role of the application user the privilege prvWriteAccount" in str(caught.value)
    assert crm.held() == {"a": 1, "b": None}


def test_fault_10_wrong_credentials_say_so_without_the_secret(crm: Crm) -> None:
    crm.connection = crm.connect(client_secret="wr0ng")
    with pytest.raises(SourceError, match="AADSTS7000215") as caught:
        crm.fetch(["a"])
    assert "wr0ng" not in str(caught.value)
    assert "wr0ng" not in repr(crm.connection)


def test_fault_11_a_row_that_is_locked_is_tried_again(crm: Crm) -> None:
    first, _ = crm.make("a", "b")
    crm.fake.broken[first] = [LOCK]
    assert crm.score(a=1, b=2) == {"a": Fate.RETRY}
    assert crm.score(a=1) == {}
    assert crm.held() == {"a": 1, "b": 2}


def test_fault_12_somebody_makes_the_record_meanwhile(crm: Crm) -> None:
    seen = crm.fetch(["a", "b"])
    assert seen == {}
    crm.make("a", new_score=50)
    refused = crm.send([Write(i, {"new_score": 1}) for i in ("a", "b")])
    assert {i: r.fate for i, r in refused.items()} == {"a": Fate.CHANGED}
    assert crm.held() == {"a": 50, "b": 1}


def test_fault_12_several_records_of_one_id_are_left_alone(crm: Crm) -> None:
    crm.table, crm.key = "msdyn_predictivescore", "msdyn_entityid"
    crm.make("a", "a", "b")
    found = crm.fetch(["a", "b"], "msdyn_score")
    assert found["a"].barred == "2 records share this id"
    assert found["b"].barred == ""


def test_fault_12_ids_that_differ_in_case_are_one_record(crm: Crm) -> None:
    crm.make("ABC")
    found = crm.fetch(["abc", "ABC"])
    assert found["ABC"].barred == ""
    assert found["abc"].barred == "its accountnumber is written 'ABC'"


def test_fault_13_one_row_does_not_sink_the_rest(crm: Crm) -> None:
    refused = crm.write({i: {"name": "poison" if i == "b" else i} for i in "abc"})
    assert {i: r.fate for i, r in refused.items()} == {"b": Fate.RETRY}
    assert crm.held("name") == {"a": "a", "c": "c"}
    assert max(crm.fake.written.values()) == 1
    assert crm.batches() == 1


def test_fault_14_bad_data_breaks_the_system_down_each_time(crm: Crm) -> None:
    crm.make("a")
    for _ in range(3):  # whoever writes bounds how often
        refused = crm.write({"a": {"name": "poison"}})["a"]
        assert refused.fate is Fate.RETRY
        assert "status 500 0x80040265 ISV code aborted the operation." in refused.error


def test_fault_14_a_value_that_is_refused_is_dead(crm: Crm) -> None:
    crm.make("a")
    refused = crm.write({"a": {"new_band": "x" * 11}})["a"]
    assert refused.fate is Fate.DEAD
    assert "0x80044331" in refused.error
    assert "maximum allowed length of '10'" in refused.error


def test_fault_14_a_batch_that_breaks_down_is_looked_at_again(crm: Crm) -> None:
    crm.make("a")
    crm.fake.faults.append(("POST .batch", RefusedError(500, "", "An unexpected error occurred.")))
    with pytest.raises(UnansweredError):
        crm.score(a=1)


def test_fault_16_an_edit_meanwhile_is_not_overwritten(crm: Crm) -> None:
    first, _ = crm.make("a", "b")
    crm.fake.before_writing = lambda: crm.fake.edit("account", first, new_score=99, name="佐藤")
    assert crm.score(a=1, b=2) == {"a": Fate.CHANGED}
    assert crm.held() == {"a": 99, "b": 2}
    assert crm.score(a=1) == {}
    assert crm.held("name") == {"a": "佐藤", "b": None}


def test_fault_17_texts_of_all_letters(crm: Crm) -> None:
    texts = {"a": "株式会社「東京」", "b": "l1\r\nl2\nl3", "c": "x\u2028y\u2029", "d": "\"'<>&%{}"}
    texts |= {"e": "𠮷野家" * 10, "f": "--batch_1--"}
    crm.make(*texts)
    assert crm.write({i: {"new_reasons": text} for i, text in texts.items()}) == {}
    assert crm.held("new_reasons") == texts
    seen = crm.fetch(list(texts), "new_reasons")
    assert {i: s.fields["new_reasons"] for i, s in seen.items()} == texts


@pytest.mark.parametrize("letter", ["\x00", "\ud800"])
@pytest.mark.parametrize("new", [False, True])
def test_fault_17_a_letter_that_no_text_may_hold_is_refused_alone(
    crm: Crm, letter: str, new: bool
) -> None:
    if not new:
        crm.make("a", "b")
    refused = crm.write({"a": {"new_reasons": letter}, "b": {"new_reasons": "b"}})
    assert {i: r.fate for i, r in refused.items()} == {"a": Fate.DEAD}
    assert crm.held("new_reasons")["b"] == "b"


def test_fault_18_nothing_is_written_as_null(crm: Crm) -> None:
    kinds = ("new_score", "new_rank", "new_scoredon", "new_hot", "new_grade", "new_band")
    full = {"new_score": 1.0, "new_rank": 1, "new_hot": True, "new_grade": 1, "new_band": "A"}
    crm.make("a", **full, new_scoredon="2025-03-01")
    assert crm.write({"a": dict.fromkeys(kinds)}) == {}
    assert [crm.held(kind)["a"] for kind in kinds] == [None] * 6
    assert crm.write({"a": {"new_rank": "", "new_band": ""}}) == {}
    assert [crm.held(kind)["a"] for kind in ("new_rank", "new_band")] == [None, ""]
    refused = crm.write({"a": {"new_score": float("nan")}})
    assert refused["a"].fate is Fate.DEAD


def test_fault_19_a_record_deleted_meanwhile_is_not_made_again(crm: Crm) -> None:
    first, _ = crm.make("a", "b")
    crm.fake.before_writing = lambda: crm.fake.delete("account", first)
    assert crm.score(a=1, b=2) == {"a": Fate.GONE}
    assert crm.held() == {"b": 2}


def test_fault_19_merged_converted_and_closed_records_are_barred(crm: Crm) -> None:
    (master,) = crm.make("m")
    crm.make("a", statecode=1, statuscode=2)
    crm.make("b", statecode=1, merged=True, masterid=master)
    found = crm.fetch(["a", "b", "m"])
    assert [found[i].barred for i in ("a", "b", "m")] == [
        "deactivated (statecode 1)",
        f"merged into {master}",
        "",
    ]
    crm.table, crm.key = "lead", "new_code"
    crm.make("q", statecode=1)
    crm.make("d", statecode=2)
    found = crm.fetch(["q", "d"])
    assert [found[i].barred for i in ("q", "d")] == ["qualified", "disqualified"]
