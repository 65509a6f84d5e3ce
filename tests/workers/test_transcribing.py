"""What was said on the telephone is written down where there is a machine, and can be found."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from registry.calls.tables import Call, Transcript
from registry.calls.transcripts import RECENT, Sound, keep_transcript, next_sound
from registry.db import Database
from registry.media import MediaStore
from registry.models import Attachment, JournalEntry, Message
from registry.search.following import catch_up
from registry.search.sources import Place, read_sources
from registry.types import Attachment as Sent
from registry.types import AttachmentKind
from tests.conftest import FakeClock
from tests.registry.calls.lines import NUMBER, ringing, rings
from tests.registry.desk import receive
from tests.registry.samples import START
from workers.transcribing import Unheard, run_transcribing


class Parrot:
    """A machine that understands what it is told to."""

    name = "parrot"

    def __init__(self, understands: Callable[[bytes], str | None]) -> None:
        self._understands = understands
        self.languages: list[str] = []
        self.threads: set[str] = set()

    def transcribe(self, sound: bytes, *, language: str, stop: threading.Event) -> str | None:
        self.languages.append(language)
        self.threads.add(threading.current_thread().name)
        return self._understands(sound)


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    return MediaStore(None, folder=tmp_path / "media")


async def stored(media: MediaStore, content: bytes) -> str:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return (await media.put(chunks(), max_bytes=1000)).path


async def a_recording(
    database: Database, media: MediaStore, content: bytes = b"ID3", **fields: Any
) -> int:
    """A recorded call that came in; the id of its sound."""
    await rings(database)
    call = Call(
        **{
            "account": "main", "external_id": "CA1", "number": NUMBER, "state": "ended",
            "started_at": START, "language": "kk", **fields,
        }
    )  # fmt: skip
    file = Attachment(
        call_id=call.id, channel="phone", account="main", kind="voice", state="ready",
        path=await stored(media, content), created_at=START,
    )  # fmt: skip
    async with database.write() as session:
        session.add_all((call, file))
    return file.id


async def a_voicemail(database: Database, media: MediaStore) -> int:
    """What somebody left who had chosen Russian; the id of its sound."""
    await rings(database)
    voice = Sent(kind=AttachmentKind.VOICE, ref="https://t/RE1.mp3", mime="audio/mpeg")
    await receive(database, ringing(external_id="RE1", attachments=(voice,)))
    async with database.write() as session:
        session.add(
            Call(
                account="main", external_id="CA1", number=NUMBER, started_at=START, language="ru"
            )
        )  # fmt: skip
        file = (await session.exec(select(Attachment))).one()
        file.state, file.path, file.created_at = "ready", await stored(media, b"ID3"), START
    return file.id


@asynccontextmanager
async def writing_down(
    parrot: Parrot, database: Database, media: MediaStore, clock: FakeClock
) -> AsyncIterator[asyncio.Task[None]]:
    stopping = asyncio.Event()
    running = asyncio.create_task(
        run_transcribing(
            parrot, database=database, media=media, owner="me", stopping=stopping, clock=clock
        )
    )
    try:
        yield running
    finally:
        stopping.set()
        await running


async def written(database: Database) -> list[Transcript]:
    async with database.read() as session:
        return list(await session.exec(select(Transcript)))


async def until_written(database: Database, count: int = 1) -> list[Transcript]:
    committed = asyncio.Event()
    stop = database.on_commit(committed.set)
    try:
        async with asyncio.timeout(20):
            while len(found := await written(database)) < count:
                await committed.wait()
                committed.clear()
        return found
    finally:
        stop()


async def pieces(database: Database) -> list[tuple[str, bool]]:
    """What of the appeal's transcripts can be found, and whether it leads to a message."""
    async with database.read() as session:
        ids = [one.appeal_id for one in await session.exec(select(Message)) if one.appeal_id]
        sources = await read_sources(session, ids)
    return [
        (piece.text, piece.message_id is not None)
        for source in sources
        for piece in source.pieces
        if piece.place is Place.TRANSCRIPT
    ]


