"""How operators are at the phone: what they say of themselves, and what the hub says of them."""

import pytest
from pydantic import SecretStr

from registry.calls import agents, talking
from registry.calls.agents import SILENCE, seen, set_device, set_state
from registry.calls.lines import at_the_phone, current_call, waiting
from registry.calls.tables import PhoneAgent
from registry.db import Database
from registry.errors import BadValue
from registry.models import Operator
from registry.sessions import Stage, digest_of, end_all_sessions, open_session
from tests.registry.calls.exchange import Exchange

KEY = SecretStr("k" * 32)


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


async def test_who_is_available_keeps_their_place_among_the_idle(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    before = (await exchange.agent(aigul)).idle_since
    await exchange.passes(5)
    await exchange.does(set_state, aigul, "available")
    assert (await exchange.agent(aigul)).idle_since == before


async def test_who_goes_away_is_offered_nothing_and_what_rings_goes_to_others(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    daniyar = await exchange.hires("Daniyar")
    await exchange.waits()
    assert await exchange.offered_to() == [aigul]
    await exchange.does(set_state, aigul, "away", reason="meal")
    assert await exchange.offered_to() == [daniyar]
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.reason, agent.idle_since) == ("away", "meal", None)


async def test_who_wants_to_go_away_while_they_talk_goes_after_they_have_written(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    await exchange.waits()
    side = await exchange.answers(aigul)
    await exchange.does(set_state, aigul, "away", reason="break")
    assert (await exchange.agent(aigul)).state == "busy"
    await exchange.hangs_up(side)
    assert (await exchange.agent(aigul)).state == "wrap_up"
    await exchange.writes_down(aigul)
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.reason) == ("away", "break")


async def test_who_changes_their_mind_while_they_write_takes_the_next_call(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    await exchange.waits()
    await exchange.answers(aigul)
    await exchange.does(set_state, aigul, "away", reason="break")
    await exchange.does(talking.hang_up, aigul)
    await exchange.does(set_state, aigul, "available")
    assert (await exchange.agent(aigul)).state == "wrap_up"
    await exchange.writes_down(aigul)
    assert (await exchange.agent(aigul)).state == "available"


@pytest.mark.parametrize(
    ("state", "reason"),
    [("busy", ""), ("wrap_up", ""), ("", ""), ("away", ""), ("away", "no_answer"), ("away", "?")],
)
async def test_nobody_says_of_themselves_what_the_hub_says(
    exchange: Exchange, state: str, reason: str
) -> None:
    aigul = await exchange.hires("Aigul")
    with pytest.raises(BadValue):
        await exchange.does(set_state, aigul, state, reason=reason)


async def test_a_browser_that_is_silent_is_offered_nothing_and_its_operator_is_signed_out(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul", device="")
    assert (await exchange.agent(aigul)).state == "available"
    caller = await exchange.waits()
    assert (await exchange.call(caller)).state == "waiting"
    await exchange.does(seen, aigul)
    assert await exchange.offered_to() == [aigul]
    await exchange.hangs_up(caller)
    exchange.now += SILENCE
    await exchange.passes(0.5)
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.reason) == ("away", "signed_out")


async def test_a_browser_that_is_heard_again_is_rung_within_a_second(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul", device="")
    caller = await exchange.waits()
    async with exchange.database.write() as session:
        await agents.seen(session, aigul, now=exchange.now)
    assert (await exchange.call(caller)).state == "waiting"
    await exchange.passes(1)
    assert await exchange.offered_to() == [aigul]


async def test_a_desk_phone_is_never_silent(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul", device="+77172000000")
    exchange.now = exchange.at(86400)
    await exchange.passes(1)
    assert (await exchange.agent(aigul)).state == "available"
    await exchange.waits()
    (side,) = [one for one in exchange.sides.values() if one.leg]
    assert side.device == "+77172000000"


async def test_a_browser_rings_by_the_name_of_its_operator(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul", device="")
    await exchange.does(seen, aigul)
    await exchange.waits()
    (side,) = [one for one in exchange.sides.values() if one.leg]
    assert side.device == f"client:operator-{aigul}"


@pytest.mark.parametrize(
    "device", ["sip:", "17", "sip:a b@c", "client:operator-1", "+0", "http://a"]
)
async def test_what_nobody_can_ring_is_no_device(exchange: Exchange, device: str) -> None:
    aigul = await exchange.hires("Aigul")
    with pytest.raises(BadValue):
        await exchange.does(set_device, aigul, device)


async def test_who_has_left_the_service_is_offered_nothing(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    await exchange.disable(aigul)
    caller = await exchange.waits()
    assert (await exchange.call(caller)).state == "waiting"


# --- As screens show it ---------------------------------------------------------------------------


async def test_a_screen_shows_the_call_that_its_operator_has_from_the_ring_to_the_note(
    exchange: Exchange,
) -> None:
    aigul = await exchange.hires("Aigul")
    daniyar = await exchange.hires("Daniyar", available=False)
    shown = []

    async def look(operator_id: int) -> None:
        async with exchange.database.read() as session:
            found = await current_call(session, operator_id)
        shown.append(None if found is None else (found.state, found.kind, found.talking))

    await look(aigul)
    caller = await exchange.waits()
    await look(aigul)
    await exchange.answers(aigul)
    await look(aigul)
    await exchange.does(set_state, daniyar, "available")
    await exchange.does(talking.transfer_to, aigul, daniyar, announced=True)
    await exchange.answers(daniyar)
    await look(daniyar)
    async with exchange.database.read() as session:
        found = await current_call(session, aigul)
    assert found is not None
    assert found.held
    assert found.colleague is not None
    assert (found.colleague.name, found.colleague.joined) == ("Daniyar", True)
    await exchange.hangs_up(caller)
    await look(aigul)
    await exchange.writes_down(aigul)
    await look(aigul)
    assert shown == [
        None,
        ("ringing", "offer", False),
        ("joined", "offer", True),
        ("joined", "consult", True),
        ("wrap_up", "offer", False),
        None,
    ]


async def test_a_screen_shows_who_waits_and_who_is_at_the_phone(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    await exchange.hires("Daniyar", available=False)
    first = await exchange.waits("+77010000001")
    second = await exchange.waits("+77010000002")
    async with exchange.database.read() as session:
        queue = await waiting(session, now=exchange.now)
        people = await at_the_phone(session, now=exchange.now)
    assert [one.number for one in queue] == [second.number]
    assert [(one.name, one.state) for one in people] == [("Aigul", "ringing"), ("Daniyar", "away")]
    assert people[0].call_id == (await exchange.call(first)).id
    await exchange.answers(aigul)
    async with exchange.database.read() as session:
        people = await at_the_phone(session, now=exchange.now)
    assert people[0].state == "busy"


async def _signs_in(exchange: Exchange, operator_id: int) -> None:
    """Somebody turns the softphone on in a browser."""
    async with exchange.database.write() as session:
        operator = await session.get_one(Operator, operator_id)
        key = await open_session(session, operator, Stage.IN, secret=KEY, now=exchange.now)
    signed_in = digest_of(key, KEY)
    await exchange.does(set_state, operator_id, "available", signed_in=signed_in)
    await exchange.does(seen, operator_id, signed_in=signed_in)


async def _signs_out(exchange: Exchange, operator_id: int) -> None:
    async with exchange.database.write() as session:
        await end_all_sessions(session, operator_id, now=exchange.now)


async def test_who_signs_out_is_offered_nothing_from_that_moment(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul", device="", available=False)
    await _signs_in(exchange, aigul)
    await _signs_out(exchange, aigul)
    await exchange.waits()
    assert await exchange.offered_to() == []
    await exchange.passes(1)
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.reason) == ("away", "signed_out")


async def test_what_rings_at_somebody_who_signs_out_goes_to_others(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul", device="", available=False)
    await _signs_in(exchange, aigul)
    await exchange.waits()
    assert await exchange.offered_to() == [aigul]
    daniyar = await exchange.hires("Daniyar")
    await _signs_out(exchange, aigul)
    await exchange.passes(1)
    assert await exchange.offered_to() == [daniyar]


async def test_who_signs_out_on_a_call_is_away_after_it(exchange: Exchange) -> None:
    aigul = await exchange.hires("Aigul")
    await exchange.change(PhoneAgent, aigul, signed_in="a session that is over")
    await exchange.change(PhoneAgent, aigul, state="busy")
    await exchange.passes(2)
    agent = await exchange.agent(aigul)
    assert (agent.state, agent.reason) == ("busy", "signed_out")
