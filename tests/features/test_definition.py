from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from fakes import WORDS, feature, feature_set

from salesml.errors import ConfigError, FeatureError
from salesml.features import load_feature_set, load_feature_sets

SQL = "select 1"
READS = {
    "activities": {"columns": {"channel": "varchar"}},
    "mine": {
        "source": "activities",
        "on": "owner_id",
        "columns": {"source_account_id": "varchar", "channel": "varchar"},
    },
    "all_of_them": {"source": "activities", "on": "as_of", "columns": {"account_id": "varchar"}},
}


def test_a_set_is_read(tmp_path: Path) -> None:
    fs = feature_set(tmp_path, SQL, {"n": feature()}, reads=READS, lookback="2 weeks")
    assert (fs.name, fs.entity, fs.id_column, fs.sql) == (
        "engagement",
        "account",
        "account_id",
        SQL,
    )
    assert {n: (r.source, r.on) for n, r in fs.reads.items()} == {
        "activities": ("activities", "account_id"),
        "mine": ("activities", "owner_id"),
        "all_of_them": ("activities", "as_of"),
    }
    assert fs.links == {"owner_id"}
    assert fs.source_columns(fs.reads["mine"]) == {"account_id": "varchar", "channel": "varchar"}
    assert fs.source_columns(fs.reads["all_of_them"]) == {"account_id": "varchar"}
    assert fs.earliest(dt.date(2024, 1, 15)) == dt.date(2024, 1, 1)


def test_no_limit_to_looking_back(tmp_path: Path) -> None:
    fs = feature_set(tmp_path, SQL, {"n": feature()}, reads={}, lookback="all")
    assert fs.earliest(dt.date(2024, 1, 15)) is None


@pytest.mark.parametrize(
    ("kind", "missing", "fill"),
    [
        ("double", 0, 0.0),
        ("double", "unknown", None),
        ("boolean", False, False),
        ("varchar", "none", "none"),
        ("varchar", "unknown", None),
    ],
)
def test_what_stands_for_missing(tmp_path: Path, kind: str, missing: object, fill: object) -> None:
    changed = feature(type=kind, missing=missing, missing_words=WORDS)
    fs = feature_set(tmp_path, SQL, {"n": changed}, reads={})
    assert fs.features["n"].fill == fill
    assert type(fs.features["n"].fill) is type(fill)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"concept": "contatc"}, "unknown concept 'contatc'. Did you mean 'contact'?"),
        ({"previous": "m"}, "previous 'm' is no feature"),
        ({"missing": "unknown"}, "missing: unknown needs missing_words"),
        ({"missing": "none"}, "missing: 'none' is no double"),
        ({"missing": True}, "missing: True is no double"),
        ({"type": "varchar"}, "missing: 0.0 is no varchar"),
        ({"type": "boolean"}, "missing: 0.0 is no boolean"),
        ({"words": {"ja": "{value}", "en": "{valeu}"}}, "words hold {valeu}"),
        ({"words": {"ja": "{previous}", "en": "x"}}, "words hold {previous}"),
        ({"words": {"ja": "{value", "en": "x"}}, "expected '}'"),
        ({"if_true": WORDS}, "if_true and if_false are words for a boolean"),
        (
            {"type": "boolean", "missing": False, "labels": {"1": WORDS}},
            "labels are words for codes; a boolean has if_true and if_false",
        ),
        (
            {"type": "boolean", "missing": False, "if_true": {"ja": "{is}", "en": "x"}},
            "words hold {is}",
        ),
        ({"actionable": True, "good": "none"}, "actionable is only a double"),
        ({"actionable": True, "type": "boolean", "missing": False}, "actionable is only a double"),
        ({"event": {"stopps": WORDS}}, "Did you mean 'stops'?"),
        ({"good": "high"}, "Input should be 'up', 'down' or 'none'"),
        ({"goood": "up"}, "unknown key 'features.n.goood'. Did you mean 'good'?"),
        ({"type": "text"}, "Input should be 'double', 'varchar' or 'boolean'"),
    ],
)
def test_features_that_cannot_be(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        feature_set(tmp_path, SQL, {"n": feature(**changes)}, reads={})
    assert message in str(caught.value)
    assert f"{tmp_path}/account/engagement.yml:" in str(caught.value)


def test_words_may_format_and_compare(tmp_path: Path) -> None:
    words = {"ja": "{previous:.1f}→{value}", "en": "{{from}} {previous} to {value:.0f}"}
    features = {"n": feature(words=words, previous="m"), "m": feature()}
    assert feature_set(tmp_path, SQL, features, reads={}).features["n"].previous == "m"


def test_words_may_show_another_feature_alone(tmp_path: Path) -> None:
    words = {"ja": "金額{previous}", "en": "Amount: {previous}"}
    features = {"n": feature(words=words, previous="m"), "m": feature()}
    found = feature_set(tmp_path, SQL, features, reads={}).features
    assert [found[name].shows_value for name in "nm"] == [False, True]


def test_a_set_that_is_not_there(tmp_path: Path) -> None:
    feature_set(tmp_path, SQL, {"n": feature()}, reads={})
    with pytest.raises(FeatureError, match=r"'engagment' for account\. Did you mean 'engagement'"):
        load_feature_set(tmp_path, "account", "engagment")
    with pytest.raises(FeatureError) as caught:
        load_feature_set(tmp_path, "lead", "profile")
    assert caught.value.fix == "Add the two files."


def test_a_set_without_its_yml(tmp_path: Path) -> None:
    feature_set(tmp_path, SQL, {"n": feature()}, reads={})
    (tmp_path / "account" / "engagement.yml").unlink()
    with pytest.raises(ConfigError, match=r"no file .*engagement\.yml"):
        load_feature_set(tmp_path, "account", "engagement")


def test_features_have_one_home(tmp_path: Path) -> None:
    feature_set(tmp_path, SQL, {"n": feature()}, reads={})
    feature_set(tmp_path, SQL, {"m": feature(), "n": feature()}, reads={}, name="usage")
    feature_set(tmp_path, SQL, {"o": feature()}, reads={}, name="tickets")
    with pytest.raises(ConfigError, match="'n' is defined twice") as caught:
        load_feature_sets(tmp_path, "account", ["engagement", "usage"])
    assert caught.value.where is not None
    assert caught.value.where.endswith("account/usage.sql")
    sets = load_feature_sets(tmp_path, "account", ["usage", "tickets"])
    assert [list(fs.features) for fs in sets] == [["m", "n"], ["o"]]
