"""Operators' screens without a browser: they say what they show, and hear what changes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from hub.app import Hub, application
from hub.live import FEED, Feed
from hub.web.sessions import cookie_name
from registry.models import Operator
from registry.operators import Principal
from registry.sessions import Stage, open_session

PATIENCE = 10.0
"""Seconds after which what should be heard has not come."""


class Screen:
    """One connection, and what it hears."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.cursor = ""
        """Up to where everything was heard."""
        self.heard: list[dict[str, Any]] = []
        """Events that nobody has waited for yet."""

    async def say(self, **words: Any) -> None:
        await self.socket.send_str(json.dumps(words))

    async def show(self, view: str, language: str = "en", cursor: str = "") -> dict[str, Any]:
        """Show a list; what it is told of it first."""
        await self.say(view=view, language=language, cursor=cursor)
        return await self.until(lambda event: event.get("view") == view and "ready" in event)

    async def open(self, number: str, cursor: str = "") -> dict[str, Any]:
        """Open an appeal; what it is told of it first."""
        await self.say(number=number, cursor=cursor)
        event = await self.until(lambda event: event.get("thread", {}).get("number") == number)
        thread: dict[str, Any] = event["thread"]
        return thread

    async def until(self, wanted: Any) -> dict[str, Any]:
        """The next event that is wanted; those before it are kept."""
        passed = 0
        async with asyncio.timeout(PATIENCE):
            while True:
                for at, event in enumerate(self.heard[passed:], passed):
                    if wanted(event):
                        del self.heard[at]
                        return event
                passed = len(self.heard)
                await self._listen()

    async def next(self, kind: str) -> Any:
        """What the next event of a kind tells."""
        return (await self.until(lambda event: kind in event))[kind]

    async def _listen(self) -> None:
        message = await self.socket.receive()
        assert message.type is WSMsgType.TEXT, (message.type, self.socket.close_code, self.heard)
        *events, last = json.loads(message.data)
        self.cursor = last["cursor"]
        self.heard += events

    async def closed(self) -> int | None:
        """Wait until the hub closes the connection; the code that it gave."""
        async with asyncio.timeout(PATIENCE):
            while (message := await self.socket.receive()).type is WSMsgType.TEXT:
                pass
        # The client forgets the code where the hub was gone before it could answer.
        return message.data if message.type is WSMsgType.CLOSE else self.socket.close_code


class Office:
    """A running hub, and the operators who sign in to it."""

    def __init__(self, hub: Hub, feed: Feed, client: TestClient[Any, Any]) -> None:
        self.hub = hub
        self.feed = feed
        self._client = client

    async def sign_in(self, who: Principal) -> str:
        """Open a session; its key."""
        async with self.hub.database.write() as session:
            operator = await session.get(Operator, who.operator_id)
            assert operator is not None
            return await open_session(
                session, operator, Stage.IN, secret=self.hub.settings.secret_key,
                now=self.hub.clock(),
            )  # fmt: skip

    async def connect(self, key: str, **headers: str) -> Screen:
        """A screen of the session."""
        cookie = f"{cookie_name(self.hub.settings)}={key}"
        headers = {"Sec-Fetch-Site": "same-origin", **headers, "Cookie": cookie}
        return Screen(await self._client.ws_connect("/live", headers=headers, autoping=True))

    async def stop(self) -> None:
        """Stop the server; the screens stay."""
        await self._client.server.close()

    async def screen(self, who: Principal) -> Screen:
        """A screen of somebody who has just signed in."""
        return await self.connect(await self.sign_in(who))


@asynccontextmanager
async def office(hub: Hub) -> AsyncIterator[Office]:
    """Serve the hub while the block runs."""
    app = application(hub)
    async with TestClient(TestServer(app)) as client:
        yield Office(hub, app[FEED], client)
