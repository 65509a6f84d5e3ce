"""The media loop: files are fetched after their messages are stored; no text waits for a file."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta

import structlog

from connectors.base import (
    Connector,
    FetchesMedia,
    Misconfigured,
    Phones,
    Retryable,
    SendError,
    Throttled,
)
from registry.calls.forgetting import forget_recording
from registry.calls.recording import recording_ready
from registry.db import Database
from registry.errors import Unavailable
from registry.fetching import Waiting, claim_files, file_failed, file_later, file_ready
from registry.media import MediaStore, Stored, TooLarge
from registry.statements import Script
from registry.types import AccountKey, Attachment, AttachmentKind, Clock, utc_now
from workers.bus import Bus, Topic
from workers.meters import Meters, NoMeters

log = structlog.get_logger(__name__)

CONCURRENCY = 8
TIMEOUT = 300.0
"""Seconds for one file."""
LEASE = timedelta(seconds=TIMEOUT + 60)
IDLE = 2.0
"""Seconds between looks when nothing wakes us."""
GIVE_UP_AFTER = timedelta(days=3)
"""How long a file is tried; providers keep theirs for about as long."""
LONGEST_RETRY = 1800.0
"""Seconds."""


async def run_media(
    connectors: Mapping[AccountKey, Connector],
    *,
    database: Database,
    media: MediaStore,
    bus: Bus,
    max_bytes: int,
    stopping: asyncio.Event,
    clock: Clock = utc_now,
    meters: Meters | None = None,
) -> None:
    """Fetch what waits until `stopping`; returns once the fetches under way ended."""
    fetcher = _Fetcher(
        connectors, database=database, media=media, max_bytes=max_bytes, clock=clock,
        meters=meters or NoMeters(),
    )  # fmt: skip
    alarm = bus.listen(Topic.MEDIA)
    fetching: set[asyncio.Task[None]] = set()

    def ended(task: "asyncio.Task[None]") -> None:
        fetching.discard(task)
        alarm.ring()

    async with asyncio.TaskGroup() as group:
        group.create_task(stopping.wait()).add_done_callback(lambda _: alarm.ring())
        while not stopping.is_set():
            free = CONCURRENCY - len(fetching)
            for file in await fetcher.claim(free) if free else []:
                task = group.create_task(fetcher.fetch(file), name=f"fetch {file.id}")
                fetching.add(task)
                task.add_done_callback(ended)
            await alarm.wait(within=IDLE)
        # A file can take minutes, and none is lost by leaving: it is fetched at the next start.
        for task in fetching:
            task.cancel()


class _Fetcher:
    def __init__(
        self,
        connectors: Mapping[AccountKey, Connector],
        *,
        database: Database,
        media: MediaStore,
        max_bytes: int,
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._connectors = connectors
        self._database = database
        self._media = media
        self._max_bytes = max_bytes
        self._clock = clock
        self._meters = meters

    async def claim(self, limit: int) -> list[Waiting]:
        """Lease files that are due; none while the database is away."""
        try:
            return await self._database.run(
                claim_files(limit=limit, now=self._clock(), lease=LEASE)
            )
        except Unavailable as error:
            log.warning("files wait for the database", reason=str(error))
            return []

    async def fetch(self, file: Waiting) -> None:
        """Fetch one file and note what became of it."""
        try:
            await self._fetch(file)
        except asyncio.CancelledError:
            give_back = file_later(file.id, "The hub stopped.", due_at=self._clock())
            await asyncio.shield(self._database.run(give_back))
            raise
        except Unavailable as error:
            # The lease runs out, and the file is fetched again.
            log.warning("a fetched file could not be noted", reason=str(error))

    async def _fetch(self, file: Waiting) -> None:
        account = AccountKey(file.channel, file.account)
        connector = self._connectors.get(account)
        if not isinstance(connector, FetchesMedia):
            await self._end(file, account, f"{account} fetches no files.")
            return
        try:
            async with asyncio.timeout(TIMEOUT):
                stored = await self._media.put(_chunks(connector, file), max_bytes=self._max_bytes)
        except TooLarge as error:
            await self._end(file, account, str(error))
        except Throttled as error:
            await self._again(file, account, error.reason, seconds=error.retry_after)
        except (Retryable, Misconfigured) as error:
            await self._again(file, account, error.reason)
        except SendError as error:
            await self._end(file, account, error.reason)
        except Unavailable:
            raise
        except (TimeoutError, OSError):
            await self._again(file, account, "The file did not come in time.")
        except Exception as error:
            log.exception("a connector failed to fetch a file", account=str(account))
            await self._end(file, account, f"The connector failed: {type(error).__name__}.")
        else:
            await self._ready(file, account, stored)

    async def _ready(self, file: Waiting, account: AccountKey, stored: Stored) -> None:
        await self._database.run(self._ours(file, account, stored))
        self._meters.fetched(account, outcome="ready")
        log.info("fetched", appeal=file.number, attachment=str(file.id), size=stored.size)

    def _ours(self, file: Waiting, account: AccountKey, stored: Stored) -> Script[None]:
        """Note where it lies; what was said on a telephone then lies nowhere else."""
        yield from file_ready(file.id, stored)
        if isinstance(self._connectors[account], Phones):
            now = self._clock()
            yield from forget_recording(account=account.account, recording=file.ref, now=now)
            yield from recording_ready(file.id, now=now)

    async def _end(self, file: Waiting, account: AccountKey, reason: str) -> None:
        await self._database.run(file_failed(file.id, reason))
        self._meters.fetched(account, outcome="failed")
        log.warning(
            "a file cannot be had", appeal=file.number, attachment=str(file.id), reason=reason
        )

    async def _again(
        self, file: Waiting, account: AccountKey, reason: str, *, seconds: float | None = None
    ) -> None:
        if self._clock() - file.created_at > GIVE_UP_AFTER:
            await self._end(file, account, reason)
            return
        wait = seconds if seconds is not None else min(2.0 ** min(file.attempts, 30), LONGEST_RETRY)
        due: datetime = self._clock() + timedelta(seconds=wait)
        await self._database.run(file_later(file.id, reason, due_at=due))
        self._meters.fetched(account, outcome="later")


def _chunks(connector: FetchesMedia, file: Waiting) -> AsyncIterator[bytes]:
    return connector.fetch(
        Attachment(
            kind=AttachmentKind(file.kind),
            ref=file.ref,
            name=file.name,
            mime=file.mime,
            size=file.size,
        )
    )
