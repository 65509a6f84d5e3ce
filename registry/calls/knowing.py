"""The row of a call that something is heard of: it is found, or made from what is told.

A call's first delivery may come late, twice or never: whatever comes first makes the row.
"""

from datetime import datetime, timedelta

from sqlalchemy import bindparam
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.hearing import Arrived, Heard, Pressed, Rang, Waits
from registry.calls.steps import ROOM, TALKED, WAIT
from registry.calls.tables import Call
from registry.current_office import Office
from registry.ids import parse_id
from registry.office_calendar import is_open


async def hold_call(session: AsyncSession, heard: Heard, *, office: Office) -> Call:
    """The citizen's call that something has happened to. The caller holds the lock."""
    call = await _known(session, heard) or await find_call(session, heard.account, heard.call)
    if call is None:
        call = _made(heard, office)
        session.add(call)
    if call.external_id is None:
        call.external_id = heard.call
    call.number = call.number or heard.number
    if isinstance(heard, Rang):
        call.ours = call.ours or heard.ours
    return call


async def find_call(session: AsyncSession, account: str, external_id: str) -> Call | None:
    """The call of a provider's id."""
    what = {"account": account, "external_id": external_id}
    return (await session.exec(_BY_PROVIDER, params=what)).one_or_none()


_BY_PROVIDER = select(Call).where(
    Call.account == bindparam("account"), Call.external_id == bindparam("external_id")
)


async def _known(session: AsyncSession, heard: Heard) -> Call | None:
    """One that we began, and whose id the provider carries back."""
    id_ = None if heard.known is None else parse_id(heard.known)
    call = None if id_ is None else await session.get(Call, id_)
    return call if call is not None and call.account == heard.account else None


def _made(heard: Heard, office: Office) -> Call:
    call = Call(
        account=heard.account,
        external_id=heard.call,
        direction="in" if heard.known is None else "out",
        started_at=heard.at,
        open_hours=is_open(office.calendar, heard.at),
    )
    match heard:
        case Pressed(step=step) if step != WAIT:
            call.step = step
        case Arrived(step=step) if step != ROOM and not step.startswith(TALKED):
            pass
        case Pressed() | Arrived():
            _stands_in_queue(call, since=heard.at)
        case Waits():
            _stands_in_queue(call, since=heard.at - timedelta(seconds=heard.seconds))
        case _:
            pass
    return call


def _stands_in_queue(call: Call, *, since: datetime) -> None:
    call.step, call.state, call.waiting_since = WAIT, "waiting", since
