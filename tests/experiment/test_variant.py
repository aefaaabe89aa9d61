from __future__ import annotations

import pytest

from salesml import Variant
from salesml.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--without usage", Variant(remove=("usage",))),
        ("no usage: --without usage", Variant(remove=("usage",), name="no usage")),
        ("解約: --with a,b --with=c", Variant(add=("a", "b", "c"), name="解約")),
        (
            " x : --set model.time_budget=10 --without 'a b'",
            Variant(remove=("a b",), settings={"model.time_budget": "10"}, name="x"),
        ),
        (
            "--set 'model.monotone={a: 1}'",
            Variant(settings={"model.monotone": "{a: 1}"}),
        ),
    ],
)
def test_parsed(text: str, expected: Variant) -> None:
    assert Variant.parse(text) == expected


@pytest.mark.parametrize(
    ("variant", "title"),
    [
        (Variant(add=["a"], remove=["b", "c"]), "without b, without c, with a"),
        (Variant(settings={"model.time_budget": 10}), "model.time_budget=10"),
        (Variant(add=["a"], name="more"), "more"),
        (Variant(), ""),
    ],
)
def test_called_by_its_name_or_what_it_changes(variant: Variant, title: str) -> None:
    assert variant.title == title


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no usage", "changes nothing"),
        ("no usage:", "changes nothing"),
        ("", "changes nothing"),
        ("--with", "changes nothing"),
        ("x: --without ,", "changes nothing"),
        ("--witout usage", "unknown option '--witout'. Did you mean '--without'?"),
        ("no usage: usage", "unknown option 'usage'"),
        ("x: --with 'usage", "No closing quotation"),
        ("--set model.time_budget", "must have a name and a value"),
        ("--set =3", "must have a name and a value"),
        ("--set", "must have a name and a value"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Variant.parse(text)
    assert said in str(caught.value)
    assert "to do: " in str(caught.value)
