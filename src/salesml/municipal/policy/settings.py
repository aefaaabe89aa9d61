"""The sections ``solution`` and ``policy`` of ``municipal.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Protocol

from pydantic import Field, model_validator

from salesml.config import Words
from salesml.config.values import Strict

__all__ = ["Kind", "PolicyConfig", "PolicySettings", "SolutionConfig", "ThemeConfig"]

Kind = Literal["ngrams", "words", "vectors"]
Text = Annotated[str, Field(pattern=r"\w")]


class SolutionConfig(Strict):
    """What is sold: documents are compared with its description, its name and its keywords.

    ``theme`` is the theme of policy it belongs to; by default the one that its text speaks of most.
    """

    name: Words
    description: Text
    keywords: list[Text] = Field(default=[])
    theme: str | None = None

    @property
    def summary(self) -> str:
        """Name and keywords, as one text."""
        return "、".join([self.name.ja, *self.keywords])


class ThemeConfig(Words):
    """A theme of policy, and the words by which a passage is known to speak of it."""

    keywords: list[Text] = Field(min_length=1)


class PolicyConfig(Strict):
    """How documents are compared.

    ``vectors`` needs ``model``: the name or folder of a model of sentence-transformers.
    """

    similarity: Kind = "ngrams"
    model: str | None = None

    @model_validator(mode="after")
    def _has_model(self) -> PolicyConfig:
        if (self.similarity == "vectors") != (self.model is not None):
            raise ValueError("`similarity: vectors` and `model` go together")
        return self


class PolicySettings(Protocol):
    """The part of the settings that is read here."""

    @property
    def solution(self) -> SolutionConfig | None:
        """What is sold; None where the project does not say."""

    @property
    def policy(self) -> PolicyConfig:
        """How documents are compared."""

    @property
    def themes(self) -> Mapping[str, ThemeConfig]:
        """The themes that are looked for."""
