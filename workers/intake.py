"""Intake: envelopes become registered messages, and what cannot be read is buried and shown.

The same function serves the local bus, which calls it before it acknowledges, and a log, which
calls it after. A batch is one transaction; when the database refuses it for what is in it, the
batch is halved until the poisoned item stands alone.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from msgspec import Struct, structs
from sqlalchemy.exc import SQLAlchemyError

from connectors.base import Connector, Malformed
from registry.burial import (
    Burial,
    bury,
    get_buried,
    link_placeholders,
    mark_replayed,
    remove_placeholder,
)
from registry.db import Database
from registry.errors import Unavailable
from registry.intake import Accepted, Rules, accept
from registry.statements import Script
from registry.types import (
    AccountKey,
    Clock,
    Envelope,
    Inbound,
    InboundMessage,
    MessageEdited,
    Unreadable,
    utc_now,
)
from workers.bus import Bus, Topic
from workers.meters import Meters, NoMeters

log = structlog.get_logger(__name__)

UNSHOWABLE = "⚠ Сообщение не удалось показать · Хабарды көрсету мүмкін болмады"
"""Stands for a message that the registry refused; its raw delivery is among the buried."""


_NUL_MARKS = (b"\\u0000", b"\x00", b"%00")
"""How a body can carry the one character that PostgreSQL cannot store."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One thing read from an envelope."""

    inbound: Inbound
    envelope: Envelope


