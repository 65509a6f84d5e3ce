"""Deliveries that never came: what comes instead makes up for them, and the provider is asked."""

import asyncio
from typing import Any

import pytest
from sqlmodel import select

from registry.calls.agents import set_state
from registry.calls.hearing import (
    Arrived,
    Ended,
    HowEnded,
    LeftMessage,
    LegEnded,
    Past,
    Pressed,
    Rang,
    Waits,
)
from registry.calls.locking import CALLS
from registry.calls.script import Queue
from registry.calls.sweeping import (
    PAUSE,
    Doubtful,
    apply_past,
    apply_unknown,
    calls_to_ask_about,
    without_known,
)
from registry.calls.switchboard import decision, hear
from registry.calls.tables import CallBack
from registry.db import Database
from registry.wire import Wire
from tests.registry.calls.exchange import Exchange
from tests.registry.calls.truth import check_truth
from tests.registry.test_wire import Heard, listening


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


def _about(exchange: Exchange, sid: str = "CA1") -> dict[str, Any]:
    return {"account": "main", "call": sid, "at": exchange.now}


async def test_an_end_that_comes_before_the_beginning_stays_the_end(exchange: Exchange) -> None:
    ended = Ended(**_about(exchange), how=HowEnded.COMPLETED)
    rang = Rang(**_about(exchange), number="+77010000001", ours="+77270000000")
    for heard in (ended, rang, ended, rang):
        await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    (call,) = await exchange.calls()
    assert (call.state, call.number, call.ours) == ("ended", "+77010000001", "+77270000000")


@pytest.mark.parametrize("step", ["room", "talked"])
async def test_who_comes_from_a_queue_that_we_forgot_waits_on(
    exchange: Exchange, step: str
) -> None:
    heard = Arrived(**_about(exchange), step=step)
    script = await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    assert script is not None
    assert isinstance(script[-1], Queue)
    aigul = await exchange.hires("Aigul")
    assert await exchange.offered_to() == [aigul]


async def test_who_stands_in_a_queue_that_we_forgot_has_waited_as_long_as_the_provider_says(
    exchange: Exchange,
) -> None:
    heard = Waits(**_about(exchange), seconds=70)
    await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    (call,) = await exchange.calls()
    assert (call.state, call.waiting_since) == ("waiting", exchange.at(-70))


async def test_an_answer_to_a_question_that_we_forgot_is_taken(exchange: Exchange) -> None:
    heard = Pressed(**_about(exchange), step="language", digits="2")
    script = await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    assert script is not None
    assert isinstance(script[-1], Queue)
    (call,) = await exchange.calls()
    assert (call.state, call.language) == ("waiting", "ru")


async def test_a_voicemail_of_a_call_that_we_forgot_is_one(exchange: Exchange) -> None:
    heard = LeftMessage(**_about(exchange), recording="RE1", seconds=4)
    await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    ended = Ended(**_about(exchange), how=HowEnded.COMPLETED)
    await hear(exchange.database, ended, office=exchange.office, now=exchange.now)
    (call,) = await exchange.calls()
    assert call.ended_as == "message"


@pytest.mark.parametrize("known", ["17", "", "x"])
async def test_a_call_of_ours_that_we_forgot_is_called_one_of_ours(
    exchange: Exchange, known: str
) -> None:
    heard = Ended(**_about(exchange), known=known, how=HowEnded.BUSY)
    await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    (call,) = await exchange.calls()
    assert (call.direction, call.ended_as) == ("out", "busy")


async def test_a_lost_end_is_found_by_asking_the_provider(exchange: Exchange) -> None:
    exchange.loses = {Ended, LegEnded}
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    await exchange.answers(aigul)
    caller.ends_room = False  # nobody else is told either
    await exchange.hangs_up(caller)
    assert (await exchange.call(caller)).state == "talking"
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        assert not await calls_to_ask_about(session, now=exchange.now)
    exchange.now += PAUSE
    past = Past(
        call=caller.sid, number=caller.number, ours="", began_at=exchange.at(-60),
        how=HowEnded.COMPLETED, seconds=45,
    )  # fmt: skip
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        doubtful, *_ = await calls_to_ask_about(session, now=exchange.now)
        assert (doubtful.account, doubtful.call) == ("main", caller.sid)
        await apply_past(session, "main", past, office=exchange.office, now=exchange.now)
    call = await exchange.call(caller)
    assert (call.state, call.ended_as, call.ended_at) == ("ended", "answered", exchange.at(-15))
    assert (await exchange.agent(aigul)).state == "wrap_up"
    await check_truth(exchange)


async def test_a_call_that_goes_on_is_asked_about_again_after_a_pause(exchange: Exchange) -> None:
    caller = await exchange.waits()
    for _ in range(2):
        exchange.now += PAUSE
        past = Past(
            call=caller.sid, number="", ours="", began_at=exchange.at(-60), how=None
        )  # fmt: skip
        async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
            assert len(await calls_to_ask_about(session, now=exchange.now)) == 1
            assert not await calls_to_ask_about(session, now=exchange.now)
            await apply_past(session, "main", past, office=exchange.office, now=exchange.now)
    assert (await exchange.call(caller)).state == "waiting"


async def test_a_call_that_the_provider_does_not_know_is_over(exchange: Exchange) -> None:
    caller = await exchange.waits()
    asked = Doubtful(account="main", call=caller.sid, incoming=True)
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        await apply_unknown(session, asked, now=exchange.now)
    assert (await exchange.call(caller)).ended_as == "failed"


async def test_a_call_that_was_never_heard_of_is_called_back(exchange: Exchange) -> None:
    past = Past(
        call="CA7", number="+77010000007", ours="+77270000000", began_at=exchange.at(-600),
        how=HowEnded.COMPLETED, seconds=20,
    )  # fmt: skip
    for _ in range(2):
        async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
            await apply_past(session, "main", past, office=exchange.office, now=exchange.now)
    (call,) = await exchange.calls()
    assert (call.number, call.ended_at) == ("+77010000007", exchange.at(-580))
    async with exchange.database.read() as session:
        back = (await session.exec(select(CallBack))).one()
    assert (back.number, back.rang) == ("+77010000007", 1)


async def test_a_voicemail_that_only_the_provider_knows_of_is_found(exchange: Exchange) -> None:
    caller = await exchange.waits()
    await exchange.hangs_up(caller)
    past = Past(
        call=caller.sid, number=caller.number, ours="", began_at=exchange.now,
        how=HowEnded.COMPLETED, recordings=("RE1",),
    )  # fmt: skip
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        assert await without_known(session, "main", [past]) == [past]
        await apply_past(session, "main", past, office=exchange.office, now=exchange.now)
        assert not await without_known(session, "main", [past])
    assert (await exchange.call(caller)).ended_as == "message"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_other_processes_hear_of_a_decision_at_once(
    exchange: Exchange, database: Database
) -> None:
    aigul = await exchange.hires("Aigul")
    heard = Heard()
    wire = Wire(database)
    wire.on(CALLS, heard)
    async with listening(wire):
        assert await heard.next() == ""
        await exchange.does(set_state, aigul, "away", reason="meal")
        assert await heard.next() == ""


async def test_this_process_hears_of_a_decision_at_once(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    heard = asyncio.Event()
    exchange.database.on_commit(heard.set)
    await exchange.does(set_state, aigul, "away", reason="meal")
    assert heard.is_set()
