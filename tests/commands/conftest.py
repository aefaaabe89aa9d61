"""The commands of ``salesml``, run on the small company in the working directory."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
from typer.testing import CliRunner, Result

from salesml import cli


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def seen(two_nights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: the company after the module's nights, only looked at."""
    monkeypatch.chdir(two_nights)
    return two_nights


@pytest.fixture
def own(two_nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a copy of the company that may be changed."""
    root = tiny.copy_of(two_nights, tmp_path / "company")
    monkeypatch.chdir(root)
    return root


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments, catch_exceptions=False)


def out(*arguments: str) -> str:
    """What a command that succeeds prints."""
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout
