"""Search over HTTP: what is found, where, in pages, and never what one may not see."""

import pytest
from sqlmodel import select

from registry import models
from registry.operators import Role
from registry.search.following import catch_up
from tests.hub.test_api.desk import Desk

FOUND = {
    "number", "channel", "status", "subject", "contact", "opened_at", "place", "message_id",
    "snippet",
}  # fmt: skip


async def test_what_was_typed_is_found_with_where_it_stands(desk: Desk) -> None:
    await desk.join("Dana")
    number = await desk.write_in("1", citizen="700", text="Көшемізде жарық жоқ")
    await desk.write_in("2", citizen="701", text="Нет воды")
    await catch_up(desk.database, now=desk.clock())
    answer = await desk.call("GET", "/search?q=koshe")
    assert answer.status == 200
    assert answer.json["next"] is None
    [found] = answer.json["items"]
    assert set(found) == FOUND
    assert (found["number"], found["place"], found["status"]) == (number, "message", "new")
    assert found["snippet"] == [
        {"text": "Көшемізде", "hit": True},
        {"text": " жарық жоқ", "hit": False},
    ]
    assert found["message_id"].isdigit()
    assert found["contact"]["id"].isdigit()


async def test_pages_of_a_search_follow_each_other(desk: Desk) -> None:
    await desk.join("Dana")
    numbers = [await desk.write_in(str(i), citizen=str(700 + i), text="вода") for i in range(5)]
    await catch_up(desk.database, now=desk.clock())
    seen: list[str] = []
    following = ""
    while following is not None:
        page = (await desk.call("GET", f"/search?q=вода&limit=2&before={following}")).json
        seen += [item["number"] for item in page["items"]]
        following = page["next"]
    assert seen == numbers[::-1]


async def test_a_search_shows_nobody_what_they_may_not_see(desk: Desk) -> None:
    await desk.join("Dana")
    saule = await desk.join("Saule", Role.SUPERVISOR)
    number = await desk.write_in("1", citizen="700", text="вода")
    async with desk.database.write() as session:
        (await session.exec(select(models.Appeal))).one().team = "water"
    await catch_up(desk.database, now=desk.clock())
    for query in ("вода", number):
        hers = await desk.call("GET", f"/search?q={query}")
        assert hers.json == {"items": [], "next": None}
        theirs = await desk.call("GET", f"/search?q={query}", token=saule)
        assert [item["number"] for item in theirs.json["items"]] == [number]


@pytest.mark.parametrize(
    "query", ["q=вода&before=x", "q=вода&limit=0", "q=вода&limit=51", "q=" + "a" * 201, "page=2"]
)
async def test_a_search_that_cannot_be_meant_is_refused(desk: Desk, query: str) -> None:
    await desk.join("Dana")
    (await desk.call("GET", f"/search?{query}")).problem(400, "invalid")


async def test_a_search_for_nothing_finds_nothing(desk: Desk) -> None:
    await desk.join("Dana")
    await desk.write_in()
    await catch_up(desk.database, now=desk.clock())
    for query in ("", "q=", "q=%25", "q=%20%20"):
        assert (await desk.call("GET", f"/search?{query}")).json == {"items": [], "next": None}


async def test_a_stranger_cannot_search(desk: Desk) -> None:
    (await desk.call("GET", "/search?q=вода", token="")).problem(401, "unauthorized")
