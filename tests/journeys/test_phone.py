"""The telephone: whole calls through a running hub, from the first words to what is left."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.phone.addresses import Addresses
from connectors.phone.fallback import voicemail
from connectors.phone.sandbox import NUMBER
from connectors.testing.sandbox import Call as Request
from connectors.testing.sandbox import Failure
from registry.calls.tables import CallBack, CallOrder
from registry.office_shapes import Announcement
from tests.journeys.telephone import Opens, lines, spoken_lines

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Of what no database makes a difference to."""

MIDNIGHT = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
"""Between two days in Almaty: until then the contact centre is open."""
NOON = MIDNIGHT - timedelta(hours=12)
OPENING = MIDNIGHT + timedelta(hours=8)

OUTAGE = "В Самалах нет света до шести часов вечера, бригада уже работает."

DINA, ERLAN = "+77012223344", "+77473332211"


async def test_the_last_second_of_a_day_is_open_and_the_next_one_is_not(opens: Opens) -> None:
    city = await opens(MIDNIGHT - timedelta(seconds=10))
    aigul = await city.hires("Aigul", available=False)
    dina = await city.waits(DINA, key="1")
    assert "closed" not in lines(dina)
    await city.passes((MIDNIGHT - city.now).total_seconds())

    erlan = await city.rings(ERLAN)
    await erlan.press("1")
    await city.passes(30)
    assert ("closed", "kk") in spoken_lines(erlan)
    await erlan.press("1")
    await city.passes(20)
    assert lines(erlan)[-2:] == ["call_back_at_opening", "goodbye"]
    assert (await city.ended(ERLAN)).ended_as == "call_back"
    (back,) = await city.call_backs()
    assert (back.number, back.due_at, back.language) == (ERLAN, OPENING, "kk")

    # Who was in the queue at closing time is served.
    await aigul.is_now("available")
    await city.talk(aigul, dina)
    await dina.hang_up()
    assert (await city.ended(DINA)).ended_as == "answered"


# --- Without a person -----------------------------------------------------------------------------


@ON_SQLITE
async def test_whoever_calls_about_a_known_outage_hears_of_it_and_may_hang_up(
    opens: Opens,
) -> None:
    city = await opens(NOON)
    await city.set(Announcement(on=True, until=None, texts={"ru": OUTAGE}))
    dina = await city.rings(DINA)
    await dina.press("2")
    await city.passes(12)
    assert lines(dina)[-2:] == [OUTAGE, "announcement_end"]
    await dina.hang_up()
    assert (await city.ended(DINA)).ended_as == "informed"
    assert not await city.call_backs()

    erlan = await city.waits(ERLAN)
    assert OUTAGE in lines(erlan)
    assert "please_wait" in lines(erlan)


# --- Nobody is lost -------------------------------------------------------------------------------


async def test_who_gave_up_waiting_is_one_task_however_often_they_rang(opens: Opens) -> None:
    city = await opens(NOON)
    for _ in range(2):
        dina = await city.waits(DINA)
        await city.passes(30)
        await dina.hang_up()
        assert (await city.ended(DINA)).ended_as == "abandoned"
    (back,) = await city.call_backs()
    assert (back.why, back.rang) == ("missed", 2)

    aigul = await city.hires("Aigul")
    reply = await aigul.ask("POST", "phone/calls", {"number": DINA})
    assert reply.status == 201, reply
    await city.until(lambda: aigul.phone.ringing)
    await aigul.phone.answer()
    await city.until(lambda: dina.ringing)
    assert dina.shown == NUMBER
    await dina.answer()
    await city.passes_until(lambda: dina.talks_to == {aigul.phone.address})
    await dina.hang_up()
    assert (await city.ended(DINA)).ended_as == "answered"
    assert not await city.call_backs()


