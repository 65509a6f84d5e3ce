"""Twilio's stand-in takes the documents that Twilio takes, and refuses the others by its codes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.phone import sandbox_sounds as sounds
from connectors.phone.conftest import CITIZEN, calls
from connectors.phone.sandbox import NUMBER, PhoneSandbox
from connectors.phone.sandbox_interpreter import APOLOGY
from connectors.phone.sandbox_rules import IN_QUEUE, IN_ROOM, Complaint, read
from connectors.testing.sandbox import Failure, answer
from connectors.testing.scripted_hub import ScriptedHub
from connectors.testing.twilio import AUTH_TOKEN, SIGNATURE_HEADER, sign

HOOK = "https://hub.example.kz/call"


def document(content: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{content}</Response>'.encode()


@pytest.mark.parametrize(
    "content",
    [
        "",
        '<Say language="ru-RU" voice="Polly.Tatyana">Здравствуйте</Say>',
        '<Say language="en-US">Hello</Say><Play>https://hub.example.kz/prompts/1.mp3</Play>',
        '<Say voice="Google.ru-RU-Wavenet-A">Здравствуйте</Say>',
        '<Gather numDigits="1" timeout="7" finishOnKey="" actionOnEmptyResult="true"/>',
        '<Gather action="/a?b=c&amp;d=e"><Play>a.mp3</Play><Pause length="1"/></Gather>',
        '<Record action="/message" maxLength="120" finishOnKey="#" playBeep="true" timeout="10"/>',
        '<Enqueue waitUrl="/wait" action="/queue">support</Enqueue>',
        '<Dial action="/left"><Conference beep="false" waitUrl="">call-1</Conference></Dial>',
        '<Dial><Conference statusCallback="/" statusCallbackEvent="end join">a</Conference></Dial>',
        '<Dial><Conference record="record-from-start">call-1</Conference></Dial>',
        '<Dial timeout="20" callerId="+77272000109"><Client>operator_17</Client></Dial>',
        '<Dial><Client><Identity>a_1</Identity><Parameter name="a" value="b"/></Client></Dial>',
        "<Dial><Sip>sip:17@pbx.example.kz</Sip><Number>+77012223344</Number></Dial>",
        "<Dial>+77012223344</Dial>",
        '<Reject reason="busy"/>',
        "<Redirect/>",
        "<Leave/><Hangup/>",
    ],
)
def test_what_twilio_documents_is_taken(content: str) -> None:
    read(document(content))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("<Speak>Hello</Speak>", 12200),
        ("<say>Hello</say>", 12200),
        ('<Say lang="ru-RU">Здравствуйте</Say>', 12200),
        ('<Say language="kk-KZ">Сәлеметсіз бе</Say>', 13512),
        ('<Say language="kk">Сәлеметсіз бе</Say>', 13512),
        ('<Say language="ru">Здравствуйте</Say>', 13512),
        ('<Say voice="Polly.Aigul">Здравствуйте</Say>', 13511),
        ('<Say voice="Google.kk-KZ-Standard-A">Сәлем</Say>', 13511),
        ('<Say voice="Polly.Joanna" language="ru-RU">Здравствуйте</Say>', 13511),
        ('<Say voice="woman" language="ru-RU">Здравствуйте</Say>', 13511),
        ("<Say/>", 13520),
        (f"<Say>{'a' * 4097}</Say>", 13520),
        ('<Say loop="-1">Hello</Say>', 13510),
        ("<Play/>", 11100),
        ("<Play>ftp://hub.example.kz/1.mp3</Play>", 11100),
        ("<Play>a b.mp3</Play>", 11100),
        ('<Pause length="0"/>', 13910),
        ('<Pause length="1.5"/>', 13910),
        ('<Gather timeout="0"/>', 13313),
        ('<Gather numDigits="0"/>', 13314),
        ('<Gather finishOnKey="##"/>', 13310),
        ('<Gather method="PUT"/>', 13312),
        ("<Gather><Hangup/></Gather>", 13320),
        ("<Gather>text</Gather>", 12200),
        ('<Record maxLength="1"/>', 13612),
        ('<Record maxLength="14401"/>', 13612),
        ('<Record timeout="-1"/>', 13611),
        ('<Record finishOnKey="x"/>', 13613),
        ('<Record playBeep="yes"/>', 13616),
        ("<Record><Say>Hello</Say></Record>", 12200),
        ("<Enqueue/>", 14205),
        (f"<Enqueue>{'q' * 65}</Enqueue>", 14205),
        ('<Enqueue waitUrl="gopher://x">a</Enqueue>', 14202),
        ('<Enqueue waitUrlMethod="DELETE">a</Enqueue>', 14206),
        ("<Dial/>", 13223),
        ("<Dial><Say>Hello</Say></Dial>", 13215),
        ('<Dial timeout="none"><Client>a</Client></Dial>', 13212),
        ("<Dial><Client>operator-17</Client></Dial>", 12200),
        ("<Dial><Sip>17@pbx.example.kz</Sip></Dial>", 13243),
        ("<Dial><Number>operator</Number></Dial>", 13223),
        ("<Dial><Conference/></Dial>", 13237),
        ('<Dial><Conference beep="1">a</Conference></Dial>', 13235),
        ('<Dial><Conference muted="no">a</Conference></Dial>', 13230),
        ('<Dial><Conference endConferenceOnExit="1">a</Conference></Dial>', 13231),
        ('<Dial><Conference startConferenceOnEnter="1">a</Conference></Dial>', 13232),
        ('<Dial><Conference statusCallbackEvent="joined">a</Conference></Dial>', 12200),
        ('<Dial><Conference hold="true">a</Conference></Dial>', 12200),
        ('<Reject reason="closed"/>', 12200),
        ('<Redirect method="PATCH">/a</Redirect>', 13710),
        ("<Hangup>now</Hangup>", 12200),
        ("Hello", 12200),
        ("<Say>Hello", 12100),
        ("<Say>a & b</Say>", 12100),
        (f"<Say>Hello</Say><!--{' ' * 65536}-->", 11750),
    ],
)
def test_what_twilio_does_not_take_is_refused_by_its_code(content: str, code: int) -> None:
    with pytest.raises(Complaint) as refused:
        read(document(content))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("body", "code"), [(b"", 12100), (b"{}", 12100), (b"<html/>", 12102), (b"\xff\xfe", 12100)]
)
def test_what_is_no_document_at_all_is_refused(body: bytes, code: int) -> None:
    with pytest.raises(Complaint) as refused:
        read(body)
    assert refused.value.code == code


def test_those_who_wait_are_played_to_and_nothing_else() -> None:
    read(document("<Play>a.mp3</Play><Leave/>"), allowed=IN_QUEUE)
    for content, place, code in (
        ("<Dial>+77012223344</Dial>", IN_QUEUE, 12200),
        ("<Record/>", IN_QUEUE, 12200),
        ("<Gather/>", IN_ROOM, 13238),
        ("<Hangup/>", IN_ROOM, 13238),
    ):
        with pytest.raises(Complaint) as refused:
            read(document(content), allowed=place)
        assert refused.value.code == code


@given(st.binary(max_size=200))
def test_nothing_but_a_complaint_comes_of_any_bytes(body: bytes) -> None:
    with suppress(Complaint):
        read(body)


# --- What goes wrong in a call --------------------------------------------------------------------


async def test_a_call_is_asked_for_as_twilio_asks(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Pause length='30'/>"
    leg = await twilio.caller(CITIZEN).call()
    (call,) = scripted.calls
    assert call.data["CallSid"] == leg.sid
    assert len(leg.sid) == 34
    assert (call.data["From"], call.data["To"]) == (CITIZEN, NUMBER)
    assert (call.data["CallStatus"], call.data["Direction"]) == ("ringing", "inbound")
    assert call.headers[SIGNATURE_HEADER] == sign(AUTH_TOKEN, HOOK, call.data.items())
    assert leg.answered_at is None, "a pause at the beginning lets it ring"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer("<Response/>", status=500, headers={"Content-Type": "text/xml"}), 11200),
        (answer("<Response/>", status=404, headers={"Content-Type": "text/xml"}), 11200),
        (answer({"ok": True}), 12300),
        (answer(b"<Response/>"), 12300),
        (answer("", headers={"Content-Type": "text/xml"}), 12100),
        ("<Speak/>", 12200),
    ],
    ids=range(6),
)
async def test_what_cannot_be_performed_goes_to_the_fallback_with_its_code(
    reply: object, code: int, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = reply  # type: ignore[assignment]
    scripted.replies["/fallback"] = "<Say>One moment</Say>"
    twilio.numbers[NUMBER].voice_fallback_url = "https://hub.example.kz/fallback"
    caller = await calls(twilio)
    (told,) = scripted.told("/fallback")
    assert (told["ErrorCode"], told["ErrorUrl"]) == (str(code), HOOK)
    (error,) = twilio.errors
    assert (error.code, error.address) == (code, HOOK)
    assert caller.transcript == ["One moment"]


async def test_without_a_fallback_an_apology_ends_the_call(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Speak/>"
    caller = await calls(twilio)
    assert caller.transcript == [APOLOGY]
    await twilio.pass_time(20)
    assert (caller.leg, caller.status) == (None, "completed")
    assert [told["CallStatus"] for told in scripted.told("/ended")] == ["completed"]


async def test_a_hub_that_is_down_leaves_its_callers_to_a_static_document(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    twilio.numbers[NUMBER].voice_fallback_url = twilio.static(
        '<Response><Say>Leave a message</Say><Record action="https://hub.example.kz/message"/>'
        "</Response>"
    )
    await scripted.stop()
    caller = twilio.caller(CITIZEN)
    leg = await caller.call()
    await twilio.pass_time(3)
    assert caller.place == "record"
    await caller.say(seconds=9)
    await twilio.pass_time(9)
    await caller.hang_up()
    await twilio.pass_time(5)
    (recording,) = twilio.recordings.values()
    assert (recording.call, recording.seconds, recording.ready) == (leg.sid, 9, True)
    assert {error.code for error in twilio.errors} == {11205}


async def test_a_fallback_that_leads_into_the_void_ends_the_call(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    twilio.numbers[NUMBER].voice_fallback_url = twilio.static(
        "<Response><Redirect>https://hub.example.kz/call</Redirect></Response>"
    )
    await scripted.stop()
    caller = await calls(twilio)
    assert caller.transcript == [APOLOGY]


async def test_twilio_waits_for_an_answer_only_so_long(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.fail_next(Failure.hang())
    twilio.patience = 0.05
    caller = await calls(twilio)
    assert [error.code for error in twilio.errors] == [11200]
    assert caller.transcript == [APOLOGY]


# --- Sounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "mime", "seconds"),
    [
        (sounds.silent_mp3(7), "audio/mpeg", 7),
        (b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + sounds.silent_mp3(2), "audio/mpeg", 2),
        (sounds.silent_wav(3.5), "audio/wav", 3.5),
        (sounds.silent_wav(3.5), "audio/x-wav", 3.5),
        (bytes(8000), "audio/basic", 1),
        (b"", "audio/basic", None),
        (b"<html/>", "audio/mpeg", None),
        (sounds.silent_wav(1), "audio/mpeg", None),
        (sounds.silent_mp3(1), "audio/wav", None),
        (b"RIFF\x04\x00\x00\x00WAVE", "audio/wav", None),
        (sounds.silent_mp3(1), "audio/ogg", None),
    ],
    ids=range(11),
)
def test_a_file_is_known_by_its_content(content: bytes, mime: str, seconds: float | None) -> None:
    found = sounds.seconds(content, mime)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=0.05))


async def test_a_file_lasts_as_long_as_it_is(twilio: PhoneSandbox, scripted: ScriptedHub) -> None:
    scripted.replies["/call"] = "<Play>prompts/welcome.mp3</Play><Say>After</Say>"
    scripted.replies["/prompts/welcome.mp3"] = answer(
        sounds.silent_mp3(8), headers={"Content-Type": "audio/mpeg"}
    )
    caller = await calls(twilio)
    await twilio.pass_time(7.9)
    assert caller.transcript == ["https://hub.example.kz/prompts/welcome.mp3"]
    await twilio.pass_time(0.2)
    assert caller.transcript[-1] == "After"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(status=404), 11200),
        (answer("<html/>", headers={"Content-Type": "text/html"}), 13420),
        (answer(b"<html/>", headers={"Content-Type": "audio/mpeg"}), 11200),
    ],
    ids=range(3),
)
async def test_a_file_that_is_not_there_or_is_no_sound_is_an_error(
    reply: object, code: int, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Play>/gone.mp3</Play>"
    scripted.replies["/gone.mp3"] = reply  # type: ignore[assignment]
    caller = await calls(twilio)
    (error,) = twilio.errors
    assert (error.code, error.address) == (code, "https://hub.example.kz/gone.mp3")
    assert caller.transcript == [APOLOGY]


async def test_a_file_that_may_be_kept_is_fetched_once(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Play>/a.mp3</Play><Play>/b.mp3</Play>" * 2
    kept = {"Content-Type": "audio/mpeg", "Cache-Control": "public, max-age=60"}
    scripted.replies["/a.mp3"] = lambda _: answer(sounds.silent_mp3(1), headers=kept)
    plain = {"Content-Type": "audio/mpeg"}
    scripted.replies["/b.mp3"] = lambda _: answer(sounds.silent_mp3(1), headers=plain)
    await twilio.caller(CITIZEN).call()
    await twilio.pass_time(10)
    assert [len(list(scripted.told(path))) for path in ("/a.mp3", "/b.mp3")] == [1, 2]
