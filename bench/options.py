"""What every bench is asked on its command line, and where it leaves its figures."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

RESULTS = Path("bench/results")


def parser(story: str | None) -> argparse.ArgumentParser:
    """Asks for the databases; a bench adds what else it can be told."""
    made = argparse.ArgumentParser(
        description=story, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    return made


def databases(options: argparse.Namespace) -> list[str]:
    """The kinds of database that were asked for."""
    return ["sqlite", "postgresql"] if options.database == "both" else [options.database]


def write(name: str, results: Sequence[Any]) -> None:
    """Write `bench/results/<name>.json`, a list of dataclasses."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(result) for result in results], ensure_ascii=False, indent=2)
    (RESULTS / f"{name}.json").write_text(text, "utf-8")
