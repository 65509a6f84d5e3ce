"""Uploads that nobody sends: forgotten after two days, with their files, and never too early."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from registry.db import Database
from registry.drafts import DraftContent, drop_draft, save_draft
from registry.errors import NotFound, Unavailable
from registry.media import MediaStore
from registry.models import Attachment, Message
from registry.operators import Principal
from registry.uploads import hold_uploads, remove_upload
from tests.conftest import FakeClock
from tests.registry.desk import hire, write_in
from tests.registry.samples import START
from workers.uploads import forget_uploads, upload_tick

TWO_DAYS = timedelta(hours=48)


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    return MediaStore(None, folder=tmp_path / "media")


@pytest.fixture
async def dana(database: Database) -> Principal:
    return await hire(database, "Dana")


async def bring(database: Database, media: MediaStore, by: Principal, **columns: Any) -> Attachment:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a photo"

    stored = await media.put(chunks(), max_bytes=100)
    fields: dict[str, Any] = {
        "kind": "photo", "name": "a.jpg", "mime": "image/jpeg", "size": stored.size,
        "state": "ready", "path": stored.path, "uploaded_by": by.actor, "created_at": START,
    }  # fmt: skip
    async with database.write() as session:
        row = Attachment(**(fields | columns))
        session.add(row)
    return row


async def left(database: Database) -> list[int]:
    async with database.read() as session:
        return sorted(await session.exec(select(Attachment.id)))


async def is_there(media: MediaStore, file: Attachment) -> bool:
    try:
        await media.glance(file.path or "")
    except NotFound:
        return False
    return True


async def test_an_upload_that_nobody_sends_is_forgotten_after_two_days_and_not_before(
    database: Database, media: MediaStore, dana: Principal, clock: FakeClock
) -> None:
    old = await bring(database, media, dana)
    clock.advance(TWO_DAYS)
    await forget_uploads(database=database, media=media, clock=clock)
    assert await is_there(media, old)
    new = await bring(database, media, dana, created_at=clock())
    clock.advance(timedelta(seconds=1))
    await upload_tick(database=database, media=media, clock=clock).do()
    assert await left(database) == [new.id]
    assert not await is_there(media, old)
    assert await is_there(media, new)


async def test_what_stands_in_a_draft_or_in_a_message_stays(
    database: Database, media: MediaStore, dana: Principal, clock: FakeClock
) -> None:
    number = await write_in(database)
    async with database.read() as session:
        message = (await session.exec(select(Message))).one()
    drafted = await bring(database, media, dana)
    sent = await bring(database, media, dana, message_id=message.id)
    theirs = await bring(database, media, dana, message_id=message.id, uploaded_by=None)
    content = DraftContent(uploads=[str(drafted.id)])
    async with database.write() as session:
        await save_draft(session, number, content, version=None, by=dana, now=START)
    clock.advance(timedelta(days=30))
    await forget_uploads(database=database, media=media, clock=clock)
    assert await left(database) == [drafted.id, sent.id, theirs.id]
    async with database.write() as session:
        await drop_draft(session, number, by=dana)
    await forget_uploads(database=database, media=media, clock=clock)
    assert await left(database) == [sent.id, theirs.id]
    assert not await is_there(media, drafted)


async def test_many_are_forgotten_at_once(
    database: Database, media: MediaStore, dana: Principal, clock: FakeClock
) -> None:
    async with database.write() as session:
        for number in range(450):
            session.add(
                Attachment(
                    kind="photo", name="a.jpg", state="ready", path=f"no/{number}",
                    uploaded_by=dana.actor, created_at=START,
                )
            )  # fmt: skip
    clock.advance(TWO_DAYS * 2)
    await forget_uploads(database=database, media=media, clock=clock)
    assert await left(database) == []


async def test_one_whose_removal_was_interrupted_is_nobodys_to_send_and_goes_at_the_next_look(
    database: Database, media: MediaStore, dana: Principal, clock: FakeClock
) -> None:
    file = await bring(database, media, dana)
    async with database.write() as session:
        await remove_upload(session, file.id, by=dana)
    with pytest.raises(NotFound):
        async with database.write() as session:
            await hold_uploads(session, [file.id], by=dana)
    await forget_uploads(database=database, media=media, clock=clock)
    assert await left(database) == []
    assert not await is_there(media, file)


async def test_a_store_that_cannot_be_reached_is_tried_again_later(
    database: Database, media: MediaStore, dana: Principal, clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = await bring(database, media, dana)
    clock.advance(TWO_DAYS * 2)

    async def fails(_path: str) -> None:
        raise Unavailable("The media store cannot be reached.")

    with monkeypatch.context() as broken:
        broken.setattr(media, "delete", fails)
        await forget_uploads(database=database, media=media, clock=clock)
    assert await left(database) == [file.id]
    await forget_uploads(database=database, media=media, clock=clock)
    assert await left(database) == []
