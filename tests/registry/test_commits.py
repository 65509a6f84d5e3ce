"""Whoever wants to hear of commits hears of each, and of nothing else."""

from typing import Any

import pytest

from registry.changes import forget_changes
from registry.db import Database
from registry.statements import Script
from tests.registry.desk import write_in


@pytest.fixture
def heard() -> list[str]:
    return []


async def test_every_commit_is_told(database: Database, heard: list[str]) -> None:
    database.on_commit(lambda: heard.append("a"))
    database.on_commit(lambda: heard.append("b"))
    await write_in(database)
    assert heard == ["a", "b"]
    async with database.write():
        assert heard == ["a", "b"]
    assert heard == ["a", "b", "a", "b"]


async def test_what_was_not_committed_is_not_told(database: Database, heard: list[str]) -> None:
    async def fail() -> None:
        async with database.write():
            raise KeyError

    def broken() -> Script[Any]:
        yield from forget_changes()
        raise KeyError

    database.on_commit(lambda: heard.append("a"))
    with pytest.raises(KeyError):
        await fail()
    with pytest.raises(KeyError):
        await database.run(broken())
    async with database.read():
        pass
    assert heard == []


async def test_a_commit_that_nobody_waits_for_is_not_told(
    database: Database, heard: list[str]
) -> None:
    database.on_commit(lambda: heard.append("a"))
    async with database.write(tells=False):
        pass
    assert heard == []
    async with database.write():
        pass
    assert heard == ["a"]


async def test_who_stopped_listening_hears_no_more(database: Database, heard: list[str]) -> None:
    stop = database.on_commit(lambda: heard.append("a"))
    database.on_commit(lambda: heard.append("b"))
    stop()
    await write_in(database)
    assert heard == ["b"]
