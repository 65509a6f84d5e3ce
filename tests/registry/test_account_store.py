"""What accounts must not forget: sealed, shared by processes, and theirs alone."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text

from config.settings import Settings
from connectors.base import MemoryStore
from hub.context import context_of
from registry.account_store import DatabaseStore
from registry.db import Database
from registry.sealing import SIGNATURE_CHARACTERS, seal, signature, unseal
from registry.types import AccountKey
from tests.conftest import FakeClock

KEY, OTHER = SecretStr("k" * 32), SecretStr("o" * 32)
MAIN, SECOND = AccountKey("instagram", "main"), AccountKey("instagram", "second")
TOKEN = "IGQ-жасырын-token"


def store_of(
    database: Database, clock: FakeClock, account: AccountKey = MAIN, key: SecretStr = KEY
) -> DatabaseStore:
    return DatabaseStore(database, account, secret_key=key, clock=clock)


async def kept(database: Database) -> list[Any]:
    async with database.read() as session:
        connection = await session.connection()
        found = await connection.execute(text("SELECT * FROM account_values"))
        return [dict(row) for row in found.mappings()]


async def test_what_was_written_is_read_back_and_the_last_value_counts(
    database: Database, clock: FakeClock
) -> None:
    store = store_of(database, clock)
    assert await store.read("token") is None
    await store.write("token", "first")
    clock.advance(timedelta(days=1))
    await store.write("token", TOKEN)
    assert await store_of(database, clock).read("token") == TOKEN
    [row] = await kept(database)
    assert str(row["changed_at"])[:10] == "2026-03-03"


async def test_a_copy_of_the_database_gives_no_token_away(
    database: Database, clock: FakeClock
) -> None:
    await store_of(database, clock).write("token", TOKEN)
    [row] = await kept(database)
    assert TOKEN not in str(row)
    assert TOKEN.encode().hex() not in str(row)


async def test_another_key_account_or_name_reads_nothing(
    database: Database, clock: FakeClock
) -> None:
    await store_of(database, clock).write("token", TOKEN)
    assert await store_of(database, clock, key=OTHER).read("token") is None
    assert await store_of(database, clock, SECOND).read("token") is None
    assert await store_of(database, clock).read("cursor") is None
    # Nor does a value that somebody moved from one account, or name, to another.
    async with database.write() as session:
        connection = await session.connection()
        await connection.execute(text("UPDATE account_values SET account = 'second'"))
    assert await store_of(database, clock, SECOND).read("token") is None
    async with database.write() as session:
        connection = await session.connection()
        await connection.execute(text("UPDATE account_values SET account = 'main', name = 'x'"))
    assert await store_of(database, clock).read("x") is None


async def test_a_value_under_another_key_is_replaced_by_the_next_write(
    database: Database, clock: FakeClock
) -> None:
    await store_of(database, clock, key=OTHER).write("token", "of before")
    await store_of(database, clock).write("token", TOKEN)
    assert await store_of(database, clock).read("token") == TOKEN
    assert await store_of(database, clock, key=OTHER).read("token") is None


async def test_a_number_that_many_add_to_at_once_loses_nothing(
    database: Database, database_url: str, clock: FakeClock
) -> None:
    others = Database(database_url)
    await others.open()
    try:
        stores = [store_of(database, clock), store_of(others, clock)]
        found = await asyncio.gather(*(stores[n % 2].add("spent", n) for n in range(1, 21)))
    finally:
        await others.close()
    assert max(found) == sum(range(1, 21))
    assert len(set(found)) == 20, "each addition saw another sum"
    assert await store_of(database, clock).add("spent", -20) == 190
    assert await store_of(database, clock, SECOND).add("spent", 1) == 1


async def test_a_number_and_a_value_of_one_name_do_not_disturb_each_other(
    database: Database, clock: FakeClock
) -> None:
    store = store_of(database, clock)
    assert await store.add("n", 2) == 2
    assert await store.read("n") is None
    await store.write("n", TOKEN)
    assert await store.add("n", 3) == 5
    assert await store.read("n") == TOKEN


async def test_the_hubs_connectors_keep_what_they_write_in_its_database(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    settings = Settings(secret_key=KEY, folder=tmp_path, public_url="https://hub.example.kz")
    context = context_of(settings, database, clock=clock)
    await context.store(MAIN).write("token", TOKEN)
    again = context_of(settings, database, clock=clock)
    assert await again.store(MAIN).read("token") == TOKEN
    assert await again.store(SECOND).read("token") is None
    assert again.hook("instagram", "main") == "https://hub.example.kz/hooks/instagram/main"
    assert (again.folder, again.clock()) == (tmp_path, clock())


async def test_without_a_database_an_account_keeps_its_values_while_the_process_lives(
    tmp_path: Path,
) -> None:
    context = context_of(Settings(secret_key=KEY, folder=tmp_path), None)
    store = context.store(MAIN)
    assert isinstance(store, MemoryStore)
    await store.write("token", TOKEN)
    assert await context.store(MAIN).read("token") == TOKEN
    assert await context.store(SECOND).read("token") is None
    assert await context.store(MAIN).add("spent", 2) == 2


# --- Sealing --------------------------------------------------------------------------------------


def test_what_is_sealed_opens_for_its_purpose_and_key_alone() -> None:
    sealed = seal(KEY, "a", TOKEN)
    assert unseal(KEY, "a", sealed) == TOKEN
    assert unseal(KEY, "b", sealed) is None
    assert unseal(OTHER, "a", sealed) is None
    assert seal(KEY, "a", TOKEN) != sealed, "the same value is not told by its seal"


def test_what_was_altered_opens_no_more() -> None:
    sealed = seal(KEY, "a", TOKEN)
    other = "A" if sealed[40] != "A" else "B"
    for broken in ("", "x", "ключ", "\udcff", sealed[:-1], sealed[:40] + other + sealed[41:]):
        assert unseal(KEY, "a", broken) is None


def test_a_signature_is_of_its_text_purpose_and_key_alone() -> None:
    signed = signature(KEY, "files", "7:100")
    others = {
        signature(KEY, "files", "7:101"),
        signature(KEY, "tracking", "7:100"),
        signature(OTHER, "files", "7:100"),
        signature(KEY, "file", "s7:100"),
    }
    assert signed not in others
    assert len(others) == 4
    assert len(signed) == SIGNATURE_CHARACTERS
    assert signed == signature(KEY, "files", "7:100")
