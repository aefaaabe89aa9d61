"""Model directories: JSON and LightGBM's text, with hashes, and no pickle."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from salesml.errors import ModelError
from salesml.training.blend import Blend
from salesml.training.boosting import Boosted
from salesml.training.calibration import Calibration
from salesml.training.candidates import BaseRate, Candidate
from salesml.training.logistic import Logistic
from salesml.training.rule import Rule

__all__ = ["Stored", "digest", "read_model", "restore", "store", "verify", "write_model"]

FORMAT = 2
PACKAGES = ("salesml", "lightgbm", "scikit-learn", "numpy", "pandas")
RETRAIN = "restore the files from a backup, roll back to another version, or train again"


class Stored(NamedTuple):
    """A model as its directory holds it."""

    name: str
    candidate: Candidate
    calibration: Calibration
    content: dict[str, Any]


def store(directory: Path, name: str, candidate: Candidate, content: dict[str, Any]) -> None:
    """Write *candidate* and *content* to a new or empty directory.

    Raises
    ------
    ModelError
        If the directory holds files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise ModelError(
            "The directory holds files already.", where=str(directory), fix="name a new one"
        )
    model = {"chosen": name, "model": candidate.dump(directory)}
    write_model(directory, content | model)


def restore(directory: Path) -> Stored:
    """Return what `store` wrote; raises as `read_model`."""
    content = read_model(directory)
    name, width = content["chosen"], len(content["columns"])
    threads = content["parameters"]["num_threads"]
    candidate = _candidate(name, content["model"], directory, width, threads)
    return Stored(name, candidate, Calibration(*content["calibration"]), content)


def _candidate(
    name: str, stored: dict[str, Any], directory: Path, width: int, threads: int
) -> Candidate:
    if name == "blend":
        parts = {
            each: _candidate(each, part, directory, width, threads)
            for each, part in stored["parts"].items()
        }
        return Blend(parts, stored["weights"], stored["shift"])
    if name == "lightgbm":
        return Boosted.restore(stored, directory, width, threads)
    if name == "logistic":
        return Logistic.restore(stored)
    return Rule.restore(stored) if name == "rule" else BaseRate(**stored)


def write_model(directory: Path, content: dict[str, Any]) -> None:
    """Write ``model.json`` last, with the hashes of the files that are there already."""
    head = {
        "format": FORMAT,
        "versions": {package: version(package) for package in PACKAGES},
        "sha256": {file.name: _sha256(file) for file in _files(directory)},
    }
    text = json.dumps(head | content, ensure_ascii=False, indent=1, allow_nan=False)
    (directory / "model.json").write_text(text, encoding="utf-8")


def read_model(directory: Path) -> dict[str, Any]:
    """Return the content of ``model.json`` after checking the files beside it.

    Raises
    ------
    ModelError
        If there is no model, its format is another one, or a file is missing or was changed.
    """
    content = _content(directory)
    if content.get("format") != FORMAT:
        raise ModelError(
            "The model was written in a format that this version does not read.",
            received=f"format {content.get('format')}",
            where=str(directory / "model.json"),
            fix=f"train it again; this version reads format {FORMAT}",
        )
    changed = _changed_files(directory, content)
    if changed:
        raise _changed(directory, changed)
    return content


def digest(directory: Path) -> str:
    """Return one SHA-256 over names and contents of all files of a model directory."""
    total = hashlib.sha256()
    for file in _files(directory):
        total.update(f"{file.name}\n{_sha256(file)}\n".encode())
    return total.hexdigest()


def verify(directory: Path, sha256: str) -> None:
    """Check a model directory against the digest noted when it was trained.

    Raises
    ------
    ModelError
        Naming the file that is missing or was changed.
    """
    found = digest(directory)
    if found != sha256:
        changed = _changed_files(directory, _content(directory))
        raise _changed(directory, changed or ["model.json"], f"sha256 {found}, expected {sha256}")


def _content(directory: Path) -> dict[str, Any]:
    file = directory / "model.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            "There is no model.", where=str(file), fix="train one, or check the path"
        ) from None
    except ValueError as problem:
        raise _changed(directory, ["model.json"], problem) from problem
    if not isinstance(content, dict):
        raise _changed(directory, ["model.json"], f"a {type(content).__name__}")
    return content


def _changed_files(directory: Path, content: dict[str, Any]) -> list[str]:
    noted: dict[str, str] = content.get("sha256", {})
    present = {file.name: _sha256(file) for file in _files(directory) if file.name != "model.json"}
    return sorted(n for n in noted.keys() | present.keys() if noted.get(n) != present.get(n))


def _changed(directory: Path, files: list[str], received: object = None) -> ModelError:
    return ModelError(
        f"The model was changed after training: {', '.join(files)}.",
        received=received,
        where=", ".join(str(directory / name) for name in files),
        fix=RETRAIN,
    )


def _files(directory: Path) -> list[Path]:
    return sorted(file for file in directory.glob("*") if file.is_file())


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
