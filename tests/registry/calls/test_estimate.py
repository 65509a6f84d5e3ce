"""How long a caller is told to wait: by how long the last conversations took."""

from datetime import timedelta

import pytest

from registry.calls.estimate import MOST_CALLS, RECENT, estimate, handling_times
from registry.db import Database
from tests.registry.calls.lines import call_of
from tests.registry.samples import START

NOW = START + timedelta(hours=3)


@pytest.mark.parametrize(
    ("ahead", "handling", "agents_on", "seconds"),
    [
        (0, [120.0], 1, 120.0),
        (0, [60.0, 180.0], 1, 120.0),
        (0, [120.0], 4, 30.0),
        (7, [120.0], 4, 240.0),
        (0, [], 4, None),
        (0, [120.0], 0, None),
    ],
)
def test_the_estimate_is_the_mean_time_of_those_before_shared_among_the_operators(
    ahead: int, handling: list[float], agents_on: int, seconds: float | None
) -> None:
    assert estimate(ahead, handling, agents_on=agents_on) == seconds


async def test_only_the_last_conversations_tell(database: Database) -> None:
    at = NOW - timedelta(minutes=5)
    rows = [
        {"started_at": at, "answered_at": at, "ended_at": NOW, "talked": 100.0},
        {"started_at": NOW, "answered_at": NOW, "ended_at": NOW, "talked": 50.0},
        {"started_at": at, "ended_at": NOW, "talked": 1.0},  # nobody answered
        {"started_at": at, "answered_at": at, "talked": 2.0},  # goes on
        {"started_at": NOW - RECENT, "answered_at": at, "ended_at": NOW, "talked": 3.0},
    ]
    for i, fields in enumerate(rows):
        async with call_of(database, external_id=f"CA{i}", **fields):
            pass
    async with database.read() as session:
        assert await handling_times(session, now=NOW) == [50.0, 100.0]


async def test_a_busy_day_is_told_by_its_latest_calls(database: Database) -> None:
    for i in range(MOST_CALLS + 5):
        at = NOW - timedelta(minutes=i)
        fields = {"started_at": at, "answered_at": at, "ended_at": NOW, "talked": float(i)}
        async with call_of(database, external_id=f"CA{i}", **fields):
            pass
    async with database.read() as session:
        found = await handling_times(session, now=NOW)
    assert list(found) == [float(i) for i in range(MOST_CALLS)]
