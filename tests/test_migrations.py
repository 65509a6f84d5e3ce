"""The schema's history: from nothing, and from each earlier schema with data in it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from shutil import copytree
from socket import socket
from textwrap import dedent, indent
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.types import JSON
from sqlmodel import col

import registry.migrate
from registry.accounts import account_states
from registry.db import Database
from registry.errors import Unavailable
from registry.migrate import (
    FOLDER,
    HEAD,
    REVISIONS,
    DanglingReferences,
    UnknownSchema,
    current_revision,
    is_current,
    migrate,
)
from registry.models import AccountState, Appeal
from registry.schema import metadata
from registry.types import AccountKey

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[Database]:
    database = Database(empty_url)
    await database.open()
    yield database
    await database.close()


# --- From nothing ---------------------------------------------------------------------------------


async def test_an_empty_database_gets_every_table(empty: Database) -> None:
    assert not await is_current(empty)

    await migrate(empty)

    assert await is_current(empty)
    assert await current_revision(empty) == HEAD
    async with empty.read() as session:
        connection = await session.connection()
        tables = await connection.run_sync(lambda c: set(inspect(c).get_table_names()))
    assert {name for name in tables if not _is_index(name)} == (
        set(metadata.tables) | {"alembic_version"}
    )


async def test_the_revisions_and_the_models_describe_the_same_schema(database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        # SQLite gives a default back in other words than it was given.
        defaults = connection.dialect.name == "postgresql"
        options = {"compare_server_default": defaults, "include_name": _is_described}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))

    async with database.writer.connect() as connection:
        assert await connection.run_sync(differences) == []


def test_the_files_stand_in_the_order_of_the_revisions() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    chain = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert tuple(reversed(chain)) == REVISIONS
    assert chain[0] == HEAD


async def test_two_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from registry.db import Database\n"
        "from registry.migrate import migrate\n"
        "async def main():\n"
        "    database = Database(sys.argv[1])\n"
        "    await database.open()\n"
        "    await migrate(database)\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, empty_url, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    ends = [(await process.communicate())[1].decode() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0], ends


# --- From an earlier schema with data in it -------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [*pairwise(REVISIONS), (HEAD, "head")])
async def test_what_a_database_holds_survives_each_revision(
    empty: Database, before: str, after: str
) -> None:
    await migrate(empty, to=before)
    held = await _fill(empty)
    assert all(held.values()), "every table must hold something, or nothing is shown"

    await migrate(empty, to=after)

    assert await _kept(empty, held) == held


async def test_a_table_that_others_point_at_can_be_changed(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held = await _fill(database)
    _next_revision(
        monkeypatch,
        tmp_path,
        """
        with op.batch_alter_table("contacts") as batch:
            batch.alter_column("name", type_=sa.Text(), existing_type=sa.String())
            batch.add_column(sa.Column("alias", sa.String(), server_default="", nullable=False))
        """,
    )

    await migrate(database)

    await database.close()  # as a hub that is updated would
    await database.open()
    assert await is_current(database)
    assert await _kept(database, held) == held
    async with database.read() as session:
        found = await (await session.connection()).execute(text("SELECT alias FROM contacts"))
        assert found.scalars().all() == [""]


async def test_a_revision_that_fails_leaves_everything_as_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = await current_revision(database)
    held = await _fill(database)
    _next_revision(
        monkeypatch,
        tmp_path,
        """
        op.execute("DELETE FROM journal")
        op.create_table("half", sa.Column("id", sa.Integer()))
        raise RuntimeError("in the middle")
        """,
    )

    with pytest.raises(RuntimeError, match="in the middle"):
        await migrate(database)

    assert await current_revision(database) == before
    assert await _kept(database, held) == held


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_revision_that_loses_what_others_point_at_is_undone(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held = await _fill(database)
    _next_revision(monkeypatch, tmp_path, """op.execute("DELETE FROM contacts")""")

    with pytest.raises(DanglingReferences, match="appeals"):
        await migrate(database)

    assert await _kept(database, held) == held


# --- 0002: accounts that were down ----------------------------------------------------------------


async def test_an_account_that_was_down_sends_nothing_after_0002_and_others_do(
    empty: Database,
) -> None:
    await migrate(empty, to="0001")
    async with empty.writer.begin() as connection:
        for health in ("ok", "degraded", "down"):
            await connection.execute(
                text(
                    "INSERT INTO accounts (channel, account, health, summary)"
                    f" VALUES ('telegram', '{health}', '{health}', 'As it was.')"
                )
            )

    await migrate(empty)

    async with empty.read() as session:
        states = await account_states(session)
    found = {key.account: (state.can_send, state.details) for key, state in states.items()}
    assert found == {"ok": (True, {}), "degraded": (True, {}), "down": (False, {})}
    async with empty.write() as session:
        # A state that is written from now on may send until somebody says otherwise.
        session.add(AccountState(channel="telegram", account="new"))
    async with empty.read() as session:
        assert (await account_states(session))[AccountKey("telegram", "new")].can_send


# --- 0003: who was answered, and who still waits --------------------------------------------------


async def test_0003_knows_the_first_answers_that_were_given_before_it(empty: Database) -> None:
    at = NOW.isoformat().replace("+00:00", ".000000Z")
    answered = {"replied": "'reply:1:k'", "acknowledged": "'acknowledgement:2'", "echoed": "NULL"}
    await migrate(empty, to="0002")
    async with empty.writer.begin() as connection:
        await connection.execute(text(f"INSERT INTO contacts (id, created_at) VALUES (1, '{at}')"))
        for id_, (number, key) in enumerate([*answered.items(), ("visit", "'reply:x'")], 1):
            account, unread = ("desk", 0) if number == "visit" else ("main", 1)
            await connection.execute(
                text(
                    "INSERT INTO appeals (id, number, channel, account, contact_id, opened_at,"
                    f" last_message_at, unread) VALUES ({id_}, '{number}', 'visit', '{account}', 1,"
                    f" '{at}', '{at}', {unread})"
                )
            )
            if number != "visit":
                await connection.execute(
                    text(
                        "INSERT INTO messages (id, appeal_id, direction, author, sent_at,"
                        f" created_at, idempotency_key) VALUES ({id_}, {id_}, 'out', '', '{at}',"
                        f" '{at}', {key})"
                    )
                )

    await migrate(empty)

    async with empty.read() as session:
        found = await (await session.connection()).execute(
            select(col(Appeal.number), col(Appeal.first_response_at), col(Appeal.waiting_since))
        )
    known = {row.number: (row.first_response_at, row.waiting_since) for row in found}
    assert known == {
        "replied": (NOW, NOW), "acknowledged": (None, NOW), "echoed": (NOW, NOW),
        "visit": (NOW, None),
    }  # fmt: skip


# --- What goes wrong ------------------------------------------------------------------------------


async def test_a_schema_from_the_future_is_refused_in_words(database: Database) -> None:
    async with database.write() as session:
        connection = await session.connection()
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(UnknownSchema, match=r"revision 9999, which this version .* not know"):
        await migrate(database)
    assert not await is_current(database)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket() as taken:  # and nobody listens on it
        taken.bind(("127.0.0.1", 0))
        database = Database(f"postgresql://hub@127.0.0.1:{taken.getsockname()[1]}/hub")
        await database.open()

        with pytest.raises(Unavailable):
            await migrate(database)
        await database.close()


# --- The harness ----------------------------------------------------------------------------------

_Rows = dict[str, list[dict[str, Any]]]


async def _fill(database: Database) -> _Rows:
    """Put one row in every table, all columns set, and return what the database then holds."""
    async with database.writer.begin() as connection:
        tables = await connection.run_sync(_tables)
        for table in tables:
            await connection.execute(insert(table).values({c.name: _value(c) for c in table.c}))
    return await _kept(database, {table.name: [] for table in tables})


async def _kept(database: Database, held: _Rows) -> _Rows:
    """What is in those tables, in the columns that were there then."""
    async with database.writer.connect() as connection:
        found: _Rows = {}
        for table in await connection.run_sync(_tables):
            if table.name in held:
                earlier = held[table.name][0].keys() if held[table.name] else table.c.keys()
                columns = [table.c[name] for name in earlier if name in table.c]
                rows = await connection.execute(select(*columns))
                found[table.name] = [dict(row) for row in rows.mappings()]
    return found


def _is_index(table: str) -> bool:
    """Whether a table of SQLite is FTS5's: an index, which follows the table of documents."""
    return table == "search_words" or table.startswith("search_words_")


