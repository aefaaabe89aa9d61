from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from salesml.training import TrainingResult
from salesml.training.figures import draw
from salesml.training.result import Explained

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("which", ["result", "silent_result"])
def test_pictures_are_drawn(which: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    files = draw(request.getfixturevalue(which), tmp_path)
    assert {f.name for f in files} == {
        "calibration.png",
        "gain.png",
        "importance.png",
        "contributions.png",
    }
    assert all(f.read_bytes().startswith(PNG) for f in files)


def test_names_with_formula_signs_and_no_font_are_drawn(
    result: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salesml.training.figures.FONTS", ())
    rows, contributions = result.explained
    odd = Explained(rows, contributions.set_axis(["$a_{", "金額($)", "^b$"], axis=1))
    assert len(draw(replace(result, explained=odd), tmp_path)) == 4


def test_training_imports_no_heavy_packages() -> None:
    code = (
        "import sys, salesml.training, salesml.registry;"
        "print([m for m in ('mlflow', 'prefect', 'matplotlib', 'shap') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
