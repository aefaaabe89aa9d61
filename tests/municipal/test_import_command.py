"""``salesml municipal import``: what is printed, and the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
from typer.testing import CliRunner, Result

from salesml import cli
from tests.municipal.published_files import code_list, ssdse


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a company with an empty folder of downloads."""
    root = tiny.make_company(tmp_path / "company")
    (root / "downloads").mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return root / "downloads"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["municipal", "import", "-p", "tiny", *arguments])


def test_each_file_is_told(company: Path) -> None:
    code_list(company)
    ssdse(company, 2023)
    result = run("downloads")
    assert result.exit_code == 0
    assert "全国地方公共団体コード" in result.stdout
    assert "2023-07-01" in result.stdout
    assert "11 municipalities in" in result.stdout
    assert "reading SSDSE-A-2023.csv.gz (1 of 2)" in result.stderr


def test_bad_files_end_in_exit_code_1_after_all_others(company: Path) -> None:
    code_list(company)
    (company / "a.csv").write_bytes(b"")
    (company / "b.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    result = run("downloads")
    assert result.exit_code == 1
    assert "The file is empty" in result.stdout
    assert "not near any" in result.stdout
    assert (company.parent / "var" / "tiny" / "municipal" / "municipalities.parquet").exists()


def test_a_path_that_is_not_there_is_told(company: Path) -> None:
    result = run("downloads", "nowhere")
    assert result.exit_code == 1
    assert "There is no file nowhere" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(company.iterdir()) == []
