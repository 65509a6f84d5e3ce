"""The read side: lists that lose and repeat nothing, and appeals with all that belongs to them."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event
from sqlmodel import select

from registry import models
from registry.appeals import Change, Priority, add_note, change_appeal
from registry.db import Database
from registry.errors import NotFound
from registry.inbox import (
    AppealDetail,
    AppealPage,
    BadCursor,
    Query,
    Sort,
    count_waiting,
    get_appeal,
    get_message,
    list_appeals,
    read_cursor,
)
from registry.operators import Principal
from registry.search.following import catch_up
from registry.states import Status
from registry.types import (
    AccountKey,
    Attachment,
    AttachmentKind,
    ContactPoint,
    MessageDeleted,
    MessageEdited,
)
from tests.registry.desk import hire, receive, write_in
from tests.registry.samples import START, echo, message, sender


def url(id_: str) -> str:
    return f"/files/{id_}"


async def page(database: Database, **query: Any) -> AppealPage:
    async with database.read() as session:
        return await list_appeals(session, Query(**query))


async def numbers(database: Database, **query: Any) -> list[str]:
    return [appeal.number for appeal in (await page(database, **query)).items]


async def whole(database: Database, number: str) -> AppealDetail:
    async with database.read() as session:
        return await get_appeal(session, number, attachment_url=url)


async def alter(database: Database, number: str, by: Principal, **changes: Any) -> None:
    async with database.write() as session:
        await change_appeal(session, number, Change(**changes), by=by, now=START)


async def set_columns(database: Database, number: str, **columns: Any) -> None:
    async with database.write() as session:
        found = await session.exec(select(models.Appeal).where(models.Appeal.number == number))
        row = found.one()
        for name, value in columns.items():
            setattr(row, name, value)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that reading takes."""
    statements: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    engine = database.reader.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


# --- Order and paging ---------------------------------------------------------------------------

PRIORITIES = (Priority.URGENT, Priority.NORMAL, Priority.LOW, Priority.NORMAL)


