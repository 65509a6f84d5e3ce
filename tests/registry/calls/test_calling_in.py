"""Whole calls of citizens, from the first ring to what comes of them, with the switchboard."""

from datetime import UTC, timedelta

import pytest
from sqlalchemy import update

from registry.calls.tables import CallBack, Prompt
from registry.db import Database
from registry.models import Contact
from registry.office import change_setting
from registry.office_shapes import Announcement
from tests.registry.calls.exchange import Exchange
from tests.registry.calls.lines import call_backs, rings
from tests.registry.offices import almaty

NUMBER, OTHER = "+77010000001", "+77010000002"
NIGHT = almaty("2026-03-03 02:00").astimezone(UTC)
BEFORE_OPENING = almaty("2026-03-03 07:59:58").astimezone(UTC)


@pytest.fixture
def exchange(database: Database) -> Exchange:
    """A provider, on a Monday morning at nine."""
    return Exchange(database)


async def _only(exchange: Exchange) -> CallBack:
    [back] = await call_backs(exchange.database)
    return back


async def test_who_asks_to_be_called_back_hangs_up_and_keeps_their_place(
    exchange: Exchange,
) -> None:
    first = await exchange.waits(NUMBER)
    since = (await exchange.call(first)).waiting_since
    await exchange.passes(60)
    await exchange.waits(OTHER)
    await exchange.presses(first, "1")
    assert first.said[-2:] == ["call_back_promised", "goodbye"]
    assert first.state == "over"
    call = await exchange.call(first)
    assert (call.ended_as, call.waited) == ("call_back", 60.0)
    back = await _only(exchange)
    assert (back.why, back.place, back.rang) == ("asked", since, 1)
    dana = await exchange.hires("Dana")
    calls = {one.id: one for one in await exchange.calls()}
    [leg] = await exchange.legs()
    assert (leg.operator_id, calls[leg.call_id].call_back_id) == (dana, back.id)


async def test_who_asks_at_night_is_called_as_soon_as_we_open(exchange: Exchange) -> None:
    dana = await exchange.hires("Dana")
    exchange.now = NIGHT
    side = await exchange.rings(NUMBER)
    await exchange.presses(side, "2")
    assert side.said[-4:] == ["closed", "closed_menu", "option_call_back_later", "option_message"]
    await exchange.presses(side, "1")
    assert side.said[-2:] == ["call_back_at_opening", "goodbye"]
    await exchange.passes(10)
    assert await exchange.offered_to() == []
    exchange.now = BEFORE_OPENING
    await exchange.passes(1)
    assert await exchange.offered_to() == []
    await exchange.passes(1)
    assert await exchange.offered_to() == [dana]
    operator = await exchange.answers(dana)
    [citizen] = [one for one in exchange.sides.values() if one.number == NUMBER and one is not side]
    await exchange.picks_up(citizen)
    assert citizen.said == ["call_back_hello"]
    assert exchange.in_room(citizen) == [operator]
    await exchange.hangs_up(citizen)
    back = await _only(exchange)
    assert (back.done_as, back.done_by) == ("spoken", dana)


async def test_who_rings_in_vain_three_times_is_one_task_and_a_talk_ends_it(
    exchange: Exchange,
) -> None:
    for _ in range(3):
        side = await exchange.waits(NUMBER)
        await exchange.passes(5)
        await exchange.hangs_up(side)
    back = await _only(exchange)
    assert (back.why, back.rang, back.place) == ("missed", 3, None)
    side = await exchange.waits(NUMBER)
    dana = await exchange.hires("Dana")
    await exchange.answers(dana)
    back = await _only(exchange)
    assert (back.done_as, back.done_by, back.rang) == ("spoken", dana, 3)
    await exchange.hangs_up(side)
    assert (await _only(exchange)).done_at == back.done_at


async def test_who_hangs_up_in_the_greeting_is_a_call_that_was_missed(exchange: Exchange) -> None:
    side = await exchange.rings(NUMBER)
    exchange.now += timedelta(seconds=10)
    await exchange.hangs_up(side)
    assert (await exchange.call(side)).ended_as == "abandoned"
    assert (await _only(exchange)).why == "missed"


async def test_a_message_at_night_is_a_task_of_the_morning(exchange: Exchange) -> None:
    exchange.now = NIGHT
    side = await exchange.rings(NUMBER)
    await exchange.presses(side, "2")
    await exchange.presses(side, "2")
    assert side.said[-3:] == ["message_beep", "message_thanks", "goodbye"]
    assert (await exchange.call(side)).ended_as == "message"
    back = await _only(exchange)
    assert (back.why, back.rang) == ("message", 1)
    assert back.due_at == almaty("2026-03-03 08:00")


