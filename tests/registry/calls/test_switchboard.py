"""Who is offered which call, who answers it, and what becomes of it when nobody does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from registry.appeals import Change, Priority, change_appeal
from registry.calls import duty, legs
from registry.calls.agents import set_state
from registry.calls.hearing import Ended, HowEnded, LegAnswered, Pressed, Rang, Waits
from registry.calls.legs import NothingRings
from registry.calls.orders import Move, Ring
from registry.calls.script import Ask, Line, Script, Talk
from registry.calls.switchboard import decision, hear, tick
from registry.calls.tables import Call, CallBack, CallLeg
from registry.db import Database
from registry.models import Appeal, JournalEntry
from registry.office import change_setting
from registry.office_shapes import MenuItem, Telephone, as_delivered
from registry.operators import Principal, Role
from tests.registry.calls.exchange import Exchange
from tests.registry.calls.lines import rings as registered
from tests.registry.samples import START

BOSS = Principal(role=Role.ADMIN, name="Дана", operator_id=None, actor="token:tests")


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


# --- Offers ---------------------------------------------------------------------------------------


async def test_a_caller_who_waits_is_offered_to_an_idle_operator_and_talks_with_them(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    assert await exchange.offered_to() == [aigul]
    assert (await exchange.call(caller)).state == "ringing"
    operator = await exchange.answers(aigul)
    assert exchange.in_room(caller) == [operator]
    call = await exchange.call(caller)
    assert (call.state, call.operator_id, call.answered_at) == ("talking", aigul, exchange.now)
    assert (await exchange.agent(aigul)).state == "busy"


async def test_an_operator_writes_down_what_a_call_was_about_and_then_takes_the_next(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    await exchange.answers(aigul)
    await exchange.passes(60)
    other = await exchange.waits("+77010000002")
    await exchange.hangs_up(caller)
    call = await exchange.call(caller)
    assert (call.state, call.ended_as, call.talked) == ("ended", "answered", 60.0)
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.wrapping_up) == ("wrap_up", call.id)
    assert (await exchange.call(other)).state == "waiting"
    await exchange.writes_down(aigul)
    assert (await exchange.call(other)).state == "ringing"


async def test_the_operator_who_has_been_idle_longest_is_offered_the_call(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    await exchange.passes(1)
    daniyar = await exchange.hires("Daniyar")
    first = await exchange.waits()
    await exchange.answers(aigul)
    await exchange.hangs_up(first)
    await exchange.passes(1)
    await exchange.writes_down(aigul)
    await exchange.waits("+77010000002")
    assert await exchange.offered_to() == [daniyar]


async def test_an_operator_takes_callers_whose_language_they_speak(exchange: Exchange) -> None:
    await exchange.hires("Ivan", languages=["ru"])
    kazakh = await exchange.waits(language="1")
    assert (await exchange.call(kazakh)).state == "waiting"
    russian = await exchange.waits("+77010000002", language="2")
    assert (await exchange.call(russian)).state == "ringing"
    aigul = await exchange.hires("Aigul", languages=["kk", "ru"])
    assert (await exchange.call(kazakh)).state == "ringing"
    assert aigul in await exchange.offered_to()


async def test_an_operator_takes_the_calls_of_their_teams_and_those_of_anybody(
    exchange: Exchange,
) -> None:
    items = (MenuItem(digit="1", team="water"),)
    async with exchange.database.write() as session:
        wanted = as_delivered(Telephone)
        setting = type(wanted)(
            **{f: getattr(wanted, f) for f in wanted.__struct_fields__} | {"menu": items}
        )
        await change_setting(session, setting, actor="system", now=START)
    roads = await exchange.hires("Roads", teams=["roads"])
    plumber = await exchange.rings()
    await exchange.presses(plumber, "2")
    await exchange.presses(plumber, "1")
    call = await exchange.call(plumber)
    assert (call.state, call.team) == ("waiting", "water")
    anybody = await exchange.rings("+77010000002")
    await exchange.presses(anybody, "2")
    while not anybody.in_queue:
        await exchange.presses(anybody, "")
    await exchange.carry()
    assert await exchange.offered_to() == [roads]
    assert (await exchange.call(anybody)).state == "ringing"
    water = await exchange.hires("Water", teams=["water"])
    assert water in await exchange.offered_to()


async def test_who_has_an_urgent_appeal_comes_before_who_has_waited_longer(
    exchange: Exchange,
) -> None:
    number = await registered(exchange.database, "+77010000009", sid="CA-before")
    async with exchange.database.write() as session:
        change = Change(priority=Priority.URGENT)
        await change_appeal(session, number, change, by=BOSS, now=START)
    first = await exchange.waits()
    await exchange.passes(5)
    urgent = await exchange.waits("+77010000009")
    aigul = await exchange.hires("Aigul")
    assert (await exchange.call(urgent)).state == "ringing"
    assert (await exchange.call(first)).state == "waiting"
    assert await exchange.offered_to() == [aigul]


async def test_whose_call_nobody_takes_is_the_next_again_and_the_operator_is_away(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    first = await exchange.waits()
    await exchange.passes(5)
    second = await exchange.waits("+77010000002")
    await exchange.passes(15)
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.reason) == ("away", "no_answer")
    assert (await exchange.call(first)).state == "waiting"
    assert [leg.state for leg in await exchange.legs()] == ["missed"]
    assert all(side.state == "over" for side in exchange.sides.values() if side.leg)
    await exchange.hires("Daniyar")
    assert (await exchange.call(first)).state == "ringing"
    assert (await exchange.call(second)).state == "waiting"


async def test_it_rings_for_the_seconds_that_are_set_and_no_longer(exchange: Exchange) -> None:
    await exchange.hires("Aigul")
    await exchange.waits()
    await exchange.passes(19)
    assert [leg.state for leg in await exchange.legs()] == ["ringing"]
    await exchange.passes(1)
    assert [leg.state for leg in await exchange.legs()] == ["missed"]


async def test_a_declined_call_goes_to_the_next_operator_at_once(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    daniyar = await exchange.hires("Daniyar")
    await exchange.waits()
    await exchange.does(legs.decline, aigul)
    assert await exchange.offered_to() == [daniyar]
    assert (await exchange.agent(aigul)).reason == "no_answer"
    with pytest.raises(NothingRings):
        await exchange.does(legs.decline, aigul)


async def test_a_device_that_refuses_is_a_call_declined(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    await exchange.waits()
    side = exchange.rung(aigul, await exchange.legs())
    assert side is not None
    await exchange.hangs_up(side, HowEnded.BUSY)
    assert [leg.state for leg in await exchange.legs()] == ["declined"]
    assert (await exchange.agent(aigul)).state == "away"


async def test_a_caller_who_gives_up_rings_no_longer_and_is_called_back(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    await exchange.hangs_up(caller)
    call = await exchange.call(caller)
    assert (call.state, call.ended_as) == ("ended", "abandoned")
    assert [leg.state for leg in await exchange.legs()] == ["withdrawn"]
    assert all(side.state == "over" for side in exchange.sides.values())
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.idle_since) == ("available", START)
    async with exchange.database.read() as session:
        back = (await session.exec(select(CallBack))).one()
    assert (back.number, back.why) == ("+77010000001", "missed")


async def test_a_caller_who_leaves_a_message_instead_rings_no_longer(exchange: Exchange) -> None:
    await exchange.hires("Aigul")
    caller = await exchange.waits()
    await exchange.presses(caller, "2")
    call = await exchange.call(caller)
    assert (call.state, call.ended_as) == ("ended", "message")
    assert [leg.state for leg in await exchange.legs()] == ["withdrawn"]
    assert await exchange.offered_to() == []


async def test_an_operator_who_hangs_up_before_the_caller_is_there_has_not_answered(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    exchange.refuses.add(Move)
    async with exchange.database.read() as session:
        leg = (await session.exec(select(CallLeg))).one()
    side = exchange.rung(aigul, [leg])
    assert side is not None
    side.state = "up"
    heard = LegAnswered(account="main", call=side.sid, at=exchange.now, leg=str(leg.id))
    await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    await exchange.hangs_up(side)
    call = await exchange.call(caller)
    assert (call.state, call.answered_at) == ("waiting", None)
    assert [one.state for one in await exchange.legs()] == ["declined"]
    assert (await exchange.agent(aigul)).reason == "no_answer"
    assert not any(isinstance(one, Move) for one in exchange.carried)


@pytest.mark.parametrize("digits", ["", "1", "2", "*"])
async def test_what_a_caller_presses_while_they_are_fetched_changes_nothing(
    exchange: Exchange, digits: str
) -> None:
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    about: dict[str, Any] = {"account": "main", "call": caller.sid, "at": exchange.now}
    leg = (await exchange.legs())[0]
    answered = LegAnswered(account="main", call="CB1", at=exchange.now, leg=str(leg.id))
    await hear(exchange.database, answered, office=exchange.office, now=exchange.now)
    for heard in (
        Pressed(**about, step="wait", digits=digits),
        Waits(**about, seconds=9),
        Rang(**about, number=caller.number, ours=""),
    ):
        script = await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
        assert script is not None
        assert [type(verb) for verb in script] == [Ask]
        call = await exchange.call(caller)
        assert (call.state, call.step, call.operator_id) == ("talking", "wait", aigul)


async def test_when_the_operator_leaves_the_caller_hears_a_goodbye(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    operator = await exchange.answers(aigul)
    await exchange.hangs_up(operator)
    assert (caller.state, caller.said[-1]) == ("over", "goodbye")
    assert (await exchange.call(caller)).ended_as == "answered"
    assert (await exchange.agent(aigul)).state == "wrap_up"


# --- Answers --------------------------------------------------------------------------------------


async def test_who_answers_late_hears_that_somebody_else_has_the_call(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    daniyar = await exchange.hires("Daniyar")
    await exchange.waits()
    late = exchange.rung(aigul, await exchange.legs())
    assert late is not None
    leg = (await exchange.legs())[0]
    await exchange.passes(20)
    await exchange.answers(daniyar)
    heard = LegAnswered(account="main", call=late.sid, at=exchange.now, leg=str(leg.id))
    script = await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    assert script is not None
    assert isinstance(script[0], Line)
    assert script[0].prompt == "call_taken"


async def test_an_answer_that_is_told_twice_is_one(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    side = await exchange.answers(aigul)
    leg = (await exchange.legs())[0]
    heard = LegAnswered(account="main", call=side.sid, at=exchange.now, leg=str(leg.id))
    script = await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    assert script is not None
    assert isinstance(script[0], Talk)
    await exchange.carry()
    assert sum(isinstance(one, Move) for one in exchange.carried) == 1
    assert exchange.in_room(caller) == [side]


async def test_of_two_that_ring_for_one_leg_one_is_answered_and_the_other_ends(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    known = exchange.rung(aigul, await exchange.legs())
    leg = (await exchange.legs())[0]
    twin = await exchange._do(Ring(leg=str(leg.id), device="", shown="", seconds=20))
    heard = LegAnswered(account="main", call=str(twin), at=exchange.now, leg=str(leg.id))
    assert known is not None
    exchange.sides[str(twin)].state = "up"
    await exchange._tell(exchange.sides[str(twin)], heard)
    await exchange.carry()
    assert known.state == "over"
    assert exchange.in_room(caller) == [exchange.sides[str(twin)]]


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Database]:
    """The same database as another process has it."""
    opened = Database(database_url)
    await opened.open()
    yield opened
    await opened.close()


async def test_of_two_who_answer_one_call_one_wins_in_fifty_races(
    exchange: Exchange, elsewhere: Database
) -> None:
    operators = [await exchange.hires("Aigul"), await exchange.hires("Daniyar")]
    for n in range(50):
        first = await _stands_in_queue(exchange, f"CA{n}")
        # The first lets it ring for too long, so that it rings at the other one as well.
        exchange.now = first.deadline
        await tick(exchange.database, office=exchange.office, now=exchange.now)
        second = (await exchange.legs())[-1]
        assert {first.operator_id, second.operator_id} == set(operators)
        late, early = await asyncio.gather(
            *_in_turn(n, _answers(exchange, exchange.database, first),
                      _answers(exchange, elsewhere, second))
        )  # fmt: skip
        assert [isinstance(script[-1], Talk) for script in _in_turn(n, late, early)] == [
            False, True,
        ]  # fmt: skip
        await _ends(exchange, f"CA{n}", operators)


async def test_an_answer_in_the_last_moment_wins_or_comes_too_late_in_fifty_races(
    exchange: Exchange, elsewhere: Database
) -> None:
    aigul = await exchange.hires("Aigul")
    for n in range(50):
        leg = await _stands_in_queue(exchange, f"CA{n}")
        exchange.now = leg.deadline
        script, _ = await asyncio.gather(
            _answers(exchange, exchange.database, leg),
            tick(elsewhere, office=exchange.office, now=exchange.now),
        )
        (leg,) = [one for one in await exchange.legs() if one.id == leg.id]
        call = (await exchange.calls())[-1]
        won = isinstance(script[-1], Talk)
        assert (leg.state, call.state) == (("joined", "talking") if won else ("missed", "waiting"))
        await _ends(exchange, f"CA{n}", [aigul])


def _in_turn(n: int, one: Any, other: Any) -> tuple[Any, Any]:
    return (one, other) if n % 2 else (other, one)


async def _stands_in_queue(exchange: Exchange, sid: str) -> CallLeg:
    """A caller for whom it rings at once; where."""
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        session.add(
            Call(account="main", external_id=sid, state="waiting", step="wait",
                 started_at=exchange.now, waiting_since=exchange.now)
        )  # fmt: skip
    return (await exchange.legs())[-1]


async def _answers(exchange: Exchange, database: Database, leg: CallLeg) -> Script:
    heard = LegAnswered(account="main", call=f"CB{leg.id}", at=exchange.now, leg=str(leg.id))
    return await hear(database, heard, office=exchange.office, now=exchange.now) or ()


async def _ends(exchange: Exchange, sid: str, operators: Sequence[int]) -> None:
    """The caller hangs up, and everybody is available again."""
    ended = Ended(account="main", call=sid, at=exchange.now, how=HowEnded.COMPLETED)
    await hear(exchange.database, ended, office=exchange.office, now=exchange.now)
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        for operator_id in operators:
            duty.be_available(
                await duty.hold_agent(session, operator_id, now=exchange.now), now=exchange.now
            )


async def test_many_at_once_are_offered_each_to_one_operator(
    exchange: Exchange, elsewhere: Database
) -> None:
    operators = [await exchange.hires(f"Operator{n}", available=False) for n in range(4)]
    callers = [await exchange.waits(f"+7701000000{n}") for n in range(6)]

    async def comes(database: Database, operator_id: int) -> None:
        async with decision(database, office=exchange.office, now=exchange.now) as session:
            await set_state(session, operator_id, "available", now=exchange.now)

    await asyncio.gather(
        *(comes((exchange.database, elsewhere)[n % 2], id_) for n, id_ in enumerate(operators)),
        *(exchange.hangs_up(caller) for caller in callers[:2]),
    )
    await exchange.carry()
    ringing = [leg for leg in await exchange.legs() if leg.state == "ringing"]
    assert len({leg.operator_id for leg in ringing}) == len({leg.call_id for leg in ringing}) == 4
    assert [(await exchange.call(one)).state for one in callers] == ["ended"] * 2 + ["ringing"] * 4


async def test_the_database_itself_holds_an_operator_to_one_call_and_a_call_to_one_offer(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    daniyar = await exchange.hires("Daniyar", available=False)
    caller = await exchange.waits()
    other = await exchange.waits("+77010000002")
    calls = {(await exchange.call(one)).id: one for one in (caller, other)}
    taken, free = calls
    for call_id, operator_id in ((free, aigul), (taken, daniyar)):
        with pytest.raises(IntegrityError):
            await _write_offer(exchange, call_id, operator_id)


async def _write_offer(exchange: Exchange, call_id: int, operator_id: int) -> None:
    async with exchange.database.write() as session:
        session.add(
            CallLeg(
                call_id=call_id, account="main", operator_id=operator_id, kind="offer",
                state="ringing", device="", made_at=exchange.now, deadline=exchange.now,
            )
        )  # fmt: skip


# --- What is not known ----------------------------------------------------------------------------


@pytest.mark.parametrize("leg", ["", "17", "x", "99999999999999999999"])
async def test_an_answer_for_a_leg_that_is_not_ours_ends(exchange: Exchange, leg: str) -> None:
    heard = LegAnswered(account="main", call="CA9", at=exchange.now, leg=leg)
    script = await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    assert script is not None
    assert not any(isinstance(verb, Talk) for verb in script)


async def test_the_hours_are_those_of_the_first_delivery(exchange: Exchange) -> None:
    # 23:59:59 in Almaty, and heard two seconds later.
    at = START.replace(hour=18, minute=59, second=59)
    rang = Rang(account="main", call="CA1", at=at, number="+77010000001", ours="")
    later = at.replace(hour=19, minute=0, second=1)
    await hear(exchange.database, rang, office=exchange.office, now=later)
    (call,) = await exchange.calls()
    assert call.open_hours
    for n, moment in enumerate((at.replace(hour=19, minute=0, second=0), at.replace(hour=3))):
        heard = Rang(account="main", call=f"CB{n}", at=moment, number="", ours="")
        await hear(exchange.database, heard, office=exchange.office, now=moment)
    assert [one.open_hours for one in await exchange.calls()] == [True, False, True]


# --- The appeal -----------------------------------------------------------------------------------


async def test_the_first_answered_call_is_the_first_response_to_its_appeal(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    await registered(exchange.database, caller.number, sid=caller.sid)
    async with exchange.database.read() as session:
        appeal = (await session.exec(select(Appeal))).one()
    assert (appeal.status, appeal.first_response_at) == ("new", None)
    assert appeal.waiting_since is not None
    await exchange.passes(3)
    await exchange.answers(aigul)
    await _check_answered(exchange)
    operator = next(side for side in exchange.sides.values() if side.leg)
    await exchange.hangs_up(operator)
    assert await _events(exchange) == ["call.answered", "call.ended"]


async def test_the_appeal_s_journal_tells_who_did_not_take_the_call(exchange: Exchange) -> None:
    await exchange.hires("Aigul")
    caller = await exchange.waits()
    await registered(exchange.database, caller.number, sid=caller.sid)
    await exchange.passes(20)
    assert await _events(exchange) == ["call.missed"]


async def test_an_appeal_that_is_registered_after_the_answer_is_answered_all_the_same(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    caller = await exchange.waits()
    await exchange.passes(3)
    await exchange.answers(aigul)
    answered_at = exchange.now
    await registered(exchange.database, caller.number, sid=caller.sid)
    await exchange.passes(30)
    await exchange.hangs_up(caller)
    await _check_answered(exchange, at=answered_at)


async def _check_answered(exchange: Exchange, at: Any = None) -> None:
    async with exchange.database.read() as session:
        appeal = (await session.exec(select(Appeal))).one()
    assert (appeal.status, appeal.waiting_since, appeal.unread) == ("open", None, 0)
    assert appeal.first_response_at == (at or exchange.now)


async def _events(exchange: Exchange) -> list[str]:
    async with exchange.database.read() as session:
        found = await session.exec(
            select(JournalEntry.event)
            .where(JournalEntry.appeal_id != None)  # noqa: E711  SQL
            .order_by(JournalEntry.id)  # type: ignore[arg-type]
        )
        return [event for event in found if event.startswith("call.")]


async def test_a_call_of_which_only_the_end_was_heard_is_called_back(exchange: Exchange) -> None:
    heard = Ended(
        account="main",
        call="CA-of-the-outage",
        at=exchange.now,
        number="+77010000001",
        how=HowEnded.COMPLETED,
    )
    await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    (call,) = await exchange.calls()
    assert (call.number, call.ended_as) == ("+77010000001", "abandoned")
    async with exchange.database.read() as session:
        (task,) = await session.exec(select(CallBack))
    assert (task.number, task.why) == ("+77010000001", "missed")
