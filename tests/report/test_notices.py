import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from salesml.config import Words
from salesml.export import ExportResult
from salesml.report import Upkeep
from salesml.report.notices import notices
from tests.report.runs import page_of
from tests.report.samples import AS_OF, read, section


def test_nothing_to_note() -> None:
    assert notices([section()], [read()], [ExportResult("crm", written=3)]) == []


def test_serious_things_first() -> None:
    weak = section([], beats_base_rate=False, verdict=Words(ja="弱い", en="Weak."))
    exports = [ExportResult("crm", dead=2), ExportResult("csv", dry_run=True)]
    found = notices([weak], [read(known_at=2), read(known_at=2)], exports)
    assert [(n.words.en, n.part, n.serious) for n in found] == [
        ("Rows that the CRM refused: 2 (crm).", "write-back", True),
        ("Title of churn: Weak.", "task-churn", True),
        ("Dry run: nothing was written to the CRM.", "write-back", False),
        ("Title of churn: nobody to score on this date.", "task-churn", False),
        ("Rows set aside by the checks on reading: 4.", "data", False),
    ]


def test_tasks_that_failed_come_first() -> None:
    failures = [(Words(ja="商談", en="Deals"), "The outcome does not run: <b>\nline 2")]
    (notice,) = notices([section()], [], [], failures)
    assert notice.serious
    assert notice.words.en == (
        "Deals: could not be scored this time; the CRM keeps the last scores. "
        "(The outcome does not run: <b>)"
    )


def test_what_became_of_the_model() -> None:
    upkeep = Upkeep(
        as_of=AS_OF - dt.timedelta(40), age=40, next_training=None, today=AS_OF,
        retrained=Words(ja="再学習した", en="retrained"), drift=[Words(ja="変化", en="shifted")],
    )  # fmt: skip
    found = notices([section(upkeep=upkeep)], [], [])
    assert [(n.words.en, n.words.ja, n.part, n.serious) for n in found] == [
        ("Title of churn: retrained", "churnの題：再学習した", "model", False),
        ("Title of churn: shifted", "churnの題：変化", "model", False),
    ]
    failed = notices([section(upkeep=replace(upkeep, failed=True, drift=[]))], [], [])
    assert [n.serious for n in failed] == [True]
    calm = replace(upkeep, retrained=None, drift=[])
    assert notices([section(upkeep=calm)], [], []) == []


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (20, "2025-07-21 at the latest"),
        (0, "once new outcomes are known"),
        (-5, "once new outcomes are known"),
        (None, "when asked for, or when data shift"),
    ],
)
def test_the_page_tells_the_age_of_the_model_and_its_next_training(
    tmp_path: Path, days: int | None, said: str
) -> None:
    date = None if days is None else AS_OF + dt.timedelta(days)
    upkeep = Upkeep(as_of=dt.date(2025, 5, 22), age=40, next_training=date, today=AS_OF)
    text = page_of(tmp_path, [section(upkeep=upkeep)]).one("section", id="model").text
    assert "2025-05-22 (40 days ago)" in text
    assert said in text
    assert "Next training" not in page_of(tmp_path, [section()]).text
