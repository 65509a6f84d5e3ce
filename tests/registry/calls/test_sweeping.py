"""What nobody has told us: calls that ended unheard, and those that the fallback served."""

from datetime import timedelta

import pytest
from sqlmodel import select

from registry.calls import talking
from registry.calls.hearing import Arrived, Ended, HowEnded, LegEnded, Past
from registry.calls.sweeping import (
    PAUSE,
    apply_past,
    apply_side,
    apply_unknown,
    calls_to_ask_about,
    without_known,
)
from registry.calls.switchboard import decision
from registry.calls.tables import CallBack
from registry.db import Database
from tests.registry.calls.exchange import Exchange

NUMBER = "+77010000001"


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


def remembered(exchange: Exchange, call: str, *recordings: str, number: str = NUMBER) -> Past:
    return Past(
        call=call, number=number, ours="+77270000000", began_at=exchange.now,
        how=HowEnded.COMPLETED, seconds=40, recordings=recordings,
    )  # fmt: skip


async def take_in(exchange: Exchange, past: Past) -> None:
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        await apply_past(session, "main", past, office=exchange.office, now=exchange.now)


async def unknown(exchange: Exchange, *past: Past) -> list[str]:
    async with exchange.database.read() as session:
        return [one.call for one in await without_known(session, "main", past)]


async def call_backs(exchange: Exchange) -> list[tuple[str, int]]:
    async with exchange.database.read() as session:
        found = await session.exec(select(CallBack).where(CallBack.number == NUMBER))
        return [(one.why, one.rang) for one in found]


async def test_a_call_that_goes_on_is_asked_about_once_a_minute(exchange: Exchange) -> None:
    side = await exchange.waits()
    for asked in ([], [(side.sid, True)], [], [(side.sid, True)]):
        async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
            found = await calls_to_ask_about(session, now=exchange.now)
        assert [(one.call, one.incoming) for one in found] == asked
        exchange.now += PAUSE / 2 if asked else PAUSE


async def test_an_operators_side_whose_end_was_lost_is_found_over_and_they_are_free_again(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    citizen = await exchange.waits()
    await exchange.answers(aigul)
    daniyar = await exchange.hires("Daniyar")
    await exchange.does(talking.transfer_to, aigul, daniyar, announced=True)
    side = await exchange.answers(daniyar)
    await exchange.does(talking.complete_transfer, aigul)
    exchange.loses = {LegEnded, Arrived}
    await exchange.hangs_up(side)  # the room goes on, and the citizen is alone in it
    exchange.loses = set()
    assert (await exchange.agent(daniyar)).state == "busy"
    exchange.now += PAUSE
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        theirs, ours = await calls_to_ask_about(session, now=exchange.now)
        assert (theirs.call, ours.call) == (citizen.sid, side.sid)
        await apply_side(session, ours, HowEnded.COMPLETED, now=exchange.now)
    assert (await exchange.agent(daniyar)).state == "wrap_up"
    await exchange.carry()
    assert (citizen.state, citizen.said[-1]) == ("over", "goodbye")


async def test_one_that_the_provider_does_not_know_is_over(exchange: Exchange) -> None:
    side = await exchange.waits()
    exchange.now += PAUSE
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        (doubtful,) = await calls_to_ask_about(session, now=exchange.now)
        await apply_unknown(session, doubtful, now=exchange.now)
    assert (await exchange.call(side)).ended_as == "failed"


async def test_a_voicemail_of_a_call_that_we_never_heard_of_is_to_be_answered(
    exchange: Exchange,
) -> None:
    past = remembered(exchange, "CA-unheard", "https://sounds.example/RE1.mp3")
    assert await unknown(exchange, past) == ["CA-unheard"]
    for _ in range(2):
        await take_in(exchange, past)
        (call,) = await exchange.calls()
        assert (call.ended_as, call.state, call.number) == ("message", "ended", NUMBER)
        assert await call_backs(exchange) == [("message", 1)]
    assert await unknown(exchange, past) == []


async def test_a_voicemail_that_was_told_of_when_we_were_away_turns_up_later(
    exchange: Exchange,
) -> None:
    side = await exchange.waits()
    await exchange.hangs_up(side)
    told = remembered(exchange, side.sid)
    assert await unknown(exchange, told) == []
    assert await call_backs(exchange) == [("missed", 1)]

    past = remembered(exchange, side.sid, "https://sounds.example/RE1.mp3")
    assert await unknown(exchange, past) == [side.sid]
    await take_in(exchange, past)
    assert (await exchange.call(side)).ended_as == "message"
    assert await call_backs(exchange) == [("message", 1)]


async def test_a_call_whose_end_was_lost_ends_when_it_did(exchange: Exchange) -> None:
    exchange.loses = {Ended}
    side = await exchange.waits()
    began = exchange.now
    await exchange.hangs_up(side)
    past = remembered(exchange, side.sid)
    exchange.now += timedelta(minutes=5)
    assert await unknown(exchange, past) == [side.sid]
    await take_in(exchange, past)
    call = await exchange.call(side)
    assert (call.ended_as, call.ended_at) == ("abandoned", began + timedelta(seconds=40))


async def test_a_voicemail_that_the_fallback_took_after_a_conversation_is_to_be_answered(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    side = await exchange.waits()
    await exchange.answers(aigul)
    await exchange.hangs_up(side)
    past = remembered(exchange, side.sid, "https://sounds.example/RE1.mp3")
    assert await unknown(exchange, past) == [side.sid]
    await take_in(exchange, past)
    assert (await exchange.call(side)).ended_as == "answered"
    assert await call_backs(exchange) == [("message", 1)]
    assert await unknown(exchange, past) == []
