"""The one door in: `accept` registers a batch of what came from the channels, in one transaction.

It is a script of set statements (see `registry.statements`): the cost of a transaction is shared by
all that waited, and no row is written alone. What is known already changes nothing. The order is
always the same (conversations, then appeals, then messages), so that two processes cannot hold what
the other wants.

Raises nothing of its own: a database error refuses the whole batch, and the caller narrows it down.
"""

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from registry import intake_statements as sql
from registry.columns import from_stored
from registry.delivery import Report, apply_reports
from registry.ids import new_id
from registry.journal import CITIZEN, SYSTEM
from registry.numbers import counter_name, format_number
from registry.statements import Row, Script
from registry.states import LIVE, Status
from registry.types import (
    Attachment,
    AttachmentKind,
    ContactEvent,
    DeliveryReport,
    DeliveryState,
    Echo,
    Inbound,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    Reaction,
    Sender,
)

LANGUAGES = frozenset({"kk", "ru", "en"})
SUBJECT_CHARACTERS = 120

Address: TypeAlias = tuple[str, str, str]
"""Channel, account and an id within it: of a conversation, or of a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the settings say about registering."""

    join_window: timedelta
    number_prefix: str
    zone: ZoneInfo
    greetings: Mapping[str, str] = field(default_factory=dict)
    """What a citizen who presses Start reads, by language; nobody is greeted without one."""


@dataclass(slots=True)
class Accepted:
    """What became of a batch. The lists run parallel to what was given."""

    fates: list[str]
    """"stored", "duplicate" or "applied" (no message: a report, an edit, an event)."""
    numbers: list[str | None]
    """The appeal's number, where the item has one."""
    appeals: set[int] = field(default_factory=set)
    """Appeals that changed."""
    greeted: bool = False
    """A greeting waits in the outbox."""
    files: bool = False
    """A file waits to be fetched."""


def accept(items: Sequence[Inbound], *, rules: Rules, now: datetime) -> Script[Accepted]:
    """Register what came, in the order it is given; `Unreadable` items are the caller's to bury."""
    batch = _Batch(items, rules=rules, now=now)
    yield from batch.hold_conversations()
    yield from batch.store_messages()
    yield from batch.apply_edits()
    yield from batch.apply_deletions()
    yield from batch.apply_events()
    yield from batch.apply_delivery_reports()
    yield from batch.touch_accounts()
    return batch.result


@dataclass(slots=True)
class _Appeal:
    id: int
    number: str
    status: Status
    resolved_at: datetime | None
    is_new: bool = False


@dataclass(slots=True)
class _Conversation:
    id: int
    contact_id: int
    appeal: _Appeal | None = None
    appeal_id: int | None = None
    last_inbound_at: datetime | None = None


@dataclass(slots=True)
class _Growth:
    """What a batch adds to one appeal's counters."""

    messages: int = 0
    unread: int = 0
    last_at: datetime | None = None
    status: Status | None = None
    latitude: float | None = None
    longitude: float | None = None


_Steps: TypeAlias = Generator[Any, list[Row], None]


