"""How our accounts are: health, pauses and last signs of life, as every process sees them."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import case, func, text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.ids import first_id
from registry.journal import SYSTEM, record
from registry.models import AccountState, Dispatch, Message
from registry.operators import Principal
from registry.types import AccountKey, DeliveryState


async def set_health(
    session: AsyncSession,
    account: AccountKey,
    *,
    health: str,
    summary: str,
    cure: str | None,
    now: datetime,
    can_send: bool | None = None,
    details: Mapping[str, str] | None = None,
) -> bool:
    """Note how an account is; a change goes to the journal. Returns whether it changed.

    `can_send` None is as `health` says: what is down sends nothing. Replies that must wait say so.
    """
    state = await _state(session, account)
    before, state.health = state.health, health
    state.summary, state.cure, state.checked_at = summary, cure, now
    could_send = state.can_send
    state.can_send = health != "down" if can_send is None else can_send
    if details is not None:
        state.details = dict(details)
    if could_send and not state.can_send:
        await _explain_waiting(session, account, f"The account does not work: {summary}")
    if before == health:
        return False
    record(
        session,
        "account.health",
        actor=SYSTEM,
        now=now,
        data={"account": str(account), "from": before, "to": health, "summary": summary},
    )
    return True


async def _explain_waiting(
    session: AsyncSession, account: AccountKey, reason: str, code: str = "account_down"
) -> None:
    """Tell of every reply that waits for the account why it does."""
    waiting = select(Dispatch.message_id).where(
        Dispatch.channel == account.channel,
        Dispatch.account == account.account,
        col(Dispatch.state).in_(("queued", "sending")),
    )
    await session.exec(
        update(Message)
        .where(col(Message.id).in_(waiting), col(Message.state) == DeliveryState.QUEUED)
        .values(error_code=code, error_reason=reason)
    )


async def note_refusal(
    session: AsyncSession, account: AccountKey, *, reason: str, cure: str, now: datetime
) -> None:
    """A reply was refused for the account's own fault. It is over once a reply gets through."""
    state = await _state(session, account)
    state.refused_at, state.refusal, state.refusal_cure = now, reason, cure


async def forget_refusal(session: AsyncSession, account: AccountKey) -> None:
    """The provider heard us again."""
    state = await _state(session, account)
    state.refused_at = state.refusal = state.refusal_cure = None


async def note_unread(
    session: AsyncSession, account: AccountKey, *, reason: str, cure: str | None, now: datetime
) -> None:
    """Polling fails, since the first time it did."""
    state = await _state(session, account)
    state.unread_since = state.unread_since or now
    state.unread_reason, state.unread_cure = reason, cure


async def note_read(session: AsyncSession, account: AccountKey) -> None:
    """A poll succeeded."""
    state = await _state(session, account)
    state.unread_since = state.unread_reason = state.unread_cure = None


async def pause(session: AsyncSession, account: AccountKey, *, until: datetime) -> None:
    """Let no send of the account begin before `until`; a later pause stands."""
    state = await _state(session, account)
    if state.paused_until is None or state.paused_until < until:
        state.paused_until = until


async def stop(session: AsyncSession, account: AccountKey, *, by: Principal, now: datetime) -> None:
    """Let the account neither send nor be polled until somebody resumes it; nothing is lost."""
    state = await _state(session, account)
    if state.stopped_at is not None:
        return
    state.stopped_at, state.stopped_by = now, by.name
    await _explain_waiting(session, account, f"{by.name} has paused the account.", "account_paused")
    data = {"account": str(account)}
    record(session, "account.paused", actor=by.actor, now=now, data=data)


async def resume(
    session: AsyncSession, account: AccountKey, *, by: Principal, now: datetime
) -> None:
    """Let it work again; the caller wakes the outbox."""
    state = await _state(session, account)
    if state.stopped_at is None:
        return
    state.stopped_at, state.stopped_by = None, ""
    data = {"account": str(account)}
    record(session, "account.resumed", actor=by.actor, now=now, data=data)


async def is_stopped(session: AsyncSession, account: AccountKey) -> bool:
    """Whether a person keeps the account from working."""
    state = await session.get(AccountState, (account.channel, account.account))
    return state is not None and state.stopped_at is not None


class Sends(Struct, frozen=True, kw_only=True):
    """What became of an account's replies within a span of time."""

    accepted: int
    failed: int
    """Of those: what did not arrive, or of which nobody knows."""


async def count_sends(session: AsyncSession, *, since: datetime) -> dict[AccountKey, Sends]:
    """By account, the replies that were accepted since then, and those among them that failed."""
    failed = col(Message.state).in_((DeliveryState.FAILED, DeliveryState.UNCERTAIN))
    channel, account = col(Dispatch.channel), col(Dispatch.account)
    found = await session.exec(
        select(channel, account, func.count(), func.sum(case((failed, 1), else_=0)))
        .join(Message, col(Message.id) == col(Dispatch.message_id))
        .where(col(Dispatch.id) >= first_id(since))
        .group_by(channel, account)
    )
    return {AccountKey(row[0], row[1]): Sends(accepted=row[2], failed=int(row[3])) for row in found}


async def _state(session: AsyncSession, account: AccountKey) -> AccountState:
    """The row of an account, made if need be, and locked."""
    key = {"channel": account.channel, "account": account.account}
    state = await session.get(AccountState, key, with_for_update=True)
    if state is None:
        # Another process may be making it just now: whoever comes second waits, and finds it.
        await (await session.connection()).execute(_MAKE, key)
        state = await session.get_one(AccountState, key, with_for_update=True)
    return state


_MAKE = text(
    "INSERT INTO accounts (channel, account, health) VALUES (:channel, :account, 'ok') "
    "ON CONFLICT (channel, account) DO NOTHING"
)


async def account_states(session: AsyncSession) -> dict[AccountKey, AccountState]:
    """Every account that has ever been checked or carried anything."""
    found = await session.exec(select(AccountState))
    return {AccountKey(state.channel, state.account): state for state in found}
