"""Answers that are no page: where the browser goes next, and no further than our own addresses."""

import re

from aiohttp import web

from hub.web.pages import HEADERS

HOME = "/"
_MAX_PLACE = 1000
_PLACE = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def place_of(text: str | None) -> str:
    """The place of ours that is meant; home for anything else, above all another site's."""
    if text is None or len(text) > _MAX_PLACE or not _PLACE.fullmatch(text):
        return HOME
    return text


def go_to(place: str) -> web.Response:
    """Send the browser to an address, by GET."""
    return web.Response(status=303, headers={**HEADERS, "Location": place})
