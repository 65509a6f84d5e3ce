"""Following: documents are written anew for whatever changed, and for all there is at first.

What changed comes first, so that a message is found at once while years of others wait; those are
written the newest first. Each step is a transaction with the place from which to go on: whoever
dies between two loses nothing.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct, structs
from sqlalchemy import select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import changes
from registry.changes import read_changes
from registry.db import Database
from registry.leases import release
from registry.models import Appeal
from registry.search.documents import VERSION, document
from registry.search.finding import LAST_ID
from registry.search.sources import Source, read_sources
from registry.search.storing import LEASE, Document, Holder, Progress, begin, read_progress, store

READ = 1000
"""Rows of changes that are read at once; one appeal may have many."""
PORTIONS = {"sqlite": 32, "postgresql": 256}
"""Documents of one transaction: on SQLite, intake waits for it."""


class Step(Struct, frozen=True):
    """What one step came to."""

    progress: Progress
    documents: int
    """How many were looked at."""
    more: bool
    """There is more to do at once."""


class LostLease(Exception):
    """Another process writes the documents now."""


async def start(database: Database, *, by: Holder) -> Progress:
    """From where to go on: from the beginning when the folding is another one.

    Raises: LostLease, Unavailable.
    """
    async with database.read() as session:
        progress = await read_progress(session)
        if progress is not None and progress.version == VERSION:
            return progress
        cursor = await changes.now(session)
    progress = Progress(version=VERSION, cursor=cursor, below=LAST_ID)
    if not await database.run(begin(progress, by=by)):
        raise LostLease
    return progress


async def step(database: Database, progress: Progress, *, by: Holder) -> Step:
    """Write the next documents. Raises: LostLease, Unavailable."""
    size = PORTIONS[database.dialect]
    async with database.read() as session:
        changed = await read_changes(session, progress.cursor, limit=READ)
        following = structs.replace(progress, cursor=changed.cursor)
        ids: Sequence[int] = changed.appeal_ids
        if changed.lost:
            following = structs.replace(following, below=LAST_ID)
        elif not ids and progress.below is not None:
            ids = await _older(session, progress.below, limit=size)
            below = ids[-1] if len(ids) == size else None
            following = structs.replace(following, below=below)
        elif not ids and not changed.more:
            return Step(progress, documents=0, more=False)
    for first in range(0, max(len(ids), 1), size):
        last = first + size >= len(ids)
        portion = ids[first : first + size]
        await _write(database, portion, following if last else progress, by=by)
    more = changed.more or following.below is not None
    return Step(following, documents=len(ids), more=more)


async def _write(
    database: Database, appeal_ids: Sequence[int], progress: Progress, *, by: Holder
) -> None:
    async with database.read() as session:
        sources = await read_sources(session, appeal_ids)
    # In a thread: cutting and folding the words of a long conversation takes a while.
    documents = await asyncio.to_thread(_documents, sources)
    if not await database.run(store(documents, progress, by=by)):
        raise LostLease


async def catch_up(database: Database, *, now: datetime) -> None:
    """Write every document that is missing or old, now. Raises: LostLease, Unavailable."""
    by = Holder(owner="catching up", now=now, duration=timedelta(minutes=1))
    progress = await start(database, by=by)
    while (done := await step(database, progress, by=by)).more:
        progress = done.progress
    await database.run(release(LEASE, owner=by.owner))


async def _older(session: AsyncSession, below: int, *, limit: int) -> Sequence[int]:
    wanted = select(col(Appeal.id)).where(col(Appeal.id) < below)
    wanted = wanted.order_by(col(Appeal.id).desc()).limit(limit)
    return (await (await session.connection()).execute(wanted)).scalars().all()


def _documents(sources: Sequence[Source]) -> list[Document]:
    return [Document(source.appeal_id, document(source)) for source in sources]
