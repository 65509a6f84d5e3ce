"""Scripts as TwiML, to the letter; and what Twilio's own reader makes of them."""

from xml.etree import ElementTree

import pytest

from connectors.phone.addresses import Addresses
from connectors.phone.fallback import WORDS, voicemail
from connectors.phone.sandbox_rules import read
from connectors.phone.twiml import document
from registry.calls.script import (
    Ask,
    GoOn,
    HangUp,
    LeaveQueue,
    Line,
    Music,
    Pause,
    Play,
    Queue,
    Refuse,
    Say,
    Script,
    TakeMessage,
    Talk,
)

HOOK = "https://hub.example.kz/hooks/phone/main"
WAITS = f'waitUrl="{HOOK}/music" waitMethod="POST"'
TO = Addresses(HOOK)
RU = '<Say voice="Polly.Tatyana" language="ru-RU">'
END = "<Hangup />"


def said(script: Script) -> str:
    """What stands within the Response."""
    text = document(script, TO).decode()
    read(text.encode())  # Twilio takes it
    declared = '<?xml version="1.0" encoding="UTF-8"?>'
    return text.removeprefix(f"{declared}<Response>").removesuffix("</Response>")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ((Say("Сәлем", "ru"),), f"{RU}Сәлем</Say>{END}"),
        (
            (Say("Hello", "en"), HangUp()),
            f'<Say voice="Polly.Joanna" language="en-US">Hello</Say>{END}',
        ),
        (
            (Play("https://hub.example.kz/a?b=1&c=2"), Pause(3), HangUp()),
            f'<Play>https://hub.example.kz/a?b=1&amp;c=2</Play><Pause length="3" />{END}',
        ),
        (
            (Ask(step="menu", sounds=(Say("1", "ru"), Pause(1)), seconds=4, digits=2),),
            (
                f'<Gather input="dtmf" action="{HOOK}/step?at=menu&amp;asked=1" method="POST" '
                f'numDigits="2" timeout="4" finishOnKey="" actionOnEmptyResult="true">'
                f'{RU}1</Say><Pause length="1" /></Gather>'
            ),
        ),
        (
            (Queue(name="callers"),),
            (
                f'<Enqueue action="{HOOK}/queue" method="POST" waitUrl="{HOOK}/wait" '
                f'waitUrlMethod="POST">callers</Enqueue>'
            ),
        ),
        ((LeaveQueue(),), "<Leave />"),
        (
            (Talk(room="call-1", step="talked", ends_room=True),),
            (
                f'<Dial action="{HOOK}/step?at=talked" method="POST"><Conference beep="false" '
                f'startConferenceOnEnter="true" endConferenceOnExit="true" {WAITS}>'
                f"call-1</Conference></Dial>"
            ),
        ),
        (
            (Talk(room="call-1", step="talked", ends_room=False, recorded=True),),
            (
                f'<Dial action="{HOOK}/step?at=talked" method="POST"><Conference beep="false" '
                f'startConferenceOnEnter="true" endConferenceOnExit="false" {WAITS} '
                f'record="record-from-start" trim="trim-silence" '
                f'recordingStatusCallback="{HOOK}/recording?room=call-1" '
                f'recordingStatusCallbackMethod="POST" recordingStatusCallbackEvent="completed">'
                f"call-1</Conference></Dial>"
            ),
        ),
        (
            (TakeMessage(seconds=120),),
            (
                f'<Record action="{HOOK}/message" method="POST" maxLength="120" timeout="5" '
                f'finishOnKey="#" playBeep="true" trim="trim-silence" />'
            ),
        ),
        (
            (GoOn("hello & more"),),
            f'<Redirect method="POST">{HOOK}/step?at=hello+%26+more</Redirect>',
        ),
        ((Music((Play("https://a.kz/m.mp3"),)),), '<Play loop="0">https://a.kz/m.mp3</Play>'),
        ((HangUp(),), END),
        ((Refuse(),), '<Reject reason="rejected" />'),
        ((Refuse(busy=True),), '<Reject reason="busy" />'),
    ],
    ids=lambda value: type(value[0]).__name__ if isinstance(value, tuple) else "",
)
def test_a_script_is_written_verb_by_verb(script: Script, expected: str) -> None:
    assert said(script) == expected


def test_an_empty_script_says_nothing() -> None:
    assert document((), TO) == b'<?xml version="1.0" encoding="UTF-8"?><Response />'


def test_nothing_stands_behind_what_ends_a_script() -> None:
    assert said((GoOn("menu"), Say("Never", "en"), HangUp())) == said((GoOn("menu"),))


def test_a_script_that_leads_nowhere_ends_the_call_in_a_queue_too() -> None:
    assert said((Say("Сау болыңыз", "ru"),)).endswith(END)


def test_what_is_said_is_never_a_command() -> None:
    text = "1 < 2 & </Say><Hangup/> \x00\x0b\ud800]]>\ufffe \U0001f600"
    (heard,) = ElementTree.fromstring(said((Say(text, "ru"), Pause(1))).join(("<R>", "</R>")))[:1]
    assert heard.text == "1 < 2 & </Say><Hangup/> ]]> \U0001f600"
    assert len(heard) == 0


@pytest.mark.parametrize("sound", [Say("Сәлем", "kk"), Line("welcome", "kk")])
def test_what_nobody_can_say_is_refused_and_not_left_out(sound: Say | Line) -> None:
    with pytest.raises(ValueError, match=r"has no voice|has not become"):
        document((Ask(step="menu", sounds=(sound,)),), TO)


def test_the_fallback_says_it_in_every_language_it_can() -> None:
    document_with = voicemail(TO, {"kk": "https://city.example.kz/kk.mp3"}).decode()
    read(document_with.encode())
    assert document_with.index("<Play>https://city.example.kz/kk.mp3</Play>") < document_with.index(
        WORDS["ru"]
    )
    assert WORDS["kk"] not in document_with
    assert f'action="{HOOK}/fallback-message"' in document_with
    without = voicemail(TO, {}).decode()
    assert "<Play>" not in without
    assert (WORDS["ru"] in without, WORDS["en"] in without) == (True, True)