class _Batch:
    """One call's working memory: what was found, and the rows that are to be written."""

    def __init__(self, items: Sequence[Inbound], *, rules: Rules, now: datetime) -> None:
        self.items = items
        self.rules = rules
        self.now = now
        self.messages: list[tuple[int, InboundMessage | Echo]] = []
        self.edits: list[tuple[int, MessageEdited]] = []
        self.deletions: list[MessageDeleted] = []
        self.events: list[ContactEvent] = []
        self.reactions: list[Reaction] = []
        self.reports: list[Report] = []
        for index, item in enumerate(items):
            self._sort(index, item)
        self.result = Accepted(fates=["applied"] * len(items), numbers=[None] * len(items))
        self.conversations: dict[Address, _Conversation] = {}
        self.known: dict[Address, Row] = {}
        """Stored messages by their external address: message id, appeal id, number."""

    def _sort(self, index: int, item: Inbound) -> None:
        match item:
            case InboundMessage():
                self.messages.append((index, item))
            case MessageEdited():
                self.edits.append((index, item))
            case MessageDeleted():
                self.deletions.append(item)
            case DeliveryReport():
                self.reports.append(_report(item))
            case Echo(message_id=None):
                self.messages.append((index, item))
            case Echo():
                self.reports.append(_echoed(item))
            case Reaction():
                self.reactions.append(item)
            case ContactEvent():
                self.events.append(item)

    # --- Whose conversation it is ---------------------------------------------------------------

    def hold_conversations(self) -> _Steps:
        """Find the conversations of the batch, lock them, and open those that are new."""
        people = self._people()
        if not people:
            return
        addresses = sorted(people)
        self._remember(addresses, (yield sql.CONVERSATIONS, addresses))
        missing = [address for address in addresses if address not in self.conversations]
        if missing:
            yield from self._open_conversations(missing, people)
            # Whoever lost a race to another process takes, and locks, what that one opened.
            lost = [address for address in missing if address not in self.conversations]
            if lost:
                self._remember(lost, (yield sql.CONVERSATIONS, lost))
        yield from self._add_points(people)
        yield from self._lock_appeals()

    def _people(self) -> dict[Address, tuple[Sender, bool]]:
        """Who speaks in each conversation of the batch, and whether it is a public one."""
        people: dict[Address, tuple[Sender, bool]] = {}
        for item in self._spoken():
            address = (item.channel, item.account, item.conversation)
            if address not in people:
                sender = item.recipient if isinstance(item, Echo) else item.sender
                public = isinstance(item, InboundMessage) and item.public
                people[address] = (sender, public)
        return people

    def _spoken(self) -> Iterator[InboundMessage | Echo | Reaction | ContactEvent]:
        for _, message in self.messages:
            yield message
        for _, edit in self.edits:
            yield edit.message
        yield from self.reactions
        yield from self.events

    def _remember(self, addresses: Sequence[Address], rows: Iterable[Row]) -> None:
        for channel, account, key, id_, contact_id, appeal_id, last_inbound_at in rows:
            self.conversations[channel, account, key] = _Conversation(
                id=id_,
                contact_id=contact_id,
                appeal_id=appeal_id,
                last_inbound_at=None if last_inbound_at is None else from_stored(last_inbound_at),
            )

    def _open_conversations(
        self, missing: Sequence[Address], people: Mapping[Address, tuple[Sender, bool]]
    ) -> _Steps:
        points = sorted({_point(people[address][0]) for address in missing})
        holders: dict[tuple[str, str], tuple[int, int]] = {
            (scheme, value): (id_, contact_id)
            for scheme, value, id_, contact_id in (yield sql.POINTS, points)
        }
        unknown = [point for point in points if point not in holders]
        if unknown:
            yield from self._add_contacts(unknown, people, missing, holders)
        rows = []
        for address in missing:
            sender, public = people[address]
            point_id, contact_id = holders[_point(sender)]
            rows.append((new_id(), *address, public, contact_id, point_id, self.now))
        opened = {row[0] for row in (yield sql.ADD_CONVERSATIONS, rows)}
        for id_, channel, account, key, _, contact_id, _, _ in rows:
            if id_ in opened:
                self.conversations[channel, account, key] = _Conversation(id_, contact_id)

    def _add_contacts(
        self,
        unknown: Sequence[tuple[str, str]],
        people: Mapping[Address, tuple[Sender, bool]],
        missing: Sequence[Address],
        holders: dict[tuple[str, str], tuple[int, int]],
    ) -> _Steps:
        """A contact for every point that nobody holds; `holders` learns who holds what."""
        senders = {_point(people[address][0]): people[address][0] for address in reversed(missing)}
        offered = [(new_id(), new_id(), scheme, value, self.now) for scheme, value in unknown]
        yield (
            sql.ADD_CONTACTS,
            [
                (contact_id, senders[point].name, _language(senders[point]), self.now)
                for point, (_, contact_id, _, _, _) in zip(unknown, offered, strict=True)
            ],
        )
        ours = {row[0] for row in (yield sql.ADD_POINTS, offered)}
        for id_, contact_id, scheme, value, _ in offered:
            if id_ in ours:
                holders[scheme, value] = (id_, contact_id)
        lost = [row for row in offered if row[0] not in ours]
        if lost:
            # Another process was faster: its contact holds the point, and ours is not needed.
            yield sql.REMOVE_CONTACTS, [(row[1],) for row in lost]
            for scheme, value, id_, contact_id in (yield sql.POINTS, [row[2:4] for row in lost]):
                holders[scheme, value] = (id_, contact_id)

    def _add_points(self, people: Mapping[Address, tuple[Sender, bool]]) -> _Steps:
        """A point that comes later (a phone beside a user id) is the same contact's."""
        rows = {
            (point.scheme, point.value): (
                new_id(),
                self.conversations[address].contact_id,
                point.scheme,
                point.value,
                self.now,
            )
            for address, (sender, _) in people.items()
            for point in sender.also
        }
        if rows:
            yield sql.ADD_POINTS, [rows[key] for key in sorted(rows)]

    def _lock_appeals(self) -> _Steps:
        ids = sorted({c.appeal_id for c in self.conversations.values() if c.appeal_id is not None})
        if not ids:
            return
        appeals = {
            id_: _Appeal(
                id=id_,
                number=number,
                status=Status(status),
                resolved_at=None if resolved_at is None else from_stored(resolved_at),
            )
            for id_, number, status, resolved_at in (yield sql.APPEALS, [(id_,) for id_ in ids])
        }
        for conversation in self.conversations.values():
            if conversation.appeal_id is not None:
                conversation.appeal = appeals.get(conversation.appeal_id)

    # --- Messages -------------------------------------------------------------------------------

    def store_messages(self) -> _Steps:
        """Insert what is new, joining or opening appeals by the rules; drop what is known."""
        yield from self._find_known()
        fresh = self._fresh()
        if not fresh:
            return
        albums = yield from self._find_albums(fresh)
        rows = _Rows()
        for index, item in fresh:
            self._place(index, item, rows, albums)
        yield from self._open_appeals(rows)
        yield from self._write(rows)

    def _find_known(self) -> _Steps:
        items: list[InboundMessage | Echo | Reaction] = [item for _, item in self.messages]
        items += [edit.message for _, edit in self.edits]
        items += self.reactions
        wanted = sorted({_external(item) for item in items})
        for channel, account, external_id, *found in (yield sql.KNOWN, wanted):
            self.known[channel, account, external_id] = found

    def _fresh(self) -> list[tuple[int, InboundMessage | Echo]]:
        """The messages to insert, each once, in the order in which they were written."""
        seen: set[Address] = set()
        fresh: list[tuple[int, InboundMessage | Echo]] = []
        for index, item in self.messages:
            address = _external(item)
            if address in self.known:
                self.result.fates[index] = "duplicate"
                self.result.numbers[index] = self.known[address][2]
            elif address in seen:
                self.result.fates[index] = "duplicate"
            else:
                seen.add(address)
                fresh.append((index, item))
        # An edit of what we never saw is the message itself, as it reads now.
        for index, edit in self.edits:
            address = _external(edit.message)
            if address not in self.known and address not in seen:
                seen.add(address)
                fresh.append((index, edit.message))
        fresh.sort(key=_written)
        return fresh

    def _find_albums(
        self, fresh: Sequence[tuple[int, InboundMessage | Echo]]
    ) -> Generator[Any, list[Row], dict[tuple[int, str], Row]]:
        wanted = {
            (self._conversation(item).id, item.group)
            for _, item in fresh
            if isinstance(item, InboundMessage) and item.group is not None
        }
        if not wanted:
            return {}
        found = yield sql.ALBUMS, sorted(wanted)
        return {(row[0], row[1]): row for row in found}

    def _conversation(self, item: InboundMessage | Echo) -> _Conversation:
        return self.conversations[item.channel, item.account, item.conversation]

    def _place(
        self,
        index: int,
        item: InboundMessage | Echo,
        rows: "_Rows",
        albums: dict[tuple[int, str], Row],
    ) -> None:
        conversation = self._conversation(item)
        incoming = isinstance(item, InboundMessage)
        group = item.group if isinstance(item, InboundMessage) else None
        if incoming:
            self._note_inbound(conversation, item, rows)
        album = albums.get((conversation.id, group)) if group is not None else None
        if album is not None:
            message_id, appeal_id, has_text = album[2], album[3], bool(album[4])
            if item.text and not has_text:
                rows.captions.append((message_id, item.text))
                albums[conversation.id, group or ""] = (*album[:4], True)
            if appeal_id is not None:
                rows.grow(appeal_id)
            number: str | None = album[5]
        else:
            appeal = self._appeal_for(conversation, item, rows)
            message_id, appeal_id, number = new_id(), appeal.id, appeal.number
            rows.messages.append(
                _message_row(message_id, conversation.id, appeal.id, item, self.now)
            )
            growth = rows.grow(appeal.id)
            growth.messages += 1
            growth.unread += incoming
            growth.last_at = max(growth.last_at or item.sent_at, item.sent_at)
            rows.arrivals.append((index, message_id, appeal, conversation.contact_id, incoming))
            if group is not None:
                albums[conversation.id, group] = (
                    conversation.id, group, message_id, appeal.id, bool(item.text), number,
                )  # fmt: skip
        self.result.fates[index] = "stored"
        self.result.numbers[index] = number
        rows.placed.append((index, appeal_id))
        rows.external_ids.append(
            (
                item.channel,
                item.account,
                item.external_id,
                message_id,
                0,
                None if incoming else "sent",
            )
        )
        for position, attachment in enumerate(item.attachments):
            sequence = item.sequence if isinstance(item, InboundMessage) else 0
            rows.attachments.append(
                _attachment_row(
                    message_id,
                    attachment,
                    position=sequence * 16 + position,
                    account=(item.channel, item.account),
                    now=self.now,
                )
            )
            if attachment.latitude is not None and appeal_id is not None:
                growth = rows.grow(appeal_id)
                growth.latitude, growth.longitude = attachment.latitude, attachment.longitude

    def _note_inbound(
        self, conversation: _Conversation, item: InboundMessage | Echo, rows: "_Rows"
    ) -> None:
        last = conversation.last_inbound_at
        if last is None or item.sent_at >= last:
            conversation.last_inbound_at = item.sent_at
            rows.inbound[conversation.id] = (conversation.id, item.external_id, item.sent_at)

    def _appeal_for(
        self, conversation: _Conversation, item: InboundMessage | Echo, rows: "_Rows"
    ) -> _Appeal:
        """Join the conversation's appeal, reopen it, or open another."""
        appeal = conversation.appeal
        if isinstance(item, Echo):
            return appeal if appeal is not None else self._new_appeal(conversation, item, rows)
        if appeal is None:
            return self._new_appeal(conversation, item, rows)
        if appeal.status in LIVE:
            if appeal.status is Status.PENDING:
                self._move(appeal, Status.OPEN, "appeal.answered_by_citizen", rows)
            return appeal
        if (
            appeal.status is Status.RESOLVED
            and appeal.resolved_at is not None
            and item.sent_at - appeal.resolved_at < self.rules.join_window
        ):
            self._move(appeal, Status.OPEN, "appeal.reopened", rows)
            return appeal
        return self._new_appeal(conversation, item, rows)

    def _move(self, appeal: _Appeal, status: Status, event: str, rows: "_Rows") -> None:
        data = {"from": appeal.status, "to": status}
        rows.journal.append(_journal_row(self.now, event, SYSTEM, appeal_id=appeal.id, data=data))
        rows.grow(appeal.id).status = status
        appeal.status = status
        appeal.resolved_at = None

    def _new_appeal(
        self, conversation: _Conversation, item: InboundMessage | Echo, rows: "_Rows"
    ) -> _Appeal:
        appeal = _Appeal(new_id(), "", Status.NEW, None, is_new=True)
        conversation.appeal = appeal
        rows.appeals.append((appeal, conversation, item))
        rows.current[conversation.id] = appeal.id
        return appeal

    def _open_appeals(self, rows: "_Rows") -> _Steps:
        """Number the new appeals in the order in which their messages were written."""
        if not rows.appeals:
            return
        year = self.now.astimezone(self.rules.zone).year
        found = yield sql.COUNT, [(counter_name(year), len(rows.appeals))]
        first = found[0][0] - len(rows.appeals) + 1
        for serial, (appeal, _, _) in enumerate(rows.appeals, first):
            appeal.number = format_number(self.rules.number_prefix, year, serial)
        numbers = {appeal.id: appeal.number for appeal, _, _ in rows.appeals}
        for index, appeal_id in rows.placed:
            if appeal_id in numbers:
                self.result.numbers[index] = numbers[appeal_id]
        yield (
            sql.ADD_APPEALS,
            [self._appeal_row(*opened, rows.growth.pop(opened[0].id)) for opened in rows.appeals],
        )
        self.result.appeals |= numbers.keys()

    def _appeal_row(
        self,
        appeal: _Appeal,
        conversation: _Conversation,
        item: InboundMessage | Echo,
        growth: _Growth,
    ) -> Row:
        sender = item.sender if isinstance(item, InboundMessage) else item.recipient
        return (
            appeal.id,
            appeal.number,
            item.channel,
            item.account,
            conversation.id,
            conversation.contact_id,
            _language(sender),
            _subject(item.text),
            self.now,
            growth.last_at,
            growth.messages,
            growth.unread,
            growth.latitude,
            growth.longitude,
        )

    def _write(self, rows: "_Rows") -> _Steps:
        if rows.messages:
            yield sql.ADD_MESSAGES, rows.messages
        yield sql.ADD_EXTERNAL_IDS, rows.external_ids
        if rows.captions:
            yield sql.SET_CAPTIONS, rows.captions
        if rows.attachments:
            yield sql.ADD_ATTACHMENTS, rows.attachments
            self.result.files = any(row[_ATTACHMENT_STATE] == "pending" for row in rows.attachments)
        for _, message_id, appeal, contact_id, incoming in rows.arrivals:
            event = "message.received" if incoming else "message.echoed"
            if appeal.is_new:
                event, appeal.is_new = "appeal.opened", False
            rows.journal.append(
                _journal_row(
                    self.now,
                    event,
                    CITIZEN if incoming else SYSTEM,
                    appeal_id=appeal.id,
                    message_id=message_id,
                    contact_id=contact_id,
                    data={"number": appeal.number} if event == "appeal.opened" else None,
                )
            )
        yield sql.ADD_JOURNAL, rows.journal
        yield (
            sql.GROW_APPEALS,
            [
                (id_, g.messages, g.unread, g.last_at, g.status, g.latitude, g.longitude)
                for id_, g in sorted(rows.growth.items())
            ],
        )
        yield from self._write_conversations(rows)
        self.result.appeals |= rows.growth.keys()

    def _write_conversations(self, rows: "_Rows") -> _Steps:
        changed = sorted(rows.inbound.keys() | rows.current.keys())
        if changed:
            blank = (None, None, None)
            yield (
                sql.UPDATE_CONVERSATIONS,
                [
                    (id_, *rows.inbound.get(id_, blank)[1:], rows.current.get(id_))
                    for id_ in changed
                ],
            )

    # --- What happens to messages that are stored -----------------------------------------------

    def apply_edits(self) -> _Steps:
        """Change the text and keep the old one in the journal; older edits change nothing."""
        edits: dict[Address, tuple[int, MessageEdited]] = {}
        for index, item in self.edits:
            address = _external(item.message)
            earlier = edits.get(address)
            if earlier is None or item.edited_at >= earlier[1].edited_at:
                edits[address] = (index, item)
        if not edits:
            return
        stored = {(r[0], r[1], r[2]): r for r in (yield sql.EDITABLE, sorted(edits))}
        changes, journal, places = [], [], []
        for address, (index, item) in edits.items():
            found = stored.get(address)
            if found is None:
                continue
            _, _, _, message_id, appeal_id, number, text, edited_at, sent_at = found
            self.result.numbers[index] = number
            last = from_stored(edited_at if edited_at is not None else sent_at)
            if item.edited_at < last:
                self.result.fates[index] = "duplicate"
                continue
            places += [
                (message_id, a.latitude, a.longitude)
                for a in item.message.attachments
                if a.kind is AttachmentKind.LOCATION
            ]
            if self.result.fates[index] == "stored":
                # It was registered as it reads now: only when it was edited is news.
                changes.append((message_id, text, item.edited_at))
                continue
            if item.message.text == text:
                continue
            changes.append((message_id, item.message.text, item.edited_at))
            data = {"was": text, "edited_at": item.edited_at}
            journal.append(
                _journal_row(
                    self.now, "message.edited", CITIZEN,
                    appeal_id=appeal_id, message_id=message_id, data=data,
                )
            )  # fmt: skip
            if appeal_id is not None:
                self.result.appeals.add(appeal_id)
        if changes:
            yield sql.EDIT, changes
            yield sql.ADD_JOURNAL, journal
        if places:
            yield sql.MOVE, places

    def apply_deletions(self) -> _Steps:
        """Mark what its writer took back; the journal keeps the text."""
        deletions = {
            (item.channel, item.account, item.external_id): item for item in self.deletions
        }
        if not deletions:
            return
        changes, journal = [], []
        for *address, message_id, appeal_id, _, text, _, _ in (
            yield sql.EDITABLE, sorted(deletions)
        ):
            item = deletions[address[0], address[1], address[2]]
            changes.append((message_id, item.at))
            entry = _journal_row(
                self.now, "message.deleted", CITIZEN,
                appeal_id=appeal_id, message_id=message_id, data={"was": text},
            )  # fmt: skip
            journal.append((*entry, f"deleted:{message_id}"))
            if appeal_id is not None:
                self.result.appeals.add(appeal_id)
        if changes:
            yield sql.DELETE, changes
            yield sql.ADD_EVENTS, journal

    def apply_events(self) -> _Steps:
        """Reactions and events go to the journal, each once; Start greets, a block is noted."""
        events = self.events
        journal = [self._reaction_row(reaction) for reaction in self.reactions]
        journal += [self._event_row(event) for event in events]
        if not journal:
            return
        # In the same order by every process, so that two never wait for each other.
        journal.sort(key=itemgetter(-1))
        written = {row[0] for row in (yield sql.ADD_EVENTS, journal)}
        reach = {
            self._at(e).id: (self._at(e).id, e.at if e.kind == "blocked" else None)
            for e in sorted(events, key=lambda e: e.at)
            if e.kind in {"blocked", "unblocked"} and _event_key(e) in written
        }
        if reach:
            yield sql.SET_BLOCKED, [reach[id_] for id_ in sorted(reach)]
        greetings = [
            row
            for e in events
            if e.kind == "started" and _event_key(e) in written and (row := self._greeting(e))
        ]
        if greetings:
            yield sql.ADD_GREETINGS, [message for message, _ in greetings]
            yield sql.ADD_DISPATCHES, [dispatch for _, dispatch in greetings]
            self.result.greeted = True

    def _at(self, item: ContactEvent | Reaction) -> _Conversation:
        return self.conversations[item.channel, item.account, item.conversation]

    def _reaction_row(self, item: Reaction) -> Row:
        found = self.known.get((item.channel, item.account, item.external_id))
        message_id, appeal_id, _ = found or (None, None, None)
        if appeal_id is not None:
            self.result.appeals.add(appeal_id)
        emoji = "".join(item.emoji)
        place = f"{item.channel}/{item.account}/{item.external_id}"
        entry = _journal_row(
            self.now,
            "message.reaction",
            CITIZEN,
            appeal_id=appeal_id,
            message_id=message_id,
            contact_id=self._at(item).contact_id,
            data={"emoji": list(item.emoji), "external_id": item.external_id},
        )
        key = f"reaction:{place}:{item.sender.point.value}:{item.at.isoformat()}:{emoji}"
        return (*entry, key)

    def _event_row(self, item: ContactEvent) -> Row:
        conversation = self._at(item)
        entry = _journal_row(
            self.now,
            f"contact.{item.kind}",
            CITIZEN,
            appeal_id=None if conversation.appeal is None else conversation.appeal.id,
            contact_id=conversation.contact_id,
            data={
                "channel": item.channel,
                "account": item.account,
                "payload": item.payload,
                "at": item.at,
            },
        )
        return (*entry, _event_key(item))

    def _greeting(self, item: ContactEvent) -> tuple[Row, Row] | None:
        greetings = self.rules.greetings
        text = greetings.get(_language(item.sender) or "") or next(iter(greetings.values()), None)
        if text is None:
            return None
        conversation = self._at(item)
        message_id = new_id()
        parts = msgspec.json.encode([{"text": text, "attachments": []}]).decode()
        message = (message_id, conversation.id, text, self.now, f"greeting:{item.external_id}")
        dispatch = (
            new_id(), message_id, conversation.id, item.channel, item.account, parts, self.now,
        )  # fmt: skip
        return message, dispatch

    def apply_delivery_reports(self) -> _Steps:
        """Move outgoing messages' states forward; what we do not know yet waits."""
        if self.reports:
            changed = yield from apply_reports(self.reports, now=self.now)
            self.result.appeals |= changed

    def touch_accounts(self) -> _Steps:
        """Note when each account last brought anything."""
        accounts = {(item.channel, item.account) for item in self._spoken()}
        accounts |= {(item.channel, item.account) for item in self.deletions}
        accounts |= {(report.channel, report.account) for report in self.reports}
        yield sql.TOUCH_ACCOUNTS, [(*account, self.now) for account in sorted(accounts)]


