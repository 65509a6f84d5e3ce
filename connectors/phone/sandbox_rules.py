"""What Twilio takes for a TwiML document, and by which code it refuses another.

Stricter than Twilio in one thing: it goes on after some of these with a warning, and does not do
what was meant; here a document is as it must be, or refused.

Sources: https://www.twilio.com/docs/voice/twiml (each verb has its page there),
https://www.twilio.com/docs/api/errors
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from connectors.phone import sandbox_voices as voices

MAX_BODY = 64 * 1024
"""Bytes of a document."""
MAX_SAID = 4096
"""Characters of one Say."""
XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})

SCHEMA = 12200
BAD_ADDRESS = 11100

IN_QUEUE = frozenset({"Play", "Say", "Pause", "Hangup", "Redirect", "Leave", "Gather"})
"""What a document for those who wait in a queue may hold."""
IN_ROOM = frozenset({"Play", "Say", "Pause", "Redirect"})
"""What a document for those who wait for a conference, or are on hold, may hold."""

Check: TypeAlias = Callable[[str], bool]


class Complaint(Exception):
    """Something is not as Twilio wants it: what its debugger would show."""

    def __init__(self, code: int, detail: str, *, address: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.address = address


@dataclass(frozen=True, slots=True)
class Element:
    """A verb or a noun of a document."""

    name: str
    attributes: Mapping[str, str]
    text: str
    children: tuple["Element", ...]

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def on(self, name: str, *, default: bool = False) -> bool:
        """What an attribute of true and false says."""
        return self.get(name, "true" if default else "false").lower() == "true"

    def number(self, name: str, default: int) -> int:
        return int(self.get(name, str(default)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """What may stand in an element."""

    attributes: Mapping[str, tuple[Check, int]] = field(default_factory=dict)
    children: frozenset[str] = frozenset()
    nesting: int = SCHEMA
    """By which code a child that may not stand there is refused."""
    text: Check | None = None
    """None: no text at all."""
    text_code: int = SCHEMA


def read(body: bytes, *, allowed: frozenset[str] | None = None) -> tuple[Element, ...]:
    """The verbs of a document; `allowed` are those that its place lets stand, all when None.

    Raises: Complaint.
    """
    if len(body) > MAX_BODY:
        raise Complaint(11750, f"TwiML response body too large: {len(body)} bytes")
    try:
        root = ET.fromstring(body)  # noqa: S314 - the hub's own
    except ET.ParseError as error:
        raise Complaint(12100, f"Document parse failure: {error}") from None
    if root.tag != "Response":
        raise Complaint(12102, f"The root element must be Response, and is {root.tag}")
    _only_whitespace(root)
    verbs = []
    for child in root:
        if child.tag not in _VERBS:
            raise Complaint(SCHEMA, f"There is no verb {child.tag}")
        verb = _element(child, _RULES[child.tag])
        if allowed is not None and verb.name not in allowed:
            code = 13238 if allowed is IN_ROOM else SCHEMA
            raise Complaint(code, f"{verb.name} may not stand in such a document")
        verbs.append(verb)
    return tuple(verbs)


def is_address(value: str) -> bool:
    """Whether a value can be an address, absolute or relative."""
    if any(char.isspace() for char in value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https", ""} and (not parts.scheme or bool(parts.hostname))
    except ValueError:
        return False


def _element(node: ET.Element, rule: _Rule) -> Element:
    name = node.tag
    for attribute, value in node.attrib.items():
        if attribute not in rule.attributes:
            raise Complaint(SCHEMA, f"{name} has no attribute {attribute}")
        check, code = rule.attributes[attribute]
        if not check(value):
            raise Complaint(code, f"{name}: invalid {attribute} value: {value!r}")
    for child in node:
        if child.tag not in rule.children:
            raise Complaint(rule.nesting, f"{name}: invalid nested element {child.tag}")
    text = (node.text or "").strip()
    if rule.text is None or len(node):
        _only_whitespace(node)
    if rule.text is not None and not rule.text(text) and not len(node):
        raise Complaint(rule.text_code, f"{name}: invalid text {text[:80]!r}")
    read_one = Element(
        name, dict(node.attrib), text, tuple(_element(child, _RULES[child.tag]) for child in node)
    )
    if (more := _MORE.get(name)) is not None:
        more(read_one)
    return read_one


def _only_whitespace(node: ET.Element) -> None:
    texts = [node.text, *(child.tail for child in node)]
    if any((text or "").strip() for text in texts):
        raise Complaint(SCHEMA, f"{node.tag} may not hold text beside elements")


# --- Values ---------------------------------------------------------------------------------------


def _one_of(*values: str) -> Check:
    return frozenset(values).__contains__


def _whole(least: int, most: int | None = None) -> Check:
    def check(value: str) -> bool:
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            return False
        return least <= int(value) and (most is None or int(value) <= most)

    return check


def _several(*values: str) -> Check:
    """A list with spaces between."""
    return lambda value: bool(value.split()) and set(value.split()) <= set(values)


def _matching(pattern: str) -> Check:
    found = re.compile(pattern, re.ASCII)
    return lambda value: found.fullmatch(value) is not None


def _any(_: str) -> bool:
    return True


_truth = _one_of("true", "false", "True", "False", "TRUE", "FALSE")
_method = _one_of("GET", "POST")
_recording_events = _several("in-progress", "completed", "absent")
_trim = _one_of("trim-silence", "do-not-trim")
_call_events = _several("initiated", "ringing", "answered", "completed")


def _said(element: Element) -> None:
    language, voice = element.get("language"), element.get("voice")
    if language and not voices.speaks(language):
        raise Complaint(13512, f'Say: invalid "language" attribute value: {language!r}')
    if not voices.fits(voice, language):
        raise Complaint(13511, f"Say: invalid voice value: {voice!r} for {language!r}")


def _played(element: Element) -> None:
    if not element.text and not element.get("digits"):
        raise Complaint(BAD_ADDRESS, "Play: there is nothing to play")


def _dialled(element: Element) -> None:
    if not element.children and not element.text:
        raise Complaint(13223, "Dial: there is nobody to dial")


_MORE: Mapping[str, Callable[[Element], None]] = {
    "Say": _said,
    "Play": _played,
    "Dial": _dialled,
}

# --- The verbs and nouns --------------------------------------------------------------------------

_CALLED = {
    "url": (is_address, BAD_ADDRESS),
    "method": (_method, 13221),
    "statusCallback": (is_address, BAD_ADDRESS),
    "statusCallbackMethod": (_method, SCHEMA),
    "statusCallbackEvent": (_call_events, SCHEMA),
}
_RECORDED = {
    "recordingStatusCallback": (is_address, 13256),
    "recordingStatusCallbackMethod": (_method, SCHEMA),
    "recordingStatusCallbackEvent": (_recording_events, SCHEMA),
    "trim": (_trim, SCHEMA),
}
_NUMBER = _matching(r"\+?[\d() .-]{3,20}")
_IDENTITY = _matching(r"\w{1,121}")

_RULES: Mapping[str, _Rule] = {
    "Say": _Rule(
        attributes={
            "voice": (_any, 13511),
            "language": (_any, 13512),
            "loop": (_whole(0, 1000), 13510),
        },
        text=lambda text: 0 < len(text) <= MAX_SAID,
        text_code=13520,
    ),
    "Play": _Rule(
        attributes={
            "loop": (_whole(0, 1000), 13410),
            "digits": (_matching(r"[0-9wW*#A-D]+"), SCHEMA),
        },
        text=is_address,
        text_code=BAD_ADDRESS,
    ),
    "Pause": _Rule(attributes={"length": (_whole(1), 13910)}),
    "Gather": _Rule(
        attributes={
            "action": (is_address, BAD_ADDRESS),
            "method": (_method, 13312),
            "timeout": (_whole(1), 13313),
            "finishOnKey": (_matching(r"[0-9#*]?"), 13310),
            "numDigits": (_whole(1), 13314),
            "input": (_one_of("dtmf"), SCHEMA),
            "actionOnEmptyResult": (_truth, SCHEMA),
            "bargeIn": (_truth, SCHEMA),
            "language": (voices.LANGUAGES.__contains__, 13331),
        },
        children=frozenset({"Say", "Play", "Pause"}),
        nesting=13320,
    ),
    "Record": _Rule(
        attributes={
            **_RECORDED,
            "action": (is_address, BAD_ADDRESS),
            "method": (_method, 13610),
            "timeout": (_whole(0), 13611),
            "finishOnKey": (_matching(r"[0-9#*]*"), 13613),
            "maxLength": (_whole(2, 14_400), 13612),
            "playBeep": (_truth, 13616),
            "transcribe": (_one_of("false"), 13614),
        },
    ),
    "Redirect": _Rule(
        attributes={"method": (_method, 13710)}, text=is_address, text_code=BAD_ADDRESS
    ),
    "Reject": _Rule(attributes={"reason": (_one_of("rejected", "busy"), SCHEMA)}),
    "Hangup": _Rule(),
    "Leave": _Rule(),
    "Enqueue": _Rule(
        attributes={
            "action": (is_address, 14203),
            "method": (_method, 14201),
            "waitUrl": (is_address, 14202),
            "waitUrlMethod": (_method, 14206),
            "maxQueueSize": (_whole(1, 5000), SCHEMA),
        },
        text=lambda text: 0 < len(text) <= 64,
        text_code=14205,
    ),
    "Dial": _Rule(
        attributes={
            "action": (is_address, BAD_ADDRESS),
            "method": (_method, 13210),
            "timeout": (_whole(1, 600), 13212),
            "hangupOnStar": (_truth, 13213),
            "timeLimit": (_whole(1, 86_400), 13216),
            "callerId": (_matching(r"\+?[\w:.@-]{1,64}"), 13214),
            "answerOnBridge": (_truth, SCHEMA),
        },
        children=frozenset({"Conference", "Client", "Sip", "Number", "Queue"}),
        nesting=13215,
        text=lambda text: not text or _NUMBER(text),
        text_code=13223,
    ),
    "Number": _Rule(attributes=_CALLED, text=_NUMBER, text_code=13223),
    "Client": _Rule(
        attributes=_CALLED, children=frozenset({"Identity", "Parameter"}), text=_IDENTITY
    ),
    "Identity": _Rule(text=_IDENTITY),
    "Parameter": _Rule(attributes={"name": (_any, SCHEMA), "value": (_any, SCHEMA)}),
    "Sip": _Rule(
        attributes={
            **_CALLED,
            "method": (_method, 13241),
            "username": (_any, 13249),
            "password": (_any, 13249),
        },
        text=_matching(r"sips?:[^\s@]+@[^\s@]+"),
        text_code=13243,
    ),
    "Conference": _Rule(
        attributes={
            **_RECORDED,
            "muted": (_truth, 13230),
            "endConferenceOnExit": (_truth, 13231),
            "startConferenceOnEnter": (_truth, 13232),
            "waitUrl": (is_address, 13233),
            "waitMethod": (_method, 13234),
            "beep": (_one_of("true", "false", "onEnter", "onExit"), 13235),
            "maxParticipants": (_whole(2, 250), SCHEMA),
            "record": (_one_of("do-not-record", "record-from-start", "true", "false"), SCHEMA),
            "region": (_any, SCHEMA),
            "coach": (_matching("CA[0-9a-f]{32}"), 13240),
            "participantLabel": (lambda value: 0 < len(value) <= 128, SCHEMA),
            "jitterBufferSize": (_one_of("small", "medium", "large", "off"), SCHEMA),
            "statusCallback": (is_address, BAD_ADDRESS),
            "statusCallbackMethod": (_method, SCHEMA),
            "statusCallbackEvent": (
                _several(
                    "start", "end", "join", "leave", "mute", "hold", "modify", "speaker",
                    "announcement",
                ),
                SCHEMA,
            ),
        },
        text=lambda text: 0 < len(text) <= 128,
        text_code=13237,
    ),
    "Queue": _Rule(
        attributes={"url": (is_address, 14211), "method": (_method, 14210)},
        text=lambda text: 0 < len(text) <= 64,
        text_code=14213,
    ),
}  # fmt: skip

_VERBS = frozenset(_RULES) - {
    *("Number", "Client", "Identity", "Parameter", "Sip", "Conference", "Queue")
}
