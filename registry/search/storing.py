"""Storing documents: whole portions at once, by whoever holds the lease of the index."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.changes import Cursor
from registry.leases import hold
from registry.statements import ID, TEXT, Script, Statement

LEASE = "search"

SHELF_SIZE = 4096
"""Documents of a shelf: as many are read for the commonest word, of which a page needs a few."""


class Progress(Struct, frozen=True, kw_only=True):
    """How far the documents follow what changes."""

    version: int
    cursor: Cursor
    below: int | None
    """The documents of appeals from this one on are of that version; None when all are."""


class Document(Struct, frozen=True):
    """The words of an appeal."""

    appeal_id: int
    words: str


class Holder(Struct, frozen=True, kw_only=True):
    """Who stores: only with the lease, which storing renews."""

    owner: str
    now: datetime
    duration: timedelta


async def read_progress(session: AsyncSession) -> Progress | None:
    """How far it went; None before the first document."""
    row = await session.get(models.SearchProgress, _ONLY)
    if row is None:
        return None
    return Progress(version=row.version, cursor=Cursor(row.cursor), below=row.below)


def begin(progress: Progress, *, by: Holder) -> Script[bool]:
    """Make the shelves, if there are none, and note the progress; whether the lease was ours."""
    if not (yield from _held(by)):
        return False
    yield _FIRST_SHELF, [(0, "0-")]
    yield _SHELVES, [(SHELF_SIZE,)]
    yield _NOTE, [_noted(progress)]
    return True


def store(documents: Sequence[Document], progress: Progress, *, by: Holder) -> Script[bool]:
    """Keep the documents, and that they are kept; whether the lease was ours to do so.

    A document whose words are the same is left alone, so that nothing is indexed twice.
    """
    if not (yield from _held(by)):
        return False
    yield _NEXT_SHELF, [(SHELF_SIZE,)]
    yield _KEEP, [(document.appeal_id, document.words) for document in documents]
    yield _NOTE, [_noted(progress)]
    return True


def _held(by: Holder) -> Script[bool]:
    # In the same transaction: whoever lost the lease meanwhile must not write what is old by now.
    held = yield from hold(LEASE, owner=by.owner, now=by.now, duration=by.duration)
    return held


_ONLY = 1
"""The id of the only row."""


def _noted(progress: Progress) -> tuple[int, int, str, int | None]:
    return _ONLY, progress.version, progress.cursor, progress.below


_FIRST_SHELF = Statement(
    """
    INSERT INTO search_shelves (first_id, code) SELECT r.first_id, r.code FROM {rows} WHERE true
    ON CONFLICT (first_id) DO NOTHING
    """,
    first_id=ID,
    code=TEXT,
)

_SHELVES = Statement(
    """
    INSERT INTO search_shelves (first_id, code)
    SELECT a.id, CAST(a.place / r.size AS text) || '-'
      FROM {rows}
     CROSS JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM appeals) a
     WHERE a.place % r.size = 0 AND a.place > 0 AND (SELECT count(*) FROM search_shelves) = 1
    """,
    size=ID,
)
"""For the appeals that are there before the first document."""

_NEXT_SHELF = Statement(
    """
    INSERT INTO search_shelves (first_id, code)
    SELECT (SELECT max(appeal_id) FROM search_documents) + 1,
           CAST((SELECT count(*) FROM search_shelves) AS text) || '-'
      FROM {rows}
     WHERE (SELECT count(*) FROM search_documents
             WHERE appeal_id >= (SELECT max(first_id) FROM search_shelves)) >= r.size
    """,
    size=ID,
)
"""When the newest is full. What is older than its first, goes on the shelf where it belongs."""

_KEEP = Statement(
    """
    INSERT INTO search_documents (appeal_id, shelf, words)
    SELECT r.appeal_id,
           (SELECT s.code FROM search_shelves s WHERE s.first_id <= r.appeal_id
             ORDER BY s.first_id DESC LIMIT 1),
           r.words
      FROM {rows} WHERE true
    ON CONFLICT (appeal_id) DO UPDATE SET words = excluded.words
      WHERE search_documents.words <> excluded.words
    """,
    appeal_id=ID,
    words=TEXT,
)

_NOTE = Statement(
    """
    INSERT INTO search_progress (id, version, cursor, below)
    SELECT r.id, r.version, r.cursor, r.below FROM {rows} WHERE true
    ON CONFLICT (id) DO UPDATE
      SET version = excluded.version, cursor = excluded.cursor, below = excluded.below
    """,
    id=ID,
    version=ID,
    cursor=TEXT,
    below=ID,
)
