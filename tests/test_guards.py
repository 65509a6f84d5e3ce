"""The guards of the tests themselves: nothing leaves this machine, nothing blocks the loop, nothing
stays in a database for the test that has it next."""

import asyncio
import os
import socket

import pytest
from blockbuster import BlockingError

import registry
from tests.conftest import Databases, LeftTheMachine

_ELSEWHERE = "192.0.2.7"
"""An address that the Internet keeps for examples: RFC 5737."""


def test_a_connection_to_elsewhere_is_refused() -> None:
    with socket.socket() as tcp, pytest.raises(LeftTheMachine):
        tcp.connect((_ELSEWHERE, 443))
    with socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(LeftTheMachine):
        udp.sendto(b"hello", (_ELSEWHERE, 53))
    with pytest.raises(LeftTheMachine):
        socket.getaddrinfo("api.telegram.org", 443)


async def test_a_connection_of_the_event_loop_to_elsewhere_is_refused() -> None:
    with pytest.raises(LeftTheMachine):
        await asyncio.open_connection(_ELSEWHERE, 443)
    with pytest.raises(LeftTheMachine):
        await asyncio.open_connection("api.telegram.org", 443)


async def test_loopback_is_free() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "localhost", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


def _blocking_in_our_code() -> None:
    """As if a module of ours listed a folder."""
    assert registry.__file__ is not None
    code = compile("found = os.listdir('.')", registry.__file__, "exec")
    exec(code, {"os": os})


async def test_our_own_code_may_not_block_the_loop() -> None:
    with pytest.raises(BlockingError):
        _blocking_in_our_code()


async def test_our_own_code_may_block_a_thread() -> None:
    await asyncio.to_thread(_blocking_in_our_code)


def test_our_own_code_may_block_where_no_loop_runs() -> None:
    _blocking_in_our_code()


_APPEALS = "SELECT count(*), coalesce(max(id), 0) FROM appeal_changes"
_CHANGE = "INSERT INTO appeal_changes (appeal_id) VALUES (1)"


def _name(url: str) -> str:
    return url.rpartition("/")[2]


def test_a_database_is_empty_for_the_next_test(databases: Databases) -> None:
    server = databases.server
    tables = "SELECT string_agg(version_num, ',') FROM alembic_version"
    with databases.postgresql() as url:
        name = _name(url)
        server.sql(_CHANGE, database=name)
        assert server.sql(_APPEALS, database=name) == "1|1"
        revision = server.sql(tables, database=name)
    with databases.postgresql() as url:
        assert _name(url) == name
        assert server.sql(_APPEALS, database=name) == "0|0"
        assert server.sql(tables, database=name) == revision
        server.sql(_CHANGE, database=name)
        assert server.sql(_APPEALS, database=name) == "1|1"


@pytest.mark.parametrize(
    "harm",
    ["DROP TABLE teams CASCADE", "CREATE INDEX ix ON teams (name)", "DROP SCHEMA kept CASCADE"],
)
def test_a_database_whose_tables_were_changed_is_nobodys_next(
    databases: Databases, harm: str
) -> None:
    with databases.postgresql() as url:
        changed = _name(url)
        databases.server.sql(harm, database=changed)
    with databases.postgresql() as url:
        assert _name(url) != changed
