"""Sessions: browsers that somebody signed in with, and how far they got.

Only a digest of a session's key is kept, so that a stolen database opens nothing. Nothing is
cached: what is ended, and whoever is disabled, is refused from the next request on.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from pydantic import SecretStr
from sqlalchemy import bindparam, delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.audit import audit
from registry.errors import NotFound
from registry.models import Operator, Session
from registry.operators import Principal, Role, principal_of
from registry.sealing import signature

IDLE = timedelta(hours=12)
"""Unused for so long, a session ends."""
ABSOLUTE = timedelta(hours=24)
"""So long after it was opened it ends in any case."""
UNFINISHED = timedelta(minutes=15)
"""How long one has for what is missing before one is in."""
TOUCH_EVERY = timedelta(minutes=1)
"""A use is written down at most so often."""
KEPT = timedelta(days=30)
"""So long after its end a session is forgotten; the audit has it still."""

_PURPOSE = "session"
_MAX_BROWSER = 300
"""Characters that are kept of what a browser says it is."""


class Stage(StrEnum):
    """How far somebody got."""

    SECOND_FACTOR = "second_factor"
    """The password was right; a code is missing."""
    NEW_PASSWORD = "new_password"  # noqa: S105
    """They are to choose a password that nobody else knows."""
    IN = "in"


class Found(Struct, frozen=True):
    """A session that is open, and whose it is."""

    session: Session
    operator: Operator
    principal: Principal


async def open_session(
    session: AsyncSession,
    operator: Operator,
    stage: Stage,
    *,
    secret: SecretStr,
    now: datetime,
    address: str = "",
    browser: str = "",
    way: str = "password",
) -> str:
    """Open one and return its key, for the only time: 256 bits that name it in the cookie.

    `way` is how they proved who they are, for the audit.
    """
    await _forget_old(session, operator.id, now=now)
    key = secrets.token_urlsafe(32)
    session.add(
        Session(
            digest=digest_of(key, secret),
            operator_id=operator.id,
            stage=stage.value,
            created_at=now,
            seen_at=now,
            expires_at=now + (IDLE if stage is Stage.IN else UNFINISHED),
            address=address,
            browser=browser[:_MAX_BROWSER],
        )
    )
    if stage is Stage.IN:
        principal = await principal_of(session, operator, Role(operator.role))
        await audit(
            session, "session.opened", principal=principal, now=now, address=address,
            data={"way": way},
        )  # fmt: skip
    await session.flush()
    return key


async def replace_session(
    session: AsyncSession,
    ended: str,
    operator: Operator,
    stage: Stage,
    *,
    secret: SecretStr,
    now: datetime,
    address: str,
    browser: str,
    way: str,
) -> str:
    """End the session of that digest and open one that is a stage further, under a new key.

    Of two who go on from one session at once, one does. Raises: NotFound.
    """
    done = await session.exec(
        update(Session)
        .where(
            col(Session.digest) == ended,
            col(Session.operator_id) == operator.id,
            col(Session.ended_at).is_(None),
        )
        .values(ended_at=now)
        .returning(col(Session.digest))
    )
    if done.first() is None:
        raise NotFound("open session", ended)
    return await open_session(
        session, operator, stage, secret=secret, now=now, address=address, browser=browser, way=way
    )


_FIND = (
    select(Session, Operator)
    .join(Operator, col(Operator.id) == col(Session.operator_id))
    .where(
        col(Session.digest) == bindparam("digest"),
        col(Session.ended_at).is_(None),
        col(Session.expires_at) > bindparam("now"),
        col(Operator.disabled_at).is_(None),
    )
)
"""Put together once: every request asks it."""


async def find_session(
    session: AsyncSession, key: str, *, secret: SecretStr, now: datetime
) -> Found | None:
    """The open session of a key; None when it opens nothing, or no more."""
    rows = await session.exec(_FIND, params={"digest": digest_of(key, secret), "now": now})
    row = rows.first()
    if row is None:
        return None
    kept, operator = row
    return Found(kept, operator, await principal_of(session, operator, Role(operator.role)))


def is_due(kept: Session, *, now: datetime) -> bool:
    """Whether a use of the session is to be written down again."""
    return kept.stage == Stage.IN and now - kept.seen_at >= TOUCH_EVERY


async def touch(session: AsyncSession, kept: Session, *, now: datetime) -> None:
    """Write down that the session is used: it idles from now on."""
    await session.exec(
        update(Session)
        .where(
            col(Session.digest) == kept.digest,
            col(Session.ended_at).is_(None),
            col(Session.seen_at) < now,
        )
        .values(seen_at=now, expires_at=min(now + IDLE, kept.created_at + ABSOLUTE))
    )


async def list_sessions(
    session: AsyncSession, operator_id: int, *, now: datetime
) -> Sequence[Session]:
    """The sessions in which an operator is in, the one used last first."""
    found = await session.exec(
        select(Session)
        .where(
            col(Session.operator_id) == operator_id,
            col(Session.stage) == Stage.IN.value,
            col(Session.ended_at).is_(None),
            col(Session.expires_at) > now,
        )
        .order_by(col(Session.seen_at).desc(), col(Session.digest))
    )
    return found.all()


async def end_session(
    session: AsyncSession,
    digest: str,
    *,
    by: Principal,
    now: datetime,
    address: str = "",
    of: int | None = None,
) -> None:
    """End one; with `of` only if it is that operator's. Raises: NotFound."""
    ended = update(Session).where(col(Session.digest) == digest, col(Session.ended_at).is_(None))
    if of is not None:
        ended = ended.where(col(Session.operator_id) == of)
    done = await session.exec(ended.values(ended_at=now).returning(col(Session.operator_id)))
    operator_id = done.scalar_one_or_none()
    if operator_id is None:
        raise NotFound("open session", digest)
    data = {} if operator_id == by.operator_id else {"operator": str(operator_id)}
    await audit(session, "session.ended", principal=by, now=now, address=address, data=data)


async def end_all_sessions(
    session: AsyncSession, operator_id: int, *, now: datetime, but: str | None = None
) -> int:
    """End an operator's sessions, all but the one of that digest; how many there were.

    It is part of something that the caller writes down.
    """
    ended = update(Session).where(
        col(Session.operator_id) == operator_id, col(Session.ended_at).is_(None)
    )
    if but is not None:
        ended = ended.where(col(Session.digest) != but)
    done = await session.exec(ended.values(ended_at=now).returning(col(Session.digest)))
    return len(done.all())


def digest_of(key: str, secret: SecretStr) -> str:
    """What is kept of a key, and names its session: it opens nothing."""
    return signature(secret, _PURPOSE, key)


async def _forget_old(session: AsyncSession, operator_id: int, *, now: datetime) -> None:
    await session.exec(
        delete(Session).where(
            col(Session.operator_id) == operator_id, col(Session.expires_at) < now - KEPT
        )
    )