def _is_described(name: str | None, kind: str, _parents: object) -> bool:
    """Whether the models can describe it. By what words are found, each database has in its own
    form; that it is there, the tests of search show."""
    if kind == "index":
        return name != "ix_search_documents_words"
    return kind != "table" or not _is_index(name or "")


def _tables(connection: Connection) -> list[Table]:
    """The tables as they are, those first that others point at."""
    reflected = MetaData()
    reflected.reflect(connection, only=lambda name, _: not _is_index(name))
    return [table for table in reflected.sorted_tables if table.name != "alembic_version"]


def _value(column: Column[Any]) -> Any:
    """Something of the column's kind. Every id is the same, so that every reference is sound."""
    match column.type:
        case Boolean():
            return True
        case Integer():
            return 7
        case Float():
            return 43.238949
        case Date():
            return NOW.date()
        case DateTime():
            return NOW
        case LargeBinary():
            return b"\x00\xff"
        case JSON():
            return {"кілт": ["мән", 1]}
        case _:
            return f"{column.name}: Абай даңғылы, 10"


def _next_revision(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """Let the migrations have one revision more, whose `upgrade` is `body`."""
    assert HEAD is not None
    following = f"{int(HEAD) + 1:04}"
    copied = folder / "migrations"
    copytree(FOLDER, copied)
    lines = indent(dedent(body).strip(), "    ")
    (copied / "versions" / f"{following}_next.py").write_text(
        "import sqlalchemy as sa\n"
        "from alembic import op\n"
        f"revision = {following!r}\n"
        f"down_revision = {HEAD!r}\n"
        "def upgrade():\n"
        f"{lines}\n"
    )
    monkeypatch.setattr(registry.migrate, "FOLDER", copied)
    monkeypatch.setattr(registry.migrate, "REVISIONS", (*REVISIONS, following))
    monkeypatch.setattr(registry.migrate, "HEAD", following)
