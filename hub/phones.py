"""The telephone as pages and programs find it: which account it is, and how one is at it.

An operator's state is one shape, whether it is asked for or answers a change. When to ask again
the live connection tells (see registry.calls.pulse).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from connectors.base import Connector, Phones, RingsBrowsers
from registry.calls.agents import is_reachable
from registry.calls.calling_back import DueNow, count_call_backs
from registry.calls.lines import Current, current_call, waiting
from registry.calls.matters import appeal_id_of
from registry.calls.tables import Call, PhoneAgent
from registry.contacts import PHONE
from registry.inbox.rows import fetch
from registry.models import Appeal, Contact, ContactPoint, Team
from registry.operators import Principal
from registry.types import AccountKey

Phone = tuple[AccountKey, Phones]
"""An account of ours by which people talk."""


def phones_of(connectors: Mapping[AccountKey, Connector]) -> list[Phone]:
    """Those of the settings, by their names."""
    found = [(key, made) for key, made in connectors.items() if isinstance(made, Phones)]
    return sorted(found, key=lambda one: one[0])


def browser_sources(phones: Iterable[Phones]) -> Mapping[str, tuple[str, ...]]:
    """What pages may load besides, by directive, where browsers are the operators' phones."""
    found: dict[str, tuple[str, ...]] = {}
    for phone in phones:
        if isinstance(phone, RingsBrowsers):
            for directive, sources in phone.browser_sources.items():
                found[directive] = tuple(dict.fromkeys((*found.get(directive, ()), *sources)))
    return found


class Asked(Struct, frozen=True, kw_only=True):
    """A colleague who is asked to take the caller over."""

    id: str
    name: str
    joined: bool
    """They have answered; otherwise it rings at them."""


class CurrentCall(Struct, frozen=True, kw_only=True):
    """The call that an operator has."""

    id: str
    direction: Literal["in", "out"]
    kind: Literal["offer", "transfer", "consult", "own"]
    state: Literal["ringing", "joined", "wrap_up"]
    since: datetime
    """Since when it rings, or they have been on the line, or write it down."""
    until: datetime | None
    """How long it rings at most."""
    talking: bool
    """The citizen is there."""
    held: bool
    number: str
    """In E.164; empty where it is withheld."""
    name: str | None
    language: str | None
    team: str | None
    team_name: str | None
    urgent: bool
    waiting_since: datetime | None
    appeal: str | None
    colleague: Asked | None


class Queue(Struct, frozen=True, kw_only=True):
    """Who waits for a person."""

    count: int
    urgent: int
    since: datetime | None
    """Since when the one who has waited longest has."""


class PhoneShown(Struct, frozen=True, kw_only=True):
    """How an operator is at the phone."""

    at: datetime
    """The moment of this: what is older is over."""
    state: Literal["available", "ringing", "busy", "wrap_up", "away"]
    reason: str
    """Why they are away, or will be after this call: "break", "meal", "training", "other",
    "no_answer", "signed_out" or "failed"; empty for who takes calls."""
    since: datetime | None
    device: str
    """Where it rings: "" for the browser, a SIP address or a number."""
    reachable: bool
    """There is something that rings."""
    call: CurrentCall | None
    waiting: Queue
    call_backs: DueNow


# --- Reading --------------------------------------------------------------------------------------


async def read_phone(
    session: AsyncSession, operator_id: int, *, by: Principal, now: datetime
) -> PhoneShown:
    """How an operator is at the phone, who waits, and how many are to be called back."""
    agent = await session.get(PhoneAgent, operator_id)
    current = await current_call(session, operator_id)
    rings = current is not None and current.state == "ringing"
    state: Any = "away" if agent is None else agent.state
    return PhoneShown(
        at=now,
        state="ringing" if rings and state == "available" else state,
        reason="signed_out" if agent is None else agent.reason,
        since=None if agent is None else agent.since,
        device="" if agent is None else agent.device,
        reachable=agent is not None and is_reachable(agent, now),
        call=None if current is None else await _shown(session, current),
        waiting=await _queue(session, now=now),
        call_backs=await count_call_backs(session, by=by, now=now),
    )


async def _queue(session: AsyncSession, *, now: datetime) -> Queue:
    found = await waiting(session, now=now)
    return Queue(
        count=len(found),
        urgent=sum(one.urgent for one in found),
        since=min((one.since for one in found), default=None),
    )


async def _shown(session: AsyncSession, current: Current) -> CurrentCall:
    call, colleague = current.call, current.colleague
    kind: Any = current.kind
    state: Any = current.state
    direction: Any = call.direction
    return CurrentCall(
        id=str(call.id),
        direction=direction,
        kind=kind,
        state=state,
        since=current.since,
        until=current.until,
        talking=current.talking,
        held=current.held,
        number=call.number,
        name=await _name(session, call.number),
        language=call.language,
        team=call.team,
        team_name=await _team(session, call.team),
        urgent=call.urgent,
        waiting_since=call.waiting_since or (call.started_at if call.direction == "in" else None),
        appeal=await _appeal(session, call),
        colleague=(
            None
            if colleague is None
            else Asked(id=str(colleague.operator_id), name=colleague.name, joined=colleague.joined)
        ),
    )


async def _name(session: AsyncSession, number: str) -> str | None:
    if not number:
        return None
    found = await fetch(
        session,
        select(col(Contact.name))
        .join(ContactPoint, col(ContactPoint.contact_id) == col(Contact.id))
        .where(col(ContactPoint.scheme) == PHONE, col(ContactPoint.value) == number),
    )
    return next((row.name for row in found), None)


async def _team(session: AsyncSession, key: str | None) -> str | None:
    if key is None:
        return None
    found = await fetch(session, select(col(Team.name)).where(col(Team.key) == key))
    return next((row.name for row in found), key)


async def _appeal(session: AsyncSession, call: Call) -> str | None:
    appeal_id = await appeal_id_of(session, call)
    found = await fetch(session, select(col(Appeal.number)).where(col(Appeal.id) == appeal_id))
    return next((row.number for row in found), None)
