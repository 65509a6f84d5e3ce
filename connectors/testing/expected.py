"""Writes what a channel's recorded deliveries give: `python -m connectors.testing.expected NAME`.

What is written is what the code does now, right or wrong: read the difference before committing.
"""

import argparse
import sys
from collections.abc import Container
from functools import partial
from importlib import import_module
from pathlib import Path

from connectors.testing.contract import NOWHERE, ConnectorContract
from connectors.testing.fixtures import cases, outcome, written


def main(arguments: list[str] | None = None) -> int:
    """Write the expected files of one channel, and name those that changed."""
    parser = argparse.ArgumentParser(prog="connectors.testing.expected", description=__doc__)
    parser.add_argument("channel", help="a folder of connectors/")
    parser.add_argument("case", nargs="*", help="only these cases; every one when none is named")
    options = parser.parse_args(arguments)
    try:
        suites = suites_of(options.channel)
    except LookupError as error:
        print(error.args[0], file=sys.stderr)
        return 1
    known = {case.name for suite in suites for case in cases(suite.fixtures())}
    unknown = [name for name in options.case if name not in known]
    if unknown:
        print(f"{options.channel} has no fixture {', '.join(unknown)}.", file=sys.stderr)
        return 1
    for suite in suites:
        _write(suite, options.case or known)
    return 0


def _write(suite: ConnectorContract, names: Container[str]) -> None:
    reader = suite.open(suite.settings(NOWHERE))
    for case in cases(suite.fixtures()):
        if case.name not in names:
            continue
        text = written(outcome(partial(suite.told, suite.recorded(case), reader)))
        path = case.expected_path
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.name}")


def suites_of(channel: str) -> list[ConnectorContract]:
    """The suites in a channel's folder that read fixtures. Raises: LookupError, one sentence."""
    name = f"connectors.{channel}"
    try:
        folder = Path(import_module(name).__path__[0])
        tests = sorted(path.stem for path in folder.glob(f"test_{channel}*.py"))
        modules = [import_module(f"{name}.{test}") for test in tests]
    except ModuleNotFoundError as error:
        raise LookupError(f"There is no {error.name}; is {channel!r} a channel?") from error
    found = {
        made.fixtures_folder: made()
        for module in modules
        for made in vars(module).values()
        if isinstance(made, type) and issubclass(made, ConnectorContract)
        if hasattr(made, "connector_class") and made.reads
    }
    if not found:
        raise LookupError(f"{name} has no subclass of ConnectorContract.")
    return list(found.values())


if __name__ == "__main__":
    sys.exit(main())
