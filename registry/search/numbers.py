"""Numbers that people search by: an appeal's, and phones in the ways in which they are written.

Both become marks: tokens that begin with "_", so that no word of a text is taken for one.
"""

import re
from collections.abc import Iterator

from registry.search.letters import fold
from registry.search.words import beginning

FEWEST_DIGITS = 4
"""Of a phone that is typed; fewer would find half the city."""

MOST_DIGITS = 15
"""Of a phone, anywhere."""

_ENDS = (10, 7, 6, 4)
"""How many last digits of a phone somebody may have: without the country, the city, or more."""

_PHONE = re.compile(
    r"(?<![\d+])(?:"
    r"(?:\+?7|8)[\s(.-]{0,3}\d{3}[\s).-]{0,3}\d{3}[\s.-]?\d{2}[\s.-]?\d{2}"  # +7 (701) 123-45-67
    r"|7\d{2}[\s.-]?\d{3}[\s.-]?\d{2}[\s.-]?\d{2}"  # 701 123 45 67
    r"|\+\d{1,3}(?:[\s().-]{0,2}\d){7,12}"  # of another country
    r"|\d{2,3}-\d{2}-\d{2}"  # 123-45-67
    r")(?!\d)"
)
_NOT_DIGIT = re.compile(r"\D")


def digits(text: str) -> str:
    """The digits of a text."""
    return _NOT_DIGIT.sub("", fold(text))


def phones(text: str) -> Iterator[tuple[int, int]]:
    """Where phones stand in a text."""
    for found in _PHONE.finditer(text):
        yield found.span()


def phone_marks(phone: str) -> list[str]:
    """What a phone is found by: each mark begins with whatever somebody may type of it."""
    whole = digits(phone)
    if len(whole) == 11 and whole[0] in "78":
        forms = [f"7{whole[1:]}", f"8{whole[1:]}"]
    elif len(whole) == 10 and whole.startswith("7"):
        forms = [f"7{whole}", f"8{whole}"]
    else:
        forms = [whole]
    forms += [whole[-last:] for last in _ENDS if len(whole) > last]
    forms += [form[:FEWEST_DIGITS] for form in forms]
    return [phone_mark(form) for form in dict.fromkeys(forms)]


def phone_mark(typed: str) -> str:
    """The mark of a phone, or what marks of phones begin with when more than the fewest digits were
    typed: so few have a mark of their own, for half the city begins so."""
    return f"_p{typed}"


FEWEST_SERIAL = 4
"""Digits of a serial, with its zeros, from which one may be unfinished: a thousand begin so."""

_NUMBER = re.compile(r"([^\W\d_]{2,5})-(\d{4})-(\d+)")


def number_marks(number: str) -> list[str]:
    """What an appeal is found by of its own number."""
    found = _NUMBER.fullmatch(number)
    if found is None:
        return []
    prefix, year, serial = beginning(found[1]), found[2], found[3]
    return [
        f"_a{prefix}",
        f"_a{prefix}{year}",
        f"_a{prefix}{year}{serial}",
        serial_mark(serial),
        serial_mark(serial, year=year),
    ]


def series_mark(prefix: str, year: str = "") -> str:
    """The mark of all appeals with a prefix, or of those of a year."""
    return f"_a{beginning(prefix)}{year}"


def number_mark(prefix: str, year: str, serial: str) -> str:
    """What marks of numbers begin with whose beginning was typed."""
    return f"_a{beginning(prefix)}{year}{serial}"


def serial_mark(serial: str, *, year: str = "") -> str:
    """The mark of a serial, with or without its zeros."""
    return f"_y{year}n{_bare(serial)}" if year else f"_n{_bare(serial)}"


def _bare(serial: str) -> str:
    return serial.lstrip("0") or "0"
