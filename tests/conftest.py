"""What the tests share: a database of each kind, a clock of their own, and two guards.

The guards: nothing leaves this machine, and nothing blocks the event loop.
"""

import asyncio
import gc
import inspect
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web_app
from argon2 import PasswordHasher
from blockbuster import BlockBuster
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from hub import logs
from registry import passwords
from registry.db import Database
from registry.migrate import migrate
from tests.emptying import EMPTY, REMEMBER, USES
from tests.postgres import PostgresServer

# --- Databases ------------------------------------------------------------------------------------


class Databases:
    """Lends migrated, empty databases: each is a copy of one that was migrated once."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._numbers = count(1)
        self._sqlite: Path | None = None
        self._server: PostgresServer | None = None
        self._free: str | None = None
        self._uses = 0

    @property
    def server(self) -> PostgresServer:
        """The session's PostgreSQL, started at the first use."""
        if self._server is None:
            self._server = self._stack.enter_context(PostgresServer())
            asyncio.run(_migrated(self._server.create("template")))
            self._server.sql(REMEMBER, database="template")
        return self._server

    @property
    def sqlite(self) -> Path:
        """A migrated file of SQLite, made at the first use."""
        if self._sqlite is None:
            path = self._folder / "template.db"
            asyncio.run(_migrated(f"sqlite:///{path}"))
            self._sqlite = path
        return self._sqlite

    def postgresql_name(self) -> str:
        """A name that no database of this session has."""
        return f"test{next(self._numbers)}"

    @contextmanager
    def postgresql(self) -> Iterator[str]:
        """The address of a database on the server, for one test.

        Emptying the one of the test before takes a tenth of the time of making another.
        """
        server = self.server
        if self._free is None or self._uses == USES:
            if self._free is not None:
                server.drop(self._free)
            self._free, self._uses = self.postgresql_name(), 0
            server.create(self._free, template="template")
        name = self._free
        self._uses += 1
        yield server.url(name)
        try:
            as_before = server.sql(EMPTY, database=name) == "t"
        except RuntimeError:  # the test has dropped it, or taken something away
            as_before = False
        if not as_before:
            server.drop(name)
            self._free = None


async def _migrated(url: str) -> None:
    database = Database(url)
    await database.open()
    await migrate(database)
    await database.close()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """What `database_url` takes its databases from."""
    with ExitStack() as stack:
        yield Databases(tmp_path_factory.mktemp("databases"), stack)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[str]:
    """The address of a migrated, empty database that nobody has opened yet.

    A test that is about one kind alone says so:
    `@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)`.
    """
    if request.param == "sqlite":
        path = tmp_path / "hub.db"
        shutil.copyfile(databases.sqlite, path)
        yield f"sqlite:///{path}"
    else:
        with databases.postgresql() as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[str]:
    """The address of a database in which there is nothing, not even a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'var' / 'empty.db'}"
    else:
        server, name = databases.server, databases.postgresql_name()
        yield server.create(name)
        server.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated, empty database, opened; the one that `database_url` names."""
    opened = Database(database_url)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


# --- Time -----------------------------------------------------------------------------------------


class FakeClock:
    """A `registry.types.Clock` whose hands only the test moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> datetime:
        """Move on, and tell the new time."""
        self.now += by
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands at nine in the morning of a Monday in Almaty."""
    return FakeClock(datetime(2026, 3, 2, 4, 0, tzinfo=UTC))


# --- Guards ---------------------------------------------------------------------------------------


class LeftTheMachine(AssertionError):
    """A test tried to reach something beyond loopback."""


def _nothing_leaves_the_machine(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every connection and every look-up of a name beyond loopback."""
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        _refuse_beyond_loopback(arguments[1])
    elif event == "socket.getaddrinfo":
        _refuse_beyond_loopback(arguments)


# The interpreter asks before every such call, whichever library makes it.
sys.addaudithook(_nothing_leaves_the_machine)


def _refuse_beyond_loopback(address: Any) -> None:
    if not isinstance(address, tuple):
        return  # a Unix socket
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    if host in {None, "", "localhost", "0.0.0.0", "::"}:
        return
    try:
        if ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise LeftTheMachine(f"a test tried to reach {host}")


_MAY_BLOCK = [
    ("registry/db.py", {"open"}),
    ("hub/app.py", {"open_hub", "application"}),
    ("registry/migrate.py", {"_alone", "run_alembic"}),
    ("asyncpg/connect_utils.py", {"_parse_connect_dsn_and_args"}),
    ("linecache.py", {"checkcache", "updatecache"}),
]
"""Functions that may block the loop: what happens before anything is served, and tracebacks."""


STATEMENTS = 2000
"""Compiled statements of SQL that are kept, as SQLAlchemy keeps 500 for one engine."""


class _Compiled(BytecodeCache):
    """Templates as they were compiled for the first hub of the session: the others take them."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def _templates_are_compiled_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        made = partial(Environment, bytecode_cache=_Compiled())
        patch.setattr("hub.web.pages.Environment", made)
        yield


@pytest.fixture(scope="session", autouse=True)
def _statements_are_compiled_once() -> Iterator[None]:
    """For the first engine of a kind: the others, and each test has its own, take them."""
    compiled: LRUCache[Any, Any] = LRUCache(STATEMENTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other))
        patch.setattr(DefaultDialect, "__hash__", lambda one: hash(type(one)))
        shared = property(lambda _: compiled, lambda *_: None)
        patch.setattr(Engine, "_compiled_cache", shared, raising=False)
        yield


@pytest.fixture(scope="module", autouse=True)
def _the_collector_looks_at_what_is_new() -> None:
    """Else it goes through what pytest, and every test before, has made, time and again.

    aiohttp remembers the middlewares of a thousand routes, each with its application, and so with
    the whole hub of a test that is over.
    """
    web_app._cached_build_middleware.cache_clear()
    gc.collect()
    gc.freeze()


USUAL_HASHER = passwords._hasher
"""What hashes passwords in a hub."""


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_little() -> Iterator[None]:
    """Signing in takes a millisecond rather than a tenth of a second: hundreds of tests do."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "_hasher", cheap)
        yield


@pytest.fixture(autouse=True)
def _logs() -> None:
    """Logs as a running hub writes them, whatever the test before made of them."""
    logs.set_up(form="json")
    # Else a logger of a module keeps for good what the first test that heard it had made of it.
    structlog.configure(cache_logger_on_first_use=False)


@pytest.fixture(scope="session")
def _blockbuster() -> BlockBuster:
    rooms = ["config", "registry", "connectors", "workers", "hub"]
    found = BlockBuster(rooms, excluded_modules=["connectors.testing"])
    for name in [name for name in found.functions if name.startswith("threading.")]:
        # A lock that another thread holds for a microsecond is no fault, and comes by chance.
        del found.functions[name]
    for wrapped in found.functions.values():
        for file, functions in _MAY_BLOCK:
            wrapped.can_block_in(file, functions)
    return found


@pytest.fixture(autouse=True)
def _nothing_blocks_the_loop(
    request: pytest.FixtureRequest, _blockbuster: BlockBuster
) -> Iterator[None]:
    """Fail a test in which our own code does blocking I/O on the event loop."""
    if not inspect.iscoroutinefunction(getattr(request.node, "function", None)):
        yield
        return
    _blockbuster.activate()
    try:
        yield
    finally:
        _blockbuster.deactivate()
