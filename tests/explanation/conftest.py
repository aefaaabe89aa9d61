from __future__ import annotations

from pathlib import Path

import pytest
from fakes import WORDS, feature, feature_set

from salesml.features import FeatureSet

UNKNOWN = {"missing": "unknown", "missing_words": {"ja": "記録なし", "en": "not on record"}}
DAYS = {"ja": "日", "en": "days"}


@pytest.fixture
def activity(tmp_path: Path) -> FeatureSet:
    """Logins (actionable), those before and their trend, recency, fee, shelf and plan."""
    features = {
        "logins": feature(
            concept="login",
            unit=DAYS,
            words={"ja": "ログインが{previous}日→{value}日", "en": "Logins: {previous} → {value}"},
            event={"stops": {"ja": "ログインが止まりました", "en": "Logins stopped"}},
            actionable=True,
            good="up",
            previous="logins_before",
        ),
        "logins_before": feature(
            concept="login", unit=DAYS, words={"ja": "前は{value}日", "en": "Before: {value}"}
        ),
        "trend": feature(
            concept="login", words={"ja": "増減{value:+}日", "en": "Logins, trend: {value:+}"}
        ),
        "silence": feature(
            concept="contact",
            unit=DAYS,
            words={"ja": "接点から{value}日", "en": "Days since a contact: {value}"},
            good="down",
            actionable=True,
            **UNKNOWN,
        ),
        "fee": feature(concept="money", words={"ja": "料金{value}", "en": "Fee: {value}"}),
        "shelf": feature(concept="money", unit={"ja": "番", "en": "number"}),
        "plan": feature(concept="money", type="varchar", **UNKNOWN),
    }
    concepts = dict.fromkeys(("login", "contact", "money"), WORDS)
    return feature_set(tmp_path, "select", features, reads={}, concepts=concepts)
