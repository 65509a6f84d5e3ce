"""Whom a message is from and to: phone numbers, short codes, names of letters, services.

Sources: https://www.twilio.com/docs/glossary/what-e164,
https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id
"""

import re
from enum import StrEnum

from registry.types import ContactPoint

PHONE = "tel"
"""The scheme of phone numbers."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")
_PUNCTUATION = str.maketrans("", "", " -().\u00a0")
_SHORTEST_WITH_COUNTRY = 9
"""Digits from which on a number without its plus is no short code."""


class SenderKind(StrEnum):
    """What `from` of the settings may be."""

    NUMBER = "number"
    SHORT_CODE = "short code"
    SERVICE = "messaging service"
    ALPHANUMERIC = "alphanumeric sender"
    """A name: it cannot be answered."""


def own_sender(value: str) -> str:
    """`from` of the settings, a phone number without its blanks. Raises: ValueError."""
    bare = value.strip()
    number = bare.translate(_PUNCTUATION)
    if _E164.fullmatch(number):
        return number
    kind_of(bare)
    return bare


def kind_of(sender: str) -> SenderKind:
    """What a sender of ours is. Raises: ValueError."""
    if _E164.fullmatch(sender):
        return SenderKind.NUMBER
    if _SHORT_CODE.fullmatch(sender):
        return SenderKind.SHORT_CODE
    if _SERVICE.fullmatch(sender):
        return SenderKind.SERVICE
    if _ALPHANUMERIC.fullmatch(sender):
        return SenderKind.ALPHANUMERIC
    raise ValueError(
        "a phone number as +77272000109, a messaging service's sid (MG…), a short code, "
        "or a registered name of up to 11 letters is needed"
    )


def address_of(told: str) -> str:
    """Whom Twilio names, as one key: a phone number in E.164, everything else as it stands."""
    if told.startswith("+"):
        return told
    if told.isascii() and told.isdecimal() and len(told) >= _SHORTEST_WITH_COUNTRY:
        return f"+{told}"
    return told


def point_of(address: str) -> ContactPoint:
    """A phone number is where the same person calls from; a short code or a name is nobody's."""
    is_phone = address.startswith("+") and address[1:].isdecimal()
    return ContactPoint(PHONE if is_phone else "sms", address)
