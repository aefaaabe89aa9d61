"""A real BottleCRM for the tests of this folder, where a Python for it is installed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm.bottlecrm.server import Organisation, Server, missing, running


@pytest.fixture(scope="session")
def bottlecrm() -> Iterator[Server]:
    """A BottleCRM that this test session started; tests bring organisations of their own."""
    if reason := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    # not pytest's own folder: PostgreSQL runs as another user, and sockets need short paths
    with tempfile.TemporaryDirectory(prefix="crm") as folder, running(Path(folder)) as server:
        yield server


@pytest.fixture
def org(bottlecrm: Server) -> Organisation:
    """An organisation with nothing in it."""
    return bottlecrm.organisation()