@ON_SQLITE
async def test_who_asks_to_be_called_keeps_their_place(opens: Opens) -> None:
    city = await opens(NOON)
    dina = await city.waits(DINA)
    await city.passes(20)
    erlan = await city.waits(ERLAN)
    await dina.press("1")
    await city.passes(20)
    assert lines(dina)[-2:] == ["call_back_promised", "goodbye"]

    aigul = await city.hires("Aigul")
    await city.until(lambda: aigul.phone.ringing)
    await aigul.phone.answer()
    await city.until(lambda: dina.ringing)
    await dina.answer()
    await city.passes_until(lambda: dina.talks_to == {aigul.phone.address})
    assert erlan.place.startswith("queue:")
    await aigul.phone.hang_up()
    await city.passes(10)
    await city.ended(DINA)
    await aigul.writes_down("Tells that the light is back.")
    await city.talk(aigul, erlan)


async def test_who_called_at_night_is_called_when_we_open(opens: Opens) -> None:
    city = await opens(MIDNIGHT + timedelta(hours=1))
    aigul = await city.hires("Aigul", "kk")
    dina = await city.rings(DINA)
    await dina.press("1")
    await city.passes(30)
    await dina.press("1")
    await city.passes(30)
    await city.ended(DINA)
    await city.passes((OPENING - city.now).total_seconds() - 1)
    assert aigul.phone.ringing is None
    await city.passes(1)
    await city.until(lambda: aigul.phone.ringing)
    await aigul.phone.answer()
    await city.until(lambda: dina.ringing)
    await dina.answer()
    assert ("call_back_hello", "kk") in spoken_lines(dina)
    await city.passes_until(lambda: dina.talks_to == {aigul.phone.address})
    await dina.hang_up()
    await city.ended(DINA)
    assert [back.done_as for back in await city.rows(CallBack)] == ["spoken"]


# --- Operators ------------------------------------------------------------------------------------


@ON_SQLITE
async def test_who_does_not_answer_is_away_and_the_caller_is_the_next_again(opens: Opens) -> None:
    city = await opens(NOON)
    aigul = await city.hires("Aigul")
    dina, erlan = await city.waits(DINA), await city.waits(ERLAN)
    await city.until(lambda: aigul.phone.ringing)
    await city.passes(21)

    async def is_away() -> bool:
        return await city.agent(aigul) == ("away", "no_answer")

    await city.comes_true(is_away)
    bolat = await city.hires("Bolat")
    await city.talk(bolat, dina)
    assert erlan.place.startswith("queue:")
    assert await city.legs() == [("offer", "missed"), ("offer", "joined")]


async def test_of_two_who_answer_one_call_one_has_it(opens: Opens) -> None:
    city = await opens(NOON)
    city.twilio.ring_buffer = 5
    aigul, bolat = await city.hires("Aigul"), await city.hires("Bolat")
    dina = await city.waits(DINA)
    await city.until(lambda: aigul.phone.ringing)
    assert bolat.phone.ringing is None
    leg = aigul.phone.ringing
    assert leg is not None

    def hangs_up(request: Request) -> bool:
        return request.method == "POST" and request.path.endswith(f"/{leg.sid}.json")

    # Twilio says yes, and lets it ring on.
    city.twilio.fail_next(Failure(status=200, body={"sid": leg.sid}), where=hangs_up)
    await city.passes(20)
    await city.talk(bolat, dina)
    await aigul.phone.answer()
    assert lines(aigul.phone) == ["call_taken"]
    await city.passes(10)
    assert aigul.phone.leg is None
    assert dina.talks_to == {bolat.phone.address}


async def test_a_caller_is_given_to_a_colleague_at_once_and_announced(opens: Opens) -> None:
    city = await opens(NOON)
    aigul, bolat = await city.hires("Aigul"), await city.hires("Bolat")
    dina = await city.waits(DINA)
    await city.talk(aigul, dina)
    await aigul.does("transfer", {"operator": str(bolat.id)})
    await city.talk(bolat, dina)
    assert "transferred" in lines(dina)
    await city.until(lambda: aigul.phone.leg is None)

    await aigul.writes_down("Asks about a bill.")
    await bolat.does("transfer", {"operator": str(aigul.id), "announced": True})
    await city.until(lambda: aigul.phone.ringing)
    await aigul.phone.answer()
    await city.until(lambda: bolat.phone.talks_to == {aigul.phone.address})
    assert not dina.talks_to, "the caller hears music meanwhile"
    await bolat.does("complete")
    await city.until(lambda: dina.talks_to == {aigul.phone.address})
    await city.until(lambda: bolat.phone.leg is None)
    assert dina.place == aigul.phone.place


