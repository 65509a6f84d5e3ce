"""What the provider is told: once at least, in order, and not for nothing."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from registry.calls.carrying import (
    Claimed,
    claim_orders,
    fail_order,
    postpone_order,
    settle_order,
)
from registry.calls.hearing import HowEnded
from registry.calls.ordering import LEASE_SECONDS, MOST_TRIES, order, waiting_orders
from registry.calls.orders import Dial, HangUpCall, Move, Ring
from registry.calls.switchboard import decision
from registry.calls.tables import Call, CallLeg, CallOrder
from registry.db import Database
from tests.registry.calls.exchange import Exchange, Side
from tests.registry.calls.test_talking import _calls


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


class Lazy(Exchange):
    """A provider whom nobody tells anything by itself."""

    async def carry(self) -> None:
        pass


@pytest.fixture
def lazy(database: Database) -> Lazy:
    return Lazy(database)


async def _claim(exchange: Exchange) -> list[Claimed]:
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        return list(await claim_orders(session, now=exchange.now))


async def _settle(exchange: Exchange, claimed: Claimed, made: str | None = None) -> None:
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        await settle_order(session, claimed.id, made=made, now=exchange.now)


async def _rings(lazy: Lazy) -> tuple[Side, Claimed]:
    """A caller, and the order to let it ring at somebody."""
    await lazy.hires("Aigul")
    caller = await lazy.waits()
    (claimed,) = await _claim(lazy)
    assert isinstance(claimed.order, Ring)
    return caller, claimed


async def test_an_order_is_one_process_s_until_its_lease_runs_out(lazy: Lazy) -> None:
    _, claimed = await _rings(lazy)
    assert isinstance(claimed.order, Ring)
    assert (claimed.tries, claimed.order.first) == (1, True)
    assert await _claim(lazy) == []
    lazy.now = lazy.at(LEASE_SECONDS)
    (again,) = await _claim(lazy)
    assert again.id == claimed.id
    assert isinstance(again.order, Ring)
    assert (again.tries, again.order.first) == (2, False)
    await _settle(lazy, again, "CB1")
    assert await _claim(lazy) == []


async def test_the_orders_of_a_call_wait_for_each_other_and_not_for_those_of_others(
    lazy: Lazy,
) -> None:
    caller, ring = await _rings(lazy)
    await _settle(lazy, ring, "CB1")
    async with lazy.database.read() as session:
        leg = (await session.exec(select(CallLeg))).one()
    lazy.sides["CB1"] = Side(sid="CB1", leg=str(leg.id))
    await lazy.answers(leg.operator_id)
    await lazy.ends(lazy.sides["CB1"])
    await lazy.hires("Daniyar")
    await lazy.waits("+77010000002")
    claimed = await _claim(lazy)
    assert {type(one.order) for one in claimed} == {Ring}
    assert len({one.order.leg for one in claimed if isinstance(one.order, Ring)}) == 1
    assert caller.in_queue


async def test_an_order_comes_after_those_before_whatever_another_process_takes_for_the_time(
    lazy: Lazy,
) -> None:
    _, ring = await _rings(lazy)
    ahead = ring.id + (1 << 50)
    await lazy.change(CallOrder, ring.id, id=ahead)
    async with decision(lazy.database, office=lazy.office, now=lazy.now) as session:
        call = (await session.exec(select(Call))).one()
        await order(session, call, HangUpCall(call="CA1"), now=lazy.now)
        assert [row.id for row in await waiting_orders(session, call.id)] == [ahead, ahead + 1]


async def test_what_is_needless_by_now_is_not_carried(lazy: Lazy) -> None:
    await lazy.hires("Aigul")
    caller = await lazy.waits()
    await lazy.ends(caller)
    assert await _claim(lazy) == []
    async with lazy.database.read() as session:
        rows = (await session.exec(select(CallOrder))).all()
    assert all(row.done_at for row in rows)


async def test_what_was_begun_when_nobody_wanted_it_any_more_is_hung_up(lazy: Lazy) -> None:
    caller, ring = await _rings(lazy)
    await lazy.ends(caller)
    assert await _claim(lazy) == []
    await _settle(lazy, ring, "CB1")
    (order,) = await _claim(lazy)
    assert order.order == HangUpCall(call="CB1")


async def test_a_call_of_ours_that_was_made_too_late_is_hung_up(lazy: Lazy) -> None:
    aigul = await lazy.hires("Aigul")
    await _calls(lazy, aigul)
    (ring,) = await _claim(lazy)
    await _settle(lazy, ring, "CB1")
    leg = (await lazy.legs())[0]
    lazy.sides["CB1"] = Side(sid="CB1", leg=str(leg.id))
    await lazy.answers(aigul)
    (dial,) = await _claim(lazy)
    assert isinstance(dial.order, Dial)
    await lazy.ends(lazy.sides["CB1"])
    await _settle(lazy, dial, "CA9")
    (order,) = await _claim(lazy)
    assert order.order == HangUpCall(call="CA9")


async def test_what_fails_is_tried_again_later_and_then_given_up_and_told(lazy: Lazy) -> None:
    caller, claimed = await _rings(lazy)
    lazy.office = lazy.office
    waited = 0.0
    for _ in range(MOST_TRIES - 1):
        async with decision(lazy.database, office=lazy.office, now=lazy.now) as session:
            await postpone_order(session, claimed.id, "It is down.", now=lazy.now)
        assert await _claim(lazy) == []
        step = 2.0**_
        lazy.now, waited = lazy.at(step), waited + step
        (claimed,) = await _claim(lazy)
    async with decision(lazy.database, office=lazy.office, now=lazy.now) as session:
        await postpone_order(session, claimed.id, "It is down.", now=lazy.now)
    assert waited < 20
    assert [leg.state for leg in await lazy.legs()] == ["failed"]
    assert (await lazy.call(caller)).state == "waiting"


async def test_what_is_put_off_holds_nothing_up_that_makes_it_needless(lazy: Lazy) -> None:
    caller, claimed = await _rings(lazy)
    async with decision(lazy.database, office=lazy.office, now=lazy.now) as session:
        await postpone_order(session, claimed.id, "Too fast.", after=60, now=lazy.now)
    await lazy.ends(caller)
    async with lazy.database.read() as session:
        (row,) = (await session.exec(select(CallOrder))).all()
    assert row.done_at == lazy.now


async def test_who_is_told_to_wait_waits(lazy: Lazy) -> None:
    _, claimed = await _rings(lazy)
    async with decision(lazy.database, office=lazy.office, now=lazy.now) as session:
        await postpone_order(session, claimed.id, "Too fast.", after=7, now=lazy.now)
    lazy.now += timedelta(seconds=6)
    assert await _claim(lazy) == []
    lazy.now += timedelta(seconds=1)
    assert len(await _claim(lazy)) == 1


async def test_an_operator_who_cannot_be_rung_is_away_and_the_next_is_offered_the_call(
    exchange: Exchange,
) -> None:
    exchange.refuses = {Ring}
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.reason) == ("away", "failed")
    assert (await exchange.call(caller)).state == "waiting"
    exchange.refuses = set()
    daniyar = await exchange.hires("Daniyar")
    assert await exchange.offered_to() == [daniyar]


async def test_a_citizen_who_cannot_be_called_ends_the_call(exchange: Exchange) -> None:
    exchange.refuses = {Dial}
    aigul = await exchange.hires("Aigul")
    await _calls(exchange, aigul)
    side = await exchange.answers(aigul)
    (call,) = await exchange.calls()
    assert (call.state, call.ended_as, side.state) == ("ended", "failed", "over")
    assert (await exchange.agent(aigul)).state == "available"


async def test_a_caller_who_cannot_be_brought_to_the_operator_waits_on(exchange: Exchange) -> None:
    exchange.refuses = {Move}
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    side = await exchange.answers(aigul)
    assert side.state == "over"
    call = await exchange.call(caller)
    assert call.state in {"waiting", "ringing"}
    assert call.answered_at is None
    exchange.refuses = set()
    await exchange.answers(aigul)
    assert (await exchange.call(caller)).state == "talking"


async def test_what_is_settled_or_fails_twice_is_done_once(lazy: Lazy) -> None:
    _, claimed = await _rings(lazy)
    await _settle(lazy, claimed, "CB1")
    await _settle(lazy, claimed, "CB1")
    async with decision(lazy.database, office=lazy.office, now=lazy.now) as session:
        await fail_order(session, claimed.id, "Too late.", now=lazy.now)
        await fail_order(session, 17, "What was that?", now=lazy.now)
    assert [leg.state for leg in await lazy.legs()] == ["ringing"]
    async with lazy.database.read() as session:
        rows = (await session.exec(select(CallOrder).order_by(col(CallOrder.id)))).all()
    assert len(rows) == 1


async def test_a_leg_that_ends_before_its_order_is_settled_is_over(lazy: Lazy) -> None:
    _, claimed = await _rings(lazy)
    (leg,) = await lazy.legs()
    await lazy.ends(Side(sid="CB1", leg=str(leg.id)), HowEnded.BUSY)
    await _settle(lazy, claimed, "CB1")
    assert [one.state for one in await lazy.legs()] == ["declined"]
