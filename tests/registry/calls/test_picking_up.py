"""Operators who are rung by the telephone network, where a mailbox may pick up in their place."""

import pytest

from registry.calls import talking
from registry.db import Database
from tests.registry.calls.exchange import Exchange

MOBILE = "+77015550001"


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


async def test_a_mailbox_that_picks_up_takes_no_call(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul", device=MOBILE)
    caller = await exchange.waits()
    side = await exchange.answers(aigul)
    assert side.said == ["take_call"]
    assert caller.in_queue
    await exchange.presses(side, "")
    assert side.state == "over"
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.reason) == ("away", "no_answer")
    daniyar = await exchange.hires("Daniyar")
    theirs = await exchange.answers(daniyar)
    assert exchange.in_room(caller) == [theirs]


async def test_who_presses_a_key_has_the_call_though_they_picked_up_in_the_last_second(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul", device=MOBILE)
    caller = await exchange.waits()
    await exchange.passes(19)
    side = await exchange.answers(aigul)
    await exchange.passes(5)
    assert (await exchange.call(caller)).answered_at is None
    await exchange.presses(side, "5")
    assert exchange.in_room(caller) == [side]
    await exchange.hangs_up(caller)
    assert (await exchange.call(caller)).ended_as == "answered"


async def test_a_mailbox_calls_nobody(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul", device=MOBILE)
    await exchange.does(
        lambda session, operator_id, now: talking.call_out(
            session, operator_id=operator_id, number="+77011234567", account="main", now=now
        ),
        aigul,
    )
    side = await exchange.answers(aigul)
    await exchange.presses(side, "")
    assert [one.number for one in exchange.sides.values() if one.leg is None] == []
    (call,) = await exchange.calls()
    assert call.state == "ended"


async def test_a_key_for_a_call_that_somebody_else_has_by_now_is_answered_so(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul", device=MOBILE)
    caller = await exchange.waits()
    side = await exchange.answers(aigul)
    step = side.step
    await exchange.hangs_up(caller)
    side.state, side.step = "up", step  # its end is on the way
    await exchange.presses(side, "1")
    assert side.said[-1] == "caller_gone"
