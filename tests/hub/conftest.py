"""A hub as strangers see it: its public pages, on a loopback port."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from config.settings import Settings
from hub.app import Hub, application, open_hub
from tests.conftest import FakeClock

SECRET_KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def open_house(database_url: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Hub]:
    """A hub with a clock of its own."""
    settings = Settings.model_validate(
        {
            "secret_key": SECRET_KEY,
            "public_url": "https://hub.example.kz",
            "database": {"url": database_url},
            "folder": tmp_path,
            "acknowledgement": {"private": True},
        }
    )
    async with open_hub(settings, clock=clock) as hub:
        yield hub


@pytest.fixture
async def visitor(open_house: Hub) -> AsyncIterator[TestClient[Any, Any]]:
    """Somebody without a token."""
    async with TestClient(TestServer(application(open_house))) as client:
        yield client