async def seed(database: Database, count: int = 11) -> list[str]:
    """Appeals with many ties: equal times, equal deadlines, none, equal priorities."""
    made = []
    for i in range(count):
        number = await write_in(database, str(700 + i), sent_at=START + timedelta(minutes=i // 4))
        at = None if i % 3 == 0 else START + timedelta(days=i % 2)
        priority = PRIORITIES[i % 4]
        await set_columns(database, number, due_at=at, waiting_since=at, priority=priority)
        made.append(number)
    return made


EXPECTED = {
    Sort.NEWEST: [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
    Sort.OLDEST: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    Sort.LAST_MESSAGE: [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
    Sort.WAITING: [3, 5, 9, 11, 2, 6, 8, 1, 4, 7, 10],
    Sort.DUE: [3, 5, 9, 11, 2, 6, 8, 1, 4, 7, 10],
    Sort.PRIORITY: [1, 5, 9, 2, 4, 6, 8, 10, 3, 7, 11],
}


@pytest.mark.parametrize("sort", list(Sort))
async def test_pages_with_ties_join_to_the_whole_list_in_order(
    database: Database, sort: Sort
) -> None:
    made = await seed(database)
    expected = [made[i - 1] for i in EXPECTED[sort]]
    assert await numbers(database, sort=sort) == expected
    for limit in (1, 2, 3, 10, 11):
        seen: list[str] = []
        cursor = None
        while True:
            found = await page(database, sort=sort, limit=limit, cursor=cursor)
            seen += [appeal.number for appeal in found.items]
            cursor = found.next
            if cursor is None:
                break
            assert len(found.items) == limit
        assert seen == expected, limit


@pytest.mark.parametrize("sort", list(Sort))
async def test_what_arrives_between_pages_neither_hides_nor_repeats_what_was_there(
    database: Database, sort: Sort
) -> None:
    made = await seed(database)
    seen: list[str] = []
    cursor = None
    arrivals = 0
    while True:
        found = await page(database, sort=sort, limit=3, cursor=cursor)
        seen += [appeal.number for appeal in found.items]
        if (cursor := found.next) is None:
            break
        if arrivals < 4:
            arrivals += 1
            late = await write_in(database, f"8{arrivals}", sent_at=START)
            priority = PRIORITIES[arrivals % 4]
            await set_columns(database, late, priority=priority, due_at=START, waiting_since=START)
    assert len(seen) == len(set(seen))
    assert [number for number in seen if number in made] == [made[i - 1] for i in EXPECTED[sort]]


async def test_a_cursor_of_another_order_or_of_nobody_is_refused(database: Database) -> None:
    await seed(database, 3)
    for sort in Sort:
        cursor = (await page(database, sort=sort, limit=1)).next
        assert cursor is not None
        for other in set(Sort) - {sort}:
            with pytest.raises(BadCursor):
                await page(database, sort=other, cursor=cursor)


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_no_text_of_a_stranger_is_a_cursor(text: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(text, Sort.NEWEST)


@pytest.mark.parametrize(
    "place", [["due", 0, 5, 1], ["newest", 0, None, -1], ["newest", 0, None, 2**70],
              ["newest", 1, None, 1], ["newest", -1, None, 1], ["priority", 4, None, 1],
              ["newest", 0, "2026-03-02T04:00:00Z", 1], ["due", 0, None, 1],
              ["due", 1, "2026-03-02T04:00:00Z", 1], ["newest"], {},
              ["last_message", 0, "2026-03-02T04:00:00", 1],
              ["due", 0, "0001-01-01T00:00:00+14:00", 1],
              ["due", 0, "9999-12-31T23:59:59-14:00", 1]]
)  # fmt: skip
def test_a_forged_place_is_no_cursor(place: Any) -> None:
    forged = base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()
    for sort in Sort:
        with pytest.raises(BadCursor):
            read_cursor(forged, sort)


async def test_a_list_takes_as_many_queries_however_long_it_is(database: Database) -> None:
    await seed(database, 2)
    with counted(database) as few:
        await page(database)
    for i in range(6):
        await write_in(database, str(900 + i))
    with counted(database) as many:
        assert len((await page(database)).items) == 8
    assert len(few) == len(many) == 4


# --- Filters ------------------------------------------------------------------------------------


async def test_filters_narrow_the_list(database: Database) -> None:
    dana = await hire(database, "Dana")
    first = await write_in(database, "700")
    second = await write_in(database, "701", channel="whatsapp")
    third = await write_in(database, "702")
    await alter(database, first, dana, assignee_id=dana.operator_id, category="дороги")
    await alter(database, second, dana, status=Status.CLOSED)
    await set_columns(database, third, due_at=START + timedelta(days=1))

    async def found(**query: Any) -> set[str]:
        return set(await numbers(database, **query))

    assert await found(channels=("whatsapp",)) == {second}
    assert await found(channels=("whatsapp", "telegram")) == {first, second, third}
    assert await found(statuses=(Status.NEW, Status.OPEN)) == {first, third}
    assert await found(assignee=str(dana.operator_id)) == {first}
    assert await found(assignee="dana@example.kz") == {first}
    assert await found(assignee="DANA@example.kz") == {first}
    assert await found(assignee="nobody@example.kz") == set()
    assert await found(assignee="none") == {second, third}
    assert await found(category="дороги") == {first}
    assert await found(due_before=START + timedelta(days=2)) == {third}
    assert await found(due_before=START) == set()
    assert await found(channels=("telegram",), assignee="none", statuses=(Status.NEW,)) == {third}


@pytest.mark.parametrize(
    ("q", "places"),
    [
        ("ALM-2026-0000002", {2}),
        ("alm-2026", {1, 2, 3}),
        ("ALM-2025", set()),
        ("ФОНАРЬ", {1}),
        ("фонарь", {1}),
        ("тоғыз", {2}),
        ("ТОҒЫЗ", {2}),
        ("айгүл", {2}),
        ("абая", {1}),
        ("8 (701) 123-45-67", {3}),
        ("+7 701 123", {3}),
        ("1234567", {3}),
        ("0000003", {3}),
        ("100%", {3}),
        ("%", set()),
        ("_", set()),
        ("отозвано", set()),
        ("нет такого", set()),
    ],
)
async def test_search_finds_numbers_phones_and_words_in_any_case(
    database: Database, q: str, places: set[int]
) -> None:
    lamp = await write_in(database, "700", text="Не горит Фонарь", sender=sender(name=None))
    kazakh = await write_in(database, "701", text="Тоғыз қабатты үй, лифт жұмыс істемейді")
    phone = ContactPoint("tel", "+77011234567")
    call = await write_in(
        database, "702", text="Воды нет на 100%",
        sender=sender("702", name="Ержан", also=(phone,)),
    )  # fmt: skip
    await set_columns(database, lamp, address="пр. Абая, 10")
    gone = message("gone", conversation="702", sender=sender("702", name="Ержан"), text="отозвано")
    await receive(database, gone)
    deleted = MessageDeleted(channel="telegram", account="main", external_id="gone", at=START)
    await receive(database, deleted)
    await catch_up(database, now=START)
    found = await numbers(database, q=q)
    assert {place for place, number in enumerate([lamp, kazakh, call], 1) if number in found} == (
        places
    )


# --- One appeal ---------------------------------------------------------------------------------

APPEAL = {
    "id",
    "number", "channel", "account", "kind", "status", "priority", "category", "language", "subject",
    "first_file",
    "contact", "assignee", "assignee_name", "team", "opened_at", "due_at", "last_message_at",
    "unread", "message_count", "latitude", "longitude", "address", "district", "tags", "outcome",
    "snoozed_until", "waiting_since", "first_response_due", "first_response_at", "failed",
    "messages", "journal",
}  # fmt: skip
MESSAGE = {
    "id", "direction", "text", "sent_at", "author", "external_id", "reply_to", "attachments",
    "delivery", "edited_at", "deleted_at", "hidden_at", "private", "language", "channel", "account",
}  # fmt: skip
ATTACHMENT = {
    "id", "kind", "name", "mime", "size", "state", "url", "latitude", "longitude",
}  # fmt: skip


async def test_an_appeal_has_the_shape_of_the_contract(database: Database) -> None:
    dana = await hire(database, "Dana")
    photo = Attachment(kind=AttachmentKind.PHOTO, ref="f1", name="яма.jpg", mime="image/jpeg")
    place = Attachment(kind=AttachmentKind.LOCATION, latitude=43.25, longitude=76.95)
    number = await write_in(database, reply_to="99", attachments=(photo, place))
    await alter(database, number, dana, assignee_id=dana.operator_id)
    shown = msgspec.to_builtins(await whole(database, number))
    assert set(shown) == APPEAL
    assert shown["number"] == number
    assert (shown["channel"], shown["account"]) == ("telegram", "main")
    assert (shown["status"], shown["priority"], shown["kind"]) == ("open", "normal", "message")
    assert shown["assignee"] == str(dana.operator_id)
    assert shown["assignee_name"] == "Dana"
    assert shown["contact"] == {
        "id": shown["contact"]["id"],
        "name": "Айгүл",
        "points": [{"scheme": "telegram", "value": "700"}],
    }
    assert shown["opened_at"] == "2026-03-02T04:00:00Z"
    assert (shown["unread"], shown["message_count"]) == (1, 1)
    assert (shown["latitude"], shown["longitude"]) == (43.25, 76.95)
    [said] = shown["messages"]
    assert set(said) == MESSAGE
    assert (said["direction"], said["author"], said["external_id"]) == ("in", "Айгүл", "700-1")
    assert (said["reply_to"], said["delivery"], said["deleted_at"]) == ("99", None, None)
    first, second = said["attachments"]
    assert set(first) == ATTACHMENT
    assert (first["kind"], first["name"], first["state"], first["url"]) == (
        "photo", "яма.jpg", "pending", None,
    )  # fmt: skip
    assert (second["kind"], second["state"], second["url"]) == ("location", "ready", None)
    assert (second["latitude"], second["longitude"]) == (43.25, 76.95)
    assert [set(entry) for entry in shown["journal"]] == [
        {"id", "at", "event", "actor", "message_id", "data"}
    ] * len(shown["journal"])
    assert [entry["event"] for entry in shown["journal"]] == ["appeal.opened", "appeal.changed"]
    ids = [shown["contact"]["id"], said["id"], first["id"], shown["journal"][0]["id"]]
    assert all(isinstance(id_, str) and id_.isdigit() for id_ in ids)


async def test_messages_come_in_the_order_they_were_written_in_with_few_queries(
    database: Database,
) -> None:
    number = await write_in(database, external_id="a", sent_at=START)
    later = START + timedelta(minutes=5)
    await receive(
        database,
        message("d", sent_at=later, sequence=2, text="четвёртое"),
        message("c", sent_at=later, sequence=1, text="третье"),
        message("b", sent_at=START + timedelta(minutes=1), text="второе"),
    )
    with counted(database) as few:
        before = await whole(database, number)
    photos = tuple(Attachment(kind=AttachmentKind.PHOTO, ref=f"f{i}") for i in range(3))
    await receive(
        database,
        *(message(f"e{i}", sent_at=later, sequence=9 + i, attachments=photos) for i in range(5)),
    )
    with counted(database) as many:
        after = await whole(database, number)
    assert [said.external_id for said in before.messages] == ["a", "b", "c", "d"]
    assert [len(said.attachments) for said in after.messages] == [0] * 4 + [3] * 5
    assert len(few) == len(many)


async def test_a_deleted_text_is_hidden_but_the_journal_keeps_it(database: Database) -> None:
    number = await write_in(database, external_id="a", text="мой адрес: Сатпаева, 5")
    at = START + timedelta(minutes=1)
    edited = message("a", text="мой адрес: Сатпаева, 7")
    await receive(database, MessageEdited(message=edited, edited_at=at))
    await receive(
        database, MessageDeleted(channel="telegram", account="main", external_id="a", at=at)
    )
    shown = await whole(database, number)
    [said] = shown.messages
    assert (said.text, said.edited_at, said.deleted_at) == ("", at, at)
    assert [entry.data["was"] for entry in shown.journal if "was" in entry.data] == [
        "мой адрес: Сатпаева, 5",
        "мой адрес: Сатпаева, 7",
    ]


async def test_delivery_is_told_of_what_goes_out_alone(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    await receive(database, echo("e1", sent_at=START + timedelta(minutes=1)))
    async with database.write() as session:
        note = await add_note(
            session, number, "проверить", by=dana, now=START + timedelta(minutes=2)
        )
        sent = (
            await session.exec(select(models.Message).where(models.Message.direction == "out"))
        ).one()
        sent.state, sent.state_at = "failed", START
        sent.error_code, sent.error_reason = "403", "The citizen blocked the bot."
    shown = await whole(database, number)
    received, answered, noted = shown.messages
    assert received.delivery is None
    assert noted.delivery is None
    assert msgspec.to_builtins(answered.delivery) == {
        "state": "failed",
        "error": {"code": "403", "reason": "The citizen blocked the bot."},
        "at": "2026-03-02T04:00:00Z",
        "held_until": None,
    }
    async with database.read() as session:
        assert await get_message(session, note.id, attachment_url=url) == noted
        with pytest.raises(NotFound):
            await get_message(session, 1, attachment_url=url)
        with pytest.raises(NotFound):
            await get_appeal(session, "ALM-2026-7777777", attachment_url=url)


async def test_only_a_file_that_is_there_has_an_address(database: Database) -> None:
    photo = Attachment(kind=AttachmentKind.PHOTO, ref="f1")
    number = await write_in(database, attachments=(photo,))
    async with database.write() as session:
        row = (await session.exec(select(models.Attachment))).one()
        row.state, row.path, row.size = "ready", "ab/cd", 10
    [said] = (await whole(database, number)).messages
    assert [a.url for a in said.attachments] == [f"/files/{row.id}"]


async def test_what_waits_to_be_sent_is_counted_by_account(database: Database) -> None:
    await write_in(database)
    async with database.write() as session:
        conversation = (await session.exec(select(models.Conversation))).one()
        for state in ("queued", "sending", "done", "failed"):
            out = models.Message(
                conversation_id=conversation.id, direction="out", author="Dana", state="queued",
                sent_at=START, created_at=START,
            )  # fmt: skip
            session.add(out)
            await session.flush()
            session.add(
                models.Dispatch(
                    message_id=out.id,
                    conversation_id=conversation.id,
                    channel="telegram",
                    account="main",
                    parts=[],
                    part_count=1,
                    state=state,
                    due_at=START,
                    created_at=START,
                )
            )
    async with database.read() as session:
        assert await count_waiting(session) == {AccountKey("telegram", "main"): 2}
