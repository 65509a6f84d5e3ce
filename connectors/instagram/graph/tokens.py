"""The account's token: which one is valid now, until when, and how it is renewed in time.

An Instagram login's token lives for 60 days and can be renewed once it is a day old. The renewed
one is kept in the account's store, which all its processes read. A token that an administrator
puts into the settings wins over what was renewed from the one before.

Source: https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
"""

import hashlib
import logging
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from connectors.base import AccountStore, Misconfigured, Rejected, Unreachable
from connectors.kit.graph import Graph
from registry.errors import Unavailable
from registry.types import Clock

_log = logging.getLogger(__name__)

RENEW_WITHIN = timedelta(days=10)
"""A token that ends sooner is renewed."""
KNOWN_FOR = timedelta(seconds=60)
"""How long a process goes by what it last read in the store."""
PAUSE = timedelta(hours=6)
"""Between two attempts, after Meta has refused one: a token younger than a day, most likely."""
_NAME = "token"


class Held(Struct, frozen=True, kw_only=True):
    """A token as the store keeps it."""

    digest: str
    """Of the settings' token from which this one comes."""
    token: str
    expires_at: int | None = None
    """Seconds since 1970; None while nobody knows."""
    tried_at: int | None = None
    """When Meta last refused to renew it."""

    @property
    def ends(self) -> datetime | None:
        return None if self.expires_at is None else datetime.fromtimestamp(self.expires_at, UTC)


class Renewed(Struct, frozen=True):
    """What Meta answers."""

    access_token: str
    expires_in: int
    """Seconds."""


class Tokens:
    """One account's token."""

    def __init__(self, token: str, *, store: AccountStore, clock: Clock) -> None:
        """`token` is the settings'."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        self._given = Held(digest=digest, token=token)
        self._held = self._given
        self._store = store
        self._clock = clock
        self._read_at: datetime | None = None

    async def current(self) -> Held:
        """The token to speak with; what was last known while the store cannot be asked."""
        now = self._clock()
        if self._read_at is None or now - self._read_at >= KNOWN_FOR:
            await self._read(now)
        return self._held

    async def renew(self, graph: Graph) -> None:
        """Renew the token when it ends soon, or when nobody knows when it does.

        Meta's refusal is kept, and asking is left alone for a while: whether the token is good is
        what `check` tells. Raises: Retryable.
        """
        now = self._clock()
        await self._read(now)
        held = self._held
        graph.token = held.token
        if not _wants_renewal(held, now):
            return
        try:
            renewed = await _ask(graph)
        except (Rejected, Misconfigured) as error:
            _log.info("the token was not renewed: %s", error.reason)
            await self._write(msgspec.structs.replace(held, tried_at=int(now.timestamp())))
            return
        await self._write(
            Held(
                digest=held.digest,
                token=renewed.access_token,
                expires_at=int(now.timestamp()) + renewed.expires_in,
            )
        )
        graph.token = self._held.token

    async def _read(self, now: datetime) -> None:
        try:
            text = await self._store.read(_NAME)
        except Unavailable as error:
            _log.info("the store with the token cannot be read: %s", error)
            return
        self._read_at = now
        stored = _decoded(text)
        ours = stored is not None and stored.digest == self._given.digest
        self._held = stored if stored is not None and ours else self._given

    async def _write(self, held: Held) -> None:
        self._held = held
        try:
            await self._store.write(_NAME, msgspec.json.encode(held).decode())
        except Unavailable as error:
            # The one before lives on until its own end: the next attempt renews that.
            raise Unreachable("The renewed token could not be kept.") from error


def _wants_renewal(held: Held, now: datetime) -> bool:
    if held.tried_at is not None and now.timestamp() - held.tried_at < PAUSE.total_seconds():
        return False
    ends = held.ends
    return ends is None or now < ends <= now + RENEW_WITHIN


async def _ask(graph: Graph) -> Renewed:
    """Ask for a new token, showing the old one in the header as with every call.

    Meta documents the address alone as the place for it: where the header is refused, it goes
    there, so that the account lives on.
    """
    query = {"grant_type": "ig_refresh_token"}
    try:
        return await graph.get("refresh_access_token", query, into=Renewed)
    except (Rejected, Misconfigured):
        query["access_token"] = graph.token
        return await graph.get("refresh_access_token", query, into=Renewed)


def _decoded(text: str | None) -> Held | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Held)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
