"""Uploads that nobody sends are forgotten: their files first, then their rows."""

import structlog

from registry.db import Database
from registry.errors import Unavailable
from registry.media import MediaStore
from registry.types import Clock, utc_now
from registry.uploads import Removed, forget_removed, remove_forgotten
from workers.schedule import Tick

log = structlog.get_logger(__name__)


async def forget_uploads(*, database: Database, media: MediaStore, clock: Clock = utc_now) -> None:
    """Remove uploads that wait for too long, and those whose removal was interrupted.

    Raises: Unavailable, of the database.
    """
    while True:
        async with database.write() as session:
            removed = await remove_forgotten(session, now=clock())
        gone = [one for one in removed if await _file_gone(one, media)]
        async with database.write() as session:
            await forget_removed(session, [one.id for one in gone])
        if gone:
            log.info("uploads that nobody sent are gone", count=len(gone))
        if not gone:
            return


def upload_tick(*, database: Database, media: MediaStore, clock: Clock) -> Tick:
    """Forgets them every hour."""

    async def forget() -> None:
        await forget_uploads(database=database, media=media, clock=clock)

    return Tick("uploads", 3600, forget)


async def _file_gone(one: Removed, media: MediaStore) -> bool:
    try:
        await media.delete(one.path)
    except Unavailable as error:
        log.warning("an upload's file stays for now", upload=str(one.id), reason=str(error))
        return False
    return True
