"""The transcribing loop: what was said on the telephone is written down, if there is a machine.

One process does it, under a lease, one sound after the other in a thread: nobody waits for it, and
a call is never slower for it. Without a machine nothing is written down and nothing is shown.
"""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from registry.calls.transcripts import Sound, keep_transcript, next_sound
from registry.db import Database
from registry.errors import NotFound, Unavailable
from registry.leases import hold, release
from registry.media import MediaStore
from registry.types import Clock, utc_now

log = structlog.get_logger(__name__)

IDLE = 10.0
"""Seconds between looks."""
LEASE = "transcribing"
DURATION = timedelta(minutes=30)
"""Of the lease: longer than any sound takes."""


class Unheard(Exception):
    """Of this sound nothing can be written down; the sentence says why."""


class Transcriber(Protocol):
    """A machine that understands speech."""

    name: str
    """Which one, as a transcript names it."""

    def transcribe(self, sound: bytes, *, language: str, stop: threading.Event) -> str | None:
        """The words of a file, a line for each pause; None once it is to `stop`.

        It blocks, and is called in one thread only. Raises: Unheard.
        """
        ...


async def run_transcribing(
    transcriber: Transcriber,
    *,
    database: Database,
    media: MediaStore,
    owner: str,
    stopping: asyncio.Event,
    clock: Clock = utc_now,
) -> None:
    """Write down until `stopping`: what is begun then is begun anew another time."""
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="transcribing") as thread:
        listener = _Listener(transcriber, thread, stop, database=database, media=media, clock=clock)
        stops = asyncio.create_task(_tell(stopping, stop))
        try:
            while not stopping.is_set():
                try:
                    held = hold(LEASE, owner=owner, now=clock(), duration=DURATION)
                    busy = await database.run(held) and await listener.listen()
                except Unavailable as error:
                    log.warning("what was said waits for the database", reason=str(error))
                    busy = False
                if not busy:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(stopping.wait(), IDLE)
        finally:
            stop.set()
            stops.cancel()
            with suppress(Unavailable):
                await database.run(release(LEASE, owner=owner))


async def _tell(stopping: asyncio.Event, stop: threading.Event) -> None:
    await stopping.wait()
    stop.set()


class _Listener:
    def __init__(
        self,
        transcriber: Transcriber,
        thread: ThreadPoolExecutor,
        stop: threading.Event,
        *,
        database: Database,
        media: MediaStore,
        clock: Clock,
    ) -> None:
        self._transcriber = transcriber
        self._thread = thread
        self._stop = stop
        self._database = database
        self._media = media
        self._clock = clock

    async def listen(self) -> bool:
        """Write down the next sound; whether there was one. Raises: Unavailable."""
        async with self._database.read() as session:
            sound = await next_sound(session, now=self._clock())
        if sound is None:
            return False
        try:
            text = await asyncio.get_running_loop().run_in_executor(
                self._thread, partial(self._heard, sound)
            )
        except Unheard as error:
            log.warning(
                "a sound cannot be written down", attachment=str(sound.id), reason=str(error)
            )
            await self._keep(sound, "", failure=str(error))
            return True
        if text is not None:
            await self._keep(sound, text)
            log.info("written down", attachment=str(sound.id), language=sound.language)
        return True

    def _heard(self, sound: Sound) -> str | None:
        try:
            content = self._media.read(sound.path)
        except NotFound as error:
            raise Unheard("The file is gone.") from error
        return self._transcriber.transcribe(content, language=sound.language, stop=self._stop)

    async def _keep(self, sound: Sound, text: str, *, failure: str | None = None) -> None:
        async with self._database.write() as session:
            await keep_transcript(
                session, sound, text, made_by=self._transcriber.name, now=self._clock(),
                failure=failure,
            )  # fmt: skip
