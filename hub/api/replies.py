"""Replies: queued to the citizen, or looked at before they are."""

from datetime import datetime
from typing import Literal

import msgspec
import structlog
from aiohttp import web
from msgspec import Struct

from hub.api.exchange import attachment_url, invalid, json_response, number_of, read_body
from hub.api.idempotency import required_key
from hub.api.keys import PRINCIPAL
from hub.api.replying import (
    PreviewBody,
    ReplyBody,
    accounts_of,
    filled_in,
    reply_of,
    via_of,
)
from hub.keys import BUS, CLOCK, CONNECTORS, DATABASE
from hub.problems import Problem
from registry.errors import BadValue, CannotCarry, NotFound
from registry.inbox import get_message
from registry.measuring import measure, segments
from registry.replies import (
    Plan,
    Preview,
    Reply,
    Way,
    make_plan,
    prepare_reply,
    preview_reply,
    queue_reply,
)
from workers.bus import Topic

log = structlog.get_logger(__name__)


class Part(Struct, frozen=True, kw_only=True):
    """One message of several that a text takes."""

    text: str
    length: int
    """In the channel's unit."""
    segments: int | None
    """SMS segments, each paid for; None where nobody counts them."""
    encoding: Literal["gsm7", "ucs2"] | None


class Refusal(Struct, frozen=True, kw_only=True):
    """Why a reply cannot go now."""

    code: str
    reason: str
    instead: str


class Destination(Struct, frozen=True, kw_only=True):
    """Where a reply goes."""

    channel: str
    account: str
    label: str | None
    """The contact's point as people read it, where they can."""
    public: bool


class PreviewShown(Struct, frozen=True, kw_only=True):
    """What a reply would take."""

    parts: list[Part]
    unit: str | None
    limit: int | None
    """Of one part, in the unit."""
    window_closes_at: datetime | None
    refusal: Refusal | None
    """None for a reply that can go."""
    to: Destination | None
    """None where there is no way to the citizen."""
    language: Literal["kk", "ru", "en", "mixed"] | None
    """What the text is in, where it can be told."""
    differs: bool
    """That is not the language of the appeal."""


async def reply(request: web.Request) -> web.Response:
    """`POST appeals/{number}/replies`: queued and durable when answered."""
    number, principal = number_of(request), request[PRINCIPAL]
    key = required_key(request)
    wanted, plan = await _prepared(request, number, reply_of(await read_body(request, ReplyBody)))
    async with request.config_dict[DATABASE].write() as session:
        try:
            message = await queue_reply(
                session,
                number,
                wanted,
                by=principal,
                key=key,
                accounts=accounts_of(request),
                plan=plan,
                now=request.config_dict[CLOCK](),
            )
        except NotFound as error:
            if error.what == "appeal":
                raise
            raise invalid("attachments", str(error)) from error
        except BadValue as error:
            raise Problem(400, "invalid", str(error), pointer=f"/then/{error.field}") from error
        queued = await get_message(session, message.id, attachment_url=attachment_url)
    request.config_dict[BUS].wake(Topic.OUTBOX)
    log.info("reply queued", appeal=number, message=queued.id, actor=principal.actor)
    return json_response(queued, status=202)


async def preview(request: web.Request) -> web.Response:
    """`POST appeals/{number}/replies/preview`: nothing is written."""
    number = number_of(request)
    body = await read_body(request, PreviewBody)
    via = via_of(body.via, private=body.private)
    async with request.config_dict[DATABASE].read() as session:
        found = await preview_reply(
            session,
            number,
            Reply(text=body.text, private=body.private, via=via),
            by=request[PRINCIPAL],
            accounts=accounts_of(request),
            now=request.config_dict[CLOCK](),
        )
    return json_response(_shown(found))


async def _prepared(request: web.Request, number: str, wanted: Reply) -> tuple[Reply, Plan | None]:
    """The reply with its template filled in, and its parts: what takes long, and changes nothing.

    Raises: NotFound, Problem.
    """
    way: Way | None = None
    kinds: tuple[str, ...] = ()
    async with request.config_dict[DATABASE].read() as session:
        try:
            way, kinds = await prepare_reply(
                session,
                number,
                wanted,
                by=request[PRINCIPAL],
                accounts=accounts_of(request),
                now=request.config_dict[CLOCK](),
            )
        except CannotCarry:
            way = None  # `queue_reply` tells why, unless the same request was heard before
    if wanted.template is not None:
        connector = None if way is None else request.config_dict[CONNECTORS].get(way.account)
        text = await filled_in(connector, wanted.template)
        wanted = msgspec.structs.replace(wanted, text=text)
    return wanted, None if way is None else await make_plan(wanted, kinds, way)


def _shown(found: Preview) -> PreviewShown:
    can, refused, way = found.capabilities, found.refused, found.way
    parts = []
    for text in found.parts:
        assert can is not None  # without it nothing was cut
        counted = segments(text) if can.segments else None
        parts.append(
            Part(
                text=text,
                length=measure(text, can.text_unit),
                segments=counted.count if counted else None,
                encoding=counted.encoding if counted else None,
            )
        )
    return PreviewShown(
        parts=parts,
        unit=can.text_unit if can else None,
        limit=can.max_text if can else None,
        window_closes_at=found.closes_at,
        refusal=refusal_of(refused),
        to=None
        if way is None
        else Destination(
            channel=way.account.channel,
            account=way.account.account,
            label=found.label,
            public=way.conversation.public and not found.private,
        ),
        language=found.language,
        differs=found.differs,
    )


def refusal_of(refused: CannotCarry | None) -> Refusal | None:
    """The refusal as it is shown; None for what can go."""
    if refused is None:
        return None
    return Refusal(code=refused.code, reason=refused.reason, instead=refused.instead)
