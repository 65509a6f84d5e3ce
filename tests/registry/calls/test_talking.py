"""What operators do with callers whom they have, and how they make calls of their own."""

import pytest
from sqlmodel import select

from registry.calls import legs, talking
from registry.calls.agents import set_state
from registry.calls.call_backs import want_call_back
from registry.calls.hearing import Anything, Arrived, HowEnded, LegAnswered
from registry.calls.orders import Dial, Hold, Release
from registry.calls.script import Queue, Script, Talk
from registry.calls.switchboard import decision, hear
from registry.calls.tables import CallBack, PhoneAgent
from registry.calls.talking import BeingCalled, NobodyAsked, NotFree, NotTalking, OnTheLine
from registry.db import Database
from registry.errors import BadValue, NotFound
from registry.models import JournalEntry
from registry.operators import Principal, Role
from registry.teams import add_team
from tests.registry.calls.exchange import Exchange, Side

BOSS = Principal(role=Role.ADMIN, name="Дана", operator_id=None, actor="token:tests")


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


async def _talks(exchange: Exchange, operator_id: int) -> tuple[Side, Side]:
    """A caller and the operator's side of the call."""
    caller = await exchange.waits()
    return caller, await exchange.answers(operator_id)


async def _asks(exchange: Exchange) -> tuple[Side, Side, int, int]:
    """The same two, while the operator, who comes next, asks a colleague, who comes last."""
    aigul = await exchange.hires("Aigul")
    caller, side = await _talks(exchange, aigul)
    daniyar = await exchange.hires("Daniyar")
    await exchange.does(talking.transfer_to, aigul, daniyar, announced=True)
    return caller, side, aigul, daniyar


# --- Hold -----------------------------------------------------------------------------------------


