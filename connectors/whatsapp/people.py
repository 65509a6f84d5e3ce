"""Who is at the other end: a phone's digits, a business-scoped user id, or both.

A person may hide their number behind a username: then only the business-scoped user id is told,
and the number may come later, or never. Either is a conversation's key.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

from collections.abc import Iterable

from registry.types import ContactPoint, Sender

SCHEME = "whatsapp"
"""The contact point's scheme; its value is a user id, or the digits of a number."""
FORWARDED, OFTEN_FORWARDED = "WhatsApp", "WhatsApp (forwarded many times)"
"""The origin of a forwarded message: WhatsApp never tells from whom it is."""


def is_number(key: str) -> bool:
    """Whether it is a phone's digits rather than a user id."""
    return key.isascii() and key.isdecimal()


def named(point: ContactPoint) -> ContactPoint | None:
    """Whoever is at a point, as WhatsApp names them; None for a point that is none of its own."""
    if point.scheme == SCHEME:
        return point
    digits = point.value.removeprefix("+")
    return ContactPoint(SCHEME, digits) if point.scheme == "tel" and is_number(digits) else None


def person(keys: Iterable[str | None], *, name: str | None) -> Sender | None:
    """Somebody by all the keys that are told of them, the best first; None when none is."""
    told: list[str] = []
    for key in keys:
        if key and key not in told:
            told.append(key)
    if not told:
        return None
    points = [ContactPoint(SCHEME, key) for key in told]
    for key in told:
        if is_number(key):
            points.append(ContactPoint("tel", f"+{key}"))  # noqa: PERF401 - a list of one or none
    return Sender(point=points[0], name=name, also=tuple(points[1:]))
