"""Recorded deliveries and what is expected of them, as files side by side.

`fixtures/<case>.json` is the body of a delivery, `fixtures/<case>.expected.json` what `normalize`
makes of it, and then what `hear` does. A case named `<case>@<action>` came to the webhook's address
with that action.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

import msgspec

from connectors.base import Malformed
from registry.calls.hearing import Told
from registry.types import Inbound

EXPECTED = ".expected.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recorded delivery."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def action(self) -> str:
        return self.name.partition("@")[2]

    @property
    def expected_path(self) -> Path:
        return self.path.with_name(self.name + EXPECTED)

    def content(self) -> Any:
        """The recorded body, decoded."""
        return json.loads(self.path.read_text(encoding="utf-8"))

    def expected(self) -> Any:
        """What `outcome` must give."""
        return json.loads(self.expected_path.read_text(encoding="utf-8"))


def cases(folder: Path) -> list[Case]:
    """Every recorded delivery of a folder, by name."""
    found = sorted(folder.glob("*.json"))
    return [Case(path=path) for path in found if not path.name.endswith(EXPECTED)]


def unpaired(folder: Path) -> list[str]:
    """The files of a folder that are neither a delivery with its expectation nor its README."""
    names = {path.name for path in folder.iterdir()}
    paired = {
        name
        for case in cases(folder)
        for name in (case.path.name, case.expected_path.name)
        if {case.path.name, case.expected_path.name} <= names
    }
    return sorted(names - paired - {"README.md"})


def outcome(read: Callable[[], Sequence[Inbound | Told]]) -> Any:
    """What came of a delivery in the form of an expected file: every field of every value."""
    try:
        values = read()
    except Malformed as error:
        return {"malformed": str(error)}
    return [{"type": type(value).__name__, **msgspec.to_builtins(value)} for value in values]


def differing(expected: Any, found: Any) -> str:
    """The lines in which two outcomes differ, whatever the order of their keys; empty for none."""
    before, after = (
        json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True).splitlines()
        for value in (expected, found)
    )
    return "\n".join(unified_diff(before, after, "expected", "found", lineterm=""))


def written(expected: Any) -> str:
    """The text of an expected file."""
    return json.dumps(expected, ensure_ascii=False, indent=2) + "\n"
