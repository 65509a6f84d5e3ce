"""Appeals: the list, one of them, a change to it, and one opened at the front office."""

from typing import Annotated
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from msgspec import Meta, Struct

from hub.api.changing import ChangeBody, change_of, undo_header
from hub.api.exchange import (
    PREFIX,
    attachment_url,
    invalid,
    json_response,
    number_of,
    read_body,
    read_query,
    upload_ids,
)
from hub.api.fields import Kind, Language, Latitude, Line, Longitude, Tags, Text, UploadIds, Word
from hub.api.idempotency import optional_key
from hub.api.keys import PRINCIPAL
from hub.api.listing import AppealQuery, query_of
from hub.keys import CLOCK, DATABASE, SETTINGS
from hub.web.noting import is_news, note_seen
from registry.appeals import (
    DeskChannel,
    OpenedAlready,
    Opening,
    Priority,
    change_appeal,
    open_appeal,
)
from registry.contacts import doubts_about
from registry.errors import NotFound
from registry.inbox import AppealDetail, get_appeal, get_summary, list_appeals
from registry.operators import Role
from registry.types import ContactPoint

log = structlog.get_logger(__name__)


class PointBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Where a person can be reached: "tel" with a phone number, "email" with an address, "iin"."""

    scheme: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
    value: Annotated[str, Meta(min_length=1, max_length=254)]


class ContactBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Who brings the appeal: a name, a point to reach them at, or both."""

    name: Word | None = None
    points: Annotated[list[PointBody], Meta(max_length=10)] = []


class OpeningBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What the front office writes down."""

    channel: DeskChannel
    contact: ContactBody
    text: Text = ""
    subject: Line = ""
    kind: Kind = "message"
    priority: Priority = Priority.NORMAL
    category: Word | None = None
    team: Word | None = None
    language: Language | None = None
    address: Line | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    district: Word | None = None
    tags: Tags = []
    attachments: UploadIds = []


class AcceptedBy(Struct, frozen=True, kw_only=True):
    """Who took an appeal in."""

    name: str
    role: Role


class OpenedAppeal(AppealDetail, frozen=True, kw_only=True):
    """A new appeal, and what the citizen's coupon says beside its number and time."""

    accepted_by: AcceptedBy
    warnings: list[str]
    """What looks wrong and was taken all the same, such as an IIN that nobody has."""


async def list_(request: web.Request) -> web.Response:
    """`GET appeals`."""
    principal = request[PRINCIPAL]
    query = query_of(read_query(request, AppealQuery), principal)
    now = request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].read() as session:
        page = await list_appeals(session, query, viewer=principal, now=now)
    return json_response(page)


async def get(request: web.Request) -> web.Response:
    """`GET appeals/{number}`."""
    number = number_of(request)
    async with request.config_dict[DATABASE].read() as session:
        found = await get_appeal(
            session, number, attachment_url=attachment_url, viewer=request[PRINCIPAL]
        )
        appeal_id = int(found.id)
        news = await is_news(request, session, appeal_id)
    if news:
        await note_seen(request, appeal_id)
    return json_response(found)


async def change(request: web.Request) -> web.Response:
    """`PATCH appeals/{number}`: everything asked for, or nothing."""
    number, principal = number_of(request), request[PRINCIPAL]
    body = await read_body(request, ChangeBody)
    async with request.config_dict[DATABASE].write() as session:
        entry = await change_appeal(
            session,
            number,
            await change_of(session, body, principal),
            by=principal,
            now=request.config_dict[CLOCK](),
        )
        changed = await get_summary(session, number)
    log.info("appeal changed", appeal=number, actor=principal.actor)
    return json_response(changed, headers=undo_header(entry))


async def open_(request: web.Request) -> web.Response:
    """`POST appeals`: what came over the counter, by letter or by an ordinary phone."""
    key = optional_key(request)
    body = await read_body(request, OpeningBody)
    if not body.text.strip() and not body.attachments:
        raise invalid("text", "write down what the citizen says, or attach their letter.")
    opening = Opening(
        channel=body.channel,
        text=body.text,
        name=body.contact.name,
        points=tuple(ContactPoint(p.scheme, p.value) for p in body.contact.points),
        subject=body.subject,
        kind=body.kind,
        priority=body.priority,
        category=body.category,
        team=body.team,
        language=body.language,
        address=body.address,
        latitude=body.latitude,
        longitude=body.longitude,
        district=body.district,
        tags=tuple(body.tags),
        attachment_ids=upload_ids(body.attachments),
    )
    principal = request[PRINCIPAL]
    number = await _registered(request, opening, key=key)
    async with request.config_dict[DATABASE].read() as session:
        shown = await get_appeal(session, number, attachment_url=attachment_url)
    location = {"Location": f"{PREFIX}/appeals/{number}"}
    receipt = OpenedAppeal(
        **{name: getattr(shown, name) for name in AppealDetail.__struct_fields__},
        accepted_by=AcceptedBy(name=principal.name, role=principal.role),
        warnings=doubts_about(opening.points),
    )
    return json_response(receipt, status=201, headers=location)


async def _registered(request: web.Request, opening: Opening, *, key: str | None) -> str:
    """The number under which it is registered, now or when the same form came before."""
    settings, principal = request.config_dict[SETTINGS], request[PRINCIPAL]
    try:
        async with request.config_dict[DATABASE].write() as session:
            opened = await open_appeal(
                session,
                opening,
                by=principal,
                prefix=settings.numbers.prefix,
                zone=ZoneInfo(settings.timezone),
                now=request.config_dict[CLOCK](),
                key=key,
            )
            number = opened.number
    except OpenedAlready as earlier:
        return earlier.number
    except NotFound as error:
        raise invalid("attachments", str(error)) from error
    log.info("appeal opened", appeal=number, actor=principal.actor)
    return number
