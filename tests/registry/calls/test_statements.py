"""How much a decision asks of the database, which all others wait for meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from registry.db import Database
from tests.registry.calls.exchange import Exchange


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


@contextmanager
def told(database: Database) -> Iterator[list[str]]:
    """What is asked of the database meanwhile; without how a transaction begins and is locked."""
    asked: list[str] = []

    def listen(*about: Any) -> None:
        if not about[2].startswith(("BEGIN", "SELECT pg_")):
            asked.append(about[2])

    event.listen(database.writer.sync_engine, "before_cursor_execute", listen)
    yield asked
    event.remove(database.writer.sync_engine, "before_cursor_execute", listen)


async def test_who_waits_on_without_a_word_costs_three_looks(exchange: Exchange) -> None:
    caller = await exchange.waits()
    exchange.now = exchange.at(5)
    with told(exchange.database) as asked:
        await exchange.presses(caller, "")
    assert [_table(one) for one in asked[:3]] == ["calls", "office_settings", "phone_agents"]
    assert all("call_orders" in one for one in asked[3:])  # the provider looks for what to do


async def test_a_call_that_ends_is_written_once(exchange: Exchange) -> None:
    await exchange.hires("Aigul")
    caller = await exchange.waits()
    exchange.now = exchange.at(30)
    with told(exchange.database) as asked:
        await exchange.hangs_up(caller)
    (call,) = await exchange.calls()
    assert (call.ended_as, call.waited) == ("abandoned", 30)
    assert len([one for one in asked if one.startswith("UPDATE calls")]) == 1


def _table(statement: str) -> str:
    return statement.partition("FROM ")[2].split()[0]
