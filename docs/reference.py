"""Writes docs/reference/ from the code, so that it cannot tell anything else: `make reference`."""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import config
from config.settings import Settings, variable
from connectors.discovery import channel_class
from hub.__main__ import parser
from hub.metrics import FAMILIES

FOLDER = Path(__file__).parent / "reference"

_MADE = "<!-- Written by `make reference`; change what it is written from instead. -->\n"


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    made: Mapping[str, Callable[[], str]] = {
        "settings.md": settings_page,
        "commands.md": commands_page,
        "metrics.md": metrics_page,
    }
    return {name: f"{_MADE}\n{make().strip()}\n" for name, make in made.items()}


# --- Settings -------------------------------------------------------------------------------------


@dataclass
class Key:
    """One key of the example: what it is for, and the value it shows."""

    name: str
    shown: str
    reason: str


@dataclass
class Section:
    """One table of the example; the first has no name."""

    name: str
    reason: str
    keys: list[Key] = field(default_factory=list)


def settings_page() -> str:
    """`config/hub.example.toml`, told for reading."""
    example = (Path(config.__file__).parent / "hub.example.toml").read_text("utf-8")
    head, _, rest = example.partition("\n\n")
    lines = ["# Settings", ""]
    lines += [_prose(head)]
    lines += ["The whole file, to copy: `config/hub.example.toml`."]
    for section in _sections(rest):
        if section.name:
            lines += [f"## `[{section.name}]`"]
        else:
            lines += ["## At the top"]
        lines += [section.reason] * bool(section.reason)
        for key in section.keys:
            lines += [f"### `{key.name}`", key.reason, _value(section, key)]
    return "\n\n".join(line for line in lines if line)


def _sections(text: str) -> Iterator[Section]:
    """Tables and keys with the comment above each; a "#" right before one makes it no comment."""
    section, said = Section("", ""), list[str]()
    for line in [*text.splitlines(), "[end]"]:
        bare = line.removeprefix("#") if re.match(r"#[\[a-z]", line) else line
        if match := re.fullmatch(r"\[([\w.]+)\]", bare):
            yield section
            section, said = Section(_place(match[1]), _prose("\n".join(said))), []
        elif match := re.fullmatch(r"(\w+) = (.+)", bare):
            section.keys.append(Key(match[1], match[2], _prose("\n".join(said))))
            said = []
        elif line.startswith("#") or (said and not line):
            said.append(line)


def _place(table: str) -> str:
    """The account's name is anybody's own."""
    return re.sub(r"^(channels\.\w+)\.\w+", r"\1.ACCOUNT", table)


def _prose(comment: str) -> str:
    """A comment's paragraphs, each on one line."""
    paragraphs = re.split(r"\n\s*\n", re.sub(r"(?m)^# ?", "", comment).strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _value(section: Section, key: Key) -> str:
    path = [*section.name.split("."), key.name] if section.name else [key.name]
    environment = f"In the environment: `{variable(path)}`."
    info = _field(path)
    if section.name.startswith(("acknowledgement.channels.", "oidc.roles")):
        return f"For example `{key.shown}`. {environment}"
    if info is None:
        return f"Default: `{key.shown}`. {environment}"
    if info.is_required():
        return f"Required; for example `{key.shown}`. {environment}"
    if info.default is None:
        return f"For example `{key.shown}`. {environment}"
    default = info.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    return f"Default: `{json.dumps(default, ensure_ascii=False)}`. {environment}"


def _field(path: list[str]) -> FieldInfo | None:
    """The field behind a key; None in a table of any keys."""
    model: type[BaseModel] = Settings
    if path[0] == "channels":
        model, path = channel_class(path[1]).Settings, path[3:]
    for name in path[:-1]:
        inner = model.model_fields[name].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        model = inner
    return next(f for n, f in model.model_fields.items() if (f.alias or n) == path[-1])


# --- Commands -------------------------------------------------------------------------------------


_COMMANDS = """
Each ends with 0 when it is done, with 1 and one sentence on standard error when it cannot be, and
with 2 when it was mistyped. `--help` tells the same as this page.
""".strip()


def commands_page() -> str:
    """Every command with its options."""
    lines = [
        "# Commands",
        _COMMANDS,
    ]
    for words, command in _commands(parser(), "hub"):
        lines += [f"## `{words}`", command.description or "", _usage(words, command)]
        lines += [_options(command)]
    return "\n\n".join(line for line in lines if line)


def _commands(
    found: argparse.ArgumentParser, words: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    nested = [a for a in found._actions if isinstance(a, argparse._SubParsersAction)]
    if not nested:
        yield words, found
    for action in nested:
        for name, inner in action.choices.items():
            yield from _commands(inner, f"{words} {name}")


def _arguments(command: argparse.ArgumentParser) -> list[argparse.Action]:
    return [a for a in command._actions if not isinstance(a, argparse._HelpAction)]


def _usage(words: str, command: argparse.ArgumentParser) -> str:
    parts = [words]
    for action in _arguments(command):
        written = _written(action)
        parts.append(written if action.required else f"[{written}]")
    return f"```\n{' '.join(parts)}\n```"


def _options(command: argparse.ArgumentParser) -> str:
    rows = [
        f"| `{_written(action).replace('|', '&#124;')}` | {action.help} |"
        for action in _arguments(command)
        if action.help
    ]
    return "\n".join(["| option | meaning |", "| --- | --- |", *rows]) if rows else ""


def _written(action: argparse.Action) -> str:
    value = action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper()
    if not action.option_strings:
        return str(value)
    return action.option_strings[0] + (f" {value}" if action.nargs != 0 else "")


# --- Metrics --------------------------------------------------------------------------------------


_METRICS = """
`GET /metrics` answers in Prometheus' text format. Counters and histograms are this process's own
and begin at 0 with it; gauges are read from the database at each scrape, and are the same whatever
process is asked, but for `hub_bus_waiting`. Beside these there are the usual numbers of the process
and of Python (`process_…`, `python_…`).
""".strip()


def metrics_page() -> str:
    """Every number of GET /metrics."""
    rows = [
        f"| `{family.name}` | {family.kind} | {', '.join(family.labels) or 'none'} "
        f"| {family.meaning} |"
        for family in FAMILIES
    ]
    lines = [
        "# Metrics",
        _METRICS,
        "\n".join(["| name | kind | labels | meaning |", "| --- | --- | --- | --- |", *rows]),
    ]
    return "\n\n".join(lines)


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
