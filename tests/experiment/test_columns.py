from __future__ import annotations

from pathlib import Path

import pytest

from salesml import Variant
from salesml.config import TaskConfig, load_project
from salesml.errors import ConfigError, SalesmlError
from salesml.experiment.columns import Catalogue, Chosen
from tests.experiment.conftest import write_set

CONTACT = ("visits_30d", "visits_prev_30d", "days_since_visit")
PROFILE = ("account_segment",)
RECENCY = ("quiet_days", "channels")


@pytest.fixture
def catalogue(company: Path, task: TaskConfig) -> Catalogue:
    return Catalogue(load_project("tiny", company), task)


@pytest.mark.parametrize(
    ("add", "remove", "expected"),
    [
        ([], [], {"contact": CONTACT, "profile": PROFILE}),
        (["recency"], [], {"contact": CONTACT, "profile": PROFILE, "recency": RECENCY}),
        (["recency.channels"], ["profile"], {"contact": CONTACT, "recency": ("channels",)}),
        (["channels"], ["profile"], {"contact": CONTACT, "recency": ("channels",)}),
        ([], ["contact"], {"profile": PROFILE}),
        ([], ["contact.visits_30d"], {"contact": CONTACT[1:], "profile": PROFILE}),
        ([], ["days_since_visit"], {"contact": CONTACT[:2], "profile": PROFILE}),
        ([], ["visits"], {"contact": CONTACT[2:], "profile": PROFILE}),
        ([], ["contact.visits"], {"contact": CONTACT[2:], "profile": PROFILE}),
        ([], ["visits", "rhythm"], {"profile": PROFILE}),
        # a part again, in the order of the file
        (["days_since_visit", "contact.visits_30d"], ["contact"],
         {"profile": PROFILE, "contact": (CONTACT[0], CONTACT[2])}),
        (["contact_v2"], ["contact"], {"profile": PROFILE, "contact_v2": ("visits_30d",)}),
    ],
)  # fmt: skip
def test_names_stand_for_features(
    catalogue: Catalogue, add: list[str], remove: list[str], expected: Chosen
) -> None:
    chosen = catalogue.chosen(Variant(add=add, remove=remove))
    assert chosen == expected
    assert list(chosen) == list(expected)


@pytest.mark.parametrize(
    ("add", "remove", "said"),
    [
        (["recensy"], [], ["no feature set, feature or concept 'recensy'", "mean 'recency'?"]),
        (["recency.chanels"], [], ["'recency.chanels'", "mean 'recency.channels'?"]),
        ([], ["contat"], ["does not use 'contat'", "mean 'contact'?", "contact, profile"]),
        ([], ["contact.visit_30d"], ["mean 'contact.visits_30d'?"]),
        ([], ["recency"], ["away does not use 'recency'"]),
        ([], ["contact", "visits_30d"], ["does not use 'visits_30d'"]),
        (["contact"], [], ["uses 'contact' already", "--without contact", "tasks/away.yml"]),
        (["visits_30d"], ["profile"], ["in several feature sets", "contact, contact_v2",
         "contact.visits_30d"]),
        (["arrival"], [], ["'arrival' is of lead", "asks about account", "contact_v2, profile"]),
        ([], ["arrival.arrived"], ["'arrival.arrived' is of lead"]),
        ([], ["contact", "profile"], ["leaves no feature", "without contact, without profile"]),
        (["contact_v2"], [], ["'visits_30d' is defined twice"]),
    ],
)  # fmt: skip
def test_names_that_make_no_sense_are_told(
    catalogue: Catalogue, add: list[str], remove: list[str], said: list[str]
) -> None:
    with pytest.raises(SalesmlError) as caught:
        catalogue.chosen(Variant(add=add, remove=remove))
    for text in [*said, "to do: "]:
        assert text in str(caught.value)


def test_a_broken_set_does_not_matter_unless_it_may_be_meant(
    catalogue: Catalogue, company: Path
) -> None:
    write_set(company, "broken", "select", ["f"])
    (company / "features/account/broken.yml").write_text("oops: 1", encoding="utf-8")
    catalogue.names.append("broken")
    assert "recency" in catalogue.chosen(Variant(add=["recency"]))
    with pytest.raises(ConfigError, match=r"broken\.yml"):
        catalogue.chosen(Variant(add=["channels"]))
