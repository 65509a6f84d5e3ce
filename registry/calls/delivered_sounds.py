"""The sounds that come with the hub: made by `python -m hub.prompts`, each for certain words.

A sound whose line says something else by now is not played: `sounds/manifest.json` keeps the digest
of the words that it was made from.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

FOLDER = Path(__file__).parent / "sounds"
MIME = "audio/mpeg"


class Made(Struct, frozen=True, kw_only=True):
    """A file of the folder."""

    words: str
    """The digest of what it says."""
    version: str
    """The digest of the file, as its address has it."""


def digest(content: bytes | str) -> str:
    """Short, for comparing."""
    raw = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(raw).hexdigest()[:16]


def file_name(name: str, language: str) -> str:
    """Where a line's file lies, in the folder."""
    return f"{language}/{name}.mp3"


@cache
def manifest() -> Mapping[str, Made]:
    """The files by their names. Reads a file the first time."""
    raw = (FOLDER / "manifest.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, Made])


@cache
def delivered_sound(name: str, language: str) -> bytes:
    """The file of a line. Reads it the first time. Raises: FileNotFoundError."""
    return (FOLDER / file_name(name, language)).read_bytes()
