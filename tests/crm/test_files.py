"""Reading files: CSV in all its forms, and Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesml.crm import Connection, connect
from salesml.errors import SourceError


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.fixture
def files(tmp_path: Path) -> Connection:
    return connect("files", {"type": "files", "path": str(tmp_path)})


def read(
    files: Connection,
    con: duckdb.DuckDBPyConnection,
    table: str,
    since: Any = None,
    **options: str,
) -> list[tuple[Any, ...]]:
    files.load(con, table, "raw", options=options, since=since)
    found: list[tuple[Any, ...]] = con.execute("from raw order by _row").fetchall()
    return found


def names(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [row[0] for row in con.execute("describe raw").fetchall()]


@pytest.mark.parametrize(
    "text",
    [
        "id,name\n1,東京\n2,\n",
        "id;name\n1;東京\n2;\n",
        "id\tname\n1\t東京\n2\t\n",
        "id|name\r\n1|東京\r\n2|\r\n",
        "\ufeffid,name\n1,東京\n2,",
        '"id","name"\n"1","東京"\n"2",""\n',
        "id,name\n\n1,東京\n\n2,\n\n",
        "id,name\n1,東京\r\n2,\n",  # two kinds of line ends
        "id,name\r1,東京\r2,\r",
    ],
)
def test_any_separator_mark_and_line_end(
    text: str, tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode())
    assert read(files, con, "a.csv") == [(1, "1", "東京"), (2, "2", None)]
    assert names(con) == ["_row", "id", "name"]


def test_gzip_is_told_by_content(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"\xef\xbb\xbfa,b\n1,2\n"))
    assert read(files, con, "a.csv") == [(1, "1", "2")]


def test_quotes_line_breaks_emoji_and_nul(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.csv").write_bytes('a,b\n"x ""y""\r\nz, w",😀\x00\n5" pipe, c\n'.encode())
    assert read(files, con, "a.csv") == [(1, 'x "y"\r\nz, w', "😀\x00"), (2, '5" pipe', " c")]


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "utf-16"])
@pytest.mark.parametrize("squeeze", [bytes, gzip.compress])
def test_other_encodings(
    encoding: str, squeeze: Any, tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    text = 'コード,名称\n1,"表示ソ\n十"\n2,ﾊﾝｶｸ\n'
    (tmp_path / "a.csv").write_bytes(squeeze(text.encode(encoding)))
    assert read(files, con, "a.csv", encoding=encoding) == [
        (1, "1", "表示ソ\n十"),
        (2, "2", "ﾊﾝｶｸ"),
    ]
    assert files.columns("a.csv") == {"_row": "BIGINT", "コード": "VARCHAR", "名称": "VARCHAR"}


def test_whitespace_separates_columns(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "log.txt").write_text(" id  date value\r\n\n 00001 19970101  11.77\r\n 2 3\t4")
    expected = [(1, "00001", "19970101", "11.77"), (2, "2", "3", "4")]
    assert read(files, con, "log.txt", separator="whitespace") == expected


def test_separator_can_be_named(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.csv").write_text("a:b,c\n1:2,3\n")
    assert read(files, con, "a.csv", separator=":") == [(1, "1", "2,3")]
    assert names(con) == ["_row", "a", "b,c"]


def test_header_only_is_no_rows(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.csv").write_text("a,b")
    assert read(files, con, "a.csv") == []
    assert names(con) == ["_row", "a", "b"]


def test_column_names_become_distinct(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.csv").write_text('id, ID ,,_row,it\'s "x"\n1,2,3,4,5\n')
    assert read(files, con, "a.csv") == [(1, "1", "2", "3", "4", "5")]
    assert names(con) == ["_row", "id", "ID_2", "column_3", "_row_2", 'it\'s "x"']


def test_since_compares_text_and_keeps_row_numbers(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.csv").write_text("d\n2025-01-01\n2025-03-01\n\n2025-02-01\n")
    expected = [(2, "2025-03-01"), (3, "2025-02-01")]
    assert read(files, con, "a.csv", since=("d", "2025-02-01")) == expected
    assert read(files, con, "a.csv", since=("_row", "3")) == [(3, "2025-02-01")]
    with pytest.raises(SourceError, match="no column 'day'"):
        read(files, con, "a.csv", since=("day", "2025-02-01"))


def test_row_numbers_follow_the_file(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    lines = (f'{i},"a\n{i},b"\n' for i in range(1, 50_001))
    (tmp_path / "a.csv").write_text("id,x\n" + "".join(lines))
    files.load(con, "a.csv", "raw", options={}, since=None)
    wrong = "count(*) filter (_row <> id::bigint or x <> e'a\n' || id || ',b')"
    assert con.execute(f"select count(*), {wrong} from raw").fetchall() == [(50_000, 0)]


def test_parquet_keeps_its_types(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    con.execute(
        f"copy (select 7 as i, date '2025-01-01' + n::int as d from range(3) t(n))"
        f" to '{tmp_path}/a.parquet'"
    )
    files.load(con, "a.parquet", "raw", options={}, since=("d", "2025-01-02"))
    assert con.execute("select _row, i, d::text from raw").fetchall() == [
        (2, 7, "2025-01-02"),
        (3, 7, "2025-01-03"),
    ]
    assert files.columns("a.parquet") == {"_row": "BIGINT", "i": "INTEGER", "d": "DATE"}


# what is wrong with a file --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "Line 3 has 1 fields where the header has 2"),
        ("a,b\n1,2\n3,4,5\n", "Line 3 has 3 fields"),
        ('a,b\n"1\n\n",2\n3\n', "Line 5 has 1 fields"),
        ('a,b\n1,2\n3,"4\n', "Line 3 is no proper record: unexpected end of data"),
        ('a,b\n1,2\n"3"x,4\n', "Line 3 is no proper record"),
        ('a,b\n"1,2', "Line 2 is no proper record"),
        ("", "The file is empty"),
        ("\ufeff", "The file is empty"),
        ("\n\n", "The file is empty"),
    ],
)
def test_damage_is_located(
    text: str, message: str, tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode())
    with pytest.raises(SourceError, match=message) as error:
        read(files, con, "a.csv")
    assert str(tmp_path / "a.csv") in str(error.value)


def test_whitespace_files_are_checked_too(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.txt").write_text("a b\n1 2\n1 2 3\n")
    with pytest.raises(SourceError, match="Line 3 has 3 fields"):
        read(files, con, "a.txt", separator="whitespace")


def test_undecodable_bytes_name_place_and_likely_encoding(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.csv").write_bytes("id,name\n1,x\n2,東京\n".encode("cp932"))
    with pytest.raises(SourceError, match="looks like cp932") as error:
        read(files, con, "a.csv")
    assert "line 3, byte 14" in str(error.value)
    assert "encoding: cp932" in str(error.value)


@pytest.mark.parametrize(
    ("content", "declared", "guess"),
    [
        ("名称\n日本語の文章\n".encode("euc_jp"), "utf-8", "euc_jp"),
        ("名称\n日本\n".encode("utf-16"), "utf-8", "utf-16"),
        ("name\ncafé\n".encode("cp1252"), "utf-8", "cp1252"),
        ("名称\nﾊﾝｶｸ東京\n".encode("cp932"), "utf-8", "cp932"),
        ("名称\n自治体の名\n".encode(), "cp932", "utf-8"),
    ],
)
def test_encoding_is_guessed(
    content: bytes,
    declared: str,
    guess: str,
    tmp_path: Path,
    files: Connection,
    con: duckdb.DuckDBPyConnection,
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(SourceError, match=f"looks like {guess}"):
        read(files, con, "a.csv", encoding=declared)


def test_one_damaged_byte_is_not_called_another_encoding(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    good = "id,name\n" + "1,東京\n" * 200_000
    (tmp_path / "a.csv").write_bytes(good.encode() + b"2,\xff\n")
    with pytest.raises(SourceError, match="Line 200002 is not utf-8") as error:
        read(files, con, "a.csv")
    assert "looks like" not in str(error.value)


def test_utf8_mark_under_another_encoding(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "a.csv").write_bytes("\ufeffid\nあ\n".encode())
    with pytest.raises(SourceError, match="mark of UTF-8"):
        read(files, con, "a.csv", encoding="cp932")


def test_cut_off_gzip(tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "a.csv").write_bytes(gzip.compress(os.urandom(9000).hex().encode())[:-20])
    with pytest.raises(SourceError, match="cannot be read to its end"):
        read(files, con, "a.csv")


def test_missing_file_has_near_misses(
    tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "accounts.csv").write_text("a\n")
    with pytest.raises(SourceError, match=r"Did you mean 'accounts\.csv'"):
        read(files, con, "acounts.csv")
    with pytest.raises(SourceError, match="does not exist"):
        connect("x", {"type": "files", "path": str(tmp_path / "no")}).columns("a.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "cp923"}, "Did you mean 'cp932'"),
        ({"separator": "white"}, "one character"),
        ({"separator": "whitespce"}, "Did you mean 'whitespace'"),
    ],
)
def test_impossible_options(
    options: dict[str, str],
    message: str,
    tmp_path: Path,
    files: Connection,
    con: duckdb.DuckDBPyConnection,
) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    with pytest.raises(SourceError, match=message):
        read(files, con, "a.csv", **options)


def test_damaged_parquet(tmp_path: Path, files: Connection, con: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and then nothing of use")
    with pytest.raises(SourceError, match="DuckDB cannot take the rows"):
        read(files, con, "a.parquet")


def test_nothing_is_left_in_the_temporary_folder(
    tmp_path: Path, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, temporary = tmp_path / "data", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    (folder / "a.csv").write_bytes("あ\nい\n".encode("cp932"))
    files = connect("files", {"type": "files", "path": str(folder)})
    assert read(files, con, "a.csv", encoding="cp932") == [(1, "い")]
    assert list(temporary.iterdir()) == []


# fingerprints ---------------------------------------------------------------------------------


def test_fingerprint_changes_with_content_of_equal_size_and_time(
    tmp_path: Path, files: Connection
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    os.utime(path, ns=(1, 1))
    first = files.fingerprint("a.csv")
    assert files.fingerprint("a.csv") == first
    path.write_text("a\n2\n")
    os.utime(path, ns=(1, 1))
    assert files.fingerprint("a.csv") != first


def test_fingerprint_of_large_files_is_size_and_time(
    tmp_path: Path, files: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salesml.crm.files._HASHED_BELOW", 3)
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    os.utime(path, ns=(1, 5))
    assert files.fingerprint("a.csv") == "4-5"


# any table ------------------------------------------------------------------------------------

cells = st.text(st.sampled_from([*"ab,;\"\n\r\t '#\\0", "日", "\x00", "\ufeff", "😀"]), max_size=6)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8)
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=tables, end=st.sampled_from(["\n", "\r\n"]), separator=st.sampled_from(",;\t|"))
def test_any_table_survives(
    rows: list[list[str]],
    end: str,
    separator: str,
    tmp_path: Path,
    files: Connection,
    con: duckdb.DuckDBPyConnection,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([[f"c{i}" for i in range(len(rows[0]))], *rows])
    (tmp_path / "a.csv").write_bytes(text.getvalue().encode())
    expected = [(i, *(cell or None for cell in row)) for i, row in enumerate(rows, 1)]
    assert read(files, con, "a.csv", separator=separator) == expected
