"""What a provider tells of an account beside its diagnosis, in the operator's language.

A connector gives names and short values in English. The names are known here one by one, values by
their form; what is neither is the provider's own word and stays.
"""

import re
from collections.abc import Iterator, Mapping

from hub.web.i18n import deferred, gettext

NAMES = {
    "account": deferred("Account"),
    "balance": deferred("Balance"),
    "bot": deferred("Bot"),
    "calls today": deferred("Calls of its interface today"),
    "code": deferred("Code of the error"),
    "delivered": deferred("What is delivered"),
    "from": deferred("Sender"),
    "last_error": deferred("Last error"),
    "name": deferred("Name shown to citizens"),
    "name_status": deferred("State of that name"),
    "number": deferred("Phone number"),
    "page": deferred("Page"),
    "pending": deferred("Waits at the provider"),
    "quality": deferred("Quality"),
    "softphone": deferred("Calls in the browser"),
    "spent": deferred("Spent"),
    "status": deferred("State"),
    "token": deferred("Token"),
    "webhook": deferred("Delivers to"),
}
_LEFT = "left: "
"""Before the name of one of a provider's windows of calls."""

_VALUES = tuple(
    (re.compile(shape), said)
    for shape, said in (
        (r"yes", deferred("yes")),
        (r"no api_key_sid", deferred("no: api_key_sid is not set")),
        (r"unknown", deferred("not known")),
        (r"nothing", deferred("nothing")),
        (r"nowhere", deferred("nowhere")),
        (
            r"a page's token, which does not end by itself",
            deferred("that of a page, which does not end by itself"),
        ),
        (
            r"its end is not known yet: Meta tells it with the first renewal",
            deferred("its end is not known yet: Meta tells it with the first renewal"),
        ),
        (
            r"(?P<days>\d+) days left, until (?P<day>\S+)",
            deferred("days left: %(days)s, until %(day)s"),
        ),
        (
            r"(?P<some>\S+) of (?P<all>\S+) in (?P<month>\S+)",
            deferred("%(some)s of %(all)s in %(month)s"),
        ),
        (r"(?P<some>\S+) of (?P<all>\S+)", deferred("%(some)s of %(all)s")),
        (r"(?P<some>\S+) in (?P<month>\S+)", deferred("%(some)s in %(month)s")),
    )
)
"""Our own words in values, the longer form before one that it holds."""


def details_told(details: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each name with its value, in the language in use."""
    for name, value in details.items():
        yield _name(name), _value(value)


def _name(name: str) -> str:
    if name.startswith(_LEFT):
        return gettext("Left of the limit: %(name)s") % {"name": name.removeprefix(_LEFT)}
    return gettext(NAMES[name]) if name in NAMES else name


def _value(value: str) -> str:
    for shape, said in _VALUES:
        found = shape.fullmatch(value)
        if found is not None:
            return gettext(said) % found.groupdict()
    return value
