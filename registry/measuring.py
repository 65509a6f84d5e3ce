"""How long a text is as each provider counts it, and what an SMS of it costs."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from registry.types import TextUnit

URL_WEIGHT = 23
"""What an address weighs on X, whatever its length: it is replaced by one of theirs."""

_URL = re.compile(
    r"https?://[^\s<>\"]*[^\s<>\".,;:!?()\[\]{}'«»…]|(?<![\w@.-])(?:[\w-]+\.)+"
    r"(?:[a-z]{2,24}|рф|қаз)(?![\w@-])(?:/[^\s<>\"]*[^\s<>\".,;:!?()\[\]{}'«»…])?",
    re.IGNORECASE,
)
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""Code points that weigh one: Latin, Cyrillic and their like. All others weigh two.

Source: https://docs.x.com/fundamentals/counting-characters
"""
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"  # a flag
    "|[0-9#*]\ufe0f?\u20e3"  # a key
    "|(?:[\u00a9\u00ae]\ufe0f|[\u2190-\u2bff\U0001f000-\U0001faff])[\ufe0f\U0001f3fb-\U0001f3ff]*"
    "(?:\u200d[\u2190-\u2bff\U0001f000-\U0001faff][\ufe0f\U0001f3fb-\U0001f3ff]*)*"
    "[\U000e0020-\U000e007f]*"  # the flags of regions
)
"""What is one emoji, however it is put together."""


def measure(text: str, unit: TextUnit) -> int:
    """The length of a text in the provider's unit."""
    match unit:
        case "utf16":
            return len(text) + sum(char > "\uffff" for char in text)
        case "bytes":
            return len(text.encode("utf-8", "surrogatepass"))
        case "weighted":
            return _weight(text)
        case "codepoints":
            return len(text)


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where the addresses of a text begin and end, as X finds them."""
    return (found.span() for found in _URL.finditer(text))


def _weight(text: str) -> int:
    """As X weighs it: an address is 23, an emoji 2 however it is put together."""
    if "." not in text and "://" not in text:
        return _plain_weight(text)
    total, start = 0, 0
    for begin, end in addresses(text):
        total += _plain_weight(text[start:begin]) + URL_WEIGHT
        start = end
    return total + _plain_weight(text[start:])


def _plain_weight(text: str) -> int:
    if len(text) == 1 and (text < "\u0300" or "\u0400" <= text < "\u0530"):
        return 1  # Latin and Cyrillic letters, which cutting measures one by one
    text, emoji = _EMOJI.subn("", unicodedata.normalize("NFC", text))
    letters = sum(
        1 if any(first <= ord(char) <= last for first, last in _LIGHT) else 2 for char in text
    )
    return letters + 2 * emoji


# --- SMS ------------------------------------------------------------------------------------------

Encoding = Literal["gsm7", "ucs2"]

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("\f^{}\\[~]|€")
"""Of the extension table: each takes an escape as well."""
_ROOM: dict[Encoding, tuple[int, int]] = {"gsm7": (160, 153), "ucs2": (70, 67)}
"""Units in a message of one segment, and in each of several, which need a header."""


class Segments(Struct, frozen=True, kw_only=True):
    """What a text takes as SMS."""

    encoding: Encoding
    units: int
    """Septets, or 16-bit units."""
    count: int
    """Segments: each is paid for."""
    left: int
    """Units left in the last segment."""


def segments(text: str) -> Segments:
    """Count a text as SMS: GSM-7 when all of it is in that alphabet, else UCS-2.

    A character of two units is never cut between segments, as 3GPP TS 23.038 and 23.040 ask.
    """
    plain = all(char in _GSM or char in _GSM_TWICE for char in text)
    encoding: Encoding = "gsm7" if plain else "ucs2"
    sizes = [
        (2 if char in _GSM_TWICE else 1) if plain else (2 if char > "\uffff" else 1)
        for char in text
    ]
    units = sum(sizes)
    single, each = _ROOM[encoding]
    if units <= single:
        return Segments(encoding=encoding, units=units, count=min(units, 1), left=single - units)
    count, used = 1, 0
    for size in sizes:
        if used + size > each:
            count, used = count + 1, 0
        used += size
    return Segments(encoding=encoding, units=units, count=count, left=each - used)
