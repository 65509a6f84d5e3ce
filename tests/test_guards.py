"""The guards of the tests themselves: nothing leaves this machine, nothing blocks the loop."""

import asyncio
import os
import socket

import pytest
from blockbuster import BlockingError

import registry
from tests.conftest import LeftTheMachine

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
