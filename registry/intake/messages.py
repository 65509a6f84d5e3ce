"""Stores what was written: each message once, in its appeal, an album as one."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from registry.ids import new_id
from registry.intake import statements as sql
from registry.intake.acknowledging import acknowledge
from registry.intake.appeals import appeal_for, open_appeals
from registry.intake.batch import (
    Address,
    Batch,
    Conversation,
    Steps,
    Written,
    conversation_of,
    external,
)
from registry.intake.echoes import recognise_echoes
from registry.intake.reopening import restart_terms
from registry.intake.rows import Rows, attachment_row, message_row, write
from registry.language import detect
from registry.statements import Row
from registry.types import InboundMessage, Reaction


def store_messages(batch: Batch) -> Steps:
    """Insert what is new, joining or opening appeals by the rules; drop what is known."""
    yield from _find_known(batch)
    yield from recognise_echoes(batch)
    fresh = _fresh(batch)
    if not fresh:
        return
    albums = yield from _find_albums(batch, fresh)
    rows = Rows()
    for index, item in fresh:
        _place(batch, index, item, rows, albums)
    opened = yield from open_appeals(batch, rows)
    yield from restart_terms(batch, rows)
    yield from write(batch, rows)
    yield from acknowledge(batch, opened)


@dataclass(slots=True)
class _Album:
    """The message that an album's files gather in."""

    message_id: int
    appeal_id: int | None
    number: str | None
    has_text: bool


_ALBUM_STEP = 16
"""Files of one album come in messages of their own, each of few files: their order is that of the
messages. Elsewhere a sequence can be a number too large to multiply."""

_Albums: TypeAlias = dict[tuple[int, str], _Album]
"""By conversation and the provider's name for the album."""


def _find_known(batch: Batch) -> Steps:
    """Which of the messages written, edited or reacted to are stored already."""
    items: list[Written | Reaction] = [item for _, item in batch.messages]
    items += [edit.message for _, edit in batch.edits]
    items += batch.reactions
    wanted = sorted({external(item) for item in items})
    for channel, account, external_id, *found in (yield sql.KNOWN, wanted):
        batch.known[channel, account, external_id] = found


def _fresh(batch: Batch) -> list[tuple[int, Written]]:
    """The messages to insert, each once, in the order in which they were written."""
    seen: set[Address] = set()
    fresh: list[tuple[int, Written]] = []
    for index, item in batch.messages:
        address = external(item)
        if address in batch.known:
            batch.result.fates[index] = "duplicate"
            batch.result.numbers[index] = batch.known[address][2]
        elif address in seen:
            batch.result.fates[index] = "duplicate"
        else:
            seen.add(address)
            fresh.append((index, item))
    # An edit of what we never saw is the message itself, as it reads now.
    for index, edit in batch.edits:
        address = external(edit.message)
        if address not in batch.known and address not in seen:
            seen.add(address)
            fresh.append((index, edit.message))
    fresh.sort(key=_moment)
    return fresh


def _moment(entry: tuple[int, Written]) -> tuple[datetime, int, int]:
    """When it was written; within one second by its sequence, then as it came."""
    index, item = entry
    return item.sent_at, item.sequence if isinstance(item, InboundMessage) else 0, index


def _find_albums(
    batch: Batch, fresh: Sequence[tuple[int, Written]]
) -> Generator[Any, list[Row], _Albums]:
    """Albums of which an earlier batch stored a part: the rest joins the same message."""
    wanted = {
        (conversation_of(batch, item).id, item.group)
        for _, item in fresh
        if isinstance(item, InboundMessage) and item.group is not None
    }
    if not wanted:
        return {}
    return {
        (conversation_id, group): _Album(message_id, appeal_id, number, bool(has_text))
        for conversation_id, group, message_id, appeal_id, has_text, number in (
            yield sql.ALBUMS, sorted(wanted)
        )
    }  # fmt: skip


def _place(batch: Batch, index: int, item: Written, rows: Rows, albums: _Albums) -> None:
    """Gather the rows of one item: a message of its own, or one more file of its album."""
    conversation = conversation_of(batch, item)
    group: str | None = None
    language: str | None = None
    sequence = 0
    if incoming := isinstance(item, InboundMessage):
        group, sequence = item.group, item.sequence
        _note_inbound(conversation, item, rows)
        if not item.unreadable:
            language = detect(item.text)
            _note_language(conversation, language, item.text, rows)
    album = None if group is None else albums.get((conversation.id, group))
    if album is not None:
        message_id, appeal_id, number = album.message_id, album.appeal_id, album.number
        _join_album(album, item, rows)
    else:
        told = None if conversation.language_fixed else language
        appeal = appeal_for(batch, conversation, item, rows, language=told)
        message_id, appeal_id, number = new_id(), appeal.id, appeal.number
        rows.messages.append(
            message_row(message_id, conversation, appeal_id, item, language=language, now=batch.now)
        )
        rows.arrivals.append((message_id, appeal, conversation.contact_id, incoming))
        growth = rows.grow(appeal_id)
        growth.messages += 1
        growth.unread += incoming
        growth.last_at = max(growth.last_at or item.sent_at, item.sent_at)
        growth.note_written(item.sent_at, by_citizen=incoming)
        if group is not None:
            albums[conversation.id, group] = _Album(message_id, appeal_id, number, bool(item.text))
    batch.result.fates[index] = "stored"
    batch.result.numbers[index] = number
    rows.placed.append((index, appeal_id))
    state = None if incoming else "sent"
    rows.external_ids.append((item.channel, item.account, item.external_id, message_id, 0, state))
    for position, attachment in enumerate(item.attachments):
        rows.attachments.append(
            attachment_row(
                message_id,
                attachment,
                position=position if group is None else sequence * _ALBUM_STEP + position,
                account=(item.channel, item.account),
                now=batch.now,
            )
        )
        if attachment.latitude is not None and appeal_id is not None:
            growth = rows.grow(appeal_id)
            growth.latitude, growth.longitude = attachment.latitude, attachment.longitude


def _note_inbound(conversation: Conversation, item: InboundMessage, rows: Rows) -> None:
    """Remember the citizen's last message: the window for our reply runs from it."""
    last = conversation.last_inbound_at
    if last is None or item.sent_at >= last:
        conversation.last_inbound_at = item.sent_at
        rows.inbound[conversation.id] = (item.external_id, item.sent_at)


LEAST_LETTERS = 12
"""A shorter text ("да", "ок рахмет") tells what it is in, and not what its writer speaks."""


def _note_language(conversation: Conversation, language: str | None, text: str, rows: Rows) -> None:
    """The contact's language follows what they write, unless an operator has set it."""
    if language is None or conversation.language_fixed or language == conversation.language:
        return
    if conversation.language is None or sum(map(str.isalpha, text)) >= LEAST_LETTERS:
        conversation.language = rows.languages[conversation.contact_id] = language


def _join_album(album: _Album, item: Written, rows: Rows) -> None:
    """The first text of an album is its caption; its appeal is told of the change."""
    if item.text and not album.has_text:
        rows.captions.append((album.message_id, item.text))
        album.has_text = True
    if album.appeal_id is not None:
        rows.grow(album.appeal_id)
