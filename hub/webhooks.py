"""Webhooks: a delivery is read within bounds, verified, stored, and only then acknowledged.

Hostile territory: whatever is posted, the answer is never a 500, and nothing of a forged delivery
is kept, not even in a log.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from connectors.base import Answer, Answers, Connector, Forged, Handshakes, Phones
from hub.addresses import remote_of
from hub.calls import Switchboard, listen
from hub.keys import BUS, CLOCK, CONNECTORS, DATABASE, METERS, OFFICE, PROMPTS, SETTINGS
from registry.errors import Unavailable
from registry.ids import new_id
from registry.types import AccountKey, Envelope
from workers.bus import Full

log = structlog.get_logger(__name__)

READ_TIMEOUT = 15.0
"""Seconds for a whole body: a client that trickles holds a connection no longer."""
RETRY_AFTER = "5"
"""Seconds that a provider is asked to wait when nothing can be stored."""
_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class _Door:
    """One account's entrance, with what is the same for every delivery."""

    key: AccountKey
    connector: Connector
    kept_headers: frozenset[str]
    answers: Answers | None
    phone: Phones | None


def add_routes(app: web.Application) -> None:
    """Open the webhooks of every account in the settings."""
    doors = {
        (key.channel, key.account): _Door(
            key,
            connector,
            connector.kept_headers,
            connector if isinstance(connector, Answers) else None,
            connector if isinstance(connector, Phones) else None,
        )
        for key, connector in app[CONNECTORS].items()
    }
    bus, clock, meters = app[BUS], app[CLOCK], app[METERS]
    trusted = app[SETTINGS].http.trusted_proxies
    switchboard = Switchboard(
        database=app[DATABASE],
        office=app[OFFICE],
        prompts=app[PROMPTS],
        bus=bus,
        clock=clock,
        meters=meters,
    )

    async def receive(request: web.Request) -> web.Response:
        match = request.match_info
        door = doors.get((match["channel"], match["account"]))
        if door is None:
            return web.Response(status=404, text="There is no such account.")
        began = perf_counter()
        try:
            body = await _body(request)
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413, text="The body is too large.")
        except TimeoutError:
            return web.Response(status=408, text="The body did not come in time.")
        except (web.RequestPayloadError, HttpProcessingError, ConnectionError, ValueError):
            response = web.Response(status=400, text="The body cannot be read.")
            response.force_close()
            return response
        envelope = Envelope(
            id=f"{new_id():016x}",
            channel=door.key.channel,
            account=door.key.account,
            action=match.get("action", ""),
            # As it was sent: signatures are over the very letters, and decoded they are others.
            query=request.raw_path.partition("?")[2],
            headers=request.headers,
            body=body,
            received_at=clock(),
        )
        try:
            door.connector.verify(envelope)
        except Forged:
            return _refuse(request, door)
        except Exception:
            log.exception("a verifier failed", account=str(door.key))
            return _refuse(request, door)
        kept = _without_secrets(envelope, door.kept_headers)
        try:
            await bus.put(kept)
            heard = None if door.phone is None else await listen(kept, door.phone, switchboard)
        except (Full, Unavailable) as error:
            log.warning("cannot store a delivery", account=str(door.key), reason=str(error))
            return _come_again()
        meters.acknowledged(door.key, seconds=perf_counter() - began)
        if heard is not None:
            return _respond(heard)
        return web.Response() if door.answers is None else _respond(door.answers.answer(kept))

    async def handshake(request: web.Request) -> web.Response:
        door = doors.get((request.match_info["channel"], request.match_info["account"]))
        if door is None:
            return web.Response(status=404, text="There is no such account.")
        if not isinstance(door.connector, Handshakes):
            return web.Response(status=405, text="This channel asks nothing by GET.")
        try:
            return _respond(door.connector.handshake(request.query))
        except Forged:
            return _refuse(request, door, status=403)

    def _refuse(request: web.Request, door: _Door, *, status: int = 401) -> web.Response:
        meters.forged(door.key)
        remote = remote_of(request, trusted)
        log.warning("refused a forged delivery", account=str(door.key), remote=remote)
        return web.Response(status=status, text="The signature or secret is wrong or missing.")

    for path in ("/hooks/{channel}/{account}", "/hooks/{channel}/{account}/{action}"):
        app.router.add_post(path, receive)
        app.router.add_get(path, handshake, allow_head=False)


async def _body(request: web.Request) -> bytes:
    """The whole body, which mostly has come already. Raises: TimeoutError, what aiohttp raises."""
    if request.content.is_eof():
        return await request.read()
    async with asyncio.timeout(READ_TIMEOUT):
        return await request.read()


def _without_secrets(envelope: Envelope, kept: frozenset[str]) -> Envelope:
    """Verified is verified: the secret goes no further than this."""
    found = envelope.headers
    headers = {name: found[name] for name in kept if name in found} if kept else _NO_HEADERS
    return Envelope(
        id=envelope.id,
        channel=envelope.channel,
        account=envelope.account,
        action=envelope.action,
        query=envelope.query,
        headers=headers,
        body=envelope.body,
        received_at=envelope.received_at,
    )


def _respond(answer: Answer) -> web.Response:
    if answer.status == 200 and not answer.body:
        return web.Response()
    return web.Response(
        status=answer.status, body=answer.body, headers={"Content-Type": answer.content_type}
    )


def _come_again() -> web.Response:
    return web.Response(
        status=503, text="Deliver again in a moment.", headers={"Retry-After": RETRY_AFTER}
    )
