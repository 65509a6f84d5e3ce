"""How one is at the telephone: taking calls or away, on which device, through with a call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from connectors.base import Misconfigured
from hub.api.exchange import json_response, nothing, read_body
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, CONNECTORS, DATABASE, OFFICE
from hub.phones import Phone, PhoneShown, phones_of, read_phone
from hub.problems import Problem, of_provider
from hub.web.signed import SESSION
from registry.calls import agents, duty
from registry.calls.jotting import LONGEST, jot, jotted
from registry.calls.lines import AtPhone, at_the_phone
from registry.calls.switchboard import decision
from registry.calls.tables import PhoneAgent
from registry.calls.wrap_up import CallOutcome, NothingToWrapUp, finish_wrap_up
from registry.operators import Role

PASS_SECONDS = 3600
"""For how long a browser is a device without asking again."""

Reason = Literal["break", "meal", "training", "other"]


class PhoneBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """How one wants to be at the telephone; what is absent stays."""

    state: Annotated[
        Literal["available", "away"] | UnsetType,
        Meta(description="Of whoever is on the line it is what they do after."),
    ] = UNSET
    reason: Annotated[
        Reason | UnsetType, Meta(description="Why one is away; it has to be given then.")
    ] = UNSET
    device: Annotated[
        Annotated[str, Meta(max_length=200)] | UnsetType,
        Meta(description='"" for the browser, "sip:name@host", or a number in E.164.'),
    ] = UNSET


class PassGiven(Struct, frozen=True, kw_only=True):
    """What makes a browser the operator's device."""

    token: str
    seconds: int
    """For how long it is good."""


class Colleague(Struct, frozen=True, kw_only=True):
    """Somebody to whom a call might be given."""

    id: str
    name: str
    state: Literal["available", "ringing", "busy", "wrap_up", "away"]
    free: bool
    """A call can ring at them now."""


class Colleagues(Struct, frozen=True, kw_only=True):
    """Everybody else who has been at the phone; who is free comes first."""

    items: list[Colleague]


class WrapUpBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What came of a call, and what it was about."""

    outcome: CallOutcome
    note: Annotated[
        Annotated[str, Meta(max_length=LONGEST)] | UnsetType,
        Meta(description="Absent: what was typed while talking."),
    ] = UNSET


# --- Who asks, and by which account ---------------------------------------------------------------


def operator_of(request: web.Request) -> int:
    """The operator who asks. Raises: Problem (409), for a token that acts in nobody's name."""
    principal = request[PRINCIPAL]
    if principal.operator_id is None:
        detail = f"The token {principal.name} acts in no operator's name, who alone has a phone."
        raise Problem(409, "no_operator", detail)
    return principal.operator_id


def phone_of(request: web.Request, account: str | None = None) -> Phone:
    """The account to call by: the one that is named, if there is one. Raises: Problem (409)."""
    found = phones_of(request.config_dict[CONNECTORS])
    if not found:
        detail = "This hub has no telephone; an account is set up as channels.phone.<name>."
        raise Problem(409, "no_phone", detail)
    return next((one for one in found if one[0].account == account), found[0])


def _signed_in(request: web.Request) -> str:
    """The session with whose end the phone is off; empty for a program, which has none."""
    signed = request.get(SESSION)
    return "" if signed is None else signed.digest


async def check_rings(session: AsyncSession, operator_id: int, *, now: datetime) -> None:
    """Whoever calls somebody has a phone that rings first. Raises: Problem (409)."""
    if not agents.is_reachable(await duty.hold_agent(session, operator_id, now=now), now):
        detail = "Nothing of yours can ring: turn your telephone on first."
        raise Problem(409, "phone_off", detail)


@asynccontextmanager
async def deciding(request: web.Request) -> AsyncIterator[tuple[AsyncSession, datetime]]:
    """A transaction of the switchboard's, and the moment of it: who waits is offered at its end."""
    now = request.config_dict[CLOCK]()
    office = request.config_dict[OFFICE].office
    async with decision(request.config_dict[DATABASE], office=office, now=now) as session:
        yield session, now


async def answer_state(request: web.Request, *, status: int = 200) -> web.Response:
    """How the operator is at the phone now."""
    async with request.config_dict[DATABASE].read() as session:
        now = request.config_dict[CLOCK]()
        operator_id, by = operator_of(request), request[PRINCIPAL]
        shown = await read_phone(session, operator_id, by=by, now=now)
    return json_response(shown, status=status)


# --- The routes -----------------------------------------------------------------------------------


