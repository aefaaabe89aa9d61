"""Write-backs that are killed again and again: nothing is lost, nothing is written twice.

``benchmarks/killed_exports.py`` does the same at full size.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from export.killed_systems import SqliteSystem, salesforce
from export.killing import Killing, System

pytestmark = pytest.mark.faults


def survives(system: System, folder: Path, count: int, kills: int) -> Killing:
    killing = Killing(system, folder, count, seed=1, aimed=True)
    within = killing.undisturbed()
    killing.require_equal()
    killing.kill(kills, within)
    assert killing.report.kills == kills
    return killing


def test_what_is_lost_would_be_noticed(tmp_path: Path) -> None:
    system = SqliteSystem(tmp_path, 20)
    killing = Killing(system, tmp_path / "run", 20)
    killing.undisturbed()
    killing.require_equal()
    with closing(sqlite3.connect(system.path)) as link:
        link.execute("update accounts set score = -1 where id = 'A-0000007'")
        link.commit()
    with pytest.raises(AssertionError, match=r"1 records differ: .*A-0000007"):
        killing.require_equal()


def test_fault_01_02_killed_while_a_database_is_written(tmp_path: Path) -> None:
    survives(SqliteSystem(tmp_path, 300), tmp_path / "run", 300, kills=4)


def test_fault_01_02_killed_while_salesforce_is_written(tmp_path: Path) -> None:
    with salesforce(2_500) as system:
        survives(system, tmp_path / "run", 2_500, kills=4)
