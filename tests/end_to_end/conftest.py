"""A place of its own for every project that runs from end to end."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from salesml import api
from salesml.pipeline import NightlyResult, nightly
from salesml.sample import make_sample
from salesml.training import tuning

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = dt.datetime(2026, 11, 1, 2, 0, tzinfo=dt.UTC)

# read before tests shorten the search: whether the sample's models are worth having hangs on it
SHIPPED_SETTINGS = tuning.MOST_SETTINGS

Workspace = Callable[[str], Path]


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Make a root that holds the configuration of one project and the shipped feature sets."""

    def make(project: str) -> Path:
        root = tmp_path_factory.mktemp(project)
        shutil.copytree(REPOSITORY / "configs" / project, root / "configs" / project)
        (root / "features").symlink_to(REPOSITORY / "features")
        return root

    return make


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; tests that need it are skipped where there is none."""
    folder = Path(os.environ.get("SALESML_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data are not at {folder}; set SALESML_DATA")
    return folder.resolve()


@pytest.fixture(scope="session")
def sample_root(workspace: Workspace) -> Path:
    """The sample project with its CRM and its municipal tables, nothing run yet."""
    root = workspace("sample")
    make_sample(root / "var" / "sample")
    api.municipal_import("sample", root / "var" / "sample" / "published", root=root)
    return root


@pytest.fixture(scope="session")
def first_night(sample_root: Path) -> NightlyResult:
    """The first nightly of the sample ever, with the search for settings that users get."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("salesml.training.tuning.MOST_SETTINGS", SHIPPED_SETTINGS)
        return nightly("sample", dt.date(2026, 6, 1), root=sample_root, now=NOW)


@pytest.fixture
def own_root(first_night: NightlyResult, sample_root: Path, tmp_path: Path) -> Path:  # noqa: ARG001
    """A copy of the sample after its first night, to run more nights in."""
    return Path(shutil.copytree(sample_root, tmp_path / "own", symlinks=True))
