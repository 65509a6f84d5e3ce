"""The individual identification number: twelve digits that tell a birthday and hold a check digit.

What looks wrong is told and taken all the same: an appeal is refused for no slip of the pen.
"""

import re
from collections.abc import Sequence
from datetime import date

SCHEME = "iin"
"""Of a contact point that is such a number."""

_FIRST = range(1, 12)
_SECOND = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)
_CENTURIES = {"1": 1800, "2": 1800, "3": 1900, "4": 1900, "5": 2000, "6": 2000}


def clean_iin(value: str) -> str:
    """The digits without what people write between them; whatever else there is stays."""
    return re.sub(r"[\s\-]", "", value)


def doubt_about_iin(value: str) -> str | None:
    """What speaks against a number being one, as a sentence; None where nothing does."""
    iin = clean_iin(value)
    if not re.fullmatch(r"[0-9]{12}", iin):
        return "An IIN has 12 digits; look whether all of them are there."
    if _birthday(iin) is None:
        return "An IIN begins with a birthday, and this one with no such day; look again."
    if check_digit(iin[:11]) != int(iin[11]):
        return "The last digit of this IIN does not go with the others; look for a slip of the pen."
    return None


def check_digit(first: str) -> int | None:
    """The digit that goes after the first eleven; None where such a number is never issued."""
    for weights in (_FIRST, _SECOND):
        digit = _weighed(first, weights)
        if digit < 10:
            return digit
    return None


def _weighed(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11


def _birthday(iin: str) -> date | None:
    century = _CENTURIES.get(iin[6])
    if century is None:
        return None
    try:
        return date(century + int(iin[:2]), int(iin[2:4]), int(iin[4:6]))
    except ValueError:
        return None
