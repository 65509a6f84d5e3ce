"""Attempts at the door: whoever fails too often waits, longer each time.

An attempt counts as failed from its beginning until it has succeeded, so that many at once get no
further than many in a row; it is counted in the database, so that all processes know. What is
refused is not looked at, however right it may be, and does not count.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from math import ceil

from msgspec import Struct
from pydantic import SecretStr
from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import RegistryError
from registry.models import Attempt
from registry.sealing import signature

SPAN = timedelta(minutes=15)
"""Within which failures are counted together."""
FIRST_WAIT = timedelta(minutes=1)
"""Each further failure doubles it."""
LONGEST_WAIT = timedelta(minutes=30)
KEPT = timedelta(days=1)

_PURPOSE = "attempts"


class Kind(StrEnum):
    """What failures are counted of."""

    EMAIL = "email"
    """Whom somebody says they are."""
    ADDRESS = "address"
    """Where they come from."""
    FACTOR = "factor"
    """Codes of one operator's second factor."""
    SETUP = "setup"
    """Codes of the first start, from one place."""


LIMITS: Mapping[Kind, int] = {Kind.EMAIL: 5, Kind.ADDRESS: 20, Kind.FACTOR: 5, Kind.SETUP: 5}
"""Failures within `SPAN` after which one waits."""


class Tried(Struct, frozen=True, order=True):
    """Something of which failures are counted."""

    kind: Kind
    value: str


class TooManyAttempts(RegistryError):
    """Nothing is looked at before `until`."""

    def __init__(self, until: datetime, *, now: datetime) -> None:
        self.seconds = max(ceil((until - now).total_seconds()), 1)
        self.minutes = ceil(self.seconds / 60)
        super().__init__(f"There were too many failed attempts; come again in {self.minutes} min.")


async def begin_attempt(
    session: AsyncSession, *tried: Tried, secret: SecretStr, now: datetime
) -> None:
    """Count an attempt, before anything is looked at. The caller commits.

    Raises: TooManyAttempts; then nothing is counted.
    """
    rows = [await _locked(session, one, secret=secret, now=now) for one in sorted(tried)]
    closed = [row.locked_until for row in rows if row.locked_until and row.locked_until > now]
    if closed:
        raise TooManyAttempts(max(closed), now=now)
    for one, row in zip(sorted(tried), rows, strict=True):
        ended = max(row.since, row.locked_until or row.since) + SPAN
        if now >= ended:
            row.count, row.since, row.locked_until = 0, now, None
        row.count += 1
        beyond = row.count - LIMITS[one.kind]
        if beyond >= 0:
            row.locked_until = now + min(FIRST_WAIT * 2 ** min(beyond, 16), LONGEST_WAIT)
    await session.flush()


async def attempt_succeeded(
    session: AsyncSession, *tried: Tried, secret: SecretStr, now: datetime
) -> None:
    """It was right. Failures before it are forgotten, but not those of others from one place."""
    for one in sorted(tried):
        row = await _locked(session, one, secret=secret, now=now)
        shared = one.kind is Kind.ADDRESS
        row.count = max(row.count - 1, 0) if shared else 0
        if row.count < LIMITS[one.kind]:
            row.locked_until = None
    await session.flush()
    await session.exec(delete(Attempt).where(col(Attempt.since) < now - KEPT))


def place_of(address: str) -> str:
    """Where failures from an address are counted: a whole network of IPv6 is one customer's."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{int(parsed) >> 64:x}"
    return str(parsed)


async def _locked(
    session: AsyncSession, tried: Tried, *, secret: SecretStr, now: datetime
) -> Attempt:
    """The row, made if there was none, and ours until the commit."""
    key = signature(secret, _PURPOSE, f"{tried.kind}:{tried.value}")
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    await session.exec(
        insert(Attempt)
        .values(key=key, count=0, since=now)
        .on_conflict_do_nothing(index_elements=["key"])
    )
    found = await session.exec(select(Attempt).where(Attempt.key == key).with_for_update())
    return found.one()
