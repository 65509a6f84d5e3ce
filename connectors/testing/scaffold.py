"""Starts a channel: `python -m connectors.testing.scaffold NAME` makes the folder connectors/NAME.

What it makes is a whole channel for a provider that does not exist, under the contract suite and
red until a delivery is recorded. Making it speak to the real provider is editing, file by file.
"""

import argparse
import keyword
import re
import sys
from pathlib import Path
from string import Template

import connectors

TEMPLATES = Path(__file__).with_name("new_channel")
_NAME = re.compile(r"[a-z][a-z0-9]{0,29}")


class BadName(Exception):
    """One sentence that says why no channel can be called so."""


def scaffold(name: str, *, into: Path) -> list[Path]:
    """Make the folder of a channel, and return its files.

    Raises: BadName; nothing is written then.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise BadName(
            f"A channel cannot be called {name!r}: take up to 30 lower-case Latin letters and "
            "digits, a letter first, and no word of Python's own."
        )
    folder = into / name
    if folder.exists() or folder.with_suffix(".py").exists():
        raise BadName(f"connectors/{name} exists already; take another name.")
    words = {"channel": name, "Channel": name.capitalize(), "CHANNEL": name.upper()}
    made = []
    for template in sorted(TEMPLATES.rglob("*.txt")):
        relative = template.relative_to(TEMPLATES).with_suffix("")
        path = folder / relative.with_name(relative.name.replace("channel", name))
        path.parent.mkdir(parents=True, exist_ok=True)
        text = Template(template.read_text(encoding="utf-8")).substitute(words)
        path.write_text(_with_sorted_imports(text), encoding="utf-8")
        made.append(path)
    return made


def _with_sorted_imports(text: str) -> str:
    """Where a channel's own imports stand depends on its name."""
    block = r"(?m)(?:^from \S+ import .+\n)+"
    return re.sub(block, lambda found: "".join(sorted(found[0].splitlines(True))), text)


def main(arguments: list[str] | None = None) -> int:
    """Make the channel and say what comes next."""
    parser = argparse.ArgumentParser(prog="connectors.testing.scaffold", description=__doc__)
    parser.add_argument("name", help="the channel's name, as in addresses and settings")
    options = parser.parse_args(arguments)
    into = Path(connectors.__path__[0])
    try:
        made = scaffold(options.name, into=into)
    except BadName as error:
        print(error, file=sys.stderr)
        return 1
    for path in made:
        print(f"made connectors/{path.relative_to(into)}")
    print(
        f"Now record a delivery of the provider in connectors/{options.name}/fixtures/ and run "
        f"pytest connectors/{options.name}; docs/tutorial/a-new-channel.md goes on from there."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
