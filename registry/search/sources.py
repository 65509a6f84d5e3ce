"""What of an appeal can be found: its pieces, read for many appeals at once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, Select, and_, null, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.calls.tables import Call, Transcript
from registry.contacts import PHONE


class Place(StrEnum):
    """Where in an appeal something stands, as people say it."""

    NUMBER = "number"
    PHONE = "phone"
    NAME = "name"
    CONTACT = "contact"
    """Another point of the person's: a user name, an e-mail address."""
    ADDRESS = "address"
    SUBJECT = "subject"
    TAG = "tag"
    MESSAGE = "message"
    NOTE = "note"
    FILE = "file"
    """The name of one."""
    TRANSCRIPT = "transcript"
    """What a machine understood of a call or a voicemail."""


class Piece(Struct, frozen=True):
    """A text of an appeal."""

    place: Place
    text: str
    message_id: int | None = None
    call_id: int | None = None
    """Of the call in whose recording it was said: few may hear that (see registry.calls)."""


class Source(Struct, frozen=True):
    """All that an appeal can be found by."""

    appeal_id: int
    team: str | None
    assignee_id: int | None
    pieces: tuple[Piece, ...]
    """What is known of the person and the appeal first, then messages, the newest first."""


async def read_sources(session: AsyncSession, appeal_ids: Iterable[int]) -> list[Source]:
    """The sources of those of the appeals that are there; one query a kind of thing."""
    ids = sorted(set(appeal_ids))
    if not ids:
        return []
    appeals = await _appeals(session, ids)
    people = {row.contact_id for row in appeals}
    names, points = await _names(session, people), await _points(session, people)
    tags, files = await _tags(session, ids), await _files(session, ids)
    messages, withdrawn = await _messages(session, ids)
    spoken = await _transcripts(session, ids)
    return [
        Source(
            appeal_id=row.id,
            team=row.team,
            assignee_id=row.assignee_id,
            pieces=(
                Piece(Place.NUMBER, row.number),
                *names[row.contact_id],
                *points[row.contact_id],
                *([Piece(Place.ADDRESS, row.address)] if row.address else []),
                *tags[row.id],
                *messages[row.id],
                *_subject(row.subject, withdrawn[row.id]),
                *files[row.id],
                *spoken[row.id],
            ),
        )
        for row in appeals
    ]


_Pieces = defaultdict[int, list[Piece]]


