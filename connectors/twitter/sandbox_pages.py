"""How X's stand-in reads a call's parameters, and writes texts and pages.

Sources: https://docs.x.com/x-api/fundamentals/pagination, https://docs.x.com/x-api/fundamentals/fields
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.testing.sandbox import Call
from connectors.twitter.problems import invalid

_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?()]", re.IGNORECASE)


def written(text: str) -> tuple[str, list[dict[str, Any]]]:
    """The text as X keeps it: its own addresses, and &, < and > as HTML."""
    links: list[dict[str, Any]] = []

    def shorten(found: re.Match[str]) -> str:
        if found[0].startswith("https://t.co/"):
            return found[0]
        short = f"https://t.co/{len(links):010d}"
        links.append({"url": short, "expanded_url": found[0], "display_url": found[0][8:34]})
        return short

    shown = _LINK.sub(shorten, text)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), links


def public(post: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in post.items() if not name.startswith("_")}


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def body_of(call: Call, allowed: set[str]) -> dict[str, Any]:
    if not isinstance(call.data, dict):
        raise invalid("the body must be a JSON object")
    unknown = call.data.keys() - allowed
    if unknown:
        raise invalid(f"[{', '.join(sorted(unknown))}] is not one of the allowed fields")
    return call.data


def only(call: Call, allowed: frozenset[str]) -> None:
    for name in call.query:
        if name not in allowed:
            raise invalid(f"The query parameter [{name}] is not one of the allowed parameters")


def whole(call: Call, name: str, default: int, least: int, most: int) -> int:
    text = call.query.get(name, str(default))
    if not text.isdecimal() or not least <= int(text) <= most:
        message = f"The `{name}` query parameter value [{text}] is not between {least} and {most}"
        raise invalid(message, parameters={name: [text]})
    return int(text)


def id_in(call: Call, name: str) -> int | None:
    text = call.query.get(name)
    if text is not None and (not text.isdecimal() or len(text) > 19):
        message = f"The `{name}` query parameter value [{text}] is not valid"
        raise invalid(message, parameters={name: [text]})
    return None if text is None else int(text)


def asked(call: Call, name: str) -> list[str]:
    return [one for one in call.query.get(name, "").split(",") if one]


def paged(
    found: Sequence[Mapping[str, Any]], token: str | None, most: int
) -> tuple[Sequence[Mapping[str, Any]], dict[str, Any]]:
    """A page, the newest first; its token names what the next one begins behind."""
    if token is not None:
        try:
            behind = int(base64.urlsafe_b64decode(token.encode()).decode())
        except (binascii.Error, ValueError):
            message = f"The `pagination_token` query parameter value [{token}] is not valid"
            raise invalid(message, parameters={"pagination_token": [token]}) from None
        found = [one for one in found if int(one["id"]) < behind]
    page = found[:most]
    meta: dict[str, Any] = {"result_count": len(page)}
    if page:
        meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
    if len(found) > most:
        meta["next_token"] = base64.urlsafe_b64encode(page[-1]["id"].encode()).decode()
    return page, meta
