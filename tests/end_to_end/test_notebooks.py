"""The notebooks run as plain scripts, on a company of their own, and leave nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.py"))
PRINTED = {
    "add_a_feature": [
        "ok    features account/habit: examples",
        "ok    features account/habit: truncation test for churn",
        "wrong Feature set account/habit looks ahead.",
        "other values once later rows are cut away: logins_of_habit",
        "as configured       94",
        "\nneither",
        "stay unseen for `salesml train`",
    ],
    "read_a_model": [
        "learnt from 2023-",
        "partial dependence on ",
        "surprises",
        "false alarms",
        "churn version 1, as of 2026-06-01",
    ],
}


def _run(notebook: Path, folder: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MPLBACKEND": "Agg", "TMPDIR": str(folder), "COLUMNS": "140"}
    return subprocess.run(
        [sys.executable, str(notebook)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_each_is_known() -> None:
    assert [path.stem for path in NOTEBOOKS] == sorted(PRINTED)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(notebook: Path, tmp_path: Path) -> None:
    # Jupyter starts in the notebook's folder, a script in the repository
    cwd = notebook.parent if notebook.stem == "read_a_model" else REPOSITORY
    before = _files()
    ran = _run(notebook, tmp_path, cwd)
    assert ran.returncode == 0, ran.stderr
    for text in PRINTED[notebook.stem]:
        assert text in ran.stdout
    assert not re.search(r"\bnan\b", ran.stdout.split("surprises")[-1])
    assert not list(tmp_path.glob("salesml-*"))
    assert _files() == before


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_opens_as_cells(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    cells = text.split("\n# %%")[1:]
    prose = [cell for cell in cells if cell.startswith(" [markdown]")]
    assert len(prose) >= 6
    assert len(cells) - len(prose) >= 8
    for cell in prose:
        assert all(line.startswith("#") for line in cell.strip().splitlines()[1:] if line.strip())


def _files() -> set[Path]:
    """What lies in the repository's own folders."""
    folders = [REPOSITORY / name for name in ("configs", "features", "notebooks")]
    found = {path for folder in folders for path in folder.rglob("*")}
    return {path for path in found if "__pycache__" not in path.parts}