async def _fetch(
    session: AsyncSession, statement: Select[*tuple[Any, ...]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    return (await (await session.connection()).execute(statement)).all()


async def _appeals(session: AsyncSession, ids: Sequence[int]) -> Sequence[Row[Any]]:
    appeal = models.Appeal
    return await _fetch(
        session,
        select(
            col(appeal.id),
            col(appeal.number),
            col(appeal.contact_id),
            col(appeal.team),
            col(appeal.assignee_id),
            col(appeal.address),
            col(appeal.subject),
        )
        .where(col(appeal.id).in_(ids))
        .order_by(col(appeal.id)),
    )


async def _names(session: AsyncSession, people: set[int]) -> _Pieces:
    """The name of each person, and those of the contacts that were found to be the same."""
    person, pieces = models.Contact, _Pieces(list)
    for column in (col(person.id), col(person.merged_into_id)):
        wanted = select(column, col(person.name)).where(
            column.in_(people), col(person.name).is_not(None)
        )
        for whose, name in await _fetch(session, wanted.order_by(col(person.id))):
            pieces[whose].append(Piece(Place.NAME, name))
    return pieces


async def _points(session: AsyncSession, people: set[int]) -> _Pieces:
    point, pieces = models.ContactPoint, _Pieces(list)
    wanted = select(col(point.contact_id), col(point.scheme), col(point.value))
    wanted = wanted.where(col(point.contact_id).in_(people)).order_by(col(point.id))
    for whose, scheme, value in await _fetch(session, wanted):
        pieces[whose].append(Piece(Place.PHONE if scheme == PHONE else Place.CONTACT, value))
    return pieces


async def _tags(session: AsyncSession, ids: Sequence[int]) -> _Pieces:
    tag, pieces = models.AppealTag, _Pieces(list)
    wanted = select(col(tag.appeal_id), col(tag.tag)).where(col(tag.appeal_id).in_(ids))
    for appeal_id, name in await _fetch(session, wanted.order_by(col(tag.tag))):
        pieces[appeal_id].append(Piece(Place.TAG, name))
    return pieces


async def _messages(
    session: AsyncSession, ids: Sequence[int]
) -> tuple[_Pieces, defaultdict[int, list[str]]]:
    """The messages, and the texts of those that their writers took back."""
    message, pieces, withdrawn = models.Message, _Pieces(list), defaultdict[int, list[str]](list)
    wanted = select(
        col(message.appeal_id),
        col(message.id),
        col(message.direction),
        col(message.text),
        col(message.deleted_at).is_not(None).label("deleted"),
    ).where(col(message.appeal_id).in_(ids), col(message.text) != "")
    order = (col(message.sent_at).desc(), col(message.sequence).desc(), col(message.id).desc())
    for row in await _fetch(session, wanted.order_by(*order)):
        if row.deleted:
            withdrawn[row.appeal_id].append(row.text)
        else:
            place = Place.NOTE if row.direction == "note" else Place.MESSAGE
            pieces[row.appeal_id].append(Piece(place, row.text, row.id))
    return pieces, withdrawn


def _subject(subject: str, withdrawn: Sequence[str]) -> list[Piece]:
    """The subject, unless it is the first line of a message that was taken back."""
    begun = subject.removesuffix("…").strip()
    if not begun or any(text.strip().startswith(begun) for text in withdrawn):
        return []
    return [Piece(Place.SUBJECT, subject)]


async def _files(session: AsyncSession, ids: Sequence[int]) -> _Pieces:
    message, file, pieces = models.Message, models.Attachment, _Pieces(list)
    wanted = (
        select(col(message.appeal_id), col(message.id), col(file.name))
        .join(message, col(message.id) == col(file.message_id))
        .where(
            col(message.appeal_id).in_(ids),
            col(message.deleted_at).is_(None),
            col(file.name).is_not(None),
        )
        .order_by(col(file.id).desc())
    )
    for appeal_id, id_, name in await _fetch(session, wanted):
        pieces[appeal_id].append(Piece(Place.FILE, name, id_))
    return pieces


async def _transcripts(session: AsyncSession, ids: Sequence[int]) -> _Pieces:
    """What was said: a voicemail is a file of its message; a recording is one of its call, whose
    appeal is that of its message, or the one from which it was made."""
    message, file, name = models.Message, models.Attachment, models.ExternalId
    said, text = Transcript, col(Transcript.text)
    spoken = (
        select(col(message.appeal_id), col(message.id), null().label("call_id"), text)
        .join(file, col(file.message_id) == col(message.id))
        .join(said, col(said.attachment_id) == col(file.id))
        .where(col(message.appeal_id).in_(ids), col(message.deleted_at).is_(None))
    )
    of_call = and_(
        col(name.channel) == "phone",
        col(name.account) == col(Call.account),
        col(name.external_id) == col(Call.external_id),
    )
    came_in: Select[*tuple[Any, ...]] = (
        select(col(message.appeal_id), col(message.id), col(Call.id).label("call_id"), text)
        .join(name, col(name.message_id) == col(message.id))
        .join(Call, of_call)
        .join(file, col(file.call_id) == col(Call.id))
        .join(said, col(said.attachment_id) == col(file.id))
        .where(col(message.appeal_id).in_(ids), col(Call.appeal_id).is_(None))
    )
    of_ours: Select[*tuple[Any, ...]] = (
        select(col(Call.appeal_id), null().label("id"), col(Call.id).label("call_id"), text)
        .join(file, col(file.call_id) == col(Call.id))
        .join(said, col(said.attachment_id) == col(file.id))
        .where(col(Call.appeal_id).in_(ids))
    )
    pieces = _Pieces(list)
    for wanted in (spoken, came_in, of_ours):
        found = wanted.where(text != "").order_by(col(said.attachment_id).desc())
        for appeal_id, id_, call_id, words in await _fetch(session, found):
            pieces[appeal_id].append(Piece(Place.TRANSCRIPT, words, id_, call_id))
    return pieces
