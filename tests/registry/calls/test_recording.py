"""Recordings: one file whatever is told of them, heard by few, deleted when their time is over."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from registry.calls.hearing import Recorded
from registry.calls.recording import may_hear, recording_ready, recordings_of
from registry.calls.seeing import get_call
from registry.calls.switchboard import hear
from registry.calls.tables import Call, CallLeg, CallOrder, Transcript
from registry.db import Database
from registry.errors import NotFound, Unavailable
from registry.fetching import claim_files, file_failed, file_ready
from registry.media import MediaStore
from registry.models import Attachment, JournalEntry
from registry.operators import Principal, Role
from registry.uploads import hold_uploads, remove_forgotten
from tests.conftest import FakeClock
from tests.registry.calls.lines import NUMBER, rings
from tests.registry.desk import hire
from tests.registry.offices import bare_office
from tests.registry.samples import START
from workers.recordings import forget_recordings

OFFICE = bare_office()
MONTH = timedelta(days=30)
"""As delivered: `Telephone.record_days`."""


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    return MediaStore(None, folder=tmp_path / "media")


async def a_call(database: Database, **fields: Any) -> int:
    """A call that came in and was answered; it goes on unless it is told otherwise."""
    await rings(database)
    call = Call(
        account="main", external_id="CA1", number=NUMBER, state="talking", started_at=START,
        answered_at=START, record=True, **fields,
    )  # fmt: skip
    async with database.write() as session:
        session.add(call)
    return call.id


async def told(database: Database, call_id: int, recording: str = "https://t/RE1.mp3") -> None:
    heard = Recorded(
        account="main", call="", at=START, room=f"call-{call_id}", recording=recording, seconds=61
    )
    await hear(database, heard, office=OFFICE, now=START)


async def files(database: Database, call_id: int) -> list[Attachment]:
    async with database.read() as session:
        return list(await recordings_of(session, call_id))


async def journal(database: Database, event: str) -> list[JournalEntry]:
    async with database.read() as session:
        return list(await session.exec(select(JournalEntry).where(JournalEntry.event == event)))


async def kept(database: Database, media: MediaStore, call_id: int) -> Attachment:
    """A recording that lies with us."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"ID3 a conversation"

    await told(database, call_id)
    lease = timedelta(minutes=1)
    [waiting] = await database.run(claim_files(limit=9, now=START, lease=lease))
    stored = await media.put(chunks(), max_bytes=100)
    await database.run(file_ready(waiting.id, stored))
    await database.run(recording_ready(waiting.id, now=START))
    [file] = await files(database, call_id)
    return file


async def test_a_recording_that_is_told_twice_or_before_the_end_is_one_file_of_its_call(
    database: Database,
) -> None:
    call_id = await a_call(database)
    for _ in range(2):
        await told(database, call_id)
    [file] = await files(database, call_id)
    assert (file.state, file.ref, file.channel, file.account, file.message_id) == (
        "pending", "https://t/RE1.mp3", "phone", "main", None,
    )  # fmt: skip
    async with database.read() as session:
        assert (await session.get_one(Call, call_id)).recorded_at == START


async def test_a_call_that_was_given_on_has_a_recording_of_each_room_with_its_own_words(
    database: Database,
) -> None:
    call_id = await a_call(database, ended_at=START, ended_as="answered")
    await told(database, call_id)
    await told(database, call_id, "https://t/RE2.mp3")
    first, second = await files(database, call_id)
    assert second.ref == "https://t/RE2.mp3"
    async with database.write() as session:
        session.add(Transcript(attachment_id=second.id, text="Су жоқ", made_by="x", made_at=START))
    boss, dana = await hire(database, "Boss", Role.SUPERVISOR), await hire(database, "Dana")
    async with database.read() as session:
        seen = await get_call(session, call_id, by=boss)
        hidden = await get_call(session, call_id, by=dana)
    assert [(one.attachment, one.transcript) for one in seen.recordings] == [
        (str(first.id), ""), (str(second.id), "Су жоқ"),
    ]  # fmt: skip
    assert hidden.recordings == []


@pytest.mark.parametrize("room", ["call-7", "call-", "call-x", "kitchen"])
async def test_a_recording_of_a_call_that_nobody_knows_changes_nothing(
    database: Database, room: str
) -> None:
    await a_call(database)
    heard = Recorded(account="main", call="", at=START, room=room, recording="https://t", seconds=1)
    await hear(database, heard, office=OFFICE, now=START)
    async with database.read() as session:
        assert (await session.exec(select(Attachment))).all() == []


