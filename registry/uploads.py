"""Uploads: files that wait for their message. Whoever brought one may send it, or remove it.

One that is removed is first marked, then its file goes, then its row: whatever happens in between,
no message ever carries a file that is gone.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import delete, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import NotFound
from registry.models import Attachment, Draft
from registry.operators import Principal

KEPT = timedelta(hours=48)
"""How long an upload waits that is in no draft."""

_REMOVED = "failed"


class Upload(Struct, frozen=True, kw_only=True):
    """A file that waits for its reply."""

    id: str
    name: str
    mime: str
    """What its first bytes say it is."""
    size: int


class Removed(Struct, frozen=True, kw_only=True):
    """An upload that is marked: its file goes next, then its row."""

    id: int
    path: str


async def hold_uploads(
    session: AsyncSession, ids: Sequence[int], *, by: Principal
) -> list[Attachment]:
    """The principal's uploads in the order given, held, and free to be sent. Raises: NotFound."""
    if not ids:
        return []
    found = await session.exec(
        select(Attachment)
        .where(col(Attachment.id).in_(ids))
        .order_by(col(Attachment.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    files = {file.id: file for file in found}
    for id_ in ids:
        file = files.get(id_)
        if file is None or not _is_free(file) or file.uploaded_by not in {None, by.actor}:
            raise NotFound("upload", id_)
    return [files[id_] for id_ in ids]


async def show_uploads(session: AsyncSession, ids: Sequence[int]) -> list[Upload]:
    """Those of the uploads that are still there, in the order given."""
    if not ids:
        return []
    found = await session.exec(select(Attachment).where(col(Attachment.id).in_(ids)))
    files = {file.id: file for file in found if _is_free(file)}
    return [shown(files[id_]) for id_ in ids if id_ in files]


def shown(file: Attachment) -> Upload:
    """An upload as its owner sees it."""
    return Upload(id=str(file.id), name=file.name or "", mime=file.mime or "", size=file.size or 0)


async def remove_upload(session: AsyncSession, upload_id: int, *, by: Principal) -> Removed:
    """Mark an upload of the principal's that no message carries. Raises: NotFound."""
    done = await session.exec(
        update(Attachment)
        .where(
            col(Attachment.id) == upload_id,
            col(Attachment.message_id).is_(None),
            col(Attachment.uploaded_by) == by.actor,
            col(Attachment.state) == "ready",
        )
        .values(state=_REMOVED, error="It was removed.")
        .returning(col(Attachment.path))
    )
    row = done.first()
    if row is None:
        raise NotFound("upload", upload_id)
    return Removed(id=upload_id, path=row[0] or "")


async def remove_forgotten(
    session: AsyncSession, *, now: datetime, limit: int = 200
) -> list[Removed]:
    """Mark uploads that wait for too long in no draft; gives them, and those marked before."""
    found = await session.exec(
        select(Attachment)
        .where(
            col(Attachment.message_id).is_(None),
            col(Attachment.uploaded_by).is_not(None),
            or_(
                col(Attachment.state) == _REMOVED,
                col(Attachment.created_at) < now - KEPT,
            ),
        )
        .order_by(col(Attachment.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    candidates = found.all()
    # Read once they are held: whoever saves a draft holds its uploads first.
    drafted = await _drafted(session) if candidates else set()
    gone = [file for file in candidates if file.state == _REMOVED or file.id not in drafted]
    for file in gone:
        file.state, file.error = _REMOVED, file.error or "Nobody sent it."
    await session.flush()
    return [Removed(id=file.id, path=file.path or "") for file in gone]


async def forget_removed(session: AsyncSession, ids: Iterable[int]) -> None:
    """Remove the rows of uploads whose files are gone."""
    await session.exec(
        delete(Attachment).where(
            col(Attachment.id).in_(list(ids)),
            col(Attachment.message_id).is_(None),
            col(Attachment.state) == _REMOVED,
        )
    )


async def _drafted(session: AsyncSession) -> set[int]:
    found = await session.exec(select(Draft.content))
    return {int(id_) for content in found for id_ in content.get("uploads", ())}


def _is_free(file: Attachment) -> bool:
    return file.message_id is None and file.call_id is None and file.state == "ready"
