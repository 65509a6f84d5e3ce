"""Twilio's stand-in keeps queues and conferences as Twilio does."""

import aiohttp
import pytest

from connectors.phone.conftest import CITIZEN, calls
from connectors.phone.sandbox import ACCOUNT_SID, NUMBER, Phone, PhoneSandbox
from connectors.testing.sandbox import answer
from connectors.testing.scripted_hub import ScriptedHub

OPERATOR = "client:operator_17"
ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"


async def ask(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, path: str, form: dict[str, str]
) -> int:
    async with http.post(f"{twilio.url}{ACCOUNT}/{path}.json", data=form) as response:
        await twilio.idle()
        return response.status


async def ring(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, device: Phone, url: str = "/leg"
) -> None:
    form = {"To": device.address, "From": NUMBER, "Url": f"https://hub.example.kz{url}"}
    assert await ask(http, twilio, "Calls", form) == 201


# --- Queues ---------------------------------------------------------------------------------------

ENQUEUE = '<Enqueue waitUrl="/wait" action="/queue">support</Enqueue><Say>Not taken</Say>'


async def test_who_waits_is_played_to_again_and_again_and_told_their_place(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = ENQUEUE
    scripted.replies["/wait"] = '<Pause length="10"/>'
    first, second = twilio.caller(CITIZEN), twilio.caller("+77012223355")
    await first.call()
    await twilio.pass_time(4)
    await second.call()
    await twilio.pass_time(15)
    names = ("CallSid", "QueuePosition", "QueueTime", "AvgQueueTime", "CurrentQueueSize")
    told = [tuple(one[name] for name in names) for one in scripted.told("/wait")]
    one, two = first.legs[0].sid, second.legs[0].sid
    assert told == [
        (one, "1", "0", "0", "1"),
        (two, "2", "0", "2", "2"),
        (one, "1", "10", "8", "2"),
        (two, "2", "10", "12", "2"),
    ]


async def test_who_hangs_up_in_the_queue_is_told_of_to_the_action(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = ENQUEUE
    scripted.replies["/wait"] = '<Pause length="10"/>'
    caller = await calls(twilio)
    await twilio.pass_time(13)
    await caller.hang_up()
    (told,) = scripted.told("/queue")
    assert (told["QueueResult"], told["QueueTime"]) == ("hangup", "13")
    assert told["CallStatus"] == "completed"
    assert not twilio.queues["support"].members


async def test_a_key_in_the_queue_can_lead_out_of_it(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = ENQUEUE
    scripted.replies["/wait"] = '<Gather action="/menu" numDigits="1" timeout="9"/>'
    scripted.replies["/menu"] = "<Leave/>"
    scripted.replies["/queue"] = "<Say>We call back</Say>"
    caller = await calls(twilio)
    await twilio.pass_time(5)
    await caller.press("1")
    assert [told["QueueResult"] for told in scripted.told("/queue")] == ["leave"]
    assert caller.transcript == ["We call back"]


async def test_without_an_action_the_next_verb_follows(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = '<Enqueue waitUrl="/wait">a</Enqueue><Say>Next</Say>'
    scripted.replies["/wait"] = "<Leave/>"
    caller = await calls(twilio)
    assert caller.transcript == ["Next"]


@pytest.mark.parametrize(
    "reply", ["<Dial>+77012223344</Dial>", answer(status=503), answer({"a": 1})], ids=range(3)
)
async def test_what_cannot_be_played_to_those_who_wait_takes_them_out(
    reply: object, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = ENQUEUE
    scripted.replies["/wait"] = reply  # type: ignore[assignment]
    await calls(twilio)
    assert [told["QueueResult"] for told in scripted.told("/queue")] == ["error"]
    assert len(twilio.errors) == 1


async def test_a_document_without_sound_does_not_stop_time(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = ENQUEUE
    await twilio.caller(CITIZEN).call()
    await twilio.pass_time(5)
    assert len(list(scripted.told("/wait"))) == 6


async def test_a_full_queue_takes_nobody(twilio: PhoneSandbox, scripted: ScriptedHub) -> None:
    scripted.replies["/call"] = ENQUEUE
    twilio.queue("support").most = 0
    await calls(twilio)
    (told,) = scripted.told("/queue")
    assert told["QueueResult"] == "queue-full"
    assert "QueueTime" not in told


async def test_who_dials_a_queue_gets_the_first_of_it(
    twilio: PhoneSandbox, scripted: ScriptedHub, http: aiohttp.ClientSession
) -> None:
    scripted.replies["/call"] = ENQUEUE
    scripted.replies["/leg"] = '<Dial action="/left"><Queue url="/whisper">support</Queue></Dial>'
    scripted.replies["/whisper"] = "<Say>You are connected</Say>"
    caller, other = twilio.caller(CITIZEN), twilio.caller("+77012223355")
    device = twilio.device(OPERATOR)
    await caller.call()
    await other.call()
    await twilio.pass_time(30)
    await ring(http, twilio, device)
    await device.answer()
    await twilio.pass_time(5)
    assert caller.transcript == ["You are connected"]
    assert (device.talks_to, caller.talks_to) == ({CITIZEN}, {OPERATOR})
    assert other.place == "queue:support"
    await caller.hang_up()
    (told,) = scripted.told("/queue")
    assert told["QueueResult"] == "bridged"
    assert [told["DialCallStatus"] for told in scripted.told("/left")] == ["completed"]


async def test_two_hundred_wait_at_once_and_none_is_lost(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = ENQUEUE
    scripted.replies["/wait"] = '<Pause length="20"/>'
    callers = [twilio.caller(f"+7701{n:07}") for n in range(200)]
    for caller in callers:
        await caller.call()
        await twilio.pass_time(0.05)
    await twilio.pass_time(30)
    told = list(scripted.told("/wait"))
    assert [int(one["QueuePosition"]) for one in told[:200]] == list(range(1, 201))
    assert {one["From"] for one in told[200:]} == {caller.address for caller in callers}
    for caller in callers:
        await caller.hang_up()
    assert {one["CallSid"] for one in scripted.told("/ended")} == set(twilio.legs)
    assert [one["QueueResult"] for one in scripted.told("/queue")] == ["hangup"] * 200
    assert not twilio.queues["support"].members


# --- Conferences ----------------------------------------------------------------------------------

ROOM = (
    '<Dial action="/room-left"><Conference beep="false" startConferenceOnEnter="false"'
    ' waitUrl="/music" statusCallback="/room"'
    ' statusCallbackEvent="start end join leave hold mute">call-1</Conference></Dial>'
)
LEG = '<Dial><Conference beep="false" endConferenceOnExit="true">call-1</Conference></Dial>'


@pytest.fixture
async def talking(
    twilio: PhoneSandbox, scripted: ScriptedHub, http: aiohttp.ClientSession
) -> tuple[Phone, Phone]:
    """A citizen was in the queue, an operator answered, and both are in a room."""
    scripted.replies["/call"] = ENQUEUE
    scripted.replies["/wait"] = '<Pause length="20"/>'
    scripted.replies["/room-in"] = ROOM
    scripted.replies["/music"] = '<Say>Music</Say><Redirect method="POST"/>'
    scripted.replies["/leg"] = LEG
    caller, device = twilio.caller(CITIZEN), twilio.device(OPERATOR)
    leg = await caller.call()
    await twilio.pass_time(7)
    await ring(http, twilio, device)
    await device.answer()
    assert device.heard[-1].what == "music", "alone in a room one hears Twilio's own"
    form = {"Url": "https://hub.example.kz/room-in"}
    assert await ask(http, twilio, f"Calls/{leg.sid}", form) == 200
    return caller, device


async def test_a_call_that_is_moved_out_of_the_queue_comes_into_the_room(
    talking: tuple[Phone, Phone], twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    caller, device = talking
    (told,) = scripted.told("/queue")
    assert (told["QueueResult"], told["QueueTime"]) == ("redirected", "7")
    assert "Not taken" not in caller.transcript
    assert (caller.talks_to, device.talks_to) == ({OPERATOR}, {CITIZEN})
    assert not [heard for heard in device.heard if heard.what == "beep"]


async def test_the_room_ends_when_the_operator_leaves(
    talking: tuple[Phone, Phone], twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    caller, device = talking
    scripted.replies["/room-left"] = "<Say>Goodbye</Say>"
    await twilio.pass_time(60)
    await device.hang_up()
    assert caller.transcript[-1] == "Goodbye"
    assert [told["DialCallStatus"] for told in scripted.told("/room-left")] == ["answered"]
    (room,) = twilio.rooms
    assert room.reason == "participant-with-end-conference-on-exit-left"


async def test_the_room_goes_on_when_the_citizen_leaves(
    talking: tuple[Phone, Phone], twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    caller, device = talking
    await caller.hang_up()
    (told,) = scripted.told("/room-left")
    assert told["CallStatus"] == "completed", "it is told, and its answer is heard by nobody"
    assert (device.place, device.talks_to) == ("room:call-1", frozenset())


async def test_the_operator_can_be_released_first(
    talking: tuple[Phone, Phone], twilio: PhoneSandbox, http: aiohttp.ClientSession
) -> None:
    caller, device = talking
    (room,) = twilio.rooms
    leg = device.leg
    assert leg is not None
    path = f"Conferences/{room.sid}/Participants/{leg.sid}"
    assert await ask(http, twilio, path, {"EndConferenceOnExit": "false"}) == 200
    await device.hang_up()
    assert caller.place == "room:call-1"
    assert room.status == "in-progress"


async def test_who_is_on_hold_hears_music_alone(
    talking: tuple[Phone, Phone],
    twilio: PhoneSandbox,
    scripted: ScriptedHub,
    http: aiohttp.ClientSession,
) -> None:
    caller, device = talking
    (room,) = twilio.rooms
    path = f"Conferences/{room.sid}/Participants/{caller.legs[0].sid}"
    form = {"Hold": "true", "HoldUrl": "https://hub.example.kz/hold", "HoldMethod": "POST"}
    scripted.replies["/hold"] = "<Say>Please hold</Say>"
    assert await ask(http, twilio, path, form) == 200
    assert caller.transcript[-1] == "Please hold"
    assert not caller.talks_to
    assert not device.talks_to
    await twilio.pass_time(30)
    assert await ask(http, twilio, path, {"Hold": "false"}) == 200
    assert caller.talks_to == {OPERATOR}
    assert not list(scripted.told("/room")), "the first who joined had named no address"


async def test_hold_without_an_address_is_twilios_own_music(
    talking: tuple[Phone, Phone], twilio: PhoneSandbox, http: aiohttp.ClientSession
) -> None:
    caller, _ = talking
    path = f"Conferences/{twilio.rooms[0].sid}/Participants/{caller.legs[0].sid}"
    assert await ask(http, twilio, path, {"Hold": "true"}) == 200
    assert caller.heard[-1].what == "music"


async def test_who_is_removed_goes_on_with_what_follows(
    talking: tuple[Phone, Phone],
    twilio: PhoneSandbox,
    scripted: ScriptedHub,
    http: aiohttp.ClientSession,
) -> None:
    caller, device = talking
    scripted.replies["/room-left"] = "<Say>Moved on</Say>"
    path = f"{ACCOUNT}/Conferences/{twilio.rooms[0].sid}/Participants/{caller.legs[0].sid}.json"
    async with http.delete(twilio.url + path) as response:
        assert response.status == 204
    await twilio.idle()
    assert caller.transcript[-1] == "Moved on"
    assert device.place == "room:call-1"
    async with http.delete(twilio.url + path) as response:
        assert (response.status, (await response.json())["code"]) == (404, 20404)


async def test_what_happens_in_a_room_is_told_to_whoever_the_first_named(
    twilio: PhoneSandbox, scripted: ScriptedHub, http: aiohttp.ClientSession
) -> None:
    scripted.replies["/call"] = ROOM
    scripted.replies["/music"] = "<Pause length='5'/>"
    scripted.replies["/leg"] = LEG
    caller, device = twilio.caller(CITIZEN), twilio.device(OPERATOR)
    await caller.call()
    await ring(http, twilio, device)
    await device.answer()
    await caller.hang_up()
    await device.hang_up()
    told = list(scripted.told("/room"))
    assert [one["StatusCallbackEvent"] for one in told] == [
        "participant-join",
        "participant-join",
        "conference-start",
        "participant-leave",
        "participant-leave",
        "conference-end",
    ]
    assert [one["SequenceNumber"] for one in told] == ["1", "2", "3", "4", "5", "6"]
    assert told[3]["ReasonParticipantLeft"] == "participant_hung_up"
    assert told[5]["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    assert {one["FriendlyName"] for one in told} == {"call-1"}


async def test_music_plays_until_the_conference_starts_and_a_failing_address_ends_the_wait(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = ROOM
    scripted.replies["/music"] = "<Dial>+77012223344</Dial>"
    await calls(twilio)
    assert [error.code for error in twilio.errors] == [13238]
    assert len(list(scripted.told("/room-left"))) == 1


async def test_a_beep_is_heard_by_those_who_are_in(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Dial><Conference>open</Conference></Dial>"
    first, second = twilio.caller(CITIZEN), twilio.caller("+77012223355")
    await first.call()
    await second.call()
    assert [heard.what for heard in first.heard] == ["music", "beep"]
    await second.hang_up()
    assert [heard.what for heard in first.heard] == ["music", "beep", "beep"]


async def test_nobody_hears_another_before_the_conference_starts(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = (
        '<Dial><Conference startConferenceOnEnter="false">open</Conference></Dial>'
    )
    first, second = twilio.caller(CITIZEN), twilio.caller("+77012223355")
    await first.call()
    await second.call()
    assert [heard.what for heard in first.heard] == ["music"]
    assert not first.talks_to


async def test_a_conversation_is_recorded_from_its_start_to_its_end(
    twilio: PhoneSandbox, scripted: ScriptedHub, http: aiohttp.ClientSession
) -> None:
    scripted.replies["/call"] = (
        '<Dial><Conference startConferenceOnEnter="false" waitUrl="" record="record-from-start"'
        ' recordingStatusCallback="/recording?room=call-1">call-1</Conference></Dial>'
    )
    scripted.replies["/leg"] = LEG
    caller, device = twilio.caller(CITIZEN), twilio.device(OPERATOR)
    await caller.call()
    await twilio.pass_time(20)
    await ring(http, twilio, device)
    await device.answer()
    await twilio.pass_time(95)
    await device.hang_up()
    await twilio.pass_time(2)
    (told,) = scripted.told("/recording")
    assert (told["RecordingDuration"], told["RecordingSource"]) == ("95", "Conference")
    assert told["ConferenceSid"] == twilio.rooms[0].sid
    assert "CallSid" not in told
    path = f"{ACCOUNT}/Recordings/{told['RecordingSid']}"
    async with http.get(f"{twilio.url}{path}.mp3") as response:
        assert (response.status, response.content_type) == (200, "audio/mpeg")
        assert (await response.read())[:2] == b"\xff\xf3"
    async with http.get(f"{twilio.url}{path}") as response:
        assert (await response.read())[:4] == b"RIFF"
    async with http.delete(f"{twilio.url}{path}.json") as response:
        assert response.status == 204
    async with http.get(f"{twilio.url}{path}.mp3") as response:
        assert response.status == 404
