"""How our accounts are: health, pauses and last signs of life, as every process sees them."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.journal import SYSTEM, record
from registry.models import AccountState, Dispatch, Message
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


async def _explain_waiting(session: AsyncSession, account: AccountKey, reason: str) -> None:
    """Tell of every reply that waits for the account why it does."""
    waiting = select(Dispatch.message_id).where(
        Dispatch.channel == account.channel,
        Dispatch.account == account.account,
        col(Dispatch.state).in_(("queued", "sending")),
    )
    await session.exec(
        update(Message)
        .where(col(Message.id).in_(waiting), col(Message.state) == DeliveryState.QUEUED)
        .values(error_code="account_down", error_reason=reason)
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


async def _state(session: AsyncSession, account: AccountKey) -> AccountState:
    key = (account.channel, account.account)
    state = await session.get(AccountState, key, with_for_update=True)
    if state is None:
        state = AccountState(channel=account.channel, account=account.account)
        session.add(state)
    return state


async def account_states(session: AsyncSession) -> dict[AccountKey, AccountState]:
    """Every account that has ever been checked or carried anything."""
    found = await session.exec(select(AccountState))
    return {AccountKey(state.channel, state.account): state for state in found}
