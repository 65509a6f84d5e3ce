"""Many at once: the same delivery, the first words of one citizen, two processes, a stop."""

import asyncio
import random
from typing import Any

import aiohttp
import pytest

from connectors.telegram.citizens import Citizen
from connectors.telegram.sandbox import TelegramSandbox
from connectors.testing.sandbox import Call, Failure
from tests.journeys.conftest import StartHub
from tests.journeys.process import PATIENCE, Hub, stored

SENT_AT = 1_772_440_200


def update(citizen: Citizen, number: int, said: str) -> dict[str, Any]:
    """The citizen's message as Telegram delivers it; all are of one second."""
    return {
        "update_id": 700_000 + citizen.id % 1000 * 1000 + number,
        "message": {
            "message_id": number,
            "from": citizen.user,
            "chat": citizen.chat,
            "date": SENT_AT,
            "text": said,
        },
    }


def sends(call: Call) -> bool:
    """Whether a call carries a message to a citizen."""
    return call.params.get("method") == "sendMessage"


async def count(hub: Hub, table: str) -> int:
    """The rows of a table."""
    ((found,),) = await stored(hub.database_url, f"SELECT count(*) FROM {table}")
    return int(found)


async def test_the_same_update_twenty_times_at_once_is_one_message(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    delivery = update(citizen, 1, "Жарық жоқ, Розыбакиев 247")

    statuses = await asyncio.gather(*(hub.deliver(delivery) for _ in range(20)))

    assert statuses == [200] * 20
    appeal = await hub.appeal_of(citizen)
    assert [message["text"] for message in appeal["messages"]] == ["Жарық жоқ, Розыбакиев 247"]
    assert (appeal["message_count"], appeal["unread"]) == (1, 1)
    assert [entry["event"] for entry in appeal["journal"]] == ["appeal.opened"]


async def test_ten_first_messages_of_a_new_citizen_are_one_contact_one_appeal_and_in_order(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    deliveries = [update(citizen, n, f"Хабар {n}") for n in range(1, 11)]
    random.Random(7).shuffle(deliveries)

    statuses = await asyncio.gather(*(hub.deliver(each) for each in deliveries))

    assert statuses == [200] * 10
    appeal = await hub.appeal_of(citizen)
    assert [message["text"] for message in appeal["messages"]] == [
        f"Хабар {n}" for n in range(1, 11)
    ]
    assert (appeal["message_count"], appeal["unread"]) == (10, 10)
    assert await count(hub, "contacts") == 1
    assert await count(hub, "appeals") == 1


async def test_first_messages_of_many_citizens_at_once_each_get_a_number_of_their_own(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizens = [telegram.citizen() for _ in range(60)]

    statuses = await asyncio.gather(
        *(hub.deliver(update(each, 1, f"Мен {each.id}")) for each in citizens)
    )

    assert statuses == [200] * 60
    numbers = [appeal["number"] for appeal in await hub.appeals()]
    assert len(set(numbers)) == 60
    assert await count(hub, "contacts") == 60


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_processes_on_one_database_register_and_send_everything_once(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    hubs = [await start_hub(), await start_hub()]
    citizens = [telegram.citizen() for _ in range(20)]

    statuses = await asyncio.gather(
        *(
            hub.deliver(update(citizen, n, f"Хабар {n}"))
            for n in range(1, 6)
            for citizen in citizens
            for hub in hubs
        )
    )
    assert statuses == [200] * 200
    for citizen in citizens:
        citizen.started = True
        appeal = await hubs[0].appeal_of(citizen)
        assert [message["text"] for message in appeal["messages"]] == [
            f"Хабар {n}" for n in range(1, 6)
        ]
        replies = [await hub.send(appeal["number"], f"Жауап {n}") for n, hub in enumerate(hubs)]
        assert [reply.status for reply in replies] == [202, 202]

    for citizen in citizens:
        await telegram.until(lambda c=citizen: len(c.received) >= 2, timeout=PATIENCE)  # type: ignore[misc]
        assert [each.text for each in citizen.received] == ["Жауап 0", "Жауап 1"]
        messages = (await hubs[1].appeal_of(citizen))["messages"]
        for message in messages[-2:]:
            await hubs[1].became(
                (await hubs[1].appeal_of(citizen))["number"], message["id"], "sent"
            )
    assert len(telegram.sent) == 40
    assert await count(hubs[0], "buried") == 0


async def test_a_stop_lets_the_sends_under_way_settle(hub: Hub, telegram: TelegramSandbox) -> None:
    citizens = [telegram.citizen() for _ in range(5)]
    numbers = []
    for citizen in citizens:
        await citizen.say("Су жоқ, Әуезов 100")
        numbers.append((await hub.appeal_of(citizen))["number"])
    released = asyncio.Event()
    telegram.fail_next(Failure.hang(released), times=None, where=sends)
    ids = [(await hub.send(number, "Жауап")).json["id"] for number in numbers]
    await telegram.call(nth=5, where=sends)
    # It waits behind the first of its conversation, and is not begun any more.
    late = (await hub.send(numbers[0], "Тағы")).json["id"]

    hub.ask_to_stop()
    await hub.logged("stopping")
    telegram.heal()
    released.set()

    assert await hub.ended() == 0
    assert [each.text for each in telegram.sent] == ["Жауап"] * 5
    await hub.start()
    await hub.ready()
    for number, id_ in zip([*numbers, numbers[0]], [*ids, late], strict=True):
        await hub.became(number, id_, "sent")
    assert [each.text for each in citizens[0].received] == ["Жауап", "Тағы"]
    journals = [(await hub.get(f"appeals/{number}"))["journal"] for number in numbers]
    events = {entry["event"] for journal in journals for entry in journal}
    assert "message.uncertain" not in events


async def test_a_stop_under_load_registers_all_that_it_acknowledged(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizens = [telegram.citizen() for _ in range(20)]
    acknowledged: dict[int, list[str]] = {citizen.id: [] for citizen in citizens}

    async def writes(citizen: Citizen) -> None:
        for n in range(1, 1000):
            try:
                status = await hub.deliver(update(citizen, n, f"Хабар {n}"))
            except aiohttp.ClientError:
                return
            if status != 200:
                assert status == 503
                return
            acknowledged[citizen.id].append(f"Хабар {n}")
            if n == 5:
                enough.set()

    enough = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for citizen in citizens:
            group.create_task(writes(citizen))
        await enough.wait()
        hub.ask_to_stop()
        assert await hub.ended() == 0

    await hub.start()
    await hub.ready()
    for citizen in citizens:
        said = [message["text"] for message in (await hub.appeal_of(citizen))["messages"]]
        assert said[: len(acknowledged[citizen.id])] == acknowledged[citizen.id]
        # The last one may have been stored when the answer to it was lost.
        assert len(said) - len(acknowledged[citizen.id]) in {0, 1}
