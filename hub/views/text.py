"""A citizen's text made safe to stand in a page: shown as text, its links as links and no more."""

import re
from urllib.parse import urlsplit

from markupsafe import Markup, escape

_LINK = re.compile(r"https?://[^\s<>\"'`\u200b\u202a-\u202e\u2066-\u2069]+", re.IGNORECASE)
_TRAILING = ".,;:!?)]}»”’"
"""What ends a sentence and not an address."""

_ANCHOR = Markup('<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{0}</a>')

_OVERRIDES = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")
"""Characters that turn the direction of what follows: in a name they only deceive."""


def linked(text: str) -> Markup:
    """The text, escaped, with its web addresses to be followed.

    Nothing but http and https is a link: no other scheme runs by being clicked.
    """
    made, last = [], 0
    for found in _LINK.finditer(text):
        address = found[0].rstrip(_TRAILING)
        if not _leads_somewhere(address):
            continue
        made.append(escape(text[last : found.start()]))
        made.append(_ANCHOR.format(address))
        last = found.start() + len(address)
    made.append(escape(text[last:]))
    return Markup("").join(made)


def plain(name: str | None) -> str:
    """A name, or a file's, whose letters stand in the order in which they are read."""
    return (name or "").translate(_OVERRIDES)


def _leads_somewhere(address: str) -> bool:
    try:
        return bool(urlsplit(address).hostname)
    except ValueError:
        return False
