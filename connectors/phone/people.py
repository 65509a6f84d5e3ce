"""Who is on a call, as Twilio names them: citizens by their numbers, operators by their devices.

Sources: https://www.twilio.com/docs/voice/twiml#request-parameters,
https://www.twilio.com/docs/iam/access-tokens (which signs an identity may have),
https://www.twilio.com/docs/voice/api/call-resource (whose number a call of ours may show)
"""

import re

from registry.types import ContactPoint

CLIENT = "client:"
"""Stands before the name of a browser's device."""
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_WITHOUT_PLUS = re.compile(r"[1-79][0-9]{10,14}")
"""A number with its country: ten digits, or an 8 before them, are a number within a country."""
_PUNCTUATION = str.maketrans("", "", " -().\u00a0")
_WITHHELD = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE, typed on a telephone's keys: what
operators put in the place of a number that is withheld."""


def own_number(value: str) -> str:
    """`number` of the settings, without its blanks. Raises: ValueError."""
    number = value.translate(_PUNCTUATION)
    if not _E164.fullmatch(number):
        raise ValueError("a phone number with its country is needed, such as +77272000109")
    return number


def number_of(told: str) -> str:
    """A number in E.164; empty for one that is withheld, and for what is none."""
    told = told.strip()
    number = f"+{told}" if _WITHOUT_PLUS.fullmatch(told) else told
    return number if _E164.fullmatch(number) and number not in _WITHHELD else ""


def is_device(told: str) -> bool:
    """Whether it is an operator's browser, and no citizen."""
    return told.startswith(CLIENT)


def conversation_of(number: str, call: str) -> str:
    """A number is one conversation; each call without one is its own."""
    return number or f"anonymous:{call}"


def point_of(number: str, call: str) -> ContactPoint:
    """Where they can be called back; nowhere, where the number is withheld."""
    return ContactPoint("tel" if number else "phone", conversation_of(number, call))


def identity_at_twilio(identity: str) -> str:
    """A device's name in the signs that Twilio allows: Latin letters, digits and the underscore."""
    return re.sub(r"[^A-Za-z0-9_]", "_", identity)


def device_at_twilio(device: str) -> str:
    """Whom Twilio calls."""
    if not is_device(device):
        return device
    return CLIENT + identity_at_twilio(device.removeprefix(CLIENT))


def caller_shown(device: str, shown: str, *, ours: str) -> str:
    """Whose call it is to be to a device, of those that Twilio allows.

    A telephone and a SIP device see a number of ours. A browser may see a name, whose signs a
    number without its plus has.
    """
    if not is_device(device) or shown == ours:
        return ours
    return CLIENT + (identity_at_twilio(shown.removeprefix("+")) or "anonymous")
