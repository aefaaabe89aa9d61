"""CSV files that people open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.no_jobs import NoJobs
from salesml.crm import Connection, connect
from salesml.crm.records import Seen, Write
from salesml.crm.spreadsheet import defuse, restore
from salesml.errors import ExportError, SourceError


@pytest.fixture
def files(tmp_path: Path) -> Connection:
    return connect("files", {"type": "files", "path": str(tmp_path)})


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+81-3-1234", "-2+3", "@SUM(A1)", "\tx", "\rx", "＝1", "＋1", "－1", "＠a", "=", "-"],
)
def test_formulas_are_defused(text: str) -> None:
    assert defuse(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+12", "-0.25", "1e-5", "-.5", "東京=1", "a@b", "", "'a"])
def test_numbers_and_plain_text_stay(text: str) -> None:
    assert defuse(text) == text


@given(st.text() | st.text(st.sampled_from("'=+-@\t\r\n＝１1.e")))
def test_any_text_comes_back(text: str) -> None:
    assert restore(defuse(text)) == text


@given(st.text(st.sampled_from("'=+-@\t\r\n＝＋－＠a1")))
def test_no_cell_can_run(text: str) -> None:
    cell = defuse(text)
    assert cell[:1] not in "=+-@\t\r\n＝＋－＠" or cell == "" or float(cell) is not None


values = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["=A1", "'=A1", '"', '","', "\r\n", "\n", "東京😀", "-5", "'"]
)


@given(st.dictionaries(values.filter(bool), st.tuples(values, values), max_size=6))
def test_any_table_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[str, tuple[str, str]]
) -> None:
    files = connect("f", {"type": "files", "path": str(tmp_path_factory.mktemp("csv"))})
    files.ensure_table("a.csv", "id", {"x": str, "=y": str})
    writes = [Write(i, {"x": x, "=y": y}) for i, (x, y) in rows.items()]
    assert not files.write("a.csv", "id", writes, jobs=NoJobs())
    found = files.fetch("a.csv", "id", list(rows), ["x", "=y"])
    assert found == {i: Seen({"x": x or None, "=y": y or None}) for i, (x, y) in rows.items()}


def test_the_file_opens_in_excel(files: Connection, tmp_path: Path) -> None:
    files.ensure_table("a.csv", "id", {"x": str})
    files.write("a.csv", "id", [Write("1", {"x": "東京"})], jobs=NoJobs())
    assert (tmp_path / "a.csv").read_bytes() == "\ufeffid,x\r\n1,東京\r\n".encode()


def test_other_columns_rows_and_rights_stay(files: Connection, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'note,id,x\n"=keep ""this""",1,\n,2,old\n')
    path.chmod(0o640)
    files.write("a.csv", "id", [Write("1", {"x": "new"}, Seen({}))], jobs=NoJobs())
    assert path.stat().st_mode & 0o777 == 0o640
    text = path.read_bytes().decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["note", "id", "x"],
        ['=keep "this"', "1", "new"],
        ["", "2", "old"],
    ]


def test_a_failed_write_leaves_the_old_file(
    files: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,x\n1,old\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SourceError, match="No space left"):
        files.write("a.csv", "id", [Write("1", {"x": "new"}, Seen({}))], jobs=NoJobs())
    assert path.read_text() == "id,x\n1,old\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,x\n1,東京\n".encode("cp932"), "not UTF-8"),
        (b"id,x\n1,2,3\n", "Row 1 has 3 cells"),
        (b'id,x\n1,"2\n', "no proper CSV"),
        (b"", "no column 'id'"),
    ],
)
def test_files_that_are_no_table_are_refused(
    content: bytes, message: str, files: Connection, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ExportError, match=message):
        files.check_target("a.csv", "id", {"x": str}, create=True)
    assert (tmp_path / "a.csv").read_bytes() == content


def test_only_csv_can_be_written(files: Connection) -> None:
    with pytest.raises(ExportError, match="Only CSV"):
        files.check_target("a.parquet", "id", {"x": str}, create=True)
