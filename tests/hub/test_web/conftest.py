"""Pages on a loopback port, and a browser that opens them."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hub.app import Hub, application
from tests.hub.test_web.signing import Browser


@pytest.fixture
async def browser(open_house: Hub) -> AsyncIterator[Browser]:
    """A browser that nobody has signed in with."""
    async with TestClient(TestServer(application(open_house))) as client:
        yield Browser(client)
