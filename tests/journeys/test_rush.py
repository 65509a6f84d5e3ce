"""A rush on a small contact centre; bench.calls has the whole of it, on both databases."""

from pathlib import Path

import pytest

from tests.journeys.rush import opened_centre
from tests.journeys.rush_books import balanced

CALLERS = 12


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_in_a_rush_no_call_is_lost_offered_to_two_or_overtaken(
    database_url: str, tmp_path: Path
) -> None:
    async with opened_centre(database_url=database_url, folder=tmp_path) as centre:
        await centre.rush(callers=CALLERS, operators=5, seconds=45)
        books = await balanced(centre)
    assert sum(books.ended.values()) == CALLERS + books.called_back
    assert {"answered", "abandoned", "call_back"} <= set(books.ended)
    assert books.untaken
    assert books.recordings
