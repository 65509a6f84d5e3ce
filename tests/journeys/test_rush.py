"""A rush on a small contact centre; bench.calls has the whole of it."""

from pathlib import Path

from tests.journeys.rush import opened_centre
from tests.journeys.rush_books import balanced


async def test_in_a_rush_no_call_is_lost_offered_to_two_or_overtaken(
    database_url: str, tmp_path: Path
) -> None:
    async with opened_centre(database_url=database_url, folder=tmp_path) as centre:
        await centre.rush(callers=30, operators=5, seconds=180)
        books = await balanced(centre)
    assert sum(books.ended.values()) >= 30
    assert {"answered", "abandoned", "call_back", "message"} <= set(books.ended)
    assert books.untaken
    assert books.recordings
