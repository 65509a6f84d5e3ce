"""Where browsers connect: `GET /live`, a WebSocket for all tabs of one browser.

Both sides speak JSON. The hub sends lists of events, of which the last tells the cursor; a browser
says what its tabs show, and up to which cursor they know what changed.
"""

import asyncio
import re
from typing import Annotated, cast

import msgspec
from aiohttp import WSMsgType, web
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.live.clients import Client, Goodbye, Transport, View
from hub.live.feed import Feed
from hub.problems import Problem
from hub.web import i18n
from hub.web.pages import HEADERS, language_of
from hub.web.sessions import is_same_origin, recognise
from registry.changes import Cursor
from registry.errors import Unavailable

PATH = "/live"
FEED = web.AppKey("feed", Feed)

PING_SECONDS = 20.0
"""How often a browser is asked whether it is still there; aiohttp waits half as long."""
MAX_SAID = 64 * 1024
"""Bytes that a browser may say at once."""
MOST_LISTS = 64
MOST_OPENED = 512
"""Lists, and appeals, that all tabs of a browser may show: a shift's, each in a tab of its own."""

_NUMBER = re.compile(r"[A-Z]{2,5}-\d{4}-\d{7,12}", re.ASCII)

_Text = Annotated[str, Meta(max_length=8000)]


class Said(Struct, forbid_unknown_fields=True):
    """What a browser says. A view with `off` is shown no more, and so is a number."""

    view: _Text | UnsetType = UNSET
    number: _Text | UnsetType = UNSET
    language: str = ""
    operator: str = ""
    """Whose page it is: another's connection must not serve it."""
    cursor: Annotated[str, Meta(max_length=MAX_SAID)] = ""
    off: bool = False
    typing: bool | UnsetType = UNSET
    """Somebody writes in the number's composer, or has stopped."""


async def live(request: web.Request) -> web.StreamResponse:
    """`GET /live`. It stays open until the browser goes, or may not stay."""
    if not is_same_origin(request):
        raise web.HTTPForbidden(text="Another site's page may not connect.", headers=HEADERS)
    try:
        signed = await recognise(request)
    except Unavailable as error:
        raise web.HTTPServiceUnavailable(text=str(error), headers=HEADERS) from error
    if signed is None or signed.stage != "in":
        raise web.HTTPUnauthorized(text="Sign in first.", headers=HEADERS)
    socket = web.WebSocketResponse(heartbeat=PING_SECONDS, max_msg_size=MAX_SAID, compress=False)
    await socket.prepare(request)
    feed = request.config_dict[FEED]
    # Frames that are made once for many go past aiohttp, which makes each anew.
    transport = cast("Transport", request.transport)

    async def close(why: Goodbye) -> None:
        await socket.close(code=why, drain=False)

    client = Client(transport, close, signed.digest, signed.principal, language_of(request))
    feed.join(client)
    try:
        async for message in socket:
            if message.type is not WSMsgType.TEXT or not _heed(feed, client, message.data):
                await socket.close(code=1008, message=b"That is not said here.")
    finally:
        feed.leave(client)
        if client.goodbye is not None:
            # The server closes the connection once this returns, said or not.
            await asyncio.wait([client.goodbye])
    return socket


def _heed(feed: Feed, client: Client, text: str) -> bool:
    """Do what a browser says; whether it could be understood."""
    try:
        said = msgspec.json.decode(text, type=Said)
    except (msgspec.DecodeError, RecursionError):
        return False
    if said.operator and said.operator != str(client.principal.operator_id):
        # Somebody else has signed in: the page is theirs, and this connection is not.
        client.leave(Goodbye.CHANGED)
        return True
    if not isinstance(said.view, UnsetType):
        return _heed_view(feed, client, said, View(said.view, said.language))
    if not isinstance(said.number, UnsetType):
        return _heed_number(feed, client, said, said.number)
    return False


def _heed_view(feed: Feed, client: Client, said: Said, view: View) -> bool:
    if said.off:
        feed.hide(client, view)
        return True
    too_many = view not in client.views and len(client.views) >= MOST_LISTS
    if view.language not in i18n.LANGUAGES or too_many:
        return False
    client.language = view.language
    try:
        feed.show(client, view, _cursor(said))
    except Problem:
        return False
    return True


def _heed_number(feed: Feed, client: Client, said: Said, number: str) -> bool:
    if not _NUMBER.fullmatch(number):
        return False
    if said.off:
        feed.close(client, number)
    elif not isinstance(said.typing, UnsetType):
        feed.write(client, number, typing=said.typing)
    elif len(client.opened) >= MOST_OPENED:
        return False
    else:
        feed.open(client, number, _cursor(said))
    return True


def _cursor(said: Said) -> Cursor | None:
    return Cursor(said.cursor) if said.cursor else None
