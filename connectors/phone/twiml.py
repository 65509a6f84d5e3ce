"""A script as TwiML, the documents that Twilio carries out.

Sources: https://www.twilio.com/docs/voice/twiml and its pages on each verb;
https://www.twilio.com/docs/voice/twiml/say/text-speech#available-voices-and-languages
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from connectors.phone.addresses import Addresses
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
    Sound,
    TakeMessage,
    Talk,
    Verb,
)

MIME = "text/xml"


class Voice(NamedTuple):
    """Who speaks a language."""

    name: str
    locale: str


VOICES: Mapping[str, Voice] = {
    "ru": Voice("Polly.Tatyana", "ru-RU"),
    "en": Voice("Polly.Joanna", "en-US"),
}
"""Twilio has none for Kazakh."""

SILENCE = 5
"""Seconds of it that end a voicemail."""
_LEADS_ON = (Ask, Queue, LeaveQueue, Talk, TakeMessage, GoOn, Music, HangUp, Refuse)
"""What ends a script."""
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(script: Script, to: Addresses) -> bytes:
    """The script as a document, in which nothing that it says can become a command.

    Raises: ValueError for a `Line`, and for words in a language that Twilio has no voice for.
    """
    response = Element("Response")
    for verb in script:
        _add(response, verb, to)
        if isinstance(verb, _LEADS_ON):
            break
    else:
        if script:  # in a queue's music, a document that ends only begins anew
            SubElement(response, "Hangup")
    return written(response)


def written(response: Element) -> bytes:
    """The document's text."""
    return f'<?xml version="1.0" encoding="UTF-8"?>{tostring(response, "unicode")}'.encode()


def add_sounds(parent: Element, sounds: Iterable[Sound]) -> None:
    """What is heard, one after the other. Raises: ValueError."""
    for sound in sounds:
        match sound:
            case Say(text, language):
                voice = VOICES.get(language)
                if voice is None:
                    raise ValueError(f"Twilio has no voice for {language!r}: it needs a file")
                said = SubElement(parent, "Say", voice=voice.name, language=voice.locale)
                said.text = _clean(text)
            case Play(address):
                SubElement(parent, "Play").text = _clean(address)
            case Pause(seconds):
                SubElement(parent, "Pause", length=str(seconds))
            case Line(prompt):
                raise ValueError(f"the line {prompt!r} has not become words or a file")


def _add(response: Element, verb: Verb, to: Addresses) -> None:
    match verb:
        case Ask():
            asked = SubElement(
                response,
                "Gather",
                input="dtmf",
                action=to.step(_clean(verb.step), asked=True),
                method="POST",
                numDigits=str(verb.digits),
                timeout=str(verb.seconds),
                finishOnKey="",  # every key is an answer, the hash as well
                actionOnEmptyResult="true",
            )
            add_sounds(asked, verb.sounds)
        case Queue(name=name):
            SubElement(
                response,
                "Enqueue",
                action=to.queue(),
                method="POST",
                waitUrl=to.wait(),
                waitUrlMethod="POST",
            ).text = _clean(name)
        case LeaveQueue():
            SubElement(response, "Leave")
        case Talk():
            _add_room(response, verb, to)
        case TakeMessage(seconds=seconds):
            SubElement(
                response,
                "Record",
                action=to.message(),
                method="POST",
                maxLength=str(seconds),
                timeout=str(SILENCE),
                finishOnKey="#",
                playBeep="true",
                trim="trim-silence",
            )
        case Music(sounds):
            add_sounds(response, sounds)
            for played in response.iter("Play"):
                played.set("loop", "0")
        case GoOn(step):
            SubElement(response, "Redirect", method="POST").text = to.step(_clean(step))
        case HangUp():
            SubElement(response, "Hangup")
        case Refuse(busy):
            SubElement(response, "Reject", reason="busy" if busy else "rejected")
        case _:
            add_sounds(response, (verb,))


def _add_room(response: Element, talk: Talk, to: Addresses) -> None:
    left = to.step(_clean(talk.step))
    dial = SubElement(response, "Dial", action=left, method="POST")
    room = SubElement(
        dial,
        "Conference",
        beep="false",
        startConferenceOnEnter="true",
        endConferenceOnExit="true" if talk.ends_room else "false",
        waitUrl=to.music(),
        waitMethod="POST",
    )
    room.text = _clean(talk.room)
    if talk.recorded:
        room.set("record", "record-from-start")
        room.set("trim", "trim-silence")
        room.set("recordingStatusCallback", to.recording(_clean(talk.room)))
        room.set("recordingStatusCallbackMethod", "POST")
        room.set("recordingStatusCallbackEvent", "completed")


def _clean(text: str) -> str:
    """Without the signs that no XML can hold."""
    return _NOT_IN_XML.sub("", text)
