"""One batch's working memory: what came, sorted by kind, and what the database knew of it."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from registry.deadlines import Deadlines
from registry.statements import Row
from registry.states import Status
from registry.types import (
    ContactEvent,
    DeliveryReport,
    Echo,
    Inbound,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    Reaction,
    Sender,
)

LANGUAGES = frozenset({"kk", "ru", "en"})
"""Those that we answer in."""

Address: TypeAlias = tuple[str, str, str]
"""Channel, account and an id within it: of a conversation, or of a message."""

Written: TypeAlias = InboundMessage | Echo
"""What becomes a message: a citizen's, or ours that was written in the provider's own app."""

Steps: TypeAlias = Generator[Any, list[Row], None]
"""A part of `accept`'s script: it leaves what it found in the batch and returns nothing."""


class Acknowledge(Protocol):
    """What a citizen reads whose appeal was registered."""

    def __call__(
        self, *, channel: str, public: bool, language: str | None, number: str, appeal_id: int
    ) -> str | None:
        """The text; None where this kind of appeal is not acknowledged."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the settings say about registering."""

    join_window: timedelta
    number_prefix: str
    zone: ZoneInfo
    greetings: Mapping[str, str] = field(default_factory=dict)
    """What a citizen who presses Start reads, by language; nobody is greeted without one."""
    acknowledge: Acknowledge | None = None
    """Words the acknowledgement of a new appeal; None where no appeal is acknowledged."""
    deadlines: Deadlines | None = None
    """Tells until when a new appeal is to be answered and done; None where none are kept."""


@dataclass(slots=True)
class Accepted:
    """What became of a batch. The lists run parallel to what was given."""

    fates: list[str]
    """"stored", "duplicate" or "applied" (no message: a report, an edit, an event)."""
    numbers: list[str | None]
    """The appeal's number, where the item has one."""
    appeals: set[int] = field(default_factory=set)
    """Appeals that changed."""
    automatic: bool = False
    """A greeting or an acknowledgement waits in the outbox."""
    files: bool = False
    """A file waits to be fetched."""


@dataclass(slots=True)
class Appeal:
    """An appeal as it was found and locked, or as it is about to be opened."""

    id: int
    number: str
    """Empty for a new one until all new ones are numbered together."""
    status: Status
    resolved_at: datetime | None
    opened_at: datetime
    """Of a new one, when its first message was written."""
    is_new: bool = False


@dataclass(slots=True)
class Conversation:
    """A conversation that this batch speaks in, held until the transaction ends."""

    id: int
    contact_id: int
    appeal: Appeal | None = None
    appeal_id: int | None = None
    last_inbound_at: datetime | None = None
    language: str | None = None
    """The contact's, as it was found, or as they write now."""
    language_fixed: bool = False
    """An operator has set it."""
    name: str | None = None
    """The contact's, as it was found; None while nobody has told it."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """What one call has to register, and what it has learnt so far."""

    rules: Rules
    now: datetime
    result: Accepted
    messages: list[tuple[int, Written]] = field(default_factory=list)
    """With the place of each among the items, as in `edits`: their fates are told."""
    edits: list[tuple[int, MessageEdited]] = field(default_factory=list)
    deletions: list[MessageDeleted] = field(default_factory=list)
    events: list[ContactEvent] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    reports: list[DeliveryReport | Echo] = field(default_factory=list)
    """What is told of our own messages, an echo of one among it, in the order it came."""
    conversations: dict[Address, Conversation] = field(default_factory=dict)
    named: dict[int, set[int]] = field(default_factory=dict)
    """By the id of a message that changes: the appeals that may be called after it, locked."""
    known: dict[Address, Row] = field(default_factory=dict)
    """Stored messages by their external address: message id, appeal id, number."""


def batch_of(items: Sequence[Inbound], *, rules: Rules, now: datetime) -> Batch:
    """Sort the items by kind, each kind in the order it came."""
    result = Accepted(fates=["applied"] * len(items), numbers=[None] * len(items))
    batch = Batch(rules=rules, now=now, result=result)
    for index, item in enumerate(items):
        match item:
            case InboundMessage():
                batch.messages.append((index, item))
            case MessageEdited():
                batch.edits.append((index, item))
            case MessageDeleted():
                batch.deletions.append(item)
            case DeliveryReport():
                batch.reports.append(item)
            case Echo(message_id=None):
                batch.messages.append((index, item))
            case Echo():
                batch.reports.append(item)
            case Reaction():
                batch.reactions.append(item)
            case ContactEvent():
                batch.events.append(item)
    return batch


def spoken(batch: Batch) -> Iterator[Written | Reaction | ContactEvent]:
    """Everything that is said or done in a conversation."""
    for _, message in batch.messages:
        yield message
    for _, edit in batch.edits:
        yield edit.message
    yield from batch.reactions
    yield from batch.events


def conversation_of(batch: Batch, item: Written | Reaction | ContactEvent) -> Conversation:
    """The conversation that an item belongs to; `hold_conversations` has found or opened it."""
    return batch.conversations[item.channel, item.account, item.conversation]


def external(item: Written | Reaction) -> Address:
    """The address under which an item's message is, or would be, known."""
    return item.channel, item.account, item.external_id


def language_of(sender: Sender) -> str | None:
    """The language a sender's app speaks, if it is one of ours."""
    code = (sender.language or "").partition("-")[0].lower()
    return code if code in LANGUAGES else None