class Intake:
    """Registers envelopes. `bus` is set once there is one: it is built around `process`."""

    bus: Bus | None = None
    meet: Callable[[InboundMessage], None] | None = None
    """Told of every message that was stored."""

    def __init__(
        self,
        database: Database,
        connectors: Mapping[AccountKey, Connector],
        *,
        rules: Rules,
        clock: Clock = utc_now,
        meters: Meters | None = None,
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._rules = rules
        self._clock = clock
        self._meters = meters or NoMeters()

    async def process(self, envelopes: Sequence[Envelope]) -> None:
        """Register all of them, or none. Raises: Unavailable."""
        items: list[_Item] = []
        burials: list[Burial] = []
        for envelope in envelopes:
            for inbound in self._read(envelope):
                if isinstance(inbound, Unreadable):
                    burials.append(
                        Burial(envelope=envelope, reason=inbound.reason, item=inbound.item)
                    )
                else:
                    items.append(_Item(inbound, envelope))
                    if isinstance(inbound, InboundMessage) and inbound.unreadable:
                        burials.append(_placeholder_burial(envelope, inbound))
        # Buried first: if we die in between, the provider delivers again, and it is buried once.
        await self._bury(burials)
        await self._accept(items)
        if any(burial.external_id is not None for burial in burials):
            await self._database.run(link_placeholders(burials))

    async def replay(self, buried_id: int) -> bool:
        """Read one of the buried again; whether it could be registered this time.

        Raises: NotFound, Unavailable.
        """
        async with self._database.read() as session:
            buried = await get_buried(session, buried_id)
        if buried.replayed_at is not None:
            return True
        envelope = Envelope(
            id=buried.envelope_id,
            channel=buried.channel,
            account=buried.account,
            action=buried.action,
            query=buried.query,
            headers=buried.headers,
            body=buried.body,
            received_at=buried.received_at,
        )
        read = self._read(envelope)
        if any(_is_unreadable(inbound) for inbound in read):
            return False
        now = self._clock()
        try:
            accepted = await self._database.run(
                _replace(buried.message_id, accept(read, rules=self._rules, now=now))
            )
        except (SQLAlchemyError, ValueError, OverflowError) as error:
            log.warning("replay refused", buried=buried_id, reason=_reason(error))
            return False
        async with self._database.write() as session:
            await mark_replayed(session, buried_id, now=now)
        self._tell([_Item(inbound, envelope) for inbound in read], accepted)
        return True

    def _read(self, envelope: Envelope) -> Sequence[Inbound]:
        connector = self._connectors.get(AccountKey(envelope.channel, envelope.account))
        if connector is None:
            return [Unreadable(reason="The account is no longer in the settings.")]
        try:
            read = connector.normalize(envelope)
        except Malformed as error:
            return [Unreadable(reason=str(error))]
        except Exception as error:
            log.exception("a connector failed to read a delivery", envelope=envelope.id)
            return [Unreadable(reason=f"The connector failed to read it: {type(error).__name__}.")]
        if any(mark in envelope.body for mark in _NUL_MARKS):
            return [_without_nul(inbound) for inbound in read]
        return read

    async def _accept(self, items: Sequence[_Item], *, again: bool = False) -> None:
        if not items:
            return
        script = accept([item.inbound for item in items], rules=self._rules, now=self._clock())
        try:
            accepted = await self._database.run(script)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it is in the data: narrow it down
            if len(items) == 1:
                if not again:
                    # Two processes may have met over an id: with another it goes through.
                    await self._accept(items, again=True)
                    return
                await self._bury_poisoned(items[0], error)
                return
            middle = len(items) // 2
            await self._accept(items[:middle])
            await self._accept(items[middle:])
        else:
            self._tell(items, accepted)

    async def _bury_poisoned(self, item: _Item, error: Exception) -> None:
        """Keep what the registry refuses, and show that something came."""
        inbound = item.inbound
        message = inbound.message if isinstance(inbound, MessageEdited) else inbound
        named = message.external_id if isinstance(message, InboundMessage) else None
        burial = Burial(
            envelope=item.envelope,
            reason=f"The registry refused it: {_reason(error)}.",
            item=named or type(inbound).__name__,
            external_id=named,
        )
        log.warning("buried a poisoned item", envelope=item.envelope.id, reason=burial.reason)
        await self._bury([burial])
        if not isinstance(message, InboundMessage):
            return
        shown = InboundMessage(
            channel=message.channel,
            account=message.account,
            external_id=message.external_id,
            conversation=message.conversation,
            sender=message.sender,
            sent_at=message.sent_at,
            text=UNSHOWABLE,
            public=message.public,
            unreadable=True,
        )
        try:
            accepted = await self._database.run(
                accept([shown], rules=self._rules, now=self._clock())
            )
        except Unavailable:
            raise
        except Exception:
            log.exception("no placeholder for a poisoned item", envelope=item.envelope.id)
            return
        await self._database.run(link_placeholders([burial]))
        self._tell([_Item(shown, item.envelope)], accepted)

    async def _bury(self, burials: Sequence[Burial]) -> None:
        if not burials:
            return
        async with self._database.write() as session:
            await bury(session, burials, now=self._clock())
        for burial in burials:
            envelope = burial.envelope
            self._meters.buried(AccountKey(envelope.channel, envelope.account))
            log.warning(
                "buried",
                channel=envelope.channel,
                account=envelope.account,
                envelope=envelope.id,
                item=burial.item,
                reason=burial.reason,
            )

    def _tell(self, items: Sequence[_Item], accepted: Accepted) -> None:
        """Count, log and wake, once the batch is stored."""
        counts: Counter[tuple[str, str, str]] = Counter()
        stored: list[str] = []
        for item, fate, number in zip(items, accepted.fates, accepted.numbers, strict=True):
            envelope = item.envelope
            counts[envelope.channel, envelope.account, fate] += 1
            if fate == "stored":
                stored.append(f"{envelope.id}={number}")
                if self.meet is not None and isinstance(item.inbound, InboundMessage):
                    self.meet(item.inbound)
        for channel, account in {(channel, account) for channel, account, _ in counts}:
            self._meters.took_in(
                AccountKey(channel, account),
                stored=counts[channel, account, "stored"],
                duplicates=counts[channel, account, "duplicate"],
                applied=counts[channel, account, "applied"],
            )
        if stored:
            log.info("stored", messages=stored)
        if self.bus is not None:
            if accepted.automatic:
                self.bus.wake(Topic.OUTBOX)
            if accepted.files:
                self.bus.wake(Topic.MEDIA)


def _without_nul(value: Any) -> Any:
    """The same value with every NUL in its texts made visible."""
    match value:
        case StrEnum():
            return value
        case str():
            return value.replace("\x00", "\ufffd")
        case tuple():
            return tuple(_without_nul(inner) for inner in value)
        case Struct():
            changed = {name: _without_nul(inner) for name, inner in structs.asdict(value).items()}
            return structs.replace(value, **changed)
        case _:
            return value


def _replace(placeholder: int | None, registered: Script[Accepted]) -> Script[Accepted]:
    if placeholder is not None:
        yield from remove_placeholder(placeholder)
    return (yield from registered)


def _placeholder_burial(envelope: Envelope, message: InboundMessage) -> Burial:
    return Burial(
        envelope=envelope,
        reason="The connector does not know this kind of message.",
        item=message.external_id,
        external_id=message.external_id,
    )


def _is_unreadable(inbound: Inbound) -> bool:
    return isinstance(inbound, Unreadable) or (
        isinstance(inbound, InboundMessage) and inbound.unreadable
    )


def _reason(error: BaseException) -> str:
    """The kind of error, without the data that caused it."""
    return type(getattr(error, "orig", None) or error).__name__
