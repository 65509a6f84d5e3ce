"""Calls: who is on the line, what one does with them, and calling somebody oneself."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal

from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.api.exchange import id_of, invalid, json_response, read_body, read_query
from hub.api.fields import Id, Number, TeamKey
from hub.api.keys import PRINCIPAL
from hub.api.phone import answer_state, check_rings, deciding, operator_of, phone_of
from hub.api.route import Route
from hub.keys import DATABASE
from hub.phones import PhoneShown
from hub.problems import Problem
from registry.calls import talking
from registry.calls.caller_card import CallerCard, get_caller_card
from registry.calls.jotting import jotted
from registry.calls.legs import decline, live_leg
from registry.calls.matters import CHANNEL
from registry.calls.seeing import CallShown, get_call, list_calls
from registry.calls.talking import NotTalking
from registry.contacts import PHONE, clean_point
from registry.contacts.card import get_card
from registry.ids import parse_id
from registry.inbox import DEFAULT_LIMIT, MAX_LIMIT
from registry.models import Appeal
from registry.operators import Role
from registry.replies.queueing import find_appeal
from registry.types import ContactPoint


class CallQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which calls."""

    number: Annotated[str, Meta(description="Of a citizen, however it is written.")] = ""
    appeal: Annotated[str, Meta(description="The number of what they are about.")] = ""
    state: Literal["", "live", "ended"] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Meta(description="`next` of the page before.")] = ""


class CallPage(Struct, frozen=True, kw_only=True):
    """A page of calls, the newest first."""

    items: list[CallShown]
    next: str | None


class CallCard(Struct, frozen=True, kw_only=True):
    """Who is on the line."""

    call: CallShown
    caller: CallerCard
    note: str
    """What one has typed of it oneself."""


class CallBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whom to call: a number, or the first one of an appeal's citizen or of a contact."""

    number: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    appeal: Annotated[
        Number | UnsetType, Meta(description="What the call is about; it stands in its thread.")
    ] = UNSET
    contact: Id | UnsetType = UNSET


class TransferBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """To whom a caller is given: a team (null: whoever is next), or a colleague."""

    team: TeamKey | UnsetType | None = UNSET
    operator: Id | UnsetType = UNSET
    announced: Annotated[
        bool, Meta(description="Talk with the colleague first, while the caller hears music.")
    ] = False


# --- Looking --------------------------------------------------------------------------------------


async def list_(request: web.Request) -> web.Response:
    """`GET phone/calls`."""
    asked = read_query(request, CallQuery)
    before = parse_id(asked.cursor)
    if asked.cursor and before is None:
        raise invalid("cursor", "it is none of this list's; start again without one.")
    number = clean_point(ContactPoint(PHONE, asked.number)).value if asked.number else None
    async with request.config_dict[DATABASE].read() as session:
        found = await list_calls(
            session,
            by=request[PRINCIPAL],
            number=number,
            appeal=asked.appeal or None,
            on_the_line=None if asked.state == "" else asked.state == "live",
            before=before,
            limit=asked.limit + 1,
        )
    page = found[: asked.limit]
    return json_response(CallPage(items=page, next=page[-1].id if len(found) > len(page) else None))


async def get(request: web.Request) -> web.Response:
    """`GET phone/calls/{id}`."""
    call_id, principal = id_of(request, "call"), request[PRINCIPAL]
    async with request.config_dict[DATABASE].read() as session:
        call = await get_call(session, call_id, by=principal)
        caller = await get_caller_card(session, call_id, by=principal)
        operator_id = principal.operator_id
        note = "" if operator_id is None else await jotted(session, call_id, operator_id)
    return json_response(CallCard(call=call, caller=caller, note=note))


# --- Calling somebody -----------------------------------------------------------------------------


async def call_out(request: web.Request) -> web.Response:
    """`POST phone/calls`."""
    operator_id, body = operator_of(request), await read_body(request, CallBody)
    phone_of(request)
    async with deciding(request) as (session, now):
        await check_rings(session, operator_id, now=now)
        appeal = None
        if not isinstance(body.appeal, UnsetType):
            appeal = await find_appeal(session, body.appeal, by=request[PRINCIPAL])
        by_phone = appeal is not None and appeal.channel == CHANNEL
        key, _ = phone_of(request, appeal.account if appeal is not None and by_phone else None)
        await talking.call_out(
            session,
            operator_id=operator_id,
            number=await _number(request, session, body, appeal),
            appeal_id=None if appeal is None else appeal.id,
            account=key.account,
            now=now,
        )
    return await answer_state(request, status=201)


