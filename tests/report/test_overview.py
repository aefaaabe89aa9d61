from salesml.report.overview import card
from tests.report.samples import row, section, task


def test_counts_by_band_add_up() -> None:
    found = card(section([row(95), row(80), row(79), row(50), row(49)]), "JPY")
    assert [(b.band.name, b.tone, b.count, b.share) for b in found.bands] == [
        ("critical", 0, 2, 0.4),
        ("risk", 2, 2, 0.4),
        ("ok", 4, 1, 0.2),
    ]
    assert found.scored == 5


def test_sums_up_probabilities_and_amounts() -> None:
    rows = [
        row(90, expected_value=1000.0),
        row(50, expected_value=None),
        row(10, expected_value=5.0),
    ]
    found = card(section(rows), "JPY")
    assert found.expected_total == "¥1,005"
    assert found.expected_positives == 0.45 + 0.25 + 0.05
    assert card(section([row(90)]), "JPY").expected_total == ""


def test_entered_the_top_band() -> None:
    rows = [
        row(90, change=10),  # from 80: was there
        row(85, change=6),  # from 79
        row(80, change=None),  # scored for the first time
        row(82, change=-5),  # fell inside the band
        row(79, change=20),  # not there yet
    ]
    assert card(section(rows), "JPY").entered == 2


def test_a_first_run_knows_nobody_new() -> None:
    assert card(section([row(90), row(20)]), "JPY").entered is None


def test_an_empty_task_counts_nothing() -> None:
    found = card(section([], task=task(outcome_is="good")), "JPY")
    assert found.scored == 0
    assert [(b.band.name, b.count, b.share) for b in found.bands] == [
        ("A", 0, 0.0),
        ("B", 0, 0.0),
        ("C", 0, 0.0),
    ]
