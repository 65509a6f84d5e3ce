"""Recordings whose time is over are deleted: their files first, then their rows."""

import structlog

from registry.calls.locking import lock_switchboard
from registry.calls.recording import Old, forget_old, old_recordings
from registry.db import Database
from registry.errors import Unavailable
from registry.media import MediaStore
from registry.office import get_setting
from registry.office_shapes import Telephone
from registry.types import Clock, utc_now
from workers.schedule import Tick

log = structlog.get_logger(__name__)


async def forget_recordings(
    *, database: Database, media: MediaStore, clock: Clock = utc_now
) -> None:
    """Delete what has been kept for `Telephone.record_days`. Raises: Unavailable, of the database.

    Whoever dies in between has a row whose file is gone: it is deleted the next time.
    """
    while True:
        now = clock()
        async with database.read() as session:
            days = (await get_setting(session, Telephone)).record_days
            old = await old_recordings(session, days=days, now=now)
        gone = [one.id for one in old if await _file_gone(one, media)]
        if not gone:
            return
        async with database.write() as session:
            await lock_switchboard(session)
            await forget_old(session, gone, days=days, now=now)
        log.info("recordings whose time is over are gone", count=len(gone))


def recording_tick(*, database: Database, media: MediaStore, clock: Clock) -> Tick:
    """Deletes them every hour."""

    async def forget() -> None:
        await forget_recordings(database=database, media=media, clock=clock)

    return Tick("recordings", 3600, forget)


async def _file_gone(one: Old, media: MediaStore) -> bool:
    if one.path is None:
        return True
    try:
        await media.delete(one.path)
    except Unavailable as error:
        log.warning("a recording stays for now", recording=str(one.id), reason=str(error))
        return False
    return True
