"""A channel without a provider: messages come by a webhook of our own shape, replies vanish."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, ClassVar
from uuid import uuid4

import msgspec
from pydantic import Field, SecretStr

from connectors.base import AccountSettings, Context, Forged, Malformed
from connectors.kit.signatures import same
from registry.types import (
    AttachmentKind,
    Capabilities,
    ContactPoint,
    Envelope,
    Inbound,
    InboundMessage,
    MediaLimit,
    OutboundMessage,
    RateLimit,
    Sender,
    Sent,
)

HEADER = "X-Blackhole-Secret"
"""What a delivery shows the secret in."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_ANY = MediaLimit(max_bytes=50 * 1024 * 1024)


class BlackholeSettings(AccountSettings):
    """The keys of `[channels.blackhole.<account>]`."""

    webhook_secret: SecretStr = Field(min_length=8)
    """What a sender shows in the `X-Blackhole-Secret` header."""
    delay: float = Field(0.0, ge=0, le=60)
    """Seconds that a send takes, as if there were a provider."""


class Posted(msgspec.Struct, frozen=True):
    """The body of a delivery: one message."""

    id: _Name
    """Unique within the account."""
    sender: _Name
    """Who writes; also the conversation."""
    text: Annotated[str, msgspec.Meta(min_length=1)]
    name: str | None = None
    sent_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    """RFC 3339 with its offset; the moment of receipt when absent."""


class BlackholeConnector:
    """One account."""

    name: ClassVar[str] = "blackhole"
    capabilities: ClassVar[Capabilities] = Capabilities(
        max_text=4096,
        max_caption=1024,
        media=dict.fromkeys(AttachmentKind, _ANY),
        album=(frozenset({AttachmentKind.PHOTO, AttachmentKind.VIDEO}),),
        max_album=10,
        can_initiate=True,
        threads=True,
        rate=RateLimit(per_second=10_000.0),
    )
    Settings: ClassVar[type[AccountSettings]] = BlackholeSettings
    kept_headers: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, account: str, settings: AccountSettings, context: Context) -> None:
        assert isinstance(settings, BlackholeSettings)
        self.account = account
        self._secret = settings.webhook_secret.get_secret_value()
        self._delay = settings.delay
        self._clock = context.clock

    def verify(self, envelope: Envelope) -> None:
        if not same(envelope.headers.get(HEADER), self._secret):
            raise Forged(f"the {HEADER} header is wrong or missing")

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        try:
            posted = msgspec.json.decode(envelope.body, type=Posted)
            sent_at = (posted.sent_at or envelope.received_at).astimezone(UTC)
        except (msgspec.DecodeError, UnicodeDecodeError, OverflowError, RecursionError) as error:
            raise Malformed(f"no message of ours: {error}") from error
        message = InboundMessage(
            channel=self.name,
            account=self.account,
            external_id=posted.id,
            conversation=posted.sender,
            sender=Sender(point=ContactPoint(self.name, posted.sender), name=posted.name),
            sent_at=sent_at,
            text=posted.text,
        )
        return [message]

    def name_of(self, point: ContactPoint) -> ContactPoint | None:
        return point if point.scheme == self.name else None

    async def send(self, message: OutboundMessage) -> Sent:
        await asyncio.sleep(self._delay)
        return Sent(external_ids=(uuid4().hex,), at=self._clock())

    async def close(self) -> None:
        """There is nothing to let go of."""


CONNECTOR = BlackholeConnector
