"""Documents: text files named by what they are, and tables of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from salesml.errors import SourceError
from salesml.municipal.published import Part, Sheet, read_published
from tests.municipal.published_files import written


def only(path: Path) -> Part:
    _, (part,) = read_published(Sheet(path))
    return part


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
def test_a_text_file_says_in_its_name_what_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"011002_施政方針_2024-02-15_令和6年度{suffix}"
    part = only(written(path, ["  デジタル化を進めます。"], "cp932"))
    (row,) = part.frame.to_dict("records")
    assert (row["code"], row["kind"], row["title"]) == ("011002", "speech", "令和6年度")
    assert row["text"] == "デジタル化を進めます。"
    assert str(row["published_on"]) == "2024-02-15 00:00:00"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("readme.txt", "does not say what it is"),
        ("011002_speach_2024-02-15.txt", "Did you mean 'speech'"),
        ("011002_speech_2024-02-31.txt", "2024-02-31 is no date"),
    ],
)
def test_a_name_that_does_not_tell_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        only(written(tmp_path / name, ["x"]))


def test_a_document_of_zero_length_is_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "011002_plan_2024-02-15.txt"
    path.write_bytes(b"")
    part = only(path)
    assert len(part.frame) == 0
    assert "empty and left out: 011002_plan_2024-02-15" in part.notes[0]


def test_a_document_of_10_mb_is_read_whole(tmp_path: Path) -> None:
    text = "議会では、デジタル化について議論しました。\n" * 170_000
    rows = ["municipality_id,kind,title,date,text", f'01100,minutes,,2024-02-15,"{text}"']
    part = only(written(tmp_path / "d.csv", rows))
    assert len(part.frame["text"].iloc[0].encode()) > 10_000_000


def test_a_document_of_10_mb_may_be_one_line(tmp_path: Path) -> None:
    path = tmp_path / "011002_minutes_2024-02-15.txt"
    path.write_bytes(("a" + "議会では、デジタル化について議論しました。" * 170_000).encode())
    assert len(only(path).frame["text"].iloc[0]) > 3_000_000


def test_a_table_of_documents_keeps_what_it_can(tmp_path: Path) -> None:
    rows = [
        "団体コード\t種別\t題名\t公表日\t本文",
        "011002\t総合計画\t計画\t2024/4/1\t本文です",
        "011002\t広報\t広報\t2024/4/1\t本文です",
        "011002\tplan\t計画\t未定\t本文です",
        "011002\tminutes\t議事録\t令和6年3月1日\t ",
    ]
    part = only(written(tmp_path / "d.tsv", rows))
    assert part.frame["kind"].tolist() == ["plan"]
    assert part.frame["document_id"].tolist() == ["d.tsv:1"]
    notes = " ".join(part.notes)
    assert "広報" in notes
    assert "未定" in notes
    assert "d.tsv:4" in notes


def test_documents_of_nobody_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="name no municipalities"):
        only(written(tmp_path / "d.csv", ["kind,date,text", "plan,2024-04-01,x"]))
