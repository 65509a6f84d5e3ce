"""A connector whose sends do what the test says, and the parts of a hub around it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from connectors.base import AccountSettings, Answer, Diagnosis, Health, Malformed
from registry.calls.hearing import Past, Told
from registry.calls.orders import Order
from registry.calls.script import Script
from registry.db import Database
from registry.intake import accept
from registry.media import MediaStore
from registry.models import Message
from registry.operators import Principal, Role
from registry.replies import Reach, Reply, queue_reply
from registry.types import (
    AccountKey,
    AttachmentKind,
    Capabilities,
    Clock,
    Envelope,
    Inbound,
    MediaLimit,
    OutboundMessage,
    RateLimit,
    Sent,
)
from tests.registry.samples import RULES, message
from workers.bus import Topic
from workers.bus_local import LocalBus
from workers.meters import NoMeters
from workers.outbox import Pace, Sender

MAIN = AccountKey("telegram", "main")
DANA = Principal(role=Role.OPERATOR, name="Дана", operator_id=None, actor="token:test")


UNASKED = "The test did not expect this to be asked of its telephone."


class NoPhone:
    """A telephone of which nothing is expected; a test lets it do what it looks at."""

    def hear(self, envelope: Envelope) -> Told | None:
        raise AssertionError(UNASKED)

    def speak(self, script: Script) -> Answer:
        raise AssertionError(UNASKED)

    async def carry(self, order: Order) -> str | None:
        raise AssertionError(UNASKED)

    async def look_up(self, call: str) -> Past | None:
        raise AssertionError(UNASKED)

    async def past_calls(self, since: datetime) -> Sequence[Past]:
        raise AssertionError(UNASKED)

    def pass_for(self, identity: str, *, seconds: int) -> str:
        raise AssertionError(UNASKED)


class Scripted:
    """A channel that sends as told: an error of the script is raised, anything else goes out."""

    name: ClassVar[str] = "telegram"
    capabilities: ClassVar[Capabilities] = Capabilities(
        max_text=40,
        max_caption=20,
        media={AttachmentKind.PHOTO: MediaLimit(max_bytes=1000, mimes=("image/*",))},
        can_initiate=True,
        rate=RateLimit(per_second=10_000.0),
    )
    Settings: ClassVar[type[AccountSettings]] = AccountSettings
    kept_headers: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, clock: Clock, *, capabilities: Capabilities | None = None) -> None:
        self.account = "main"
        self.clock = clock
        self.script: deque[BaseException | Callable[[], Awaitable[None]]] = deque()
        self.sent: list[OutboundMessage] = []
        self.health = Diagnosis(health=Health.OK, summary="Works.")
        if capabilities is not None:
            self.capabilities = capabilities  # type: ignore[misc]

    def verify(self, envelope: Envelope) -> None:
        """Everybody is believed."""

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        raise Malformed("nothing is read here")

    async def send(self, message: OutboundMessage) -> Sent:
        if self.script:
            step = self.script.popleft()
            if isinstance(step, BaseException):
                raise step
            await step()
        self.sent.append(message)
        return Sent(external_ids=(f"out-{len(self.sent)}",), at=self.clock())

    async def check(self) -> Diagnosis:
        return self.health

    async def close(self) -> None:
        """There is nothing to let go of."""

    @property
    def texts(self) -> list[str]:
        """What went out, in order."""
        return [message.text for message in self.sent]


class Outbox:
    """A sender with its connector, driven step by step rather than by the clock."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        folder: Path,
        *,
        connector: Scripted | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.connector = connector or Scripted(clock)
        self.media = MediaStore(None, folder=folder)
        self.bus = LocalBus(_nothing, capacity=10)
        self.pace = pace or Pace(lease=90.0)

    async def __aenter__(self) -> "Outbox":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.bus.close()

    async def receive(self, external_id: str = "1", **changes: Any) -> str:
        """A citizen writes; returns the appeal's number."""
        script = accept([message(external_id, **changes)], rules=RULES, now=self.clock())
        number = (await self.database.run(script)).numbers[0]
        assert number is not None
        return number

    async def reply(
        self, number: str, text: str, *, key: str | None = None, **more: Any
    ) -> Message:
        """An operator answers; `more` as `Reply` takes it."""
        async with self.database.write() as session:
            return await queue_reply(
                session,
                number,
                Reply(text=text, **more),
                by=DANA,
                key=key or text,
                accounts={MAIN: Reach(capabilities=self.connector.capabilities)},
                now=self.clock(),
            )

    async def send_due(self) -> None:
        """Send all that is due now, and settle it."""
        sender = self.sender()
        await sender.send_all_due()

    def sender(self, account: AccountKey = MAIN, connector: Scripted | None = None) -> Sender:
        """A sender of another process, or of another account."""
        return Sender(
            account,
            connector or self.connector,
            database=self.database,
            media=self.media,
            owner="test",
            pace=self.pace,
            clock=self.clock,
            meters=NoMeters(),
            alarm=self.bus.listen(Topic.OUTBOX),
            links=lambda id_, name: f"https://hub.example.kz/files/{id_}/{name}",
        )


async def _nothing(_batch: Sequence[Envelope]) -> None:
    return None


def released() -> tuple[asyncio.Event, asyncio.Event, Callable[[], Awaitable[None]]]:
    """A send that says that it began, and waits until it may go on."""
    began, go = asyncio.Event(), asyncio.Event()

    async def step() -> None:
        began.set()
        await go.wait()

    return began, go, step
