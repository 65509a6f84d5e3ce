"""Moments as providers tell them: seconds or milliseconds since 1970."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

LATEST_SECOND, LATEST_MILLISECOND = 253402300799, 253402300799_999
"""The end of the year 9999, beyond which Python has no moment."""
Seconds = Annotated[int, Meta(ge=0, le=LATEST_SECOND)]
Milliseconds = Annotated[int, Meta(ge=0, le=LATEST_MILLISECOND)]

_FROM_HERE_MILLISECONDS = 100_000_000_000
"""As seconds this would be in the year 5138."""


def moment(number: float) -> datetime:
    """A time that is told in milliseconds, and here and there in seconds; exact to the year 2242.

    Raises: ValueError, OverflowError, OSError beyond the year 9999.
    """
    if number < _FROM_HERE_MILLISECONDS:
        return datetime.fromtimestamp(number, UTC)
    return datetime.fromtimestamp(number / 1000, UTC)
