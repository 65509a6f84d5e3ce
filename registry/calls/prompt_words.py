"""What the telephone says as it is delivered: every line by its name, from config/prompts.toml."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

import config
from registry.office_shapes import Names

LANGUAGES = ("kk", "ru", "en")

ANNOUNCEMENT = "announcement"
"""Its words are a setting of the office; only its sounds are kept as a prompt's."""

MUSIC, NO_LANGUAGE = "music", "any"
"""What is played to those who wait has no words."""

_Said = Annotated[str, Meta(min_length=1, max_length=1000)]


class PromptWords(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line in all languages."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
    about: Names
    """When it is heard."""
    kk: _Said
    ru: _Said
    en: _Said

    def said(self) -> Mapping[str, str]:
        """Its words by language."""
        return {"kk": self.kk, "ru": self.ru, "en": self.en}


class PromptGroup(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Lines that are heard about one thing."""

    name: Names
    lines: tuple[PromptWords, ...]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    groups: tuple[PromptGroup, ...]


@cache
def prompt_groups() -> tuple[PromptGroup, ...]:
    """All lines in their order. Reads a file the first time."""
    path = Path(config.__file__).parent / "prompts.toml"
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).groups


@cache
def prompt_words() -> Mapping[str, PromptWords]:
    """The same by name. Reads a file the first time."""
    return {line.name: line for group in prompt_groups() for line in group.lines}
