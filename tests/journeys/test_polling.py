"""Polling instead of a webhook: the same lives of messages, and never two who poll at once."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from connectors.telegram.sandbox import TelegramSandbox
from connectors.testing.sandbox import Call, Failure
from registry.models import Lease
from registry.types import utc_now
from tests.journeys.conftest import StartHub
from tests.journeys.process import PATIENCE, Hub, opened, stored


def polls(call: Call) -> bool:
    """Whether a call asks for updates."""
    return call.params.get("method") == "getUpdates"


async def appeared(hub: Hub, subject: str) -> None:
    """Wait until an appeal with this subject is in the list."""

    async def find() -> bool:
        return any(appeal["subject"] == subject for appeal in await hub.appeals())

    await hub.eventually(find)


async def test_a_polled_message_becomes_an_appeal_and_is_answered(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    await citizen.say("Хабтан бұрын жазылған")  # it waits at Telegram until somebody polls
    hub = await start_hub(mode="polling")
    await appeared(hub, "Хабтан бұрын жазылған")
    await citizen.photo("Сейфуллин 458, сурет")
    await citizen.start()

    number = (await hub.appeal_of(citizen))["number"]
    reply = await hub.send(number, "Рақмет, қабылданды.")
    assert reply.status == 202
    await hub.became(number, reply.json["id"], "sent")
    await telegram.until(lambda: len(citizen.received) == 2)

    async def fetched() -> bool:
        messages = (await hub.appeal_of(citizen))["messages"]
        files = [file for message in messages for file in message["attachments"]]
        return [file["state"] for file in files] == ["ready"]

    await hub.eventually(fetched)
    texts = [message["text"] for message in (await hub.appeal_of(citizen))["messages"]]
    assert texts == ["Хабтан бұрын жазылған", "Сейфуллин 458, сурет", "Рақмет, қабылданды."]
    assert telegram.webhook is None
    # What was stored is confirmed to Telegram by the next poll's offset.
    await telegram.until(lambda: not telegram.pending)


async def test_a_polling_hub_takes_no_webhook(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    hub = await start_hub(mode="polling")
    citizen = telegram.citizen()
    update = {
        "update_id": 1,
        "message": {
            "message_id": 1,
            "from": citizen.user,
            "chat": citizen.chat,
            "date": telegram.now(),
            "text": "Жалған",
        },
    }
    assert await hub.deliver(update, secret=None) == 401
    assert await hub.appeals() == []


async def test_a_poll_that_fails_is_tried_again_and_loses_nothing(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    hub = await start_hub(mode="polling")
    citizen = telegram.citizen()
    telegram.fail_next(Failure.html(502), where=polls)
    telegram.fail_next(Failure.reset_after(), where=polls)

    for n in range(3):
        await citizen.say(f"Хабар {n}")
    await appeared(hub, "Хабар 0")
    await telegram.until(lambda: not telegram.pending, timeout=PATIENCE)

    appeal = await hub.appeal_of(citizen)
    assert [message["text"] for message in appeal["messages"]] == ["Хабар 0", "Хабар 1", "Хабар 2"]


async def test_a_hub_that_was_stopped_goes_on_where_it_stopped(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    hub = await start_hub(mode="polling")
    citizen = telegram.citizen()
    await citizen.say("Біріншісі")
    await appeared(hub, "Біріншісі")

    assert await hub.terminate() == 0
    assert await stored(hub.database_url, "SELECT name FROM leases WHERE name LIKE 'poll:%'") == []
    await citizen.say("Екіншісі")
    await hub.start()
    await hub.ready()
    await telegram.until(lambda: not telegram.pending)

    async def both() -> bool:
        return len((await hub.appeal_of(citizen))["messages"]) == 2

    await hub.eventually(both)


async def test_a_killed_hub_is_soon_followed_by_another(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    hub = await start_hub(mode="polling")
    await telegram.call(where=polls)
    await hub.kill()

    assert await _until(hub) - utc_now() <= timedelta(seconds=20)


async def test_a_lease_is_renewed_while_a_poll_waits_for_news(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    hub = await start_hub(mode="polling")
    await telegram.call(where=polls)
    first = await _until(hub)

    async def later() -> bool:
        return await _until(hub) > first

    await hub.eventually(later)
    assert len([call for call in telegram.calls if polls(call)]) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_processes_never_both_poll_and_the_second_takes_over(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    first = await start_hub(mode="polling")
    await telegram.call(where=polls)
    second = await start_hub(mode="polling")
    citizen = telegram.citizen()

    for n in range(5):
        await citizen.say(f"Хабар {n}")
    await appeared(second, "Хабар 0")
    await telegram.until(lambda: not telegram.pending)
    assert await _until(first) > utc_now()
    assert await first.terminate() == 0
    await citizen.say("Енді екіншісі сұрайды")
    await telegram.until(lambda: not telegram.pending, timeout=PATIENCE)

    async def all_six() -> bool:
        return len((await second.appeal_of(citizen))["messages"]) == 6

    await second.eventually(all_six)
    assert [call.status for call in telegram.calls if polls(call) and call.status == 409] == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_of_many_processes_started_at_once_one_polls(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    hubs = await asyncio.gather(*(start_hub(mode="polling") for _ in range(3)))
    citizens = [telegram.citizen() for _ in range(10)]

    await asyncio.gather(*(each.say(f"Мен {each.id}") for each in citizens))
    await telegram.until(lambda: not telegram.pending, timeout=PATIENCE)

    for citizen in citizens:
        assert len((await hubs[0].appeal_of(citizen))["messages"]) == 1
    assert [call for call in telegram.calls if polls(call) and call.status == 409] == []


async def _until(hub: Hub) -> datetime:
    """Until when some process may poll."""
    async with opened(hub.database_url) as database, database.read() as session:
        return (
            await session.exec(select(Lease.until).where(Lease.name == "poll:telegram/main"))
        ).one()