async def test_a_withheld_number_can_wait_and_leave_a_message_but_is_never_called(
    exchange: Exchange,
) -> None:
    side = await exchange.waits("")
    await exchange.presses(side, "1")
    assert "call_back_no_number" in side.said
    assert side.in_queue
    await exchange.presses(side, "2")
    assert side.said[-1] == "goodbye"
    await exchange.hangs_up(await exchange.waits(""))
    assert [one.ended_as for one in await exchange.calls()] == ["message", "abandoned"]
    assert await call_backs(exchange.database) == []


async def test_who_waits_at_closing_time_is_served_and_who_comes_then_is_not(
    exchange: Exchange,
) -> None:
    exchange.now = almaty("2026-03-02 23:59:59").astimezone(UTC)
    early = await exchange.waits(NUMBER)
    await exchange.passes(1)
    late = await exchange.rings(OTHER)
    await exchange.presses(late, "2")
    assert late.step == "closed"
    dana = await exchange.hires("Dana")
    await exchange.answers(dana)
    assert len(exchange.in_room(early)) == 1


async def test_an_announcement_falls_silent_at_the_moment_that_was_set(exchange: Exchange) -> None:
    until = exchange.now + timedelta(seconds=2)
    outage = Announcement(on=True, until=until, texts={"ru": "Нет воды на Абая."})
    async with exchange.database.write() as session:
        await change_setting(session, outage, actor="system", now=exchange.now)
    heard: list[bool] = []
    for number in (NUMBER, OTHER):
        exchange.now = until if heard else until - timedelta(seconds=1)
        side = await exchange.rings(number)
        await exchange.presses(side, "2")
        heard.append("announcement" in side.said)
    assert heard == [True, False]


async def test_an_announcement_that_nobody_could_hear_is_none(exchange: Exchange) -> None:
    # "We know about it" would be heard, and of what not.
    now, words = exchange.now, "Абай көшесінде су жоқ."
    outage = Announcement(on=True, until=None, texts={"kk": words, "ru": " "})
    file = Prompt(
        name="announcement", language="kk", text=words, path="kk.wav", mime="audio/wav",
        version="v1", changed_at=now, changed_by="system",
    )  # fmt: skip
    async with exchange.database.write() as session:
        await change_setting(session, outage, actor="system", now=now)
    assert "announcement_end" not in (await exchange.waits(NUMBER)).said
    async with exchange.database.write() as session:
        session.add(file)
    assert "announcement_end" in (await exchange.waits(OTHER)).said


async def test_the_language_of_the_last_call_is_spoken_at_once(exchange: Exchange) -> None:
    await exchange.hangs_up(await exchange.waits(NUMBER, language="3"))
    side = await exchange.rings(NUMBER)
    assert side.said[0] == "welcome_back"
    assert (await exchange.call(side)).language == "en"


async def test_a_blocked_contact_is_refused_and_rings_at_nobody(exchange: Exchange) -> None:
    await exchange.hires("Dana")
    await rings(exchange.database, NUMBER)
    async with exchange.database.write() as session:
        await session.exec(update(Contact).values(blocked_at=exchange.now))
    side = await exchange.rings(NUMBER)
    assert (side.said, side.state) == (["blocked", "goodbye"], "over")
    assert (await exchange.call(side)).ended_as == "refused"
    assert await exchange.legs() == []
    assert await call_backs(exchange.database) == []


async def test_who_waits_hears_their_place_again_as_it_changes(exchange: Exchange) -> None:
    dana = await exchange.hires("Dana")
    await exchange.waits("+77010000003")
    await exchange.answers(dana)
    first = await exchange.waits(OTHER)
    side = await exchange.waits(NUMBER)
    assert "position_2" in side.said
    await exchange.hangs_up(first)
    await exchange.passes(45)
    await exchange.presses(side, "")
    assert "position_1" in side.said


@pytest.mark.parametrize(
    ("languages", "place"), [([], "position_2"), (["ru"], "position_1")], ids=["all", "theirs"]
)
async def test_whoever_waits_before_is_counted_who_waits_for_the_same_operators(
    exchange: Exchange, languages: list[str], place: str
) -> None:
    for n, speaks in enumerate((languages, ["kk"])):
        operator = await exchange.hires(f"Operator{n}", languages=speaks)
        await exchange.waits(f"+7701000001{n}", language="21"[n])
        await exchange.answers(operator)
    await exchange.waits(OTHER, language="1")
    side = await exchange.waits(NUMBER, language="2")
    assert place in side.said


async def test_who_waits_while_nobody_takes_calls_is_told_so(exchange: Exchange) -> None:
    await exchange.hires("Dana", available=False)
    assert "nobody_there" in (await exchange.waits(NUMBER)).said