async def test_a_recording_is_written_down_in_its_callers_language_and_can_be_found(
    database: Database, media: MediaStore, clock: FakeClock
) -> None:
    id_ = await a_recording(database, media, b"ID3 sound")
    parrot = Parrot(lambda sound: "көшеде жарық жоқ" if sound == b"ID3 sound" else None)
    async with writing_down(parrot, database, media, clock):
        [one] = await until_written(database)
    assert (one.attachment_id, one.text, one.language, one.made_by, one.failure) == (
        id_, "көшеде жарық жоқ", "kk", "parrot", None,
    )  # fmt: skip
    assert parrot.languages == ["kk"]
    assert all(name.startswith("transcribing") for name in parrot.threads)
    assert await pieces(database) == [("көшеде жарық жоқ", True)]
    async with database.read() as session:
        found = await session.exec(
            select(JournalEntry).where(JournalEntry.event == "call.transcribed")
        )
        entry = found.one()
    assert entry.appeal_id is not None
    await catch_up(database, now=START)


async def test_a_voicemail_is_heard_in_the_language_of_the_call_that_left_it(
    database: Database, media: MediaStore, clock: FakeClock
) -> None:
    await a_voicemail(database, media)
    parrot = Parrot(lambda _: "не вывозят мусор")
    async with writing_down(parrot, database, media, clock):
        await until_written(database)
    assert parrot.languages == ["ru"]
    assert await pieces(database) == [("не вывозят мусор", True)]


async def test_who_chose_no_language_is_heard_in_what_the_office_speaks(
    database: Database, media: MediaStore
) -> None:
    await a_recording(database, media, language=None)
    async with database.read() as session:
        sound = await next_sound(session, now=START)
    assert sound is not None
    assert sound.language == "kk"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "photo"},
        {"channel": "telegram"},
        {"state": "pending"},
        {"created_at": START - RECENT},
    ],
)
async def test_nothing_else_is_listened_to(
    database: Database, media: MediaStore, fields: dict[str, Any]
) -> None:
    id_ = await a_recording(database, media)
    async with database.write() as session:
        file = await session.get_one(Attachment, id_)
        for name, value in fields.items():
            setattr(file, name, value)
    async with database.read() as session:
        assert await next_sound(session, now=START) is None


async def test_a_sound_that_cannot_be_read_is_noted_once_and_stops_no_other(
    database: Database, media: MediaStore, clock: FakeClock
) -> None:
    broken = await a_recording(database, media, b"broken")
    async with database.write() as session:
        call = (await session.exec(select(Call))).one()
        session.add(
            Attachment(
                call_id=call.id, channel="phone", account="main", kind="voice", state="ready",
                path=await stored(media, b"good"), created_at=START + timedelta(seconds=1),
            )
        )  # fmt: skip

    def understands(sound: bytes) -> str:
        if sound == b"broken":
            raise Unheard("This is no sound.")
        return "сәлем"

    parrot = Parrot(understands)
    async with writing_down(parrot, database, media, clock):
        found = await until_written(database, 2)
    told = {one.attachment_id: (one.text, one.failure) for one in found}
    assert told.pop(broken) == ("", "This is no sound.")
    assert list(told.values()) == [("сәлем", None)]
    assert len(parrot.languages) == 2
    assert await pieces(database) == [("сәлем", True)]


async def test_a_hub_that_stops_waits_for_no_long_sound_and_begins_it_anew(
    database: Database, media: MediaStore, clock: FakeClock
) -> None:
    await a_recording(database, media)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Slow:
        name = "slow"

        def transcribe(self, sound: bytes, *, language: str, stop: threading.Event) -> str | None:
            loop.call_soon_threadsafe(begun.set)
            assert stop.wait(20), "nobody said stop"
            return None

    async with writing_down(Slow(), database, media, clock):  # type: ignore[arg-type]
        async with asyncio.timeout(20):
            await begun.wait()
    assert await written(database) == []
    async with database.read() as session:
        assert await next_sound(session, now=START) is not None


async def test_a_recording_that_was_deleted_meanwhile_leaves_no_words(database: Database) -> None:
    sound = Sound(id=7, path="x", language="kk")
    async with database.write() as session:
        await keep_transcript(session, sound, "сөз", made_by="parrot", now=START)
    assert await written(database) == []
