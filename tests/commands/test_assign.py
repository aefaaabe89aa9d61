"""``salesml assign``: who should look after which account."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import tiny

from tests.actions.catalogues import catalogue, write
from tests.commands.conftest import out, run

PEOPLE = """\
select * from (values
    ('r0', '林', 'CS', 3, null),
    ('r1', '森', 'CS', 1, null),
    ('r2', '原', 'CS', 3, date '2025-01-31')
) as people (rep_id, name, role, skill, left_on)
"""
RULES = """\
roles:
  CS:
    title: {ja: 担当の割り当て, en: Accounts per person}
    accounts: |
      select * from (values
          ('a1', '青葉', 'r0', 'S', true), ('a2', '泉', 'r0', 'A', false),
          ('a3', '[bold]海野', 'r2', 'C', false), ('a4', '江原', 'r2', 'S', true)
      ) as rows (account_id, name, owner_id, segment, finance)
    segments: {S: [5, 8], A: [10, 15], B: [15, 20], C: [20, 30]}
    most: 30
    effort: {full: 1, reasons: {finance: {ja: 金融, en: finance}}}
    new: {skill: 1, load: 0.08}
"""


@pytest.fixture(autouse=True)
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A company whose sources nobody has read: its rules need none."""
    root = tiny.make_company(tmp_path / "company")
    folder = write(root, catalogue(people=PEOPLE))
    (folder / "assignment.yml").write_text(RULES, encoding="utf-8")
    monkeypatch.chdir(root)
    return root


def test_everybody_before_and_after_and_what_moves() -> None:
    told = out("assign", "-p", "tiny", "--lang", "en")
    assert "Accounts per person (CS)  2025-03-01  4 accounts, 2 change hands" in told
    assert "2 → 3" in told
    assert "原 has left and still owns 2 accounts" in told
    assert "原 has left" in told
    assert "finance" in told
    assert "[bold]海野" in told


def test_the_language_of_the_project() -> None:
    told = out("assign", "-p", "tiny")
    assert "原は退職したが、2件の担当のまま" in told
    assert "4件（うち2件を変更）" in told


def test_all_accounts_as_csv_and_json() -> None:
    rows = list(csv.DictReader(io.StringIO(out("assign", "-p", "tiny", "--format", "csv"))))
    assert {row["account_id"]: row["proposed_id"] for row in rows} == {
        "a1": "r0", "a2": "r0", "a3": "r1", "a4": "r0",
    }  # fmt: skip
    records = json.loads(out("assign", "-p", "tiny", "--role", "CS", "--format", "json"))
    assert records[0] == {
        "account_id": "a1", "name": "青葉", "segment": "S", "effort": ["finance"], "load": 0.2,
        "owner_id": "r0", "owner": "林", "proposed_id": "r0", "proposed": "林", "moved": False,
        "why_ja": None, "why_en": None,
    }  # fmt: skip


def test_when_nothing_changes(company: Path) -> None:
    path = company / "configs/tiny/assignment.yml"
    path.write_text(RULES.replace("'r2'", "'r0'"), encoding="utf-8")
    assert "No account changes hands." in out("assign", "-p", "tiny", "--lang", "en")


def test_a_role_that_is_not_there() -> None:
    result = run("assign", "-p", "tiny", "--role", "CSM")
    assert result.exit_code == 1
    assert "has no role 'CSM'. Did you mean 'CS'?" in result.stderr


def test_without_rules(company: Path) -> None:
    (company / "configs/tiny/assignment.yml").unlink()
    result = run("assign", "-p", "tiny")
    assert result.exit_code == 1
    assert "assignment.yml" in result.stderr
