"""What runs in a process that has only some of the hub's roles."""

import asyncio
from itertools import combinations

import pytest

from hub.app import ALL_ROLES, Hub, _loops
from registry.traffic import Slot, read_traffic
from registry.types import AccountKey
from tests.registry.samples import START

TELEGRAM = AccountKey("telegram", "main")

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_each_loop_runs_once_whatever_roles_a_process_has(open_house: Hub) -> None:
    everything = {name for name, _ in _loops(open_house, only=ALL_ROLES, stopping=asyncio.Event())}
    assert {"outbox", "media", "polling", "schedule", "traffic"} <= everything
    for size in (1, 2, 3):
        for roles in combinations(sorted(ALL_ROLES), size):
            found = _loops(open_house, only=frozenset(roles), stopping=asyncio.Event())
            names = [name for name, _ in found]
            assert len(names) == len(set(names)), roles


@pytest.mark.parametrize("role", ["web", "polling"])
async def test_whoever_takes_deliveries_in_writes_down_what_came(
    open_house: Hub, role: str
) -> None:
    stopping = asyncio.Event()
    loops = dict(_loops(open_house, only=frozenset({role}), stopping=stopping))
    assert "introductions" in loops
    open_house.traffic.received(TELEGRAM, 3)
    stopping.set()  # what came last is written before the process ends
    async with asyncio.timeout(20):
        await loops["traffic"]()
    found = await open_house.database.run(read_traffic(TELEGRAM, since=START))
    assert found == [Slot(TELEGRAM, START, 3, 0)]
