"""The bus: what stands between a webhook and the registry, and wakes the loops.

Two implementations, one contract: `bus_local` registers a delivery before `put` returns; a log such
as JetStream keeps it first and registers it after. Whoever puts need not know which.
"""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Protocol, TypeAlias

from registry.types import Envelope

Process: TypeAlias = Callable[[Sequence[Envelope]], Awaitable[None]]
"""Registers a batch of deliveries, all or nothing. Raises: registry.errors.Unavailable."""


class Full(Exception):
    """More deliveries wait than the bus may hold: ask the provider to come again."""


class Topic(StrEnum):
    """What a loop can be woken for. A wake-up may be lost: loops look by the clock too."""

    OUTBOX = "outbox"
    """A dispatch was queued."""
    MEDIA = "media"
    """A file waits to be fetched."""


class Alarm(Protocol):
    """Rings when its topic is woken; a ring while nobody waits is kept for the next wait."""

    def ring(self) -> None:
        """Wake whoever waits, or the next who will."""
        ...

    async def wait(self, *, within: float) -> bool:
        """Wait for a ring, `within` seconds at most; whether one came."""
        ...


class Bus(Protocol):
    """Carries deliveries to `Process`, and wake-ups to the loops."""

    async def put(self, envelope: Envelope) -> None:
        """Return once the delivery is durable. Raises: Full, registry.errors.Unavailable."""
        ...

    def wake(self, topic: Topic) -> None:
        """Let whoever waits for the topic look again."""
        ...

    def listen(self, topic: Topic) -> Alarm:
        """An alarm of one's own, which rings from now on."""
        ...

    def waiting(self) -> int:
        """How many deliveries wait to be registered."""
        ...

    async def close(self) -> None:
        """Take no more, and return once what was taken is registered."""
        ...
