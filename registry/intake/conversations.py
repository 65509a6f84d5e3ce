"""Whose conversation it is: finds and locks those of a batch, and opens those that are new."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from registry.columns import from_stored
from registry.ids import new_id
from registry.intake import statements as sql
from registry.intake.batch import (
    Address,
    Appeal,
    Batch,
    Conversation,
    Steps,
    language_of,
    spoken,
)
from registry.intake.naming import find_named
from registry.statements import Row
from registry.states import Status
from registry.types import ContactEvent, ContactPoint, Echo, InboundMessage, Sender

PHONE = "tel"
"""The scheme of phone numbers, with their plus."""

_Point: TypeAlias = tuple[str, str]
_People: TypeAlias = Mapping[Address, tuple[Sender, bool]]
"""Who speaks in each conversation, and whether it is a public one."""


@dataclass(frozen=True, slots=True)
class _Holder:
    """The contact to whom a point belongs."""

    point_id: int
    contact_id: int
    language: str | None
    language_fixed: bool
    name: str | None


_Holders: TypeAlias = dict[_Point, _Holder]


def hold_conversations(batch: Batch) -> Steps:
    """Find the conversations of the batch, lock them and their appeals, and open what is new."""
    people = _people(batch)
    if people:
        yield from _find_conversations(batch, people)
    yield from _lock_appeals(batch)


def _find_conversations(batch: Batch, people: _People) -> Steps:
    addresses = sorted(people)
    _remember(batch, (yield sql.CONVERSATIONS, addresses))
    missing = [address for address in addresses if address not in batch.conversations]
    if missing:
        yield from _open_conversations(batch, missing, people)
        # Whoever lost a race to another process takes, and locks, what that one opened.
        lost = [address for address in missing if address not in batch.conversations]
        if lost:
            _remember(batch, (yield sql.CONVERSATIONS, lost))
    yield from _note_people(batch)


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
    found = {one.id: one for one in batch.conversations.values()}
    for row in rows:
        channel, account, key, id_, contact_id, appeal_id, last_at, language, fixed, name = row
        if id_ not in found:
            found[id_] = Conversation(
                id=id_,
                contact_id=contact_id,
                appeal_id=appeal_id,
                last_inbound_at=None if last_at is None else from_stored(last_at),
                language=language,
                language_fixed=bool(fixed),
                name=name,
            )
        # Under another name in the same batch it is the same one all the same.
        batch.conversations[channel, account, key] = found[id_]


def _open_conversations(batch: Batch, missing: Sequence[Address], people: _People) -> Steps:
    """Open a conversation with each point's contact; those another process opens are left out.

    Somebody known under another name, a phone that became a user id, goes on in the conversation
    they have.
    """
    missing, renamed = _apart(missing, people)
    wanted = {point for address in missing for point in _points(people[address][0])}
    holders: _Holders = {}
    _learn(holders, (yield sql.POINTS, sorted(wanted)))
    if holders:
        missing = yield from _go_on(batch, missing, people, holders)
    senders = {_point(people[address][0]): people[address][0] for address in reversed(missing)}
    unknown = [senders[point] for point in sorted(senders) if point not in holders]
    if unknown:
        yield from _add_contacts(batch, unknown, holders)
    rows = []
    for address in missing:
        sender, public = people[address]
        holder = holders[_point(sender)]
        rows.append((new_id(), *address, public, holder.contact_id, holder.point_id, batch.now))
    if rows:
        opened = {row[0] for row in (yield sql.ADD_CONVERSATIONS, rows)}
        for id_, channel, account, key, _, contact_id, _, _ in rows:
            if id_ in opened:
                holder = holders[_point(people[channel, account, key][0])]
                batch.conversations[channel, account, key] = Conversation(
                    id_,
                    contact_id,
                    language=holder.language,
                    language_fixed=holder.language_fixed,
                    name=holder.name,
                )
    if renamed:
        yield from _note_people(batch)
        yield from _open_conversations(batch, renamed, people)


def _apart(
    missing: Sequence[Address], people: _People
) -> tuple[Sequence[Address], Sequence[Address]]:
    """Those to open now, and those of somebody who is among them under another name."""
    now: list[Address] = []
    later: list[Address] = []
    taken: dict[_Point, _Point] = {}
    for address in missing:
        sender = people[address][0]
        name, points = _point(sender), _points(sender)
        if any(taken.get(point, name) != name for point in points):
            later.append(address)
        else:
            now.append(address)
            taken.update(dict.fromkeys(points, name))
    return now, later


def _go_on(
    batch: Batch, missing: Sequence[Address], people: _People, holders: _Holders
) -> Generator[Any, list[Row], list[Address]]:
    """Give the private conversations of people we know the names they have now.

    Returns the addresses for which there was none to go on with; `holders` learns of the points
    that belong to somebody known by another.
    """
    renames = []
    names = yield from _names(missing, people, holders)
    for address in missing:
        sender, public = people[address]
        name, points = _point(sender), _points(sender)
        known = [point for point in points if point in holders]
        if not known:
            continue
        holder = holders[known[0]]
        if name not in holders:
            if names[holder.contact_id] - set(points):
                continue  # a number that changed hands, or is shared: they are somebody else
            yield sql.ADD_POINTS, [(new_id(), holder.contact_id, *name, batch.now)]
            _learn(holders, (yield sql.POINTS, [name]))
        if public or address[-1] != sender.point.value:
            continue  # a thread has a name of its own
        # A phone that somebody has as well is no name of a chat.
        link = next((holders[p] for p in known if p[0] == sender.point.scheme), None)
        if link is not None:
            told_together = bool(sender.also)
            renames.append(
                (*address, link.contact_id, sender.point.scheme, link.point_id, told_together)
            )
    if not renames:
        return list(missing)
    yield (
        sql.HOLD_PRIVATE,
        sorted({(channel, account, id_) for channel, account, _, id_, *_ in renames}),
    )
    yield sql.RENAME, renames
    _remember(batch, (yield sql.CONVERSATIONS, [row[:3] for row in renames]))
    return [address for address in missing if address not in batch.conversations]


def _names(
    missing: Sequence[Address], people: _People, holders: _Holders
) -> Generator[Any, list[Row], dict[int, set[_Point]]]:
    """What those are called already who might get another name, in the scheme of that name.

    Their own phones are left out: people have several, and give them up.
    """
    wanted: dict[int, set[str]] = {}
    for address in missing:
        sender = people[address][0]
        if _point(sender) not in holders:
            for point in _points(sender):
                if point in holders:
                    wanted.setdefault(holders[point].contact_id, set()).add(sender.point.scheme)
    names: dict[int, set[_Point]] = {contact_id: set() for contact_id in wanted}
    if wanted:
        for contact_id, scheme, value in (yield sql.NAMES, [(id_,) for id_ in sorted(wanted)]):
            names[contact_id].add((scheme, value))
    return {
        contact_id: {
            (scheme, value)
            for scheme, value in points
            if scheme in wanted[contact_id] and (PHONE, f"+{value}") not in points
        }
        for contact_id, points in names.items()
    }


def _add_contacts(batch: Batch, senders: Sequence[Sender], holders: _Holders) -> Steps:
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
    for sender, (id_, contact_id, scheme, value, _) in zip(senders, offered, strict=True):
        if id_ in ours:
            holders[scheme, value] = _Holder(
                id_,
                contact_id,
                language=language_of(sender),
                language_fixed=False,
                name=sender.name,
            )
    lost = [row for row in offered if row[0] not in ours]
    if lost:
        # Another process was faster: its contact holds the point, and ours is not needed.
        yield sql.REMOVE_CONTACTS, [(row[1],) for row in lost]
        _learn(holders, (yield sql.POINTS, [row[2:4] for row in lost]))


def _learn(holders: _Holders, rows: Iterable[Row]) -> None:
    for scheme, value, id_, contact_id, language, fixed, name in rows:
        holders[scheme, value] = _Holder(id_, contact_id, language, bool(fixed), name)


def _note_people(batch: Batch) -> Steps:
    """A point that comes later (a phone beside a user id) is the same contact's; so is a name, of
    which the first one told is kept."""
    points: dict[_Point, Row] = {}
    names: dict[int, str] = {}
    for item in spoken(batch):
        conversation = batch.conversations.get((item.channel, item.account, item.conversation))
        if conversation is None or (isinstance(item, ContactEvent) and item.by_us):
            continue
        sender = item.recipient if isinstance(item, Echo) else item.sender
        for point in sender.also:
            row = (new_id(), conversation.contact_id, *_pair(point), batch.now)
            points.setdefault(_pair(point), row)
        if conversation.name is None and sender.name:
            names.setdefault(conversation.contact_id, sender.name)
    if points:
        yield sql.ADD_POINTS, [points[key] for key in sorted(points)]
    if names:
        yield sql.NAME_CONTACTS, sorted(names.items())


def _lock_appeals(batch: Batch) -> Steps:
    """Give each conversation its current appeal, locked: its status decides what joins it. With
    them, as all are locked in one order, those that get another name."""
    conversations = batch.conversations.values()
    named = yield from find_named(batch)
    ids = sorted(named | {c.appeal_id for c in conversations if c.appeal_id is not None})
    if not ids:
        return
    appeals = {
        id_: Appeal(
            id=id_,
            number=number,
            status=Status(status),
            resolved_at=None if resolved_at is None else from_stored(resolved_at),
            opened_at=from_stored(opened_at),
        )
        for id_, number, status, resolved_at, opened_at in (
            yield sql.APPEALS, [(id_,) for id_ in ids]
        )
    }
    for conversation in conversations:
        if conversation.appeal_id is not None:
            conversation.appeal = appeals.get(conversation.appeal_id)


def _point(sender: Sender) -> _Point:
    return _pair(sender.point)


def _points(sender: Sender) -> list[_Point]:
    return [_pair(sender.point), *map(_pair, sender.also)] if sender.also else [_point(sender)]


def _pair(point: ContactPoint) -> _Point:
    return point.scheme, point.value
