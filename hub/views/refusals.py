"""Why a value was not taken, in the operator's language: what the API says in English, said again.

Our own sentences stand in the catalogue (see `hub.web.sentences`); what msgspec says of a value
that has not its shape is known by its form. A sentence that nobody knows stays as it is.
"""

import re

from hub.views.told import found_whole
from hub.web.i18n import current, deferred, gettext
from hub.web.sentences import REFUSED

_LONGEST = 2000
"""Characters of the longest sentence that is looked up."""
_FIELD = re.compile(r"(?:\w|\.|\[[^]]*\])+: ")
"""The field that a sentence begins with, by its name in the API."""

_SHAPES = tuple(
    (re.compile(shape), said)
    for shape, said in (
        (r"Object missing required field .*", deferred("This is needed.")),
        (r"Expected `.*`, got `null`", deferred("This is needed.")),
        (r"Expected `str` of length >= 1", deferred("Write something here.")),
        (
            r"Expected `str` of length >= (?P<n>\d+)",
            deferred("Write at least %(n)s characters."),
        ),
        (r"Expected `str` of length <= (?P<n>\d+)", deferred("At most %(n)s characters fit here.")),
        (r"Expected `\w+` of length >= (?P<n>\d+)", deferred("At least %(n)s are needed.")),
        (r"Expected `\w+` of length <= (?P<n>\d+)", deferred("At most %(n)s fit here.")),
        (r"Expected `\w+` >= (?P<n>\S+)", deferred("The least is %(n)s.")),
        (r"Expected `\w+` <= (?P<n>\S+)", deferred("The most is %(n)s.")),
        (r"Expected `(?:int|float)(?:\W.*)?", deferred("A number is needed.")),
        (r"Invalid enum value .*", deferred("Choose one of the list.")),
        (r".*RFC3339.*|Expected `datetime`.*", deferred("This is no day and time.")),
        (r"(?:Expected|Invalid) .*", deferred("This cannot be written so.")),
        (r".* is no [\w -]+: write it as (?P<example>.+)", deferred("Write it as %(example)s.")),
    )
)


def refused(detail: str) -> str:
    """The `detail` of a problem "invalid", without the field that it begins with."""
    said = " ".join(detail[:_LONGEST].split())
    field = _FIELD.match(said)
    if field is not None:
        said = said[field.end() :]
    known = found_whole(said, current(), REFUSED)
    if known is not None:
        return known
    for shape, words in _SHAPES:
        found = shape.fullmatch(said.removesuffix("."))
        if found is not None:
            return gettext(words) % found.groupdict()
    return said[:1].upper() + said[1:]
