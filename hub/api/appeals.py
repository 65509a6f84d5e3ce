"""Appeals: the list, one of them, a change to it, and one opened at the front office."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

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
from hub.api.fields import Kind, Language, Latitude, Line, Longitude, Text, UploadIds, Word
from hub.api.keys import PRINCIPAL
from hub.api.listing import ME, AppealQuery, own_id, query_of
from hub.keys import CLOCK, DATABASE, SETTINGS
from registry.appeals import (
    Change,
    DeskChannel,
    Opening,
    Priority,
    change_appeal,
    open_appeal,
)
from registry.errors import NotFound
from registry.inbox import get_appeal, get_summary, list_appeals
from registry.operators import Principal, find_operator
from registry.states import Status
from registry.types import ContactPoint

log = structlog.get_logger(__name__)


class ChangeBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to become of an appeal; a field that is absent stays as it is."""

    status: Status | UnsetType = UNSET
    assignee: Annotated[
        str | UnsetType | None,
        Meta(description='"me", an operator\'s id or e-mail address; null releases the appeal.'),
    ] = UNSET
    reassign: Annotated[
        bool, Meta(description="Take it from whoever holds it: a supervisor's right.")
    ] = False
    priority: Priority | UnsetType = UNSET
    category: Word | UnsetType | None = UNSET
    team: Word | UnsetType | None = UNSET
    language: Language | UnsetType | None = UNSET
    subject: Line | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    address: Line | UnsetType | None = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET
    unread: Annotated[Literal[0] | UnsetType, Meta(description="Marks every message as read.")] = (
        UNSET
    )


class PointBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Where a person can be reached: "tel" with a phone number, "email" with an address."""

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
    attachments: UploadIds = []


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
        found = await get_appeal(session, number, attachment_url=attachment_url)
    return json_response(found)


async def change(request: web.Request) -> web.Response:
    """`PATCH appeals/{number}`: everything asked for, or nothing."""
    number, principal = number_of(request), request[PRINCIPAL]
    body = await read_body(request, ChangeBody)
    async with request.config_dict[DATABASE].write() as session:
        assignee_id: int | UnsetType | None
        match body.assignee:
            case str() as named:
                assignee_id = await _operator_id(session, named, principal)
            case unnamed:
                assignee_id = unnamed
        await change_appeal(
            session,
            number,
            Change(
                status=body.status,
                assignee_id=assignee_id,
                reassign=body.reassign,
                priority=body.priority,
                category=body.category,
                team=body.team,
                language=body.language,
                subject=body.subject,
                kind=body.kind,
                address=body.address,
                latitude=body.latitude,
                longitude=body.longitude,
                read=body.unread == 0,
            ),
            by=principal,
            now=request.config_dict[CLOCK](),
        )
        changed = await get_summary(session, number)
    log.info("appeal changed", appeal=number, actor=principal.actor)
    return json_response(changed)


async def open_(request: web.Request) -> web.Response:
    """`POST appeals`: what came over the counter, by letter or by an ordinary phone."""
    body = await read_body(request, OpeningBody)
    if not body.text.strip() and not body.attachments:
        raise invalid("text", "write down what the citizen says, or attach their letter.")
    settings, clock = request.config_dict[SETTINGS], request.config_dict[CLOCK]
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
        attachment_ids=upload_ids(body.attachments),
    )
    async with request.config_dict[DATABASE].write() as session:
        try:
            opened = await open_appeal(
                session,
                opening,
                by=request[PRINCIPAL],
                prefix=settings.numbers.prefix,
                zone=ZoneInfo(settings.timezone),
                now=clock(),
            )
        except NotFound as error:
            raise invalid("attachments", str(error)) from error
        number = opened.number
        shown = await get_appeal(session, number, attachment_url=attachment_url)
    log.info("appeal opened", appeal=number, actor=request[PRINCIPAL].actor)
    location = {"Location": f"{PREFIX}/appeals/{number}"}
    return json_response(shown, status=201, headers=location)


async def _operator_id(session: AsyncSession, named: str, principal: Principal) -> int:
    try:
        operator = await find_operator(session, own_id(principal) if named == ME else named)
    except NotFound as error:
        raise invalid("assignee", str(error)) from error
    return operator.id