async def get(request: web.Request) -> web.Response:
    """`GET phone`."""
    return await answer_state(request)


async def colleagues(request: web.Request) -> web.Response:
    """`GET phone/colleagues`."""
    me = operator_of(request)
    async with request.config_dict[DATABASE].read() as session:
        found = await at_the_phone(session, now=request.config_dict[CLOCK]())
    others = [_colleague(one) for one in found if one.operator_id != me]
    return json_response(Colleagues(items=sorted(others, key=lambda one: not one.free)))


def _colleague(one: AtPhone) -> Colleague:
    state: Any = one.state
    free = one.state == duty.AVAILABLE and one.reachable
    return Colleague(id=str(one.operator_id), name=one.name, state=state, free=free)


async def change(request: web.Request) -> web.Response:
    """`PATCH phone`."""
    operator_id, body = operator_of(request), await read_body(request, PhoneBody)
    phone_of(request)
    async with deciding(request) as (session, now):
        if not isinstance(body.device, UnsetType):
            await agents.set_device(session, operator_id, body.device, now=now)
        if not isinstance(body.state, UnsetType):
            reason = "" if isinstance(body.reason, UnsetType) else body.reason
            await agents.set_state(
                session, operator_id, body.state, reason=reason, signed_in=_signed_in(request),
                now=now,
            )  # fmt: skip
    return await answer_state(request)


async def give_pass(request: web.Request) -> web.Response:
    """`POST phone/pass`."""
    operator_id = operator_of(request)
    _, phone = phone_of(request)
    async with request.config_dict[DATABASE].read() as session:
        agent = await session.get(PhoneAgent, operator_id)
    if agent is not None and agent.device:
        detail = f"Your calls ring at {agent.device}; choose the browser as your device first."
        raise Problem(409, "other_device", detail, device=agent.device)
    try:
        token = phone.pass_for(f"operator-{operator_id}", seconds=PASS_SECONDS)
    except Misconfigured as error:
        raise of_provider(error) from error
    return json_response(PassGiven(token=token, seconds=PASS_SECONDS))


async def seen(request: web.Request) -> web.Response:
    """`POST phone/seen`."""
    operator_id = operator_of(request)
    async with deciding(request) as (session, now):
        await agents.seen(session, operator_id, signed_in=_signed_in(request), now=now)
    return nothing()


async def wrap_up(request: web.Request) -> web.Response:
    """`POST phone/wrap-up`."""
    operator_id, body = operator_of(request), await read_body(request, WrapUpBody)
    async with deciding(request) as (session, now):
        agent = await session.get(PhoneAgent, operator_id)
        if agent is None or agent.wrapping_up is None:
            raise NothingToWrapUp
        call_id, note = agent.wrapping_up, body.note
        if isinstance(note, UnsetType):
            note = await jotted(session, call_id, operator_id)
        await finish_wrap_up(session, operator_id, outcome=body.outcome, note=note, now=now)
        await jot(session, call_id, operator_id, "")
    return await answer_state(request)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/phone",
        handler=get,
        role=Role.OPERATOR,
        summary="How one is at the telephone, the call one has, and who waits.",
        returns=PhoneShown,
        problems=(409,),
    ),
    Route(
        method="GET",
        path="/phone/colleagues",
        handler=colleagues,
        role=Role.OPERATOR,
        summary="To whom a call can be given: who is free, and what the others do.",
        returns=Colleagues,
        problems=(409,),
    ),
    Route(
        method="PATCH",
        path="/phone",
        handler=change,
        role=Role.OPERATOR,
        summary="Take calls or be away, and choose where they ring.",
        takes=PhoneBody,
        returns=PhoneShown,
        problems=(400, 409, 413, 415),
    ),
    Route(
        method="POST",
        path="/phone/pass",
        handler=give_pass,
        role=Role.OPERATOR,
        summary="What makes a browser one's telephone for a while.",
        returns=PassGiven,
        problems=(409,),
    ),
    Route(
        method="POST",
        path="/phone/seen",
        handler=seen,
        role=Role.OPERATOR,
        summary="The browser is ready to ring; to be said every 15 seconds.",
        status=204,
        problems=(409,),
    ),
    Route(
        method="POST",
        path="/phone/wrap-up",
        handler=wrap_up,
        role=Role.OPERATOR,
        summary="Be through with a call: what came of it, and what it was about.",
        takes=WrapUpBody,
        returns=PhoneShown,
        problems=(400, 409, 413, 415),
    ),
)
