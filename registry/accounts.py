"""How our accounts are: health, pauses and last signs of life, as every process sees them."""

from datetime import datetime

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.journal import SYSTEM, record
from registry.models import AccountState
from registry.types import AccountKey


async def set_health(
    session: AsyncSession,
    account: AccountKey,
    *,
    health: str,
    summary: str,
    cure: str | None,
    now: datetime,
) -> bool:
    """Note how an account is; a change goes to the journal. Returns whether it changed."""
    state = await _state(session, account)
    before, state.health = state.health, health
    state.summary, state.cure, state.checked_at = summary, cure, now
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
