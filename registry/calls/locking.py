"""The switchboard's lock: decisions about calls come one after the other, and screens hear of each.

Screens of this process hear of a decision by `Database.on_commit`. On PostgreSQL those of every
process hear of it on the wire's channel `CALLS` besides (see registry.wire), with empty words: they
then look at `registry.calls.lines`.
"""

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

CALLS = "calls"
"""Told with every decision that a screen would show."""

_KEY = 0x63616C6C73
"""Of the lock, among PostgreSQL's advisory locks: "calls"."""


async def lock_switchboard(session: AsyncSession) -> None:
    """Let nobody else decide about calls until the transaction ends.

    It is taken before any row: whoever held an appeal and waited for it would be waited for by a
    decision that writes to this appeal. Taking it twice is no harm. On SQLite a transaction of
    `Database.write` is alone anyway.
    """
    if _is_postgresql(session):
        await session.flush()
        await (await session.connection()).execute(_LOCK, {"key": _KEY})


async def tell_screens(session: AsyncSession) -> None:
    """Let screens know at the commit that something has changed about calls or operators."""
    if _is_postgresql(session) and CALLS not in session.info:
        session.info[CALLS] = True  # once is enough: a session of `write` is one transaction
        await (await session.connection()).execute(_TELL, {"channel": CALLS})


_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_TELL = text("SELECT pg_notify(:channel, '')")


def _is_postgresql(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "postgresql"
