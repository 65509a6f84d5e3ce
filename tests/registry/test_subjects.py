"""What an appeal is called when the message that named it is edited, or taken back."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlmodel import select

from registry.appeals import Change, Division, change_appeal, merge_appeal, split_appeal
from registry.db import Database
from registry.inbox import Query, list_appeals
from registry.models import Appeal, JournalEntry, Message
from registry.operators import Role
from registry.search.following import catch_up
from registry.types import Attachment as File
from registry.types import AttachmentKind, InboundMessage, MessageDeleted, MessageEdited
from tests.registry.desk import hire, receive, write_in
from tests.registry.samples import RULES, START, message, sender

SECRET = "Позвоните Айгүл, у неё есть ключ\nот подвала"


def said(external_id: str, text: str, *, minutes: int = 0, **more: Any) -> InboundMessage:
    at = START + timedelta(minutes=minutes)
    return message(external_id, text=text, sent_at=at, **more)


def withdrawn(external_id: str) -> MessageDeleted:
    return MessageDeleted(
        channel="telegram", account="main", external_id=external_id,
        at=START + timedelta(hours=1),
    )  # fmt: skip


def edited(external_id: str, text: str) -> MessageEdited:
    return MessageEdited(message=said(external_id, text), edited_at=START + timedelta(hours=1))


async def subject(database: Database, number: str) -> str:
    async with database.read() as session:
        return (await session.exec(select(Appeal.subject).where(Appeal.number == number))).one()


async def found(database: Database, q: str) -> list[str]:
    dana = await hire(database, f"Dana{q}", Role.SUPERVISOR)
    await catch_up(database, now=START)
    async with database.read() as session:
        page = await list_appeals(session, Query(q=q), viewer=dana, now=START)
    return [item.number for item in page.items]


async def test_a_withdrawn_first_message_gives_its_name_to_the_next(database: Database) -> None:
    [number, *_] = await receive(
        database, said("1", SECRET), said("2", "", minutes=1), said("3", "Су жоқ\nтағы", minutes=2)
    )
    assert await subject(database, number) == "Позвоните Айгүл, у неё есть ключ"
    assert await found(database, "ключ") == [number]

    await receive(database, withdrawn("1"))

    assert await subject(database, number) == "Су жоқ"
    assert await found(database, "подвала") == []
    assert await found(database, "жоқ") == [number]


async def test_where_nothing_else_was_said_it_has_no_name(database: Database) -> None:
    photo = File(kind=AttachmentKind.PHOTO, ref="f1")
    [number, _] = await receive(
        database, said("1", SECRET), said("2", " ", minutes=1, attachments=(photo,))
    )
    await receive(database, withdrawn("1"))

    assert await subject(database, number) == ""
    async with database.read() as session:
        journal = list(await session.exec(select(JournalEntry)))
    assert [one.data["was"] for one in journal if one.event == "message.deleted"] == [SECRET]


async def test_an_edited_first_message_gives_its_new_words(database: Database) -> None:
    number = (await receive(database, said("1", SECRET)))[0]

    await receive(database, edited("1", "\nШұңқыр бар\nАбай, 10"))

    assert await subject(database, number) == "Шұңқыр бар"
    assert await found(database, "ключ") == []
    assert await found(database, "шұңқыр") == [number]


async def test_edited_and_taken_back_at_once_it_has_the_name_of_the_next(
    database: Database,
) -> None:
    [number, _] = await receive(database, said("1", SECRET), said("2", "Су жоқ", minutes=1))

    await receive(database, edited("1", "Шұңқыр бар"), withdrawn("1"))

    assert await subject(database, number) == "Су жоқ"


async def test_a_later_message_that_goes_changes_no_name(database: Database) -> None:
    [number, _] = await receive(database, said("1", "Су жоқ"), said("2", SECRET, minutes=1))

    await receive(database, withdrawn("2"))

    assert await subject(database, number) == "Су жоқ"


async def test_what_a_person_called_it_stays(database: Database) -> None:
    number = (await receive(database, said("1", SECRET)))[0]
    dana = await hire(database, "Dana")
    async with database.write() as session:
        await change_appeal(session, number, Change(subject="Подвал"), by=dana, now=START)

    await receive(database, withdrawn("1"))

    assert await subject(database, number) == "Подвал"


async def test_no_appeal_of_the_person_keeps_the_name_of_a_message_that_went_elsewhere(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    first = await write_in(database, text="Су жоқ", account="other", external_id="0")
    second = (await receive(database, said("1", SECRET), said("2", "Жарық жоқ", minutes=1)))[0]
    async with database.write() as session:
        chosen = (await session.exec(select(Message.id).where(Message.text == SECRET))).one()
        own, _ = await split_appeal(
            session, second, Division(message_ids=(chosen,)), by=dana,
            prefix="ALM", zone=RULES.zone, now=START,
        )  # fmt: skip
        await merge_appeal(session, own.number, first, across_contacts=False, by=dana, now=START)

    await receive(database, withdrawn("1"))

    assert await subject(database, first) == "Су жоқ"
    assert await subject(database, second) == "Жарық жоқ"
    assert await subject(database, own.number) == ""


async def test_one_who_takes_back_while_colleagues_merge_waits_and_is_heard(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    pairs = []
    for n in range(6):
        who: dict[str, Any] = {"conversation": f"9{n}", "sender": sender(f"9{n}")}
        into = (await receive(database, said(f"a{n}", "Су жоқ", account="other", **who)))[0]
        number = (await receive(database, said(f"b{n}", SECRET, **who)))[0]
        pairs.append((n, number, into))

    async def merge(number: str, into: str) -> None:
        async with database.write() as session:
            await merge_appeal(session, number, into, across_contacts=True, by=dana, now=START)

    await asyncio.gather(
        *(merge(number, into) for _, number, into in pairs),
        *(receive(database, withdrawn(f"b{n}")) for n, _, _ in pairs),
    )

    for _, number, into in pairs:
        assert (await subject(database, number), await subject(database, into)) == ("", "Су жоқ")
