"""The time that an id of X's tells: milliseconds since X's own epoch stand before 22 other bits.

Source: https://docs.x.com/fundamentals/x-ids
"""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657000, tzinfo=UTC)
_FIRST = 1 << 40
"""Ids below this were counted one by one, before they told a time."""


def time_of(number: str) -> datetime | None:
    """When the thing with this id was made; None for an id too small to tell."""
    value = int(number)
    if not _FIRST <= value < 1 << 63:
        return None
    return _EPOCH + timedelta(milliseconds=value >> 22)


def within_second(number: str) -> int:
    """Orders the things that were made in the same second; below 2**32."""
    made, rest = divmod(int(number), 1 << 22)
    return ((made + _EPOCH.microsecond // 1000) % 1000 << 22) + rest


def id_at(moment: datetime) -> int:
    """The least id that a thing made at this moment can have."""
    return max(0, int((moment - _EPOCH) / timedelta(milliseconds=1))) << 22
