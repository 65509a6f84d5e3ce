"""Whose conversation it is: finds and locks those of a batch, and opens those that are new."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from registry.columns import from_stored
from registry.ids import new_id
from registry.intake import statements as sql
from registry.intake.batch import Address, Appeal, Batch, Conversation, Steps, language_of, spoken
from registry.statements import Row
from registry.states import Status
from registry.types import ContactEvent, ContactPoint, Echo, InboundMessage, Sender

_People: TypeAlias = Mapping[Address, tuple[Sender, bool]]
"""Who speaks in each conversation, and whether it is a public one."""


def hold_conversations(batch: Batch) -> Steps:
    """Find the conversations of the batch, lock them and their appeals, and open what is new."""
    people = _people(batch)
    if not people:
        return
    addresses = sorted(people)
    _remember(batch, (yield sql.CONVERSATIONS, addresses))
    missing = [address for address in addresses if address not in batch.conversations]
    if missing:
        yield from _open_conversations(batch, missing, people)
        # Whoever lost a race to another process takes, and locks, what that one opened.
        lost = [address for address in missing if address not in batch.conversations]
        if lost:
            _remember(batch, (yield sql.CONVERSATIONS, lost))
    yield from _add_points(batch, people)
    yield from _lock_appeals(batch)


def _people(batch: Batch) -> _People:
    """Whoever speaks first in a conversation speaks for it."""
    people: dict[Address, tuple[Sender, bool]] = {}
    for item in spoken(batch):
        address = (item.channel, item.account, item.conversation)
        if address not in people:
            sender = item.recipient if isinstance(item, Echo) else item.sender
            public = isinstance(item, InboundMessage | ContactEvent) and item.public
            people[address] = (sender, public)
    return people


def _remember(batch: Batch, rows: Iterable[Row]) -> None:
    for channel, account, key, id_, contact_id, appeal_id, last_at, language, fixed in rows:
        batch.conversations[channel, account, key] = Conversation(
            id=id_,
            contact_id=contact_id,
            appeal_id=appeal_id,
            last_inbound_at=None if last_at is None else from_stored(last_at),
            language=language,
            language_fixed=bool(fixed),
        )


def _open_conversations(batch: Batch, missing: Sequence[Address], people: _People) -> Steps:
    """Open a conversation with each point's contact; those another process opens are left out.

    Somebody known under another name, a phone that became a user id, goes on in the conversation
    they have.
    """
    points = sorted({_point(people[address][0]) for address in missing})
    also = {(p.scheme, p.value) for address in missing for p in people[address][0].also}
    holders: dict[tuple[str, str], tuple[int, int]] = {
        (scheme, value): (id_, contact_id)
        for scheme, value, id_, contact_id in (yield sql.POINTS, sorted({*points, *also}))
    }
    if holders and also:
        missing = yield from _go_on(batch, missing, people, holders)
        points = sorted({_point(people[address][0]) for address in missing})
        if not missing:
            return
    unknown = [point for point in points if point not in holders]
    if unknown:
        senders = {_point(people[address][0]): people[address][0] for address in reversed(missing)}
        yield from _add_contacts(batch, [senders[point] for point in unknown], holders)
    rows = []
    for address in missing:
        sender, public = people[address]
        point_id, contact_id = holders[_point(sender)]
        rows.append((new_id(), *address, public, contact_id, point_id, batch.now))
    opened = {row[0] for row in (yield sql.ADD_CONVERSATIONS, rows)}
    for id_, channel, account, key, _, contact_id, _, _ in rows:
        if id_ in opened:
            sender = people[channel, account, key][0]
            batch.conversations[channel, account, key] = Conversation(
                id_, contact_id, language=language_of(sender)
            )


def _go_on(
    batch: Batch,
    missing: Sequence[Address],
    people: _People,
    holders: dict[tuple[str, str], tuple[int, int]],
) -> Generator[Any, list[Row], list[Address]]:
    """Give the private conversations of people we know the names they have now.

    Returns the addresses for which there was none to go on with; `holders` learns of the points
    that belong to somebody known by another.
    """
    renames = []
    for address in missing:
        sender, public = people[address]
        known = next(
            (holders[p] for p in map(_pair, (sender.point, *sender.also)) if p in holders), None
        )
        if known is None:
            continue
        if _point(sender) not in holders:
            row = (new_id(), known[1], *_point(sender), batch.now)
            yield sql.ADD_POINTS, [row]
            for scheme, value, id_, contact_id in (yield sql.POINTS, [_point(sender)]):
                holders[scheme, value] = (id_, contact_id)
        if not public and sender.also:
            renames.append((*address, known[1]))
    if not renames:
        return list(missing)
    yield sql.RENAME, renames
    _remember(batch, (yield sql.CONVERSATIONS, [row[:3] for row in renames]))
    return [address for address in missing if address not in batch.conversations]


def _add_contacts(
    batch: Batch, senders: Sequence[Sender], holders: dict[tuple[str, str], tuple[int, int]]
) -> Steps:
    """A contact for every sender whose point nobody holds; `holders` learns who holds what."""
    offered = [(new_id(), new_id(), *_point(sender), batch.now) for sender in senders]
    yield (
        sql.ADD_CONTACTS,
        [
            (contact_id, sender.name, language_of(sender), batch.now)
            for sender, (_, contact_id, _, _, _) in zip(senders, offered, strict=True)
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


def _add_points(batch: Batch, people: _People) -> Steps:
    """A point that comes later (a phone beside a user id) is the same contact's."""
    rows = {
        (point.scheme, point.value): (
            new_id(),
            batch.conversations[address].contact_id,
            point.scheme,
            point.value,
            batch.now,
        )
        for address, (sender, _) in people.items()
        for point in sender.also
    }
    if rows:
        yield sql.ADD_POINTS, [rows[key] for key in sorted(rows)]


def _lock_appeals(batch: Batch) -> Steps:
    """Give each conversation its current appeal, locked: its status decides what joins it."""
    conversations = batch.conversations.values()
    ids = sorted({c.appeal_id for c in conversations if c.appeal_id is not None})
    if not ids:
        return
    appeals = {
        id_: Appeal(
            id=id_,
            number=number,
            status=Status(status),
            resolved_at=None if resolved_at is None else from_stored(resolved_at),
        )
        for id_, number, status, resolved_at in (yield sql.APPEALS, [(id_,) for id_ in ids])
    }
    for conversation in conversations:
        if conversation.appeal_id is not None:
            conversation.appeal = appeals.get(conversation.appeal_id)


def _point(sender: Sender) -> tuple[str, str]:
    return _pair(sender.point)


def _pair(point: ContactPoint) -> tuple[str, str]:
    return point.scheme, point.value
