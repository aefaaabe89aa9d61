from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from salesml.errors import ConfigError
from salesml.yaml_file import YamlFile, read_model


class Pet(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    legs: int = 4
    born: dt.date | None = None


class Owner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    pets: dict[str, Pet] = {}
    home: int | bool = 0


def written(folder: Path, text: str) -> Path:
    path = folder / "owner.yml"
    path.write_text(text, encoding="utf-8")
    return path


def content(folder: Path, text: str, **environment: str) -> Any:
    return YamlFile(written(folder, text), environment).content


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("012", "012"),
        ("12:30", "12:30"),
        ("true", True),
        ("12", 12),
        ("-1.5", -1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("010.5", "010.5"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("~", None),
        ("", None),
        ("2024-01-31", dt.date(2024, 1, 31)),
        ("2024-01-31 10:00:00", dt.datetime(2024, 1, 31, 10)),
        ("2024-01-31 10:00", "2024-01-31 10:00"),
        ("2024-13-45", "2024-13-45"),
        ("'12'", "12"),
    ],
)
def test_plain_values(tmp_path: Path, text: str, value: object) -> None:
    assert content(tmp_path, f"key: {text}") == {"key": value}


def test_keys_are_texts(tmp_path: Path) -> None:
    assert content(tmp_path, "on: a\nno: b\n12: c\n") == {"on": "a", "no": "b", "12": "c"}


def test_nothing_is_no_keys(tmp_path: Path) -> None:
    assert content(tmp_path, "# only a comment\n") == {}


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    assert content(tmp_path, "\ufeffname: 花") == {"name": "花"}


def test_variables_come_from_the_environment(tmp_path: Path) -> None:
    text = "a: ${HOME_DIR}/x\nb: ${NONE:-c d}\nc: ${EMPTY:-}\nd: [ '${HOME_DIR}' ]"
    found = content(tmp_path, text, HOME_DIR="/h", EMPTY="")
    assert found == {"a": "/h/x", "b": "c d", "c": "", "d": ["/h"]}


def test_an_undefined_variable_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="variable SECRET is not set") as caught:
        content(tmp_path, "a: 1\nb:\n  - x\n  - ${SECRET}\n")
    assert caught.value.where == f"{tmp_path / 'owner.yml'}:4"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no file .*none\.yml"):
        YamlFile(tmp_path / "none.yml")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "not valid YAML"),
        ("a: 1\na: 2\n", 2, "'a' stands twice"),
        ("x:\n  a: 1\n  b: 1\n  a: 2\n", 4, "'a' stands twice"),
        ("a: 1\nb: {{ x }}\n", 2, "a key must be a text"),
    ],
)
def test_faults_of_form_name_their_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=words) as caught:
        YamlFile(path)
    assert caught.value.where == f"{path}:{line}"
    assert caught.value.fix


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "owner.yml"
    path.write_bytes("name: 花子".encode("cp932"))
    with pytest.raises(ConfigError, match="not UTF-8") as caught:
        YamlFile(path)
    assert caught.value.fix == "Save the file as UTF-8."


def test_control_characters(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="characters are not allowed"):
        YamlFile(written(tmp_path, "a: \x01"))


def test_where_falls_back_to_the_parent(tmp_path: Path) -> None:
    file = YamlFile(written(tmp_path, "a:\n  b: 1\n  c:\n    - x\n    - y\n"), {})
    assert [file.where(p).rpartition(":")[2] for p in [("a", "b"), ("a", "c", 1), ("a", "z")]] == [
        "2",
        "5",
        "1",
    ]


def test_a_model_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "pets: {rex: {name: Rex, born: 2020-05-01}}")
    owner = read_model(path, Owner, name="Ann")
    assert owner == Owner(name="Ann", pets={"rex": Pet(name="Rex", born=dt.date(2020, 5, 1))})


def test_all_problems_of_a_model_are_listed_with_lines(tmp_path: Path) -> None:
    path = written(
        tmp_path, "nmae: Ann\npets:\n  rex:\n    name: Rex\n    legz: 3\n    born: soon\n"
    )
    with pytest.raises(ConfigError) as caught:
        read_model(path, Owner)
    message = str(caught.value)
    assert "owner.yml has 4 problems" in message
    assert f"{path}:1: the key 'name' is missing." in message
    assert f"{path}:1: unknown key 'nmae'. Did you mean 'name'?" in message
    assert f"{path}:5: unknown key 'pets.rex.legz'. Did you mean 'legs'?" in message
    assert f"{path}:6: 'pets.rex.born': " in message
    assert "(received 'soon')" in message


def test_one_value_of_several_types_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has a problem") as caught:
        read_model(written(tmp_path, "name: A\nhome: far"), Owner)
    assert "'home': " in caught.value.what
    assert " or " in caught.value.what


def test_further_checks_have_places(tmp_path: Path) -> None:
    path = written(tmp_path, "name: Ann\npets:\n  rex: {name: Rex}\n")
    with pytest.raises(ConfigError, match=r"owner\.yml:3: too few legs"):
        read_model(path, Owner, lambda _: [(("pets", "rex", "legs"), "too few legs")])


def test_a_list_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must hold keys and values") as caught:
        read_model(written(tmp_path, "- a\n- b\n"), Owner)
    assert caught.value.received == "list"
