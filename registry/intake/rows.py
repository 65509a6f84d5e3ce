"""What a batch of messages adds: gathered row by row, then written table by table."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from registry.ids import new_id
from registry.intake import statements as sql
from registry.intake.batch import Appeal, Batch, Conversation, Steps, Written
from registry.journal import ADD_JOURNAL, CITIZEN, SYSTEM, journal_row
from registry.statements import Row
from registry.states import Status
from registry.types import Attachment, Echo

_ATTACHMENT_STATE = 10


@dataclass(slots=True)
class Growth:
    """What a batch adds to one appeal's counters."""

    messages: int = 0
    unread: int = 0
    last_at: datetime | None = None
    status: Status | None = None
    latitude: float | None = None
    longitude: float | None = None
    waiting_since: datetime | None = None
    """When the citizen wrote the first message of the batch that is not answered in it."""
    answered_at: datetime | None = None
    """When somebody of ours wrote first, in the provider's own app."""
    answered_last_at: datetime | None = None

    def note_written(self, at: datetime, *, by_citizen: bool) -> None:
        """Who waits for whom, after a message of either; they come in the order of their times."""
        if by_citizen:
            self.waiting_since = self.waiting_since or at
        else:
            self.waiting_since, self.answered_last_at = None, at
            self.answered_at = self.answered_at or at


@dataclass(frozen=True, slots=True)
class Opening:
    """A new appeal, and the message that opens it."""

    appeal: Appeal
    conversation: Conversation
    item: Written
    language: str | None
    """What the message is in."""


@dataclass(slots=True)
class Rows:
    """The rows that are to be written, and what they were made from."""

    appeals: list[Opening] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    external_ids: list[Row] = field(default_factory=list)
    attachments: list[Row] = field(default_factory=list)
    captions: list[Row] = field(default_factory=list)
    journal: list[Row] = field(default_factory=list)
    arrivals: list[tuple[int, Appeal, int, bool]] = field(default_factory=list)
    """Message id, its appeal, contact id, and whether the citizen wrote it."""
    placed: list[tuple[int, int | None]] = field(default_factory=list)
    """An item's place in the batch, and the appeal it went to."""
    growth: defaultdict[int, Growth] = field(default_factory=lambda: defaultdict(Growth))
    inbound: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    """By conversation: the citizen's last message and its time."""
    current: dict[int, int] = field(default_factory=dict)
    """By conversation: the appeal that was opened in it."""
    reopened: list[int] = field(default_factory=list)
    """Appeals that are opened again."""
    languages: dict[int, str] = field(default_factory=dict)
    """By contact: what they write in now."""

    def grow(self, appeal_id: int) -> Growth:
        """The appeal's counters to add to; from here on it counts as changed."""
        return self.growth[appeal_id]


def write(batch: Batch, rows: Rows) -> Steps:
    """Write everything but the new appeals, which are there already: messages point to them."""
    if rows.messages:
        yield sql.ADD_MESSAGES, rows.messages
    yield sql.ADD_EXTERNAL_IDS, rows.external_ids
    if rows.captions:
        yield sql.SET_CAPTIONS, rows.captions
    if rows.attachments:
        yield sql.ADD_ATTACHMENTS, rows.attachments
        batch.result.files = any(row[_ATTACHMENT_STATE] == "pending" for row in rows.attachments)
    _tell_arrivals(batch, rows)
    yield ADD_JOURNAL, rows.journal
    yield (
        sql.GROW_APPEALS,
        [
            (
                id_, g.messages, g.unread, g.last_at, g.status, g.latitude, g.longitude,
                g.waiting_since, g.answered_at, g.answered_last_at,
            )
            for id_, g in sorted(rows.growth.items())
        ],
    )  # fmt: skip
    changed = sorted(rows.inbound.keys() | rows.current.keys())
    if changed:
        yield (
            sql.UPDATE_CONVERSATIONS,
            [(id_, *rows.inbound.get(id_, (None, None)), rows.current.get(id_)) for id_ in changed],
        )
    if rows.languages:
        yield sql.SET_LANGUAGES, sorted(rows.languages.items())
    batch.result.appeals |= rows.growth.keys()


def message_row(
    id_: int,
    conversation: Conversation,
    appeal_id: int,
    item: Written,
    *,
    language: str | None,
    now: datetime,
) -> Row:
    """A message as it is stored; an echo of ours has been sent already."""
    if isinstance(item, Echo):
        return (
            id_, appeal_id, conversation.id, "out", item.text, "", item.sent_at, 0, now,
            None, None, None, False, "sent", item.sent_at, None,
        )  # fmt: skip
    author = item.sender.name or conversation.name or item.sender.point.value
    return (
        id_, appeal_id, conversation.id, "in", item.text, author, item.sent_at, item.sequence, now,
        item.reply_to, item.origin, item.group, item.unreadable, None, None,
        language,
    )  # fmt: skip


def automatic_rows(
    batch: Batch,
    conversation_id: int,
    text: str,
    *,
    account: tuple[str, str],
    key: str,
    appeal_id: int | None = None,
) -> tuple[Row, Row]:
    """A message that nobody wrote, in one part, and its dispatch. The key makes it the only one."""
    message_id = new_id()
    parts = msgspec.json.encode([{"text": text, "attachments": []}]).decode()
    message = (message_id, appeal_id, conversation_id, text, batch.now, key)
    return message, (new_id(), message_id, conversation_id, *account, parts, batch.now)


def attachment_row(
    message_id: int,
    attachment: Attachment,
    *,
    position: int,
    account: tuple[str, str],
    now: datetime,
) -> Row:
    """A file waits to be fetched by its reference; a place or a contact needs no fetching."""
    state = "pending" if attachment.ref is not None else "ready"
    return (
        new_id(), message_id, position, *account, attachment.kind, attachment.ref,
        attachment.name, attachment.mime, attachment.size, state, now,
        attachment.latitude, attachment.longitude, now,
    )  # fmt: skip


def _tell_arrivals(batch: Batch, rows: Rows) -> None:
    """An entry for each message; the first of a new appeal is told as its opening."""
    for message_id, appeal, contact_id, incoming in rows.arrivals:
        event = "message.received" if incoming else "message.echoed"
        data = None
        if appeal.is_new:
            event, appeal.is_new = "appeal.opened", False
            data = {"number": appeal.number}
        rows.journal.append(
            journal_row(
                event,
                actor=CITIZEN if incoming else SYSTEM,
                now=batch.now,
                appeal_id=appeal.id,
                message_id=message_id,
                contact_id=contact_id,
                data=data,
            )
        )
