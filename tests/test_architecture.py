"""The house stands as it was drawn: who imports whom, what is named how, what a start costs."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from connectors.discovery import channel_names

ROOT = Path(__file__).parent.parent
ROOMS = ("config", "registry", "connectors", "workers", "hub")

SOURCES = sorted(
    path.relative_to(ROOT)
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if "new_channel" not in path.parts  # a draft to be filled in
)
CODE = [path for path in SOURCES if not path.name.startswith("test_")]

_RUN_BY_OTHERS = {"registry.migrations.env", "hub.__main__", "registry.migrations.__main__"}
"""Modules that mean something only when they are run."""


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text("utf-8"))


@cache
def _imports(path: Path) -> Sequence[str]:
    """Every module that a file imports, wherever in it the import stands."""
    found: list[str] = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written out"
            assert node.module is not None
            found.append(node.module)
    return found


# --- Who imports whom -----------------------------------------------------------------------------


def test_each_room_imports_only_what_stands_to_its_right() -> None:
    # In a process of its own: import-linter turns off every logger that it finds.
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


_CORE_OF_CHANNELS = (
    "registry.types",
    "registry.errors",  # an account's store may be out of reach
    "registry.measuring",  # a provider's own unit
    "registry.sealing",  # a session kept in a file
    "registry.calls.hearing",  # what happens to a call
    "registry.calls.orders",
    "registry.calls.script",
)


@pytest.mark.parametrize("channel", channel_names())
def test_a_channel_knows_the_contract_and_no_other_channel(channel: str) -> None:
    own = f"connectors.{channel}"
    allowed = (own, "connectors.base", "connectors.kit", "connectors.testing", *_CORE_OF_CHANNELS)
    for path in CODE:
        if _module(path).split(".")[:2] == own.split("."):
            ours = [name for name in _imports(path) if name.split(".")[0] in ROOMS]
            wrong = [
                name
                for name in ours
                if not f"{name}.".startswith(tuple(f"{one}." for one in allowed))
            ]
            assert not wrong, f"{path} imports {wrong}"


@pytest.mark.parametrize("channel", channel_names())
def test_nothing_outside_a_channels_folder_names_it_in_an_import(channel: str) -> None:
    own = f"connectors.{channel}"
    for path in CODE:
        if not _module(path).startswith(own):
            wrong = [name for name in _imports(path) if f"{name}.".startswith(f"{own}.")]
            assert not wrong, f"{path} imports {wrong}"


def test_every_module_imports_alone() -> None:
    """Whoever comes first finds no half of a circle; a module on none needs no trying."""
    files = {_module(path): path for path in CODE if _module(path) not in _RUN_BY_OTHERS}
    loads = {module: _loads(module, files) for module in files}
    on_circles = {module for module in files if module in _reached(module, loads)}
    # A package comes before what is in it, and loads what is on a circle with it.
    circles = sorted(name for name in on_circles if name.rpartition(".")[0] not in on_circles)
    libraries = sorted({name for module in circles for name in _libraries(files[module])})
    program = (
        "import gc, importlib, os, sys, traceback\n"
        "gc.disable()  # it would make every child copy what all could share\n"
        "for library in sys.stdin.readline().split():\n"
        "    importlib.import_module(library)\n"
        "wrong = []\n"
        "for module in sys.stdin.readline().split():\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        try:\n"
        "            importlib.import_module(module)\n"
        "        except BaseException:\n"
        "            traceback.print_exc()\n"
        "            os._exit(1)\n"
        "        os._exit(0)\n"
        "    if os.waitpid(child, 0)[1]:\n"
        "        wrong.append(module)\n"
        "sys.exit(' '.join(wrong) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input="\n".join(" ".join(names) for names in (libraries, circles)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "registry.intake" in circles


def test_a_circle_is_seen() -> None:
    loads = {"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": set[str]()}
    assert [module for module in loads if module in _reached(module, loads)] == ["b", "c"]


def _loads(module: str, files: Mapping[str, Path]) -> set[str]:
    """Which of `files` are loaded at once when a module is: it, and the packages on the way."""
    names = [module.rpartition(".")[0]]
    for node in _run_at_once(_tree(files[module])):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        else:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    on_the_way = {".".join(name.split(".")[:end]) for name in names for end in range(1, 9)}
    return {name for name in on_the_way if name in files and name != module}


def _run_at_once(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of a file that are no function's, and not for the type checker alone."""
    for part in ast.iter_child_nodes(node):
        match part:
            case ast.Import() | ast.ImportFrom():
                yield part
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                pass
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                pass
            case _:
                yield from _run_at_once(part)


def _reached(module: str, loads: Mapping[str, set[str]]) -> set[str]:
    """What is loaded with a module, by whatever it loads as well."""
    reached: set[str] = set()
    ahead = [*loads[module]]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += loads[name]
    return reached


def _libraries(path: Path) -> list[str]:
    """What a file imports that is not ours."""
    found = {name.split(".")[0] for name in _imports(path)}
    return sorted(found - {*ROOMS, "uvloop"})


# --- What a start costs ---------------------------------------------------------------------------

_HEAVY = {"aiogram", "instagrapi", "tweepy", "twilio"}
_WANTED_BY_FEW = {"aiohttp", "alembic", "apscheduler", "obstore", "sqlalchemy", "sqlmodel"}


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["--help"], _HEAVY | _WANTED_BY_FEW),
        (["run", "--help"], _HEAVY | _WANTED_BY_FEW),
        (["connectors"], _HEAVY | (_WANTED_BY_FEW - {"aiohttp"})),
        (["migrate"], _HEAVY | {"aiohttp", "apscheduler", "obstore"}),
        (["token", "add", "crm"], _HEAVY | {"aiohttp", "alembic", "apscheduler", "obstore"}),
        (["doctor"], _HEAVY | {"aiohttp", "apscheduler"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_only_what_it_needs(
    words: list[str], unwanted: set[str], tmp_path: Path
) -> None:
    program = (
        "import sys\n"
        "from hub.__main__ import main\n"
        "try:\n"
        f"    main({words!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print('loaded:', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"HUB_SECRET_KEY": "k" * 40, "PATH": ""},
        check=True,
    )

    loaded = done.stdout.rpartition("loaded:")[2].split()
    assert "hub" in loaded
    assert not unwanted & set(loaded)


# --- Names and words ------------------------------------------------------------------------------

_BANNED = re.compile(r"(?i)(?:^|_)(manager|processor|helper|util|misc)s?(?:_|$)|handle_data")


def _defined(tree: ast.Module) -> Iterator[str]:
    """Every name that a file gives to something."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def test_nothing_has_a_name_that_says_nothing() -> None:
    found = [
        f"{path}: {name}"
        for path in SOURCES
        for name in [path.stem, *_defined(_tree(path))]
        if _BANNED.search(_snake(name))
    ]
    assert not found


@pytest.mark.parametrize(
    ("name", "banned"),
    [
        ("SessionManager", True),
        ("utils", True),
        ("handle_data", True),
        ("row_processor", True),
        ("asynccontextmanager", False),
        ("processed", False),
        ("dismiscalculated", False),
    ],
)
def test_the_search_for_such_names_finds_them(name: str, banned: bool) -> None:
    assert (_BANNED.search(_snake(name)) is not None) == banned


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    silent = [str(path) for path in SOURCES if not ast.get_docstring(_tree(path))]
    assert not silent
