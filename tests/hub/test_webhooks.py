"""The webhooks and the health pages of a hub that is well, full, locked out, or cut off."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import text
from yarl import URL

from config.settings import BusTable, Settings
from connectors.blackhole.connector import BlackholeConnector
from hub.app import Hub, application, open_hub
from registry import carriers
from registry.types import Envelope
from tests.conftest import Databases

SECRET = "blackhole-secret"
HOOK = "/hooks/blackhole/main"
HEADERS = {"X-Blackhole-Secret": SECRET}


def body(id_: str) -> bytes:
    return json.dumps({"id": id_, "sender": "aigerim", "text": "Сәлем"}).encode()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "secret_key": "0123456789abcdef0123456789abcdef",
            "database": {"url": database_url},
            "bus": BusTable(queue=2),
            "channels": {"blackhole": {"main": {"webhook_secret": SECRET}}},
            "folder": tmp_path,
        }
    )


@pytest.fixture
async def hub(settings: Settings) -> AsyncIterator[Hub]:
    async with open_hub(settings) as opened:
        yield opened


@pytest.fixture
async def client(hub: Hub) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(application(hub))) as made:
        yield made


async def stored(hub: Hub) -> int:
    async with hub.database.read() as session:
        found = await (await session.connection()).execute(text("SELECT count(*) FROM messages"))
        return int(found.scalar_one())


async def test_a_delivery_is_stored_before_it_is_acknowledged(
    hub: Hub, client: TestClient[Any, Any]
) -> None:
    async with client.post(HOOK, data=body("1"), headers=HEADERS) as answer:
        assert answer.status == 200
    assert await stored(hub) == 1


async def test_a_full_queue_asks_the_provider_to_come_again(
    hub: Hub, client: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    run = hub.database.run

    async def slow(script: Any) -> Any:
        begun.set()
        await go.wait()
        return await run(script)

    monkeypatch.setattr(hub.database, "run", slow)

    async def deliver(id_: str) -> tuple[int, str | None]:
        async with client.post(HOOK, data=body(id_), headers=HEADERS) as answer:
            return answer.status, answer.headers.get("Retry-After")

    first = asyncio.create_task(deliver("1"))
    await begun.wait()
    waiting = [
        asyncio.create_task(
            hub.bus.put(
                Envelope(
                    id=f"e{n}",
                    channel="blackhole",
                    account="main",
                    headers={},
                    body=body(f"w{n}"),
                    received_at=hub.clock(),
                )
            )
        )
        for n in range(2)
    ]
    await asyncio.sleep(0)
    assert await deliver("4") == (503, "5")
    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["checks"] == {"database": "ok", "bus": "full"}
    go.set()
    assert await first == (200, None)
    await asyncio.gather(*waiting)
    assert await deliver("4") == (200, None)
    assert await stored(hub) == 4


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_locked_database_acknowledges_nothing_and_recovers(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carriers, "BUSY_SECONDS", 0.05)
    unhurried = tuple(p for p in carriers.PRAGMAS if "busy_timeout" not in p)
    monkeypatch.setattr(carriers, "PRAGMAS", unhurried)
    async with open_hub(settings) as hub, TestClient(TestServer(application(hub))) as client:
        holder = sqlite3.connect(urlsplit(database_url).path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        async with client.post(HOOK, data=body("1"), headers=HEADERS) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        holder.execute("ROLLBACK")
        holder.close()
        assert await stored(hub) == 0
        async with client.post(HOOK, data=body("1"), headers=HEADERS) as answer:
            assert answer.status == 200
        assert await stored(hub) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_database_that_is_gone_is_not_ready_and_acknowledges_nothing(
    hub: Hub, client: TestClient[Any, Any], databases: Databases, database_url: str
) -> None:
    async with client.get("/readyz") as answer:
        assert answer.status == 200
    name = urlsplit(database_url).path.lstrip("/")
    await asyncio.to_thread(databases.server.drop, name)
    async with client.post(HOOK, data=body("1"), headers=HEADERS) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["checks"]["database"] == "unreachable"
    async with client.get("/healthz") as answer:
        assert answer.status == 200


async def test_a_get_on_a_channel_without_a_handshake_is_not_allowed(
    client: TestClient[Any, Any],
) -> None:
    async with client.get(HOOK) as answer:
        assert answer.status == 405
    async with client.get("/hooks/blackhole/other") as answer:
        assert answer.status == 404


QUERIES = [
    "",
    "message=7&part=1",
    "name=%D0%90%D0%B9%D0%B3%D2%AF%D0%BB&both=a%26b%3Dc",
    "plus=a+b&space=a%20b&percent=100%25",
    "twice=1&twice=2&empty=&bare",
    "question=why?&slash=a/b",
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_query_reaches_the_verifier_letter_by_letter_as_it_was_sent(
    client: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Providers sign the address as they called it: decoded, it would be another.
    seen: list[str] = []
    monkeypatch.setattr(
        BlackholeConnector, "verify", lambda _, envelope: seen.append(envelope.query)
    )
    for number, query in enumerate(QUERIES):
        address = client.make_url(f"{HOOK}/status").update_query(None)
        raw = URL(f"{address}?{query}" if query else str(address), encoded=True)
        async with client.session.post(raw, data=body(str(number))) as answer:
            assert answer.status == 200
    assert seen == QUERIES