class _Rows:
    """The rows that a batch of messages adds."""

    def __init__(self) -> None:
        self.appeals: list[tuple[_Appeal, _Conversation, InboundMessage | Echo]] = []
        self.messages: list[Row] = []
        self.external_ids: list[Row] = []
        self.attachments: list[Row] = []
        self.captions: list[Row] = []
        self.journal: list[Row] = []
        self.arrivals: list[tuple[int, int, _Appeal, int, bool]] = []
        self.placed: list[tuple[int, int | None]] = []
        self.growth: defaultdict[int, _Growth] = defaultdict(_Growth)
        self.inbound: dict[int, Row] = {}
        self.current: dict[int, int] = {}

    def grow(self, appeal_id: int) -> _Growth:
        return self.growth[appeal_id]


def _external(item: InboundMessage | Echo | Reaction) -> Address:
    """The address under which an item's message is, or would be, known."""
    return item.channel, item.account, item.external_id


def _written(entry: tuple[int, InboundMessage | Echo]) -> tuple[datetime, int, int]:
    index, item = entry
    return item.sent_at, item.sequence if isinstance(item, InboundMessage) else 0, index


def _point(sender: Sender) -> tuple[str, str]:
    return sender.point.scheme, sender.point.value


def _language(sender: Sender) -> str | None:
    code = (sender.language or "").partition("-")[0].lower()
    return code if code in LANGUAGES else None


