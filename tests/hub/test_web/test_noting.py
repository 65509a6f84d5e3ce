"""What is noted of looking: who opened which appeal, and who took which file."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from hub.app import Hub
from registry.audit import SEEN_AGAIN
from registry.db import Database
from registry.errors import Unavailable
from registry.models import Appeal, Attachment, Audit, Message, Operator
from registry.operators import Role, add_token
from tests.conftest import FakeClock
from tests.hub.conftest import SECRET_KEY
from tests.hub.test_web.signing import Browser, add
from tests.registry.desk import write_in

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def dana(open_house: Hub, browser: Browser) -> Operator:
    """Dana, who has signed in with the browser."""
    operator = await add(open_house)
    await browser.sign_in()
    return operator


@pytest.fixture
async def number(open_house: Hub) -> str:
    """An appeal."""
    return await write_in(open_house.database)


async def noted(hub: Hub, event: str) -> list[Audit]:
    async with hub.database.read() as session:
        found = await session.exec(
            select(Audit).where(Audit.event == event).order_by(col(Audit.id))
        )
        return list(found)


async def file_of(hub: Hub, number: str) -> Attachment:
    """A file that came with the appeal."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"%PDF-1.7 a letter of twenty-six"

    stored = await hub.media.put(chunks(), max_bytes=100)
    async with hub.database.write() as session:
        chosen = select(Message.id).join(Appeal, col(Appeal.id) == col(Message.appeal_id))
        file = Attachment(
            message_id=(await session.exec(chosen.where(Appeal.number == number))).one(),
            kind="document", name="letter.pdf", state="ready", path=stored.path,
            mime=stored.mime, size=stored.size, created_at=hub.clock(),
        )  # fmt: skip
        session.add(file)
        return file


@pytest.mark.parametrize(
    "path",
    [
        "/inbox/{}?queue=all",
        "/appeals/{}/thread",
        "/appeals/{}/messages",
        "/api/v1/appeals/{}",
    ],
)
async def test_whoever_opens_an_appeal_is_noted_once_in_five_minutes(
    open_house: Hub, browser: Browser, dana: Operator, number: str, clock: FakeClock, path: str
) -> None:
    for _ in range(3):
        assert (await browser.get(path.format(number))).status == 200
        clock.advance(timedelta(minutes=1))
    [entry] = await noted(open_house, "appeal.seen")
    async with open_house.database.read() as session:
        appeal = (await session.exec(select(Appeal))).one()
    assert (entry.operator_id, entry.appeal_id, entry.address) == (dana.id, appeal.id, "127.0.0.1")
    clock.advance(SEEN_AGAIN)
    await browser.get(path.format(number))
    assert len(await noted(open_house, "appeal.seen")) == 2


async def test_each_operator_and_each_appeal_is_a_look_of_its_own(
    open_house: Hub, browser: Browser, dana: Operator, number: str
) -> None:
    second = await write_in(open_house.database, "701")
    await add(open_house, "Aset")
    other = Browser(browser.client)
    await other.sign_in("aset@example.kz")
    for who in (browser, other):
        for one in (number, second):
            await who.get(f"/api/v1/appeals/{one}")
            await who.get(f"/inbox/{one}?queue=all")
    assert len(await noted(open_house, "appeal.seen")) == 4


async def test_a_list_and_an_appeal_that_is_not_there_are_no_look(
    open_house: Hub, browser: Browser, dana: Operator, number: str
) -> None:
    async with open_house.database.write() as session:
        (await session.exec(select(Appeal))).one().team = "water"
    for path in (
        "/inbox?queue=all",
        "/api/v1/appeals",
        f"/inbox/{number}?queue=all",
        f"/api/v1/appeals/{number}",
        "/api/v1/appeals/ALM-2026-7777777",
    ):
        await browser.get(path)
    assert await noted(open_house, "appeal.seen") == []


async def test_a_program_is_noted_by_its_name(
    open_house: Hub, browser: Browser, number: str, clock: FakeClock
) -> None:
    async with open_house.database.write() as session:
        token = await add_token(
            session, name="bridge", role=Role.OPERATOR, secret_key=SECRET_KEY, actor="system",
            now=clock(),
        )  # fmt: skip
    headers = {"Authorization": f"Bearer {token}"}
    await browser.get(f"/api/v1/appeals/{number}", headers=headers)
    [entry] = await noted(open_house, "appeal.seen")
    assert (entry.actor, entry.operator_id) == ("token:bridge", None)


async def test_a_file_that_is_taken_is_noted_once_however_many_pieces_it_comes_in(
    open_house: Hub, browser: Browser, dana: Operator, number: str
) -> None:
    file = await file_of(open_house, number)
    path = f"/api/v1/attachments/{file.id}"
    ranges: list[dict[str, Any]] = [
        {"Range": "bytes=0-9"},
        {"Range": "bytes=10-19"},
        {"Range": "bytes=20-"},
    ]
    for headers in ranges:
        assert (await browser.get(path, headers=headers)).status == 206
    await browser.ask("HEAD", path)
    [entry] = await noted(open_house, "file.taken")
    async with open_house.database.read() as session:
        appeal = (await session.exec(select(Appeal))).one()
    assert (entry.operator_id, entry.appeal_id) == (dana.id, appeal.id)
    assert entry.data == {"attachment": str(file.id), "name": "letter.pdf"}
    assert (await browser.get(path)).status == 200
    assert len(await noted(open_house, "file.taken")) == 2


async def test_a_file_that_is_not_there_is_not_taken(
    open_house: Hub, browser: Browser, dana: Operator, number: str
) -> None:
    file = await file_of(open_house, number)
    async with open_house.database.write() as session:
        (await session.get_one(Attachment, file.id)).state = "pending"
    assert (await browser.get(f"/api/v1/attachments/{file.id}")).status == 404
    assert (await browser.get("/api/v1/attachments/7")).status == 404
    assert await noted(open_house, "file.taken") == []


async def test_who_reads_while_nothing_can_be_written_is_not_stopped(
    open_house: Hub, browser: Browser, dana: Operator, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_database: Database, *, tells: bool) -> None:
        raise Unavailable("full")

    monkeypatch.setattr(Database, "write", refuse)
    assert (await browser.get(f"/api/v1/appeals/{number}")).status == 200
    assert await noted(open_house, "appeal.seen") == []
