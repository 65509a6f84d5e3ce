"""Moments in seconds and in milliseconds."""

from datetime import UTC, datetime

import msgspec
import pytest

from connectors.kit.moments import (
    LATEST_MILLISECOND,
    LATEST_SECOND,
    Milliseconds,
    Seconds,
    moment,
)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1767225600, datetime(2026, 1, 1, tzinfo=UTC)),
        (1767225600.5, datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        (1767225600_001, datetime(2026, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC)),
        (8589934591_999, datetime(2242, 3, 16, 12, 56, 31, 999_000, tzinfo=UTC)),
        (99_999_999_999, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (100_000_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
    ],
)
def test_a_large_number_is_one_of_milliseconds(number: float, told: datetime) -> None:
    assert moment(number) == told


def test_the_latest_of_either_unit_is_still_a_moment() -> None:
    assert datetime.fromtimestamp(LATEST_SECOND, UTC).year == 9999
    assert moment(LATEST_MILLISECOND).year == 9999


@pytest.mark.parametrize(
    ("unit", "latest"), [(Seconds, LATEST_SECOND), (Milliseconds, LATEST_MILLISECOND)]
)
def test_a_number_beyond_every_calendar_is_of_another_shape(unit: type[int], latest: int) -> None:
    assert msgspec.convert(latest, unit) == latest
    for odd in (latest + 1, -1, True, "1767225600"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(odd, unit)
