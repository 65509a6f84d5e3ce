"""What an operator writes down after a call, before the next one can be offered to them."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.notes import append_note
from registry.calls import duty
from registry.calls.locking import lock_switchboard, tell_screens
from registry.calls.matters import appeal_of, note_call
from registry.calls.tables import Call
from registry.errors import RegistryError
from registry.models import Appeal, Message, Operator
from registry.operators import Role, principal_of


class CallOutcome(StrEnum):
    """What came of a call."""

    ANSWERED = "answered"
    """They were told what they wanted to know."""
    REGISTERED = "registered"
    """It is an appeal, which is worked on."""
    PASSED_ON = "passed_on"
    """They were given to somebody else."""
    CALL_AGAIN = "call_again"
    """They or we will call once more."""
    WRONG_NUMBER = "wrong_number"
    SILENCE = "silence"
    """Nobody spoke."""


class NothingToWrapUp(RegistryError):
    """The operator has no call behind them of which something is to be written down."""

    def __init__(self) -> None:
        super().__init__("There is no call that you still have to write about.")


class AboutWhat(RegistryError):
    """The operator has written nothing about the call."""

    def __init__(self) -> None:
        super().__init__("Write down what the call was about.")


class NoMatter(RegistryError):
    """A note needs an appeal to stand in."""

    def __init__(self) -> None:
        super().__init__("The call belongs to no appeal: register it, or join it to one.")


async def finish_wrap_up(
    session: AsyncSession, operator_id: int, *, outcome: CallOutcome, note: str = "", now: datetime
) -> None:
    """Be done with a call: take the next one, or be away as wished before.

    Without a note here there is one already, which the operator wrote in the call's appeal since
    the call began. The caller commits. Raises: NothingToWrapUp, AboutWhat, NoMatter.
    """
    await lock_switchboard(session)
    agent = await duty.hold_agent(session, operator_id, now=now)
    if agent.state != duty.WRAP_UP or agent.wrapping_up is None:
        raise NothingToWrapUp
    call = await session.get_one(Call, agent.wrapping_up)
    appeal = await appeal_of(session, call)
    if note.strip():
        if appeal is None:
            raise NoMatter
        # They were on the line, and may write of it wherever the appeal has gone since.
        operator = await session.get_one(Operator, operator_id)
        by = await principal_of(session, operator, Role(operator.role))
        await append_note(session, appeal, note.strip(), by=by, now=now)
    elif not await _has_written(session, operator_id, appeal, since=call.started_at):
        raise AboutWhat
    call.outcome = outcome.value
    call.wrapped_up += max(0.0, (now - agent.since).total_seconds())
    duty.be_done(agent, now=now)
    await note_call(
        session,
        call,
        "call.wrapped_up",
        actor=f"operator:{operator_id}",
        now=now,
        data={"outcome": outcome.value},
    )
    await tell_screens(session)


async def _has_written(
    session: AsyncSession, operator_id: int, appeal: Appeal | None, *, since: datetime
) -> bool:
    if appeal is None:
        return False
    found = await session.exec(
        select(Message.id).where(
            Message.appeal_id == appeal.id,
            Message.direction == "note",
            Message.operator_id == operator_id,
            col(Message.created_at) >= since,
        )
    )
    return found.first() is not None