@ON_SQLITE
async def test_a_conversation_is_recorded_after_a_notice_and_not_where_it_is_refused(
    opens: Opens,
) -> None:
    city = await opens(NOON)
    await city.set_telephone(record=True)
    aigul, bolat = await city.hires("Aigul"), await city.hires("Bolat")
    dina = await city.waits(DINA)
    assert "record_notice" in lines(dina)
    await city.talk(aigul, dina)

    erlan = await city.rings(ERLAN)
    await erlan.press("2")
    await city.passes(1)
    assert lines(erlan)[-1] == "record_notice"
    await erlan.press("0")
    await city.talk(bolat, erlan)
    assert [room.recorded for room in city.twilio.rooms] == [True, False]


# --- Nothing is told ------------------------------------------------------------------------------


@ON_SQLITE
async def test_a_call_whose_end_twilio_never_told_is_asked_about(opens: Opens) -> None:
    city = await opens(NOON)
    city.twilio.callbacks = lambda _: ()
    aigul = await city.hires("Aigul")
    dina, erlan = await city.waits(DINA), await city.waits(ERLAN)
    await city.talk(aigul, dina)
    await dina.hang_up()
    await erlan.hang_up()
    await city.passes(150)
    assert (await city.ended(DINA)).ended_as == "answered"
    assert (await city.ended(ERLAN)).ended_as == "abandoned"
    assert [back.number for back in await city.call_backs()] == [ERLAN]


@ON_SQLITE
async def test_what_twilio_tells_twice_and_late_changes_nothing(opens: Opens) -> None:
    city = await opens(NOON)
    city.twilio.callbacks = lambda _: (0, 3, 40)
    aigul = await city.hires("Aigul")
    dina = await city.waits(DINA)
    await city.talk(aigul, dina)
    await dina.hang_up()
    assert (await city.ended(DINA)).ended_as == "answered"
    await aigul.writes_down("Asks about a bill.")
    erlan = await city.waits(ERLAN)
    await city.talk(aigul, erlan)
    await city.passes(60)
    assert erlan.talks_to == {aigul.phone.address}
    assert await city.agent(aigul) == ("busy", "")
    assert len(await city.calls(DINA)) == 1


# --- The hub dies ---------------------------------------------------------------------------------


async def test_after_a_kill_in_the_middle_of_a_call_the_registry_is_true(opens: Opens) -> None:
    city = await opens(NOON)
    hook = city.hub.url + "/hooks/phone/main"
    document = voicemail(Addresses(hook), {}).decode()
    city.twilio.numbers[NUMBER].voice_fallback_url = city.twilio.static(document)
    aigul = await city.hires("Aigul")
    dina = await city.waits(DINA)
    await city.talk(aigul, dina)
    await city.passes(60)
    await city.hub.kill()

    assert dina.talks_to == {aigul.phone.address}, "nobody on the line notices"
    await dina.hang_up()
    if aigul.phone.leg is not None:
        await aigul.phone.hang_up()
    erlan = await city.rings(ERLAN)
    await city.passes(30)
    assert erlan.place == "record", "Twilio's own document takes a voicemail"
    await erlan.say(seconds=5)
    await city.passes(6)
    await erlan.hang_up()
    assert [call.ended_at for call in await city.calls(DINA)] == [None]

    await city.hub.start()
    await city.hub.serves()
    await city.passes(300)
    call = await city.ended(DINA)
    assert (call.ended_as, call.operator_id) == ("answered", aigul.id)
    assert await city.agent(aigul) == ("wrap_up", "")
    assert (await city.ended(ERLAN)).ended_as == "message"
    appeal = await city.appeal(ERLAN)
    assert [len(said["attachments"]) for said in appeal["messages"]] == [0, 1]
    (back,) = await city.call_backs()
    assert (back.number, back.why) == (ERLAN, "message")
    await city.until(lambda: all(one.deleted for one in city.twilio.recordings.values()))
    assert all(order.failure is None for order in await city.rows(CallOrder))