async def _number(
    request: web.Request, session: AsyncSession, body: CallBody, appeal: Appeal | None
) -> str:
    """Whose phone is to ring. Raises: Problem, NotFound, BadPoint."""
    if not isinstance(body.number, UnsetType):
        return clean_point(ContactPoint(PHONE, body.number)).value
    contact_id = appeal.contact_id if appeal is not None else None
    if not isinstance(body.contact, UnsetType):
        contact_id = parse_id(body.contact)
    if contact_id is None:
        raise invalid("number", "tell whom to call: a number, an appeal or a contact.")
    card = await get_card(session, contact_id, by=request[PRINCIPAL])
    found = next((point.value for point in card.points if point.scheme == PHONE), None)
    if found is None:
        raise Problem(409, "no_number", "No phone number of this person is known.")
    return found


# --- With the caller ------------------------------------------------------------------------------

_Does = Callable[..., Awaitable[None]]


def _doing(does: _Does) -> Handler:
    """The handler of something that is done with the call one has."""

    async def handler(request: web.Request) -> web.Response:
        operator_id, call_id = operator_of(request), id_of(request, "call")
        async with deciding(request) as (session, now):
            await _check_mine(request, session, call_id)
            await does(session, operator_id, now=now)
        return await answer_state(request)

    return handler


async def transfer(request: web.Request) -> web.Response:
    """`POST phone/calls/{id}/transfer`."""
    operator_id, call_id = operator_of(request), id_of(request, "call")
    body = await read_body(request, TransferBody)
    async with deciding(request) as (session, now):
        await _check_mine(request, session, call_id)
        await _transfer(session, operator_id, body, now=now)
    return await answer_state(request)


async def _transfer(
    session: AsyncSession, operator_id: int, body: TransferBody, *, now: datetime
) -> None:
    if isinstance(body.operator, UnsetType):
        if isinstance(body.team, UnsetType) or body.announced:
            raise invalid("operator", "tell a team, or a colleague to whom it may be announced.")
        await talking.transfer_to_team(session, operator_id, body.team, now=now)
        return
    colleague = parse_id(body.operator)
    if colleague is None or not isinstance(body.team, UnsetType):
        raise invalid("operator", "tell a colleague, or else a team.")
    await talking.transfer_to(session, operator_id, colleague, announced=body.announced, now=now)


async def _check_mine(request: web.Request, session: AsyncSession, call_id: int) -> None:
    """Whoever acts on a call has that one, and no other by now. Raises: NotTalking, NotFound."""
    await get_call(session, call_id, by=request[PRINCIPAL])
    leg = await live_leg(session, operator_of(request))
    if leg is None or leg.call_id != call_id:
        raise NotTalking


_ACTIONS: tuple[tuple[str, _Does, str], ...] = (
    ("hold", talking.hold, "Let the caller hear music."),
    ("resume", talking.resume, "Talk with the caller again."),
    ("hang-up", talking.hang_up, "Leave the call."),
    ("complete", talking.complete_transfer, "Leave the caller to the colleague who has joined."),
    ("cancel", talking.cancel_transfer, "Take the caller back from an announced transfer."),
    ("decline", decline, "Do not take what rings: it is offered to others."),
)

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/phone/calls",
        handler=list_,
        role=Role.OPERATOR,
        summary="Calls of a number, about an appeal, or all, the newest first.",
        query=CallQuery,
        returns=CallPage,
        problems=(400,),
    ),
    Route(
        method="GET",
        path="/phone/calls/{id}",
        handler=get,
        role=Role.OPERATOR,
        summary="Who is on the line: the person, what of theirs is open, when they called before.",
        returns=CallCard,
        problems=(404,),
    ),
    Route(
        method="POST",
        path="/phone/calls",
        handler=call_out,
        role=Role.OPERATOR,
        summary="Call somebody: it rings at oneself first, and then there.",
        takes=CallBody,
        status=201,
        returns=PhoneShown,
        problems=(400, 404, 409, 413, 415),
    ),
    *(
        Route(
            method="POST",
            path=f"/phone/calls/{{id}}/{name}",
            handler=_doing(does),
            role=Role.OPERATOR,
            summary=summary,
            returns=PhoneShown,
            problems=(404, 409),
        )
        for name, does, summary in _ACTIONS
    ),
    Route(
        method="POST",
        path="/phone/calls/{id}/transfer",
        handler=transfer,
        role=Role.OPERATOR,
        summary="Give the caller to a team or to a colleague.",
        takes=TransferBody,
        returns=PhoneShown,
        problems=(400, 404, 409, 413, 415),
    ),
)
