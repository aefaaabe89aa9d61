from salesml.config import Words
from salesml.export import ExportResult
from salesml.report.notices import notices
from tests.report.samples import read, section


def test_nothing_to_note() -> None:
    assert notices([section()], [read()], [ExportResult("crm", written=3)]) == []


def test_serious_things_first() -> None:
    weak = section([], beats_base_rate=False, verdict=Words(ja="弱い", en="Weak."))
    exports = [ExportResult("crm", failed=2), ExportResult("csv", dry_run=True)]
    found = notices([weak], [read(known_at=2), read(known_at=2)], exports)
    assert [(n.words.en, n.part, n.serious) for n in found] == [
        ("Rows that could not be written back to the CRM: 2 (crm).", "write-back", True),
        ("Title of churn: Weak.", "task-churn", True),
        ("Dry run: nothing was written to the CRM.", "write-back", False),
        ("Title of churn: nobody to score on this date.", "task-churn", False),
        ("Rows set aside by the checks on reading: 4.", "data", False),
    ]
