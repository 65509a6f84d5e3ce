"""Metrics: what was counted is told, and what waits is read from the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from hub.app import Hub, application
from hub.keys import BUS, CLOCK, DATABASE
from hub.metrics import FAMILIES, Metrics
from registry.accounts import set_health
from registry.burial import Burial, bury
from registry.calls.tables import Call, CallBack
from registry.db import Database
from registry.types import AccountKey, Clock, Envelope
from tests.conftest import FakeClock
from workers.bus import Bus
from workers.bus_local import LocalBus

MAIN = AccountKey("telegram", "main")
OTHER = AccountKey("telegram", "other")

Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def client(
    metrics: Metrics, database: Database, clock: FakeClock
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async with _serving(metrics, database, clock) as client:
        yield client


@asynccontextmanager
async def _serving(
    metrics: Metrics, database: Database, clock: FakeClock
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async def process(_: object) -> None:
        raise AssertionError("nothing is delivered here")

    bus: Bus = LocalBus(process, capacity=1)
    now: Clock = clock
    app = web.Application()
    app[DATABASE] = database
    app[CLOCK] = now
    app[BUS] = bus
    app.router.add_get("/metrics", metrics.expose)
    async with TestClient(TestServer(app)) as client:
        yield client
    await bus.close()


async def _scrape(client: TestClient[web.Request, web.Application]) -> Samples:
    """Every sample, by its name and its labels' values in the order of the labels' names."""
    response = await client.get("/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(await response.text())
        for sample in family.samples
    }


async def test_what_was_counted_is_told_by_account(
    metrics: Metrics, client: TestClient[web.Request, web.Application]
) -> None:
    metrics.took_in(MAIN, stored=3, duplicates=1, applied=2)
    metrics.took_in(MAIN, stored=1, duplicates=0, applied=0)
    metrics.took_in(OTHER, stored=0, duplicates=1, applied=0)
    metrics.buried(MAIN)
    metrics.forged(OTHER)
    metrics.acknowledged(MAIN, seconds=0.004)
    metrics.sent(MAIN, outcome="sent", seconds=0.2)
    metrics.sent(MAIN, outcome="later", seconds=3.0)
    metrics.fetched(MAIN, outcome="ready")

    found = await _scrape(client)

    main, other = ("main", "telegram"), ("other", "telegram")
    assert found["hub_received_total", main] == 7
    assert found["hub_stored_total", main] == 4
    assert found["hub_duplicates_total", main] == 1
    assert found["hub_applied_total", main] == 2
    assert found["hub_received_total", other] == 1
    assert found["hub_duplicates_total", other] == 1
    assert ("hub_stored_total", other) not in found
    assert found["hub_buried_total", main] == 1
    assert found["hub_rejected_total", other] == 1
    assert found["hub_webhook_seconds_count", main] == 1
    assert found["hub_webhook_seconds_bucket", (*main[:1], "telegram", "0.005")] == 1
    assert found["hub_webhook_seconds_bucket", (*main[:1], "telegram", "0.0025")] == 0
    assert found["hub_sends_total", (*main, "sent")] == 1
    assert found["hub_sends_total", (*main, "later")] == 1
    assert found["hub_send_seconds_sum", main] == pytest.approx(3.2)
    assert found["hub_fetches_total", (*main, "ready")] == 1


async def test_what_waits_and_how_accounts_are_is_read_from_the_database(
    database: Database, clock: FakeClock, client: TestClient[web.Request, web.Application]
) -> None:
    envelope = Envelope(
        id="e1", channel="telegram", account="main", headers={}, body=b"{", received_at=clock()
    )
    async with database.write() as session:
        await bury(session, [Burial(envelope=envelope, reason="It breaks off.")], now=clock())
        await set_health(
            session, MAIN, health="down", summary="Its token is dead.", cure=None, now=clock()
        )
    clock.advance(timedelta(minutes=2))

    found = await _scrape(client)

    main = ("main", "telegram")
    assert found["hub_queue_depth", ("main", "telegram", "buried")] == 1
    assert found["hub_queue_oldest_seconds", ("main", "telegram", "buried")] == 120
    health = {
        name: found["hub_account_health", ("main", "telegram", name)]
        for name in ("ok", "degraded", "down")
    }
    assert health == {"ok": 0, "degraded": 0, "down": 1}
    assert found["hub_database_up", ()] == 1
    assert found["hub_bus_waiting", ()] == 0
    assert ("hub_stored_total", main) not in found


async def test_without_the_database_the_counts_are_told_all_the_same(
    metrics: Metrics, clock: FakeClock
) -> None:
    metrics.took_in(MAIN, stored=1, duplicates=0, applied=0)
    nowhere = Database("postgresql://hub@127.0.0.1:1/nowhere")
    await nowhere.open()
    async with _serving(metrics, nowhere, clock) as client:
        found = await _scrape(client)
    await nowhere.close()

    assert found["hub_database_up", ()] == 0
    assert found["hub_stored_total", ("main", "telegram")] == 1
    assert not [name for name, _ in found if name == "hub_queue_depth"]


async def test_every_number_is_described_and_none_other_is_there(
    metrics: Metrics, client: TestClient[web.Request, web.Application]
) -> None:
    metrics.took_in(MAIN, stored=1, duplicates=1, applied=1)
    metrics.buried(MAIN)
    metrics.forged(MAIN)
    metrics.acknowledged(MAIN, seconds=1)
    metrics.sent(MAIN, outcome="sent", seconds=1)
    metrics.fetched(MAIN, outcome="ready")
    text = await (await client.get("/metrics")).text()

    told = {
        (family.name, family.type)
        for family in text_string_to_metric_families(text)
        if family.name.startswith("hub_")
    }
    assert told == {(family.name.removesuffix("_total"), family.kind) for family in FAMILIES}


async def test_the_numbers_are_those_of_the_supervisors_board(
    open_house: Hub, clock: FakeClock
) -> None:
    now = clock()
    async with open_house.database.write() as session:
        for waited in (5.0, 35.0):
            session.add(
                Call(
                    account="main", state="ended", started_at=now, waiting_since=now,
                    answered_at=now + timedelta(seconds=waited), ended_at=now, waited=waited,
                    ended_as="answered", talked=50.0, wrapped_up=10.0,
                )
            )  # fmt: skip
        since = now - timedelta(seconds=90)
        waiting = Call(account="main", state="waiting", language="kk", started_at=since)
        session.add(waiting)
        back = CallBack(account="main", number="+77010000001", why="missed", asked_at=now)
        back.due_at = now - timedelta(hours=2)
        session.add(back)
    async with TestClient(TestServer(application(open_house))) as client:
        found = await _scrape(client)

    assert found["hub_calls_waiting", ("kk", "")] == 1
    assert found["hub_calls_longest_wait_seconds", ("kk", "")] == 90
    assert found["hub_calls_today", ("answered",)] == 2
    assert found["hub_calls_today", ("all",)] == 3
    assert found["hub_calls_service_level_ratio", ()] == 0.5
    assert found["hub_calls_answer_seconds", ()] == 20
    assert found["hub_calls_handling_seconds", ()] == 60
    assert found["hub_phone_operators", ("available",)] == 0
    assert found["hub_call_backs", ("overdue",)] == 1
