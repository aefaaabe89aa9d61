"""``salesml municipal plan`` and ``peers``: what they print fits the terminal and says it all."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType
from typer.testing import CliRunner, Result

from salesml import api, cli
from salesml.approach import Plan
from salesml.approach.peers_view import peers_view
from salesml.approach.table import plan_view
from salesml.config import Words
from tests.approach.towns import AS_OF, OSATO

LANGUAGES = ["ja", "en"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["municipal", *arguments], catch_exceptions=False)


def printed(what: RenderableType, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(what)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


@pytest.fixture(autouse=True)
def _here(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)


# plan ------------------------------------------------------------------------------------------


def with_reasons(found: Plan) -> Plan:
    """*found* with texts that are too long, and one that looks like markup."""
    reason = {"points": 25, "text_ja": "[red]県内の導入率" * 9, "text_en": "[red]adopted " * 15}
    against = {"points": -3, "text_ja": "財政力", "text_en": "fiscal strength"}
    rows = found.rows.assign(name="とても長い名前の町" * 5)
    rows["reasons_for"] = pd.Series([[reason]] * len(rows), dtype=object)
    rows["reasons_against"] = pd.Series([[against]] * len(rows), dtype=object)
    left_out = [Words(ja="人口", en="population")]
    return replace(found, rows=rows, left_out=left_out)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_of_a_plan_fit_the_width(found: Plan, language: str, width: int) -> None:
    text = printed(plan_view(with_reasons(found), 3, language, "JPY"), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "[red]" in text


def test_a_plan_in_japanese(found: Plan) -> None:
    text = printed(plan_view(found.of(top=2), 3, "ja", "JPY"))
    for words in (
        "導入  2024-05-10時点の優先順位  2件（全3件）",
        "予算編成方針 2024-04-01 – 2024-06-30",
        "話す相手: 管理職 (費用対効果) → 首長 (政策)",
        "材料: 政策課題と解決策、費用対効果",
        "2024-05-20 (あと10日) デジタル交付金の申請締切",
        "パッケージや共同利用を、少人数の意思決定者に",
        "埼玉県小川町 (2023-10, ≈0.70, 12 km)",
        "「三次元の都市模型を整える」 (第5次総合計画, ≈0.40)",
        "2025-04-25 (約12か月後)",
        "直近の異動で着任",
        "予算編成方針 25.0% → 予算要求 27.0%",
        "¥40",
    ):
        assert words in text


def test_a_plan_in_english(found: Plan) -> None:
    text = printed(plan_view(found, 3, "en", "JPY"))
    for words in (
        "Priorities as of 2024-05-10  3 of 3  Will it adopt within a year?",
        "Talk to: managers (cost effect) → mayor (policy)",
        "2024-05-31 (21 days left) June supplementary budget: ask for it by 31 May",
        "1 adopted",
        "2024-05-10 (0 days left)",
        "new since the last rotation",
    ):
        assert words in text


def test_a_plan_of_nobody(found: Plan) -> None:
    nobody = replace(found, rows=found.rows.head(0))
    assert "No municipality to approach." in printed(plan_view(nobody, 0, "en", "JPY"))


def test_plan_prints_a_table() -> None:
    result = run("plan", "-p", "towns", "--top", "1", "--lang", "en")
    assert result.exit_code == 0, result.stderr
    assert "1 of 3" in result.stdout
    assert "千里村" in result.stdout
    assert "大里市" not in result.stdout


def test_plan_as_json_and_csv() -> None:
    told = json.loads(run("plan", "-p", "towns", "--owner", "山田", "--format", "json").stdout)
    (row,) = told
    assert (row["rank"], row["municipality_id"], row["as_of"]) == (2, OSATO, str(AS_OF))
    assert row["cited"][0]["adopted_on"] == "2023-10-01"
    assert row["amount"] is None
    frame = pd.read_csv(io.StringIO(run("plan", "-p", "towns", "--format", "csv").stdout))
    assert len(frame) == 3
    assert json.loads(frame["cited"][1])[0]["name"] == "小川町"
    assert frame["deadline_on"][1] == "2024-05-20"


def test_plan_of_what_is_not_there() -> None:
    for arguments, said in (
        (("--as-of", "2024-05-11"), "Run the nightly for that date"),
        (("--task", "adopton"), "Did you mean 'adoption'?"),
        (("--owner", "誰か"), "owners: 佐藤, 山田"),
    ):
        result = run("plan", "-p", "towns", *arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert said in result.stderr


# peers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [40, 80, 136, 140, 150])
def test_lines_of_peers_fit_the_width(made: Path, language: str, width: int) -> None:
    found = api.municipal_peers("towns", OSATO, as_of=AS_OF, root=made)
    values = found.values.assign(**dict.fromkeys(found.values, 0.123))
    far = pd.DataFrame(-1.5, found.distances.index, found.distances.columns)
    found = replace(found, values=values, distances=far)
    text = printed(peers_view(found, language), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert text.count("(−1.5)") == 3 * len(found.traits)  # nothing is cut off
    assert "2023-10" in text


def test_peers_as_a_table_and_as_csv() -> None:
    arguments = ("peers", "-p", "towns", "118010", "--as-of", str(AS_OF))
    text = run(*arguments, "--lang", "en").stdout
    for words in ("Municipalities like 埼玉県大里市 (11801)", "千里村", "(+0.2)", "village"):
        assert words in text
    assert "fiscal strength" not in text  # nobody has any
    frame = pd.read_csv(io.StringIO(run(*arguments, "--format", "csv").stdout), dtype=str)
    assert frame["adopted_on"].fillna("").tolist() == ["", "", "2023-10-01", "2022-10-01"]


def test_peers_of_an_ambiguous_name() -> None:
    result = run("peers", "-p", "towns", "大里市", "--as-of", str(AS_OF))
    assert result.exit_code == 1
    assert "11801 埼玉県大里市; 12801 千葉県大里市" in result.stderr


def test_peers_of_one_that_has_none() -> None:
    result = run("peers", "-p", "towns", "13801", "--as-of", str(AS_OF), "--lang", "en")
    assert "No peers are known on this date." in result.stdout
