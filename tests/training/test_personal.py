from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from salesml.check import check
from salesml.errors import FeatureError
from salesml.learning import training_data
from salesml.pipeline import read_sources
from salesml.run import open_run
from salesml.training.personal import personal_columns, require_impersonal

MANY = 120
IDS = pd.Series([f"a{i}" for i in range(MANY)])
SYLLABLES = "佐藤鈴木高橋田中伊渡辺山本村小林加"
PEOPLE = [f"{a}{b} {c}子" for a in SYLLABLES for b in SYLLABLES[:3] for c in SYLLABLES[:3]][:MANY]


def what(values: list[object], name: str = "x.y", ids: pd.Series = IDS) -> list[str]:
    X = pd.DataFrame({name: pd.Series(np.resize(np.array(values, dtype=object), len(ids)))})
    return [each.what for each in personal_columns(X, ids)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["taro@example.co.jp", None], "e-mail addresses"),
        (["窓口", "連絡先：ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ（本庁）"], "e-mail addresses"),
        (["03-1234-5678", "０９０−１２３４−５６７８"], "telephone numbers"),
        (["09012345678", "0312345678"], "telephone numbers"),
        (["+81 3-1234-5678", "+1 415 555 0100"], "telephone numbers"),
        (["(03) 1234-5678", "不明"], "telephone numbers"),
        (list(PEOPLE), "a name for nearly each entity"),
    ],
)
def test_is_found(values: list[object], found: str) -> None:
    assert what(values) == [found]


@pytest.mark.parametrize(
    "name", ["contact.last_name", "氏名", "主担当の電話番号", "E_mail_address"]
)
def test_a_column_that_says_so_is_found(name: str) -> None:
    assert what(["x", "y"], name) == ["by its name"]


@pytest.mark.parametrize(
    "values",
    [
        ["mail", "phone", "visit"],
        ["東京都", "大阪府", "北海道"],
        ["2024-01-15", "2024-02-15"],
        ["01-15-2024", "02-15-2024"],
        ["150-0001", "060-0042"],  # postal codes
        ["01100", "13101", "47201"],
        [f"{i:010d}" for i in range(MANY)],  # numbers filled up with zeros
        [f"P-{i:04d}-{i:04d}" for i in range(MANY)],
        [f"札幌市第{i}地区" for i in range(MANY)],
        ["1,000-5,000", "5,000+"],
        ["@next", "a @ b"],
        [None],
        [""],
        [1.0, 2.0, None],
        [True, False],
    ],
)
def test_is_left_alone(values: list[object]) -> None:
    assert what(values) == []
    assert what(values, "usage.mails_opened_30d") == []


def test_names_of_few_and_of_groups_are_left_alone() -> None:
    assert what(list(PEOPLE), ids=IDS[:30]) == []
    assert what(list(PEOPLE[:40])) == []  # three entities each


def test_an_entity_of_many_dates_counts_once() -> None:
    ids = pd.Series(np.repeat(IDS, 5).to_numpy())
    assert what(list(np.repeat(PEOPLE, 5)), ids=ids) == ["a name for nearly each entity"]


def test_categories_are_looked_at_and_numbers_are_not() -> None:
    X = pd.DataFrame({"c": pd.Categorical(["t@e.jp"] * MANY), "n": 9012345678.0})
    assert [each.column for each in personal_columns(X, IDS)] == ["c"]


def test_the_error_names_the_feature_masks_the_example_and_says_what_to_do() -> None:
    X = pd.DataFrame({"a.mail": ["taro@example.jp"] * MANY, "b": 1.0, "c.who": PEOPLE})
    with pytest.raises(FeatureError) as error:
        require_impersonal(X, IDS, where="tasks/x.yml")
    said = str(error.value)
    assert "a.mail (e-mail addresses, such as t***@e******.j*)" in said
    assert "c.who (a name for nearly each entity, such as 佐* 佐*)" in said
    assert "where: tasks/x.yml" in said
    assert "to do: Take them out" in said
    assert not any(name in said for name in ("taro", "example", PEOPLE[0]))
    require_impersonal(X[["b"]], IDS)


@given(st.lists(st.one_of(st.none(), st.text(max_size=30), st.integers(), st.floats()), max_size=9))
def test_any_values_can_be_looked_at(values: list[object]) -> None:
    X = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    personal_columns(X, [str(i) for i in range(len(values))])


def test_few_of_many_rows_are_looked_at() -> None:
    """Every fiftieth of a million: a guard that read all would take seconds."""
    seen = np.resize(np.array(["a"] + ["t@e.jp"] * 49, dtype=object), 1_000_000)
    X = pd.DataFrame({"x": pd.Series(seen)})
    assert personal_columns(X, range(1_000_000)) == []


def test_a_long_text_takes_no_longer_than_its_beginning() -> None:
    assert what(["x" * 1_000_000 + "@"], ids=IDS[:1]) == []


def test_check_and_training_refuse_it(tmp_path: Path) -> None:
    root = tiny.make_company(tmp_path)
    address = tiny.PROFILE_SQL.replace("segment as", "concat(account_id, '@shop.jp') as")
    expected = tiny.PROFILE_YML.replace("account_segment: SMB}]", "account_segment: a@shop.jp}]")
    (root / "features/account/profile.sql").write_text(address)
    (root / "features/account/profile.yml").write_text(expected)
    (problem,) = check("tiny", root=root, now=tiny.NOW).problems
    assert isinstance(problem, FeatureError)
    assert problem.where == "features of task away"
    with open_run("tiny", tiny.AS_OF, root=root, now=tiny.NOW) as run:
        read_sources(run)
        with pytest.raises(FeatureError, match=r"account_segment \(e-mail addresses"):
            training_data(run, run.project.task("away"))
