"""Who would rather write is sent the links by SMS, where that can be done."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlmodel import select

from registry.accounts import set_health, stop
from registry.calls.texting import can_text, send_links
from registry.db import Database
from registry.models import Appeal, Conversation, Dispatch, Message
from registry.office import change_setting
from registry.office_shapes import Telephone, as_delivered
from registry.operators import Role
from registry.types import AccountKey, ContactEvent, ContactPoint, InboundMessage, Sender
from tests.registry.calls.lines import NUMBER, call_of, rings
from tests.registry.desk import hire, receive
from tests.registry.samples import START

SMS = AccountKey("sms", "main")
LINKS = {"Telegram": "https://t.me/city_bot", "WhatsApp": "https://wa.me/77270000000"}


async def _set_up(database: Database, *, health: str = "ok", **changes: Any) -> None:
    wanted: dict[str, Any] = {"text_from": "main", "links": LINKS}
    telephone = replace(as_delivered(Telephone), **(wanted | changes))
    async with database.write() as session:
        await change_setting(session, telephone, actor="system", now=START)
        await set_health(session, SMS, health=health, summary="", cure=None, now=START)


async def _can(database: Database, number: str = NUMBER) -> bool:
    async with database.read() as session:
        return await can_text(session, number)


async def _send(database: Database, **fields: Any) -> bool:
    async with call_of(database, **fields) as (session, call):
        return await send_links(session, call, now=START)


def _sms(text: str, **changes: Any) -> InboundMessage:
    fields: dict[str, Any] = {
        "channel": "sms",
        "account": "main",
        "external_id": text,
        "conversation": NUMBER,
        "sender": Sender(point=ContactPoint("tel", NUMBER)),
        "sent_at": START + timedelta(minutes=9),
        "text": text,
    }
    return InboundMessage(**(fields | changes))


@pytest.mark.parametrize(
    ("language", "asks"),
    [
        ("kk", "Байланыс орталығы. Бізге жаза аласыз:"),
        ("ru", "Контакт-центр. Нам можно написать:"),
        ("en", "Contact centre. You can write to us:"),
    ],
)
async def test_the_links_go_by_sms_in_the_callers_language(
    database: Database, language: str, asks: str
) -> None:
    await _set_up(database)
    await rings(database)
    assert await _send(database, language=language)
    async with database.read() as session:
        [sent] = await session.exec(select(Dispatch))
        conversation = await session.get_one(Conversation, sent.conversation_id)
    assert (sent.channel, sent.account, conversation.key) == ("sms", "main", NUMBER)
    assert sent.parts[0]["text"] == "\n".join(
        [asks, "Telegram: https://t.me/city_bot", "WhatsApp: https://wa.me/77270000000"]
    )


async def test_the_links_go_once_a_call(database: Database) -> None:
    await _set_up(database)
    await rings(database)
    assert await _send(database)
    assert await _send(database)
    async with database.read() as session:
        assert len((await session.exec(select(Dispatch))).all()) == 1


async def test_what_they_answer_joins_the_appeal_of_the_call(database: Database) -> None:
    await _set_up(database)
    number = await rings(database)
    await _send(database)
    assert await receive(database, _sms("Thanks")) == [number]
    async with database.read() as session:
        [appeal] = await session.exec(select(Appeal))
        sent = await session.exec(select(Message.appeal_id).where(Message.direction == "out"))
        assert (list(sent), appeal.message_count) == ([appeal.id], 2)


async def test_who_is_talking_of_something_else_by_sms_goes_on_with_that(
    database: Database,
) -> None:
    await _set_up(database)
    [other] = await receive(database, _sms("A hole in the road", sent_at=START))
    await rings(database)
    assert await _send(database)
    assert await receive(database, _sms("Still there")) == [other]


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"text_from": ""}, NUMBER),
        ({"links": {}}, NUMBER),
        ({"health": "down"}, NUMBER),
        ({"text_from": "another"}, NUMBER),
        ({}, ""),
        ({}, "+77272345678"),
        ({}, "anonymous"),
    ],
    ids=["no account", "no links", "down", "unknown account", "withheld", "landline", "no number"],
)
async def test_no_sms_is_offered_that_cannot_be_sent(
    database: Database, changes: dict[str, Any], number: str
) -> None:
    await _set_up(database)
    assert await _can(database)
    await _set_up(database, **changes)
    assert not await _can(database, number)


async def test_no_sms_goes_by_an_account_that_somebody_has_paused(database: Database) -> None:
    await _set_up(database)
    boss = await hire(database, "Boss", Role.SUPERVISOR)
    async with database.write() as session:
        await stop(session, SMS, by=boss, now=START)
    assert not await _can(database)
    await rings(database)
    assert not await _send(database)


async def test_who_wants_no_sms_of_ours_gets_none(database: Database) -> None:
    await _set_up(database)
    stopped = ContactEvent(
        channel="sms", account="main", conversation=NUMBER, kind="blocked", external_id="S1",
        sender=Sender(point=ContactPoint("tel", NUMBER)), at=START,
    )  # fmt: skip
    await receive(database, stopped)
    assert not await _can(database)


async def test_a_call_whose_delivery_was_lost_is_sent_nothing(database: Database) -> None:
    await _set_up(database)
    assert not await _send(database)
