"""What comes late: reports on nothing, blocks, whole backlogs, and echoes of other days."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import workers.schedule
from connectors.base import Blocked, Throttled, Uncertain
from registry.db import Database
from registry.errors import CannotCarry
from registry.intake import Accepted, accept
from registry.outbox import claim_due, forget_early
from registry.types import DeliveryReport, DeliveryState, Inbound, utc_now
from tests.conftest import FakeClock
from tests.registry.samples import RULES, echo, message, sender
from tests.workers.stand_ins import MAIN, Outbox
from workers.outbox import tidy_outbox
from workers.schedule import run_schedule

ACKNOWLEDGING = replace(RULES, acknowledge=lambda **told: f"{told['number']} тіркелді")
OURS = "SELECT text, state FROM messages WHERE direction = 'out' ORDER BY created_at, id"


@pytest.fixture
async def outbox(database: Database, clock: FakeClock, tmp_path: Path) -> Any:
    async with Outbox(database, clock, tmp_path) as made:
        yield made


async def rows(database: Database, sql: str) -> Sequence[Any]:
    async with database.read() as session:
        return [tuple(row) for row in await (await session.connection()).execute(text(sql))]


async def take(outbox: Outbox, *items: Inbound) -> Accepted:
    return await outbox.database.run(accept(items, rules=RULES, now=outbox.clock()))


# --- Reports on what is not ours ------------------------------------------------------------------


async def test_reports_on_nothing_of_ours_are_forgotten_after_a_week(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The scheduler goes by the machine's own clock.
    def came(external_id: str, *, ago: timedelta) -> Any:
        told = DeliveryReport(
            channel="telegram", account="main", state=DeliveryState.DELIVERED, at=utc_now(),
            external_id=external_id,
        )  # fmt: skip
        return accept([told], rules=RULES, now=utc_now() - ago)

    await outbox.database.run(came("old", ago=timedelta(days=7, minutes=1)))
    await outbox.database.run(came("young", ago=timedelta(days=6, hours=23)))
    kept = "SELECT external_id FROM early_reports ORDER BY external_id"
    assert await rows(outbox.database, kept) == [("old",), ("young",)]

    forgotten, stopping = asyncio.Event(), asyncio.Event()

    forgetting: list[object] = []
    run = outbox.database.run

    def forget(*, before: datetime) -> Any:
        forgetting.append(forget_early(before=before))
        return forgetting[0]

    async def run_and_tell(script: Any) -> Any:
        result = await run(script)
        if script in forgetting:
            forgotten.set()
        return result

    monkeypatch.setattr(workers.schedule, "forget_early", forget)
    monkeypatch.setattr(outbox.database, "run", run_and_tell)
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        group.create_task(
            run_schedule(
                {}, database=outbox.database, bus=outbox.bus, owner="test", stopping=stopping
            )
        )
        await forgotten.wait()
        stopping.set()
    assert await rows(outbox.database, kept) == [("young",)]


# --- Blocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("writes", [True, False])
async def test_a_block_that_is_told_late_closes_no_conversation_in_which_the_citizen_wrote_since(
    outbox: Outbox, clock: FakeClock, writes: bool
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")

    async def blocked() -> None:
        clock.advance(timedelta(seconds=2))
        if writes:
            await take(outbox, message("2", sent_at=clock(), text="Мен қайта қостым"))
        raise Blocked("The citizen blocked the bot.")

    outbox.connector.script.append(blocked)
    await outbox.send_due()
    assert await rows(outbox.database, OURS) == [("Қабылдадық", "failed")]
    if not writes:
        with pytest.raises(CannotCarry, match="blocked"):
            await outbox.reply(number, "Тағы")
        return
    await outbox.reply(number, "Тағы")
    await outbox.send_due()
    assert outbox.connector.texts == ["Тағы"]


# --- Messages of other days -----------------------------------------------------------------------


async def test_a_message_that_is_days_old_opens_an_appeal_and_is_not_acknowledged(
    outbox: Outbox, clock: FakeClock
) -> None:
    late = message("1", sent_at=clock() - timedelta(days=6))
    fresh = message(
        "2", conversation="701", sender=sender("701"), sent_at=clock() - timedelta(minutes=59)
    )
    accepted = await outbox.database.run(accept([late, fresh], rules=ACKNOWLEDGING, now=clock()))
    old, new = accepted.numbers
    assert old is not None
    assert old != new
    await outbox.send_due()
    assert outbox.connector.texts == [f"{new} тіркелді"]
    assert await rows(outbox.database, "SELECT count(*), sum(message_count) FROM appeals") == [
        (2, 2)
    ]


# --- Echoes of other days -------------------------------------------------------------------------


async def test_an_echo_days_after_an_uncertain_reply_of_the_same_words_is_an_employees(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Рақмет")
    outbox.connector.script.append(Uncertain("The answer was lost."))
    await outbox.send_due()
    clock.advance(timedelta(days=20))
    await take(outbox, echo("e1", text="Рақмет", sent_at=clock()))
    assert await rows(outbox.database, OURS) == [("Рақмет", "uncertain"), ("Рақмет", "sent")]


async def test_an_employees_words_are_not_taken_for_a_reply_of_the_same_that_waits(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Рақмет")
    outbox.connector.script.append(Throttled("Not so fast.", retry_after=30.0))
    await outbox.send_due()
    await take(outbox, echo("e1", text="Рақмет", sent_at=clock()))
    clock.advance(timedelta(seconds=30))
    await outbox.send_due()
    assert outbox.connector.texts == ["Рақмет"]
    assert await rows(outbox.database, OURS) == [("Рақмет", "sent")] * 2


async def test_an_echo_of_a_reply_that_had_to_wait_for_long_is_ours(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Рақмет")
    outbox.connector.script.append(Throttled("Not so fast.", retry_after=3600.0))
    await outbox.send_due()
    clock.advance(timedelta(hours=1))

    async def overtaken() -> None:
        await take(outbox, echo("out-1", text="Рақмет", sent_at=clock()))

    outbox.connector.script.append(overtaken)
    await outbox.send_due()
    assert await rows(outbox.database, OURS) == [("Рақмет", "sent")]


async def test_an_echo_that_waited_while_the_hub_was_down_is_of_what_it_died_sending(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Рақмет")
    call = clock()
    claim = claim_due(MAIN, limit=1, owner="dead", now=call, lease=timedelta(seconds=90))
    assert len(await outbox.database.run(claim)) == 1
    clock.advance(timedelta(hours=3))
    await tidy_outbox({MAIN: outbox.connector}, database=outbox.database, clock=clock)
    assert await rows(outbox.database, OURS) == [("Рақмет", "uncertain")]
    await take(outbox, echo("e1", text="Рақмет", sent_at=call + timedelta(seconds=3)))
    assert await rows(outbox.database, OURS) == [("Рақмет", "sent")]
