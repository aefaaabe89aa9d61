from __future__ import annotations

import os
from pathlib import Path

import pytest
import tiny

from salesml.config import Project, load_project


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; tests that need it are skipped where there is none."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("SALESML_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real data are not at {folder}; set SALESML_DATA")
    return folder.resolve()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project into which nothing was imported yet."""
    return load_project("tiny", tiny.make_company(tmp_path / "root"))