async def test_once_it_lies_with_us_the_appeals_journal_tells(
    database: Database, media: MediaStore
) -> None:
    call_id = await a_call(database)
    file = await kept(database, media, call_id)
    [entry] = await journal(database, "call.recorded")
    assert entry.appeal_id is not None
    assert entry.data == {"attachment": str(file.id)}
    assert file.state == "ready"


async def test_it_is_heard_by_supervisors_and_by_whoever_was_on_the_line(
    database: Database,
) -> None:
    call_id = await a_call(database)
    boss = await hire(database, "Boss", Role.SUPERVISOR)
    there, rung = await hire(database, "There"), await hire(database, "Rung")
    other = await hire(database, "Other")
    async with database.write() as session:
        for who, joined in ((there, START), (rung, None)):
            session.add(
                CallLeg(
                    call_id=call_id, account="main", operator_id=who.operator_id or 0, kind="offer",
                    state="left" if joined else "missed", device="", made_at=START,
                    deadline=START, joined_at=joined,
                )
            )  # fmt: skip
    program = Principal(role=Role.OPERATOR, name="x", operator_id=None, actor="token:x")
    async with database.read() as session:
        heard = [await may_hear(session, call_id, who) for who in (boss, there, rung, other)]
        assert heard == [True, True, False, False]
        assert not await may_hear(session, call_id, program)


async def test_a_recording_is_no_upload_that_could_be_sent_or_forgotten(
    database: Database, media: MediaStore
) -> None:
    call_id = await a_call(database)
    dana = await hire(database, "Dana")
    file = await kept(database, media, call_id)
    async with database.write() as session:
        with pytest.raises(NotFound):
            await hold_uploads(session, [file.id], by=dana)
        assert await remove_forgotten(session, now=START + MONTH) == []


# --- Its time is over -----------------------------------------------------------------------------


async def test_after_its_days_the_file_is_gone_and_the_journal_says_so(
    database: Database, media: MediaStore, clock: FakeClock
) -> None:
    call_id = await a_call(database)
    file = await kept(database, media, call_id)
    assert file.path is not None
    async with database.write() as session:
        session.add(Transcript(attachment_id=file.id, text="Жарық жоқ", made_by="x", made_at=START))

    clock.now = START + MONTH - timedelta(seconds=1)
    await forget_recordings(database=database, media=media, clock=clock)
    assert media.read(file.path) == b"ID3 a conversation"

    clock.now = START + MONTH
    await forget_recordings(database=database, media=media, clock=clock)
    with pytest.raises(NotFound):
        media.read(file.path)
    assert await files(database, call_id) == []
    [entry] = await journal(database, "call.recording_deleted")
    assert entry.appeal_id is not None
    assert entry.data == {"call": str(call_id), "days": 30}
    async with database.read() as session:
        assert (await session.exec(select(Transcript))).all() == []


async def test_a_file_that_cannot_be_deleted_now_stays_and_is_deleted_the_next_time(
    database: Database, media: MediaStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = await a_call(database)
    await kept(database, media, call_id)
    clock.now = START + MONTH
    with monkeypatch.context() as patch:

        async def away(_: str) -> None:
            raise Unavailable("The store is away.")

        patch.setattr(media, "delete", away)
        await forget_recordings(database=database, media=media, clock=clock)
    assert len(await files(database, call_id)) == 1
    await forget_recordings(database=database, media=media, clock=clock)
    assert await files(database, call_id) == []


async def test_what_could_never_be_fetched_is_deleted_at_the_provider(
    database: Database, media: MediaStore, clock: FakeClock
) -> None:
    call_id = await a_call(database)
    await told(database, call_id)
    clock.now = START + MONTH
    await forget_recordings(database=database, media=media, clock=clock)
    [file] = await files(database, call_id)  # it is being fetched
    await database.run(file_failed(file.id, "It is gone."))
    await forget_recordings(database=database, media=media, clock=clock)
    assert await files(database, call_id) == []
    async with database.read() as session:
        orders = await session.exec(select(CallOrder).order_by(col(CallOrder.id)))
        [order] = [one.order for one in orders]
    assert order == {"type": "Forget", "recording": "https://t/RE1.mp3"}
