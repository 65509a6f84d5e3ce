"""Replies that are held for a while, and those that go another way than their appeal's own."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from registry.db import Database
from registry.delivery import apply_reports
from registry.intake import accept
from registry.outbox import next_due
from registry.replies import Reach, Reply, Via, queue_reply, take_back
from registry.types import (
    AccountKey,
    Capabilities,
    ContactPoint,
    DeliveryReport,
    DeliveryState,
    RateLimit,
    Sender,
)
from tests.conftest import FakeClock
from tests.registry.samples import RULES, echo, message
from tests.workers.stand_ins import DANA, MAIN, Outbox, Scripted
from workers.bus import Topic

FIVE_SECONDS = timedelta(seconds=5)
PHONE = ContactPoint("tel", "+77011234567")
TEXTS = Capabilities(max_text=100, can_initiate=True, rate=RateLimit(per_second=1000.0))


@pytest.fixture
async def outbox(database: Database, clock: FakeClock, tmp_path: Path) -> Any:
    async with Outbox(database, clock, tmp_path) as made:
        yield made


async def test_a_held_reply_goes_when_its_time_has_come_and_not_before(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Күте тұрыңыз", hold=FIVE_SECONDS)
    clock.advance(timedelta(seconds=4))
    await outbox.send_due()
    assert outbox.connector.texts == []
    # A sender that has nothing to do wakes for it by itself.
    due = await outbox.database.run(next_due(MAIN, after=clock()))
    assert due == clock() + timedelta(seconds=1)
    clock.advance(timedelta(seconds=1))
    await outbox.send_due()
    assert outbox.connector.texts == ["Күте тұрыңыз"]


async def test_a_held_reply_holds_back_the_later_ones_of_its_conversation_alone(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive("1")
    other = await outbox.receive("2", conversation="701", sender=Sender(point=PHONE))
    held = await outbox.reply(number, "бірінші", hold=FIVE_SECONDS)
    await outbox.reply(number, "екінші")
    await outbox.reply(other, "басқа")
    await outbox.send_due()
    assert outbox.connector.texts == ["басқа"]
    async with outbox.database.write() as session:
        await take_back(session, held.id, by=DANA, now=clock())
    await outbox.send_due()
    assert outbox.connector.texts == ["басқа", "екінші"]


async def test_a_sender_at_work_is_woken_by_what_was_taken_back(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    held = await outbox.reply(number, "бірінші", hold=FIVE_SECONDS)
    await outbox.reply(number, "екінші")
    sender = outbox.sender()
    sent = asyncio.Event()

    async def tell() -> None:
        sent.set()

    outbox.connector.script.append(tell)
    working = asyncio.create_task(sender.run())
    async with outbox.database.write() as session:
        await take_back(session, held.id, by=DANA, now=clock())
    outbox.bus.wake(Topic.OUTBOX)
    async with asyncio.timeout(10):
        await sent.wait()
    sender.stop()
    await working
    assert outbox.connector.texts == ["екінші"]


class Texting(Scripted):
    """An account of short messages."""

    name = "sms"


SMS = AccountKey("sms", "main")


async def by_sms(outbox: Outbox, number: str, words: str) -> Any:
    """Answer an appeal of another channel by a short message, which nobody has written by yet."""
    reach = Reach(
        capabilities=TEXTS, name_of=lambda point: point if point.scheme == "tel" else None
    )
    async with outbox.database.write() as session:
        return await queue_reply(
            session, number, Reply(text=words, via=Via(channel="sms", account="main")), by=DANA,
            key=words, accounts={SMS: reach, MAIN: Reach(capabilities=TEXTS)}, now=outbox.clock(),
        )  # fmt: skip


@pytest.fixture
async def sms(outbox: Outbox, clock: FakeClock) -> Any:
    """The sender of the account of short messages, and what it has sent."""
    connector = Texting(clock, capabilities=TEXTS)

    async def send_due() -> list[Any]:
        sender = outbox.sender(SMS, connector)
        await sender.send_all_due()
        return connector.sent

    return send_due


async def told(database: Database, sql: str) -> Any:
    async with database.read() as session:
        return [tuple(row) for row in await (await session.connection()).execute(text(sql))]


OURS = "SELECT state FROM messages WHERE direction = 'out'"


async def test_a_reply_by_another_account_goes_out_there_and_is_followed(
    outbox: Outbox, clock: FakeClock, sms: Any
) -> None:
    known = Sender(point=ContactPoint("telegram", "700"), also=(PHONE,))
    number = await outbox.receive(sender=known)
    await by_sms(outbox, number, "Бригада шықты")
    await outbox.send_due()
    assert outbox.connector.sent == []
    [sent] = await sms()
    assert (sent.channel, sent.conversation, sent.text) == ("sms", PHONE.value, "Бригада шықты")
    assert (sent.reply_to, sent.last_inbound, sent.public) == (None, None, False)
    assert await told(outbox.database, OURS) == [("sent",)]
    report = DeliveryReport(
        channel="sms", account="main", state=DeliveryState.DELIVERED, at=clock(),
        external_id="out-1",
    )  # fmt: skip
    [changed] = await outbox.database.run(apply_reports([report], now=clock()))
    assert await told(outbox.database, OURS) == [("delivered",)]
    assert [(changed,)] == await told(outbox.database, "SELECT id FROM appeals")


async def test_what_the_citizen_answers_there_joins_the_appeal_and_can_be_answered(
    outbox: Outbox, clock: FakeClock, sms: Any
) -> None:
    known = Sender(point=ContactPoint("telegram", "700"), also=(PHONE,))
    number = await outbox.receive(sender=known)
    await by_sms(outbox, number, "Бригада шықты")
    await sms()
    answer = message(
        "s1", channel="sms", conversation=PHONE.value, sender=Sender(point=PHONE),
        text="Рахмет", sent_at=clock.advance(timedelta(minutes=1)),
    )  # fmt: skip
    accepted = await outbox.database.run(accept([answer], rules=RULES, now=clock()))
    assert accepted.numbers == [number]
    assert len(await told(outbox.database, "SELECT id FROM contacts")) == 1
    # The thread is Telegram's still; there the next reply goes.
    await outbox.reply(number, "Оқасы жоқ")
    await outbox.send_due()
    assert outbox.connector.texts == ["Оқасы жоқ"]
    await by_sms(outbox, number, "Тағы бір")
    assert [one.text for one in await sms()] == ["Бригада шықты", "Тағы бір"]


async def test_an_echo_of_a_reply_by_another_account_is_known_for_ours(
    outbox: Outbox, clock: FakeClock, sms: Any
) -> None:
    known = Sender(point=ContactPoint("telegram", "700"), also=(PHONE,))
    number = await outbox.receive(sender=known)
    await by_sms(outbox, number, "Бригада шықты")

    async def told_meanwhile() -> None:
        told_back = echo(
            "out-1", channel="sms", conversation=PHONE.value, recipient=Sender(point=PHONE),
            text="Бригада шықты", sent_at=clock(),
        )  # fmt: skip
        await outbox.database.run(accept([told_back], rules=RULES, now=clock()))

    connector = Texting(clock, capabilities=TEXTS)
    connector.script.append(told_meanwhile)
    await outbox.sender(SMS, connector).send_all_due()
    assert await told(outbox.database, OURS) == [("sent",)]
