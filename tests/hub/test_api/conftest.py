"""The desk: the API on a loopback port, over a registry of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from config.settings import MediaTable, Settings
from hub.api import mounting
from hub.api.keys import REPLAY
from hub.keys import BUS, CLOCK, CONNECTORS, DATABASE, MEDIA, OFFICE, SETTINGS
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.media import MediaStore
from registry.types import AccountKey, Clock
from tests.conftest import FakeClock
from tests.hub.test_api.desk import SECRET_KEY, Desk, StubBus, StubConnector, StubReplay
from tests.registry.offices import bare_office

MAX_MEDIA_BYTES = 2_000_000


@pytest.fixture
async def desk(database: Database, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Desk]:
    """An API with two accounts: telegram/main, and whatsapp/main with its window of a day."""
    bus, replay = StubBus(), StubReplay()
    media = MediaStore(None, folder=tmp_path / "media")
    connectors: Any = {
        AccountKey("telegram", "main"): StubConnector(threads=True),
        AccountKey("whatsapp", "main"): StubConnector(reply_window_hours=24),
    }
    app = web.Application()
    app[SETTINGS] = Settings(
        secret_key=SecretStr(SECRET_KEY), media=MediaTable(max_bytes=MAX_MEDIA_BYTES)
    )
    app[DATABASE] = database
    app[MEDIA] = media
    app[BUS] = bus
    app[CONNECTORS] = connectors
    now: Clock = clock
    app[CLOCK] = now
    app[OFFICE] = CurrentOffice(bare_office())
    app[REPLAY] = replay
    mounting.mount(app)
    async with TestClient(TestServer(app)) as client:
        yield Desk(client, database=database, media=media, clock=clock, bus=bus, replay=replay)
