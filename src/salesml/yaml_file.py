"""Reading one YAML file into a typed model, with errors that name file and line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from salesml import secrets
from salesml.errors import ConfigError, suggest

try:  # five times as fast; every worker reads the project
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # a PyYAML that was built without libyaml
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

__all__ = ["Place", "YamlFile", "read_model"]

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]


class _Loader(_SafeLoader):
    """YAML 1.2's plain values: yes, no, on, off, 012 and 12:30 are texts."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the name is PyYAML's


_WHOLE = r"[-+]?(0|[1-9][0-9]*)"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?"  # with seconds: PyYAML makes no time of others
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", _WHOLE, [*"-+0123456789"]),
    ("float", rf"({_WHOLE}|[-+]?(?=\.))(\.[0-9]*)?(e[-+]?[0-9]+)?", [*"-+.0123456789"]),
    ("timestamp", rf"{_DAY}([Tt ]{_TIME} ?(Z|[-+][0-9]{{1,2}}(:[0-9]{{2}})?)?)?", [*"0123456789"]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^({_pattern})$"), _first
    )


class YamlFile:
    """The content of a YAML file and the line each value stands on.

    ``${NAME}`` and ``${NAME:-default}`` in values are replaced from the environment, but for
    secrets: these are looked up when they are used. Keys are texts. Raises ConfigError when the
    file is missing, is not YAML, or repeats a key.
    """

    def __init__(self, path: Path, environment: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._environment = os.environ if environment is None else environment
        self._constructor = yaml.constructor.SafeConstructor()
        self._lines: dict[Place, int] = {}
        root = self._compose()
        self.content: Any = {} if root is None else self._build(root, ())

    def where(self, place: Place) -> str:
        """``file:line`` of the value at *place*, or of its nearest parent that has one."""
        while place and place not in self._lines:
            place = place[:-1]
        return f"{self.path}:{self._lines.get(place, 1)}"

    def _compose(self) -> yaml.Node | None:
        try:
            return yaml.compose(self.path.read_text(encoding="utf-8-sig"), Loader=_Loader)
        except FileNotFoundError:
            raise ConfigError(
                f"There is no file {self.path}.", fix="Create it, or check the name of the project."
            ) from None
        except UnicodeDecodeError as error:
            raise self._not_yaml(
                f"byte {error.start} is not UTF-8", fix="Save the file as UTF-8."
            ) from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise self._not_yaml(str(error.problem), line) from None
        except yaml.YAMLError as error:
            raise self._not_yaml(str(error).splitlines()[0]) from None

    def _not_yaml(
        self,
        problem: str,
        line: int = 1,
        fix: str = "Check indentation, and quote texts that hold ': ' or '#'.",
    ) -> ConfigError:
        return ConfigError(
            f"{self.path.name} is not valid YAML: {problem}.", where=f"{self.path}:{line}", fix=fix
        )

    def _build(self, node: yaml.Node, place: Place) -> Any:
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._build_mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*place, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _build_mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, place)
            self._lines[(*place, key)] = key_node.start_mark.line + 1
            if key in built:
                raise ConfigError(
                    f"The key '{key}' stands twice.",
                    where=f"{self.path}:{key_node.start_mark.line + 1}",
                    fix="Keep one of the two.",
                )
            built[key] = self._build(value_node, (*place, key))
        return built

    def _key(self, node: yaml.Node, place: Place) -> str:
        if not isinstance(node, yaml.ScalarNode):
            line = node.start_mark.line + 1
            raise self._not_yaml("a key must be a text", line, "Quote values that begin with '{'.")
        return self._substitute(node.value, place)

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        try:
            value = self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError):
            value = node.value  # 2024-13-45 looks like a date and is none
        return self._substitute(value, place) if isinstance(value, str) else value

    def _substitute(self, text: str, place: Place) -> str:
        if secrets.is_left(place):
            return text
        return secrets.substituted(text, self._environment, lambda: self.where(place))


def read_model(
    path: Path,
    model: type[Model],
    check: Callable[[Model], Iterable[tuple[Place, str]]] | None = None,
    **extra: object,
) -> Model:
    """Read *path* as *model*; *extra* keys (a name, say) are added to the file's own.

    *check* yields further problems of the model read, each with its place in the file. Raises
    ConfigError with every problem, each with its line.
    """
    file = YamlFile(path)
    if not isinstance(file.content, dict):
        raise ConfigError(
            f"{path.name} must hold keys and values.",
            received=type(file.content).__name__,
            where=f"{path}:1",
            fix="Write 'key: value' lines.",
        )
    try:
        read = model.model_validate({**file.content, **extra})
    except ValidationError as error:
        raise _listed(file, _problems(error, file, model)) from None
    found = list(check(read)) if check is not None else []
    if found:
        raise _listed(file, found)
    return read


def _listed(file: YamlFile, problems: list[tuple[Place, str]]) -> ConfigError:
    lines = "\n".join(f"  {file.where(place)}: {text}" for place, text in problems)
    many = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
    return ConfigError(f"{file.path.name} has {many}:\n{lines}", fix="Correct these lines.")


def _problems(
    error: ValidationError, file: YamlFile, model: type[BaseModel]
) -> list[tuple[Place, str]]:
    """The problems by place; those of one value against several types are one problem."""
    problems: dict[Place, list[str]] = {}
    for problem in error.errors():
        place = _real_place(problem["loc"], file.content)
        problems.setdefault(place, []).append(_describe(dict(problem), place, model))
    return [
        (place, text)
        for place, texts in problems.items()
        for text in ([" or ".join(texts)] if _is_one_value(file.content, place) else texts)
    ]


def _is_one_value(content: Any, place: Place) -> bool:
    for step in place:
        content = content[step]
    return not isinstance(content, (dict, list))


def _real_place(place: Place, content: Any) -> Place:
    """Drop what pydantic adds to a location (the tags of unions)."""
    real: list[str | int] = []
    for step in place:
        known = range(len(content)) if isinstance(content, list) else content
        if isinstance(content, (dict, list)) and step in known:
            content = content[step]  # type: ignore[index]
            real.append(step)
    return tuple(real)


def _describe(problem: dict[str, Any], place: Place, model: type[BaseModel]) -> str:
    name = ".".join(str(step) for step in place)
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{name}'.{suggest(str(place[-1]), set(_names(model)))}"
    if problem["type"] == "missing":
        key = str(problem["loc"][-1])
        return f"the key '{'.'.join(filter(None, (name, key)))}' is missing{_why_required(key)}"
    message = problem["msg"].removeprefix("Value error, ")
    subject = f"'{name}': " if name else ""
    if isinstance(problem["input"], (dict, list, BaseModel)):
        return f"{subject}{message}"
    return f"{subject}{message} (received {problem['input']!r})"


def _why_required(key: str) -> str:
    if key == "known_at":
        return (
            ": say when a row becomes known, as SQL on the raw columns, or `seen` for the time of "
            "the nightly read; writing `known_at: <happened_at>` is a decision of yours."
        )
    return "."


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
        for nested in _models_in(field.annotation):
            yield from _names(nested)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