async def test_a_caller_on_hold_hears_music_until_they_are_taken_back(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    caller, _ = await _talks(exchange, aigul)
    await exchange.does(talking.hold, aigul)
    await exchange.does(talking.hold, aigul)
    assert caller.held
    assert [leg.held for leg in await exchange.legs()] == [True]
    await exchange.does(talking.resume, aigul)
    assert not caller.held
    assert [type(one) for one in exchange.carried].count(Hold) == 2


async def test_who_talks_with_nobody_can_put_nobody_on_hold(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    for what in (talking.hold, talking.resume, talking.hang_up, talking.cancel_transfer):
        with pytest.raises(NotTalking):
            await exchange.does(what, aigul)
    await exchange.waits()
    with pytest.raises(NotTalking):
        await exchange.does(talking.hold, aigul)


async def test_a_hold_that_the_provider_refuses_is_none(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    await _talks(exchange, aigul)
    exchange.refuses = {Hold}
    await exchange.does(talking.hold, aigul)
    assert [leg.held for leg in await exchange.legs()] == [False]


async def test_an_operator_hangs_up(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    caller, side = await _talks(exchange, aigul)
    await exchange.passes(10)
    await exchange.does(talking.hang_up, aigul)
    assert (caller.state, side.state) == ("over", "over")
    assert (await exchange.call(caller)).talked == 10.0
    assert (await exchange.agent(aigul)).state == "wrap_up"


# --- To a team ------------------------------------------------------------------------------------


async def test_a_caller_goes_to_a_team_and_keeps_their_place(exchange: Exchange) -> None:
    async with exchange.database.write() as session:
        await add_team(session, "water", "Вода", by=BOSS, now=exchange.now)
    aigul = await exchange.hires("Aigul")
    caller, side = await _talks(exchange, aigul)
    before = (await exchange.call(caller)).waiting_since
    await exchange.passes(30)
    await exchange.does(talking.transfer_to_team, aigul, "water")
    call = await exchange.call(caller)
    assert (call.state, call.team, call.waiting_since) == ("waiting", "water", before)
    assert (caller.in_queue, side.state) == (True, "over")
    assert "transferred" in caller.said
    assert (await exchange.agent(aigul)).state == "wrap_up"
    water = await exchange.hires("Water", teams=["water"])
    await exchange.answers(water)
    call = await exchange.call(caller)
    assert (call.state, call.operator_id) == ("talking", water)
    await exchange.passes(15)
    await exchange.hangs_up(caller)
    call = await exchange.call(caller)
    assert (call.ended_as, call.talked) == ("answered", 45.0)
    assert await _journaled(exchange, "call.transferred") == [{"team": "water"}]


async def test_there_must_be_such_a_team(exchange: Exchange) -> None:
    async with exchange.database.write() as session:
        await add_team(session, "water", "Вода", by=BOSS, now=exchange.now)
    aigul = await exchange.hires("Aigul")
    caller, side = await _talks(exchange, aigul)
    with pytest.raises(BadValue):
        await exchange.does(talking.transfer_to_team, aigul, "fire")
    assert exchange.in_room(caller) == [side]


# --- To a colleague -------------------------------------------------------------------------------


async def test_a_caller_is_given_to_a_colleague_who_answers(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    caller, _ = await _talks(exchange, aigul)
    daniyar = await exchange.hires("Daniyar")
    await exchange.does(talking.transfer_to, aigul, daniyar)
    assert caller.in_queue
    assert (await exchange.agent(aigul)).state == "wrap_up"
    side = await exchange.answers(daniyar)
    assert exchange.in_room(caller) == [side]
    assert (await exchange.call(caller)).operator_id == daniyar


async def test_that_they_left_the_first_room_ends_no_other_however_late_it_is_told(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    caller, _ = await _talks(exchange, aigul)
    daniyar = await exchange.hires("Daniyar")
    left = Arrived(account="main", call=caller.sid, at=exchange.now, step=caller.after_room)
    await exchange.does(talking.transfer_to, aigul, daniyar)
    side = exchange.rung(daniyar, await exchange.legs())
    assert side is not None
    assert side.leg is not None
    answered = LegAnswered(account="main", call=side.sid, at=exchange.now, leg=side.leg)
    await _hear(exchange, answered)
    # The caller is on the way to them.
    assert isinstance((await _hear(exchange, left))[-1], Queue)
    assert (await exchange.call(caller)).state == "talking"
    await exchange.carry()
    assert caller.room is not None
    assert isinstance((await _hear(exchange, left))[-1], Talk)
    assert (await exchange.call(caller)).state == "talking"
    assert (await exchange.agent(daniyar)).state == "busy"


async def _hear(exchange: Exchange, heard: Anything) -> Script:
    """Somebody tells it late, or again: nobody follows what is answered."""
    script = await hear(exchange.database, heard, office=exchange.office, now=exchange.now)
    assert script is not None
    return script


async def test_whom_the_colleague_does_not_answer_waits_for_anybody(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    caller, _ = await _talks(exchange, aigul)
    daniyar = await exchange.hires("Daniyar")
    await exchange.does(talking.transfer_to, aigul, daniyar)
    await exchange.passes(20)
    call = await exchange.call(caller)
    assert (call.state, caller.in_queue) == ("waiting", True)
    assert (await exchange.agent(daniyar)).reason == "no_answer"
    await exchange.writes_down(aigul)
    assert await exchange.offered_to() == [aigul]


async def test_only_who_is_free_can_be_given_a_caller(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    caller, side = await _talks(exchange, aigul)
    away = await exchange.hires("Away", available=False)
    silent = await exchange.hires("Silent", device="")
    gone = await exchange.hires("Gone")
    await exchange.disable(gone)
    out = await exchange.hires("Out")  # and nobody has looked at the clock since
    await exchange.change(PhoneAgent, out, signed_in="a session that is over")
    for colleague in (away, silent, gone, out):
        for announced in (True, False):
            with pytest.raises(NotFree):
                await exchange.does(talking.transfer_to, aigul, colleague, announced=announced)
    with pytest.raises(NotFound):
        await exchange.does(talking.transfer_to, aigul, 17)
    assert exchange.in_room(caller) == [side]


async def test_a_colleague_is_asked_first_and_then_has_the_caller(exchange: Exchange) -> None:
    caller, side, aigul, daniyar = await _asks(exchange)
    assert caller.held
    with pytest.raises(NobodyAsked):
        await exchange.does(talking.complete_transfer, aigul)
    colleague = await exchange.answers(daniyar)
    assert set(exchange.in_room(caller)) == {side, colleague}
    assert caller.held
    await exchange.passes(10)
    await exchange.does(talking.complete_transfer, aigul)
    assert exchange.in_room(caller) == [colleague]
    assert not caller.held
    assert (await exchange.agent(aigul)).state == "wrap_up"
    call = await exchange.call(caller)
    assert (call.state, call.operator_id) == ("talking", daniyar)
    assert Release in [type(one) for one in exchange.carried]
    await exchange.does(talking.hold, daniyar)
    assert caller.held
    await exchange.does(talking.resume, daniyar)
    await exchange.hangs_up(colleague)
    assert (caller.state, caller.said[-1]) == ("over", "goodbye")
    assert (await exchange.agent(daniyar)).state == "wrap_up"
    assert await _journaled(exchange, "call.transferred") == [{"operator": str(daniyar)}]


async def test_an_announced_transfer_is_taken_back(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    caller, side = await _talks(exchange, aigul)
    daniyar = await exchange.hires("Daniyar")
    for answered in (False, True):
        await exchange.does(talking.transfer_to, aigul, daniyar, announced=True)
        if answered:
            await exchange.answers(daniyar)
        await exchange.does(talking.cancel_transfer, aigul)
        assert exchange.in_room(caller) == [side]
        assert not caller.held
        assert (await exchange.agent(daniyar)).state == "available"
    with pytest.raises(NobodyAsked):
        await exchange.does(talking.cancel_transfer, aigul)


async def test_when_the_colleague_does_not_come_the_operator_has_the_caller_back(
    exchange: Exchange,
) -> None:
    caller, side, _aigul, daniyar = await _asks(exchange)
    await exchange.passes(20)
    assert not caller.held
    assert exchange.in_room(caller) == [side]
    assert (await exchange.agent(daniyar)).reason == "no_answer"


async def test_when_the_colleague_leaves_the_operator_has_the_caller_back(
    exchange: Exchange,
) -> None:
    caller, side, _aigul, daniyar = await _asks(exchange)
    colleague = await exchange.answers(daniyar)
    await exchange.hangs_up(colleague)
    assert not caller.held
    assert exchange.in_room(caller) == [side]
    assert (await exchange.agent(daniyar)).state == "available"


async def test_a_caller_whose_operator_is_cut_off_while_asking_waits_for_the_next(
    exchange: Exchange,
) -> None:
    caller, side, _aigul, daniyar = await _asks(exchange)
    await exchange.answers(daniyar)
    await exchange.hangs_up(side, HowEnded.FAILED)
    assert caller.in_queue
    assert await exchange.offered_to() == [daniyar]
    await exchange.answers(daniyar)
    assert (await exchange.call(caller)).operator_id == daniyar


async def test_a_caller_who_cannot_be_left_to_the_colleague_waits_for_the_next(
    exchange: Exchange,
) -> None:
    caller, _, aigul, daniyar = await _asks(exchange)
    await exchange.answers(daniyar)
    exchange.refuses = {Release}
    await exchange.does(talking.complete_transfer, aigul)
    assert caller.in_queue
    assert (await exchange.call(caller)).state == "ringing"
    assert await exchange.offered_to() == [daniyar]


# --- Calls of our own -----------------------------------------------------------------------------


async def _calls(exchange: Exchange, operator_id: int, number: str = "+77011234567") -> None:
    async with decision(exchange.database, office=exchange.office, now=exchange.now) as session:
        await talking.call_out(
            session, operator_id=operator_id, number=number, account="main", now=exchange.now
        )
    await exchange.carry()


def _dialled(exchange: Exchange) -> Side:
    return [side for side in exchange.sides.values() if side.known][-1]


async def test_a_call_rings_at_the_operator_first_and_then_at_the_citizen(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    await _calls(exchange, aigul)
    assert await exchange.offered_to() == [aigul]
    assert not any(isinstance(one, Dial) for one in exchange.carried)
    side = await exchange.answers(aigul)
    assert side.said == ["connecting"]
    citizen = _dialled(exchange)
    await exchange.picks_up(citizen)
    assert citizen.said == ["call_back_hello"]
    assert exchange.in_room(citizen) == [side]
    call = await exchange.call(citizen)
    assert (call.direction, call.state, call.operator_id) == ("out", "talking", aigul)
    await exchange.passes(20)
    await exchange.hangs_up(side)
    call = await exchange.call(citizen)
    assert (call.ended_as, call.talked, citizen.state) == ("answered", 20.0, "over")
    assert (await exchange.agent(aigul)).state == "wrap_up"


@pytest.mark.parametrize(
    ("how", "ended_as"),
    [(HowEnded.BUSY, "busy"), (HowEnded.NO_ANSWER, "no_answer"), (HowEnded.FAILED, "failed")],
)
async def test_whoever_is_not_there_leaves_nothing_to_write_down(
    exchange: Exchange, how: HowEnded, ended_as: str
) -> None:
    aigul = await exchange.hires("Aigul", available=False)
    await exchange.does(set_state, aigul, "away", reason="meal")
    await _calls(exchange, aigul)
    side = await exchange.answers(aigul)
    citizen = _dialled(exchange)
    await exchange.hangs_up(citizen, how)
    assert (await exchange.call(citizen)).ended_as == ended_as
    assert side.state == "over"
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.reason) == ("away", "meal")


async def test_a_call_that_its_operator_does_not_pick_up_rings_at_nobody(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    await _calls(exchange, aigul)
    await exchange.passes(20)
    (call,) = await exchange.calls()
    assert (call.state, call.external_id) == ("ended", None)
    assert (await exchange.agent(aigul)).state == "available"
    assert not any(isinstance(one, Dial) for one in exchange.carried)


async def test_an_operator_gives_up_a_call_before_the_citizen_picks_up(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    await _calls(exchange, aigul)
    await exchange.answers(aigul)
    await exchange.does(talking.hang_up, aigul)
    assert _dialled(exchange).state == "over"
    assert (await exchange.agent(aigul)).state == "available"


@pytest.mark.parametrize("picked_up", [0, 1])
async def test_of_two_that_ring_at_a_citizen_the_one_that_is_picked_up_is_the_call(
    exchange: Exchange, picked_up: int
) -> None:
    aigul = await exchange.hires("Aigul")
    await _calls(exchange, aigul)
    side = await exchange.answers(aigul)
    dial = next(one for one in exchange.carried if isinstance(one, Dial))
    await exchange._do(dial)
    twins = [one for one in exchange.sides.values() if one.known]
    assert len(twins) == 2
    await exchange.picks_up(twins[picked_up])
    assert exchange.in_room(twins[picked_up]) == [side]
    await exchange.hangs_up(twins[1 - picked_up], HowEnded.CANCELLED)
    call = await exchange.call(twins[picked_up])
    assert (call.state, call.operator_id) == ("talking", aigul)
    await exchange.hangs_up(side)
    assert [one.state for one in twins] == ["over", "over"]
    assert len(await exchange.calls()) == 1


async def test_who_is_on_the_line_or_writes_it_down_calls_nobody(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    await exchange.waits()
    with pytest.raises(OnTheLine):
        await _calls(exchange, aigul)
    side = await exchange.answers(aigul)
    with pytest.raises(OnTheLine):
        await _calls(exchange, aigul)
    await exchange.hangs_up(side)
    with pytest.raises(OnTheLine):
        await _calls(exchange, aigul)


@pytest.mark.parametrize("number", ["", "112", "8701", "+7 701", "+7701123456789012", "tel:+7701"])
async def test_what_is_no_number_is_not_called(exchange: Exchange, number: str) -> None:
    aigul = await exchange.hires("Aigul")
    with pytest.raises(BadValue):
        await _calls(exchange, aigul, number)


# --- Call-backs -----------------------------------------------------------------------------------


async def _wants_call_back(exchange: Exchange, number: str) -> Side:
    caller = await exchange.waits(number)
    await exchange.presses(caller, "1")
    assert caller.state == "over"
    return caller


async def test_a_call_back_takes_its_turn_among_those_who_wait(exchange: Exchange) -> None:
    await _wants_call_back(exchange, "+77010000001")
    await exchange.passes(5)
    caller = await exchange.waits("+77010000002")
    aigul = await exchange.hires("Aigul")
    assert (await exchange.call(caller)).state == "waiting"
    side = await exchange.answers(aigul)
    assert side.said == ["connecting"]
    citizen = _dialled(exchange)
    assert citizen.number == "+77010000001"
    await exchange.picks_up(citizen)
    assert exchange.in_room(citizen) == [side]
    await exchange.hangs_up(citizen)
    (back,) = await _backs(exchange)
    assert (back.done_as, back.done_by) == ("spoken", aigul)
    await exchange.writes_down(aigul)
    assert (await exchange.call(caller)).state == "ringing"


async def test_a_call_back_that_nobody_takes_stays_the_next(exchange: Exchange) -> None:
    await _wants_call_back(exchange, "+77010000001")
    await exchange.passes(5)
    await exchange.waits("+77010000002")
    aigul = await exchange.hires("Aigul")
    await exchange.does(legs.decline, aigul)
    daniyar = await exchange.hires("Daniyar")
    await exchange.answers(daniyar)
    assert _dialled(exchange).number == "+77010000001"
    assert len([call for call in await exchange.calls() if call.direction == "out"]) == 1


async def test_who_is_not_reached_is_called_again_after_a_pause(exchange: Exchange) -> None:
    await _wants_call_back(exchange, "+77010000001")
    aigul = await exchange.hires("Aigul")
    await exchange.answers(aigul)
    await exchange.hangs_up(_dialled(exchange), HowEnded.NO_ANSWER)
    assert (await exchange.agent(aigul)).state == "available"
    assert await exchange.offered_to() == []
    (back,) = await _backs(exchange)
    assert (back.tries, back.done_at) == (1, None)
    exchange.now = back.due_at
    await exchange.passes(1)
    assert await exchange.offered_to() == [aigul]


async def test_whoever_calls_again_has_their_old_place_and_is_not_called_besides(
    exchange: Exchange,
) -> None:
    first = await _wants_call_back(exchange, "+77010000001")
    place = (await exchange.call(first)).waiting_since
    await exchange.passes(5)
    await exchange.waits("+77010000002")
    again = await exchange.waits("+77010000001")
    assert (await exchange.call(again)).waiting_since == place
    aigul = await exchange.hires("Aigul")
    side = await exchange.answers(aigul)
    assert exchange.in_room(again) == [side]
    await exchange.hires("Daniyar")
    assert not [call for call in await exchange.calls() if call.direction == "out"]
    await exchange.hangs_up(again)
    (back,) = await _backs(exchange)
    assert back.done_as == "spoken"


async def test_a_call_back_that_rings_at_an_operator_ends_once_somebody_has_spoken_with_them(
    exchange: Exchange,
) -> None:
    await _wants_call_back(exchange, "+77010000001")
    aigul = await exchange.hires("Aigul")
    assert await exchange.offered_to() == [aigul]
    (back,) = await _backs(exchange)
    await exchange.change(CallBack, back.id, done_at=exchange.now, done_as="cancelled")
    await exchange.passes(1)
    assert await exchange.offered_to() == []
    assert [leg.state for leg in await exchange.legs()] == ["withdrawn"]
    assert (await exchange.agent(aigul)).state == "available"
    assert all(call.state == "ended" for call in await exchange.calls())


async def test_an_operator_who_calls_a_number_that_is_to_be_called_back_does_that(
    exchange: Exchange,
) -> None:
    caller = await exchange.waits("+77010000001")
    async with exchange.database.write() as session:
        call = await exchange.call(caller)
        await want_call_back(session, call, keeps_place=False, now=exchange.now)
    await exchange.hangs_up(caller)
    aigul = await exchange.hires("Aigul", available=False)
    await _calls(exchange, aigul, "+77010000001")
    (back,) = await _backs(exchange)
    own = (await exchange.calls())[-1]
    assert (own.call_back_id, back.call_id) == (back.id, own.id)
    daniyar = await exchange.hires("Daniyar", available=False)
    with pytest.raises(BeingCalled):
        await _calls(exchange, daniyar, "+77010000001")


async def test_whoever_calls_from_the_list_takes_it_out_of_the_queue(exchange: Exchange) -> None:
    await _wants_call_back(exchange, "+77010000001")
    aigul = await exchange.hires("Aigul")
    await exchange.does(legs.decline, aigul)
    daniyar = await exchange.hires("Daniyar", available=False)
    await _calls(exchange, daniyar, "+77010000001")
    (back,) = await _backs(exchange)
    offered, own = [call for call in await exchange.calls() if call.direction == "out"]
    assert (offered.state, back.call_id) == ("ended", own.id)
    await exchange.does(set_state, aigul, "available")
    assert await exchange.offered_to() == [daniyar]


async def _backs(exchange: Exchange) -> list[CallBack]:
    async with exchange.database.read() as session:
        return list(await session.exec(select(CallBack)))


async def _journaled(exchange: Exchange, event: str) -> list[dict[str, str]]:
    async with exchange.database.read() as session:
        found = await session.exec(select(JournalEntry.data).where(JournalEntry.event == event))
        return [{name: v for name, v in data.items() if name != "call"} for data in found]