def _subject(text: str) -> str:
    line = text.strip().partition("\n")[0].strip()
    return line if len(line) <= SUBJECT_CHARACTERS else line[: SUBJECT_CHARACTERS - 1] + "…"


def _echoed(item: Echo) -> Report:
    """An echo of our own message tells that it went out, and under which id."""
    return Report(
        channel=item.channel,
        account=item.account,
        state=DeliveryState.SENT,
        at=item.sent_at,
        external_id=item.external_id,
        message_id=item.message_id,
        links=True,
    )


def _report(item: DeliveryReport) -> Report:
    return Report(
        channel=item.channel,
        account=item.account,
        state=item.state,
        at=item.at,
        external_id=item.external_id,
        message_id=item.message_id,
        conversation=item.conversation,
        watermark=item.watermark,
        error_code=item.error_code,
        error_reason=item.error_reason,
    )


def _event_key(item: ContactEvent) -> str:
    return f"{item.kind}:{item.channel}/{item.account}/{item.external_id}"


def _message_row(
    id_: int, conversation_id: int, appeal_id: int, item: InboundMessage | Echo, now: datetime
) -> Row:
    if isinstance(item, Echo):
        return (
            id_, appeal_id, conversation_id, "out", item.text, "", item.sent_at, 0, now,
            None, None, None, False, "sent", item.sent_at,
        )  # fmt: skip
    author = item.sender.name or item.sender.point.value
    return (
        id_, appeal_id, conversation_id, "in", item.text, author, item.sent_at, item.sequence, now,
        item.reply_to, item.origin, item.group, item.unreadable, None, None,
    )  # fmt: skip


_ATTACHMENT_STATE = 10


def _attachment_row(
    message_id: int,
    attachment: Attachment,
    *,
    position: int,
    account: tuple[str, str],
    now: datetime,
) -> Row:
    state = "pending" if attachment.ref is not None else "ready"
    return (
        new_id(), message_id, position, *account, attachment.kind, attachment.ref,
        attachment.name, attachment.mime, attachment.size, state, now,
        attachment.latitude, attachment.longitude, now,
    )  # fmt: skip


def _journal_row(
    at: datetime,
    event: str,
    actor: str,
    *,
    appeal_id: int | None = None,
    message_id: int | None = None,
    contact_id: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> Row:
    written = "{}" if data is None else msgspec.json.encode(data).decode()
    return (new_id(), at, event, actor, appeal_id, message_id, contact_id, written)
