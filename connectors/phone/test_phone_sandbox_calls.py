"""Twilio's stand-in performs verbs as Twilio does, and time goes on only when it is told to."""

import asyncio
from functools import partial

import pytest

from connectors.phone.conftest import CITIZEN, calls
from connectors.phone.sandbox import NUMBER, PhoneSandbox
from connectors.phone.sandbox_time import Bell, SimulatedTime
from connectors.testing.scripted_hub import ScriptedHub


async def test_what_is_said_lasts_by_its_length(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = f'<Say language="ru-RU">{"а" * 140}</Say><Say>After</Say>'
    caller = await calls(twilio)
    await twilio.pass_time(9.9)
    assert len(caller.heard) == 1
    await twilio.pass_time(0.2)
    assert [heard.text for heard in caller.heard[1:]] == ["After"]
    assert caller.heard[0].language == "ru-RU"


async def test_a_key_cuts_short_what_is_said_and_goes_to_the_action(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = (
        '<Gather action="/step?at=language" numDigits="1"><Say>One or two</Say><Say>Well?</Say>'
        "</Gather>"
    )
    caller = await calls(twilio)
    assert caller.place == "gather"
    await caller.press("2")
    (told,) = scripted.told("/step")
    assert (told["Digits"], told["CallStatus"]) == ("2", "in-progress")
    assert dict(scripted.calls[1].query) == {"at": "language"}
    assert caller.transcript == ["One or two"]


@pytest.mark.parametrize(
    ("attributes", "keys", "digits"),
    [
        ("", "123#", "123"),
        ("", "#12#", "12"),
        ('finishOnKey="*"', "1#2*", "1#2"),
        ('finishOnKey="" numDigits="2"', "#*", "#*"),
        ('numDigits="3"', "12345", "123"),
    ],
)
async def test_digits_are_gathered_until_they_are_enough(
    attributes: str, keys: str, digits: str, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = f'<Gather action="/step" {attributes}/>'
    caller = await calls(twilio)
    for key in keys:
        if caller.leg is not None:
            await caller.press(key)
    assert [told["Digits"] for told in scripted.told("/step")] == [digits]


async def test_keys_with_too_long_a_pause_between_are_two_answers(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = '<Gather action="/step" timeout="3"/>'
    caller = await calls(twilio)
    await caller.press("1")
    await twilio.pass_time(2)
    await caller.press("2")
    await twilio.pass_time(2)
    assert not list(scripted.told("/step"))
    await twilio.pass_time(1)
    assert [told["Digits"] for told in scripted.told("/step")] == ["12"]


@pytest.mark.parametrize("empty", ["true", "false"])
async def test_who_presses_nothing_is_asked_on_only_where_the_document_says_so(
    empty: str, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = (
        f'<Gather action="/step" timeout="4" actionOnEmptyResult="{empty}"><Say>Press</Say>'
        "</Gather><Say>Nothing</Say>"
    )
    caller = await calls(twilio)
    await twilio.pass_time(4)
    assert caller.place == "gather", "the seconds count from the end of what is said"
    await twilio.pass_time(1)
    told = [one["Digits"] for one in scripted.told("/step")]
    assert told == ([""] if empty == "true" else [])
    assert ("Nothing" in caller.transcript) == (empty == "false")


async def test_a_key_is_lost_when_nothing_listens(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = '<Say>Listen</Say><Gather action="/step" timeout="2"/>'
    caller = await calls(twilio)
    await caller.press("1")
    await twilio.pass_time(5)
    assert not list(scripted.told("/step"))


async def test_nothing_is_asked_for_somebody_who_hung_up_at_a_question(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = '<Gather action="/step" actionOnEmptyResult="true"/>'
    caller = await calls(twilio)
    await twilio.pass_time(3)
    await caller.hang_up()
    assert not list(scripted.told("/step"))
    (told,) = scripted.told("/ended")
    assert (told["CallStatus"], told["CallDuration"]) == ("completed", "3")
    assert told["CallbackSource"] == "call-progress-events"


async def test_verbs_after_a_redirect_are_not_reached(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = '<Say>One</Say><Redirect method="GET">/next?a=1</Redirect><Hangup/>'
    scripted.replies["/next"] = "<Say>Two</Say>"
    caller = await calls(twilio)
    await twilio.pass_time(5)
    assert caller.transcript == ["One", "Two"]
    assert (scripted.calls[1].method, scripted.calls[1].query["a"]) == ("GET", "1")
    assert scripted.calls[1].query["CallStatus"] == "in-progress"
    assert caller.status == "completed"


@pytest.mark.parametrize(
    ("content", "status", "seconds"),
    [
        ("<Reject/>", "no-answer", "0"),
        ('<Reject reason="busy"/>', "busy", "0"),
        ('<Pause length="3"/><Reject/>', "no-answer", "0"),
        ("<Say>Hello</Say><Reject/>", "completed", "0"),
        ("<Hangup/>", "completed", "0"),
        ("", "completed", "0"),
    ],
)
async def test_a_call_ends_as_the_document_says(
    content: str, status: str, seconds: str, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = content
    caller = await calls(twilio)
    await twilio.pass_time(5)
    (told,) = scripted.told("/ended")
    assert (told["CallStatus"], told["CallDuration"]) == (status, seconds)
    assert caller.status == status


@pytest.mark.parametrize("name", ["anonymous", "restricted"])
async def test_a_withheld_number_is_told_in_twilios_way(
    name: str, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Say>Hello</Say>"
    await twilio.caller(name).call()
    (told,) = scripted.told("/call")
    assert told["From"] == {"anonymous": "+266696687", "restricted": "+7378742833"}[name]


# --- Voicemail ------------------------------------------------------------------------------------

RECORD = (
    '<Record action="/message" maxLength="60" finishOnKey="#" timeout="5"'
    ' recordingStatusCallback="/recorded"/><Say>Nobody spoke</Say>'
)


@pytest.mark.parametrize("ends_by", ["#", "hangup", ""])
async def test_a_message_is_recorded_until_its_end(
    ends_by: str, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = RECORD
    scripted.replies["/message"] = "<Say>Thanks</Say>"
    caller = twilio.caller(CITIZEN)
    leg = await caller.call()
    await twilio.pass_time(1)
    assert (caller.place, caller.heard[-1].what) == ("record", "beep")
    await caller.say(seconds=7)
    await twilio.pass_time(7)
    if ends_by == "#":
        await caller.press("1")
        assert caller.place == "record", "this key finishes nothing"
        await caller.press("#")
    elif ends_by == "hangup":
        await caller.hang_up()
    else:
        await twilio.pass_time(5)
    (told,) = scripted.told("/message")
    assert (told["Digits"], told["RecordingDuration"]) == (ends_by, "7")
    assert told["RecordingUrl"].endswith(told["RecordingSid"])
    assert told["CallStatus"] == ("completed" if ends_by == "hangup" else "in-progress")
    assert ("Thanks" in caller.transcript) == (ends_by != "hangup")
    assert not list(scripted.told("/recorded"))
    await twilio.pass_time(2)
    (told,) = scripted.told("/recorded")
    assert (told["CallSid"], told["RecordingStatus"]) == (leg.sid, "completed")
    assert told["RecordingSource"] == "RecordVerb"


async def test_a_message_is_cut_off_when_it_is_too_long(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = RECORD
    caller = await calls(twilio)
    await twilio.pass_time(0.5)
    await caller.say(seconds=600)
    await twilio.pass_time(61)
    (told,) = scripted.told("/message")
    assert told["RecordingDuration"] == "60"


@pytest.mark.parametrize("kept", [True, False])
async def test_silence_is_a_recording_unless_the_account_keeps_none(
    kept: bool, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = RECORD
    twilio.keeps_silence = kept
    caller = await calls(twilio)
    await twilio.pass_time(6)
    assert len(list(scripted.told("/message"))) == kept
    assert ("Nobody spoke" in caller.transcript) == (not kept)


# --- Dial -----------------------------------------------------------------------------------------

DIAL = (
    '<Dial action="/dialled" timeout="20" callerId="+77272000109">'
    "<Client>operator_17</Client></Dial>"
)


async def test_a_dialled_device_rings_and_talks(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = DIAL
    caller, device = twilio.caller(CITIZEN), twilio.device("client:operator_17")
    await caller.call()
    assert (device.shown, caller.heard[-1].what) == (NUMBER, "ring")
    await device.answer()
    assert (caller.talks_to, device.talks_to) == ({device.address}, {CITIZEN})
    await twilio.pass_time(42)
    await device.hang_up()
    (told,) = scripted.told("/dialled")
    assert (told["DialCallStatus"], told["DialCallDuration"]) == ("completed", "42")
    assert told["DialCallSid"] == device.legs[0].sid


@pytest.mark.parametrize(
    ("how", "status"),
    [("declines", "busy"), ("ignores", "no-answer"), ("is closed", "no-answer")],
)
async def test_a_dialled_device_that_does_not_answer_is_told_to_the_action(
    how: str, status: str, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = DIAL
    scripted.replies["/dialled"] = "<Say>Nobody</Say>"
    caller, device = twilio.caller(CITIZEN), twilio.device("client:operator_17")
    device.online = how != "is closed"
    await caller.call()
    if how == "declines":
        await device.decline()
    elif how == "ignores":
        await twilio.pass_time(19.9)
        assert device.ringing
        await twilio.pass_time(0.2)
    assert [told["DialCallStatus"] for told in scripted.told("/dialled")] == [status]
    assert not device.ringing
    assert caller.transcript == ["Nobody"]


async def test_the_first_to_answer_has_the_call(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Dial><Client>a</Client><Sip>sip:b@pbx.example.kz</Sip></Dial>"
    caller, first, second = map(twilio.device, (CITIZEN, "client:a", "sip:b@pbx.example.kz"))
    await caller.call()
    await second.answer()
    assert not first.ringing
    assert first.status == "canceled"
    assert caller.talks_to == {second.address}
    await caller.hang_up()
    assert second.status == "completed"


# --- Time -----------------------------------------------------------------------------------------


async def test_a_moment_is_over_when_everybody_waits_again() -> None:
    time = SimulatedTime(PhoneSandbox().time())
    began, seen = time(), []

    async def each(seconds: float) -> None:
        for _ in range(3):
            time.begin_later(0, partial(asyncio.sleep, 0))
            await asyncio.to_thread(bool)  # the world outside answers
            seen.append((time() - began).total_seconds())
            bell = Bell(time)
            time.begin_later(seconds, partial(ring, bell))
            await bell.wait()

    async def ring(bell: Bell) -> None:
        bell.ring()

    time.begin(each(2))
    time.begin(each(3))
    await time.pass_time(100)
    assert seen == [0, 0, 2, 3, 4, 6]
    assert (time() - began).total_seconds() == 100


async def test_what_goes_wrong_in_the_simulation_is_not_kept_silent() -> None:
    time = SimulatedTime(PhoneSandbox().time())

    async def fail() -> None:
        raise KeyError("a mistake")

    time.begin_later(5, fail)
    await time.pass_time(4)
    with pytest.raises(KeyError, match="a mistake"):
        await time.pass_time(2)


async def test_others_may_do_something_at_the_end_of_each_moment() -> None:
    time = SimulatedTime(PhoneSandbox().time())
    began, seen = time(), []

    async def look() -> None:
        seen.append((time() - began).total_seconds())

    time.after_each = look
    time.begin_later(2, partial(asyncio.sleep, 0))
    time.begin_later(5, partial(asyncio.sleep, 0))
    await time.pass_time(7)
    assert seen == [2, 5, 7]
