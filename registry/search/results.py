"""Results: a page of appeals that were found, each with where it was found and a snippet of it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.calls.recording import may_hear
from registry.operators import Principal
from registry.search.documents import document, piece_words
from registry.search.finding import search_ids
from registry.search.query import Wanted, parse, part_fits
from registry.search.showing import Segment, snippet
from registry.search.sources import Piece, Place, Source, read_sources
from registry.states import Status

MOST_PIECES = 500
"""Pieces of an appeal that are looked at for the best one."""


class FoundContact(Struct, frozen=True, kw_only=True):
    """The person an appeal is from."""

    id: str
    name: str | None
    point: str | None
    """Their phone, else another point of theirs: who has no name is known by it."""


class Found(Struct, frozen=True, kw_only=True):
    """An appeal that was found."""

    number: str
    channel: str
    status: Status
    subject: str
    contact: FoundContact
    opened_at: datetime
    place: Place
    """Where it was found."""
    message_id: str | None
    """Of the message, the note or the file."""
    snippet: list[Segment]


class FoundPage(Struct, frozen=True, kw_only=True):
    """What was found, the newest appeals first."""

    items: list[Found]
    next: str | None
    """`before` of the page that follows; None on the last."""


async def search(
    session: AsyncSession,
    q: str,
    *,
    viewer: Principal | None,
    limit: int,
    before: int | None = None,
) -> FoundPage:
    """A page of what the viewer may see; nothing is lost or repeated between pages.

    What is found by a recording alone that they may not hear is left out: a page may be shorter.
    """
    wanted = parse(q)
    ids = await search_ids(session, wanted, viewer=viewer, limit=limit + 1, before=before)
    page = ids[:limit]
    sources: dict[int, Source] = {}
    for source in await read_sources(session, page):
        heard = source if viewer is None else await _as_heard_by(session, source, viewer)
        if heard is source or wanted.fits(document(heard)):
            sources[source.appeal_id] = heard
    appeal, contact = models.Appeal, models.Contact
    rows = await (await session.connection()).execute(
        select(
            col(appeal.id),
            col(appeal.number),
            col(appeal.channel),
            col(appeal.status),
            col(appeal.subject),
            col(appeal.contact_id),
            col(contact.name),
            col(appeal.opened_at),
        )
        .join(contact, col(contact.id) == col(appeal.contact_id))
        .where(col(appeal.id).in_(sources))
        .order_by(col(appeal.id).desc())
    )
    # In a thread: a long conversation takes a while, and all screens would wait for it.
    items = await asyncio.to_thread(_shown, rows.all(), sources, wanted)
    return FoundPage(items=items, next=str(page[-1]) if len(ids) > limit else None)


def _shown(rows: Sequence[Any], sources: Mapping[int, Source], wanted: Wanted) -> list[Found]:
    items = []
    for row in rows:
        source = sources[row.id]
        best = _best(source, wanted)
        items.append(
            Found(
                number=row.number,
                channel=row.channel,
                status=Status(row.status),
                subject=row.subject,
                contact=FoundContact(id=str(row.contact_id), name=row.name, point=_point(source)),
                opened_at=row.opened_at,
                place=best.place,
                message_id=None if best.message_id is None else str(best.message_id),
                snippet=snippet(best.text, wanted, place=best.place),
            )
        )
    return items


def _point(source: Source) -> str | None:
    points = [one for one in source.pieces if one.place in (Place.PHONE, Place.CONTACT)]
    points.sort(key=lambda one: one.place is not Place.PHONE)
    return points[0].text if points else None


async def _as_heard_by(session: AsyncSession, source: Source, viewer: Principal) -> Source:
    """The source without what was said in recordings that the viewer may not hear."""
    calls = {piece.call_id for piece in source.pieces if piece.call_id is not None}
    unheard = {id_ for id_ in calls if not await may_hear(session, id_, viewer)}
    if not unheard:
        return source
    pieces = tuple(piece for piece in source.pieces if piece.call_id not in unheard)
    return structs.replace(source, pieces=pieces)


def _best(source: Source, wanted: Wanted) -> Piece:
    """The piece with the most of what is looked for; of equals, the first."""
    best, most = source.pieces[0], 0
    for piece in source.pieces[:MOST_PIECES]:
        words = piece_words(piece)
        fitting = sum(part_fits(part, words) for part in wanted.parts)
        if fitting > most:
            best, most = piece, fitting
        if most == len(wanted.parts):
            break
    return best
