"""The ways a reply to an appeal can go now: what the composer offers before anybody types."""

from datetime import datetime
from typing import Literal

from aiohttp import web
from msgspec import Struct

from hub.api.exchange import json_response, number_of
from hub.api.keys import PRINCIPAL
from hub.api.replies import Refusal, refusal_of
from hub.api.replying import accounts_of
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from registry.inbox import Point
from registry.operators import Role
from registry.replies import WayNow, list_ways
from registry.types import AttachmentKind, Capabilities, TextUnit


class MediaShown(Struct, frozen=True, kw_only=True):
    """What may be attached of one kind."""

    kind: AttachmentKind
    max_bytes: int
    types: list[str]
    """Media types, "image/*" for a family; empty for any."""


class Limits(Struct, frozen=True, kw_only=True):
    """What one reply can hold."""

    max_text: int
    """Of one part, in the unit; a longer text goes in several."""
    unit: TextUnit
    segments: bool
    """A text is paid for by SMS segments."""
    max_caption: int
    """Of a text beside a file; 0 where it goes apart."""
    max_attachments: int
    media: list[MediaShown]


class WayShown(Struct, frozen=True, kw_only=True):
    """A way to the citizen, and whether a reply can go it now."""

    kind: Literal["thread", "private", "elsewhere"]
    """The appeal's own thread; privately to the author of its comment ("private": true); or by
    another conversation with the contact ("via")."""
    channel: str
    account: str
    point: Point
    label: str | None
    """The point as people read it ("+7 701 123 4567"); None for a provider's own id."""
    public: bool
    """Everybody can read what goes there."""
    possible: bool
    """A text can go now."""
    refusal: Refusal | None
    """Why not."""
    templates: bool
    """An approved template can go now, whether or not a text can."""
    window_closes_at: datetime | None
    limits: Limits | None
    """None where the account is not in the settings any more."""
    default: bool
    """Where a reply goes that names no way."""


class Ways(Struct, frozen=True, kw_only=True):
    """The appeal's own thread first, then the others, the best before."""

    items: list[WayShown]


async def list_(request: web.Request) -> web.Response:
    """`GET appeals/{number}/ways`."""
    async with request.config_dict[DATABASE].read() as session:
        found = await list_ways(
            session,
            number_of(request),
            by=request[PRINCIPAL],
            accounts=accounts_of(request),
            now=request.config_dict[CLOCK](),
        )
    return json_response(Ways(items=[_shown(one) for one in found]))


def _shown(now: WayNow) -> WayShown:
    way = now.way
    can = way.reach.capabilities if now.private and way.reach is not None else way.carries
    return WayShown(
        kind=now.kind,
        channel=way.account.channel,
        account=way.account.account,
        point=Point(scheme=way.point.scheme, value=way.point.value),
        label=now.label,
        public=way.conversation.public and not now.private,
        possible=now.refused is None,
        refusal=refusal_of(now.refused),
        templates=now.templates,
        window_closes_at=now.closes_at,
        limits=None if can is None else _limits(can),
        default=now.default,
    )


def _limits(can: Capabilities) -> Limits:
    return Limits(
        max_text=can.max_text,
        unit=can.text_unit,
        segments=can.segments,
        max_caption=can.max_caption,
        max_attachments=can.max_attachments if can.media else 0,
        media=[
            MediaShown(kind=kind, max_bytes=limit.max_bytes, types=list(limit.mimes))
            for kind, limit in can.media.items()
        ],
    )


ROUTES = (
    Route(
        method="GET",
        path="/appeals/{number}/ways",
        handler=list_,
        role=Role.OPERATOR,
        summary="Every way a reply can go now: the thread, privately, and the contact's others.",
        returns=Ways,
        problems=(404,),
    ),
)
