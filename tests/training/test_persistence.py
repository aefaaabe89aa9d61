from __future__ import annotations

import json
from pathlib import Path

import pytest

from salesml.errors import ModelError
from salesml.training import digest, verify
from salesml.training.persistence import read_model, write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "booster_0.txt").write_text("trees")
    write_model(tmp_path, {"名": [1.5]})
    return tmp_path


def test_content_comes_back_with_versions(model: Path) -> None:
    content = read_model(model)
    assert content["名"] == [1.5]
    assert content["versions"].keys() >= {"salesml", "lightgbm"}


def test_unchanged_directory_verifies(model: Path) -> None:
    verify(model, digest(model))


@pytest.mark.parametrize(
    ("file", "text"), [("booster_0.txt", "treez"), ("extra.txt", ""), ("model.json", None)]
)
def test_changed_file_is_named(model: Path, file: str, text: str | None) -> None:
    noted = digest(model)
    path = model / file
    path.write_text(text if text is not None else path.read_text().replace("1.5", "1.6"))
    with pytest.raises(ModelError, match="changed after training") as caught:
        verify(model, noted)
    assert str(path) == caught.value.where
    assert "roll back" in str(caught.value.fix)


def test_missing_booster_is_named(model: Path) -> None:
    (model / "booster_0.txt").unlink()
    with pytest.raises(ModelError, match=r"booster_0\.txt"):
        read_model(model)


def test_renaming_changes_the_digest(model: Path) -> None:
    before = digest(model)
    (model / "booster_0.txt").rename(model / "booster_1.txt")
    assert digest(model) != before


def test_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model"):
        read_model(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["{", "[]"])
def test_broken_json_is_said(model: Path, text: str) -> None:
    (model / "model.json").write_text(text)
    with pytest.raises(ModelError, match=r"changed after training: model\.json"):
        read_model(model)


def test_other_format_is_said(model: Path) -> None:
    path = model / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(ModelError, match="format") as caught:
        read_model(model)
    assert caught.value.received == "format 99"
