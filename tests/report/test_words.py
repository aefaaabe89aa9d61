import re
from importlib.resources import files
from string import Formatter

import pytest

from salesml.config import Words
from salesml.report import words
from salesml.report.words import both, check_words, metric_words, phrase, say
from salesml.training.metrics import METRICS


def _fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text)} - {None}


@pytest.mark.parametrize("key", words._WORDS)
def test_both_languages_say_the_same_things(key: str) -> None:
    ja, en = words._WORDS[key]
    assert _fields(ja) == _fields(en)


@pytest.mark.parametrize("key", words._WORDS)
def test_every_phrase_is_said_somewhere(key: str) -> None:
    package, terminal = files("salesml.report"), files("salesml").joinpath("action_tables.py")
    texts = [
        f
        for f in (*package.joinpath("templates").iterdir(), *package.iterdir(), terminal)
        if f.is_file()
    ]
    said = "".join(f.read_text(encoding="utf-8") for f in texts if not f.name.endswith("words.py"))
    stem = re.sub(r"_(good|bad)$", "_", re.sub(r"^(train|test)_window$", "_window", key))
    assert f'"{stem}' in said or f'"{stem.removeprefix("outcome_")}"' in said


def test_words_are_escaped() -> None:
    html = both(Words(ja="<b>", en="'&"))
    assert html == (
        '<span class="ja" lang="ja">&lt;b&gt;</span><span class="en" lang="en">&#39;&amp;</span>'
    )
    assert both(Words(ja="<A>", en="<A>")) == "&lt;A&gt;"


def test_values_are_put_in_by_language() -> None:
    band = Words(ja="危険", en="Critical")
    assert phrase("entered", band=band) == Words(ja="新たに「危険」", en="New in “Critical”")
    assert "&lt;i&gt;" in say("entered", band=Words(ja="<i>", en="x"))
    assert phrase("version", version="{run}").en == "Model {run}"


@pytest.mark.parametrize("name", METRICS)
def test_every_measure_of_training_has_words(name: str) -> None:
    title, reading = metric_words(name)
    assert name not in (title.ja, title.en)
    assert reading.ja


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("not_null(account_id)", "account_id is empty"),
        ("unique(account_id, day)", "account_id, day is a duplicate"),
        ("known_at", "no time of entry"),
        ("not_in_future(known_at)", "entered in the future"),
        ("some_other(x)", "some_other(x)"),
        ("no check at all", "no check at all"),
        ("type({x})", "{x} has the wrong type"),
    ],
)
def test_checks_in_words(name: str, text: str) -> None:
    assert check_words(name).en == text
